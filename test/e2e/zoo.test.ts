import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { backupConfig, localStorage } from "../support/backup_config.ts";
import type { MilvusServer } from "../support/milvus.ts";
import { collectionsOf, dropEverything } from "../support/milvus_clean.ts";
import { withData } from "../support/milvus_data.ts";
import { type CollectionDump, compareCollections, dumpCollections } from "../support/milvus_dump.ts";
import { makeZoo, type ZooCollection } from "../support/milvus_zoo.ts";
import { sharedMilvus } from "../support/shared_servers.ts";
import { auditBackup } from "../support/stored_backup.ts";
import { makeWorkspace, type Workspace } from "../support/workspace.ts";

let server: MilvusServer;
let workspace: Workspace;
let zoo: readonly ZooCollection[];
let ids: ReadonlyMap<string, string>;
let source: readonly CollectionDump[];
let created: CreateData;

interface CreateData {
  readonly name: string;
  readonly id: string;
  readonly milvus_version: string;
  readonly rows: string;
  readonly objects: number;
  readonly size: string;
  readonly copied_by: Readonly<Record<string, number>>;
  readonly evidence: Readonly<Record<string, number>>;
  readonly collections: readonly {
    readonly db_name: string;
    readonly collection_name: string;
    readonly collection_id: string;
    readonly rows: string;
  }[];
}

/** Rows before deletes: what lies in the insert logs. */
const STORED_ROWS: Readonly<Record<string, string>> = {
  "db1.zoo_auto": "300",
  "db1.zoo_ids": "10",
  "default.zoo_empty": "0",
  "default.zoo_growing": "200",
  "default.zoo_ids": "100",
  "default.zoo_parts": "3000",
  "default.zoo_types": "500",
  "default.zoo_wide": "1000",
};

beforeAll(async () => {
  server = await sharedMilvus("2.3.5");
  workspace = await makeWorkspace("");
  const storage = { milvus: localStorage(server.localRoot), backup: localStorage(join(workspace.folder, "backup")) };
  await workspace.writeConfig(backupConfig(server, storage));
  zoo = await makeZoo(server);
  await withData(server, "default", (data) => data.createAlias("zoo_ids", "ids_alias"));
  ids = await collectionIds(zoo);
  // Before anything asks for the rows: what is not flushed yet must get into the backup by the flush that create makes.
  const envelope = await workspace.json<CreateData>("create", "-n", "everything");
  expect(envelope).toMatchObject({ command: "create", ok: true, status: 0 });
  expect(envelope.warnings.map(({ code }) => code)).toEqual(["GC_NOT_PAUSED"]);
  created = envelope.data;
}, 120_000);

afterAll(async () => {
  await dropEverything(server);
  await workspace.remove();
}, 60_000);

function fullName({ database, name }: { readonly database: string; readonly name: string }): string {
  return `${database}.${name}`;
}

async function collectionIds(collections: readonly ZooCollection[]): Promise<ReadonlyMap<string, string>> {
  const entries = collections.map(async ({ database, name }) => {
    const id = await withData(server, database, async ({ rpc }) => {
      const answer = await rpc.call("DescribeCollection", { db_name: database, collection_name: name }, { database });
      return String(answer.collectionID);
    });
    return [`${database}.${name}`, id] as const;
  });
  return new Map(await Promise.all(entries));
}

describe("a backup of everything", () => {
  test("names every collection of every database with its rows and its exact id", () => {
    expect(created.name).toBe("everything");
    expect(created.milvus_version).toContain("2.3.5");
    const rows = Object.fromEntries(created.collections.map((c) => [`${c.db_name}.${c.collection_name}`, c.rows]));
    expect(rows).toEqual(STORED_ROWS);
    expect(created.rows).toBe("5110");
    const recorded = new Map(created.collections.map((c) => [`${c.db_name}.${c.collection_name}`, c.collection_id]));
    expect(recorded).toEqual(new Map([...ids].sort()));
  });

  test("holds what its manifest says, by SHA-256 of every object", async () => {
    const { objects, problems } = await auditBackup(join(workspace.folder, "backup", "everything"));
    expect(problems).toEqual([]);
    expect(objects).toBe(created.objects);
    expect(created.evidence).toEqual({ digest: created.objects, service: 0, size: 0 });
    expect(created.copied_by).toMatchObject({ direct: 0, streaming: created.objects });
  });

  test("is listed, as text and as JSON", async () => {
    expect(await workspace.ok("list")).toBe(">> Backups:\neverything\n");
    const { data } = await workspace.json<{ backups: object[] }>("list");
    expect(data.backups).toEqual([
      {
        name: "everything",
        state: "complete",
        id: created.id,
        size: created.size,
        milvus_version: created.milvus_version,
        created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      },
    ]);
  });

  test("get prints one JSON document with exact ids, ready for a pipe", async () => {
    const read =
      "import json,sys; [print(c['db_name']+'.'+c['collection_name'],c['collection_id']) for c in json.load(sys.stdin)['collection_backups']]";
    const piped = await workspace.shell(`./milvus-backup get -n everything | python3 -c "${read}"`);
    expect(piped).toMatchObject({ status: 0, stderr: "" });
    expect(piped.stdout).toBe(
      [...ids]
        .map((entry) => `${entry.join(" ")}\n`)
        .sort()
        .join(""),
    );
    const { data } = await workspace.json<{ backup: { collection_backups: { collection_id: string }[] } }>(
      "get",
      "-n",
      "everything",
    );
    expect(data.backup.collection_backups.map((c) => c.collection_id).sort()).toEqual([...ids.values()].sort());
  });

  test("is not overwritten by a second one of its name", async () => {
    const again = await workspace.json("create", "-n", "everything");
    expect(again).toMatchObject({ ok: false, status: 4, error: { code: "ALREADY_EXISTS", exit_status: 4 } });
    expect((await auditBackup(join(workspace.folder, "backup", "everything"))).problems).toEqual([]);
  });

  test("is told apart from one that does not exist", async () => {
    for (const command of ["get", "restore", "delete"]) {
      const result = await workspace.json(command, "-n", "everythin");
      expect(result).toMatchObject({ ok: false, status: 5, error: { code: "NOT_FOUND" } });
      expect(result.error?.message).toContain("everythin");
    }
  });
});

