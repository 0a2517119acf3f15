/** Where things lie: keys inside a backup, keys inside a Milvus root path. See FORMAT.md. */

import type { Int64 } from "../base/types.ts";
import type { ObjectKey } from "../storage/driver.ts";
import { objectKey } from "../storage/key.ts";

/** The documents of a backup, relative to its folder. */
export const DOCUMENT = {
  /** Its presence is the commit. */
  backup: "meta/backup_meta.json",
  collection: "meta/collection_meta.json",
  partition: "meta/partition_meta.json",
  segment: "meta/segment_meta.json",
  full: "meta/full_meta.json",
  extra: "meta/extra_meta.json",
  manifest: "meta/manifest.json",
  /** Lies there only while the backup is being made. */
  owner: "meta/owner.json",
} as const;

export type DocumentPath = (typeof DOCUMENT)[keyof typeof DOCUMENT];

/** Prefixes relative to a backup's folder. */
export const META_PREFIX = "meta/";
export const MANIFESTS_PREFIX = "meta/manifests/";
export const BINLOGS_PREFIX = "binlogs/";

/** All that lies directly in a backup's folder. */
export const BACKUP_FOLDERS: readonly string[] = ["meta", "binlogs"];

/** The partition id that stands for all partitions. */
export const ALL_PARTITIONS: Int64 = -1n;

/** What a segment's keys are made of; a SegmentMeta is one. */
export interface SegmentIds {
  readonly collectionId: Int64;
  /** -1: all partitions. */
  readonly partitionId: Int64;
  /** 0: no group element (very old backups, and partition -1). */
  readonly groupId: Int64;
  readonly segmentId: Int64;
}

/** "<name>/", the prefix of every key of a backup below the backup root. */
export function backupPrefix(name: string): string {
  return `${name}/`;
}

/** The key of a document below the backup root. */
export function documentKey(name: string, document: DocumentPath): ObjectKey {
  return objectKey(`${backupPrefix(name)}${document}`);
}

/** Group id a new backup gives a segment: its own id, none for deletes of all partitions. */
export function groupIdOf(partitionId: Int64, segmentId: Int64): Int64 {
  return partitionId === ALL_PARTITIONS ? 0n : segmentId;
}

/** "binlogs/insert_log/<coll>/<part>/<group>/<seg>/", relative to the backup. */
export function insertLogPrefix(ids: SegmentIds): string {
  return `${insertImportPrefix(ids)}${ids.segmentId}/`;
}

/** "binlogs/delta_log/<coll>/<part>/<group>/<seg>/"; partition -1 and old backups have no group element. */
export function deltaLogPrefix(ids: SegmentIds): string {
  return `${logPrefix("delta_log", ids)}${ids.segmentId}/`;
}

/** Key of one insert log, relative to the backup. */
export function insertLogKey(ids: SegmentIds, fieldId: Int64, logId: Int64): ObjectKey {
  return objectKey(`${insertLogPrefix(ids)}${fieldId}/${logId}`);
}

/** Key of one delta log, relative to the backup. */
export function deltaLogKey(ids: SegmentIds, logId: Int64): ObjectKey {
  return objectKey(`${deltaLogPrefix(ids)}${logId}`);
}

/**
 * The folder an import job is given for a data segment: its group's, or its partition's in backups without groups.
 * Segments that share a group share the folder; import it once.
 */
export function insertImportPrefix(ids: SegmentIds): string {
  return logPrefix("insert_log", ids);
}

/** As insertImportPrefix, for delta logs; for deletes of all partitions it is the segment's own folder. */
export function deltaImportPrefix(ids: SegmentIds): string {
  return ids.partitionId === ALL_PARTITIONS ? deltaLogPrefix(ids) : logPrefix("delta_log", ids);
}

function logPrefix(kind: "insert_log" | "delta_log", ids: SegmentIds): string {
  const group = ids.groupId === 0n || ids.partitionId === ALL_PARTITIONS ? "" : `${ids.groupId}/`;
  return `${BINLOGS_PREFIX}${kind}/${ids.collectionId}/${ids.partitionId}/${group}`;
}

/** Folders of a segment below a Milvus root path: "insert_log/<coll>/<part>/<seg>/" and the delta_log one. */
export function sourceLogPrefixes(ids: Omit<SegmentIds, "groupId">): {
  readonly insert: string;
  readonly delta: string;
} {
  const path = `${ids.collectionId}/${ids.partitionId}/${ids.segmentId}/`;
  return { insert: `insert_log/${path}`, delta: `delta_log/${path}` };
}

export interface SourceInsertLog extends Omit<SegmentIds, "groupId"> {
  readonly kind: "insert";
  readonly fieldId: Int64;
  readonly logId: Int64;
}

export interface SourceDeltaLog extends Omit<SegmentIds, "groupId"> {
  readonly kind: "delta";
  readonly logId: Int64;
}

const INSERT_LOG = /^(?:.+\/)?insert_log\/(\d+)\/(\d+)\/(\d+)\/(\d+)\/(\d+)$/;
const DELTA_LOG = /^(?:.+\/)?delta_log\/(\d+)\/(-?\d+)\/(\d+)\/(\d+)$/;

/** What a key of a Milvus root path names (a path in front of insert_log or delta_log is allowed); undefined for others. */
export function parseSourceLogKey(key: string): SourceInsertLog | SourceDeltaLog | undefined {
  const insert = INSERT_LOG.exec(key);
  if (insert !== null) {
    const [collectionId, partitionId, segmentId, fieldId, logId] = ids(insert, 5);
    return { kind: "insert", collectionId, partitionId, segmentId, fieldId, logId };
  }
  const delta = DELTA_LOG.exec(key);
  if (delta === null) return undefined;
  const [collectionId, partitionId, segmentId, logId] = ids(delta, 4);
  return { kind: "delta", collectionId, partitionId, segmentId, logId };
}

function ids(match: RegExpExecArray, count: number): [Int64, Int64, Int64, Int64, Int64] {
  // The expressions have exactly `count` groups of digits, so the places the callers take are set.
  return match.slice(1, count + 1).map(BigInt) as [Int64, Int64, Int64, Int64, Int64];
}
