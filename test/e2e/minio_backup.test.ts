import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { backupConfig, localStorage, minioStorage } from "../support/backup_config.ts";
import { emptyBucket, openBucket, type TestBucket } from "../support/bucket.ts";
import type { MilvusServer } from "../support/milvus.ts";
import { dropEverything } from "../support/milvus_clean.ts";
import { type CollectionDump, compareCollections, dumpCollection } from "../support/milvus_dump.ts";
import { sharedMilvusOnMinio } from "../support/milvus_on_minio.ts";
import { makeShelf } from "../support/milvus_shelf.ts";
import { type MinioServer, sharedMinio } from "../support/minio.ts";
import { sharedMilvus } from "../support/shared_servers.ts";
import { auditBackup } from "../support/stored_backup.ts";
import { makeWorkspace, type Workspace } from "../support/workspace.ts";

let minio: MinioServer;
let bucket: TestBucket;
let workspace: Workspace;

beforeAll(async () => {
  minio = await sharedMinio();
  bucket = await openBucket(minio, "bucket-a");
  workspace = await makeWorkspace("");
}, 60_000);

afterAll(async () => {
  bucket.close();
  await workspace.remove();
});

interface CreateData {
  readonly objects: number;
  readonly copied_by: Readonly<Record<string, number>>;
  readonly evidence: Readonly<Record<string, number>>;
}

async function createStreaming(): Promise<number> {
  const { ok, status, data } = await workspace.json<CreateData>("create", "-n", "carried");
  expect({ ok, status }).toEqual({ ok: true, status: 0 });
  expect(data.copied_by).toMatchObject({ direct: 0, streaming: data.objects });
  expect(data.evidence).toEqual({ digest: data.objects, service: 0, size: 0 });
  return data.objects;
}

async function restoreStaged(): Promise<void> {
  const envelope = await workspace.json("restore", "-n", "carried", "-s", "_bak");
  expect(envelope).toMatchObject({
    ok: true,
    status: 0,
    warnings: [],
    data: { collections: [{ read_from: "staged", rows_in_backup: "300", rows_restored: "298" }] },
  });
}

async function requireEqual(server: MilvusServer, original: CollectionDump): Promise<void> {
  const restored = await dumpCollection(server, "default", "coll_bak");
  expect(original.rows).toHaveLength(298);
  expect(compareCollections(original, restored, ["schema", "partitions", "indexes", "rows"])).toEqual([]);
}

describe("Milvus in a bucket, backups on a disk", () => {
  let server: MilvusServer;
  let original: CollectionDump;

  beforeAll(async () => {
    server = await sharedMilvusOnMinio();
    await makeShelf(server, "coll");
    original = await dumpCollection(server, "default", "coll");
    const backup = localStorage(join(workspace.folder, "backup"));
    await workspace.writeConfig(backupConfig(server, { milvus: minioStorage(minio, "bucket-a", "files"), backup }));
  }, 120_000);
  afterAll(() => dropEverything(server), 60_000);

  test("create streams to the disk", async () => {
    const objects = await createStreaming();
    expect(await auditBackup(join(workspace.folder, "backup", "carried"))).toEqual({ objects, problems: [] });
  }, 60_000);

  test("restore stages into the bucket and leaves no staged object behind", async () => {
    await restoreStaged();
    const keys = [...(await bucket.list("files/")).keys()];
    expect(keys.filter((key) => key.includes("restore-temp"))).toEqual([]);
    await requireEqual(server, original);
  }, 60_000);
});

describe("Milvus on a disk, backups in a bucket", () => {
  let server: MilvusServer;
  let original: CollectionDump;

  beforeAll(async () => {
    server = await sharedMilvus("2.3.5");
    await makeShelf(server, "coll");
    original = await dumpCollection(server, "default", "coll");
    const backup = minioStorage(minio, "bucket-a", "disk-backups");
    await workspace.writeConfig(backupConfig(server, { milvus: localStorage(server.localRoot), backup }));
  }, 120_000);
  afterAll(async () => {
    await dropEverything(server);
    await emptyBucket(bucket, "disk-backups/");
  }, 60_000);

  test("create streams into the bucket", async () => {
    const objects = await createStreaming();
    expect((await bucket.list("disk-backups/carried/binlogs/")).size).toBe(objects);
  }, 60_000);

  test("restore stages onto the disk and leaves no staged file behind", async () => {
    await restoreStaged();
    expect((await readdir(server.localRoot)).filter((name) => name.startsWith("restore-temp"))).toEqual([]);
    await requireEqual(server, original);
  }, 60_000);
});
