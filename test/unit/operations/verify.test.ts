import { describe, expect, test } from "bun:test";
import { isInSubset, parseSubset } from "../../../src/operations/verify/subset.ts";
import { VERIFY_DEPTHS, type VerifyDepth, verifyBackup } from "../../../src/operations/verify.ts";
import type { StorageDriver } from "../../../src/storage/driver.ts";
import { objectKey } from "../../../src/storage/key.ts";
import { FIXTURES, rootWith } from "../../format/fixtures.ts";
import { coded } from "../meta/repository_support.ts";
import { bytesReported, changed, contentOf, flipped, store, warningsIn } from "../transfer/roots.ts";
import { add, cut, edit, flip, inMemory, logKeys, onDisk, remove, type Stored, stored } from "./stored.ts";

const at = (context: Stored, level: VerifyDepth, more: { subset?: { part: number; of: number }; name?: string } = {}) =>
  verifyBackup(context, { name: "nightly", level, concurrency: 4, ...more });

async function found(context: Stored, level: VerifyDepth): Promise<readonly string[]> {
  return (await at(context, level)).findings.map(({ kind, key }) => `${kind} ${key}`);
}

const ROOTS = [
  ["memory", inMemory],
  ["local", onDisk],
] as const;

describe.each(ROOTS)("a whole backup, driver %s", (driver, open) => {
  test.each([...VERIFY_DEPTHS])("has no finding at level %s", async (level) => {
    await using context = await open();
    const report = await at(context, level);
    expect(report.findings).toEqual([]);
    expect(report).toMatchObject({ hasManifest: true, collections: 2, objects: 8, documents: 9 });
    expect(warningsIn(context.events)).toEqual([]);
  });

  test("level data reads every byte, the others none", async () => {
    await using context = await open();
    const { read, bytes, proven } = await at(context, "data");
    expect([read, proven]).toEqual([
      { objects: 8, bytes },
      { digest: 8, service: 0, size: 0 },
    ]);
    expect(bytesReported(context.events)).toBe(bytes);
    context.events.length = 0;
    const listed = await at(context, "list");
    expect(bytesReported(context.events)).toBe(0);
    expect(listed.proven).toEqual({
      digest: 0,
      service: driver === "memory" ? 8 : 0,
      size: driver === "local" ? 8 : 0,
    });
  });
});

describe.each(ROOTS)("damage that any level below misses, driver %s", (driver, open) => {
  test("a flipped bit", async () => {
    await using context = await open();
    const [key] = await logKeys(context);
    await flip(context, key);
    expect(await found(context, "meta")).toEqual([]);
    // What was written anew has another ETag, where there are ETags: then the content is looked at.
    expect(await found(context, "list")).toEqual(driver === "memory" ? [`digest ${key}`] : []);
    expect(await found(context, "data")).toEqual([`digest ${key}`]);
  });

  test.each([
    ["size", (context: Stored, key: string) => cut(context, key)],
    ["missing", (context: Stored, key: string) => remove(context, key)],
  ] as const)("%s", async (kind, damage) => {
    await using context = await open();
    const [key] = await logKeys(context);
    await damage(context, key);
    expect(await found(context, "meta")).toEqual([]);
    expect(await found(context, "list")).toEqual([`${kind} ${key}`]);
    expect(await found(context, "data")).toEqual([`${kind} ${key}`]);
  });

  test.each([
    ["beside an object", (key: string) => `${key}0`],
    ["of a collection that is not in the backup", () => "binlogs/insert_log/1/2/3/4/5/6"],
    ["elsewhere", () => "notes.txt"],
    ["among the documents", () => "meta/other.json"],
  ])("an extra object %s", async (_, place) => {
    await using context = await open();
    const key = place((await logKeys(context))[0]);
    await add(context, key);
    expect(await found(context, "meta")).toEqual([]);
    expect(await found(context, "list")).toEqual([`extra ${key}`]);
  });

  test("findings of all kinds at once are all named, with their collections", async () => {
    await using context = await open();
    const [first, second, third, fourth] = await logKeys(context);
    await flip(context, first);
    await cut(context, second ?? "");
    await remove(context, third ?? "");
    await add(context, `${fourth}0`);
    const report = await at(context, "data");
    expect(report.findings.map(({ kind }) => kind).sort()).toEqual(["digest", "extra", "missing", "size"]);
    expect(report.findings.every(({ collection }) => collection?.startsWith("default."))).toBe(true);
    expect(report.proven.digest).toBe(5);
  });
});

