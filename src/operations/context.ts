/** What an operation is given: roles, limits, a signal; no argv, no HTTP, no terminal. */

import type { Logger } from "../base/log.ts";
import type { BackupRepository } from "../meta/repository.ts";
import type { MilvusGateway } from "../milvus/gateway.ts";
import type { StorageDriver } from "../storage/driver.ts";
import type { TransferMode, VerifyLevel } from "../transfer/plan.ts";
import type { ProgressReporter } from "../transfer/progress.ts";

export interface OperationContext {
  readonly progress: ProgressReporter;
  readonly log: Logger;
  readonly now: () => Date;
  readonly signal: AbortSignal;
}

export interface BackupRootContext extends OperationContext {
  readonly backupRoot: StorageDriver;
  readonly backups: BackupRepository;
}

export interface TransferSettings {
  readonly mode: TransferMode;
  /** Objects under way at once, over all collections of the operation. */
  readonly concurrency: number;
  readonly verify: VerifyLevel;
}

export interface MilvusContext extends BackupRootContext {
  readonly milvus: MilvusGateway;
  /** The Milvus root path; opened read-only for create and check. */
  readonly sourceRoot: StorageDriver;
  /** The same storage under another root path, read-only: to name the likely right one when the configured one is empty. */
  openSourceRootAt(rootPath: string): Promise<StorageDriver>;
  readonly transfer: TransferSettings;
}
