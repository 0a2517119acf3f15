/** The driver's options as data, and the settings that come of their values. */

import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import { AppError } from "../../src/base/errors.ts";
import type { DriverContext, OptionTable, OptionValues } from "../../src/storage/driver.ts";

const MIB = 1024 ** 2;
const GOOGLE = "https://storage.googleapis.com";
const METADATA = "http://metadata.google.internal";

export const OPTIONS: OptionTable = {
  address: {
    type: "string",
    description: "Host name or IP address of an emulator or private endpoint; empty for Google's own.",
  },
  port: { type: "integer", description: "TCP port; left out for the scheme's own (443 or 80). Not used for Google's." },
  useSSL: { type: "boolean", description: "Speak TLS (https). Always with Google's own.", default: false },
  bucketName: { type: "string", description: "Bucket; must exist.", required: true },
  "auth.type": {
    type: "enum",
    description:
      "serviceAccount: the file below; default: that file if there is one, of any kind, else the machine's or pod's " +
      "own service account; none: no credentials, for an emulator.",
    choices: ["serviceAccount", "default", "none"],
    default: "serviceAccount",
  },
  "auth.credentialsFile": {
    type: "string",
    description: "JSON file: a service account's key; for auth.type default also a user's or a workload identity's.",
  },
  "auth.endpoint": {
    type: "string",
    description: "Metadata server that gives tokens for auth.type default; empty for Google's.",
  },
  caCertPath: {
    type: "string",
    description: "PEM file with certificate authorities to trust; empty for the system's.",
  },
  insecureSkipVerify: { type: "boolean", description: "Accept any certificate (tests only).", default: false },
  partSizeMiB: {
    type: "integer",
    description: "Objects above this size in MiB are uploaded in chunks of it, from 8 to 512.",
    default: 8,
  },
  requestTimeoutSeconds: {
    type: "integer",
    description: "Seconds without an answer, or without a byte of one, after which a request fails.",
    default: 60,
  },
};

export type Auth =
  | { readonly type: "file"; readonly path: string; readonly onlyServiceAccount: boolean }
  | { readonly type: "metadata"; readonly endpoint: string }
  | { readonly type: "none" };

export interface TlsSettings {
  readonly ca?: string;
  readonly rejectUnauthorized?: false;
}

export interface Settings {
  /** Scheme, host and port: "https://storage.googleapis.com". */
  readonly origin: string;
  readonly bucket: string;
  /** "" or "/"-ended: what every name of this root starts with. */
  readonly rootPrefix: string;
  readonly auth: Auth;
  readonly tls: TlsSettings;
  readonly partBytes: number;
  readonly timeoutMs: number;
}

/** @throws CONFIG_INVALID naming the option. */
export async function readSettings(options: OptionValues, context: DriverContext): Promise<Settings> {
  const root = context.rootPath.replace(/^\/+|\/+$/g, "");
  return {
    origin: originOf(options),
    bucket: text(options, "bucketName"),
    rootPrefix: root === "" ? "" : `${root}/`,
    auth: readAuth(options),
    tls: await readTls(options),
    partBytes: integer(options, "partSizeMiB", { from: 8, to: 512, otherwise: 8 }) * MIB,
    timeoutMs: integer(options, "requestTimeoutSeconds", { from: 1, to: 86_400, otherwise: 60 }) * 1000,
  };
}

function originOf(options: OptionValues): string {
  const address = text(options, "address").replace(/^\[(.*)\]$/, "$1");
  if (address.includes("/")) throw invalid(`address ${address} is not a host; give the host only, and set useSSL`);
  if (address.includes(":") && isIP(address) !== 6) throw invalid(`address ${address} holds a port; set port instead`);
  if (/^$|^(?:storage|www)\.googleapis\.com$|\.storage\.googleapis\.com$/i.test(address)) return GOOGLE;
  const port = integer(options, "port", { from: 0, to: 65_535, otherwise: 0 });
  const scheme = options.useSSL === true ? "https" : "http";
  const shown = [0, options.useSSL === true ? 443 : 80].includes(port) ? "" : `:${port}`;
  return `${scheme}://${address.includes(":") ? `[${address}]` : address}${shown}`;
}

function readAuth(options: OptionValues): Auth {
  const type = text(options, "auth.type");
  if (type === "none") return { type };
  const path = text(options, "auth.credentialsFile");
  if (path !== "") return { type: "file", path, onlyServiceAccount: type !== "default" };
  if (type !== "default") {
    throw invalid("auth.credentialsFile is missing; set it to a service account's key file, or use auth.type default");
  }
  const endpoint = text(options, "auth.endpoint") || METADATA;
  return {
    type: "metadata",
    endpoint: (endpoint.includes("://") ? endpoint : `http://${endpoint}`).replace(/\/+$/, ""),
  };
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
  return new AppError("CONFIG_INVALID", message, cause === undefined ? {} : { cause });
}
