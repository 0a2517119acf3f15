/** Every key of a v1 file (one without `configVersion`), and where its meaning lives in v2. */

import { flag, integer, type KeySpec, text } from "./keys.ts";

/** A v1 key; `display` is unused, since only v2 keys are shown. */
export interface V1Key extends KeySpec {
  /** Older spellings, looked up after `key`. */
  readonly otherKeys?: readonly string[];
  /** The v2 key it became; "" when there is none. */
  readonly v2: string;
  /** A word more for the v2 replacement. */
  readonly v2Hint?: string;
}

type Rest = Partial<Omit<V1Key, "key" | "display" | "type" | "default" | "help" | "v2">>;

const secret = { secret: true } as const;

function of(make: typeof text, key: string, value: string | number | boolean, v2: string, rest: Rest = {}): V1Key {
  return { ...make(key, "", value, ""), ...rest, v2 };
}

const milvusStorage = "milvus.storage";
const backupStorage = "backup.storage";
const azureName = "for azure: accountName";
const azureKey = "for azure: auth.accountKey";
const gcpFile = 'a path, with auth.type: "serviceAccount"';
const iam = 'auth.type: "iam"';

/** Keys of v1 by their own name. An unset `minio.backup*` key takes the value of its sibling without `backup`. */
export const V1_KEYS: readonly V1Key[] = [
  of(text, "log.level", "info", "log.level"),
  of(flag, "log.console", true, "log.console"),
  of(text, "log.file.filename", "logs/backup.log", "log.file.path"),
  of(integer, "log.file.maxSize", 300, "log.file.maxSizeMiB"),
  of(integer, "log.file.maxDays", 0, "log.file.maxDays"),
  of(integer, "log.file.maxBackups", 0, "log.file.maxBackups"),
  of(flag, "http.enabled", true, ""),
  of(flag, "http.debugMode", false, "server.debugMode"),
  of(text, "http.swaggerBasePath", "", "server.swaggerBasePath"),
  of(text, "cloud.address", "https://api.cloud.zilliz.com", "zillizCloud.endpoint"),
  of(text, "cloud.apikey", "", "zillizCloud.apiKey", secret),
  of(text, "milvus.address", "localhost", "milvus.grpc.address", { env: "MILVUS_ADDRESS" }),
  of(integer, "milvus.port", 19530, "milvus.grpc.port", { env: "MILVUS_PORT" }),
  of(text, "milvus.user", "", "milvus.user", { env: "MILVUS_USER" }),
  of(text, "milvus.password", "", "milvus.password", { env: "MILVUS_PASSWORD", secret: true }),
  of(integer, "milvus.tlsMode", 0, "milvus.grpc.tlsMode", {
    env: "MILVUS_TLS_MODE",
    v2Hint: "0 is disabled, 1 server, 2 mutual",
  }),
  of(text, "milvus.caCertPath", "", "milvus.grpc.caCertPath", { env: "MILVUS_CA_CERT_PATH" }),
  of(text, "milvus.serverName", "", "milvus.grpc.serverName", { env: "MILVUS_SERVER_NAME" }),
  of(text, "milvus.mtlsCertPath", "", "milvus.grpc.mtlsCertPath", { env: "MILVUS_MTLS_CERT_PATH" }),
  of(text, "milvus.mtlsKeyPath", "", "milvus.grpc.mtlsKeyPath", { env: "MILVUS_MTLS_KEY_PATH" }),
  of(text, "milvus.rpcChannelName", "by-dev-replicate-msg", "milvus.replicate.rpcChannelName", {
    env: "MILVUS_RPC_CHANNEL_NAME",
  }),
  of(text, "milvus.etcd.endpoints", "localhost:2379", "milvus.etcd.endpoints"),
  of(text, "milvus.etcd.rootPath", "by-dev", "milvus.etcd.rootPath"),
  of(text, "storage.storageType", "minio", `${milvusStorage}.provider`, {
    otherKeys: ["minio.storageType", "minio.cloudProvider"],
  }),
  of(text, "minio.address", "localhost", `${milvusStorage}.address`, { env: "MINIO_ADDRESS" }),
  of(integer, "minio.port", 9000, `${milvusStorage}.port`, { env: "MINIO_PORT" }),
  of(text, "minio.region", "", `${milvusStorage}.region`, { env: "MINIO_REGION" }),
  of(text, "minio.accessKeyID", "minioadmin", `${milvusStorage}.auth.accessKeyID`, {
    env: "MINIO_ACCESS_KEY",
    v2Hint: azureName,
  }),
  of(text, "minio.secretAccessKey", "minioadmin", `${milvusStorage}.auth.secretAccessKey`, {
    env: "MINIO_SECRET_KEY",
    secret: true,
    v2Hint: azureKey,
  }),
  of(text, "minio.token", "", `${milvusStorage}.auth.sessionToken`, { env: "MINIO_TOKEN", secret: true }),
  of(text, "minio.gcpCredentialJSON", "", `${milvusStorage}.auth.credentialsFile`, {
    env: "GCP_KEY_JSON",
    secret: true,
    v2Hint: gcpFile,
  }),
  of(flag, "minio.useSSL", false, `${milvusStorage}.useSSL`, { env: "MINIO_USE_SSL" }),
  of(text, "minio.bucketName", "a-bucket", `${milvusStorage}.bucketName`, { env: "MINIO_BUCKET_NAME" }),
  of(text, "minio.rootPath", "files", `${milvusStorage}.rootPath`, { env: "MINIO_ROOT_PATH" }),
  of(flag, "minio.useIAM", false, `${milvusStorage}.auth.type`, { env: "MINIO_USE_IAM", v2Hint: iam }),
  of(text, "minio.iamEndpoint", "", `${milvusStorage}.auth.endpoint`, { env: "MINIO_IAM_ENDPOINT" }),
  of(text, "storage.backupStorageType", "", `${backupStorage}.provider`, { otherKeys: ["minio.backupStorageType"] }),
  of(text, "minio.backupAddress", "", `${backupStorage}.address`, { env: "MINIO_BACKUP_ADDRESS" }),
  of(integer, "minio.backupPort", 0, `${backupStorage}.port`, { env: "MINIO_BACKUP_PORT" }),
  of(text, "minio.backupRegion", "", `${backupStorage}.region`, { env: "MINIO_BACKUP_REGION" }),
  of(text, "minio.backupAccessKeyID", "", `${backupStorage}.auth.accessKeyID`, {
    env: "MINIO_BACKUP_ACCESS_KEY",
    v2Hint: azureName,
  }),
  of(text, "minio.backupSecretAccessKey", "", `${backupStorage}.auth.secretAccessKey`, {
    env: "MINIO_BACKUP_SECRET_KEY",
    secret: true,
    v2Hint: azureKey,
  }),
  of(text, "minio.backupToken", "", `${backupStorage}.auth.sessionToken`, { env: "MINIO_BACKUP_TOKEN", secret: true }),
  of(text, "minio.backupGcpCredentialJSON", "", `${backupStorage}.auth.credentialsFile`, {
    env: "BACKUP_GCP_KEY_JSON",
    secret: true,
    v2Hint: gcpFile,
  }),
  of(flag, "minio.backupUseSSL", false, `${backupStorage}.useSSL`, { env: "MINIO_BACKUP_USE_SSL" }),
  of(text, "minio.backupBucketName", "", `${backupStorage}.bucketName`, { env: "MINIO_BACKUP_BUCKET_NAME" }),
  of(text, "minio.backupRootPath", "", `${backupStorage}.rootPath`, { env: "MINIO_BACKUP_ROOT_PATH" }),
  of(flag, "minio.backupUseIAM", false, `${backupStorage}.auth.type`, { env: "MINIO_BACKUP_USE_IAM", v2Hint: iam }),
  of(text, "minio.backupIamEndpoint", "", `${backupStorage}.auth.endpoint`, { env: "MINIO_BACKUP_IAM_ENDPOINT" }),
  of(flag, "minio.crossStorage", false, "transfer.mode", { v2Hint: "true is streaming" }),
  of(integer, "minio.multipartCopyThresholdMiB", 500, "transfer.multipartCopyThresholdMiB"),
  of(integer, "backup.parallelism.copydata", 128, "transfer.concurrency", { env: "BACKUP_PARALLELISM_COPYDATA" }),
  of(integer, "backup.parallelism.backupCollection", 4, "backup.concurrency.collections", {
    env: "BACKUP_PARALLELISM_BACKUP_COLLECTION",
  }),
  of(integer, "backup.parallelism.backupSegment", 1024, "backup.concurrency.segments"),
  of(integer, "backup.parallelism.restoreCollection", 2, "restore.concurrency.collections", {
    env: "BACKUP_PARALLELISM_RESTORE_COLLECTION",
  }),
  of(integer, "backup.parallelism.importJob", 768, "restore.concurrency.importJobs"),
  of(flag, "backup.keepTempFiles", false, "restore.keepTempFiles", { env: "BACKUP_KEEP_TEMP_FILES" }),
  of(flag, "backup.gcPause.enable", true, "backup.pauseGC", { env: "BACKUP_GC_PAUSE_ENABLE" }),
  of(text, "backup.gcPause.address", "http://localhost:9091", "milvus.management.endpoint", {
    env: "BACKUP_GC_PAUSE_ADDRESS",
  }),
];

/** What every v1 file holds and nothing needs: a server without authentication takes credentials and ignores them. */
export const SILENT_V1_KEYS: readonly string[] = ["milvus.authorizationEnabled"];

/** Keys that only releases before v1's last had; files in use still hold them, and nothing reads them. */
export const DEAD_V1_KEYS: readonly string[] = [
  "http.simpleResponse",
  "milvus.tlsCertPath",
  "log.file.rootPath",
  "backup.maxSegmentGroupSize",
  "backup.gcPause.seconds",
];
