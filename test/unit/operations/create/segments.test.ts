import { describe, expect, test } from "bun:test";
import { AppError } from "../../../../src/base/errors.ts";
import { sourceLogPrefixes } from "../../../../src/meta/layout.ts";
import { getBackup } from "../../../../src/operations/catalog.ts";
import { objectKey } from "../../../../src/storage/key.ts";
import { BOOKS, field } from "../../../support/fake_milvus.ts";
import type { FakeSegment } from "../../../support/fake_milvus_data.ts";
import { faultyDriver } from "../../../support/faulty_driver.ts";
import { coded } from "../../meta/repository_support.ts";
import { keysOf, never, sample, store } from "../../transfer/roots.ts";
import { books, create, openWorld, restore, type World, warnings, warningText } from "../world.ts";

/** Servers before 2.5.8 do not name the files of a segment. */
const LISTING = ["databases", "importV2", "flushDeletes"] as const;

async function withSegment(options: Parameters<typeof openWorld>[0] = {}): Promise<{
  readonly world: World;
  readonly segment: FakeSegment;
}> {
  const world = await openWorld(options);
  return { world, segment: await world.fake.store(world.fake.make(books), [1n, 2n, 3n]) };
}

function folder(segment: FakeSegment): string {
  return sourceLogPrefixes({ ...segment, segmentId: segment.id }).insert;
}

function removeLog(world: World, segment: FakeSegment, fieldId: bigint): Promise<void> {
  const logId = segment.insertLogs.get(fieldId)?.[0] ?? 0n;
  return world.fake.options.root.delete(objectKey(`${folder(segment)}${fieldId}/${logId}`), { signal: never });
}

describe("a wrong root path", () => {
  test.each([["file"], [""], ["other"]])(
    "%p is an error that names the right one, and nothing is written",
    async (path) => {
      const { world, segment } = await withSegment({ configuredRoot: path });
      await expect(create(world)).rejects.toEqual(
        expect.objectContaining({
          code: "DATA_MISSING",
          message: expect.stringMatching(
            /declares 3 rows in segment .* root path "files": set milvus\.storage\.rootPath/,
          ),
          details: expect.objectContaining({ segment: segment.id.toString(), likely_root_path: "files" }),
        }),
      );
      expect(await keysOf(world.backupRoot)).toEqual([]);
      expect(warnings(world)).toEqual([]);
    },
  );

  test("where the data is nowhere, says what to compare", async () => {
    const { world, segment } = await withSegment();
    await world.fake.retire(world.fake.get(books), segment, true);
    world.fake.get(books).segments.push(segment);
    await expect(create(world)).rejects.toEqual(coded("DATA_MISSING", "compare milvus.storage"));
  });
});

