/** Every key of a v2 file except those below `milvus.storage` and `backup.storage` (storage_keys.ts). */

import { choice, flag, integer, type KeySpec, list, text } from "./keys.ts";
import { storageKeys } from "./storage_keys.ts";

const port = { min: 1, max: 65535 } as const;
const positive = { min: 1 } as const;
const atLeastZero = { min: 0 } as const;

const beforeStorage: readonly KeySpec[] = [
  choice("log.level", "Log.Level", "info", "How much is logged: debug, info, warn or error", {
    choices: ["debug", "info", "warn", "error"],
    synonyms: { warning: "warn", dpanic: "error", panic: "error", fatal: "error" },
  }),
  flag("log.console", "Log.Console", true, "Log lines on standard error"),
  text("log.file.path", "Log.File.Path", "logs/backup.log", "Log file; empty for none"),
  integer("log.file.maxSizeMiB", "Log.File.MaxSizeMiB", 300, "Size at which the log file is rotated", atLeastZero),
  integer("log.file.maxDays", "Log.File.MaxDays", 0, "Days that rotated log files are kept; 0 keeps them", atLeastZero),
  integer("log.file.maxBackups", "Log.File.MaxBackups", 0, "Rotated log files that are kept; 0 keeps all", atLeastZero),
  flag("server.debugMode", "Server.DebugMode", false, "More detail in the log of the API server"),
  text("server.swaggerBasePath", "Server.SwaggerBasePath", "", "Base path named in the API document, behind a proxy"),
  text("milvus.user", "Milvus.User", "", "Milvus user; empty where Milvus asks for none", { env: "MILVUS_USER" }),
  text("milvus.password", "Milvus.Password", "", "Password of the Milvus user", {
    env: "MILVUS_PASSWORD",
    secret: true,
  }),
  text("milvus.grpc.address", "Milvus.Grpc.Address", "localhost", "Host of Milvus, without scheme and port"),
  integer("milvus.grpc.port", "Milvus.Grpc.Port", 19530, "Port of Milvus", port),
  choice("milvus.grpc.tlsMode", "Milvus.Grpc.TLSMode", "disabled", "TLS towards Milvus: disabled, server or mutual", {
    choices: ["disabled", "server", "mutual"],
    formerWords: { "0": "disabled", "1": "server", "2": "mutual" },
  }),
  text("milvus.grpc.caCertPath", "Milvus.Grpc.CACertPath", "", "CA certificates (PEM); empty for the system's"),
  text("milvus.grpc.serverName", "Milvus.Grpc.ServerName", "", "Name to expect in Milvus' certificate"),
  text("milvus.grpc.mtlsCertPath", "Milvus.Grpc.MTLSCertPath", "", "Client certificate (PEM) for mutual TLS"),
  text("milvus.grpc.mtlsKeyPath", "Milvus.Grpc.MTLSKeyPath", "", "Client key (PEM) for mutual TLS"),
  text("milvus.rest.endpoint", "Milvus.Rest.Endpoint", "", "URL of Milvus' REST API; empty for the gRPC address"),
  text(
    "milvus.management.endpoint",
    "Milvus.Management.Endpoint",
    "http://localhost:9091",
    "URL of Milvus' management port, used to pause garbage collection",
  ),
  text(
    "milvus.replicate.rpcChannelName",
    "Milvus.Replicate.RPCChannelName",
    "by-dev-replicate-msg",
    "Replication channel whose position is recorded for CDC (Milvus 2.5)",
  ),
  list("milvus.etcd.endpoints", "Milvus.Etcd.Endpoints", ["localhost:2379"], "etcd of Milvus; only for index extras"),
  text("milvus.etcd.rootPath", "Milvus.Etcd.RootPath", "by-dev", "Root path of Milvus in etcd"),
];

const afterStorage: readonly KeySpec[] = [
  integer(
    "backup.concurrency.collections",
    "Backup.Concurrency.Collections",
    4,
    "Collections backed up at a time",
    positive,
  ),
  integer(
    "backup.concurrency.segments",
    "Backup.Concurrency.Segments",
    1024,
    "Segments backed up at a time, over all collections",
    positive,
  ),
  flag("backup.pauseGC", "Backup.PauseGC", true, "Pause Milvus' garbage collection while copying"),
  integer(
    "restore.concurrency.collections",
    "Restore.Concurrency.Collections",
    2,
    "Collections restored at a time",
    positive,
  ),
  integer(
    "restore.concurrency.importJobs",
    "Restore.Concurrency.ImportJobs",
    768,
    "Import jobs that Milvus is given at a time",
    positive,
  ),
  integer(
    "restore.maxSegmentsPerImportJob",
    "Restore.MaxSegmentsPerImportJob",
    256,
    "Segments handed to Milvus in one import job",
    positive,
  ),
  flag("restore.keepTempFiles", "Restore.KeepTempFiles", false, "Keep the objects staged for a restore"),
  choice(
    "transfer.mode",
    "Transfer.Mode",
    "auto",
    "direct: the service copies; streaming: through this program; auto: direct where both roots share a service",
    { choices: ["auto", "direct", "streaming"] },
  ),
  integer("transfer.concurrency", "Transfer.Concurrency", 128, "Objects copied at a time", positive),
  integer(
    "transfer.multipartCopyThresholdMiB",
    "Transfer.MultipartCopyThresholdMiB",
    500,
    "Size above which the service copies an object in parts",
    positive,
  ),
  choice(
    "transfer.verify",
    "Transfer.Verify",
    "digest",
    "What a copy must prove: digest (content), read-back (content, read again) or size",
    { choices: ["digest", "read-back", "size"] },
  ),
  text(
    "zillizCloud.endpoint",
    "Cloud.Endpoint",
    "https://api.cloud.zilliz.com",
    "URL of the Zilliz Cloud API, used by migrate",
  ),
  text("zillizCloud.apiKey", "Cloud.APIKey", "", "API key of Zilliz Cloud", {
    env: "ZILLIZ_CLOUD_API_KEY",
    secret: true,
  }),
  list("plugins", "Plugins", [], "Plugin driver files; relative ones are taken from the configuration file's folder"),
];

/** The key that says which schema a file follows. */
export const VERSION_KEY = "configVersion";

/** Keys outside the storage sections, in table order. */
export const PLAIN_KEYS: readonly KeySpec[] = [...beforeStorage, ...afterStorage];

/** All keys in the order of `config show`. */
export const V2_KEYS: readonly KeySpec[] = [
  ...beforeStorage,
  ...storageKeys("milvus"),
  ...storageKeys("backup"),
  ...afterStorage,
];
