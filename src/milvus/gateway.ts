/**
 * What the rest of the program asks of a Milvus server. Operations take the narrowest role they need.
 * All calls: errors are AppErrors (MILVUS_ERROR with the server's code and reason in details, ACCESS_DENIED,
 * NOT_FOUND, ALREADY_EXISTS, UNAVAILABLE and THROTTLED after retries, UNSUPPORTED for calls the server does not have);
 * every call has a deadline.
 */

import type { Int64, Namespace } from "../base/types.ts";
import type { CollectionSchema, DatabaseMeta, FieldSchema, IndexMeta, KeyValue, LoadState } from "../meta/types.ts";
import type { Feature } from "./features.ts";

export interface CollectionDescription {
  readonly id: Int64;
  readonly databaseName: string;
  readonly databaseId: Int64;
  readonly name: string;
  readonly schema: CollectionSchema;
  readonly shards: number;
  readonly consistencyLevel: number;
  readonly properties: readonly KeyValue[];
  readonly virtualChannels: readonly string[];
  readonly physicalChannels: readonly string[];
  readonly aliases: readonly string[];
  readonly createdTimestamp: Int64;
  /** The response as it came, for extra_meta.json. */
  readonly raw: Uint8Array;
  /** The collection's data lies outside Milvus (a field names an external source): there is nothing to copy. */
  readonly external: boolean;
}

export interface PartitionDescription {
  readonly id: Int64;
  readonly name: string;
}

/** A sealed segment as the server lists it; its files come from SegmentReader.segmentFiles or from a listing. */
export interface SegmentDescription {
  readonly id: Int64;
  readonly collectionId: Int64;
  /** -1 for deletes of all partitions. */
  readonly partitionId: Int64;
  readonly rows: Int64;
  readonly state: string;
  readonly isL0: boolean;
  readonly storageVersion: Int64;
}

export interface SegmentLogs {
  readonly segmentId: Int64;
  readonly vChannel: string;
  readonly insertLogs: readonly { readonly fieldId: Int64; readonly logIds: readonly Int64[] }[];
  readonly deltaLogs: readonly { readonly fieldId: Int64; readonly logIds: readonly Int64[] }[];
}

export interface FlushResult {
  /** vchannel -> base64 of msgpb.MsgPosition, exactly as received. */
  readonly channelCheckpoints: Readonly<Record<string, string>>;
  /** Highest checkpoint timestamp (hybrid); 0 when the server sent none. */
  readonly timestamp: Int64;
  /** Unix seconds; 0 when the server sent none. */
  readonly sealTime: Int64;
}

export interface CatalogReader {
  /** Just "default" on servers without databases. */
  listDatabases(signal: AbortSignal): Promise<readonly string[]>;
  /** Id 0 and no properties where the server cannot describe databases. */
  describeDatabase(name: string, signal: AbortSignal): Promise<DatabaseMeta>;
  listCollections(database: string, signal: AbortSignal): Promise<readonly string[]>;
  /** False also when the database does not exist. */
  hasCollection(namespace: Namespace, signal: AbortSignal): Promise<boolean>;
  /** @throws NOT_FOUND */
  describeCollection(namespace: Namespace, signal: AbortSignal): Promise<CollectionDescription>;
  /** A stored `raw` of an earlier describe, read with today's definitions. */
  decodeDescription(raw: Uint8Array): CollectionDescription;
  listPartitions(namespace: Namespace, signal: AbortSignal): Promise<readonly PartitionDescription[]>;
  /** Empty when there is none. */
  listIndexes(namespace: Namespace, signal: AbortSignal): Promise<readonly IndexMeta[]>;
  loadState(namespace: Namespace, signal: AbortSignal): Promise<LoadState>;
  /** Rows that a strongly consistent count query gives when the collection is loaded; undefined when it is not. */
  countLoadedRows(namespace: Namespace, signal: AbortSignal): Promise<Int64 | undefined>;
  /** GetCollectionStatistics row_count: rows of sealed segments, deletes that were not compacted still counted. */
  statisticsRowCount(namespace: Namespace, signal: AbortSignal): Promise<Int64>;
}

export interface CreateCollectionRequest {
  readonly namespace: Namespace;
  /** `name` is taken from `namespace`; the dynamic field is left to the server. */
  readonly schema: CollectionSchema;
  readonly shards: number;
  readonly consistencyLevel: number;
  readonly properties: readonly KeyValue[];
  /** Partitions of a partition-key collection; 0 otherwise. */
  readonly partitions: number;
}

