/** What commands are given by the composition root (main.ts): ways to configuration, roots and Milvus, opened on demand. */

import type { BaseContext } from "clipanion";
import type { Logger } from "../base/log.ts";
import type { LoadedConfig } from "../config/config.ts";
import type { MigratedConfig } from "../config/migrate.ts";
import type { BackupRepository } from "../meta/repository.ts";
import type { MilvusGateway } from "../milvus/gateway.ts";
import type { CaseResult } from "../storage/conformance/run.ts";
import type { DriverDefinition, StorageDriver } from "../storage/driver.ts";

export interface ToolVersion {
  readonly version: string;
  /** Short commit hash, or "unknown" for a build outside a checkout. */
  readonly commit: string;
}

/** Takes one log line for standard error; commands give one that keeps it clear of the progress bar. */
export type WriteLog = (line: string) => void;

export interface ConfigOptions {
  /** `--config`; undefined looks in the usual places, "" uses no file. */
  readonly file?: string | undefined;
  readonly set: readonly string[];
  readonly plugins: readonly string[];
  readonly writeLog: WriteLog;
}

/** One command's connections; whatever it opened is closed with it. */
export interface Session extends AsyncDisposable {
  readonly loaded: LoadedConfig;
  readonly log: Logger;
  /**
   * The root of `backup.storage`, or the one that `storages` has under a name ("backup" stands for the first).
   * @throws CONFIG_INVALID for a name that is not there
   */
  openBackupRoot(options?: { readonly readonly?: boolean; readonly storage?: string }): Promise<StorageDriver>;
  /** `rootPath` instead of the configured one. */
  openMilvusRoot(options: { readonly readonly: boolean; readonly rootPath?: string }): Promise<StorageDriver>;
  backups(root: StorageDriver): BackupRepository;
  connectMilvus(): Promise<MilvusGateway>;
}

export interface Runtime {
  readonly tool: ToolVersion;
  /** Fires on the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
  readonly now: () => Date;
  /** Reads the configuration and loads its plugins. @throws CONFIG_INVALID, PLUGIN_INVALID */
  openSession(options: ConfigOptions): Promise<Session>;
  /** A v1 file (`--config`, or the usual places) as a v2 document. @throws CONFIG_INVALID */
  migrateConfig(file: string | undefined, writeLog: WriteLog): Promise<MigratedConfig>;
  /** Built-in drivers and those of the given plugin files; no configuration is read. */
  drivers(plugins: readonly string[], writeLog: WriteLog): Promise<readonly DriverDefinition[]>;
  /** Runs the driver conformance cases against the configured backup root. */
  testDriver(session: Session, onResult: (result: CaseResult) => void): Promise<readonly CaseResult[]>;
}

export interface CliContext extends BaseContext {
  readonly runtime: Runtime;
  readonly stdoutIsTerminal: boolean;
  readonly stderrIsTerminal: boolean;
  readonly terminalWidth: () => number;
}
