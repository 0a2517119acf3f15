/** What is interrupted, politely or not, never looks like a backup, leaves nothing behind that nobody removes, and ends soon. */

import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { backupConfig, localStorage, minioStorage, type StorageSection } from "../support/backup_config.ts";
import { openBucket, type TestBucket } from "../support/bucket.ts";
import {
  COLLECTION,
  DATABASE,
  dropCollection,
  filesBelow,
  MILVUS_BUCKET,
  MILVUS_ROOT,
  OBJECTS,
  seed,
  serverState,
  sharedMilvusOnMinio,
  through,
  unseed,
} from "../support/damage_bench.ts";
import { type FaultProxy, type SeenRequest, startFaultProxy } from "../support/fault_proxy.ts";
import type { MilvusServer } from "../support/milvus.ts";
import { DataType, until, withData } from "../support/milvus_data.ts";
import { sharedMinio } from "../support/minio.ts";
import { type CliProcess, type CliResult, startCli } from "../support/run_cli.ts";
import { makeWorkspace, type Workspace } from "../support/workspace.ts";

const BACKUPS = "interrupted";
const COPY_TIMEOUT_MS = 180_000;

let server: MilvusServer;
let proxy: FaultProxy;
let bucket: TestBucket;
let workspace: Workspace;
let milvus: StorageSection;
let sameBucket: StorageSection;
let folder = "";

beforeAll(async () => {
  server = await sharedMilvusOnMinio();
  const minio = await sharedMinio();
  bucket = await openBucket(minio, MILVUS_BUCKET);
  proxy = await startFaultProxy(minio);
  milvus = through(proxy.port, minioStorage(minio, MILVUS_BUCKET, MILVUS_ROOT));
  sameBucket = through(proxy.port, minioStorage(minio, MILVUS_BUCKET, BACKUPS));
  workspace = await makeWorkspace("");
  folder = join(workspace.folder, "backups");
  await seed(server);
}, 180_000);
afterEach(() => proxy.reset());
afterAll(async () => {
  await proxy[Symbol.asyncDispose]();
  await unseed(server);
  bucket.close();
  await workspace.remove();
}, 180_000);

const configure = (backup: StorageSection, transfer: Readonly<Record<string, unknown>> = {}) =>
  workspace.writeConfig(backupConfig(server, { milvus, backup }, { transfer: { concurrency: 1, ...transfer } }));

function start(...args: string[]): CliProcess {
  return startCli(args, { cwd: workspace.folder, executable: join(workspace.folder, "milvus-backup") });
}

const isCopy = (request: SeenRequest) => request.method === "PUT" && request.header("x-amz-copy-source") !== undefined;
const isPutOf = (name: string) => (request: SeenRequest) => request.method === "PUT" && request.path.endsWith(name);

/** A backup to restore, also after a test that failed. */
async function makeGood(): Promise<void> {
  await workspace.run(["delete", "-n", "good"]);
  await workspace.ok("create", "-n", "good", "-d", DATABASE);
}

/** The state that `list` gives a backup; undefined when it does not show it. */
async function stateOf(name: string): Promise<string | undefined> {
  const { data } = await workspace.json<{ backups: { name: string; state: string }[] }>("list");
  return data.backups.find((backup) => backup.name === name)?.state;
}

/** Ends within `limitMs` of the signal, with the status that tells which it was. */
async function expectEnd(cli: CliProcess, signal: NodeJS.Signals, limitMs = 2000): Promise<CliResult> {
  const asked = Date.now();
  cli.kill(signal);
  const timer = setTimeout(() => cli.kill("SIGKILL"), limitMs + 20_000);
  const result = await cli.result;
  clearTimeout(timer);
  expect(Date.now() - asked).toBeLessThan(limitMs);
  expect(`${result.status} ${result.signal}`).toBe(signal === "SIGINT" ? "130 null" : "143 null");
  expect(result.stderr).toContain(`interrupted by ${signal}`);
  expect(result.stdout).not.toContain("success");
  return result;
}

