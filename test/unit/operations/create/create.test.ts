import { describe, expect, test } from "bun:test";
import { AppError } from "../../../../src/base/errors.ts";
import { parseFilter } from "../../../../src/meta/filter.ts";
import { deleteBackup, getBackup, listBackups } from "../../../../src/operations/catalog.ts";
import { BOOKS, field } from "../../../support/fake_milvus.ts";
import { faultyDriver } from "../../../support/faulty_driver.ts";
import { slowDriver } from "../../../support/slow_driver.ts";
import { coded } from "../../meta/repository_support.ts";
import { keysOf } from "../../transfer/roots.ts";
import { books, create, openWorld, type World, warnings, warningText } from "../world.ts";

const films = { database: "default", collection: "films" };

async function withBooks(options: Parameters<typeof openWorld>[0] = {}): Promise<World> {
  const world = await openWorld(options);
  await world.fake.store(world.fake.make(books), [1n, 2n, 3n]);
  return world;
}

describe("createBackup", () => {
  test("copies every declared object and commits a backup that reads back the same", async () => {
    const world = await withBooks();
    const report = await create(world);
    expect(report.totals).toEqual({ objects: 4, bytes: Number(report.meta.size) });
    const details = await getBackup(world.context, "nightly");
    expect(details.meta.collections).toEqual(report.meta.collections);
    expect(details.manifest?.totals).toEqual(report.totals);
    expect(details.meta.createdBy).toBe("milvus-backup test");
    const binlogs = (await keysOf(world.backupRoot)).filter((key) => key.startsWith("nightly/binlogs/"));
    expect(binlogs).toHaveLength(4);
  });

  test("refuses mode direct between two services before it begins anything", async () => {
    const world = await withBooks({ backups: "own bucket", transfer: { mode: "direct" } });
    await expect(create(world)).rejects.toEqual(coded("CONFIG_INVALID", "transfer.mode is direct"));
    expect(world.fake.calls).toEqual([]);
    expect(await keysOf(world.backupRoot)).toEqual([]);
  });

  test("flushes a collection before it describes it, and lists partitions after segments", async () => {
    const world = await openWorld();
    const collection = world.fake.make(books);
    world.fake.insert(collection, [1n, 2n]);
    const report = await create(world);
    expect(report.meta.collections[0]?.partitions[0]?.segments[0]?.rows).toBe(2n);
    const order = world.fake.calls.filter((call) =>
      /^(flush|listSegments|listPartitions|describeCollection)/.test(call),
    );
    expect(order).toEqual([
      // The first look only tells external collections.
      "describeCollection default.books",
      "flush default.books",
      "describeCollection default.books",
      "listSegments default.books",
      "listPartitions default.books",
    ]);
  });

  test("records what the flush says", async () => {
    const world = await withBooks();
    const { meta } = await create(world);
    const [collection] = meta.collections;
    expect(collection?.channelCheckpoints).toEqual({ [`dml_0_${collection?.collectionId}v0`]: "CAE=" });
    expect(collection?.backupTimestamp).toBeGreaterThan(460_000_000_000_000_000n);
    expect(collection?.backupPhysicalTimestamp).toBe(1_760_000_000n);
  });

  test("skip_flush leaves out what is still in memory", async () => {
    const world = await withBooks();
    const [collection] = world.fake.collections;
    if (collection !== undefined) world.fake.insert(collection, [9n]);
    const { meta } = await create(world, { strategy: "skip_flush" });
    expect(world.fake.calls.some((call) => call.startsWith("flush"))).toBe(false);
    expect(meta.collections[0]?.partitions[0]?.segments.map((segment) => segment.rows)).toEqual([3n]);
  });

  test("meta_only takes schema and partitions, and no object", async () => {
    const world = await withBooks();
    const report = await create(world, { strategy: "meta_only" });
    expect(report.totals).toEqual({ objects: 0, bytes: 0 });
    expect(report.meta.collections[0]?.partitions.map((it) => it.partitionName)).toEqual(["_default"]);
    expect(report.meta.collections[0]?.schema.fields.map((it) => it.name)).toEqual(["id", "vector"]);
    expect(world.fake.calls.some((call) => /^(flush|listSegments)/.test(call))).toBe(false);
    expect((await listBackups(world.context))[0]?.state).toBe("complete");
  });

  test("an empty collection is in the backup, with no rows and no objects", async () => {
    const world = await openWorld();
    world.fake.make(books);
    const report = await create(world);
    expect(report.meta.collections.map((it) => it.collectionName)).toEqual(["books"]);
    expect(report.totals).toEqual({ objects: 0, bytes: 0 });
    expect(report.meta.collections[0]?.partitions).toMatchObject([{ partitionName: "_default", segments: [] }]);
  });

  test("a Milvus without any collection gives a backup of its databases", async () => {
    const world = await openWorld();
    world.fake.databases.set("shop", [{ key: "database.replica.number", value: "2" }]);
    const { meta } = await create(world);
    expect(meta.collections).toEqual([]);
    expect(meta.databases.map(({ name, properties }) => [name, properties.length])).toEqual([
      ["default", 0],
      ["shop", 1],
    ]);
  });

  test("ids beyond 2^53 that differ in the last digit stay apart, in meta, keys and manifest", async () => {
    const world = await withBooks();
    const collection = world.fake.get(books);
    const second = await world.fake.store(collection, [4n]);
    const first = collection.segments[0];
    expect(Number(first?.id ?? 0n) === Number((first?.id ?? 0n) + 1n)).toBe(true);
    await create(world);
    const { meta } = await getBackup(world.context, "nightly");
    const segments = meta.collections[0]?.partitions[0]?.segments ?? [];
    expect(segments.map((segment) => segment.segmentId)).toEqual([first?.id ?? 0n, second.id]);
    const logIds = segments.flatMap((it) => it.insertLogs.flatMap((logs) => logs.binlogs.map((log) => log.logId)));
    expect(logIds).toEqual([...(first?.insertLogs.values() ?? []), ...second.insertLogs.values()].flat());
    const keys = await keysOf(world.backupRoot);
    for (const id of logIds) expect(keys.filter((key) => key.endsWith(`/${id}`))).toHaveLength(1);
  });

  test("takes nested deletes, L0 deletes of a partition and of all", async () => {
    const world = await withBooks();
    const collection = world.fake.get(books);
    collection.partitions.set("old", world.fake.nextId());
    const old = await world.fake.store(collection, [7n], "old");
    await world.fake.deleteFrom(old, [7n]);
    const part = await world.fake.deleteL0(collection, [8n], "old");
    const all = await world.fake.deleteL0(collection, [1n]);
    const { meta } = await create(world);
    const [first] = meta.collections;
    expect(first?.l0Segments.map((it) => it.segmentId)).toEqual([all.id]);
    const inOld = first?.partitions.find((it) => it.partitionName === "old")?.segments ?? [];
    expect(inOld.map((it) => [it.segmentId, it.isL0, it.deltaLogs.length])).toEqual([
      [old.id, false, 1],
      [part.id, true, 1],
    ]);
    const keys = await keysOf(world.backupRoot);
    expect(keys.filter((key) => key.includes(`/delta_log/${collection.id}/-1/${all.id}/`))).toHaveLength(1);
  });
});

