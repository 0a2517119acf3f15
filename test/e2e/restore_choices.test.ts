import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { backupConfig, localStorage } from "../support/backup_config.ts";
import type { MilvusServer } from "../support/milvus.ts";
import { collectionsOf, databasesOf, dropCollections, dropEverything } from "../support/milvus_clean.ts";
import { DataType, type FieldSpec, withData } from "../support/milvus_data.ts";
import { type CollectionDump, compareCollections, dumpCollection, dumpCollections } from "../support/milvus_dump.ts";
import { vectorOf } from "../support/milvus_zoo.ts";
import { sharedMilvus } from "../support/shared_servers.ts";
import { makeWorkspace, type Workspace } from "../support/workspace.ts";

const ORIGINALS = ["db1.books", "default.books", "default.films", "default.void"];
const FIELDS: readonly FieldSpec[] = [
  { name: "id", data_type: DataType.Int64, is_primary_key: true },
  { name: "v", data_type: DataType.FloatVector, dim: 4 },
  { name: "title", data_type: DataType.VarChar, max_length: 32 },
];

let server: MilvusServer;
let workspace: Workspace;
const dumps = new Map<string, CollectionDump>();

beforeAll(async () => {
  server = await sharedMilvus("2.3.5");
  workspace = await makeWorkspace("");
  const storage = { milvus: localStorage(server.localRoot), backup: localStorage(join(workspace.folder, "backup")) };
  await workspace.writeConfig(backupConfig(server, storage));
  await withData(server, "db1", (data) => data.createDatabase());
  await Promise.all([
    makeShelf("default", "books", 100),
    makeShelf("default", "films", 50),
    makeShelf("default", "void", 0),
    makeShelf("db1", "books", 20),
  ]);
  await withData(server, "default", (data) => data.createAlias("books", "library"));
  await workspace.ok("create", "-n", "shelves");
  const found = await dumpCollections(server, ORIGINALS.map(split));
  ORIGINALS.forEach((name, at) => {
    const dump = found[at];
    if (dump !== undefined) dumps.set(name, dump);
  });
}, 120_000);

afterAll(async () => {
  await dropEverything(server);
  await workspace.remove();
}, 60_000);

function split(fullName: string): { readonly database: string; readonly name: string } {
  const [database = "", name = ""] = fullName.split(".");
  return { database, name };
}

const titleOf = (id: number) => ({ id, v: vectorOf(id, 4), title: `title ${id}` });

async function makeShelf(database: string, name: string, rows: number): Promise<void> {
  await withData(server, database, async (data) => {
    await data.createCollection({ name, fields: FIELDS });
    await data.createIndex(name, "v", { index_type: "IVF_FLAT", metric_type: "IP", params: '{"nlist": 4}' }, "v_idx");
    await data.createIndex(name, "title", { index_type: "Trie" }, "title_idx");
    if (rows === 0) return;
    await data.insert(
      name,
      Array.from({ length: rows }, (_, id) => titleOf(id)),
    );
    await data.flush(name);
  });
}

function original(name: string): CollectionDump {
  const dump = dumps.get(name);
  if (dump === undefined) throw new Error(`${name} was not read`);
  return dump;
}

/** What differs between an original and a restored collection. */
async function differences(
  source: string,
  target: string,
  parts = ["schema", "indexes", "rows"] as const,
): Promise<string[]> {
  const { database, name } = split(target);
  return compareCollections(original(source), await dumpCollection(server, database, name), parts);
}

interface RestoreData {
  readonly collections: readonly { readonly source: string; readonly target: string; readonly rows_restored: string }[];
  readonly databases_created: readonly string[];
}

/** Restores and returns what was made, without the originals. */
async function restore(...args: string[]): Promise<string[]> {
  const envelope = await workspace.json<RestoreData>("restore", "-n", "shelves", ...args);
  expect(envelope).toMatchObject({ ok: true, status: 0 });
  const made = (await collectionsOf(server)).filter((name) => !ORIGINALS.includes(name));
  expect(envelope.data.collections.map(({ target }) => target).sort()).toEqual(made);
  return made;
}

