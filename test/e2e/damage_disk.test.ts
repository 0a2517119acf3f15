/** Backup roots that cannot be written: read-only, without rights, full, or in the way of a file. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { backupConfig, localStorage, minioStorage, type StorageSection } from "../support/backup_config.ts";
import { openBucket, type TestBucket } from "../support/bucket.ts";
import {
  COLLECTION,
  DATABASE,
  dropCollection,
  filesBelow,
  localLogs,
  MILVUS_BUCKET,
  MILVUS_ROOT,
  ROWS,
  seed,
  sharedMilvusOnMinio,
  unseed,
} from "../support/damage_bench.ts";
import { s3Error, startFaultProxy } from "../support/fault_proxy.ts";
import { openMountSpace } from "../support/faulty_disk.ts";
import type { MilvusServer } from "../support/milvus.ts";
import { type MinioServer, sharedMinio } from "../support/minio.ts";
import { openSession, withKeys } from "../support/minio_session.ts";
import { sharedMilvus } from "../support/shared_servers.ts";
import { makeWorkspace, type Workspace } from "../support/workspace.ts";

let local: MilvusServer;
let workspace: Workspace;
let folder = "";
let configFile = "";
beforeAll(async () => {
  local = await sharedMilvus("2.3.5");
  await seed(local);
  workspace = await makeWorkspace("");
  folder = join(workspace.folder, "backups");
  configFile = join(workspace.folder, "configs", "backup.yaml");
}, 180_000);
afterAll(async () => {
  await unseed(local);
  await workspace.remove();
}, 180_000);

const configureLocal = (backup: StorageSection) =>
  workspace.writeConfig(backupConfig(local, { milvus: localStorage(local.localRoot), backup }));

const ON_THE_SIDE = ["--config", "", "--json"];
function inside(...args: string[]): string[] {
  return [...args, ...ON_THE_SIDE.with(1, configFile)];
}
const errorOf = (stdout: string) =>
  (JSON.parse(stdout) as { error?: { code: string; message: string } }).error ?? { code: "", message: "" };

describe("a read-only disk", () => {
  test("refuses create and delete, gives list, get and restore", async () => {
    await configureLocal(localStorage(folder));
    await workspace.ok("create", "-n", "kept", "-d", DATABASE);
    const before = await filesBelow(folder);
    const space = await openMountSpace(`mount --bind '${folder}' '${folder}' && mount -o remount,bind,ro '${folder}'`);
    try {
      for (const args of [["create", "-n", "new", "-d", DATABASE], ["delete", "-n", "kept"], ["check"]]) {
        const { status, stdout } = await space.run(inside(...args));
        const { code, message } = errorOf(stdout);
        expect(`${args[0]} ${status} ${code}`).toBe(`${args[0]} 6 READ_ONLY`);
        expect(message).toContain(folder);
        expect(message).toContain("read-only");
      }
      const listed = await space.run(inside("list"));
      expect(JSON.parse(listed.stdout).data.backups).toMatchObject([{ name: "kept", state: "complete" }]);
      expect((await space.run(inside("get", "-n", "kept"))).status).toBe(0);
      const restored = await space.run(inside("restore", "-n", "kept", "--suffix", "_copy"));
      expect(errorOf(restored.stdout).message).toBe("");
      expect(JSON.parse(restored.stdout).data.collections).toMatchObject([{ rows_restored: String(ROWS) }]);
      expect(await filesBelow(folder)).toEqual(before);
    } finally {
      await space.close();
      await dropCollection(local, `${COLLECTION}_copy`).catch(() => undefined);
    }
    await workspace.ok("delete", "-n", "kept");
  }, 180_000);
});

describe("a full disk", () => {
  // Room for some of the 12 objects (a page each, and one for each folder), not for all.
  test.each(["24k", "60k"])(
    "of %s leaves an incomplete backup without half files",
    async (size) => {
      const disk = join(workspace.folder, "disk");
      const space = await openMountSpace(`mkdir -p '${disk}' && mount -t tmpfs -o size=${size} none '${disk}'`);
      try {
        await configureLocal(localStorage(join(disk, "backups")));
        const { status, stdout } = await space.run(inside("create", "-n", "big", "-d", DATABASE));
        const { code, message } = errorOf(stdout);
        expect(`${status} ${code}`).toBe("7 NO_SPACE");
        expect(message).toContain("no space left");

        const logs = await localLogs(local);
        const contents = new Set(logs.values());
        const files = await filesBelow(space.path(join(disk, "backups")));
        expect([...files.keys()].filter((file) => file.includes(".milvus-backup-tmp"))).toEqual([]);
        const binlogs = [...files].filter(([file]) => file.includes("/binlogs/"));
        expect(binlogs.length).toBeLessThan(logs.size);
        for (const [, content] of binlogs) expect(contents).toContain(content);
        expect([...files.keys()]).not.toContain("big/meta/backup_meta.json");

        const listed = await space.run(inside("list"));
        const backups = JSON.parse(listed.stdout).data.backups as { state: string }[];
        expect(backups.filter(({ state }) => state === "complete")).toEqual([]);
        const deleted = await space.run(inside("delete", "-n", "big"));
        expect(deleted.status).toBe(backups.length === 0 ? 5 : 0);
        expect(await filesBelow(space.path(disk))).toEqual(new Map());
        // Room again.
        await space.shell(`mount -o remount,size=4m '${disk}'`);
        expect((await space.run(inside("create", "-n", "big", "-d", DATABASE))).status).toBe(0);
      } finally {
        await space.close();
      }
    },
    180_000,
  );

  test("of a service is the same", async () => {
    const minio = await sharedMinio();
    const bucket = await openBucket(minio, "damage-full");
    const proxy = await startFaultProxy(minio);
    const isData = (request: { method: string; path: string }) =>
      request.method === "PUT" && request.path.includes("/binlogs/");
    proxy.reset([
      { when: isData, skip: 10, fault: { kind: "reply", status: 507, body: s3Error("XMinioStorageFull") } },
    ]);
    try {
      await configureLocal({ ...minioStorage(minio, "damage-full", "b"), port: proxy.port });
      const { status, error } = await workspace.json("create", "-n", "big", "-d", DATABASE);
      expect(`${status} ${error?.code}`).toBe("7 NO_SPACE");
      const list = await workspace.json<{ backups: { state: string }[] }>("list");
      expect(list.data.backups).toMatchObject([{ state: "incomplete" }]);
      await workspace.ok("delete", "-n", "big");
      expect((await bucket.list()).size).toBe(0);
    } finally {
      await proxy[Symbol.asyncDispose]();
      bucket.close();
    }
  }, 180_000);
});

describe("a path that is none", () => {
  test("a file where the folder is expected is named by every command", async () => {
    const file = join(workspace.folder, "file");
    await writeFile(file, "mine");
    for (const path of [file, join(file, "below")]) {
      await configureLocal(localStorage(path));
      for (const args of [["create", "-n", "x", "-d", DATABASE], ["check"], ["list"]]) {
        const { status, error } = await workspace.json(...args);
        expect(`${path} ${args[0]} ${error?.message}`).toContain(file);
        expect(status).not.toBe(0);
        expect(error?.code).not.toBe("BUG");
      }
    }
    expect(await readFile(file, "utf8")).toBe("mine");
  }, 180_000);

  test("a folder that nobody may make is named", async () => {
    await configureLocal(localStorage("/proc/nobody/backups"));
    const { status, error } = await workspace.json("create", "-n", "x", "-d", DATABASE);
    expect(error?.message).toContain("/proc/nobody");
    expect([5, 6]).toContain(status ?? -1);
  }, 180_000);

  test("a missing parent folder is made", async () => {
    await configureLocal(localStorage(join(folder, "not", "there", "yet")));
    await workspace.ok("create", "-n", "x", "-d", DATABASE);
    await workspace.ok("delete", "-n", "x");
  }, 180_000);
});

describe("rights in a bucket", () => {
  let server: MilvusServer;
  let minio: MinioServer;
  let bucket: TestBucket;
  const read = ["s3:GetObject", "s3:ListBucket"];
  const everywhere = [MILVUS_BUCKET, `${MILVUS_BUCKET}/*`];
  beforeAll(async () => {
    server = await sharedMilvusOnMinio();
    minio = await sharedMinio();
    bucket = await openBucket(minio, MILVUS_BUCKET);
    await seed(server);
  }, 180_000);
  afterAll(async () => {
    await unseed(server);
    bucket.close();
  });

  const configure = (milvus: StorageSection, backup: StorageSection) =>
    workspace.writeConfig(backupConfig(server, { milvus, backup }));
  const milvusRoot = () => minioStorage(minio, MILVUS_BUCKET, MILVUS_ROOT);
  const backupRoot = () => minioStorage(minio, MILVUS_BUCKET, "rights");

  test("to read alone refuse create, delete and check, give list, get and restore", async () => {
    await configure(milvusRoot(), backupRoot());
    await workspace.ok("create", "-n", "kept", "-d", DATABASE);
    const before = await bucket.list("rights/");
    const keys = await openSession(minio, [{ actions: read, resources: everywhere }]);
    await configure(withKeys(milvusRoot(), keys), withKeys(backupRoot(), keys));
    for (const args of [["create", "-n", "new", "-d", DATABASE], ["delete", "-n", "kept"], ["check"]]) {
      const { status, error } = await workspace.json(...args);
      expect(`${args[0]} ${status} ${error?.code}`).toBe(`${args[0]} 6 ACCESS_DENIED`);
      expect(error?.message).toContain(args[0] === "delete" ? "s3:DeleteObject" : "s3:PutObject");
      expect(error?.message).not.toContain(keys.secretAccessKey);
    }
    const list = await workspace.json<{ backups: { state: string }[] }>("list");
    expect(list.data.backups).toMatchObject([{ name: "kept", state: "complete" }]);
    await workspace.ok("get", "-n", "kept");
    const restored = await workspace.json<{ collections: unknown[] }>("restore", "-n", "kept", "--suffix", "_copy");
    expect(restored.data.collections).toMatchObject([{ rows_restored: String(ROWS), read_from: "backup" }]);
    expect(await bucket.list("rights/")).toEqual(before);
    await dropCollection(server, `${COLLECTION}_copy`);
    await configure(milvusRoot(), backupRoot());
    await workspace.ok("delete", "-n", "kept");
  }, 180_000);

  test("to list and read at Milvus, to list, read, write and delete at the backup root are enough", async () => {
    const source = await openSession(minio, [
      { actions: read, resources: [MILVUS_BUCKET, `${MILVUS_BUCKET}/${MILVUS_ROOT}/*`] },
    ]);
    const rights = [...read, "s3:PutObject", "s3:DeleteObject"];
    const target = await openSession(minio, [
      { actions: rights, resources: [MILVUS_BUCKET, `${MILVUS_BUCKET}/rights/*`] },
    ]);
    await configure(withKeys(milvusRoot(), source), withKeys(backupRoot(), target));
    expect((await workspace.json("check")).error).toBeUndefined();
    // The target's keys may not read the source: objects stream.
    const { error, warnings } = await workspace.json("create", "-n", "least", "-d", DATABASE);
    expect(error).toBeUndefined();
    expect(warnings.map(({ code }) => code)).toContain("DIRECT_COPY_REFUSED");
    await workspace.ok("delete", "-n", "least");
    expect((await bucket.list("rights/")).size).toBe(0);
  }, 180_000);

  test("without the right to delete a backup is made all the same", async () => {
    const keys = await openSession(minio, [{ actions: [...read, "s3:PutObject"], resources: everywhere }]);
    await configure(withKeys(milvusRoot(), keys), withKeys(backupRoot(), keys));
    const { error } = await workspace.json("create", "-n", "undeletable", "-d", DATABASE);
    expect(error).toBeUndefined();
    const list = await workspace.json<{ backups: { state: string }[] }>("list");
    expect(list.data.backups).toMatchObject([{ name: "undeletable", state: "complete" }]);
    await configure(milvusRoot(), backupRoot());
    await workspace.ok("delete", "-n", "undeletable");
    expect((await bucket.list("rights/")).size).toBe(0);
  }, 180_000);
});