describe("which collections", () => {
  test("the filter chooses; databases named are recorded", async () => {
    const world = await withBooks();
    world.fake.make(films);
    const { meta } = await create(world, { filter: parseFilter("films") });
    expect(meta.collections.map((it) => it.collectionName)).toEqual(["films"]);
    expect(meta.databases.map((it) => it.name)).toEqual(["default"]);
  });

  test.each([
    ["book", "collection default.book does not exist in Milvus; did you mean books?"],
    ["shop.books", "database shop does not exist in Milvus"],
    ["defaul.*", "database defaul does not exist in Milvus; did you mean default?"],
  ])("a filter %p that names nothing is refused before anything is written", async (filter, message) => {
    const world = await withBooks();
    await expect(create(world, { filter: parseFilter(filter) })).rejects.toEqual(coded("NOT_FOUND", message));
    expect(await keysOf(world.backupRoot)).toEqual([]);
    expect(world.fake.gc.pauses).toBe(0);
  });

  test("external collections are left out and named", async () => {
    const world = await withBooks();
    world.fake.make(films).external = true;
    const report = await create(world);
    expect(report.external).toEqual(["default.films"]);
    expect(report.meta.collections.map((it) => it.collectionName)).toEqual(["books"]);
    expect(warningText(world, "EXTERNAL_COLLECTION_SKIPPED")).toContain("default.films");
  });

  test.each(["describeCollection", "flush", "listSegments"])(
    "a collection that is dropped before its %s is left out of a backup of everything",
    async (call) => {
      const world = await withBooks();
      await world.fake.store(world.fake.make(films), [5n]);
      world.fake.script = (name, _count, about) => {
        if (name !== call || about !== "default.films") return;
        world.fake.collections = world.fake.collections.filter((it) => it.namespace.collection !== "films");
      };
      const report = await create(world, { collections: 1 });
      expect(report.meta.collections.map((it) => it.collectionName)).toEqual(["books"]);
      const early = call === "describeCollection";
      expect(report.dropped).toEqual(early ? [] : ["default.films"]);
      expect(warnings(world)).toEqual(early ? [] : ["COLLECTION_DROPPED"]);
    },
  );

  test("of a collection that is dropped while it is copied nothing stays in the backup", async () => {
    let world: World | undefined;
    const drop = (): AppError => {
      if (world !== undefined) world.fake.collections = [];
      return new AppError("NOT_FOUND", "there is no such object");
    };
    world = await openWorld({
      backups: "own bucket",
      // One after another, so that two are stored before the third is gone.
      transfer: { concurrency: 1 },
      source: (root) =>
        faultyDriver(root, { call: (call, count) => (call === "get" && count === 3 ? drop() : undefined) }),
    });
    await world.fake.store(world.fake.make(films), [5n]);
    const report = await create(world, { collections: 1 });
    expect(report.dropped).toEqual(["default.films"]);
    expect((await keysOf(world.backupRoot)).filter((key) => !key.startsWith("nightly/meta/"))).toEqual([]);
  });

  test("a collection that was asked for by name and is dropped meanwhile fails the backup", async () => {
    const world = await withBooks();
    world.fake.script = (name) => {
      if (name === "flush") world.fake.collections = [];
    };
    await expect(create(world, { filter: parseFilter("books") })).rejects.toEqual(coded("NOT_FOUND", "default.books"));
  });

  test("no more collections than asked for are under way at once", async () => {
    const world = await openWorld();
    for (let index = 0; index < 9; index += 1) world.fake.make({ database: "default", collection: `c${index}` });
    let running = 0;
    let peak = 0;
    world.fake.script = async (name) => {
      if (name === "flush") {
        running += 1;
        peak = Math.max(peak, running);
        await Bun.sleep(2);
      }
      if (name === "listSegments") running -= 1;
    };
    await create(world, { collections: 3 });
    expect(peak).toBe(3);
  });
});

