/** What lies in the Milvus root path for one collection: two listings, whatever the number of segments. */

import { AppError } from "../../base/errors.ts";
import type { Int64 } from "../../base/types.ts";
import { parseSourceLogKey } from "../../meta/layout.ts";
import type { ObjectInfo, StorageDriver } from "../../storage/driver.ts";

export interface ListedLogs {
  readonly logId: Int64;
  readonly object: ObjectInfo;
}

export interface ListedSegment {
  /** Field id (storage v1) or column group (v2) -> its log files, by log id. */
  readonly insert: ReadonlyMap<Int64, readonly ListedLogs[]>;
  readonly delta: readonly ListedLogs[];
}

interface MutableSegment {
  insert: Map<Int64, ListedLogs[]>;
  delta: ListedLogs[];
}

/** Segment id -> its objects. @throws DATA_MISSING for a key that is not a log file of this layout. */
export async function listCollectionLogs(
  root: StorageDriver,
  collectionId: Int64,
  signal: AbortSignal,
): Promise<ReadonlyMap<Int64, ListedSegment>> {
  const segments = new Map<Int64, MutableSegment>();
  const segmentOf = (id: Int64): MutableSegment => {
    const known = segments.get(id) ?? { insert: new Map<Int64, ListedLogs[]>(), delta: [] };
    segments.set(id, known);
    return known;
  };
  for (const kind of ["insert_log", "delta_log"] as const) {
    for await (const object of root.list(`${kind}/${collectionId}/`, { signal })) {
      const log = parseSourceLogKey(object.key) ?? unknownKey(root, object.key);
      const segment = segmentOf(log.segmentId);
      const entry = { logId: log.logId, object };
      if (log.kind === "delta") {
        segment.delta.push(entry);
        continue;
      }
      const logs = segment.insert.get(log.fieldId);
      if (logs === undefined) segment.insert.set(log.fieldId, [entry]);
      else logs.push(entry);
    }
  }
  for (const segment of segments.values()) {
    for (const logs of segment.insert.values()) logs.sort(byLogId);
    segment.delta.sort(byLogId);
  }
  return segments;
}

/** Milvus imports logs in the order of their ids. */
function byLogId(a: ListedLogs, b: ListedLogs): number {
  if (a.logId === b.logId) return 0;
  return a.logId < b.logId ? -1 : 1;
}

function unknownKey(root: StorageDriver, key: string): never {
  throw new AppError(
    "DATA_MISSING",
    `${root.location}: ${key} is not a log file in a layout this version knows; a backup of it could not be restored`,
    { details: { key } },
  );
}
