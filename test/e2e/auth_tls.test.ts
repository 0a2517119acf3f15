import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { backupConfig, localStorage } from "../support/backup_config.ts";
import { makeCerts, type TestCerts } from "../support/certs.ts";
import { type MilvusServer, startMilvus } from "../support/milvus.ts";
import { dropEverything } from "../support/milvus_clean.ts";
import { type CollectionDump, compareCollections, dumpCollection } from "../support/milvus_dump.ts";
import { makeShelf } from "../support/milvus_shelf.ts";
import { sharedMilvus } from "../support/shared_servers.ts";
import { makeWorkspace, type Workspace } from "../support/workspace.ts";

const WRONG_PASSWORD = "n0t-the-Passw0rd";

let folder: string;
let certs: TestCerts;
let plain: MilvusServer;
let oneWay: MilvusServer;
let mutual: MilvusServer;
let workspace: Workspace;
let original: CollectionDump;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "auth-tls-"));
  certs = makeCerts(folder);
  const { caPath, serverCertPath: certPath, serverKeyPath: keyPath } = certs;
  const start = (mode: 1 | 2) => {
    const own = mode === 2 ? { certPath: certs.clientCertPath, keyPath: certs.clientKeyPath } : {};
    const tls = { mode, caPath, certPath, keyPath, client: { caPath, ...own } };
    return startMilvus({ version: "2.3.5", storage: { type: "local" }, auth: true, tls });
  };
  [plain, oneWay, mutual] = await Promise.all([sharedMilvus("2.3.5"), start(1), start(2)]);
  await makeShelf(plain, "coll");
  original = await dumpCollection(plain, "default", "coll");
  workspace = await makeWorkspace(configOf(plain, {}));
  await workspace.ok("create", "-n", "from_plain");
}, 120_000);

afterAll(async () => {
  await Promise.all([oneWay.stop(), mutual.stop()]);
  await dropEverything(plain);
  await workspace.remove();
  await rm(folder, { recursive: true });
}, 60_000);

/** By IP address, as all servers of the tests. */
function configOf(server: MilvusServer, grpc: object, milvus: object = {}): object {
  const storage = { milvus: localStorage(server.localRoot), backup: localStorage(join(folder, "backup")) };
  const { host: address, port } = server;
  return backupConfig(server, storage, { milvus: { grpc: { address, port, ...grpc }, ...milvus } });
}

function oneWayTls(): object {
  return { tlsMode: "server", caCertPath: certs.caPath };
}

function mutualTls(): object {
  const { caPath, clientCertPath, clientKeyPath } = certs;
  return { tlsMode: "mutual", caCertPath: caPath, mtlsCertPath: clientCertPath, mtlsKeyPath: clientKeyPath };
}

async function requireRestored(server: MilvusServer): Promise<void> {
  const restored = await dumpCollection(server, "default", "coll");
  expect(restored.rows).toHaveLength(298);
  expect(compareCollections(original, restored, ["schema", "partitions", "indexes", "rows"])).toEqual([]);
}

describe("Milvus with authentication and TLS, by IP address and a private authority", () => {
  test("one-way TLS: restore and create", async () => {
    await workspace.writeConfig(configOf(oneWay, oneWayTls()));
    await workspace.ok("check");
    await workspace.ok("restore", "-n", "from_plain");
    await requireRestored(oneWay);
    await workspace.ok("create", "-n", "from_one_way");
  }, 60_000);

  test("mutual TLS: restore of that backup, and create", async () => {
    await workspace.writeConfig(configOf(mutual, mutualTls()));
    await workspace.ok("check");
    await workspace.ok("restore", "-n", "from_one_way");
    await requireRestored(mutual);
    await workspace.ok("create", "-n", "from_mutual");
    expect(await workspace.ok("list")).toBe(">> Backups:\nfrom_mutual\nfrom_one_way\nfrom_plain\n");
  }, 60_000);

  test("a v1 file asks for the same with tlsMode 2 and authorizationEnabled", async () => {
    const { host: address, port, localRoot } = mutual;
    await workspace.writeConfig({
      milvus: {
        address,
        port,
        authorizationEnabled: true,
        tlsMode: 2,
        user: "root",
        password: "Milvus",
        caCertPath: certs.caPath,
        mtlsCertPath: certs.clientCertPath,
        mtlsKeyPath: certs.clientKeyPath,
      },
      minio: {
        storageType: "local",
        rootPath: localRoot,
        backupStorageType: "local",
        backupRootPath: join(folder, "backup"),
      },
    });
    await workspace.ok("create", "-n", "from_v1");
    await workspace.ok("delete", "-n", "from_v1");
  }, 60_000);
});

describe("refusals", () => {
  async function refused(config: object): Promise<{ status: number | null; text: string }> {
    await workspace.writeConfig(config);
    const results = await Promise.all(
      [
        ["create", "-n", "refused"],
        ["create", "-n", "refused", "--json"],
        ["restore", "-n", "from_plain", "-s", "_refused"],
        ["check", "--set", "log.level=debug"],
      ].map((args) => workspace.run(args)),
    );
    expect(new Set(results.map(({ status }) => status)).size).toBe(1);
    const text = results.map(({ stdout, stderr }) => `${stdout}\n${stderr}`).join("\n");
    for (const secret of [WRONG_PASSWORD, Buffer.from(`root:${WRONG_PASSWORD}`).toString("base64")]) {
      expect(text).not.toContain(secret);
    }
    expect(await workspace.ok("list")).not.toContain("refused");
    return { status: results[0]?.status ?? null, text };
  }

  test("a wrong password ends with status 6 and names the server and the keys to look at", async () => {
    const { status, text } = await refused(configOf(oneWay, oneWayTls(), { user: "root", password: WRONG_PASSWORD }));
    expect(status).toBe(6);
    expect(text).toContain(`${oneWay.host}:${oneWay.port}`);
    expect(text).toMatch(/milvus\.user/);
  }, 60_000);

  test("no password ends with status 6 as well", async () => {
    const { status, text } = await refused(configOf(oneWay, oneWayTls(), { user: "", password: "" }));
    expect(status).toBe(6);
    expect(text).toMatch(/milvus\.user/);
  }, 60_000);

  test("an authority that did not sign the server's certificate ends with status 7 and names it", async () => {
    const { status, text } = await refused(configOf(oneWay, { tlsMode: "server", caCertPath: certs.otherCaPath }));
    expect(status).toBe(7);
    expect(text).toMatch(/certificate/i);
    expect(text).toContain("milvus.grpc.caCertPath");
  }, 60_000);

  test("no certificate of one's own where Milvus asks for one ends with status 7", async () => {
    const { status, text } = await refused(configOf(mutual, oneWayTls()));
    expect(status).toBe(7);
    expect(text).toMatch(/certificate/i);
    expect(text).toContain("mtlsCertPath");
  }, 60_000);

  test("no TLS where Milvus speaks only that ends with status 7", async () => {
    const { status, text } = await refused(configOf(oneWay, { tlsMode: "disabled" }));
    expect(status).toBe(7);
    expect(text).toContain("milvus.grpc.tlsMode");
  }, 60_000);
});
