/** The state of a Milvus server for tests of the operations: databases, collections, segments with real files, jobs. */

import { AppError } from "../../src/base/errors.ts";
import type { Namespace } from "../../src/base/types.ts";
import { collectionSchema } from "../../src/meta/codec_schema.ts";
import type { CollectionSchema, DatabaseMeta, FieldSchema, IndexMeta, KeyValue } from "../../src/meta/types.ts";
import type { Feature } from "../../src/milvus/features.ts";
import type { CollectionDescription } from "../../src/milvus/gateway.ts";
import type { StorageDriver } from "../../src/storage/driver.ts";
import { type FakeRow, type FakeSegment, PK_FIELD, writeDeletes, writeRows } from "./fake_milvus_data.ts";

export interface FakeCollection {
  readonly id: bigint;
  namespace: Namespace;
  schema: CollectionSchema;
  readonly shards: number;
  readonly consistencyLevel: number;
  readonly properties: readonly KeyValue[];
  /** Name -> id. */
  readonly partitions: Map<string, bigint>;
  segments: FakeSegment[];
  /** Rows that no flush has stored yet, by partition. */
  growing: { readonly partition: string; readonly row: FakeRow }[];
  readonly indexes: IndexMeta[];
  readonly aliases: Set<string>;
  external: boolean;
  /** Rows that imports brought. */
  imported: FakeRow[];
}

export interface FakeMilvusOptions {
  /** Where the server writes: its root path. */
  readonly root: StorageDriver;
  /** The whole bucket, as import paths are meant. */
  readonly bucket: StorageDriver;
  readonly version?: string;
  readonly features?: readonly Feature[];
  readonly importVersion?: "v1" | "v2";
}

/** Called before each call is carried out, with its name, its count from 1 and what it is about; what it throws, the call throws. */
export type FakeScript = (call: string, count: number, about: string) => void | Promise<void>;

export const field = (fieldId: bigint, name: string, more: Partial<FieldSchema> = {}): FieldSchema => ({
  fieldId,
  name,
  isPrimaryKey: false,
  description: "",
  dataType: 5,
  typeParams: [],
  indexParams: [],
  autoId: false,
  elementType: 0,
  isDynamic: false,
  isPartitionKey: false,
  nullable: false,
  isFunctionOutput: false,
  ...more,
});

/** An int64 key and a vector. */
export const BOOKS: CollectionSchema = {
  ...collectionSchema.zero,
  name: "books",
  fields: [
    field(PK_FIELD, "id", { isPrimaryKey: true }),
    field(101n, "vector", { dataType: 101, typeParams: [{ key: "dim", value: "4" }] }),
  ],
};

/** Raw answers of every fake, so that one server can read what another wrote down. */
const described = new Map<string, CollectionDescription>();

export class FakeMilvus {
  readonly options: FakeMilvusOptions;
  readonly databases = new Map<string, readonly KeyValue[]>([["default", []]]);
  collections: FakeCollection[] = [];
  /** "flush default.books", in order. */
  readonly calls: string[] = [];
  readonly gc = { pauses: 0, resumes: 0, refusal: undefined as string | undefined };
  script: FakeScript = () => {};
  /** What an import job says at its n-th poll; undefined lets it do its work and complete. */
  jobState: (job: string, poll: number) => { phase: "pending" | "importing" | "failed"; percent: number } | undefined =
    () => undefined;
  /** Whether an import job says how many rows it brought. */
  countsImportedRows = true;
  #lastId = 460_000_000_000_000_000n;
  readonly #counts = new Map<string, number>();

  constructor(options: FakeMilvusOptions) {
    this.options = options;
  }

  readonly nextId = (): bigint => {
    this.#lastId += 1n;
    return this.#lastId;
  };