test("all collections together never copy more objects at once than allowed", async () => {
  let peak = () => ({ gets: 0, others: 0 });
  const world = await openWorld({
    backups: "own bucket",
    transfer: { concurrency: 3 },
    source: (root) => {
      const slow = slowDriver(root, 2);
      peak = slow.peak;
      return slow.driver;
    },
  });
  for (let index = 0; index < 4; index += 1) {
    await world.fake.store(world.fake.make({ database: "default", collection: `c${index}` }), [BigInt(index)]);
  }
  await create(world, { collections: 4 });
  expect(peak().gets).toBe(3);
});

describe("a failure", () => {
  test("an existing name is refused and what is there stays", async () => {
    const world = await withBooks();
    await create(world);
    const before = await keysOf(world.backupRoot);
    await expect(create(world)).rejects.toEqual(coded("ALREADY_EXISTS", "delete -n nightly"));
    expect(await keysOf(world.backupRoot)).toEqual(before);
  });

  test("leaves an incomplete backup, which the list shows and delete removes", async () => {
    const world = await withBooks();
    await world.fake.store(world.fake.make(films), [1n]);
    world.fake.script = (name, _count, about) => {
      if (name === "listSegments" && about === "default.films") throw new AppError("MILVUS_ERROR", "on purpose");
    };
    await expect(create(world, { collections: 1 })).rejects.toEqual(
      coded("MILVUS_ERROR", "collection default.films: on purpose"),
    );
    expect(await listBackups(world.context)).toMatchObject([{ name: "nightly", state: "incomplete" }]);
    await expect(getBackup(world.context, "nightly")).rejects.toEqual(coded("BACKUP_INCOMPLETE"));
    const deleted = await deleteBackup(world.context, "nightly");
    expect(deleted.objects).toBeGreaterThan(4);
    expect(await keysOf(world.backupRoot)).toEqual([]);
    expect(await listBackups(world.context)).toEqual([]);
  });

  test("before the first object gives the name back", async () => {
    const world = await withBooks();
    world.fake.script = (name) => {
      if (name === "flush") throw new AppError("MILVUS_ERROR", "on purpose");
    };
    await expect(create(world)).rejects.toEqual(coded("MILVUS_ERROR"));
    expect(await keysOf(world.backupRoot)).toEqual([]);
  });

  test("stops the other collections", async () => {
    const world = await openWorld();
    for (let index = 0; index < 20; index += 1) world.fake.make({ database: "default", collection: `c${index}` });
    world.fake.script = (name, count) => {
      if (name === "flush" && count === 2) throw new AppError("UNAVAILABLE", "on purpose");
    };
    await expect(create(world, { collections: 2 })).rejects.toEqual(coded("UNAVAILABLE"));
    expect(world.fake.calls.filter((call) => call.startsWith("flush")).length).toBeLessThan(5);
  });
});

