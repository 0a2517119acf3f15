/** Tables of partitions, segments and their logs. */

import { message } from "./codec_message.ts";
import { flag, int64, list, longList, text, type ZeroCodec } from "./codec_values.ts";
import type { Binlog, FieldBinlog, PartitionMeta, SegmentMeta } from "./types.ts";

const binlog = message<Binlog>([
  { kept: "entries_num" },
  { kept: "timestamp_from" },
  { kept: "timestamp_to" },
  { key: "log_path", property: "logPath", codec: text },
  { key: "log_size", property: "logSize", codec: int64, always: true },
  { key: "log_id", property: "logId", codec: int64 },
]);

const fieldBinlog = message<FieldBinlog>([
  { key: "fieldID", property: "fieldId", codec: int64 },
  { key: "binlogs", property: "binlogs", codec: list(binlog) },
]);

export const segmentMeta: ZeroCodec<SegmentMeta> = message<SegmentMeta>([
  { key: "segment_id", property: "segmentId", codec: int64 },
  { key: "collection_id", property: "collectionId", codec: int64 },
  { key: "partition_id", property: "partitionId", codec: int64 },
  { key: "num_of_rows", property: "rows", codec: int64 },
  { key: "binlogs", property: "insertLogs", codec: list(fieldBinlog) },
  { kept: "statslogs" },
  { key: "deltalogs", property: "deltaLogs", codec: list(fieldBinlog) },
  { key: "size", property: "size", codec: int64, always: true },
  { key: "group_id", property: "groupId", codec: int64 },
  { kept: "backuped" },
  { key: "is_l0", property: "isL0", codec: flag },
  { key: "v_channel", property: "vChannel", codec: text },
  { key: "storage_version", property: "storageVersion", codec: int64 },
]);

export const partitionMeta: ZeroCodec<PartitionMeta> = message<PartitionMeta>([
  { key: "partition_id", property: "partitionId", codec: int64 },
  { key: "partition_name", property: "partitionName", codec: text },
  { key: "collection_id", property: "collectionId", codec: int64 },
  { key: "segment_backups", property: "segments", codec: longList(segmentMeta) },
  { key: "size", property: "size", codec: int64, always: true },
  { key: "load_state", property: "loadState", codec: text },
]);
