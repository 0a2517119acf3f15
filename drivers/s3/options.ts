/** The driver's options as data, and the settings that come of their values. */

import { readFile } from "node:fs/promises";
import { AppError } from "../../src/base/errors.ts";
import { Secret } from "../../src/base/secret.ts";
import type { DriverContext, OptionTable, OptionValues } from "../../src/storage/driver.ts";
import { type Endpoint, endpointOf } from "./endpoint.ts";
import { type Provider, providerOf, type WireCheck } from "./providers.ts";

const MIB = 1024 ** 2;

export const OPTIONS: OptionTable = {
  address: { type: "string", description: "Host name or IP address; empty for the provider's own." },
  port: { type: "integer", description: "TCP port; left out for the scheme's own (443 or 80)." },
  region: { type: "string", description: "Region of the bucket; empty for the one the address names." },
  useSSL: { type: "boolean", description: "Speak TLS (https).", default: false },
  bucketName: { type: "string", description: "Bucket; must exist.", required: true },
  "auth.type": {
    type: "enum",
    description:
      "static: the keys below; iam, default: environment, profile, web identity, container or instance role.",
    choices: ["static", "iam", "default"],
    default: "static",
  },
  "auth.accessKeyID": { type: "string", description: "Access key id, for auth.type static." },
  "auth.secretAccessKey": { type: "secret", description: "Secret access key, for auth.type static." },
  "auth.sessionToken": { type: "secret", description: "Session token of temporary keys, for auth.type static." },
  "auth.endpoint": { type: "string", description: "Instance metadata endpoint, for auth.type iam." },
  addressingStyle: {
    type: "enum",
    description: "Bucket in the path or in the host name; auto: as the provider has it.",
    choices: ["auto", "path", "virtual"],
    default: "auto",
  },
  caCertPath: {
    type: "string",
    description: "PEM file with certificate authorities to trust; empty for the system's.",
  },
  insecureSkipVerify: { type: "boolean", description: "Accept any certificate (tests only).", default: false },
  checksum: {
    type: "enum",
    description: "What the service checks on an upload; auto: what the provider can, weaker where it refuses.",
    choices: ["auto", "crc32", "none"],
    default: "auto",
  },
  partSizeMiB: { type: "integer", description: "Size of an upload's parts in MiB, from 8 to 512.", default: 8 },
  multipartCopyThresholdMiB: {
    type: "integer",
    description: "Objects above this size in MiB are copied inside the service in parts.",
    default: 500,
  },
  requestTimeoutSeconds: {
    type: "integer",
    description: "Seconds without an answer, or without a byte of one, after which a request fails.",
    default: 60,
  },
};

export type Auth =
  | {
      readonly type: "static";
      readonly accessKeyId: string;
      readonly secretAccessKey: Secret;
      readonly sessionToken?: Secret;
    }
  /** `endpoint` only for iam: an instance metadata service at another place. */
  | { readonly type: "chain"; readonly endpoint?: string };

export interface TlsSettings {
  readonly ca?: string;
  readonly rejectUnauthorized?: false;
}

export interface Settings {
  readonly provider: Provider;
  readonly endpoint: Endpoint;
  readonly bucket: string;
  /** "" or "/"-ended: what every key of this root starts with. */
  readonly rootPrefix: string;
  readonly auth: Auth;
  readonly tls: TlsSettings;
  readonly wireCheck: WireCheck;
  /** False when the check was demanded, so that nothing weaker may take its place. */
  readonly wireCheckMayWeaken: boolean;
  readonly partBytes: number;
  readonly copyThresholdBytes: number;
  readonly timeoutMs: number;
}

/** @throws CONFIG_INVALID naming the option. */
export async function readSettings(options: OptionValues, context: DriverContext): Promise<Settings> {
  const provider = providerOf(context.provider, text(options, "address"));
  const bucket = text(options, "bucketName");
  const checksum = text(options, "checksum");
  const root = context.rootPath.replace(/^\/+|\/+$/g, "");
  return {
    provider,
    endpoint: endpointOf(
      {
        address: text(options, "address"),
        port: integer(options, "port", { from: 0, to: 65_535, otherwise: 0 }),
        region: text(options, "region"),
        useSSL: options.useSSL === true,
        style: text(options, "addressingStyle"),
        bucket,
      },
      provider,
    ),
    bucket,
    rootPrefix: root === "" ? "" : `${root}/`,
    auth: readAuth(options),
    tls: await readTls(options),
    wireCheck: checksum === "none" || checksum === "crc32" ? checksum : provider.wireCheck,
    wireCheckMayWeaken: checksum !== "crc32",
    partBytes: integer(options, "partSizeMiB", { from: 8, to: 512, otherwise: 8 }) * MIB,
    copyThresholdBytes: Math.min(
      provider.maxCopyBytes,
      integer(options, "multipartCopyThresholdMiB", { from: 1, to: 5 * 1024 ** 2, otherwise: 500 }) * MIB,
    ),
    timeoutMs: integer(options, "requestTimeoutSeconds", { from: 1, to: 86_400, otherwise: 60 }) * 1000,
  };
}

function readAuth(options: OptionValues): Auth {
  const endpoint = text(options, "auth.endpoint");
  if (text(options, "auth.type") === "iam" && endpoint !== "") return { type: "chain", endpoint };
  if (["iam", "default"].includes(text(options, "auth.type"))) return { type: "chain" };
  const accessKeyId = text(options, "auth.accessKeyID");
  const secretAccessKey = options["auth.secretAccessKey"];
  if (accessKeyId === "") throw invalid("auth.accessKeyID is missing; set it, or use auth.type iam or default");
  if (!(secretAccessKey instanceof Secret)) {
    throw invalid("auth.secretAccessKey is missing; set it, or use auth.type iam or default");
  }
  const token = options["auth.sessionToken"];
  const hasToken = token instanceof Secret && token.reveal() !== "";
  return { type: "static", accessKeyId, secretAccessKey, ...(hasToken ? { sessionToken: token } : {}) };
}

async function readTls(options: OptionValues): Promise<TlsSettings> {
  const path = text(options, "caCertPath");
  const skip = options.insecureSkipVerify === true ? ({ rejectUnauthorized: false } as const) : {};
  if (path === "") return skip;
  try {
    return { ca: await readFile(path, "utf8"), ...skip };
  } catch (error) {
    throw invalid(`caCertPath ${path} cannot be read`, error);
  }
}

function text(options: OptionValues, name: string): string {
  const value = options[name];
  return typeof value === "string" ? value.trim() : "";
}

function integer(
  options: OptionValues,
  name: string,
  bounds: { readonly from: number; readonly to: number; readonly otherwise: number },
): number {
  const value = options[name];
  if (typeof value !== "number") return bounds.otherwise;
  if (value >= bounds.from && value <= bounds.to) return value;
  throw invalid(`${name} is ${value}, must lie between ${bounds.from} and ${bounds.to}`);
}

function invalid(message: string, cause?: unknown): AppError {
  return new AppError("CONFIG_INVALID", `${message}`, cause === undefined ? {} : { cause });
}
