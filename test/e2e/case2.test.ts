import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { backupConfig, minioStorage } from "../support/backup_config.ts";
import { carry, emptyBucket, openBucket, type TestBucket } from "../support/bucket.ts";
import type { MilvusServer } from "../support/milvus.ts";
import { collectionsOf, dropEverything } from "../support/milvus_clean.ts";
import { compareCollections, dumpCollection } from "../support/milvus_dump.ts";
import { sharedMilvusOnMinio, startMilvusOn } from "../support/milvus_on_minio.ts";
import { makeShelf } from "../support/milvus_shelf.ts";
import { type MinioServer, sharedMinio, startMinio } from "../support/minio.ts";
import { makeWorkspace, type Workspace } from "../support/workspace.ts";

// Two instances, two buckets of two services with keys of their own, the root path `files` on both.
let minioA: MinioServer;
let minioB: MinioServer;
let bucketA: TestBucket;
let bucketB: TestBucket;
let source: MilvusServer;
let target: MilvusServer;
let workspace: Workspace;

beforeAll(async () => {
  minioA = await sharedMinio();
  minioB = await startMinio({ keys: { accessKey: "another-access-key", secretKey: "another-secret-key" } });
  bucketA = await openBucket(minioA, "bucket-a");
  bucketB = await openBucket(minioB, "bucket-b");
  [source, target] = await Promise.all([sharedMilvusOnMinio(), startMilvusOn(minioB, "bucket-b", "files")]);
  await makeShelf(source, "coll");
  workspace = await makeWorkspace("");
}, 120_000);

afterAll(async () => {
  await target.stop();
  await dropEverything(source);
  await emptyBucket(bucketA, "backup/");
  for (const bucket of [bucketA, bucketB]) bucket.close();
  await minioB.stop();
  await workspace.remove();
}, 60_000);

function fileOfVersion1(milvus: MilvusServer, minio: MinioServer, bucket: string): object {
  return {
    milvus: { address: milvus.host, port: milvus.port, authorizationEnabled: false, tlsMode: 0 },
    minio: {
      storageType: "minio",
      address: minio.host,
      port: minio.port,
      accessKeyID: minio.accessKey,
      secretAccessKey: minio.secretKey,
      useSSL: false,
      bucketName: bucket,
      rootPath: "files",
      backupAccessKeyID: minio.accessKey,
      backupSecretAccessKey: minio.secretKey,
      backupBucketName: bucket,
      backupRootPath: "backup",
    },
  };
}

describe("two instances in two buckets", () => {
  test("a backup that was carried to the other bucket restores there", async () => {
    await workspace.writeConfig(fileOfVersion1(source, minioA, "bucket-a"));
    const created = await workspace.shell("./milvus-backup create -c coll -n my_backup");
    expect(created).toMatchObject({ status: 0 });
    const carried = await carry(bucketA, bucketB, "backup/my_backup/");
    expect(carried).toBe((await bucketA.list("backup/my_backup/")).size);

    await workspace.writeConfig(fileOfVersion1(target, minioB, "bucket-b"));
    expect(await workspace.ok("list")).toBe(">> Backups:\nmy_backup\n");
    const restored = await workspace.shell("./milvus-backup restore -c coll -n my_backup -s _bak");
    expect(restored).toMatchObject({ status: 0 });
    expect(await collectionsOf(target)).toEqual(["default.coll_bak"]);
    const dumps = await Promise.all([
      dumpCollection(source, "default", "coll"),
      dumpCollection(target, "default", "coll_bak"),
    ]);
    expect(dumps[0].rows).toHaveLength(298);
    expect(compareCollections(...dumps, ["schema", "partitions", "indexes", "rows"])).toEqual([]);
  }, 60_000);
});

describe("a backup root in the other service", () => {
  beforeAll(() =>
    workspace.writeConfig(
      backupConfig(source, {
        milvus: minioStorage(minioA, "bucket-a", "files"),
        backup: minioStorage(minioB, "bucket-b", "far"),
      }),
    ),
  );

  test("create streams, and proves every object by its digest", async () => {
    const { data, ...envelope } = await workspace.json<{
      objects: number;
      copied_by: Record<string, number>;
      evidence: Record<string, number>;
    }>("create", "-c", "coll", "-n", "far_away");
    expect(envelope).toMatchObject({ ok: true, status: 0 });
    expect(data.copied_by).toMatchObject({ direct: 0, streaming: data.objects });
    expect(data.evidence).toEqual({ digest: data.objects, service: 0, size: 0 });
    const logs = [...(await bucketB.list("far/far_away/binlogs/")).keys()];
    expect(logs).toHaveLength(data.objects);
    expect((await bucketA.list("far/")).size).toBe(0);
  });

  test("restore stages the objects where Milvus reads, and takes them away again", async () => {
    const before = await bucketA.list("files/");
    const envelope = await workspace.json<{ collections: { read_from: string; rows_restored: string }[] }>(
      "restore",
      "-n",
      "far_away",
      "-s",
      "_far",
    );
    expect(envelope).toMatchObject({ ok: true, status: 0, warnings: [] });
    expect(envelope.data.collections).toMatchObject([{ read_from: "staged", rows_restored: "298" }]);
    const added = [...(await bucketA.list("files/")).keys()].filter((key) => !before.has(key));
    expect(added.length).toBeGreaterThan(0);
    expect(added.filter((key) => !/^files\/(insert|stats|delta|index)_(log|files)\//.test(key))).toEqual([]);
    const dumps = await Promise.all([
      dumpCollection(source, "default", "coll"),
      dumpCollection(source, "default", "coll_far"),
    ]);
    expect(compareCollections(...dumps, ["schema", "partitions", "indexes", "rows"])).toEqual([]);
  }, 60_000);

  test("delete removes it there", async () => {
    await workspace.ok("delete", "-n", "far_away");
    expect((await bucketB.list("far/")).size).toBe(0);
  });
});
