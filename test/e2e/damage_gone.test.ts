/** Services that go away in the middle: the run waits for them a while, then ends with a status and a reason. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { backupConfig, localStorage, minioStorage } from "../support/backup_config.ts";
import {
  COLLECTION,
  DATABASE,
  filesBelow,
  OBJECTS,
  PARTITIONS,
  seed,
  serverState,
  through,
  unseed,
} from "../support/damage_bench.ts";
import { startFaultProxy } from "../support/fault_proxy.ts";
import { type MilvusServer, startMilvus } from "../support/milvus.ts";
import { withData } from "../support/milvus_data.ts";
import { vectorOf } from "../support/milvus_zoo.ts";
import { type MinioServer, startMinio } from "../support/minio.ts";
import { type CliProcess, startCli } from "../support/run_cli.ts";
import { sharedMilvus } from "../support/shared_servers.ts";
import { processExists } from "../support/watchdog.ts";
import { makeWorkspace, type Workspace } from "../support/workspace.ts";

/** Six tries of the storage, six of Milvus, their waits between them: no run outlasts this. */
const LIMIT_MS = 40_000;

let workspace: Workspace;
beforeAll(async () => {
  workspace = await makeWorkspace("");
});
afterAll(() => workspace.remove());

function start(...args: string[]): CliProcess {
  return startCli(args, { cwd: workspace.folder, executable: join(workspace.folder, "milvus-backup") });
}

/** Its status and error code, after `started`; killed when it does not end. */
async function endOf(
  cli: CliProcess,
): Promise<{ readonly outcome: string; readonly message: string; readonly ms: number }> {
  const started = Date.now();
  const timer = setTimeout(() => cli.kill("SIGKILL"), LIMIT_MS);
  const { status, signal, stdout, stderr } = await cli.result;
  clearTimeout(timer);
  if (signal !== null) throw new Error(`it had not ended after ${LIMIT_MS} ms:\n${stderr}`);
  const { error } = JSON.parse(stdout) as { error?: { code: string; message: string } };
  return { outcome: `${status} ${error?.code ?? "ok"}`, message: error?.message ?? "", ms: Date.now() - started };
}

describe("MinIO", () => {
  let milvus: MilvusServer;
  let dataDir = "";
  let minio: MinioServer;
  beforeAll(async () => {
    milvus = await sharedMilvus("2.3.5");
    await seed(milvus);
    dataDir = await mkdtemp(join(tmpdir(), "damage-minio-"));
    minio = await startMinio({ dataDir });
    await minio.createBucket("gone");
  }, 180_000);
  afterAll(async () => {
    await minio.stop();
    await rm(dataDir, { recursive: true, force: true });
    await unseed(milvus);
  });

  const kill = async () => {
    process.kill(minio.pid, "SIGKILL");
    while (processExists(minio.pid)) await Bun.sleep(10);
  };
  const restart = async () => {
    minio = await startMinio({ dataDir, port: minio.port });
  };
  const isPut = (request: { method: string; path: string }) =>
    request.method === "PUT" && request.path.includes("/binlogs/");

  /** Copies until one object is on its way, then kills the service. */
  async function createAndKill(name: string, stayDown: boolean) {
    await using proxy = await startFaultProxy(minio);
    await workspace.writeConfig(
      backupConfig(
        milvus,
        {
          milvus: localStorage(milvus.localRoot),
          backup: through(proxy.port, minioStorage(minio, "gone", "b")),
        },
        { transfer: { concurrency: 2 } },
      ),
    );
    const hold = proxy.hold(isPut, { skip: OBJECTS / 2 });
    const cli = start("create", "-n", name, "-d", DATABASE, "--json");
    await hold.reached;
    await kill();
    hold.release();
    if (!stayDown) {
      await Bun.sleep(500);
      await restart();
    }
    return { ...(await endOf(cli)), name };
  }

  test("killed while objects are copied, and soon back: the backup is whole", async () => {
    const { outcome } = await createAndKill("survived", false);
    expect(outcome).toBe("0 ok");
    await workspace.writeConfig(
      backupConfig(milvus, { milvus: localStorage(milvus.localRoot), backup: minioStorage(minio, "gone", "b") }),
    );
    const { data } = await workspace.json<{ backups: unknown[] }>("list");
    expect(data.backups).toMatchObject([{ name: "survived", state: "complete" }]);
    const restored = await workspace.json<{ collections: unknown[] }>(
      "restore",
      "-n",
      "survived",
      "--suffix",
      "_x",
      "--meta_only",
    );
    expect(restored.error).toBeUndefined();
    await withData(milvus, DATABASE, (data) => data.drop(`${COLLECTION}_x`));
    await workspace.ok("delete", "-n", "survived");
  }, 180_000);

  test("killed while objects are copied, and gone: the run ends and says where", async () => {
    const { outcome, message } = await createAndKill("lost", true);
    expect(outcome).toBe("7 UNAVAILABLE");
    expect(message).toContain("s3://gone/b");
    expect(message).not.toContain(minio.secretKey);
    await restart();
    await workspace.writeConfig(
      backupConfig(milvus, { milvus: localStorage(milvus.localRoot), backup: minioStorage(minio, "gone", "b") }),
    );
    const { data } = await workspace.json<{ backups: unknown[] }>("list");
    expect(data.backups).toMatchObject([{ name: "lost", state: "incomplete" }]);
    await workspace.ok("delete", "-n", "lost");
  }, 180_000);

  test("not there at all: every command says so in bounded time", async () => {
    await kill();
    await workspace.writeConfig(
      backupConfig(milvus, { milvus: localStorage(milvus.localRoot), backup: minioStorage(minio, "gone", "b") }),
    );
    for (const args of [["create", "-n", "x", "-d", DATABASE], ["list"], ["check"]]) {
      const { outcome, message, ms } = await endOf(start(...args, "--json"));
      expect(`${args[0]} ${outcome}`).toBe(`${args[0]} 7 UNAVAILABLE`);
      expect(message).toContain(`http://${minio.host}:${minio.port} refuses connections`);
      expect(ms).toBeLessThan(20_000);
    }
    await restart();
  }, 180_000);
});

