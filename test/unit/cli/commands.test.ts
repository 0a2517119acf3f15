import { describe, expect, test } from "bun:test";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { definition as memory } from "../../../drivers/memory/mod.ts";
import { AppError } from "../../../src/base/errors.ts";
import { type CliOptions, type CliRun, cli, configFor } from "../../support/in_process_cli.ts";
import { openBare } from "../../support/open_bare.ts";
import { books, collections, create, openWorld, type World, type WorldOptions } from "../operations/world.ts";
import { contentOf, flipped, keysOf, store } from "../transfer/roots.ts";

const films = { database: "default", collection: "films" };

interface Ready {
  readonly world: World;
  run(...argv: string[]): Promise<CliRun>;
  runWith(options: CliOptions, ...argv: string[]): Promise<CliRun>;
}

async function ready(options: WorldOptions = {}, more = ""): Promise<Ready> {
  const world = await openWorld({ backups: "own bucket", ...options });
  await world.fake.store(world.fake.make(books), [1n, 2n, 3n]);
  const runWith = (given: CliOptions, ...argv: string[]): Promise<CliRun> =>
    cli(argv, { config: configFor(world.stores, more), milvus: world.milvus, signal: world.stop.signal, ...given });
  return { world, runWith, run: (...argv) => runWith({}, ...argv) };
}

/** What a script reads: one JSON document and nothing else. */
function envelope(run: CliRun) {
  expect(run.stdout.trimEnd().split("\n")).toHaveLength(1);
  return JSON.parse(run.stdout);
}

describe("create", () => {
  test("says what the Go tool says, and counts", async () => {
    const { run } = await ready();
    const { status, stdout, stderr } = await run("create", "-n", "nightly");
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /^backup nightly: 1 collections, 3 rows, 4 objects, [\d.]+ KiB\ncopied 4 through this machine; proved 4 by digest, 0 by the service\ncreate backup success\nduration:\d+\.\d\d s\n$/,
    );
    expect(stderr.split("\n")).toContain("copy default.books");
  });

  test("--json gives figures and nothing else on standard output", async () => {
    const { run } = await ready();
    const { command, ok, data, warnings } = envelope(await run("create", "-n", "nightly", "--json"));
    expect([command, ok, warnings]).toEqual(["create", true, []]);
    expect(data).toMatchObject({ name: "nightly", rows: "3", objects: 4, external_skipped: [], dropped_meanwhile: [] });
    expect(data.collections[0].collection_id).toMatch(/^46\d{16}$/);
  });

  test("a name is made from the time when none is given", async () => {
    const { run, runWith } = await ready();
    const now = (): Date => new Date("2026-01-02T03:04:05.678Z");
    expect((await runWith({ now }, "create")).status).toBe(0);
    expect((await run("list")).stdout).toBe(">> Backups:\nbackup_2026_01_02_03_04_05_678000000\n");
  });

  test.each([[["--filter", "films"]], [["-c", "default.films"]], [["-a", '{"default":["films"]}']]])(
    "%j chooses",
    async (flags) => {
      const { world, run } = await ready();
      world.fake.make(films);
      const { data } = envelope(await run("create", "-n", "a", "--json", ...flags));
      expect(data.collections.map((it: { collection_name: string }) => it.collection_name)).toEqual(["films"]);
    },
  );

  test.each([
    [["--strategy", "skip_flush"], false],
    [["--force"], false],
    [["-f"], false],
    [["--strategy=serial_flush"], true],
  ])("%j flushes: %p", async (flags, flushes) => {
    const { world, run } = await ready();
    expect((await run("create", "-n", "a", ...flags)).status).toBe(0);
    expect(world.fake.calls.some((call) => call.startsWith("flush"))).toBe(flushes);
  });

  test("backup.pauseGC and meta_only leave garbage collection alone", async () => {
    const off = await ready({}, "backup.pauseGC: false");
    await off.run("create", "-n", "a");
    const meta = await ready();
    await meta.run("create", "-n", "a", "--meta_only");
    expect([off.world.fake.gc.pauses, meta.world.fake.gc.pauses]).toEqual([0, 0]);
  });

  test("an interruption ends with 130, on SIGTERM with 143, and leaves nothing that looks like a backup", async () => {
    for (const [signal, status] of [
      ["SIGINT", 130],
      ["SIGTERM", 143],
    ] as const) {
      const { world, run, runWith } = await ready();
      world.fake.script = (name) => {
        if (name === "listSegments") {
          world.stop.abort(new AppError("ABORTED", `interrupted by ${signal}`, { details: { signal } }));
        }
      };
      const ended = await run("create", "-n", "a", "--json");
      expect(ended.status).toBe(status);
      expect(envelope(ended).error).toMatchObject({ code: "ABORTED", exit_status: status });
      expect(ended.stderr).toContain(`error: interrupted by ${signal} (ABORTED)\n`);
      expect(world.fake.gc.resumes).toBe(1);
      expect((await runWith({ signal: new AbortController().signal }, "list")).stdout).toBe(">> Backups:\n");
    }
  });
});