describe("choices of a restore", () => {
  afterEach(() => dropCollections(server, (name) => !ORIGINALS.includes(name)));

  test("--rename moves a database into another one, --filter chooses by the new names", async () => {
    const made = await restore("--rename", "default.*:db2.*", "--filter", "db2.books,db2.void");
    expect(made).toEqual(["db2.books", "db2.void"]);
    expect(await databasesOf(server)).toEqual(["db1", "db2", "default"]);
    expect(await differences("default.books", "db2.books")).toEqual([]);
    expect(await differences("default.void", "db2.void")).toEqual([]);
  }, 60_000);

  test("--rename of single collections", async () => {
    const pairs = "films:novels,db1.books:default.db1_books";
    const made = await restore("--rename", pairs, "--filter", "novels,default.db1_books");
    expect(made).toEqual(["default.db1_books", "default.novels"]);
    expect(await differences("db1.books", "default.db1_books")).toEqual([]);
  }, 60_000);

  test("--filter that only the old names would meet is refused, and nothing is made", async () => {
    const result = await workspace.json("restore", "-n", "shelves", "-s", "_bak", "--filter", "films");
    expect(result).toMatchObject({ ok: false, status: 5, error: { code: "NOT_FOUND" } });
    expect(result.error?.message).toContain("films_bak");
    expect(await collectionsOf(server)).toEqual(ORIGINALS);
  });

  test("-c, -d and -a choose by the names in the backup", async () => {
    expect(await restore("-c", "films,db1.books", "-s", "_c")).toEqual(["db1.books_c", "default.films_c"]);
    expect(await differences("db1.books", "db1.books_c")).toEqual([]);
    await dropCollections(server, (name) => !ORIGINALS.includes(name));
    expect(await restore("-d", "db1", "-s", "_d", "--meta_only")).toEqual(["db1.books_d"]);
    await dropCollections(server, (name) => !ORIGINALS.includes(name));
    const lists = '{"db1":[],"default":["void"]}';
    expect(await restore("-a", lists, "-s", "_a", "--meta_only")).toEqual(["db1.books_a", "default.void_a"]);
  }, 60_000);

  test("--meta_only makes schema, partitions and indexes without a row", async () => {
    const made = await restore("--meta_only", "-s", "_meta");
    expect(made).toEqual(ORIGINALS.map((name) => `${name}_meta`));
    const found = await dumpCollections(server, made.map(split));
    found.forEach((dump, at) => {
      const parts = ["schema", "partitions", "indexes"] as const;
      expect(compareCollections(original(ORIGINALS[at] ?? ""), dump, parts)).toEqual([]);
      expect(dump.rows).toEqual([]);
    });
  }, 60_000);

  test("--no-rebuild_index leaves the indexes out", async () => {
    expect(await restore("--no-rebuild_index", "-c", "films", "-s", "_bare")).toEqual(["default.films_bare"]);
    const dump = await dumpCollection(server, "default", "films_bare");
    expect(dump.indexes).toEqual({});
    expect(compareCollections(original("default.films"), dump)).toEqual([]);
  }, 60_000);

  test("--use_auto_index changes vector indexes only, and keeps their metric", async () => {
    expect(await restore("--use_auto_index", "-c", "films", "-s", "_auto")).toEqual(["default.films_auto"]);
    const dump = await dumpCollection(server, "default", "films_auto");
    expect(dump.indexes).toEqual({
      v_idx: { field_name: "v", params: { index_type: "AUTOINDEX", metric_type: "IP" } },
      title_idx: { field_name: "title", params: { index_type: "Trie" } },
    });
    expect(compareCollections(original("default.films"), dump)).toEqual([]);
  }, 60_000);
});

