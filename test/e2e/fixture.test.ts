import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { backupConfig, localStorage } from "../support/backup_config.ts";
import { loggedKeys, loggedVectors } from "../support/logged_vectors.ts";
import type { MilvusServer } from "../support/milvus.ts";
import { dropEverything } from "../support/milvus_clean.ts";
import { withData } from "../support/milvus_data.ts";
import { type CollectionDump, dumpCollections } from "../support/milvus_dump.ts";
import { sharedMilvus } from "../support/shared_servers.ts";
import { makeWorkspace, type Workspace } from "../support/workspace.ts";

// A backup that milvus-backup's Go tool made of a Milvus 2.3.5; test/fixtures/README.md says what the server held.
const ARCHIVE = join(import.meta.dir, "..", "fixtures", "backups", "2.3.5.tar.gz");
const COLLECTIONS = [
  { database: "default", name: "zoo_parts" },
  { database: "default", name: "zoo_types" },
  { database: "default", name: "zoo_empty" },
  { database: "db1", name: "zoo_db" },
] as const;

let server: MilvusServer;
let workspace: Workspace;
let backups: string;
let dumps: Readonly<Record<(typeof COLLECTIONS)[number]["name"], CollectionDump>>;

beforeAll(async () => {
  server = await sharedMilvus("2.3.5");
  workspace = await makeWorkspace("");
  backups = join(workspace.folder, "backup");
  const storage = { milvus: localStorage(server.localRoot), backup: localStorage(backups) };
  await workspace.writeConfig(backupConfig(server, storage));
  for (const [path, file] of await new Bun.Archive(await Bun.file(ARCHIVE).bytes()).files()) {
    await mkdir(dirname(join(workspace.folder, path)), { recursive: true });
    await writeFile(join(workspace.folder, path), await file.bytes());
  }
  const envelope = await workspace.json("restore", "-n", "zoo_peer");
  expect(envelope).toMatchObject({ ok: true, status: 0, data: { databases_created: ["db1"] } });
  const [parts, types, empty, db] = await dumpCollections(server, COLLECTIONS);
  if (!parts || !types || !empty || !db) throw new Error("a dump is missing");
  dumps = { zoo_parts: parts, zoo_types: types, zoo_empty: empty, zoo_db: db };
}, 180_000);

afterAll(async () => {
  await dropEverything(server);
  await workspace.remove();
}, 60_000);

/** Key -> vector, as the backup's insert logs hold them. */
async function vectorsInBackup(collectionId: string): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  const root = join(backups, "zoo_peer", "binlogs", "insert_log", collectionId);
  const logs = (await readdir(root, { recursive: true })).filter((path) => /\/100\/\d+$/.test(path)).sort();
  for (const path of logs) {
    const keys = await loggedKeys(await readFile(join(root, path)));
    const folder = join(root, dirname(path), "..", "101");
    const [log = ""] = await readdir(folder);
    const vectors = await loggedVectors(await readFile(join(folder, log)));
    keys.forEach((key, at) => void found.set(key, vectors[at] ?? ""));
  }
  return found;
}

async function fullMeta(backup: string): Promise<FullMeta> {
  return JSON.parse(await readFile(join(backups, backup, "meta", "full_meta.json"), "utf8"));
}

async function collectionId(name: string): Promise<string> {
  const text = await readFile(join(backups, "zoo_peer", "meta", "full_meta.json"), "utf8");
  // As text: the number would be rounded.
  const found = new RegExp(`"collection_id":\\s*(\\d+),\\s*"db_name":\\s*"\\w+",\\s*"collection_name":\\s*"${name}"`);
  return found.exec(text)?.[1] ?? "";
}