describe("list, get, delete", () => {
  test("list shows names, and apart what cannot be used", async () => {
    const { world, run } = await ready();
    await create(world, { name: "good" });
    await create(world, { name: "bad" });
    await store(world.backupRoot, "bad/meta/backup_meta.json", new TextEncoder().encode("{"));
    const { stdout } = await run("list");
    expect(stdout).toMatch(/^>> Backups:\ngood\n>> Not usable:\nbad: broken, .+\n$/);
    const { data } = envelope(await run("list", "--json"));
    expect(data.backups.map((it: { name: string; state: string }) => [it.name, it.state])).toEqual([
      ["bad", "broken"],
      ["good", "complete"],
    ]);
  });

  test("get prints nothing but JSON, ids as exact numbers; --detail is still understood", async () => {
    const { world, run } = await ready();
    const { meta } = await create(world);
    const { stdout } = await run("get", "-n", "nightly");
    expect(stdout).toContain(`"collection_id": ${meta.collections[0]?.collectionId},`);
    expect(JSON.parse(stdout)).toMatchObject({ name: "nightly", state_code: 2, progress: 100 });
    expect((await run("get", "-n", "nightly", "-d")).stdout).toBe(stdout);
    const { data } = envelope(await run("get", "-n", "nightly", "--json"));
    expect(data).toMatchObject({ objects: 4, checksums: true, created_by: "milvus-backup test" });
    expect(data.backup.collection_backups[0].collection_id).toBe(meta.collections[0]?.collectionId.toString());
  });

  test("delete removes, and says how much", async () => {
    const { world, run } = await ready();
    await create(world);
    const { length } = await keysOf(world.backupRoot);
    const { stdout, status } = await run("delete", "--name", "nightly");
    expect([status, stdout]).toEqual([0, `deleted ${length} objects of nightly\ndelete backup done\n`]);
    expect(await keysOf(world.backupRoot)).toEqual([]);
    expect((await run("delete", "-n", "nightly")).status).toBe(5);
  });

  test.each([["get"], ["delete"], ["restore"]])("%s of a name that is not there ends with 5", async (command) => {
    const { run } = await ready();
    const { status, stderr, stdout } = await run(command, "-n", "nothing");
    expect([status, stdout]).toEqual([5, ""]);
    expect(stderr).toContain("there is no backup nothing in memory://");
  });
});