describe("where the server names the files", () => {
  test("what lies beside them is left alone", async () => {
    const { world, segment } = await withSegment();
    await store(world.fake.options.root, `${folder(segment)}101/99`, sample(10));
    await create(world);
    expect((await keysOf(world.backupRoot)).filter((key) => key.endsWith("/99"))).toEqual([]);
  });

  test("a declared file that is not there fails, naming segment, field and file", async () => {
    const { world, segment } = await withSegment();
    await removeLog(world, segment, 101n);
    const logId = segment.insertLogs.get(101n)?.[0];
    await expect(create(world)).rejects.toEqual(
      coded("DATA_MISSING", `segment ${segment.id}, field 101: log file ${logId} is declared by Milvus and absent`),
    );
  });

  test("a declared delta log that is not there fails: deleted rows would come back", async () => {
    const { world, segment } = await withSegment();
    await world.fake.deleteFrom(segment, [1n]);
    segment.deltaLogs.push(12n);
    await expect(create(world)).rejects.toEqual(coded("DATA_MISSING", "deletes: log file 12"));
  });

  test("a segment with rows of which no file is named fails", async () => {
    const { world, segment } = await withSegment();
    segment.insertLogs.clear();
    await expect(create(world)).rejects.toEqual(coded("DATA_MISSING", "the server names no files of it"));
  });

  test("an L0 segment of which no delta log is named fails: deleted rows would come back", async () => {
    const { world } = await withSegment();
    const l0 = await world.fake.deleteL0(world.fake.get(books), [1n]);
    l0.deltaLogs.length = 0;
    await expect(create(world)).rejects.toEqual(coded("DATA_MISSING", `L0 segment ${l0.id}`));
  });

  test("the channel of a segment is recorded", async () => {
    const { world, segment } = await withSegment();
    const { meta } = await create(world);
    expect(meta.collections[0]?.partitions[0]?.segments[0]?.vChannel).toBe(segment.vChannel);
  });

  test("a server that fails to name them is answered by a listing, said aloud", async () => {
    const { world } = await withSegment();
    world.fake.script = (name) => {
      if (name === "segmentLogs") throw new AppError("UNAVAILABLE", "502 from the proxy");
    };
    const report = await create(world);
    expect(report.totals.objects).toBe(4);
    expect(warnings(world)).toEqual(["SEGMENT_DESCRIBE_FAILED"]);
    expect(warningText(world, "SEGMENT_DESCRIBE_FAILED")).toContain("502 from the proxy");
  });
});

describe("where files are found by listing", () => {
  test("a whole segment is taken", async () => {
    const { world } = await withSegment({ features: LISTING });
    expect((await create(world)).totals.objects).toBe(4);
    expect(world.fake.calls.some((call) => call.startsWith("segmentLogs"))).toBe(false);
  });

  test("a field that is short of a file fails, naming segment and field", async () => {
    const { world, segment } = await withSegment({ features: LISTING });
    for (const id of [0n, 1n, 100n]) await store(world.fake.options.root, `${folder(segment)}${id}/7`, sample(5));
    await expect(create(world)).rejects.toEqual(
      coded("DATA_MISSING", `segment ${segment.id}, field 101 has 1 log files where other fields have 2`),
    );
  });

  test("a field that has a file too many fails as well: nobody can tell which", async () => {
    const { world, segment } = await withSegment({ features: LISTING });
    await store(world.fake.options.root, `${folder(segment)}101/99`, sample(10));
    await expect(create(world)).rejects.toEqual(coded("DATA_MISSING", `segment ${segment.id}, field `));
  });

  test.each([0n, 1n, 101n])("a segment without any file of field %p fails", async (fieldId) => {
    const { world, segment } = await withSegment({ features: LISTING });
    await removeLog(world, segment, fieldId);
    await expect(create(world)).rejects.toEqual(coded("DATA_MISSING", `field ${fieldId} has 0 log files`));
  });

  test("a nullable field that was added later may have none", async () => {
    const { world } = await withSegment({ features: LISTING });
    const collection = world.fake.get(books);
    collection.schema = { ...BOOKS, fields: [...BOOKS.fields, field(102n, "late", { nullable: true })] };
    expect((await create(world)).totals.objects).toBe(4);
  });

  test("an L0 segment without its deletes fails", async () => {
    const { world } = await withSegment({ features: LISTING });
    const collection = world.fake.get(books);
    const l0 = await world.fake.deleteL0(collection, [1n]);
    await world.fake.retire(collection, l0, true);
    collection.segments.push(l0);
    await expect(create(world)).rejects.toEqual(coded("DATA_MISSING", `L0 segment ${l0.id}`));
  });

  test("a key in a layout that nobody knows fails", async () => {
    const { world, segment } = await withSegment({ features: LISTING });
    await store(world.fake.options.root, `${folder(segment)}101/part/7`, sample(3));
    await expect(create(world)).rejects.toEqual(coded("DATA_MISSING", "is not a log file in a layout"));
  });
});

