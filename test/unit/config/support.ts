/** Loading from a text, for the tests beside this file. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AppError, isAppError } from "../../../src/base/errors.ts";
import type { ConfigEntry, LoadedConfig } from "../../../src/config/config.ts";
import { type LoadConfigInput, loadConfig } from "../../../src/config/load.ts";
import type { OptionTable } from "../../../src/storage/driver.ts";

/** The shape of the s3 driver's table, with the parts the tests look at. */
export const S3: OptionTable = {
  address: { type: "string", description: "Host." },
  port: { type: "integer", description: "Port." },
  region: { type: "string", description: "Region." },
  useSSL: { type: "boolean", description: "TLS." },
  bucketName: { type: "string", description: "Bucket.", required: true },
  "auth.type": { type: "enum", description: "Kind.", choices: ["static", "iam", "default"], default: "static" },
  "auth.accessKeyID": { type: "string", description: "Key." },
  "auth.secretAccessKey": { type: "secret", description: "Secret." },
  "auth.sessionToken": { type: "secret", description: "Token." },
  "auth.endpoint": { type: "string", description: "Endpoint." },
  addressingStyle: { type: "enum", description: "Style.", choices: ["auto", "path", "virtual"], default: "auto" },
  caCertPath: { type: "string", description: "CA." },
  insecureSkipVerify: { type: "boolean", description: "Any certificate." },
  checksum: { type: "string", description: "Checksum." },
  partSizeMiB: { type: "integer", description: "Part size." },
  multipartCopyThresholdMiB: { type: "integer", description: "Threshold." },
  requestTimeoutSeconds: { type: "integer", description: "Timeout." },
};

export const GCS: OptionTable = {
  address: { type: "string", description: "Host." },
  port: { type: "integer", description: "Port." },
  useSSL: { type: "boolean", description: "TLS." },
  bucketName: { type: "string", description: "Bucket." },
  "auth.type": { type: "enum", description: "Kind.", choices: ["serviceAccount", "default", "none"] },
  "auth.credentialsFile": { type: "string", description: "File." },
  "auth.endpoint": { type: "string", description: "Metadata server." },
};

export const LOCAL: OptionTable = { localPath: { type: "string", description: "As Milvus sees it." } };

/** A plugin driver: names of its own, a well-known name of another type, a secret, a required option. */
export const FTP: OptionTable = {
  host: { type: "string", description: "Server.", required: true },
  port: { type: "string", description: "Port or service name." },
  passive: { type: "boolean", description: "Passive mode.", default: true },
  secretKey: { type: "secret", description: "Password." },
  mode: { type: "enum", description: "Mode.", choices: ["Binary", "Text"] },
};

const TABLES: Readonly<Record<string, OptionTable>> = {
  s3: S3,
  minio: S3,
  aws: S3,
  gcp: S3,
  gcs: GCS,
  gcpnative: GCS,
  aliyun: S3,
  ali: S3,
  tencent: S3,
  hwc: S3,
  ceph: S3,
  local: LOCAL,
  ftp: FTP,
};

export function driverOptions(provider: string): OptionTable | undefined {
  return Object.hasOwn(TABLES, provider) ? TABLES[provider] : undefined;
}

type Options = Partial<LoadConfigInput>;

/** Loads `yaml` as backup.yaml of a temporary folder; without it, `--config ""`. */
export async function load(yaml: string | Uint8Array | undefined, options: Options = {}): Promise<LoadedConfig> {
  const folder = await mkdtemp(join(tmpdir(), "config-test-"));
  try {
    if (yaml !== undefined) await writeFile(join(folder, "backup.yaml"), yaml);
    return await loadConfig({
      file: yaml === undefined ? "" : "backup.yaml",
      set: [],
      env: {},
      cwd: folder,
      executableDir: folder,
      driverOptions,
      ...options,
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** A v2 file with these lines behind the version. */
export function loadV2(yaml: string, options: Options = {}): Promise<LoadedConfig> {
  return load(`configVersion: v2\n${yaml}`, options);
}

/** The error's message, after checking that it is a CONFIG_INVALID. */
export async function refusal(loading: Promise<LoadedConfig>): Promise<string> {
  try {
    await loading;
  } catch (error) {
    if (!isAppError(error) || error.code !== "CONFIG_INVALID") throw error;
    return error.message;
  }
  throw new AppError("BUG", "the configuration was accepted");
}

export function entry(loaded: LoadedConfig, key: string): ConfigEntry {
  const found = loaded.entries.find((it) => it.key === key);
  if (found === undefined) throw new AppError("BUG", `no entry ${key}`);
  return found;
}
