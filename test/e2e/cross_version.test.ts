import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { backupConfig, localStorage } from "../support/backup_config.ts";
import type { MilvusServer } from "../support/milvus.ts";
import { collectionsOf, dropEverything } from "../support/milvus_clean.ts";
import { compareCollections, dumpCollections } from "../support/milvus_dump.ts";
import { makeZoo, type ZooCollection } from "../support/milvus_zoo.ts";
import { sharedMilvus } from "../support/shared_servers.ts";
import { makeWorkspace, type Workspace } from "../support/workspace.ts";

// Strings as keys, a partition key, JSON, rows that were not flushed, keys beyond 2^53, auto id, a second database.
const CHOSEN = ["db1.zoo_auto", "default.zoo_empty", "default.zoo_growing", "default.zoo_ids", "default.zoo_types"];

let older: MilvusServer;
let newer: MilvusServer;
let workspace: Workspace;
let zoo: readonly ZooCollection[];

beforeAll(async () => {
  [older, newer] = await Promise.all([sharedMilvus("2.2.16"), sharedMilvus("2.3.5")]);
  const made = await makeZoo(older);
  zoo = made.filter(({ database, name }) => CHOSEN.includes(`${database}.${name}`));
  workspace = await makeWorkspace("");
}, 120_000);

afterAll(async () => {
  await Promise.all([dropEverything(older), dropEverything(newer)]);
  await workspace.remove();
}, 60_000);

test("a backup of Milvus 2.2.16 restores into 2.3.5", async () => {
  const backup = localStorage(join(workspace.folder, "backup"));
  await workspace.writeConfig(backupConfig(older, { milvus: localStorage(older.localRoot), backup }));
  const created = await workspace.json("create", "-n", "older", "--filter", CHOSEN.join(","));
  expect(created).toMatchObject({ ok: true, status: 0 });
  expect(String(created.data.milvus_version)).toContain("2.2.16");

  await workspace.writeConfig(backupConfig(newer, { milvus: localStorage(newer.localRoot), backup }));
  const restored = await workspace.json("restore", "-n", "older");
  expect(restored).toMatchObject({ ok: true, status: 0, data: { databases_created: ["db1"] } });
  expect(await collectionsOf(newer)).toEqual(CHOSEN);

  const [before, after] = await Promise.all([dumpCollections(older, zoo), dumpCollections(newer, zoo)]);
  zoo.forEach((collection, at) => {
    const [source, target] = [before[at], after[at]];
    if (source === undefined || target === undefined) throw new Error("a dump is missing");
    expect(source.rows).toHaveLength(collection.rows);
    const parts = ["schema", "partitions", "indexes", "rows"] as const;
    expect({ ...collection, differences: compareCollections(source, target, parts) }).toEqual({
      ...collection,
      differences: [],
    });
  });
}, 180_000);