describe("a backup of the Go tool, restored", () => {
  test("zoo_parts has its rows without the deleted ones, in their partitions, with their vectors", async () => {
    const { rows, partitions, aliases, indexes } = dumps.zoo_parts;
    const deleted = [1, 2, 3, 1001, 2002];
    const ids = Array.from({ length: 3000 }, (_, id) => id).filter((id) => !deleted.includes(id));
    const vectors = await vectorsInBackup(await collectionId("zoo_parts"));
    expect(vectors.size).toBe(3000);
    const expected = ids.map((id) => ({
      id: `${id}`,
      v: vectors.get(`${id}`),
      tag: `t${id % 7}`,
      $meta: `{"extra":${2 * id}}`,
      $partition: id < 1000 ? "_default" : id < 2000 ? "p2024" : "p2025",
    }));
    const compact = rows.map((row) => ({ ...row, $meta: JSON.stringify(JSON.parse(String(row.$meta))) }));
    expect(compact).toEqual(expected as typeof compact);
    expect(partitions).toEqual(["_default", "p2024", "p2025"]);
    expect(aliases).toEqual(["zoo_alias"]);
    expect(indexes).toMatchObject({ v: { params: { index_type: "HNSW", metric_type: "COSINE" } }, tag_idx: {} });
    expect(dumps.zoo_parts.schema).toMatchObject({ shards: 2, description: "partitions & <escapes>" });
  });

  test("zoo_types has every kind of value", async () => {
    const { rows, partitions } = dumps.zoo_types;
    const vectors = await vectorsInBackup(await collectionId("zoo_types"));
    const found = rows.map((row) => ({ ...row, pk: row.pk, j: JSON.parse(String(row.j)) }));
    const expected = Array.from({ length: 500 }, (_, i) => ({
      pk: `k${i}`,
      b: vectors.get(`k${i}`),
      j: { n: i, s: "é" },
      arr: [i, i + 1],
      k: `${i % 5}`,
      f: Math.fround(i / 3),
      d: i / 7,
      i8: i % 100,
      ok: i % 2 === 0,
    })).sort((a, b) => (a.pk < b.pk ? -1 : 1));
    expect(found).toEqual(expected as typeof found);
    expect(partitions).toEqual(["_default_0", "_default_1", "_default_2", "_default_3"]);
  });

  test("zoo_empty is empty, and zoo_db keeps the keys that Milvus gave, with their vectors", async () => {
    expect(dumps.zoo_empty.rows).toEqual([]);
    const vectors = await vectorsInBackup(await collectionId("zoo_db"));
    expect(new Map(dumps.zoo_db.rows.map(({ id, v }) => [id, v]))).toEqual(new Map([...vectors]));
    expect(vectors.size).toBe(300);
  });
});

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
interface FullMeta {
  readonly [key: string]: Json;
  readonly collection_backups: readonly { readonly [key: string]: Json }[];
}

/** At each path, lists without their positions: the orders of keys that occur there, and the types of values. */
function shapesOf(value: Json, path = "", found = new Set<string>()): readonly string[] {
  if (value === null || typeof value !== "object") found.add(`${path}: ${value === null ? "null" : typeof value}`);
  else if (Array.isArray(value)) for (const item of value) shapesOf(item, `${path}[]`, found);
  else {
    found.add(`${path}: {${Object.keys(value).join(", ")}}`);
    for (const [key, item] of Object.entries(value)) shapesOf(item, `${path}.${key}`, found);
  }
  return [...found].sort();
}

describe("our own backup of the same collections", () => {
  test("has the Go tool's documents: the same keys in the same order, with values of the same types", async () => {
    // The restore has applied the deletes. As there: delta logs for both shards of one partition, and for one shard of the others.
    await withData(server, "default", async (data) => {
      await data.delete("zoo_parts", "id in [4, 5, 6, 7, 8, 9, 1004, 2004]");
      await data.flush("zoo_parts");
    });
    await workspace.ok("create", "-n", "ours");
    const [ours, theirs] = [await fullMeta("ours"), await fullMeta("zoo_peer")];
    const { collection_backups: ourCollections, ...ourHead } = ours;
    const { collection_backups: theirCollections, ...theirHead } = theirs;
    expect(Object.keys(ours)).toEqual(Object.keys(theirs));
    expect(shapesOf(ourHead)).toEqual(shapesOf(theirHead));
    for (const theirCollection of theirCollections) {
      const name = theirCollection.collection_name;
      const ourCollection = ourCollections.find((collection) => collection.collection_name === name);
      if (ourCollection === undefined) throw new Error(`our backup has no ${name}`);
      expect(shapesOf(ourCollection, `${name}`)).toEqual(shapesOf(theirCollection, `${name}`));
      // What does not depend on the moment is equal in value too.
      for (const key of [
        "db_name",
        "collection_name",
        "schema",
        "shards_num",
        "consistency_level",
        "has_index",
        "aliases",
      ]) {
        expect(ourCollection[key] as unknown).toEqual(theirCollection[key] as unknown);
      }
    }
    expect(ours.milvus_version).toBe(theirs.milvus_version as string);
    const files = async (backup: string) => (await readdir(join(backups, backup, "meta"))).sort();
    expect(await files("ours")).toEqual(expect.arrayContaining(await files("zoo_peer")));
  }, 60_000);
});
