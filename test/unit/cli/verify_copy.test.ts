import { describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CliRun, cli, configFor } from "../../support/in_process_cli.ts";
import { add, flip, logKeys, remove, type Stored, stored } from "../operations/stored.ts";
import { books, create, openWorld, type World } from "../operations/world.ts";
import { keysOf } from "../transfer/roots.ts";

interface Ready {
  readonly world: World;
  readonly at: Stored;
  run(...argv: string[]): Promise<CliRun>;
}

async function ready(storages: string = ""): Promise<Ready> {
  const world = await openWorld({ backups: "own bucket" });
  await world.fake.store(world.fake.make(books), [1n, 2n, 3n]);
  await create(world);
  const config = configFor(world.stores, storages);
  return { world, at: stored(world.backupRoot), run: (...argv) => cli(argv, { config, signal: world.stop.signal }) };
}

function envelope(run: CliRun) {
  expect(run.stdout.trimEnd().split("\n")).toHaveLength(1);
  return JSON.parse(run.stdout);
}

describe("verify", () => {
  test("needs no Milvus, looks at the listing by default, and says what was proved", async () => {
    const { run } = await ready();
    const { status, stdout } = await run("verify", "-n", "nightly");
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /^backup nightly, level list: 8 documents, 1 collections, 4 objects, [\d.]+ KiB\nproved 0 by digest, 4 by the service, 0 by size only\nverify backup success\nduration:\d+\.\d\d s\n$/,
    );
  });

  test("level data says what it read, level meta looks at no object", async () => {
    const { run } = await ready();
    expect((await run("verify", "-n", "nightly", "--level", "data")).stdout).toContain("read 4 objects, ");
    expect((await run("verify", "-n", "nightly", "--level=meta")).stdout).not.toMatch(/read|proved/);
    const { status, stdout } = await run("verify", "-n", "nightly", "--subset", "1/2");
    expect([status, stdout.split(":")[0]]).toEqual([0, "backup nightly, level data 1/2"]);
  });

  test("ends in status 8 with every finding named, and in the JSON document too", async () => {
    const { at, run } = await ready();
    const [first, second] = await logKeys(at);
    await flip(at, first);
    await remove(at, second ?? "");
    const { status, stdout, stderr } = await run("verify", "-n", "nightly", "--level", "data");
    expect(status).toBe(8);
    expect(stdout).toContain("FINDING");
    for (const key of [first, second ?? ""]) expect(stdout).toContain(key);
    expect(stdout).not.toContain("success");
    expect(stderr).toMatch(/error: backup nightly is damaged \(2 findings\): .*\(CHECKSUM_MISMATCH\)\n$/);
    const { ok, data, error } = envelope(await run("verify", "-n", "nightly", "--level", "data", "--json"));
    expect([ok, error.exit_status]).toEqual([false, 8]);
    expect(data.findings.map(({ kind }: { kind: string }) => kind).sort()).toEqual(["digest", "missing"]);
    expect(data).toMatchObject({ objects: 4, proven: { digest: 2 } });
  });

  test("a backup from which objects are only missing is DATA_MISSING, status 8 as well", async () => {
    const { at, run } = await ready();
    await remove(at, (await logKeys(at))[0]);
    const { error } = envelope(await run("verify", "-n", "nightly", "--json"));
    expect(error).toMatchObject({ code: "DATA_MISSING", exit_status: 8 });
  });

  test("the text shows findings up to a bound, the JSON document all", async () => {
    const { at, run } = await ready();
    for (let index = 0; index < 130; index += 1) await add(at, `binlogs/other/${index}`);
    const { stdout } = await run("verify", "-n", "nightly");
    expect(stdout.split("\n").filter((line) => line.startsWith("extra "))).toHaveLength(100);
    expect(stdout).toContain("and 30 more; --json names all");
    expect(envelope(await run("verify", "-n", "nightly", "--json")).data.findings).toHaveLength(130);
  });

  test("a backup that was never finished ends in status 3, one that is not there in 5", async () => {
    const { at, run } = await ready();
    await remove(at, "meta/backup_meta.json");
    expect((await run("verify", "-n", "nightly")).status).toBe(3);
    expect((await run("verify", "-n", "other")).status).toBe(5);
  });

  test.each([
    [["--level", "deep"], '--level "deep" is unknown; choose one of meta, list, data'],
    [["--subset", "0/3"], '--subset "0/3" is not n/m'],
    [["--subset", "1/3", "--level", "list"], "--subset reads objects"],
    [["--record", "--level", "data"], "--record reads everything"],
    [["--storage", "disk"], 'there is no storage "disk"'],
  ])("%p is refused", async (flags, message) => {
    const { run } = await ready();
    const { status, stderr } = await run("verify", "-n", "nightly", ...flags);
    expect([status, stderr]).toEqual([2, expect.stringContaining(message)]);
  });

  test("a name is needed", async () => {
    const { run } = await ready();
    expect((await run("verify")).status).toBe(2);
  });

  test("writes nothing", async () => {
    const { world, run } = await ready();
    const before = await keysOf(world.backupRoot);
    await run("verify", "-n", "nightly", "--level", "data");
    expect(await keysOf(world.backupRoot)).toEqual(before);
  });
});

