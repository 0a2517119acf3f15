import type { MilvusServer } from "./milvus.ts";
import { type CollectionSpec, type DataMaker, DataType, type FieldSpec, type Row, withData } from "./milvus_data.ts";

/** One collection of the zoo and how many rows it answers with. */
export interface ZooCollection {
  readonly database: string;
  readonly name: string;
  readonly rows: number;
  readonly aliases: readonly string[];
}

/**
 * Makes one collection of every kind that matters to a backup, in two databases, in some seconds: partitions, shards,
 * deletes before and after the flush, a dynamic field, string keys, binary vectors, JSON, arrays (2.3), a partition key, auto id,
 * keys beyond 2^53, wide vectors, rows that are not flushed, an empty collection, an alias, names used in both databases.
 */
export async function makeZoo(server: MilvusServer): Promise<readonly ZooCollection[]> {
  const hasArray = server.version !== "2.2.16";
  await withData(server, "db1", (data) => data.createDatabase());
  const made = await Promise.all([
    withData(server, "default", (data) =>
      Promise.all([
        makeParts(data),
        makeTypes(data, hasArray),
        makeIds(data),
        makeWide(data),
        makeGrowing(data),
        makeEmpty(data),
      ]),
    ),
    withData(server, "db1", (data) => Promise.all([makeAuto(data), makeNamesake(data)])),
  ]);
  return made.flat();
}

const int64Key: FieldSpec = { name: "id", data_type: DataType.Int64, is_primary_key: true };

/** `dim` float32 values that differ from row to row, most of them without an exact decimal form. */
export function vectorOf(row: number, dim: number): number[] {
  return Array.from({ length: dim }, (_, at) => Math.fround(Math.sin(row * dim + at) + at / 3));
}

function rowsOf(from: number, to: number, make: (row: number) => Row): Row[] {
  return Array.from({ length: to - from }, (_, at) => make(from + at));
}

async function create(
  data: DataMaker,
  name: string,
  fields: FieldSpec[],
  rest: Partial<CollectionSpec> = {},
): Promise<void> {
  await data.createCollection({ name, fields, ...rest });
}

async function makeParts(data: DataMaker): Promise<ZooCollection> {
  const name = "zoo_parts";
  const fields: FieldSpec[] = [
    { ...int64Key, description: "the key" },
    { name: "v", data_type: DataType.FloatVector, dim: 8 },
    { name: "tag", data_type: DataType.VarChar, max_length: 64 },
  ];
  await create(data, name, fields, { dynamic: true, shards: 2, description: 'partitions & <escapes> "é"' });
  const row = (id: number) => ({ id, v: vectorOf(id, 8), tag: `t${id % 7}`, extra: 2 * id });
  await data.createPartition(name, "p2024");
  await data.createPartition(name, "p2025");
  await data.createPartition(name, "p_empty");
  await data.insert(name, rowsOf(0, 1000, row));
  await data.insert(name, rowsOf(1000, 2000, row), "p2024");
  await data.insert(name, rowsOf(2000, 3000, row), "p2025");
  await data.delete(name, "id in [10, 11, 1500]"); // before the flush
  await data.flush(name);
  await data.delete(name, "id in [1, 2, 3, 1001, 2002]"); // after it
  await data.flush(name);
  await data.createIndex(
    name,
    "v",
    { index_type: "HNSW", metric_type: "IP", params: '{"M": 8, "efConstruction": 64}' },
    "v_idx",
  );
  await data.createIndex(name, "tag", { index_type: "Trie" }, "tag_idx");
  await data.createAlias(name, "zoo_alias");
  return { database: "default", name, rows: 2992, aliases: ["zoo_alias"] };
}

async function makeTypes(data: DataMaker, hasArray: boolean): Promise<ZooCollection> {
  const name = "zoo_types";
  const fields: FieldSpec[] = [
    { name: "pk", data_type: DataType.VarChar, max_length: 32, is_primary_key: true },
    { name: "b", data_type: DataType.BinaryVector, dim: 64 },
    { name: "j", data_type: DataType.JSON },
    { name: "k", data_type: DataType.Int64, is_partition_key: true },
    { name: "f", data_type: DataType.Float },
    { name: "d", data_type: DataType.Double },
    { name: "i8", data_type: DataType.Int8 },
    { name: "i16", data_type: DataType.Int16 },
    { name: "i32", data_type: DataType.Int32 },
    { name: "ok", data_type: DataType.Bool },
  ];
  const arrays: FieldSpec[] = [
    { name: "ints", data_type: DataType.Array, element_type: DataType.Int32, max_capacity: 8 },
    { name: "words", data_type: DataType.Array, element_type: DataType.VarChar, max_length: 16, max_capacity: 4 },
  ];
  await create(data, name, hasArray ? [...fields, ...arrays] : fields, { partitionCount: 4 });
  const row = (i: number) => ({
    pk: `k${i}`,
    b: Array.from({ length: 8 }, (_, at) => (i * 31 + at * 7) % 256),
    j: { n: i, s: 'é\u0000"', deep: { list: [i, null, true] } },
    k: i % 5,
    f: Math.fround(i / 3),
    d: i / 7,
    i8: (i % 256) - 128,
    i16: i - 250,
    i32: i * 4_000_000 - 1_000_000_000,
    ok: i % 2 === 0,
    ...(hasArray ? { ints: Array.from({ length: i % 4 }, (_, at) => i + at), words: [`w${i}`, ""] } : {}),
  });
  await data.insert(name, rowsOf(0, 500, row));
  await data.flush(name);
  await data.createIndex(name, "b", { index_type: "BIN_FLAT", metric_type: "HAMMING" });
  return { database: "default", name, rows: 500, aliases: [] };
}