/** Incomplete to every command, in the way of a new one of its name, and gone after `delete`. */
async function expectIncompleteAndDeletable(name: string): Promise<void> {
  expect(await stateOf(name)).toBe("incomplete");
  const text = await workspace.ok("list");
  expect(text.slice(0, text.indexOf("Not usable"))).not.toContain(name);
  expect(text).toContain(`${name}: incomplete`);
  const before = await serverState(server);
  for (const command of [
    ["get", "-n", name],
    ["restore", "-n", name, "--suffix", "_copy"],
  ]) {
    const { status, error } = await workspace.json(...command);
    expect(`${command[0]} ${status} ${error?.code}`).toBe(`${command[0]} 3 BACKUP_INCOMPLETE`);
  }
  expect(await serverState(server)).toEqual(before);
  const again = await workspace.json("create", "-n", name, "-d", DATABASE);
  expect(`${again.status} ${again.error?.code}`).toBe("4 ALREADY_EXISTS");
  expect(again.error?.message).toContain(`delete -n ${name}`);
  await workspace.ok("delete", "-n", name);
  expect(await stateOf(name)).toBeUndefined();
}

describe("SIGKILL", () => {
  test("in the middle of the copies", async () => {
    await configure(sameBucket);
    const hold = proxy.hold(isCopy, { skip: OBJECTS / 2 });
    const cli = start("create", "-n", "killed", "-d", DATABASE);
    await hold.reached;
    cli.kill("SIGKILL");
    expect((await cli.result).signal).toBe("SIGKILL");
    proxy.reset();
    expect((await bucket.list(`${BACKUPS}/killed/binlogs/`)).size).toBe(OBJECTS / 2);
    await expectIncompleteAndDeletable("killed");
    expect((await bucket.list(BACKUPS)).size).toBe(0);
    await workspace.ok("create", "-n", "killed", "-d", DATABASE);
    expect(await stateOf("killed")).toBe("complete");
    await workspace.ok("delete", "-n", "killed");
  }, 180_000);

  test.each([
    "meta/owner.json",
    ".jsonl",
    "meta/segment_meta.json",
    "meta/full_meta.json",
    "meta/manifest.json",
    "meta/backup_meta.json",
  ])(
    "before %s is written",
    async (document) => {
      await configure(sameBucket);
      const hold = proxy.hold(isPutOf(document));
      const cli = start("create", "-n", "killed", "-d", DATABASE);
      await hold.reached;
      cli.kill("SIGKILL");
      await cli.result;
      // The request never reaches the service: its sender is gone, and so is the proxy's connection.
      proxy.reset();
      if (document === "meta/owner.json") {
        expect([undefined, "incomplete"]).toContain(await stateOf("killed"));
        await workspace.run(["delete", "-n", "killed"]);
      } else await expectIncompleteAndDeletable("killed");
      expect((await bucket.list(BACKUPS)).size).toBe(0);
    },
    180_000,
  );

  test("in the middle of a deletion", async () => {
    await configure(sameBucket);
    await workspace.ok("create", "-n", "doomed", "-d", DATABASE);
    const hold = proxy.hold((request) => request.method === "DELETE", { skip: OBJECTS / 2 });
    const cli = start("delete", "-n", "doomed");
    await hold.reached;
    cli.kill("SIGKILL");
    await cli.result;
    proxy.reset();
    await expectIncompleteAndDeletable("doomed");
    expect((await bucket.list(BACKUPS)).size).toBe(0);
  }, 180_000);

  test("while a file is written: its unfinished part shows in no listing and goes with the backup", async () => {
    await configure(localStorage(folder));
    const hold = proxy.hold((request) => request.method === "GET" && request.path.includes("/insert_log/"), {
      skip: 5,
      afterBytes: 100,
    });
    const cli = start("create", "-n", "killed", "-d", DATABASE);
    await hold.reached;
    cli.kill("SIGKILL");
    await cli.result;
    proxy.reset();
    await expectIncompleteAndDeletable("killed");
    expect(await filesBelow(folder)).toEqual(new Map());
  }, 180_000);
});