describe("Milvus", () => {
  let server: MilvusServer;
  let folder = "";
  let backups = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "damage-milvus-"));
    backups = join(workspace.folder, "backups");
    await startServer();
    await seed(server);
    await workspace.ok("create", "-n", "good", "-d", DATABASE);
  }, 180_000);
  afterAll(async () => {
    await server.kill9();
    await rm(folder, { recursive: true, force: true });
  });

  /** On the same data, as after a crash. */
  async function startServer(): Promise<void> {
    server = await startMilvus({
      version: "2.3.5",
      storage: { type: "local" },
      dataDir: folder,
      // A new server waits until the killed one's session has ended.
      config: { "common.session.ttl": 2 },
    });
    await workspace.writeConfig(
      backupConfig(server, { milvus: localStorage(server.localRoot), backup: localStorage(backups) }),
    );
  }

  test("killed while it imports: the run ends and says what is left; after its restart the next one tells of it", async () => {
    const cli = start("restore", "-n", "good", "--suffix", "_copy", "--json");
    await cli.waitFor("import ");
    await server.kill9();
    const { outcome, message } = await endOf(cli);
    expect(outcome).toBe("7 UNAVAILABLE");
    expect(message).toContain(`Milvus ${server.host}:${server.port}`);
    const { stderr } = await cli.result;
    const left = /\S+_restoring_[0-9a-f]{12}/.exec(stderr)?.[0] ?? "";
    expect(stderr).toContain(`${left} could not be dropped and is to be dropped by hand`);

    await startServer();
    expect((await serverState(server)).collections).not.toContain(`${COLLECTION}_copy`);
    const { error, warnings } = await workspace.json("restore", "-n", "good", "--suffix", "_copy", "--meta_only");
    expect(error).toBeUndefined();
    expect(warnings.find(({ code }) => code === "LEFTOVER_COLLECTION")?.message).toContain(left);
  }, 180_000);

  test("killed while it flushes: the run ends, names Milvus, and there is no backup", async () => {
    await withData(server, DATABASE, async (data) => {
      const rows = Array.from({ length: 20 }, (_, at) => ({ id: 1000 + at, v: vectorOf(at, 4) }));
      for (let part = 0; part < PARTITIONS; part += 1) await data.insert(COLLECTION, rows, `p${part}`);
    });
    const cli = start("create", "-n", "flushing", "-d", DATABASE, "--json");
    await cli.waitFor("flush ");
    await server.kill9();
    const { outcome, message } = await endOf(cli);
    expect(outcome).toBe("7 UNAVAILABLE");
    expect(message).toContain(`Milvus ${server.host}:${server.port}`);
    const { data } = await workspace.json<{ backups: { name: string; state: string }[] }>("list");
    expect(data.backups.filter(({ state }) => state === "complete")).toMatchObject([{ name: "good" }]);
    await workspace.run(["delete", "-n", "flushing"]);
    expect([...(await filesBelow(backups)).keys()].filter((file) => file.startsWith("flushing"))).toEqual([]);
  }, 180_000);
});