describe("damaged documents", () => {
  test.each(["full_meta", "extra_meta", "collection_meta", "partition_meta", "segment_meta"])(
    "a flipped bit in %s is found by its digest, a missing one is missing",
    async (name) => {
      await using context = await inMemory();
      const key = `meta/${name}.json`;
      await flip(context, key);
      expect(await found(context, "meta")).toContain(`digest ${key}`);
      await remove(context, key);
      expect(await found(context, "meta")).toEqual([`missing ${key}`]);
    },
  );

  test("objects are looked at although a document is damaged", async () => {
    await using context = await inMemory();
    const [key] = await logKeys(context);
    await flip(context, "meta/partition_meta.json");
    await remove(context, key);
    expect(await found(context, "list")).toContain(`missing ${key}`);
  });

  test("without full_meta.json nothing names the objects, and that is said", async () => {
    await using context = await inMemory();
    await remove(context, "meta/full_meta.json");
    const report = await at(context, "list");
    expect([report.objects, warningsIn(context.events)]).toEqual([0, ["OBJECTS_NOT_CHECKED"]]);
  });

  test("a damaged manifest is a finding, and no sign of another tool", async () => {
    await using context = await inMemory();
    await flip(context, "meta/manifest.json");
    const report = await at(context, "list");
    expect(report.findings.map(({ kind, key }) => [kind, key])).toContainEqual(["digest", "meta/manifest.json"]);
    expect([report.hasManifest, warningsIn(context.events)]).toEqual([true, []]);
    await remove(context, "meta/manifest.json");
    expect(await found(context, "meta")).toEqual(["missing meta/manifest.json"]);
  });

  test("a collection's manifest: damaged, cut, gone", async () => {
    await using context = await inMemory();
    const manifest = await context.backups.readManifest("nightly", context);
    const key = manifest?.collections[0]?.key ?? "";
    await flip(context, key);
    expect(await found(context, "meta")).toEqual([`digest ${key}`]);
    await cut(context, key);
    expect(await found(context, "meta")).toEqual([`digest ${key}`]);
    await remove(context, key);
    expect(await found(context, "meta")).toEqual([`missing ${key}`]);
  });

  test("backup_meta.json, which has no digest, is compared with full_meta.json", async () => {
    await using context = await inMemory();
    await edit(context, "meta/backup_meta.json", /"size":\d+/, '"size":1');
    expect(await found(context, "meta")).toEqual(["inconsistent meta/backup_meta.json"]);
    await edit(context, "meta/backup_meta.json", /"id":"\w/, '"id":"x');
    expect(await found(context, "meta")).toEqual([
      "inconsistent meta/backup_meta.json",
      "inconsistent meta/backup_meta.json",
      "inconsistent meta/manifest.json",
    ]);
    await cut(context, "meta/backup_meta.json");
    expect(await found(context, "meta")).toEqual(["unreadable meta/backup_meta.json"]);
  });
});

describe("what is no complete backup", () => {
  test("a backup that was never committed is incomplete", async () => {
    await using context = await inMemory();
    await remove(context, "meta/backup_meta.json");
    await expect(at(context, "meta")).rejects.toEqual(coded("BACKUP_INCOMPLETE", "is incomplete"));
  });

  test("a name that is not there, or no name", async () => {
    await using context = await inMemory();
    await expect(at(context, "meta", { name: "other" })).rejects.toEqual(coded("NOT_FOUND", "other"));
    await expect(at(context, "meta", { name: "../a" })).rejects.toEqual(coded("USAGE"));
  });
});

describe("a backup of the Go tool", () => {
  test.each(FIXTURES.map((fixture) => [fixture.version, fixture] as const))(
    "of Milvus %s holds",
    async (_, fixture) => {
      const context = stored(await rootWith(fixture));
      for (const level of VERIFY_DEPTHS) {
        const { findings, hasManifest, proven } = await at(context, level, { name: fixture.name });
        expect([findings, hasManifest, proven.digest]).toEqual([[], false, 0]);
      }
      expect(warningsIn(context.events)).toEqual(["NO_MANIFEST", "NO_MANIFEST", "NO_MANIFEST"]);
    },
  );

  test.each(FIXTURES.map((fixture) => [fixture.version, fixture] as const))(
    "of Milvus %s without full_meta.json holds too, its tree put together from the levels",
    async (_, fixture) => {
      const context = stored(await rootWith(fixture, (path) => path !== "meta/full_meta.json"));
      const { findings, objects } = await at(context, "list", { name: fixture.name });
      expect([findings, objects]).toEqual([[], (await logKeys(context, fixture.name)).length]);
    },
  );

  test("level documents that contradict full_meta.json, or are absent", async () => {
    const [fixture] = FIXTURES;
    const root = await rootWith(fixture, (path) => path !== "meta/partition_meta.json");
    const key = `${fixture.name}/meta/segment_meta.json`;
    const text = new TextDecoder().decode(await contentOf(root, key));
    await store(root, key, new TextEncoder().encode(text.replace(/"num_of_rows":\d+/, '"num_of_rows":7')));
    const { findings } = await at(stored(root), "meta", { name: fixture.name });
    expect(findings.map(({ kind, key: where }) => [kind, where])).toEqual([
      ["missing", "meta/partition_meta.json"],
      ["inconsistent", "meta/segment_meta.json"],
    ]);
    expect(findings[1]?.message).toMatch(/^says something else of segment \d+ of collection \d+ than full_meta\.json$/);
  });

  test("a log that is gone or short is found by the listing; a flipped bit by nothing", async () => {
    const [fixture] = FIXTURES;
    const root = await rootWith(fixture);
    const context = stored(root);
    const [first, second, third] = await logKeys(context, fixture.name);
    const path = (key: string | undefined): string => `${fixture.name}/${key}`;
    await store(root, path(first), flipped(await contentOf(root, path(first))));
    expect((await at(context, "data", { name: fixture.name })).findings).toEqual([]);
    await store(root, path(second), new Uint8Array(1));
    await root.delete(objectKey(path(third)), context);
    const { findings } = await at(context, "list", { name: fixture.name });
    expect(findings.map(({ kind, key }) => `${kind} ${key}`).sort()).toEqual([`missing ${third}`, `size ${second}`]);
  });
});

describe("--subset", () => {
  test("the parts together are everything, and no object is in two", async () => {
    await using context = await onDisk();
    let [objects, bytes] = [0, 0];
    const whole = await at(context, "data");
    for (const part of [1, 2, 3]) {
      context.events.length = 0;
      const { read, proven, findings } = await at(context, "data", { subset: { part, of: 3 } });
      expect([findings, proven.digest, bytesReported(context.events)]).toEqual([[], read.objects, read.bytes]);
      objects += read.objects;
      bytes += read.bytes;
    }
    expect({ objects, bytes }).toEqual(whole.read);
  });

  test("a flipped bit is found by the run that reads its object, and by no other", async () => {
    await using context = await onDisk();
    const [key] = await logKeys(context);
    await flip(context, key);
    for (const part of [1, 2, 3]) {
      const { findings } = await at(context, "data", { subset: { part, of: 3 } });
      expect(findings.map((finding) => finding.key)).toEqual(isInSubset(key, { part, of: 3 }) ? [key] : []);
    }
  });

  test("every run looks at the presence of all objects", async () => {
    await using context = await onDisk();
    const [key] = await logKeys(context);
    await remove(context, key);
    for (const part of [1, 2]) {
      const { findings } = await at(context, "data", { subset: { part, of: 2 } });
      expect(findings.map((finding) => `${finding.kind} ${finding.key}`)).toEqual([`missing ${key}`]);
    }
  });

  test("an object with another ETag is read by its own part only", async () => {
    const { backupRoot } = await inMemory();
    // The memory driver's listings tell digests too, as no object store's do.
    const list: StorageDriver["list"] = async function* (prefix, options) {
      for await (const info of backupRoot.list(prefix, options)) yield { ...info, checksums: {} };
    };
    const context = stored(changed(backupRoot, () => ({ list })));
    const [key] = await logKeys(context);
    await flip(context, key);
    const own = isInSubset(key, { part: 1, of: 2 }) ? 1 : 2;
    expect((await at(context, "data", { subset: { part: own, of: 2 } })).findings).toHaveLength(1);
    expect(await found(context, "list")).toEqual([`digest ${key}`]);
    const other = isInSubset(key, { part: 1, of: 2 }) ? 2 : 1;
    expect((await at(context, "data", { subset: { part: other, of: 2 } })).findings).toEqual([]);
  });

  test("which part an object belongs to never changes", () => {
    expect([1, 2, 3, 4].filter((part) => isInSubset("binlogs/insert_log/1/2/3/4/5/6", { part, of: 4 }))).toEqual([3]);
  });

  test("spreads evenly", () => {
    const counts = new Array(30).fill(0);
    for (let log = 0; log < 30_000; log += 1) {
      const key = `binlogs/insert_log/449577000000000001/2/3/4/100/${449577000000000000n + BigInt(log)}`;
      counts[Array.from({ length: 30 }, (_, at) => at).find((at) => isInSubset(key, { part: at + 1, of: 30 })) ?? 0] +=
        1;
    }
    expect(Math.min(...counts)).toBeGreaterThan(800);
    expect(Math.max(...counts)).toBeLessThan(1200);
  });

  test.each(["", "1", "0/3", "4/3", "1/0", "1/10001", "a/b", "1/3/5", "-1/3"])("%p is refused", (text) => {
    expect(() => parseSubset(text)).toThrow(coded("USAGE", "n/m"));
  });
});
