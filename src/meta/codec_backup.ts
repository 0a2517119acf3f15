/** Tables of the backup itself and its collections. */

import { message } from "./codec_message.ts";
import { collectionSchema, databaseMeta, indexMeta, keyValues } from "./codec_schema.ts";
import { partitionMeta, segmentMeta } from "./codec_segments.ts";
import { flag, int32, int64, list, longList, raw, text, textMap, uint64, type ZeroCodec } from "./codec_values.ts";
import type { BackupMeta, CollectionMeta } from "./types.ts";

export const collectionMeta: ZeroCodec<CollectionMeta> = message<CollectionMeta>([
  { key: "id", property: "backupId", codec: text },
  { key: "collection_id", property: "collectionId", codec: int64 },
  { key: "db_name", property: "databaseName", codec: text },
  { key: "collection_name", property: "collectionName", codec: text },
  { key: "schema", property: "schema", codec: collectionSchema },
  { key: "shards_num", property: "shards", codec: int32 },
  { key: "consistency_level", property: "consistencyLevel", codec: int32 },
  { key: "partition_backups", property: "partitions", codec: longList(partitionMeta) },
  { key: "backup_timestamp", property: "backupTimestamp", codec: uint64 },
  { key: "size", property: "size", codec: int64, always: true },
  { key: "has_index", property: "hasIndex", codec: flag, always: true },
  { key: "index_infos", property: "indexes", codec: list(indexMeta) },
  { key: "load_state", property: "loadState", codec: text },
  { key: "backup_physical_timestamp", property: "backupPhysicalTimestamp", codec: uint64 },
  { key: "channel_checkpoints", property: "channelCheckpoints", codec: textMap },
  { key: "l0_segments", property: "l0Segments", codec: longList(segmentMeta) },
  { key: "properties", property: "properties", codec: keyValues },
  { key: "db_id", property: "databaseId", codec: int64 },
  { key: "created_timestamp", property: "createdTimestamp", codec: uint64 },
  { key: "virtual_channel_names", property: "virtualChannels", codec: list(text) },
  { key: "physical_channel_names", property: "physicalChannels", codec: list(text) },
  { key: "aliases", property: "aliases", codec: list(text) },
  { kept: "snapshot_backup" },
]);

export const backupMeta: ZeroCodec<BackupMeta> = message<BackupMeta>([
  { key: "id", property: "id", codec: text },
  { kept: "state_code", otherwise: "0" },
  { key: "name", property: "name", codec: text },
  { key: "backup_timestamp", property: "backupTimestamp", codec: uint64 },
  { key: "collection_backups", property: "collections", codec: longList(collectionMeta) },
  { key: "size", property: "size", codec: int64, always: true },
  { key: "milvus_version", property: "milvusVersion", codec: text },
  // Credentials pass through here: `raw` never quotes a value in an error.
  { key: "rbac_meta", property: "rbac", codec: raw },
  { kept: "rpc_channel_info" },
  { key: "database_backups", property: "databases", codec: list(databaseMeta) },
  { kept: "flush_all_msgs_base64" },
  { kept: "control_channel_name" },
  { kept: "physical_channel_names" },
  { key: "format", property: "format", codec: text },
]);
