/** A wrong root path of Milvus must not become a backup of nothing, and nothing may ever be written there. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { backupConfig, localStorage, minioStorage } from "../support/backup_config.ts";
import { openBucket, type TestBucket } from "../support/bucket.ts";
import {
  DATABASE,
  filesBelow,
  localLogs,
  MILVUS_BUCKET,
  MILVUS_ROOT,
  OBJECTS,
  seed,
  sharedMilvusOnMinio,
  sourceObjects,
  unseed,
} from "../support/damage_bench.ts";
import type { MilvusServer } from "../support/milvus.ts";
import { type MinioServer, sharedMinio } from "../support/minio.ts";
import { sharedMilvus } from "../support/shared_servers.ts";
import { makeWorkspace, type Workspace } from "../support/workspace.ts";

let workspace: Workspace;
let backups = "";
beforeAll(async () => {
  workspace = await makeWorkspace("");
  backups = join(workspace.folder, "backups");
});
afterAll(() => workspace.remove());

/** `create` and `check` fail as data that is missing; what they say of the right root path. */
async function expectMissingData(name: string): Promise<readonly string[]> {
  const checked = await workspace.json("check");
  const created = await workspace.json("create", "-n", name, "-d", DATABASE);
  for (const { status, error } of [checked, created]) {
    expect(`${status} ${error?.code} ${error?.message}`).toStartWith("8 DATA_MISSING ");
  }
  return [checked.error?.message ?? "", created.error?.message ?? ""];
}

/** Nothing that looks like a backup, and nothing that `delete` could not remove. */
async function expectNoBackup(name: string): Promise<void> {
  const { data } = await workspace.json<{ backups: { state: string }[] }>("list");
  expect(data.backups.filter(({ state }) => state === "complete")).toEqual([]);
  const { status } = await workspace.run(["delete", "-n", name]);
  expect([0, 5]).toContain(status ?? -1);
  expect(await filesBelow(backups)).toEqual(new Map());
}

describe("Milvus on MinIO", () => {
  let server: MilvusServer;
  let minio: MinioServer;
  let bucket: TestBucket;
  let before: ReadonlyMap<string, string>;
  beforeAll(async () => {
    server = await sharedMilvusOnMinio();
    minio = await sharedMinio();
    bucket = await openBucket(minio, MILVUS_BUCKET);
    await minio.createBucket("damage-empty");
    await seed(server);
    // The first flush after the last insert; from then on the server has nothing to write by itself.
    await configure(MILVUS_ROOT);
    await workspace.ok("create", "-n", "first", "-d", DATABASE);
    await workspace.ok("delete", "-n", "first");
    before = await sourceObjects(bucket);
  }, 180_000);
  afterAll(async () => {
    bucket.close();
    await unseed(server);
  });

  const configure = (rootPath: string, bucketName = MILVUS_BUCKET) =>
    workspace.writeConfig(
      backupConfig(server, {
        milvus: minioStorage(minio, bucketName, rootPath),
        backup: localStorage(backups),
      }),
    );

  test.each(["file", "", "Files", "files/insert_log", "fil"])(
    "%p is refused, the right one is named",
    async (rootPath) => {
      await configure(rootPath);
      for (const message of await expectMissingData("wrong")) {
        expect(message).toContain("set milvus.storage.rootPath to that");
        expect(message).toContain('root path "files"');
      }
      await expectNoBackup("wrong");
      expect(await sourceObjects(bucket)).toEqual(before);
    },
    180_000,
  );

  test("another bucket is refused, the settings to compare are named", async () => {
    await configure(MILVUS_ROOT, "damage-empty");
    for (const message of await expectMissingData("wrong")) {
      expect(message).toContain("compare milvus.storage (address, bucketName, rootPath)");
    }
    await expectNoBackup("wrong");
  }, 180_000);

  test("a bucket that does not exist is named and not created", async () => {
    await configure(MILVUS_ROOT, "damage-no-such-bucket");
    for (const command of [["check"], ["create", "-n", "wrong", "-d", DATABASE]]) {
      const { status, error } = await workspace.json(...command);
      expect(`${command[0]}: ${status} ${error?.code} ${error?.message}`).toStartWith(`${command[0]}: 5 NOT_FOUND `);
      expect(error?.message).toContain("bucket damage-no-such-bucket does not exist");
    }
    await expectNoBackup("wrong");
    expect(await readdir(join(minio.dataDir, "drive"))).not.toContain("damage-no-such-bucket");
  }, 180_000);

  test.each(["/files", "files/", "//files//", "./files"])(
    "%p is the same as Milvus' own",
    async (rootPath) => {
      await configure(rootPath);
      expect((await workspace.json("check")).error).toBeUndefined();
      await workspace.ok("create", "-n", "right", "-d", DATABASE);
      const copied = [...(await filesBelow(backups)).keys()].filter((key) => key.startsWith("right/binlogs/"));
      expect(copied).toHaveLength(OBJECTS);
      await workspace.ok("delete", "-n", "right");
      expect(await sourceObjects(bucket)).toEqual(before);
    },
    180_000,
  );
});

describe("Milvus on the local disk", () => {
  let server: MilvusServer;
  let before: ReadonlyMap<string, string>;
  beforeAll(async () => {
    server = await sharedMilvus("2.3.5");
    await seed(server);
    await configure(server.localRoot);
    await workspace.ok("create", "-n", "first", "-d", DATABASE);
    await workspace.ok("delete", "-n", "first");
    before = await localLogs(server);
    await mkdir(join(workspace.folder, "empty"));
  }, 180_000);
  afterAll(() => unseed(server));

  const configure = (rootPath: string) =>
    workspace.writeConfig(backupConfig(server, { milvus: localStorage(rootPath), backup: localStorage(backups) }));

  test.each(["..", "insert_log", "stats_log"])(
    "the folder %p beside or below is refused, the right one is named",
    async (folder) => {
      await configure(join(server.localRoot, folder));
      for (const message of await expectMissingData("wrong")) {
        expect(message).toContain(`root path ${JSON.stringify(server.localRoot)}: set milvus.storage.rootPath to that`);
      }
      await expectNoBackup("wrong");
      expect(await localLogs(server)).toEqual(before);
    },
    180_000,
  );

  test.each(["empty", "not/there"])(
    "an empty or absent folder (%p) is refused and stays so",
    async (folder) => {
      const path = join(workspace.folder, folder);
      await configure(path);
      await expectMissingData("wrong");
      await expectNoBackup("wrong");
      expect(await filesBelow(path)).toEqual(new Map());
    },
    180_000,
  );

  test("a trailing slash is the same", async () => {
    await configure(`${server.localRoot}/`);
    expect((await workspace.json("check")).error).toBeUndefined();
    await workspace.ok("create", "-n", "right", "-d", DATABASE);
    expect([...(await filesBelow(backups)).keys()].filter((key) => key.startsWith("right/binlogs/"))).toHaveLength(
      OBJECTS,
    );
    await workspace.ok("delete", "-n", "right");
    expect(await localLogs(server)).toEqual(before);
  }, 180_000);
});
