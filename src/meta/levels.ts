/** A backup's tree from its level documents, for backups without full_meta.json (FORMAT.md, "Versions read"). */

import type { Int64 } from "../base/types.ts";
import { ALL_PARTITIONS } from "./layout.ts";
import type { BackupMeta, CollectionMeta, PartitionMeta, SegmentMeta } from "./types.ts";

export interface Levels {
  /** backup_meta.json. */
  readonly head: BackupMeta;
  readonly collections: readonly CollectionMeta[];
  readonly partitions: readonly PartitionMeta[];
  readonly segments: readonly SegmentMeta[];
}

/**
 * Segments go to their partition, partitions to their collection, sizes are sums. What collection_meta.json says of
 * partitions is overruled; its l0_segments stay (compacted backups have them there).
 */
export function mergeLevels({ head, collections, partitions, segments }: Levels): BackupMeta {
  const segmentsOf = Map.groupBy(segments, (segment) => `${segment.collectionId}/${segment.partitionId}`);
  const partitionsOf = Map.groupBy(partitions, (partition) => partition.collectionId);
  const merged = collections.map((collection) => {
    const own = (partitionsOf.get(collection.collectionId) ?? []).map((partition) => {
      const inside = segmentsOf.get(`${partition.collectionId}/${partition.partitionId}`) ?? [];
      return { ...partition, segments: inside, size: sizeOf(inside) };
    });
    return { ...collection, partitions: own, size: sizeOf(own) + sizeOf(collection.l0Segments) };
  });
  return { ...head, collections: merged, size: sizeOf(merged) };
}

/** A delta log found by listing; the level documents do not name those of all partitions. */
export interface FoundDeltaLog {
  readonly segmentId: Int64;
  readonly logId: Int64;
  readonly size: Int64;
}

/** The collection with L0 segments of all partitions made of the logs that lie in the backup. */
export function withL0Segments(collection: CollectionMeta, found: readonly FoundDeltaLog[]): CollectionMeta {
  const bySegment = Map.groupBy(found, (log) => log.segmentId);
  const l0Segments = [...bySegment].map(([segmentId, logs]): SegmentMeta => {
    const binlogs = logs.map(({ logId, size }) => ({ logId, logSize: size, logPath: "" }));
    return {
      segmentId,
      collectionId: collection.collectionId,
      partitionId: ALL_PARTITIONS,
      rows: 0n,
      insertLogs: [],
      deltaLogs: [{ fieldId: 0n, binlogs }],
      size: logs.reduce((sum, log) => sum + log.size, 0n),
      groupId: 0n,
      isL0: true,
      vChannel: "",
      storageVersion: 0n,
    };
  });
  return { ...collection, l0Segments, size: collection.size + sizeOf(l0Segments) };
}

function sizeOf(parts: readonly { readonly size: Int64 }[]): Int64 {
  return parts.reduce((sum, part) => sum + part.size, 0n);
}
