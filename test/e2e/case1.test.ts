import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { emptyBucket, openBucket, type TestBucket } from "../support/bucket.ts";
import type { MilvusServer } from "../support/milvus.ts";
import { collectionsOf } from "../support/milvus_clean.ts";
import { withData } from "../support/milvus_data.ts";
import { compareCollections, dumpCollection } from "../support/milvus_dump.ts";
import { startMilvusOn } from "../support/milvus_on_minio.ts";
import { makeShelf } from "../support/milvus_shelf.ts";
import { type MinioServer, sharedMinio } from "../support/minio.ts";
import { makeWorkspace, type Workspace } from "../support/workspace.ts";

// Two instances of Milvus in one bucket, as the documents tell it: their file, their commands. Only addresses, keys and the
// bucket's name differ; S3 and MinIO refuse the capital and the underscore of "bucket_A".
const BUCKET = "bucket-a";
const ROWS = 300;

let minio: MinioServer;
let bucket: TestBucket;
let milvusA: MilvusServer;
let milvusB: MilvusServer;
let workspace: Workspace;

beforeAll(async () => {
  minio = await sharedMinio();
  bucket = await openBucket(minio, BUCKET);
  [milvusA, milvusB] = await Promise.all([
    startMilvusOn(minio, BUCKET, "files_A"),
    startMilvusOn(minio, BUCKET, "files_B"),
  ]);
  workspace = await makeWorkspace(configFile(milvusA, "files_A"));
  await makeShelf(milvusA, "coll", { rows: ROWS });
  await makeShelf(milvusA, "other", { rows: 10 });
}, 120_000);

afterAll(async () => {
  await Promise.all([milvusA.stop(), milvusB.stop()]);
  for (const prefix of ["files_A/", "files_B/", "backup/"]) await emptyBucket(bucket, prefix);
  bucket.close();
  await workspace.remove();
}, 60_000);

function configFile(milvus: MilvusServer, rootPath: string): string {
  return `
milvus:
  address: ${milvus.host}
  port: ${milvus.port}
  authorizationEnabled: false
  tlsMode: 0            # 0 close, 1 one-way, 2 two-way
  user: "root"
  password: "Milvus"
minio:
  storageType: "minio"  # local, minio, s3, aws, gcp, ali(aliyun), azure, tc(tencent)
  # cloudProvider: "minio"   deprecated, storageType replaces it
  address: ${minio.host}
  port: ${minio.port}
  accessKeyID: ${minio.accessKey}
  secretAccessKey: ${minio.secretKey}
  useSSL: false
  useIAM: false
  iamEndpoint: ""
  bucketName: "${BUCKET}"
  rootPath: "${rootPath}"
  # azure only:
  backupAccessKeyID: ${minio.accessKey}
  backupSecretAccessKey: ${minio.secretKey}
  backupBucketName: "${BUCKET}"
  backupRootPath: "backup"
`;
}

describe("two instances in one bucket", () => {
  test("create stores the backup under backup/my_backup, copied by the storage service", async () => {
    const result = await workspace.shell("./milvus-backup create -c coll -n my_backup");
    expect(result).toMatchObject({ status: 0 });
    const keys = [...(await bucket.list("backup/")).keys()];
    expect(keys).toContain("backup/my_backup/meta/backup_meta.json");
    expect(keys.filter((key) => !key.startsWith("backup/my_backup/"))).toEqual([]);
    const logs = keys.filter((key) => key.startsWith("backup/my_backup/binlogs/")).length;
    expect(logs).toBeGreaterThan(4);
    expect(result.stdout).toContain(`backup my_backup: 1 collections, ${ROWS} rows, ${logs} objects`);
    expect(result.stdout).toContain(`copied ${logs} by the storage service, 0 through this machine`);
    expect(result.stdout).toContain(`proved 0 by digest, ${logs} by the service\n`);
  });

  test("restore makes coll_bak in the other instance, its data under files_B", async () => {
    await workspace.writeConfig(configFile(milvusB, "files_B"));
    const result = await workspace.shell("./milvus-backup restore -c coll -n my_backup -s _bak");
    expect(result).toMatchObject({ status: 0 });
    expect(await collectionsOf(milvusB)).toEqual(["default.coll_bak"]);
    const id = await withData(milvusB, "default", async ({ rpc }) => {
      const { collectionID } = await rpc.call("DescribeCollection", { collection_name: "coll_bak" });
      return String(collectionID);
    });
    const written = [...(await bucket.list("files_B/")).keys()];
    expect(written.filter((key) => key.startsWith(`files_B/insert_log/${id}/`)).length).toBeGreaterThan(4);
    // Milvus read the backup where it lies: nothing was staged.
    expect(written.filter((key) => !/^files_B\/(insert|stats|delta|index)_(log|files)\//.test(key))).toEqual([]);
  }, 60_000);

  test("both collections are equal, row by row", async () => {
    const [original, restored] = await Promise.all([
      dumpCollection(milvusA, "default", "coll"),
      dumpCollection(milvusB, "default", "coll_bak"),
    ]);
    expect(original.rows).toHaveLength(ROWS - 2);
    expect(compareCollections(original, restored, ["schema", "partitions", "indexes", "rows"])).toEqual([]);
  }, 60_000);
});
