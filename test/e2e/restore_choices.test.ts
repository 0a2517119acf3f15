import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { backupConfig, localStorage } from "../support/backup_config.ts";
import type { MilvusServer } from "../support/milvus.ts";
import { collectionsOf, databasesOf, dropCollections, dropEverything } from "../support/milvus_clean.ts";
import { DataType, type FieldSpec, withData } from "../support/milvus_data.ts";
import {
  type CollectionDump,
  compareCollections,
  type DumpPart,
  dumpCollection,
  dumpCollections,
} from "../support/milvus_dump.ts";
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

interface RestoreData {
  readonly collections: readonly { readonly source: string; readonly target: string; readonly rows_restored: string }[];
  readonly databases_created: readonly string[];
}

/** @returns the names of the restored collections, sorted */
async function restore(...args: string[]): Promise<string[]> {
  const envelope = await workspace.json<RestoreData>("restore", "-n", "shelves", ...args);
  expect(envelope).toMatchObject({ ok: true, status: 0 });
  return envelope.data.collections.map(({ target }) => target).sort();
}

const isNew = (name: string) => !ORIGINALS.includes(name);

describe("choices of a restore", () => {
  const CHOICES = {
    database: ["--rename", "default.*:db2.*", "--filter", "db2.books,db2.void"],
    single: ["--rename", "films:novels,db1.books:default.db1_books", "--filter", "novels,default.db1_books"],
    oldCollections: ["-c", "films,db1.books", "-s", "_c"],
    oldDatabases: ["-d", "db1", "-s", "_d", "--meta_only"],
    oldJson: ["-a", '{"db1":[],"default":["void"]}', "-s", "_a", "--meta_only"],
    metaOnly: ["--meta_only", "-s", "_meta"],
    withoutIndex: ["--no-rebuild_index", "-c", "films", "-s", "_bare"],
    autoIndex: ["--use_auto_index", "-c", "films", "-s", "_auto"],
  } as const;
  const made = new Map<string, readonly string[]>();
  const restored = new Map<string, CollectionDump>();

  // All at a time: they have different names to make, and each would wait for the server's import for itself.
  beforeAll(async () => {
    const restores = Object.entries(CHOICES).map(async ([choice, args]) => made.set(choice, await restore(...args)));
    await Promise.all(restores);
    const names = [...made.values()].flat().sort();
    expect((await collectionsOf(server)).filter(isNew)).toEqual(names);
    const found = await dumpCollections(server, names.map(split));
    names.forEach((name, at) => {
      const dump = found[at];
      if (dump !== undefined) restored.set(name, dump);
    });
  }, 120_000);
  afterAll(() => dropCollections(server, isNew), 60_000);

  function madeBy(choice: keyof typeof CHOICES): readonly string[] {
    return made.get(choice) ?? [];
  }

  function dumpOf(name: string): CollectionDump {
    const dump = restored.get(name);
    if (dump === undefined) throw new Error(`${name} was not restored`);
    return dump;
  }

  function differences(source: string, target: string, parts: readonly DumpPart[] = ["schema", "indexes", "rows"]) {
    return compareCollections(original(source), dumpOf(target), parts);
  }

  test("--rename moves a database into another one, --filter chooses by the new names", async () => {
    expect(madeBy("database")).toEqual(["db2.books", "db2.void"]);
    expect(await databasesOf(server)).toEqual(["db1", "db2", "default"]);
    expect(differences("default.books", "db2.books")).toEqual([]);
    expect(differences("default.void", "db2.void")).toEqual([]);
  });

  test("--rename of single collections", () => {
    expect(madeBy("single")).toEqual(["default.db1_books", "default.novels"]);
    expect(differences("default.films", "default.novels")).toEqual([]);
    expect(differences("db1.books", "default.db1_books")).toEqual([]);
  });

  test("--filter that only the old names would meet is refused, and nothing is made", async () => {
    const before = await collectionsOf(server);
    const result = await workspace.json("restore", "-n", "shelves", "-s", "_bak", "--filter", "films");
    expect(result).toMatchObject({ ok: false, status: 5, error: { code: "NOT_FOUND" } });
    expect(result.error?.message).toContain("films_bak");
    expect(await collectionsOf(server)).toEqual(before);
  });

  test("-c, -d and -a choose by the names in the backup", () => {
    expect(madeBy("oldCollections")).toEqual(["db1.books_c", "default.films_c"]);
    expect(differences("db1.books", "db1.books_c")).toEqual([]);
    expect(differences("default.films", "default.films_c")).toEqual([]);
    expect(madeBy("oldDatabases")).toEqual(["db1.books_d"]);
    expect(madeBy("oldJson")).toEqual(["db1.books_a", "default.void_a"]);
  });

  test("--meta_only makes schema, partitions and indexes without a row", () => {
    expect(madeBy("metaOnly")).toEqual(ORIGINALS.map((name) => `${name}_meta`));
    for (const name of ORIGINALS) {
      expect(differences(name, `${name}_meta`, ["schema", "partitions", "indexes"])).toEqual([]);
      expect(dumpOf(`${name}_meta`).rows).toEqual([]);
    }
  });

  test("--no-rebuild_index leaves the indexes out", () => {
    expect(madeBy("withoutIndex")).toEqual(["default.films_bare"]);
    expect(dumpOf("default.films_bare").indexes).toEqual({});
    expect(differences("default.films", "default.films_bare", ["schema", "partitions", "rows"])).toEqual([]);
  });

  test("--use_auto_index changes vector indexes only, and keeps their metric", () => {
    expect(madeBy("autoIndex")).toEqual(["default.films_auto"]);
    expect(dumpOf("default.films_auto").indexes).toEqual({
      v_idx: { field_name: "v", params: { index_type: "AUTOINDEX", metric_type: "IP" } },
      title_idx: { field_name: "title", params: { index_type: "Trie" } },
    });
    expect(differences("default.films", "default.films_auto", ["schema", "partitions", "rows"])).toEqual([]);
  });
});

