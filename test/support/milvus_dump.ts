import { type DataMaker, until, withData } from "./milvus_data.ts";
import { type PrimaryKey, readRows } from "./milvus_rows.ts";
import type { RpcMessage, RpcTarget } from "./milvus_rpc.ts";

/** Everything of one collection that a backup and a restore must keep, in comparable form. */
export interface CollectionDump {
  readonly schema: unknown;
  readonly partitions: readonly string[];
  /** By index name; compared only when asked for, as a restore without indexes is a choice. */
  readonly indexes: unknown;
  readonly aliases: readonly string[];
  /** Sorted by primary key; `$partition` says where a row lies. int64 as text, vectors as hex, JSON as its text. */
  readonly rows: readonly Readonly<Record<string, unknown>>[];
}

/** What compareCollections looks at. */
export type DumpPart = keyof CollectionDump;

/**
 * Reads every row, partition by partition, with strong consistency. A collection that is not loaded is loaded for it and
 * released again; one without an index on its vector gets a flat one for the time.
 */
export async function dumpCollection(target: RpcTarget, database: string, name: string): Promise<CollectionDump> {
  return withData(target, database, async (data) => {
    const call = (method: string, request: object) =>
      data.rpc.call(method, { db_name: database, collection_name: name, ...request }, { database });
    const described = await call("DescribeCollection", {});
    const schema = described.schema as { fields: FieldMessage[]; [key: string]: unknown };
    const { partition_names } = await call("ShowPartitions", {});
    const partitions = (partition_names as string[]).sort();
    const indexes = await call("DescribeIndex", {}).then(
      (answer) => answer.index_descriptions as IndexMessage[],
      () => [], // a collection without an index answers with an error
    );

    const vector = schema.fields.find(({ data_type }) => data_type.endsWith("Vector"));
    if (!vector) throw new Error(`${name} has no vector field`);
    const { state } = await call("GetLoadState", {});
    const asFound = state === "LoadStateLoaded";
    const indexed = indexes.some(({ field_name }) => field_name === vector.name);
    if (!indexed) await addFlatIndex(data, name, vector);
    if (!asFound) await data.load(name);
    // With a partition key Milvus decides the partition, and refuses queries that name one.
    const byKey = schema.fields.some((field) => field.is_partition_key);
    const names = [...schema.fields.map((field) => field.name), ...(schema.enable_dynamic_field ? ["$meta"] : [])];
    const rows = await readRows(call, primaryKey(schema.fields), names, byKey ? [undefined] : partitions);
    if (!asFound) await data.release(name);
    if (!indexed) {
      await until("release", async () => (await call("GetLoadState", {})).state !== "LoadStateLoaded");
      await call("DropIndex", { field_name: vector.name });
    }
    return {
      schema: comparableSchema(described),
      partitions,
      indexes: Object.fromEntries(
        indexes.map(({ index_name, field_name, params }) => [index_name, { field_name, params: pairs(params) }]),
      ),
      aliases: [...(described.aliases as string[])].sort(),
      rows,
    };
  });
}

/** The same of several collections at a time, which takes little longer than one: most of the time is the server's loading. */
export function dumpCollections(
  target: RpcTarget,
  collections: readonly { readonly database: string; readonly name: string }[],
): Promise<CollectionDump[]> {
  return Promise.all(collections.map(({ database, name }) => dumpCollection(target, database, name)));
}

/**
 * What differs between two collections, one line each, at most 20; empty when they are equal.
 * Names are not compared: the target of a restore may have another.
 */
export function compareCollections(
  source: CollectionDump,
  target: CollectionDump,
  parts: readonly DumpPart[] = ["schema", "partitions", "rows"],
): string[] {
  const differences: string[] = [];
  for (const part of parts) compareValues(part, source[part], target[part], differences);
  return differences.length > 20 ? [...differences.slice(0, 20), `and ${differences.length - 20} more`] : differences;
}

function compareValues(path: string, a: unknown, b: unknown, differences: string[]): void {
  if (Object.is(a, b)) return;
  if (!isObject(a) || !isObject(b) || Array.isArray(a) !== Array.isArray(b)) {
    differences.push(`${path}: ${short(a)} became ${short(b)}`);
    return;
  }
  if (Array.isArray(a) && Array.isArray(b) && a.length !== b.length) {
    differences.push(`${path}: ${a.length} became ${b.length} entries`);
  }
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    compareValues(`${path}.${key}`, a[key], b[key], differences);
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function short(value: unknown): string {
  const text = value === undefined ? "nothing" : JSON.stringify(value);
  return text.length > 120 ? `${text.slice(0, 120)}...` : text;
}

interface KeyValue {
  readonly key: string;
  readonly value: string;
}
interface FieldMessage {
  readonly name: string;
  readonly data_type: string;
  readonly is_primary_key: boolean;
  readonly type_params: readonly KeyValue[];
  readonly index_params: readonly KeyValue[];
  readonly [key: string]: unknown;
}
interface IndexMessage {
  readonly index_name: string;
  readonly field_name: string;
  readonly params: readonly KeyValue[];
}

function pairs(list: readonly KeyValue[]): Record<string, string> {
  return Object.fromEntries([...list].sort((a, b) => (a.key < b.key ? -1 : 1)).map(({ key, value }) => [key, value]));
}

function primaryKey(fields: readonly FieldMessage[]): PrimaryKey {
  const key = fields.find((field) => field.is_primary_key);
  if (!key) throw new Error("the schema has no primary key");
  return { name: key.name, type: key.data_type === "VarChar" ? "text" : "int64" };
}

function comparableSchema(described: RpcMessage): unknown {
  const { name: _name, fields, properties, ...schema } = described.schema as RpcMessage & { fields: FieldMessage[] };
  return {
    ...schema,
    fields: fields.map((field) => ({
      ...field,
      type_params: pairs(field.type_params),
      index_params: pairs(field.index_params),
    })),
    shards: described.shards_num,
    consistency: described.consistency_level,
    properties: pairs((described.properties ?? properties ?? []) as KeyValue[]),
  };
}

async function addFlatIndex(data: DataMaker, name: string, { name: field, data_type }: FieldMessage): Promise<void> {
  const params =
    data_type === "BinaryVector"
      ? { index_type: "BIN_FLAT", metric_type: "HAMMING" }
      : { index_type: "FLAT", metric_type: "L2" };
  await data.createIndex(name, field, params);
}