async function makeIds(data: DataMaker): Promise<ZooCollection> {
  const name = "zoo_ids";
  const fields: FieldSpec[] = [
    int64Key,
    { name: "n", data_type: DataType.Int64 },
    { name: "v", data_type: DataType.FloatVector, dim: 2 },
  ];
  await create(data, name, fields);
  // Beyond 2^53, where a JavaScript number would meet its neighbour.
  const rows = rowsOf(0, 100, (i) => ({
    id: (9_007_199_254_740_993n + BigInt(i)).toString(),
    n: (-9_223_372_036_854_775_807n + BigInt(i)).toString(),
    v: vectorOf(i, 2),
  }));
  await data.insert(name, rows);
  await data.flush(name);
  await data.createIndex(name, "v", { index_type: "FLAT", metric_type: "L2" });
  return { database: "default", name, rows: 100, aliases: [] };
}

async function makeWide(data: DataMaker): Promise<ZooCollection> {
  const name = "zoo_wide";
  await create(data, name, [int64Key, { name: "v", data_type: DataType.FloatVector, dim: 768 }]);
  for (const from of [0, 500]) {
    await data.insert(
      name,
      rowsOf(from, from + 500, (id) => ({ id, v: vectorOf(id, 768) })),
    );
    await data.flush(name);
  }
  await data.createIndex(name, "v", { index_type: "IVF_FLAT", metric_type: "L2", params: '{"nlist": 16}' });
  await data.load(name);
  return { database: "default", name, rows: 1000, aliases: [] };
}

/** Rows and a delete that only a flush at the start of the backup brings into it. */
async function makeGrowing(data: DataMaker): Promise<ZooCollection> {
  const name = "zoo_growing";
  await create(data, name, [int64Key, { name: "v", data_type: DataType.FloatVector, dim: 4 }], { dynamic: true });
  await data.createIndex(name, "v", { index_type: "FLAT", metric_type: "IP" });
  await data.insert(
    name,
    rowsOf(0, 200, (id) => ({ id, v: vectorOf(id, 4), [`only_${id % 3}`]: `é${id}` })),
  );
  await data.delete(name, "id in [5, 6]");
  return { database: "default", name, rows: 198, aliases: [] };
}

async function makeEmpty(data: DataMaker): Promise<ZooCollection> {
  const name = "zoo_empty";
  await create(data, name, [
    { ...int64Key, autoID: true },
    { name: "v", data_type: DataType.FloatVector, dim: 4 },
  ]);
  return { database: "default", name, rows: 0, aliases: [] };
}

async function makeAuto(data: DataMaker): Promise<ZooCollection> {
  const name = "zoo_auto";
  await create(data, name, [
    { ...int64Key, autoID: true },
    { name: "v", data_type: DataType.FloatVector, dim: 4 },
  ]);
  await data.insert(
    name,
    rowsOf(0, 300, (i) => ({ v: vectorOf(i, 4) })),
  );
  await data.flush(name);
  await data.createIndex(name, "v", { index_type: "FLAT", metric_type: "IP" });
  return { database: "db1", name, rows: 300, aliases: [] };
}

/** The same name as a collection of the other database, with other contents. */
async function makeNamesake(data: DataMaker): Promise<ZooCollection> {
  const name = "zoo_ids";
  await create(data, name, [int64Key, { name: "v", data_type: DataType.FloatVector, dim: 4 }]);
  await data.insert(
    name,
    rowsOf(0, 10, (id) => ({ id, v: vectorOf(id, 4) })),
  );
  await data.flush(name);
  await data.createIndex(name, "v", { index_type: "FLAT", metric_type: "L2" });
  return { database: "db1", name, rows: 10, aliases: [] };
}