describe("compaction while files are copied", () => {
  test("segments that are replaced are looked up again once, and the rows are right", async () => {
    let gone: FakeSegment | undefined;
    const world: World = await openWorld({
      backups: "own bucket",
      source: (root) =>
        faultyDriver(root, {
          call: (call, count) =>
            call === "get" && count === 3 ? new AppError("NOT_FOUND", "there is no such object") : undefined,
        }),
    });
    const collection = world.fake.make(books);
    const first = await world.fake.store(collection, [1n, 2n]);
    const kept = await world.fake.store(collection, [3n]);
    world.fake.script = async (name, count) => {
      if (name !== "listSegments" || count !== 2) return;
      gone = first;
      await world.fake.retire(collection, first, true);
      await world.fake.store(collection, [1n, 2n]);
    };
    const report = await create(world, { collections: 1 });
    expect(warnings(world)).toEqual(["SEGMENTS_REPLACED"]);
    const segments = report.meta.collections[0]?.partitions[0]?.segments ?? [];
    expect(segments.map((it) => it.segmentId)).toContain(kept.id);
    expect(segments.map((it) => it.segmentId)).not.toContain(first.id);
    const keys = await keysOf(world.backupRoot);
    expect(keys.filter((key) => key.includes(`/${gone?.id}/`))).toEqual([]);
    expect((await getBackup(world.context, "nightly")).manifest?.totals).toEqual(report.totals);
    world.fake.collections = [];
    const restored = await restore(world);
    expect(restored.collections[0]?.rows?.restored).toBe(3n);
  });

  test("an object that is gone while Milvus still declares it fails as missing data", async () => {
    const world = await openWorld({
      backups: "own bucket",
      source: (root) =>
        faultyDriver(root, {
          call: (call, count) =>
            call === "get" && count > 2 ? new AppError("NOT_FOUND", "no such object") : undefined,
        }),
    });
    await world.fake.store(world.fake.make(books), [1n]);
    await expect(create(world)).rejects.toEqual(coded("DATA_MISSING", "no such object"));
    expect(warnings(world)).toEqual([]);
  });

  test("what goes missing a second time fails", async () => {
    const { world, segment } = await withSegment();
    const collection = world.fake.get(books);
    await removeLog(world, segment, 101n);
    world.fake.script = async (name, count) => {
      if (name !== "listSegments" || count !== 2) return;
      const next = await world.fake.store(collection, [4n]);
      await removeLog(world, next, 101n);
    };
    await expect(create(world)).rejects.toEqual(coded("DATA_MISSING", "field 101"));
    expect(warnings(world)).toEqual(["SEGMENTS_REPLACED"]);
  });

  test("a partition that is dropped meanwhile takes its segments along", async () => {
    const { world } = await withSegment();
    const collection = world.fake.get(books);
    collection.partitions.set("old", world.fake.nextId());
    const old = await world.fake.store(collection, [9n], "old");
    world.fake.script = (name, count) => {
      if (name === "listPartitions") collection.partitions.delete("old");
      if (name === "listSegments" && count === 2) collection.segments = collection.segments.filter((it) => it !== old);
    };
    const { meta } = await create(world);
    expect(meta.collections[0]?.partitions.map((it) => it.partitionName)).toEqual(["_default"]);
    expect((await keysOf(world.backupRoot)).filter((key) => key.includes(`/${old.id}/`))).toEqual([]);
  });

  test("segments of a partition that is gone for good are an error", async () => {
    const { world } = await withSegment();
    world.fake.get(books).partitions.clear();
    await expect(create(world)).rejects.toEqual(coded("DATA_MISSING", "which no longer exists"));
  });

  test("a collection that was made anew under the same name is not taken for the old one", async () => {
    const { world } = await withSegment();
    world.fake.script = async (name, count) => {
      if (name !== "listSegments" || count !== 1) return;
      world.fake.collections = [];
      await world.fake.store(world.fake.make(books), [5n]);
    };
    await expect(create(world)).rejects.toEqual(coded("DATA_MISSING", "another collection was given its name"));
  });
});