  /** Notes a call and lets the script fail it. */
  async enter(call: string, about: string, signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw new AppError("ABORTED", "interrupted");
    const count = (this.#counts.get(call) ?? 0) + 1;
    this.#counts.set(call, count);
    this.calls.push(`${call} ${about}`);
    await this.script(call, count, about);
    if (signal.aborted) throw new AppError("ABORTED", "interrupted");
  }

  find({ database, collection }: Namespace): FakeCollection | undefined {
    return this.collections.find((it) => it.namespace.database === database && it.namespace.collection === collection);
  }

  /** @throws NOT_FOUND */
  get(namespace: Namespace): FakeCollection {
    const found = this.find(namespace);
    if (found !== undefined) return found;
    throw new AppError("NOT_FOUND", `Milvus refused: can't find collection ${namespace.collection}`);
  }

  make(
    namespace: Namespace,
    schema: CollectionSchema = BOOKS,
    more: {
      readonly shards?: number;
      readonly properties?: readonly KeyValue[];
      readonly consistencyLevel?: number;
    } = {},
  ): FakeCollection {
    const { shards = 1, properties = [], consistencyLevel = 2 } = more;
    const made: FakeCollection = {
      id: this.nextId(),
      namespace,
      schema: { ...schema, name: namespace.collection },
      shards,
      consistencyLevel,
      properties,
      partitions: new Map([["_default", this.nextId()]]),
      segments: [],
      growing: [],
      indexes: [],
      aliases: new Set(),
      external: false,
      imported: [],
    };
    this.collections.push(made);
    return made;
  }

  /** Rows that the next flush stores. */
  insert(collection: FakeCollection, pks: readonly bigint[], partition = "_default"): void {
    for (const pk of pks) collection.growing.push({ partition, row: { pk, ts: this.nextId() } });
  }

  /** Growing rows become one segment for each partition, with its files. */
  async seal(collection: FakeCollection): Promise<void> {
    const byPartition = Map.groupBy(collection.growing, ({ partition }) => partition);
    collection.growing = [];
    for (const [partition, grown] of byPartition) {
      const rows = grown.map(({ row }) => row);
      const segment = this.#segment(collection, { partitionId: collection.partitions.get(partition) ?? 0n, rows });
      const fieldIds = [0n, 1n, ...collection.schema.fields.map((it) => it.fieldId)];
      await writeRows(this.options.root, segment, { fieldIds, nextId: this.nextId, rows });
    }
  }

  async store(collection: FakeCollection, pks: readonly bigint[], partition = "_default"): Promise<FakeSegment> {
    this.insert(collection, pks, partition);
    await this.seal(collection);
    const made = collection.segments.at(-1);
    if (made === undefined) throw new Error("no rows, no segment");
    return made;
  }

  /** Deletes in the segment's own delta log. */
  async deleteFrom(segment: FakeSegment, pks: readonly bigint[]): Promise<void> {
    const deletes = pks.map((pk) => ({ pk, ts: this.nextId() }));
    await writeDeletes(this.options.root, segment, { logId: this.nextId(), deletes });
  }

  /** Deletes in an L0 segment of one partition, or of all. */
  async deleteL0(collection: FakeCollection, pks: readonly bigint[], partition?: string): Promise<FakeSegment> {
    const partitionId = partition === undefined ? -1n : (collection.partitions.get(partition) ?? 0n);
    const segment = this.#segment(collection, { partitionId, rows: [], isL0: true });
    await this.deleteFrom(segment, pks);
    return segment;
  }

  /** A segment that compaction replaced: its declaration goes, its files too when `collected`. */
  async retire(collection: FakeCollection, segment: FakeSegment, collected: boolean): Promise<void> {
    const signal = new AbortController().signal;
    collection.segments = collection.segments.filter((it) => it !== segment);
    if (!collected) return;
    for (const kind of ["insert_log", "delta_log"]) {
      const prefix = `${kind}/${segment.collectionId}/${segment.partitionId}/${segment.id}/`;
      for await (const { key } of this.options.root.list(prefix, { signal })) {
        await this.options.root.delete(key, { signal });
      }
    }
  }

  describe(collection: FakeCollection): CollectionDescription {
    const { namespace, id } = collection;
    const text = `describe ${id} ${collection.schema.fields.length} ${namespace.collection} ${crypto.randomUUID()}`;
    const description: CollectionDescription = {
      id,
      databaseName: namespace.database,
      databaseId: 1n,
      name: namespace.collection,
      schema: collection.schema,
      shards: collection.shards,
      consistencyLevel: collection.consistencyLevel,
      properties: collection.properties,
      virtualChannels: [`dml_0_${id}v0`],
      physicalChannels: ["dml_0"],
      aliases: [...collection.aliases],
      createdTimestamp: id,
      raw: new TextEncoder().encode(text),
      external: collection.external,
    };
    described.set(text, description);
    return description;
  }

  decode(raw: Uint8Array): CollectionDescription {
    const found = described.get(new TextDecoder().decode(raw));
    if (found === undefined) throw new AppError("MILVUS_ERROR", "not a description");
    return found;
  }

  database(name: string): DatabaseMeta {
    const properties = this.databases.get(name);
    if (properties === undefined) throw new AppError("NOT_FOUND", `Milvus refused: database not found ${name}`);
    return { name, id: 1n, properties };
  }

  #segment(
    collection: FakeCollection,
    made: { readonly partitionId: bigint; readonly rows: readonly FakeRow[]; readonly isL0?: boolean },
  ): FakeSegment {
    const segment: FakeSegment = {
      id: this.nextId(),
      collectionId: collection.id,
      partitionId: made.partitionId,
      rows: made.rows,
      isL0: made.isL0 ?? false,
      vChannel: `dml_0_${collection.id}v0`,
      insertLogs: new Map(),
      deltaLogs: [],
    };
    collection.segments.push(segment);
    return segment;
  }
}
