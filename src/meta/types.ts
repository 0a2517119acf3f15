/**
 * What a backup holds, in our own words; meta/codec.ts turns it into milvus-backup's JSON files and back.
 * Ids, timestamps and row counts are bigint. Absent lists are empty, absent texts are "".
 */

import type { JsonObject } from "../base/json.ts";
import type { Int64 } from "../base/types.ts";

/** Keys a newer or another tool wrote and we do not know: kept and written back. */
export interface Extensible {
  readonly unknown?: JsonObject;
}

export interface KeyValue {
  readonly key: string;
  readonly value: string;
}

export interface FieldSchema extends Extensible {
  readonly fieldId: Int64;
  readonly name: string;
  readonly isPrimaryKey: boolean;
  readonly description: string;
  /** Milvus schemapb DataType number; numbers newer than ours pass through. */
  readonly dataType: number;
  readonly typeParams: readonly KeyValue[];
  readonly indexParams: readonly KeyValue[];
  readonly autoId: boolean;
  /** DataType of the elements of an array, else 0. */
  readonly elementType: number;
  readonly isDynamic: boolean;
  readonly isPartitionKey: boolean;
  readonly nullable: boolean;
  readonly isFunctionOutput: boolean;
  /** Protobuf bytes of schemapb.ValueField; present exactly if the field has a default. */
  readonly defaultValue?: Uint8Array;
  /** Not in milvus-backup's format; travels in our extra_meta.json. */
  readonly isClusteringKey?: boolean;
}

export interface StructArrayFieldSchema extends Extensible {
  readonly fieldId: Int64;
  readonly name: string;
  readonly description: string;
  readonly fields: readonly FieldSchema[];
}

export interface FunctionSchema extends Extensible {
  readonly name: string;
  readonly id: Int64;
  readonly description: string;
  readonly type: number;
  readonly inputFieldNames: readonly string[];
  readonly inputFieldIds: readonly Int64[];
  readonly outputFieldNames: readonly string[];
  readonly outputFieldIds: readonly Int64[];
  readonly params: readonly KeyValue[];
}

export interface CollectionSchema extends Extensible {
  readonly name: string;
  readonly description: string;
  readonly autoId: boolean;
  readonly fields: readonly FieldSchema[];
  readonly enableDynamicField: boolean;
  readonly properties: readonly KeyValue[];
  readonly functions: readonly FunctionSchema[];
  readonly structArrayFields: readonly StructArrayFieldSchema[];
}

export interface IndexMeta extends Extensible {
  readonly fieldName: string;
  readonly indexName: string;
  readonly indexType: string;
  /** index_type and metric_type among them. */
  readonly params: Readonly<Record<string, string>>;
  readonly indexId: Int64;
}

export interface Binlog extends Extensible {
  /** Key in the source Milvus storage, its root path included; restore computes its own paths from the ids. */
  readonly logPath: string;
  readonly logSize: Int64;
  readonly logId: Int64;
}

/** The log files of one field (storage v1) or column group (storage v2). */
export interface FieldBinlog extends Extensible {
  readonly fieldId: Int64;
  readonly binlogs: readonly Binlog[];
}

export interface SegmentMeta extends Extensible {
  readonly segmentId: Int64;
  readonly collectionId: Int64;
  /** -1: deletes of all partitions (L0). */
  readonly partitionId: Int64;
  readonly rows: Int64;
  readonly insertLogs: readonly FieldBinlog[];
  readonly deltaLogs: readonly FieldBinlog[];
  readonly size: Int64;
  /** Directory element in the backup; the segment id, 0 for partition -1 and in very old backups. */
  readonly groupId: Int64;
  readonly isL0: boolean;
  readonly vChannel: string;
  readonly storageVersion: Int64;
}

export interface PartitionMeta extends Extensible {
  readonly partitionId: Int64;
  readonly partitionName: string;
  readonly collectionId: Int64;
  readonly segments: readonly SegmentMeta[];
  readonly size: Int64;
  readonly loadState: LoadState;
}

export type LoadState = "" | "NotLoad" | "Loading" | "Loaded" | (string & {});

export interface CollectionMeta extends Extensible {
  readonly backupId: string;
  readonly collectionId: Int64;
  /** "" in very old backups; read it through namespaceOf. */
  readonly databaseName: string;
  readonly databaseId: Int64;
  readonly collectionName: string;
  readonly schema: CollectionSchema;
  readonly shards: number;
  readonly consistencyLevel: number;
  readonly partitions: readonly PartitionMeta[];
  /** Hybrid timestamp of the flush; 0 when unknown. */
  readonly backupTimestamp: Int64;
  /** Unix seconds; 0 when unknown. */
  readonly backupPhysicalTimestamp: Int64;
  readonly size: Int64;
  readonly hasIndex: boolean;
  readonly indexes: readonly IndexMeta[];
  readonly loadState: LoadState;
  /** vchannel -> base64 of msgpb.MsgPosition. */
  readonly channelCheckpoints: Readonly<Record<string, string>>;
  /** L0 segments of all partitions (partition id -1). */
  readonly l0Segments: readonly SegmentMeta[];
  readonly properties: readonly KeyValue[];
  readonly createdTimestamp: Int64;
  readonly virtualChannels: readonly string[];
  readonly physicalChannels: readonly string[];
  readonly aliases: readonly string[];
  /** Raw DescribeCollectionResponse bytes (extra_meta.json), so that fields we do not know survive. */
  readonly describeResponse?: Uint8Array;
}

export interface DatabaseMeta extends Extensible {
  readonly name: string;
  readonly id: Int64;
  readonly properties: readonly KeyValue[];
}

export interface BackupMeta extends Extensible {
  readonly id: string;
  readonly name: string;
  /** "" is the binlog format; "snapshot" is not restored by this version; anything else is refused. */
  readonly format: string;
  readonly milvusVersion: string;
  readonly backupTimestamp: Int64;
  readonly size: Int64;
  readonly collections: readonly CollectionMeta[];
  readonly databases: readonly DatabaseMeta[];
  /** RBACMeta as milvus-backup writes it, kept as it is; it holds credentials and is never printed. */
  readonly rbac?: JsonObject;
  /** Our own stamp (extra_meta.json): absent in backups of other tools. */
  readonly createdBy?: string;
  /** ISO 8601; from extra_meta.json. */
  readonly createdAt?: string;
}
