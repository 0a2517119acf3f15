/**
 * The calls this program makes and the fields of their messages that it uses, under their protobuf names
 * (milvus.proto, common.proto, schema.proto of Milvus 3.0). Decoded as proto.ts says; in requests every field may be left out.
 */

export interface WireKeyValue {
  readonly key: string;
  readonly value: string;
}

export interface WireStatus {
  readonly error_code: number;
  readonly reason: string;
  readonly code: number;
  readonly detail: string;
  readonly retriable: boolean;
}

interface Answer {
  readonly status: WireStatus | null;
}

export interface WireFieldSchema {
  readonly fieldID: string;
  readonly name: string;
  readonly is_primary_key: boolean;
  readonly description: string;
  readonly data_type: number;
  readonly type_params: readonly WireKeyValue[];
  readonly index_params: readonly WireKeyValue[];
  readonly autoID: boolean;
  readonly element_type: number;
  /** Bytes of a ValueField; null or absent without a default. */
  readonly default_value?: Uint8Array | null;
  readonly is_dynamic: boolean;
  readonly is_partition_key: boolean;
  readonly is_clustering_key: boolean;
  readonly nullable: boolean;
  readonly is_function_output: boolean;
  readonly external_field?: string;
}

export interface WireStructArrayField {
  readonly fieldID: string;
  readonly name: string;
  readonly description: string;
  readonly fields: readonly WireFieldSchema[];
}

export interface WireFunction {
  readonly name: string;
  readonly id: string;
  readonly description: string;
  readonly type: number;
  readonly input_field_names: readonly string[];
  readonly input_field_ids: readonly string[];
  readonly output_field_names: readonly string[];
  readonly output_field_ids: readonly string[];
  readonly params: readonly WireKeyValue[];
}

export interface WireCollectionSchema {
  readonly name: string;
  readonly description: string;
  readonly autoID: boolean;
  readonly fields: readonly WireFieldSchema[];
  readonly enable_dynamic_field: boolean;
  readonly properties: readonly WireKeyValue[];
  readonly functions: readonly WireFunction[];
  readonly struct_array_fields: readonly WireStructArrayField[];
}

export interface WireDescribeCollection extends Answer {
  readonly schema: WireCollectionSchema | null;
  readonly collectionID: string;
  readonly virtual_channel_names: readonly string[];
  readonly physical_channel_names: readonly string[];
  readonly created_timestamp: string;
  readonly shards_num: number;
  readonly aliases: readonly string[];
  readonly consistency_level: number;
  readonly collection_name: string;
  readonly properties: readonly WireKeyValue[];
  readonly db_name: string;
  readonly db_id: string;
}

export interface WireIndex {
  readonly index_name: string;
  readonly indexID: string;
  readonly params: readonly WireKeyValue[];
  readonly field_name: string;
}

export interface WireSegment {
  readonly segmentID: string;
  readonly collectionID: string;
  readonly partitionID: string;
  readonly num_rows: string;
  readonly state: number;
  readonly level: number;
  readonly storage_version: string;
}

interface WireLongs {
  readonly data: readonly string[];
}

export interface WireFlush extends Answer {
  readonly coll_segIDs: Readonly<Record<string, WireLongs>>;
  readonly coll_seal_times: Readonly<Record<string, string>>;
  readonly coll_flush_ts: Readonly<Record<string, string>>;
  /** Bytes of a msgpb.MsgPosition each. */
  readonly channel_cps: Readonly<Record<string, Uint8Array>>;
}

export interface WireImportState extends Answer {
  readonly state: number;
  readonly row_count: string;
  readonly infos: readonly WireKeyValue[];
}

interface CollectionRequest {
  readonly collection_name: string;
}