export interface CatalogWriter {
  createDatabase(name: string, properties: readonly KeyValue[], signal: AbortSignal): Promise<void>;
  /** Resolves when it is gone, also when it never was. The server refuses one that holds collections. */
  dropDatabase(name: string, signal: AbortSignal): Promise<void>;
  createCollection(request: CreateCollectionRequest, signal: AbortSignal): Promise<void>;
  addField(namespace: Namespace, field: FieldSchema, signal: AbortSignal): Promise<void>;
  alterProperties(namespace: Namespace, properties: readonly KeyValue[], signal: AbortSignal): Promise<void>;
  createPartition(namespace: Namespace, partition: string, signal: AbortSignal): Promise<void>;
  createIndex(
    namespace: Namespace,
    index: {
      readonly fieldName: string;
      readonly indexName: string;
      readonly params: Readonly<Record<string, string>>;
    },
    signal: AbortSignal,
  ): Promise<void>;
  dropIndex(
    namespace: Namespace,
    index: { readonly fieldName: string; readonly indexName: string },
    signal: AbortSignal,
  ): Promise<void>;
  createAlias(namespace: Namespace, alias: string, signal: AbortSignal): Promise<void>;
  /** Points an alias that exists at another collection of its database, in one step. */
  alterAlias(namespace: Namespace, alias: string, signal: AbortSignal): Promise<void>;
  loadCollection(namespace: Namespace, signal: AbortSignal): Promise<void>;
  releaseCollection(namespace: Namespace, signal: AbortSignal): Promise<void>;
  renameCollection(from: Namespace, to: Namespace, signal: AbortSignal): Promise<void>;
  /** Resolves when it is gone, also when it never was. */
  dropCollection(namespace: Namespace, signal: AbortSignal): Promise<void>;
}

export interface Flusher {
  /** Seals what is in memory and waits, paced to the server's rate limit and bounded, until it is persistent. */
  flush(namespace: Namespace, signal: AbortSignal): Promise<FlushResult>;
}

export interface SegmentReader {
  /**
   * Every Sealed, Flushing and Flushed segment with rows, and L0; dropped and growing ones are left out. The files of a Sealed
   * one may not be complete yet.
   */
  listSegments(namespace: Namespace, signal: AbortSignal): Promise<readonly SegmentDescription[]>;
  /**
   * The exact files of these segments (REST, batched). Only where server.supports("segmentDescribe").
   * @throws UNSUPPORTED, NOT_FOUND when a segment is gone
   */
  segmentLogs(
    namespace: Namespace,
    collectionId: Int64,
    segmentIds: readonly Int64[],
    signal: AbortSignal,
  ): Promise<readonly SegmentLogs[]>;
}

export interface ImportRequest {
  readonly namespace: Namespace;
  /** "" for deletes of all partitions. */
  readonly partition: string;
  /** One group a segment: [insert directory, delta directory?]; for L0: [delta directory]. Native paths, "/"-ended. */
  readonly groups: readonly (readonly string[])[];
  readonly l0: boolean;
  readonly storageVersion: Int64;
}

export type ImportPhase = "pending" | "importing" | "completed" | "failed";

export interface ImportProgress {
  readonly phase: ImportPhase;
  /** 0 to 100. */
  readonly percent: number;
  /** The server's own word for the state. */
  readonly state: string;
  readonly reason: string;
  /** Rows the job says it imported; undefined where the server does not say. */
  readonly rows?: Int64;
}

export interface Importer {
  /** Which protocol is used: v2 (REST) where the server offers it, else v1 (gRPC). */
  readonly importVersion: "v1" | "v2";
  /** Groups that fit into one job (1 for v1). */
  readonly maxGroupsPerJob: number;
  startImport(request: ImportRequest, signal: AbortSignal): Promise<string>;
  /** @throws NOT_FOUND when the server does not know the job */
  importProgress(namespace: Namespace, job: string, signal: AbortSignal): Promise<ImportProgress>;
}

export interface GcLease extends AsyncDisposable {
  /** False when the server could not be asked to pause; `reason` says why. */
  readonly paused: boolean;
  readonly reason?: string;
}

export interface GcControl {
  /** Pauses garbage collection by a lease that is renewed until the returned value is disposed, which resumes it. */
  pauseGc(signal: AbortSignal): Promise<GcLease>;
}

export interface ServerInfo {
  /** As the server gave it, e.g. "v2.3.5-lite". */
  readonly version: string;
  supports(feature: Feature): boolean;
}

export interface MilvusGateway
  extends CatalogReader,
    CatalogWriter,
    Flusher,
    SegmentReader,
    Importer,
    GcControl,
    AsyncDisposable {
  readonly server: ServerInfo;
  /** host:port, for messages. */
  readonly address: string;
}