describe("restores into what exists", () => {
  beforeEach(() => makeShelf("default", "copy", 3), 60_000);
  afterEach(() => dropCollections(server, (name) => !ORIGINALS.includes(name)));

  test("--drop_exist_collection puts the backup's rows in the place of the old ones", async () => {
    expect(await restore("--rename", "films:copy", "--filter", "copy", "--drop_exist_collection")).toEqual([
      "default.copy",
    ]);
    expect(await differences("default.films", "default.copy")).toEqual([]);
  }, 60_000);

  test("--skip_create_collection adds the backup's rows to those that are there", async () => {
    await withData(server, "default", async (data) => {
      await data.insert("copy", [titleOf(1000), titleOf(1001)]);
      await data.delete("copy", "id in [0, 1, 2]");
      await data.flush("copy");
    });
    const pairs = ["--rename", "films:copy", "--filter", "copy", "--skip_create_collection"];
    expect(await restore(...pairs)).toEqual(["default.copy"]);
    const { rows } = await dumpCollection(server, "default", "copy");
    expect(rows.map((row) => String(row.id))).toEqual([
      ...Array.from({ length: 50 }, (_, id) => `${id}`),
      "1000",
      "1001",
    ]);
    expect(rows.slice(0, 50)).toEqual([...original("default.films").rows]);
  }, 60_000);

  test("--skip_create_collection asks for the collection to exist", async () => {
    const result = await workspace.json("restore", "-n", "shelves", "-s", "_absent", "--skip_create_collection");
    expect(result).toMatchObject({ ok: false, status: 5, error: { code: "NOT_FOUND" } });
    expect(await collectionsOf(server)).toEqual([...ORIGINALS, "default.copy"].sort());
  });
});

test("--drop_exist_collection of a collection with an alias keeps the alias on the new one", async () => {
  await withData(server, "default", async (data) => {
    await data.delete("books", "id in [7, 8, 9]");
    await data.flush("books");
  });
  const envelope = await workspace.json("restore", "-n", "shelves", "-c", "books", "--drop_exist_collection");
  expect(envelope).toMatchObject({ ok: true, status: 0, warnings: [] });
  expect(await collectionsOf(server)).toEqual(ORIGINALS);
  expect(
    compareCollections(original("default.books"), await dumpCollection(server, "default", "books"), [
      "schema",
      "indexes",
      "aliases",
      "rows",
    ]),
  ).toEqual([]);
}, 60_000);

describe("choices of a create", () => {
  afterEach(async () => {
    await workspace.ok("delete", "-n", "some");
  });

  test.each([
    [["--filter", "films,db1.*"], "db1.books,default.films"],
    [["-c", "films,db1.books"], "db1.books,default.films"],
    [["-d", "db1"], "db1.books"],
    [["-a", '{"default":["void"],"db1":[]}'], "db1.books,default.void"],
  ])("create %p", async (args, names) => {
    await workspace.ok("create", "-n", "some", "--strategy", "skip_flush", ...args);
    expect((await collectionsIn("some")).join()).toBe(names);
  });

  test("a meta_only backup restores the schema alone", async () => {
    await workspace.ok("create", "-n", "some", "--strategy", "meta_only", "-c", "films");
    await workspace.ok("restore", "-n", "some", "-s", "_meta");
    const dump = await dumpCollection(server, "default", "films_meta");
    expect(compareCollections(original("default.films"), dump, ["schema", "partitions", "indexes"])).toEqual([]);
    expect(dump.rows).toEqual([]);
  }, 60_000);
});

async function collectionsIn(backup: string): Promise<string[]> {
  const text = await workspace.ok("get", "-n", backup);
  const { collection_backups } = JSON.parse(text) as {
    collection_backups: readonly { readonly db_name: string; readonly collection_name: string }[];
  };
  return collection_backups.map((entry) => `${entry.db_name}.${entry.collection_name}`).sort();
}