describe.each(["SIGINT", "SIGTERM"] as const)("%s", (signal) => {
  test(
    "in the middle of the service's own copies",
    async () => {
      await configure(sameBucket, { concurrency: 4 });
      const hold = proxy.hold(isCopy, { skip: 7 });
      const cli = start("create", "-n", "stopped", "-d", DATABASE);
      await hold.reached;
      await expectEnd(cli, signal);
      proxy.reset();
      await expectIncompleteAndDeletable("stopped");
      expect((await bucket.list(BACKUPS)).size).toBe(0);
    },
    COPY_TIMEOUT_MS,
  );

  test(
    "in the middle of a file that is written: no temporary file stays",
    async () => {
      await configure(localStorage(folder), { concurrency: 4 });
      const hold = proxy.hold((request) => request.method === "GET" && request.path.includes("/insert_log/"), {
        skip: 9,
        afterBytes: 100,
      });
      const cli = start("create", "-n", "stopped", "-d", DATABASE);
      await hold.reached;
      await expectEnd(cli, signal);
      proxy.reset();
      const files = [...(await filesBelow(folder)).keys()];
      expect(files.filter((file) => file.includes(".milvus-backup-tmp"))).toEqual([]);
      expect(files.filter((file) => file.includes("/binlogs/")).length).toBeLessThan(OBJECTS);
      await expectIncompleteAndDeletable("stopped");
      expect(await filesBelow(folder)).toEqual(new Map());
    },
    COPY_TIMEOUT_MS,
  );

  test(
    "before anything was written gives the name back",
    async () => {
      await configure(sameBucket);
      const hold = proxy.hold((request) => request.query.get("prefix")?.includes("insert_log") === true);
      const cli = start("create", "-n", "early", "-d", DATABASE);
      await hold.reached;
      await expectEnd(cli, signal);
      proxy.reset();
      expect((await bucket.list(BACKUPS)).size).toBe(0);
    },
    COPY_TIMEOUT_MS,
  );

  test(
    "in the middle of staging: what was staged is removed, Milvus saw nothing",
    async () => {
      await configure(localStorage(folder));
      await makeGood();
      const before = await serverState(server);
      const hold = proxy.hold((request) => request.method === "PUT" && request.path.includes("/restore-temp-"), {
        skip: 7,
      });
      const cli = start("restore", "-n", "good", "--suffix", "_copy");
      await hold.reached;
      expect((await bucket.list(`${MILVUS_ROOT}/restore-temp-`)).size).toBe(7);
      await expectEnd(cli, signal);
      proxy.reset();
      expect((await bucket.list(`${MILVUS_ROOT}/restore-temp-`)).size).toBe(0);
      expect(await serverState(server)).toEqual(before);
      await workspace.ok("delete", "-n", "good");
    },
    COPY_TIMEOUT_MS,
  );

  test(
    "in the middle of the import: the half-filled collection is dropped, what was staged is removed",
    async () => {
      await configure(localStorage(folder));
      await makeGood();
      const cli = start("restore", "-n", "good", "--suffix", "_copy");
      await cli.waitFor("import ");
      const during = await serverState(server);
      expect(during.collections.some((name) => name.includes("_restoring_"))).toBe(true);
      // Import jobs of this server cannot be cancelled: they are waited for, half a minute at most.
      const { stderr } = await expectEnd(cli, signal, 35_000);
      expect(stderr).toContain("waiting for import jobs that Milvus cannot cancel");
      expect((await bucket.list(`${MILVUS_ROOT}/restore-temp-`)).size).toBe(0);
      expect((await serverState(server)).collections).toEqual([COLLECTION]);
      await workspace.ok("delete", "-n", "good");
    },
    COPY_TIMEOUT_MS,
  );
});