describe("restore", () => {
  test("says which rows went where", async () => {
    const { world, run } = await ready();
    await create(world);
    const { status, stdout } = await run("restore", "-n", "nightly", "-s", "_bak");
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /^COLLECTION +FROM +ROWS IN BACKUP +DELETED +RESTORED +OBJECTS +INDEXES\ndefault.books_bak +default.books +3 +0 +3 +4 +0\nrestore backup success\nduration:\d+\.\d\d s\n$/,
    );
    expect(collections(world)).toEqual(["default.books", "default.books_bak"]);
  });

  test("--json", async () => {
    const { world, run } = await ready();
    await create(world);
    const { data } = envelope(await run("restore", "-n", "nightly", "--rename", "default.*:shop.*", "--json"));
    expect(data).toMatchObject({
      backup: "nightly",
      databases_created: ["shop"],
      collections: [
        {
          source: "default.books",
          target: "shop.books",
          rows_in_backup: "3",
          rows_deleted: { min: "0", max: "0", exact: true },
          rows_restored: "3",
          objects: 4,
          read_from: "staged",
          indexes: 0,
        },
      ],
    });
  });

  test("an existing collection ends with 4, and stays", async () => {
    const { world, run } = await ready();
    await create(world);
    const { status, stderr } = await run("restore", "-n", "nightly");
    expect(status).toBe(4);
    expect(stderr).toContain("--drop_exist_collection");
    expect((await run("restore", "-n", "nightly", "--drop-exist-collection")).status).toBe(0);
    expect((await run("restore", "-n", "nightly", "--skip_create_collection")).status).toBe(0);
    expect(collections(world)).toEqual(["default.books"]);
  });

  test("a damaged object ends with 8 and is named", async () => {
    const { world, run } = await ready();
    await create(world);
    const key = (await keysOf(world.backupRoot)).find((it) => it.includes("insert_log")) ?? "";
    await store(world.backupRoot, key, flipped(await contentOf(world.backupRoot, key)));
    const { status, stderr } = await run("restore", "-n", "nightly", "-s", "_x");
    expect(status).toBe(8);
    expect(stderr).toContain("CHECKSUM_MISMATCH");
    expect(stderr).toContain(key.split("/").at(-1) ?? "");
  });

  test("a backup that was never committed ends with 3", async () => {
    const { world, run } = await ready();
    world.fake.script = (name) => {
      if (name === "loadState") throw new AppError("MILVUS_ERROR", "on purpose");
    };
    await store(world.backupRoot, "half/meta/owner.json", new TextEncoder().encode("{}"));
    expect((await run("restore", "-n", "half")).status).toBe(3);
    expect((await run("create", "-n", "other")).status).toBe(9);
  });

  test("a failure names what was finished before it, on standard error and in JSON", async () => {
    const { world, run } = await ready({}, "restore.concurrency.collections: 1");
    await world.fake.store(world.fake.make(films), [9n]);
    await create(world);
    world.fake.collections = [];
    world.fake.script = (name, _count, about) => {
      if (name === "createCollection" && about.includes("films")) throw new AppError("MILVUS_ERROR", "on purpose");
    };
    const ended = await run("restore", "-n", "nightly", "--json");
    expect(ended.status).toBe(9);
    expect(ended.stderr).toContain("restored before the failure, and stays: default.books (3 rows)\nerror: ");
    const { ok, data, error } = envelope(ended);
    expect([ok, error.code, error.details.finished]).toEqual([false, "MILVUS_ERROR", "default.books"]);
    expect(data.collections.map((it: { target: string }) => it.target)).toEqual(["default.books"]);
  });

  test.each([
    [[], 1],
    [["--rebuild_index=false"], 0],
    [["--no-rebuild-index"], 0],
    [["--restore_index"], 1],
    [["--restore_index=false"], 0],
  ])("%j builds %p indexes", async (flags, count) => {
    const { world, run } = await ready();
    const params = { index_type: "HNSW", metric_type: "L2" };
    world.fake.get(books).indexes.push({ fieldName: "vector", indexName: "v", indexType: "HNSW", params, indexId: 1n });
    await create(world);
    const { data } = envelope(await run("restore", "-n", "nightly", "-s", "_x", "--json", ...flags));
    expect(data.collections[0].indexes).toBe(count);
  });
});

