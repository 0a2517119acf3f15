/** The manifest: what every object of a backup must be, and what that claim rests on. */

import type { Checksum, ChecksumAlgorithm } from "../base/checksum.ts";
import type { ObjectKey } from "../storage/driver.ts";
import type { CopyTotals, Evidence } from "./plan.ts";

export const MANIFEST_FORMAT_VERSION = 1;

/** `meta/manifest.json`; one JSON-lines file per collection beside it, so that restoring one collection reads one file. */
export interface Manifest {
  readonly formatVersion: typeof MANIFEST_FORMAT_VERSION;
  readonly backupId: string;
  readonly backupName: string;
  /** "milvus-backup 0.1.0 (commit)". */
  readonly createdBy: string;
  /** Algorithm of the digests that streamed copies bring. */
  readonly algorithm: ChecksumAlgorithm;
  readonly collections: readonly CollectionManifestRef[];
  /** Digests of the meta documents written before the commit marker, keys relative to the backup. */
  readonly documents: readonly { readonly key: string; readonly size: number; readonly checksum: Checksum }[];
  readonly totals: CopyTotals;
}

export interface CollectionManifestRef {
  readonly collectionId: string;
  /** Relative to the backup: "meta/manifests/449577000000000001.jsonl". */
  readonly key: ObjectKey;
  readonly checksum: Checksum;
  readonly totals: CopyTotals;
}

/** One line of a collection's file. */
export interface ManifestEntry {
  /** Relative to the backup: "binlogs/insert_log/...". */
  readonly key: ObjectKey;
  readonly size: number;
  readonly evidence: Evidence;
  /**
   * ETag that the backup root's service gave when the object was written. A listing with the same one proves the object
   * untouched; another one proves nothing (a carried backup has others): then the content is read and its digest decides.
   */
  readonly etag?: string;
}