describe("restores into what exists", () => {
  beforeAll(() => Promise.all([makeShelf("default", "copy", 3), makeShelf("default", "more", 3)]), 60_000);
  afterAll(() => dropCollections(server, isNew), 60_000);

  test("--drop_exist_collection puts the backup's rows in the place of the old ones", async () => {
    const pairs = ["--rename", "films:copy", "--filter", "copy"];
    expect(await restore(...pairs, "--drop_exist_collection")).toEqual(["default.copy"]);
    const dump = await dumpCollection(server, "default", "copy");
    expect(compareCollections(original("default.films"), dump, ["schema", "indexes", "rows"])).toEqual([]);
  }, 60_000);

  test("--skip_create_collection adds the backup's rows to those that are there", async () => {
    // Deleted rows go from the count when compaction comes, at any moment of the restore.
    await withData(server, "default", async (data) => {
      await data.insert("more", [titleOf(1000), titleOf(1001)]);
      await data.delete("more", "id in [0, 1, 2]");
      await data.flush("more");
    });
    const pairs = ["--rename", "films:more", "--filter", "more"];
    expect(await restore(...pairs, "--skip_create_collection")).toEqual(["default.more"]);
    const { rows } = await dumpCollection(server, "default", "more");
    const ids = [...Array.from({ length: 50 }, (_, id) => `${id}`), "1000", "1001"];
    expect(rows.map((row) => String(row.id))).toEqual(ids);
    expect(rows.slice(0, 50)).toEqual([...original("default.films").rows]);
  }, 60_000);

  test("--skip_create_collection asks for the collection to exist", async () => {
    const before = await collectionsOf(server);
    const result = await workspace.json("restore", "-n", "shelves", "-s", "_absent", "--skip_create_collection");
    expect(result).toMatchObject({ ok: false, status: 5, error: { code: "NOT_FOUND" } });
    expect(await collectionsOf(server)).toEqual(before);
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