describe("check", () => {
  test("shows the configuration, each step, the version, and Success!", async () => {
    const { world, run } = await ready();
    const { status, stdout } = await run("check");
    expect(status).toBe(0);
    expect(stdout).toStartWith("Configuration:\nPARAMETER ");
    expect(stdout).toContain("\nok  Milvus ");
    expect(stdout).toEndWith("\nMilvus version: v2.6.3\n\nSuccess!\n");
    expect(await keysOf(world.backupRoot)).toEqual([]);
  });

  test("a failed step ends with the failure's status, the steps are shown all the same", async () => {
    const { world, runWith } = await ready();
    const config = configFor(world.stores).replace("rootPath: files", "rootPath: file");
    const { status, stdout, stderr } = await runWith({ config }, "check");
    expect(status).toBe(8);
    expect(stdout).toContain("FAILED  ");
    expect(stdout).not.toContain("Success!");
    expect(stderr).toContain('root path "files"');
    const { ok, data, error } = envelope(await runWith({ config }, "check", "--json"));
    expect([ok, error.exit_status]).toEqual([false, 8]);
    expect(data.steps.map((step: { state: string }) => step.state)).toEqual(["ok", "ok", "ok", "failed", "ok", "ok"]);
  });

  test("check config is a notice and succeeds, without any configuration", async () => {
    const { status, stdout, stderr } = await cli(["check", "config"]);
    expect([status, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^check config is deprecated.*\n$/);
  });
});

describe("config and drivers", () => {
  test("config show names the file and each value's source", async () => {
    const { run } = await ready();
    const { data } = envelope(await run("config", "show", "--json", "--set", "transfer.concurrency=7"));
    expect(data.file).toEndWith("/backup.yaml");
    expect(data.parameters.find((it: { key: string }) => it.key === "transfer.concurrency")).toEqual({
      key: "transfer.concurrency",
      value: "7",
      source: "override",
      source_key: "transfer.concurrency",
    });
  });

  test("config migrate writes a v1 file anew, for its owner only, and replaces none", async () => {
    const config = "milvus: { address: milvus.example }\nminio: { address: minio.example, bucketName: b }\n";
    const folder = await mkdtemp(join(tmpdir(), "milvus-backup-migrate-"));
    const file = join(folder, "new.yaml");
    const migrate = (...more: string[]): Promise<CliRun> => cli(["config", "migrate", ...more], { config });
    try {
      const printed = await migrate();
      expect(printed.stdout).toContain("configVersion: v2");
      expect((await migrate("-o", file)).stdout).toBe("");
      expect(await Bun.file(file).text()).toBe(printed.stdout);
      expect(((await stat(file)).mode & 0o777).toString(8)).toBe("600");
      expect((await migrate("-o", file)).status).toBe(4);
      expect(envelope(await migrate("-o", file, "--force", "--json")).data).toEqual({ file });
      expect((await migrate("-o", join(folder, "no", "folder.yaml"))).status).toBe(6);
    } finally {
      await rm(folder, { recursive: true });
    }
    expect((await cli(["config", "migrate"], { config: "configVersion: v2" })).status).toBe(2);
  });

  test("drivers lists what is built in", async () => {
    const { stdout, status } = await cli(["drivers"]);
    expect(status).toBe(0);
    for (const name of ["s3 (also minio", "local:", "memory:"]) expect(stdout).toContain(name);
    expect(envelope(await cli(["drivers", "--json"])).data.drivers).toHaveLength(3);
  });

  test("drivers test tells each case as it ends, and ends with 2 when one failed", async () => {
    const { runWith } = await ready();
    const CASES = [
      { name: "short body", outcome: "passed" },
      { name: "range", outcome: "skipped", message: "no rangeRead" },
      { name: "listing", outcome: "failed", message: "yields twice" },
    ] as const;
    const using = (cases: readonly (typeof CASES)[number][]): CliOptions => ({
      testDriver: async (_session, onResult) => {
        for (const one of cases) onResult({ ...one, ms: 1 });
        return cases.map((one) => ({ ...one, ms: 1 }));
      },
    });
    const good = await runWith(using(CASES.slice(0, 2)), "drivers", "test");
    expect([good.status, good.stdout]).toEqual([0, "1 passed, 0 failed\n"]);
    expect(good.stderr).toBe("ok      short body\nskipped range: no rangeRead\n");
    const bad = await runWith(using(CASES), "drivers", "test", "--json");
    expect(bad.status).toBe(2);
    expect(envelope(bad)).toMatchObject({ ok: false, data: { passed: 1, failed: 1 } });
  });

  test("a plugin that is not there ends with 5, one that is none with 2", async () => {
    const missing = await cli(["drivers", "--plugin", "nowhere.ts"]);
    expect([missing.status, missing.stderr.includes("nowhere.ts")]).toEqual([5, true]);
    const wrong = await cli(["drivers", "--plugin", join(import.meta.dir, "../../../src/base/types.ts")]);
    expect([wrong.status, wrong.stderr.includes("types.ts")]).toEqual([2, true]);
  });
});

describe("--config", () => {
  test("without a file anywhere says where it looked and how to do without", async () => {
    const { status, stderr } = await cli(["list"]);
    expect(status).toBe(2);
    expect(stderr).toContain('run without one: --config ""');
  });

  test.each([[["--config", ""]], [["--config="]]])(
    "%j needs no file: --set and variables are enough",
    async (flags) => {
      const { world } = await ready();
      const sets = ["milvus", "backup"].flatMap((part) => [
        "--set",
        `${part}.storage.provider=memory`,
        "--set",
        `${part}.storage.store=${part === "milvus" ? world.stores.milvus : world.stores.backups}`,
      ]);
      const { stdout, status } = await cli([
        ...flags,
        "list",
        ...sets,
        "--set",
        "backup.storage.rootPath=backup",
        "--set",
        "log.file.path=",
      ]);
      expect([status, stdout]).toEqual([0, ">> Backups:\n"]);
    },
  );
});

test("standard output holds results only, whatever the log says", async () => {
  const { run } = await ready({}, "");
  const { stdout, stderr } = await run("list", "--set", "log.level=debug");
  expect(stdout).toBe(">> Backups:\n");
  expect(stderr).toMatch(/DEBUG .*listDirectories/);
});

test("a secret appears nowhere: not in results, errors, logs or JSON", async () => {
  const CANARY = "tweety7f3a9c1e";
  const { world, runWith } = await ready();
  const config = `${configFor(world.stores)}\nmilvus.password: ${CANARY}\nmilvus.user: root\nzillizCloud.apiKey: ${CANARY}\nlog.level: debug\n`;
  const s3 = `configVersion: v2\nlog: { level: debug, file: { path: "" } }\nmilvus.storage: { provider: minio, address: 127.0.0.1, port: 1, bucketName: b, auth: { accessKeyID: someone, secretAccessKey: ${CANARY} } }\nbackup.storage.rootPath: backup\n`;
  const runs = [
    ...[["check"], ["config", "show"], ["create", "-n", "a"], ["list"], ["get", "-n", "b"]].flatMap((argv) => [
      runWith({ config }, ...argv),
      runWith({ config }, ...argv, "--json"),
    ]),
    runWith({ config: s3 }, "config", "show", "--json"),
    runWith({ config: `${config}milvus.pasword: ${CANARY}` }, "list"),
    runWith({ config, env: { MILVUS_PASSWORD: CANARY, BACKUP_STORAGE_AUTH_SECRET_ACCESS_KEY: CANARY } }, "check"),
  ];
  for (const { stdout, stderr } of await Promise.all(runs)) {
    expect(stdout).not.toContain(CANARY);
    expect(stderr).not.toContain(CANARY);
  }
});

test("what a command opened is closed, also after a failure", async () => {
  const { world, runWith } = await ready();
  let open = 0;
  const counted = <T extends AsyncDisposable>(value: T): T => {
    open += 1;
    return {
      ...value,
      [Symbol.asyncDispose]: async () => {
        open -= 1;
      },
    };
  };
  const root = async () =>
    counted(await openBare(memory, { rootPath: "backup", options: { store: world.stores.backups } }));
  const session: CliOptions["session"] = (it) => ({
    ...it,
    openBackupRoot: root,
    openMilvusRoot: root,
    connectMilvus: async () => counted(world.milvus),
  });
  for (const argv of [["create", "-n", "a"], ["list"], ["get", "-n", "none"], ["restore", "-n", "none"], ["check"]]) {
    await runWith({ session }, ...argv);
    expect(open).toBe(0);
  }
  const noMilvus: CliOptions["session"] = (it) => ({
    ...(session?.(it) ?? it),
    connectMilvus: async () => {
      throw new AppError("UNAVAILABLE", "nobody answers");
    },
  });
  expect((await runWith({ session: noMilvus }, "create", "-n", "b")).status).toBe(7);
  expect(open).toBe(0);
});
