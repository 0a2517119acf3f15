/** The effective configuration: every key resolved, checked and typed (names as in a v2 file). */

import type { LogLevel } from "../base/log.ts";
import type { Secret } from "../base/secret.ts";

export interface Config {
  readonly log: {
    readonly level: LogLevel;
    /** Log lines on standard error. */
    readonly console: boolean;
    readonly file: {
      /** "" for no file. */
      readonly path: string;
      readonly maxSizeMiB: number;
      readonly maxDays: number;
      readonly maxBackups: number;
    };
  };
  readonly server: { readonly debugMode: boolean; readonly swaggerBasePath: string };
  readonly milvus: {
    readonly user: string;
    readonly password: Secret;
    readonly grpc: {
      readonly address: string;
      readonly port: number;
      readonly tlsMode: "disabled" | "server" | "mutual";
      readonly caCertPath: string;
      readonly serverName: string;
      readonly mtlsCertPath: string;
      readonly mtlsKeyPath: string;
    };
    /** "" for the gRPC address and port, https exactly if TLS is on. */
    readonly rest: { readonly endpoint: string };
    readonly management: { readonly endpoint: string };
    readonly replicate: { readonly rpcChannelName: string };
    readonly etcd: { readonly endpoints: readonly string[]; readonly rootPath: string };
    readonly storage: StorageConfig;
  };
  readonly backup: {
    readonly storage: StorageConfig;
    readonly concurrency: { readonly collections: number; readonly segments: number };
    readonly pauseGC: boolean;
  };
  /** Named storages of a v2 file, by name: other backup roots, for `copy`. */
  readonly storages: Readonly<Record<string, StorageConfig>>;
  readonly restore: {
    readonly concurrency: { readonly collections: number; readonly importJobs: number };
    readonly maxSegmentsPerImportJob: number;
    readonly keepTempFiles: boolean;
  };
  readonly transfer: {
    readonly mode: "auto" | "direct" | "streaming";
    readonly concurrency: number;
    readonly multipartCopyThresholdMiB: number;
    /** What a copy must prove (transfer/plan.ts, VerifyLevel). */
    readonly verify: "digest" | "read-back" | "size";
  };
  readonly zillizCloud: { readonly endpoint: string; readonly apiKey: Secret };
  /** Plugin driver files, absolute; relative ones were taken from the configuration file's folder. */
  readonly plugins: readonly string[];
}

/**
 * One root path in one storage service, ready for openRoot: `options` holds exactly the keys below `storage:` that the
 * chosen driver knows and that are set or inherited, under their configuration names ("bucketName", "auth.type").
 */
export interface StorageConfig {
  /** Driver name or alias. */
  readonly provider: string;
  readonly rootPath: string;
  readonly options: Readonly<Record<string, string | number | boolean | Secret>>;
}

export type ConfigSource = "override" | "env" | "config" | "default";

/** Where one value came from, for `check`, `config show` and error messages. */
export interface ConfigEntry {
  /** v2 key: "milvus.grpc.port". */
  readonly key: string;
  /** Go-style path that milvus-backup's table shows: "Milvus.Grpc.Port". */
  readonly display: string;
  /** As text; secrets masked. */
  readonly value: string;
  readonly source: ConfigSource;
  /** The key or variable the value was read from; "" for defaults. */
  readonly sourceKey: string;
}

export interface LoadedConfig {
  readonly config: Config;
  readonly entries: readonly ConfigEntry[];
  /** Absolute; undefined when no file was used. */
  readonly file?: string;
  /** For standard error: a v1 file was translated, an old key is ignored, ... */
  readonly warnings: readonly string[];
}