describe("verify --record", () => {
  /** Ours without our own documents is what another tool would have left. */
  async function foreign(): Promise<Ready> {
    const it = await ready();
    const own = (await keysOf(it.world.backupRoot)).filter((key) =>
      /\/(manifest|extra_meta)\.json$|\.jsonl$/.test(key),
    );
    for (const key of own) await remove(it.at, key.slice("nightly/".length));
    return it;
  }

  test("gives a backup digests, once", async () => {
    const { run } = await foreign();
    const before = await run("verify", "-n", "nightly", "--level", "data");
    expect([before.status, before.stderr]).toEqual([0, expect.stringContaining("records no digests of its objects")]);
    const { status, stdout } = await run("verify", "-n", "nightly", "--record");
    expect([status, stdout]).toEqual([0, expect.stringContaining("recorded 1 collections, 4 objects, ")]);
    expect((await run("verify", "-n", "nightly", "--level", "data")).stdout).toContain("proved 4 by digest");
    expect((await run("verify", "-n", "nightly", "--record")).status).toBe(4);
  });

  test("records nothing of a damaged backup, and names the damage", async () => {
    const { at, world, run } = await foreign();
    const [key] = await logKeys(at);
    await remove(at, key);
    const before = await keysOf(world.backupRoot);
    const { status, stdout } = await run("verify", "-n", "nightly", "--record");
    expect([status, stdout]).toEqual([8, expect.stringContaining(key)]);
    const { data } = envelope(await run("verify", "-n", "nightly", "--record", "--json"));
    expect(data.findings).toMatchObject([{ kind: "missing", key }]);
    expect(await keysOf(world.backupRoot)).toEqual(before);
  });
});

describe("copy", () => {
  test("to a named storage and back, and what arrives verifies", async () => {
    const folder = await mkdtemp(join(tmpdir(), "milvus-backup-copy-"));
    try {
      const { run } = await ready(`storages: { disk: { provider: local, rootPath: '${folder}' } }`);
      const { status, stdout } = await run("copy", "-n", "nightly", "--to", "disk");
      expect(status).toBe(0);
      expect(stdout).toContain(
        "copied 4 through this machine; proved 4 by digest, 0 by the service\ncopy backup success",
      );
      expect((await run("verify", "-n", "nightly", "--storage", "disk", "--level", "data")).status).toBe(0);
      const back = await run("copy", "-n", "nightly", "--from", "disk", "--to", "backup", "--as", "again", "--json");
      expect(envelope(back)).toMatchObject({ ok: true, data: { backup: "nightly", copy: "again", objects: 4 } });
      expect((await run("verify", "-n", "again", "--level", "data")).status).toBe(0);
      expect((await run("copy", "-n", "nightly", "--to", "disk")).status).toBe(4);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  test("of a damaged backup ends in status 8, of an unfinished one in 3, of none in 5", async () => {
    const { at, run } = await ready(`storages: { far: { provider: memory, store: ${crypto.randomUUID()} } }`);
    await flip(at, (await logKeys(at))[0]);
    expect((await run("copy", "-n", "nightly", "--to", "far")).status).toBe(8);
    await remove(at, "meta/backup_meta.json");
    expect((await run("copy", "-n", "nightly", "--to", "far")).status).toBe(3);
    expect((await run("copy", "-n", "other", "--to", "far")).status).toBe(5);
  });

  test.each([
    [["-n", "nightly"], "a target is required: --to STORAGE"],
    [["--to", "far"], "backup name is required"],
    [["-n", "nightly", "--to", "fr"], 'there is no storage "fr" below `storages:`; there are far, and backup'],
    [["-n", "nightly", "--to", "far", "--from", "x"], 'there is no storage "x"'],
    [["-n", "nightly", "--to", "far", "--as", "../x"], "is refused"],
  ])("%p is refused", async (flags, message) => {
    const { run } = await ready(`storages: { far: { provider: memory, store: s } }`);
    const { status, stderr } = await run("copy", ...flags);
    expect([status, stderr]).toEqual([2, expect.stringContaining(message)]);
  });
});