test("a second signal ends at once, also while import jobs are waited for", async () => {
  await configure(localStorage(folder));
  await makeGood();
  const cli = start("restore", "-n", "good", "--suffix", "_copy");
  await cli.waitFor("import ");
  cli.kill("SIGINT");
  await cli.waitFor("waiting for import jobs");
  // Between two questions for the job's state: a connection that ends during one crashes this server.
  await Bun.sleep(200);
  const asked = Date.now();
  cli.kill("SIGTERM");
  expect((await cli.result).status).toBe(143);
  expect(Date.now() - asked).toBeLessThan(500);
  const { collections } = await serverState(server);
  const left = collections.filter((name) => name.includes("_restoring_"));
  expect(left).toHaveLength(1);
  const next = await workspace.json("restore", "-n", "good", "--suffix", "_meta", "--meta_only");
  expect(next.warnings.find(({ code }) => code === "LEFTOVER_COLLECTION")?.message).toContain(left[0]);
  for (const name of [...left, `${COLLECTION}_meta`]) await dropCollection(server, name);
  for (const key of (await bucket.list(`${MILVUS_ROOT}/restore-temp-`)).keys()) await bucket.delete(key);
}, 180_000);

test("a second signal ends at once, whatever the clean-up waits for", async () => {
  await configure(localStorage(folder));
  await makeGood();
  const staging = proxy.hold((request) => request.method === "PUT" && request.path.includes("/restore-temp-"), {
    skip: 3,
  });
  const cleaning = proxy.hold((request) => request.method === "DELETE");
  const cli = start("restore", "-n", "good", "--suffix", "_copy");
  await staging.reached;
  cli.kill("SIGINT");
  await cleaning.reached;
  const asked = Date.now();
  cli.kill("SIGINT");
  expect((await cli.result).status).toBe(130);
  expect(Date.now() - asked).toBeLessThan(500);
  proxy.reset();
  for (const key of (await bucket.list(`${MILVUS_ROOT}/restore-temp-`)).keys()) await bucket.delete(key);
  await workspace.ok("delete", "-n", "good");
}, 180_000);

describe("an upload in parts", () => {
  const WIDE = "wide";
  beforeAll(async () => {
    // One log file of 9 MiB: more than the smallest part.
    await withData(server, DATABASE, async (data) => {
      const dim = 4096;
      const fields = [
        { name: "id", data_type: DataType.Int64, is_primary_key: true },
        { name: "v", data_type: DataType.FloatVector, dim },
      ];
      await data.createCollection({ name: WIDE, fields });
      const v = Array.from({ length: dim }, (_, at) => Math.fround(Math.sin(at)));
      for (const from of [0, 200, 400]) {
        await data.insert(
          WIDE,
          Array.from({ length: 200 }, (_, at) => ({ id: from + at, v: v.map((value) => value * (from + at)) })),
        );
      }
      await data.flush(WIDE);
    });
  }, 180_000);
  afterAll(() => withData(server, DATABASE, (data) => data.drop(WIDE)));

  test.each(["SIGINT", "SIGTERM"] as const)(
    "is aborted on %s: MinIO keeps no parts",
    async (signal) => {
      await configure({ ...sameBucket, partSizeMiB: 8 }, { mode: "streaming" });
      const hold = proxy.hold((request) => request.method === "PUT" && request.query.get("partNumber") === "2");
      const cli = start("create", "-n", "stopped", "--filter", `${DATABASE}.${WIDE}`);
      const { path } = await hold.reached;
      const key = path.slice(`/${MILVUS_BUCKET}/`.length);
      expect(await bucket.uploads(key)).toBe(1);
      await expectEnd(cli, signal);
      proxy.reset();
      expect(await bucket.uploads(key)).toBe(0);
      await expectIncompleteAndDeletable("stopped");
      await until("deletion", async () => (await bucket.list(BACKUPS)).size === 0, 1000);
    },
    COPY_TIMEOUT_MS,
  );
});
