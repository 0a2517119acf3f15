/** Backups below one backup root: list, read, begin, commit, delete. */

import type { CallOptions } from "../base/types.ts";
import type { Manifest } from "../transfer/manifest.ts";
import type { BackupMeta } from "./types.ts";

/**
 * complete    committed, its documents there (as far as a listing tells: it reads backup_meta.json only)
 * incomplete  begun and never committed (interrupted, failed, or still running)
 * broken      committed, but a document is missing or unreadable; `reason` says which
 */
export type BackupState = "complete" | "incomplete" | "broken";

export interface BackupSummary {
  readonly name: string;
  readonly state: BackupState;
  readonly reason?: string;
  readonly id?: string;
  readonly size?: bigint;
  readonly milvusVersion?: string;
  /** ISO 8601, where known. */
  readonly createdAt?: string;
}

export interface BackupRepository {
  /** Every folder below the root that is or was to be a backup, sorted by name; one that is broken never hides the others. */
  list(options: CallOptions): AsyncIterable<BackupSummary>;
  /** @throws NOT_FOUND, BACKUP_INCOMPLETE (begun, not committed; or documents missing or unreadable) */
  read(name: string, options: CallOptions): Promise<BackupMeta>;
  /** The backup's manifest; undefined for backups of other tools. @throws CHECKSUM_MISMATCH, BACKUP_INCOMPLETE */
  readManifest(name: string, options: CallOptions): Promise<Manifest | undefined>;
  /** @throws ALREADY_EXISTS when anything lies under that name */
  begin(name: string, options: CallOptions): Promise<BackupDraft>;
  /**
   * As `begin`, for a backup that is carried here under a name that another tool may have given it: any safe folder name.
   * @throws ALREADY_EXISTS
   */
  beginCopy(name: string, options: CallOptions): Promise<BackupDraft>;
  /** Every object of the backup, the marker first; works on incomplete and broken ones. @throws NOT_FOUND @returns objects deleted */
  delete(name: string, options: CallOptions & { readonly onDelete?: (key: string) => void }): Promise<number>;
}

/** Disposed before its commit it stays behind as an incomplete backup, unless nothing was written yet: then the name is free again. */
export interface BackupDraft extends AsyncDisposable {
  readonly name: string;
  /** "<name>/": prefix of every key of the backup, below the backup root. */
  readonly directory: string;
  /** Writes manifest, level files, extra and full meta, then backup_meta.json last: its presence is the commit. */
  commit(meta: BackupMeta, manifest: Manifest, options: CallOptions): Promise<void>;
  /** For a backup whose documents were copied as they are: `putHead` stores backup_meta.json, last. */
  commitCopy(putHead: () => Promise<void>, options: CallOptions): Promise<void>;
}
