/** From a collection's meta to what expectedRows wants. */

import { AppError } from "../base/errors.ts";
import type { Binlog, CollectionMeta, FieldBinlog, SegmentMeta } from "../meta/types.ts";
import type { KeyType } from "./deletes.ts";
import type { ExpectedRowsInput, L0Shape, LogObject, SegmentShape } from "./expected_rows.ts";

/** Where the logs of a segment lie; the caller knows the layout, old ones included. */
export interface LogKeys {
  insertLog(segment: SegmentMeta, fieldId: bigint, log: Binlog): string;
  deltaLog(segment: SegmentMeta, log: Binlog): string;
}

const KEY_TYPES: Readonly<Record<number, KeyType>> = { 5: "int64", 21: "varchar" };

/** @throws UNSUPPORTED for a collection whose primary key is neither int64 nor varchar */
export function collectionShape(
  collection: CollectionMeta,
  keys: LogKeys,
): Pick<ExpectedRowsInput, "primaryKey" | "segments" | "l0"> {
  const field = collection.schema.fields.find((candidate) => candidate.isPrimaryKey);
  const type = field === undefined ? undefined : KEY_TYPES[field.dataType];
  if (field === undefined || type === undefined) {
    throw new AppError(
      "UNSUPPORTED",
      `collection ${collection.collectionName}: primary key of data type ${field?.dataType ?? "none"} is not known`,
    );
  }
  const segments: SegmentShape[] = [];
  const l0: L0Shape[] = [];
  for (const partition of collection.partitions) {
    for (const segment of partition.segments) {
      if (segment.isL0) l0.push(l0Shape(segment, partition.partitionId, keys));
      else segments.push(segmentShape(segment, partition.partitionId, keys));
    }
  }
  for (const segment of collection.l0Segments) l0.push(l0Shape(segment, -1n, keys));
  return { primaryKey: { fieldId: field.fieldId, type }, segments, l0 };
}

function segmentShape(segment: SegmentMeta, partitionId: bigint, keys: LogKeys): SegmentShape {
  return {
    segmentId: segment.segmentId,
    partitionId,
    vChannel: segment.vChannel,
    rows: segment.rows,
    storageVersion: segment.storageVersion,
    insertLogs: segment.insertLogs.map((group) => ({
      fieldId: group.fieldId,
      logs: group.binlogs.map((log) => logObject(keys.insertLog(segment, group.fieldId, log), log)),
    })),
    deltaLogs: deltaLogs(segment, keys),
  };
}

function l0Shape(segment: SegmentMeta, partitionId: bigint, keys: LogKeys): L0Shape {
  return { partitionId, vChannel: segment.vChannel, deltaLogs: deltaLogs(segment, keys) };
}

function deltaLogs(segment: SegmentMeta, keys: LogKeys): LogObject[] {
  return segment.deltaLogs.flatMap((group: FieldBinlog) =>
    group.binlogs.map((log) => logObject(keys.deltaLog(segment, log), log)),
  );
}

function logObject(key: string, log: Binlog): LogObject {
  // 0 stands for a size that the writer of the meta did not know.
  return log.logSize > 0n ? { key, size: log.logSize } : { key };
}