describe("garbage collection", () => {
  test("is paused while files are looked up and copied, and resumed at the end", async () => {
    const world = await withBooks();
    await create(world);
    expect(world.fake.gc).toMatchObject({ pauses: 1, resumes: 1 });
    const calls = world.fake.calls.map((call) => call.split(" ")[0] ?? "");
    expect(calls.indexOf("pauseGc")).toBeLessThan(calls.indexOf("listSegments"));
    expect(calls.indexOf("resumeGc")).toBe(calls.length - 1);
  });

  test("is resumed after a failure, and after an interruption", async () => {
    for (const abort of [false, true]) {
      const world = await withBooks();
      world.fake.script = (name) => {
        if (name !== "listSegments") return;
        if (!abort) throw new AppError("MILVUS_ERROR", "on purpose");
        world.stop.abort(new AppError("ABORTED", "interrupted by SIGINT"));
      };
      await expect(create(world)).rejects.toEqual(coded(abort ? "ABORTED" : "MILVUS_ERROR"));
      expect(world.fake.gc).toMatchObject({ pauses: 1, resumes: 1 });
    }
  });

  test("that cannot be paused is a warning with its reason; not asked for, it is left alone", async () => {
    const world = await withBooks();
    world.fake.gc.refusal = "404 from the management port";
    await create(world);
    expect(warningText(world, "GC_NOT_PAUSED")).toContain("404 from the management port");
    const other = await withBooks();
    await create(other, { pauseGc: false });
    expect(other.fake.calls).not.toContain("pauseGc ");
    expect(warnings(other)).toEqual([]);
  });
});

describe("progress", () => {
  test("totals grow and are final once every collection is planned", async () => {
    const world = await withBooks();
    await world.fake.store(world.fake.make(films), [1n]);
    const report = await create(world, { collections: 1 });
    const totals = world.events.filter((event) => event.type === "totals");
    expect(totals.map(({ totals: { objects }, final }) => [objects, final])).toEqual([
      [4, false],
      [8, true],
    ]);
    expect(world.events.at(-1)).toMatchObject({ type: "done", totals: report.totals });
  });

  test("copies that only their size vouches for are one warning for the whole run", async () => {
    const world = await openWorld({
      // A service that copies by itself and reports nothing.
      backup: (root) => ({
        ...root,
        copyFrom: async (source, from, to, options) => {
          const info = await root.copyFrom?.(source, from, to, options);
          return { key: to, size: info?.size ?? 0, checksums: {} };
        },
        stat: async (key, options) => ({ key, size: (await root.stat(key, options)).size, checksums: {} }),
      }),
    });
    await world.fake.store(world.fake.make(books), [1n]);
    await world.fake.store(world.fake.make(films), [1n]);
    const report = await create(world);
    expect(report.copied.evidence).toEqual({ digest: 0, service: 0, size: 8 });
    expect(warnings(world)).toEqual(["SIZE_EVIDENCE_ONLY"]);
    expect(warningText(world, "SIZE_EVIDENCE_ONLY")).toStartWith("8 objects were copied by memory://");
  });

  test("where a size was all that was asked for, a size is no warning", async () => {
    const world = await openWorld({ transfer: { verify: "size" } });
    await world.fake.store(world.fake.make(books), [1n]);
    await create(world);
    expect(warnings(world)).toEqual([]);
  });
});

test("a source that breaks off is not in the backup", async () => {
  const world = await openWorld({
    backups: "own bucket",
    source: (root) => faultyDriver(root, { cutBody: (count, size) => (count === 3 ? size - 1 : undefined) }),
  });
  await world.fake.store(world.fake.make(books), [1n]);
  await expect(create(world)).rejects.toEqual(coded("UNAVAILABLE", "default.books: segment"));
  expect((await listBackups(world.context))[0]?.state).toBe("incomplete");
});

test("a server that keeps deletes in memory is a warning", async () => {
  const world = await openWorld({ version: "v2.2.16", features: ["databases"] });
  world.fake.make(books, { ...BOOKS, fields: [...BOOKS.fields, field(102n, "n", { nullable: true })] });
  await create(world);
  expect(warnings(world)).toEqual(["RECENT_DELETES"]);
});