/** A call's request and its response. */
export interface MilvusMethods {
  Connect: {
    request: { readonly client_info: Readonly<Record<string, string>> };
    response: Answer & { readonly server_info: { readonly build_tags: string } | null; readonly identifier: string };
  };
  GetVersion: { request: Record<string, never>; response: Answer & { readonly version: string } };
  ListDatabases: { request: Record<string, never>; response: Answer & { readonly db_names: readonly string[] } };
  DescribeDatabase: {
    request: { readonly db_name: string };
    response: Answer & {
      readonly db_name: string;
      readonly dbID: string;
      readonly properties: readonly WireKeyValue[];
    };
  };
  ShowCollections: {
    request: Record<string, never>;
    response: Answer & { readonly collection_names: readonly string[] };
  };
  HasCollection: { request: CollectionRequest; response: Answer & { readonly value: boolean } };
  DescribeCollection: { request: CollectionRequest; response: WireDescribeCollection };
  ShowPartitions: {
    request: CollectionRequest;
    response: Answer & { readonly partition_names: readonly string[]; readonly partitionIDs: readonly string[] };
  };
  DescribeIndex: {
    request: CollectionRequest;
    response: Answer & { readonly index_descriptions: readonly WireIndex[] };
  };
  GetLoadState: { request: CollectionRequest; response: Answer & { readonly state: number } };
  GetLoadingProgress: { request: CollectionRequest; response: Answer & { readonly progress: string } };
  Query: {
    request: CollectionRequest & {
      readonly expr: string;
      readonly output_fields: readonly string[];
      readonly consistency_level: number;
      readonly guarantee_timestamp: string;
    };
    response: Answer & {
      readonly fields_data: readonly { readonly scalars: { readonly long_data: WireLongs | null } | null }[];
    };
  };
  GetCollectionStatistics: {
    request: CollectionRequest;
    response: Answer & { readonly stats: readonly WireKeyValue[] };
  };
  Flush: { request: { readonly collection_names: readonly string[] }; response: WireFlush };
  GetFlushState: {
    request: CollectionRequest & { readonly segmentIDs: readonly string[]; readonly flush_ts: string };
    response: Answer & { readonly flushed: boolean };
  };
  GetPersistentSegmentInfo: {
    request: { readonly collectionName: string };
    response: Answer & { readonly infos: readonly WireSegment[] };
  };
  Import: {
    request: CollectionRequest & {
      readonly partition_name: string;
      readonly files: readonly string[];
      readonly options: readonly WireKeyValue[];
    };
    response: Answer & { readonly tasks: readonly string[] };
  };
  GetImportState: { request: { readonly task: string }; response: WireImportState };
  CreateDatabase: {
    request: { readonly db_name: string; readonly properties: readonly WireKeyValue[] };
    response: WireStatus;
  };
  DropDatabase: { request: { readonly db_name: string }; response: WireStatus };
  CreateCollection: {
    request: CollectionRequest & {
      readonly schema: Uint8Array;
      readonly shards_num: number;
      readonly consistency_level: number;
      readonly properties: readonly WireKeyValue[];
      readonly num_partitions: string;
    };
    response: WireStatus;
  };
  AddCollectionField: { request: CollectionRequest & { readonly schema: Uint8Array }; response: WireStatus };
  AlterCollection: {
    request: CollectionRequest & { readonly properties: readonly WireKeyValue[] };
    response: WireStatus;
  };
  CreatePartition: { request: CollectionRequest & { readonly partition_name: string }; response: WireStatus };
  CreateIndex: {
    request: CollectionRequest & {
      readonly field_name: string;
      readonly index_name: string;
      readonly extra_params: readonly WireKeyValue[];
    };
    response: WireStatus;
  };
  DropIndex: {
    request: CollectionRequest & { readonly field_name: string; readonly index_name: string };
    response: WireStatus;
  };
  CreateAlias: { request: CollectionRequest & { readonly alias: string }; response: WireStatus };
  AlterAlias: { request: CollectionRequest & { readonly alias: string }; response: WireStatus };
  LoadCollection: { request: CollectionRequest; response: WireStatus };
  ReleaseCollection: { request: CollectionRequest; response: WireStatus };
  RenameCollection: {
    request: { readonly oldName: string; readonly newName: string; readonly newDBName: string };
    response: WireStatus;
  };
  DropCollection: { request: CollectionRequest; response: WireStatus };
}

export type MethodName = keyof MilvusMethods;