interface RestoreData {
  readonly collections: readonly {
    readonly source: string;
    readonly target: string;
    readonly rows_in_backup: string;
    readonly rows_restored: string;
    readonly rows_deleted: { readonly min: string; readonly max: string; readonly exact: boolean };
    readonly read_from: string;
  }[];
}

describe("its restore beside the originals", () => {
  let restored: RestoreData;

  beforeAll(async () => {
    // The source is read meanwhile: it keeps serving while a restore runs.
    const [envelope, dumps] = await Promise.all([
      workspace.json<RestoreData>("restore", "-n", "everything", "-s", "_bak"),
      dumpCollections(server, zoo),
    ]);
    expect(envelope).toMatchObject({ command: "restore", ok: true, status: 0 });
    // An alias points at one collection, and goes on pointing at the original.
    expect(envelope.warnings.map(({ code }) => code)).toEqual(["ALIAS_NOT_RESTORED", "ALIAS_NOT_RESTORED"]);
    restored = envelope.data;
    source = dumps;
  }, 180_000);

  test("reports rows in the backup, deleted and restored", () => {
    const rows = restored.collections.map((c) => [c.target, c.rows_in_backup, c.rows_restored, c.rows_deleted]);
    const expected = zoo.map((collection) => {
      const stored = STORED_ROWS[fullName(collection)] ?? "";
      const deleted = `${Number(stored) - collection.rows}`;
      return [`${fullName(collection)}_bak`, stored, `${collection.rows}`, { min: deleted, max: deleted, exact: true }];
    });
    expect(rows.sort()).toEqual(expected.sort());
    expect(new Set(restored.collections.map((c) => c.read_from))).toEqual(new Set(["backup"]));
  });

  test("makes collections equal in schema, properties, partitions, indexes and every row", async () => {
    const targets = zoo.map(({ database, name }) => ({ database, name: `${name}_bak` }));
    const dumps = await dumpCollections(server, targets);
    const differences = dumps.flatMap((dump, at) => {
      const original = source[at];
      const collection = zoo[at];
      if (original === undefined || collection === undefined) throw new Error("a dump is missing");
      expect(original.rows).toHaveLength(collection.rows);
      const found = compareCollections(original, dump, ["schema", "partitions", "indexes", "rows"]);
      return found.map((difference) => `${fullName(collection)}: ${difference}`);
    });
    expect(differences).toEqual([]);
  }, 60_000);

  test("leaves nothing else behind", async () => {
    const names = zoo.map(fullName);
    expect(await collectionsOf(server)).toEqual([...names, ...names.map((name) => `${name}_bak`)].sort());
    expect(existsSync(join(server.localRoot, "restore-temp"))).toBe(false);
  });

  test("refuses to touch what exists, before anything is made", async () => {
    const before = await collectionsOf(server);
    const result = await workspace.json("restore", "-n", "everything", "-s", "_bak");
    expect(result).toMatchObject({ ok: false, status: 4, error: { code: "ALREADY_EXISTS" } });
    expect(await collectionsOf(server)).toEqual(before);
  });
});

describe("after everything was lost", () => {
  test("collections, aliases and databases come back under their own names", async () => {
    await dropEverything(server);
    const chosen = ["db1.zoo_ids", "default.zoo_empty", "default.zoo_ids"];
    const envelope = await workspace.json("restore", "-n", "everything", "--filter", chosen.join(","));
    expect(envelope).toMatchObject({ ok: true, status: 0, warnings: [], data: { databases_created: ["db1"] } });
    expect(await collectionsOf(server)).toEqual(chosen);
    const lost = zoo.map((collection, at) => ({ collection, original: source[at] }));
    const wanted = lost.filter(({ collection }) => chosen.includes(fullName(collection)));
    const dumps = await dumpCollections(
      server,
      wanted.map(({ collection }) => collection),
    );
    const parts = ["schema", "partitions", "indexes", "aliases", "rows"] as const;
    wanted.forEach(({ original }, at) => {
      const dump = dumps[at];
      if (original === undefined || dump === undefined) throw new Error("a dump is missing");
      expect(compareCollections(original, dump, parts)).toEqual([]);
    });
    expect(dumps.flatMap(({ aliases }) => aliases)).toEqual(["ids_alias"]);
  }, 120_000);

  test("delete removes every file of the backup", async () => {
    expect(await workspace.ok("delete", "-n", "everything")).toContain("delete backup done");
    expect(existsSync(join(workspace.folder, "backup", "everything"))).toBe(false);
    expect(await workspace.ok("list")).toBe(">> Backups:\n");
  });
});
