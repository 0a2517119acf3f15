/** The driver's options as data, and the settings that come of their values. */

import { readFile } from "node:fs/promises";
import { AppError } from "../../src/base/errors.ts";
import { Secret } from "../../src/base/secret.ts";
import type { OptionTable, OptionValues } from "../../src/storage/driver.ts";
import { parseConnectionString } from "./connection_string.ts";
import { accountOf, serviceUrl } from "./endpoint.ts";

const MIB = 1024 ** 2;
/** Copy Blob From URL takes no more (Azure's reference); larger objects are copied in blocks. */
const MAX_WHOLE_COPY_MIB = 256;

export const OPTIONS: OptionTable = {
  address: { type: "string", description: "Service suffix, such as core.windows.net." },
  port: { type: "integer", description: "TCP port; left out for 443." },
  accountName: { type: "string", description: "Storage account." },
  bucketName: { type: "string", description: "Container; must exist.", required: true },
  blobEndpoint: {
    type: "string",
    description: "URL of the blob service instead of account, address and port: a private endpoint, or an emulator.",
  },
  "auth.type": {
    type: "enum",
    description:
      "sharedKey: the account's key; default: environment, workload identity, managed identity, az login; sas; connectionString.",
    choices: ["sharedKey", "default", "sas", "connectionString"],
    default: "sharedKey",
  },
  "auth.accountKey": { type: "secret", description: "Account key, for auth.type sharedKey." },
  "auth.sasToken": {
    type: "secret",
    description: "Shared access signature of account or container, for auth.type sas.",
  },
  "auth.connectionString": { type: "secret", description: "Connection string, for auth.type connectionString." },
  caCertPath: {
    type: "string",
    description: "PEM file with certificate authorities to trust; empty for the system's.",
  },
  partSizeMiB: { type: "integer", description: "Size of an upload's parts in MiB, from 4 to 512.", default: 8 },
  multipartCopyThresholdMiB: {
    type: "integer",
    description: "Objects above this size in MiB are copied inside the service in parts; 256 at most.",
    default: MAX_WHOLE_COPY_MIB,
  },
  requestTimeoutSeconds: {
    type: "integer",
    description: "Seconds without an answer, or without a byte of one, after which a request fails.",
    default: 60,
  },
};

export type Auth =
  | { readonly type: "sharedKey"; readonly accountName: string; readonly accountKey: Secret }
  /** Without "?" at its start. */
  | { readonly type: "sas"; readonly sasToken: Secret }
  | { readonly type: "default" };

export interface Settings {
  /** Of the account's blob service: "https://account.blob.core.windows.net". */
  readonly url: string;
  readonly container: string;
  /** "" or "/"-ended: what every key of this root starts with. */
  readonly rootPrefix: string;
  readonly auth: Auth;
  /** PEM text. */
  readonly ca?: string;
  readonly partBytes: number;
  readonly copyThresholdBytes: number;
  readonly timeoutMs: number;
}

/** @throws CONFIG_INVALID naming the option. */
export async function readSettings(options: OptionValues, rootPath: string): Promise<Settings> {
  const root = rootPath.replace(/^\/+|\/+$/g, "");
  const caPath = text(options, "caCertPath");
  return {
    ...account(options),
    container: text(options, "bucketName"),
    rootPrefix: root === "" ? "" : `${root}/`,
    ...(caPath === "" ? {} : { ca: await readCa(caPath) }),
    partBytes: integer(options, "partSizeMiB", { from: 4, to: 512, otherwise: 8 }) * MIB,
    copyThresholdBytes: Math.min(
      MAX_WHOLE_COPY_MIB * MIB,
      integer(options, "multipartCopyThresholdMiB", { from: 1, to: 5 * MIB, otherwise: MAX_WHOLE_COPY_MIB }) * MIB,
    ),
    timeoutMs: integer(options, "requestTimeoutSeconds", { from: 1, to: 86_400, otherwise: 60 }) * 1000,
  };
}

function account(options: OptionValues): { readonly url: string; readonly auth: Auth } {
  const type = text(options, "auth.type");
  if (type === "connectionString") {
    const { url, accountName, accountKey, sasToken } = parseConnectionString(secret(options, type).reveal());
    if (accountKey !== undefined) return { url, auth: { type: "sharedKey", accountName, accountKey } };
    if (sasToken !== undefined) return { url, auth: { type: "sas", sasToken } };
  }
  const url = serviceUrl({
    accountName: text(options, "accountName"),
    address: text(options, "address"),
    port: integer(options, "port", { from: 0, to: 65_535, otherwise: 0 }),
    blobEndpoint: text(options, "blobEndpoint"),
  });
  if (type === "default") {
    if (url.startsWith("https:")) return { url, auth: { type } };
    throw invalid("auth.type default needs a blobEndpoint with https: a token is never sent in the clear");
  }
  if (type === "sas") {
    const token = secret(options, "sasToken").reveal().trim().replace(/^\?/, "");
    if (/(?:^|&)sig=/.test(token)) return { url, auth: { type, sasToken: new Secret(token) } };
    throw invalid("auth.sasToken is no shared access signature, which holds sig=");
  }
  const accountName = text(options, "accountName") || accountOf(url);
  if (accountName === "") throw invalid("accountName is missing");
  const accountKey = secret(options, "accountKey");
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(accountKey.reveal())) throw invalid("auth.accountKey is not base64");
  return { url, auth: { type: "sharedKey", accountName, accountKey } };
}

function secret(options: OptionValues, name: "accountKey" | "sasToken" | "connectionString"): Secret {
  const value = options[`auth.${name}`];
  if (value instanceof Secret && value.reveal().trim() !== "") return value;
  throw invalid(`auth.${name} is missing; set it, or choose another auth.type`);
}

async function readCa(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new AppError("CONFIG_INVALID", `caCertPath ${path} cannot be read`, { cause: error });
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

function invalid(message: string): AppError {
  return new AppError("CONFIG_INVALID", message);
}
