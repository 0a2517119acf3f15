/** What a restore is asked to do, and what it reports. */

import { AppError } from "../../base/errors.ts";
import type { Int64, Namespace } from "../../base/types.ts";
import type { CollectionFilter } from "../../meta/filter.ts";
import { formatNamespace } from "../../meta/namespace.ts";
import type { TargetMapping } from "../../meta/rename.ts";

/**
 * How the stored objects are proved before Milvus reads them:
 * auto  objects that are staged are hashed on the way; objects read in place are checked by listing where the service
 *       guards its bytes, by reading where it does not (a local disk);
 * data  every object is read and hashed; list: names, sizes and ETags only; none: not at all.
 */
export type RestoreVerify = "auto" | "data" | "list" | "none";

export interface RestoreBackupRequest {
  readonly name: string;
  /** Names this run's temporary things; [A-Za-z0-9_]. */
  readonly id: string;
  /** Chooses by the names in the backup. Undefined selects everything. */
  readonly selection?: CollectionFilter;
  /** Chooses by the names after renaming. Undefined selects everything. */
  readonly filter?: CollectionFilter;
  readonly mapping: TargetMapping;
  readonly rebuildIndex: boolean;
  /** Vector indexes become AUTOINDEX with their metric. */
  readonly autoIndex: boolean;
  /** Collections, partitions and indexes without data. */
  readonly metaOnly: boolean;
  /** An existing target is replaced, but only after the restored collection has been checked. */
  readonly replaceExisting: boolean;
  /** With an existing target: its indexes are dropped first. */
  readonly dropExistingIndex: boolean;
  /** The target must exist and receives the rows. */
  readonly intoExisting: boolean;
  readonly verify: RestoreVerify;
  /** Collections under way at once. */
  readonly collections: number;
  readonly importJobs: number;
  readonly maxSegmentsPerImportJob: number;
  readonly keepTempFiles: boolean;
  /** An import job that makes no progress for this long fails the restore. */
  readonly stallSeconds: number;
}

export interface RowReport {
  /** Rows of all segments in the backup. */
  readonly backedUp: Int64;
  /** Of these, rows that the backup's deletes remove; `max` differs from `min` only when `exact` is false. */
  readonly deleted: { readonly min: Int64; readonly max: Int64; readonly exact: boolean };
  /** What the target reports after the restore; of a collection that existed before, what the import jobs brought. */
  readonly restored: Int64;
}

export interface CollectionRestoreReport {
  readonly source: Namespace;
  readonly target: Namespace;
  /** Absent for metaOnly, and where an existing collection was filled by a server that does not count imported rows. */
  readonly rows?: RowReport;
  readonly objects: number;
  readonly bytes: number;
  /** Where Milvus read the data: in the backup root itself, or from a staged copy. */
  readonly readFrom: "backup" | "staged";
  readonly indexes: number;
  /** Staged copies that nothing but their size vouched for. */
  readonly sizeOnly: number;
}

export interface RestoreReport {
  readonly backup: string;
  readonly collections: readonly CollectionRestoreReport[];
  readonly databasesCreated: readonly string[];
  readonly seconds: number;
}

/** A restore that failed after some of its collections were finished: those stay in the target. */
export class PartialRestoreError extends AppError {
  readonly finished: RestoreReport;

  constructor(error: AppError, finished: RestoreReport) {
    const names = finished.collections.map(({ target }) => formatNamespace(target));
    super(error.code, error.message, {
      cause: error,
      retriable: error.retriable,
      details: { ...error.details, finished: names.join(",") },
    });
    this.finished = finished;
  }
}
