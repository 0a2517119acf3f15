import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { backupConfig, localStorage } from "../support/backup_config.ts";
import { type FakeGcs, startFakeGcs } from "../support/fake_gcs.ts";
import type { MilvusServer } from "../support/milvus.ts";
import { dropEverything } from "../support/milvus_clean.ts";
import { type CollectionDump, compareCollections, dumpCollection } from "../support/milvus_dump.ts";
import { makeShelf } from "../support/milvus_shelf.ts";
import { makeServiceAccount } from "../support/service_account.ts";
import { sharedMilvus } from "../support/shared_servers.ts";
import { makeWorkspace, type Workspace } from "../support/workspace.ts";

let server: MilvusServer;
let service: FakeGcs;
let workspace: Workspace;
let original: CollectionDump;
const account = makeServiceAccount();

beforeAll(async () => {
  server = await sharedMilvus("2.3.5");
  service = startFakeGcs({ buckets: ["bucket"], publicKey: account.publicKey, pageSize: 5 });
  workspace = await makeWorkspace("");
  const credentialsFile = join(workspace.folder, "key.json");
  await writeFile(credentialsFile, account.file(`${service.url}/token`));
  const backup = {
    provider: "gcpnative",
    address: "127.0.0.1",
    port: service.port,
    useSSL: false,
    bucketName: "bucket",
    rootPath: "backups",
    auth: { type: "serviceAccount", credentialsFile },
  };
  await workspace.writeConfig(backupConfig(server, { milvus: localStorage(server.localRoot), backup }));
  await makeShelf(server, "coll");
  original = await dumpCollection(server, "default", "coll");
}, 120_000);

afterAll(async () => {
  await dropEverything(server);
  await service[Symbol.asyncDispose]();
  await workspace.remove();
}, 60_000);

describe("Milvus on a disk, backups in Cloud Storage", () => {
  test("create carries every object with its digest, by a service account's token", async () => {
    const { ok, data } = await workspace.json<{ objects: number; evidence: object }>("create", "-n", "carried");
    expect({ ok, evidence: data.evidence }).toEqual({
      ok: true,
      evidence: { digest: data.objects, service: 0, size: 0 },
    });
    const stored = service.names("bucket").filter((name) => name.startsWith("backups/carried/binlogs/"));
    expect(stored).toHaveLength(data.objects);
    expect(await workspace.ok("list")).toContain("carried");
  }, 60_000);

  test("restore brings every row back", async () => {
    const { ok, data } = await workspace.json("restore", "-n", "carried", "-s", "_bak");
    expect({ ok, data }).toMatchObject({ ok: true, data: { collections: [{ rows_restored: "298" }] } });
    const restored = await dumpCollection(server, "default", "coll_bak");
    expect(compareCollections(original, restored, ["schema", "partitions", "indexes", "rows"])).toEqual([]);
  }, 60_000);

  test("restore refuses an object whose bytes came to harm in the bucket", async () => {
    const [harmed = ""] = service.names("bucket").filter((name) => name.includes("/binlogs/insert_log/"));
    service.damage("bucket", harmed);
    const { status, error } = await workspace.json("restore", "-n", "carried", "-s", "_harmed");
    expect({ status, code: error?.code }).toEqual({ status: 8, code: "CHECKSUM_MISMATCH" });
    service.damage("bucket", harmed);
  }, 60_000);

  test("delete leaves nothing behind", async () => {
    await workspace.ok("delete", "-n", "carried");
    expect(service.names("bucket")).toEqual([]);
  }, 60_000);
});
