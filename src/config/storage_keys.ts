/** The keys below `milvus.storage`, `backup.storage` and each of `storages`, and what each provider wants of them. */

import type { OptionSpec } from "../storage/driver.ts";
import { choice, flag, integer, type KeySpec, text } from "./keys.ts";

/** Which storage section: the two of a backup, or a named one below `storages:` ("storages.disk"). */
export type Side = "milvus" | "backup" | `storages.${string}`;

/** Where a section's keys lie: "milvus.storage", "storages.disk". */
export function sectionPath(side: Side): string {
  return isProfile(side) ? side : `${side}.storage`;
}

/** True for a section below `storages:`, which inherits nothing. */
export function isProfile(side: Side): boolean {
  return side.startsWith("storages.");
}

/** As tables show it: "Milvus.Storage", "Storages.disk". */
function displayPath(side: Side): string {
  return isProfile(side) ? capitalised(side) : `${capitalised(side)}.Storage`;
}

/** Names below `storage:` that belong to the section itself, whichever driver serves it. */
export const SECTION_NAMES: readonly string[] = ["provider", "rootPath", "milvusAddress", "milvusPort"];

/** Names that `backup.storage` takes from `milvus.storage` when it does not set them. */
export const INHERITED_NAMES: readonly string[] = [
  "provider",
  "address",
  "port",
  "region",
  "useSSL",
  "accountName",
  "bucketName",
  "auth.type",
  "auth.accessKeyID",
  "auth.secretAccessKey",
  "auth.sessionToken",
  "auth.accountKey",
  "auth.credentialsFile",
  "auth.endpoint",
];

const port = { min: 1, max: 65535 } as const;

function names(side: Side): readonly KeySpec[] {
  const env = (name: string): string => storageVariable(side, name);
  return [
    text(
      "provider",
      "Provider",
      "minio",
      "Storage service: local, minio, s3, aws, gcp, gcpnative, azure, aliyun, tencent, hwc or a plugin driver",
    ),
    text("address", "Address", "localhost", "Host of the service, without scheme and port; azure: its suffix"),
    integer("port", "Port", 9000, "Port of the service", port),
    text("region", "Region", "", "Region of the bucket"),
    flag("useSSL", "UseSSL", false, "https towards the service"),
    text("accountName", "AccountName", "", "Storage account; azure only", { env: env("accountName") }),
    text("bucketName", "BucketName", "a-bucket", "Bucket (azure: container); unused for local"),
    text(
      "rootPath",
      "RootPath",
      side === "milvus" ? "files" : "backup",
      side === "milvus"
        ? "Root path of Milvus in the bucket; for local the directory"
        : "Root path of the backups in the bucket; for local the directory",
    ),
    text("localPath", "LocalPath", "", "Local only: the same directory as Milvus sees it; empty if it is the same"),
    text("milvusAddress", "MilvusAddress", "", "Host by which Milvus reaches this service; for snapshot backups"),
    integer("milvusPort", "MilvusPort", 0, "Port to milvusAddress; 0 for `port`", { min: 0, max: 65535 }),
    choice(
      "auth.type",
      "Auth.Type",
      "static",
      "Kind of credentials: static (keys), iam or default (found around); azure: sharedKey, default, sas or " +
        "connectionString; gcpnative: serviceAccount, default or none",
      {
        choices: ["static", "iam", "default", "sharedKey", "sas", "connectionString", "serviceAccount", "none"],
      },
    ),
    text("auth.accessKeyID", "Auth.AccessKeyID", "minioadmin", "Access key", { env: env("auth.accessKeyID") }),
    text("auth.secretAccessKey", "Auth.SecretAccessKey", "minioadmin", "Secret key", {
      env: env("auth.secretAccessKey"),
      secret: true,
    }),
    text("auth.sessionToken", "Auth.SessionToken", "", "Session token of temporary keys", {
      env: env("auth.sessionToken"),
      secret: true,
    }),
    text("auth.accountKey", "Auth.AccountKey", "", "Account key; azure only", {
      env: env("auth.accountKey"),
      secret: true,
    }),
    text("auth.credentialsFile", "Auth.CredentialsFile", "", "Path of a Google credentials file; gcpnative only", {
      env: env("auth.credentialsFile"),
      noFileVariable: true,
    }),
    text("auth.endpoint", "Auth.Endpoint", "", "Endpoint that gives iam credentials; empty for the usual one"),
  ];
}

/** The well-known keys of one section; `key` is the full key ("backup.storage.port"). */
export function storageKeys(side: Side): readonly KeySpec[] {
  return names(side).map((spec) => ({
    ...spec,
    key: `${sectionPath(side)}.${spec.key}`,
    display: `${displayPath(side)}.${spec.display}`,
  }));
}

/** Names below `storage:` that this program knows whichever drivers there are. */
export const STORAGE_NAMES: readonly string[] = names("milvus").map((spec) => spec.key);

/** A driver's own option as a key. Its secrets get an environment variable by the rule of the well-known ones. */
export function optionKey(side: Side, name: string, option: OptionSpec): KeySpec {
  const shared = {
    key: `${sectionPath(side)}.${name}`,
    display: `${displayPath(side)}.${name.split(".").map(capitalised).join(".")}`,
    default: option.default ?? "",
    help: option.description,
  };
  switch (option.type) {
    case "secret":
      return { ...shared, type: "string", secret: true, env: storageVariable(side, name) };
    case "enum":
      return { ...shared, type: "enum", choices: option.choices ?? [] };
    default:
      return { ...shared, type: option.type };
  }
}

/** "milvus", "auth.accessKeyID" -> "MILVUS_STORAGE_AUTH_ACCESS_KEY_ID"; "storages.disk" -> "STORAGES_DISK_AUTH_..." */
function storageVariable(side: Side, name: string): string {
  const snake = name.replaceAll(/([a-z0-9])([A-Z])/g, "$1_$2").replaceAll(/[^A-Za-z0-9]+/g, "_");
  return `${sectionPath(side).replaceAll(".", "_")}_${snake}`.toUpperCase();
}

function capitalised(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
