import { describe, expect, test } from "bun:test";
import { streamOf } from "../../../src/base/streams.ts";
import { verifyBackup } from "../../../src/operations/verify.ts";
import { FIXTURES, rootWith } from "../../format/fixtures.ts";
import { coded } from "../meta/repository_support.ts";
import {
  changed,
  contentOf,
  failureOf,
  flipped,
  keysOf,
  memoryRoot,
  store,
  warningsIn,
  withBodies,
} from "../transfer/roots.ts";
import { add, carry, cut, emptyDisk, flip, inMemory, logKeys, onDisk, remove, type Stored, stored } from "./stored.ts";

async function emptyMemory(): Promise<Stored> {
  return stored(await memoryRoot());
}

async function contents({ backupRoot }: Stored, name = "nightly"): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const key of await keysOf(backupRoot)) {
    if (key.startsWith(`${name}/`)) {
      found[key.slice(name.length + 1)] = Buffer.from(await contentOf(backupRoot, key)).toString("base64");
    }
  }
  return found;
}

const states = async ({ backups, signal }: Stored): Promise<readonly string[]> => {
  const found: string[] = [];
  for await (const { name, state } of backups.list({ signal })) found.push(`${name} ${state}`);
  return found;
};

const findings = async (context: Stored, name = "nightly") =>
  (await verifyBackup(context, { name, level: "data", concurrency: 4 })).findings;

describe("a copy", () => {
  test.each([
    ["memory to disk", inMemory, emptyDisk],
    ["disk to memory", onDisk, emptyMemory],
    ["disk to disk", onDisk, emptyDisk],
  ] as const)("%s is the backup, byte for byte, and verifies", async (_, open, empty) => {
    await using source = await open();
    await using target = await empty();
    const report = await carry(source, target);
    expect(report).toMatchObject({
      hasManifest: true,
      collections: 2,
      totals: { objects: 8 },
      documents: 9,
      copied: { via: { direct: 0, streaming: 8, resumed: 0 }, evidence: { digest: 8, service: 0, size: 0 } },
    });
    expect(await contents(target)).toEqual(await contents(source));
    expect(await findings(target)).toEqual([]);
    expect(await states(target)).toEqual(["nightly complete"]);
    expect(warningsIn(target.events)).toEqual([]);
  });

  test("there and back and again is still the same", async () => {
    await using source = await inMemory();
    await using disk = await emptyDisk();
    const back = await emptyMemory();
    await carry(source, disk);
    await carry(disk, back);
    expect(await contents(back)).toEqual(await contents(source));
    expect((await back.backups.read("nightly", back)).collections).toEqual(
      (await source.backups.read("nightly", source)).collections,
    );
  });

  test("inside one service is made by it, without reading the objects", async () => {
    const source = await inMemory();
    let logsRead = 0;
    const from = changed(source.backupRoot, (calls) => ({
      get: async (key, options) => {
        logsRead += Number(key.includes("/binlogs/"));
        return calls.get(key, options);
      },
    }));
    const report = await carry({ ...source, backupRoot: from }, source, { name: "nightly", targetName: "second" });
    expect(report.copied.via).toEqual({ direct: 8, streaming: 0, resumed: 0 });
    expect([report.copied.evidence, logsRead]).toEqual([{ digest: 0, service: 8, size: 0 }, 0]);
    expect(await contents(source, "second")).toEqual(await contents(source));
    expect(await findings(source, "second")).toEqual([]);
  });

  test("the commit marker comes last, and nothing lists as a backup before it", async () => {
    await using source = await inMemory();
    const target = await emptyMemory();
    const written: string[] = [];
    const root = changed(target.backupRoot, (calls) => ({
      put: async (key, body, options) => {
        written.push(key);
        return calls.put(key, body, options);
      },
    }));
    await carry(source, stored(root));
    expect(written.at(0)).toBe("nightly/meta/owner.json");
    expect(written.at(-1)).toBe("nightly/meta/backup_meta.json");
  });

  test("what belongs to no part of the backup stays behind, said aloud", async () => {
    await using source = await inMemory();
    const target = await emptyMemory();
    await add(source, "notes.txt");
    await carry(source, target);
    expect(await keysOf(target.backupRoot)).not.toContain("nightly/notes.txt");
    expect(warningsIn(target.events)).toEqual(["NOT_COPIED"]);
    expect(await findings(target)).toEqual([]);
  });
});

