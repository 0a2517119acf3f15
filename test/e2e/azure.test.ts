import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdir, readFile } from "node:fs/promises";
import { type AzuriteServer, serviceClient, sharedAzurite, startAzurite } from "../support/azurite.ts";
import { azureStorage, backupConfig, localStorage } from "../support/backup_config.ts";
import { makeCerts } from "../support/certs.ts";
import type { MilvusServer } from "../support/milvus.ts";
import { dropEverything } from "../support/milvus_clean.ts";
import { type CollectionDump, compareCollections, dumpCollection } from "../support/milvus_dump.ts";
import { makeShelf } from "../support/milvus_shelf.ts";
import { startHttp } from "../support/scripted_http.ts";
import { sharedMilvus } from "../support/shared_servers.ts";
import { makeWorkspace, type Workspace } from "../support/workspace.ts";

let workspace: Workspace;

beforeAll(async () => {
  workspace = await makeWorkspace("");
});

afterAll(() => workspace.remove());

describe("Milvus on a disk, backups in Azure", () => {
  let azurite: AzuriteServer;
  let server: MilvusServer;
  let original: CollectionDump;

  beforeAll(async () => {
    azurite = await sharedAzurite();
    await azurite.createContainer("backups");
    server = await sharedMilvus("2.3.5");
    await makeShelf(server, "coll");
    original = await dumpCollection(server, "default", "coll");
    const backup = azureStorage(azurite, { bucketName: "backups", rootPath: "disk-backups" });
    await workspace.writeConfig(backupConfig(server, { milvus: localStorage(server.localRoot), backup }));
  }, 120_000);
  afterAll(() => dropEverything(server), 60_000);

  test("create streams into the container", async () => {
    const { ok, status, data } = await workspace.json<{ objects: number; evidence: unknown }>(
      "create",
      "-n",
      "carried",
    );
    expect({ ok, status }).toEqual({ ok: true, status: 0 });
    expect(data.evidence).toEqual({ digest: data.objects, service: 0, size: 0 });
    const names: string[] = [];
    const container = serviceClient(azurite).getContainerClient("backups");
    for await (const { name } of container.listBlobsFlat({ prefix: "disk-backups/carried/binlogs/" })) names.push(name);
    expect(names.length).toBe(data.objects);
    expect(data.objects).toBeGreaterThan(0);
  }, 60_000);

  test("restore stages onto the disk and leaves no staged file behind", async () => {
    const envelope = await workspace.json("restore", "-n", "carried", "-s", "_bak");
    expect(envelope).toMatchObject({
      ok: true,
      status: 0,
      warnings: [],
      data: { collections: [{ read_from: "staged", rows_in_backup: "300", rows_restored: "298" }] },
    });
    expect((await readdir(server.localRoot)).filter((name) => name.startsWith("restore-temp"))).toEqual([]);
    const restored = await dumpCollection(server, "default", "coll_bak");
    expect(compareCollections(original, restored, ["schema", "partitions", "indexes", "rows"])).toEqual([]);
  }, 60_000);

  test("an identity of the machine is enough: its token is asked for and sent", async () => {
    const certs = makeCerts(workspace.folder);
    const tls = { certPath: certs.serverCertPath, keyPath: certs.serverKeyPath, caPath: certs.caPath };
    const secure = await startAzurite({ tls });
    await using identity = startHttp(() => ({ status: 200, text: JSON.stringify(tokenAnswer()) }));
    try {
      await serviceClient(secure, await readFile(certs.caPath, "utf8"))
        .getContainerClient("tokens")
        .create();
      const backup = azureStorage(secure, { bucketName: "tokens", rootPath: "b" }, { type: "default" });
      const storage = { milvus: localStorage(server.localRoot), backup: { ...backup, caCertPath: certs.caPath } };
      await workspace.writeConfig(backupConfig(server, storage));
      const env = { IDENTITY_ENDPOINT: `${identity.url}/token`, IDENTITY_HEADER: "header" };
      const created = await workspace.run(["create", "-n", "by_token"], { env });
      expect([created.status, created.stderr]).toEqual([0, expect.any(String)]);
      const listed = await workspace.run(["list"], { env });
      expect([listed.status, listed.stdout]).toEqual([0, expect.stringContaining("by_token")]);
      expect(identity.requests.every((request) => request.path.includes("storage.azure.com"))).toBe(true);
      expect(identity.requests.length).toBe(2);
      const without = await workspace.run(["list"]);
      expect([without.status, without.stderr]).toEqual([
        6,
        expect.stringContaining("auth.type default found no credential"),
      ]);
    } finally {
      await secure.stop();
    }
  }, 120_000);
});

/** What an App Service answers for its managed identity; Azurite looks at everything of a token but its signature. */
function tokenAnswer(): object {
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: "https://sts.windows.net/test/",
    aud: "https://storage.azure.com",
    iat: now - 60,
    nbf: now - 60,
    exp: now + 3600,
  };
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const token = `${part({ alg: "RS256", typ: "JWT" })}.${part(claims)}.${Buffer.from("none").toString("base64url")}`;
  return { access_token: token, expires_on: String(claims.exp), resource: claims.aud, token_type: "Bearer" };
}