describe("a damaged backup is not copied", () => {
  test.each([
    ["a flipped bit of an object", "CHECKSUM_MISMATCH", async (at: Stored) => flip(at, (await logKeys(at))[0])],
    ["a short object", "CHECKSUM_MISMATCH", async (at: Stored) => cut(at, (await logKeys(at))[0])],
    ["a missing object", "DATA_MISSING", async (at: Stored) => remove(at, (await logKeys(at))[0])],
    ["an extra object", "CHECKSUM_MISMATCH", async (at: Stored) => add(at, `${(await logKeys(at))[0]}0`)],
    ["a damaged document", "CHECKSUM_MISMATCH", (at: Stored) => flip(at, "meta/segment_meta.json")],
    ["a missing manifest", "DATA_MISSING", (at: Stored) => remove(at, "meta/manifest.json")],
  ] as const)("%s", async (_, code, damage) => {
    await using source = await onDisk();
    await damage(source);
    const target = await emptyMemory();
    await expect(carry(source, target)).rejects.toEqual(coded(code, ""));
    expect(await states(target)).not.toContain("nightly complete");
    expect(await keysOf(target.backupRoot)).not.toContain("nightly/meta/backup_meta.json");
  });

  test("a bit that flips inside one service since the backup is found by its digest", async () => {
    const source = await inMemory();
    const [key] = await logKeys(source);
    await flip(source, key);
    const copying = carry(source, source, { name: "nightly", targetName: "second" });
    await expect(copying).rejects.toEqual(coded("CHECKSUM_MISMATCH", key));
    expect(await states(source)).toEqual(["nightly complete", "second incomplete"]);
  });

  test("a bit that flips on the way, every time", async () => {
    await using source = await onDisk();
    const target = await emptyMemory();
    const from = withBodies(source.backupRoot, (content) => streamOf(flipped(content)));
    const wrong = changed(source.backupRoot, (calls) => ({
      get: (key, options) => (key.includes("/binlogs/") ? from.get(key, options) : calls.get(key, options)),
    }));
    await expect(carry({ ...source, backupRoot: wrong }, target)).rejects.toEqual(coded("CHECKSUM_MISMATCH", ""));
    expect(await states(target)).toEqual([]);
  });

  test("an object that is gone from the target before the end", async () => {
    await using source = await onDisk();
    const target = await emptyMemory();
    const [lost] = await logKeys(source);
    const root = changed(target.backupRoot, (calls) => ({
      put: async (key, body, options) => {
        const info = await calls.put(key, body, options);
        if (key.endsWith(lost)) await calls.delete(key, options);
        return info;
      },
    }));
    const failure = await failureOf(carry(source, { ...target, backupRoot: root }));
    expect(failure).toMatchObject({ code: "DATA_MISSING", details: { key: lost } });
    expect(await states(target)).toEqual(["nightly incomplete"]);
  });
});

describe("names", () => {
  test("a name that is taken, complete or not, is refused and left alone", async () => {
    await using source = await inMemory();
    const target = await inMemory();
    const before = await contents(target);
    await expect(carry(source, target)).rejects.toEqual(coded("ALREADY_EXISTS", "exists already"));
    expect(await contents(target)).toEqual(before);
    await remove(target, "meta/backup_meta.json");
    await expect(carry(source, target)).rejects.toEqual(coded("ALREADY_EXISTS", "is incomplete"));
  });

  test("onto itself is refused", async () => {
    const source = await inMemory();
    const before = await contents(source);
    await expect(carry(source, source)).rejects.toEqual(coded("ALREADY_EXISTS"));
    expect(await contents(source)).toEqual(before);
  });

  test("another name for the copy changes no document", async () => {
    await using source = await inMemory();
    const target = await emptyMemory();
    const report = await carry(source, target, { name: "nightly", targetName: "weekly-1" });
    expect([report.backup, report.copy]).toEqual(["nightly", "weekly-1"]);
    expect(await contents(target, "weekly-1")).toEqual(await contents(source));
    expect(await findings(target, "weekly-1")).toEqual([]);
    expect((await target.backups.read("weekly-1", target)).name).toBe("weekly-1");
  });

  test("what is not there, or was never finished", async () => {
    await using source = await inMemory();
    const target = await emptyMemory();
    const copying = carry(source, target, { name: "other", targetName: "other" });
    await expect(copying).rejects.toEqual(coded("NOT_FOUND", "other"));
    await remove(source, "meta/backup_meta.json");
    await expect(carry(source, target)).rejects.toEqual(coded("BACKUP_INCOMPLETE", "is incomplete"));
    expect(await keysOf(target.backupRoot)).toEqual([]);
  });
});

describe("interrupted", () => {
  test("the copy is incomplete, a second run is refused, and after a delete it works", async () => {
    await using source = await onDisk();
    const target = await emptyMemory();
    const stop = new AbortController();
    let puts = 0;
    const root = changed(target.backupRoot, (calls) => ({
      put: async (key, body, options) => {
        puts += 1;
        if (puts === 6) stop.abort();
        return calls.put(key, body, options);
      },
    }));
    const copying = carry(source, { ...target, backupRoot: root }, undefined, { signal: stop.signal });
    await expect(copying).rejects.toEqual(coded("ABORTED", ""));
    expect(await states(target)).toEqual(["nightly incomplete"]);
    await expect(carry(source, target)).rejects.toEqual(coded("ALREADY_EXISTS", "is incomplete"));
    await target.backups.delete("nightly", target);
    await carry(source, target);
    expect(await findings(target)).toEqual([]);
  });
});

describe("a backup of the Go tool", () => {
  test.each(FIXTURES.map((fixture) => [fixture.version, fixture] as const))(
    "of Milvus %s is hashed on the way and arrives as it was",
    async (_, fixture) => {
      const source = stored(await rootWith(fixture));
      await using target = await emptyDisk();
      const report = await carry(source, target, { name: fixture.name, targetName: fixture.name });
      expect([report.hasManifest, report.copied.evidence.digest]).toEqual([false, report.totals.objects]);
      expect(await contents(target, fixture.name)).toEqual(await contents(source, fixture.name));
      expect(await findings(target, fixture.name)).toEqual([]);
    },
  );

  test("with a short object is not copied", async () => {
    const [fixture] = FIXTURES;
    const source = stored(await rootWith(fixture));
    const [log] = await logKeys(source, fixture.name);
    await store(source.backupRoot, `${fixture.name}/${log}`, new Uint8Array(3));
    const copying = carry(source, await emptyMemory(), { name: fixture.name, targetName: fixture.name });
    await expect(copying).rejects.toEqual(coded("CHECKSUM_MISMATCH", log));
  });
});
