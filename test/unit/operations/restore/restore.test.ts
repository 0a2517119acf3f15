import { describe, expect, test } from "bun:test";
import { AppError } from "../../../../src/base/errors.ts";
import { filterOfCollections, parseFilter } from "../../../../src/meta/filter.ts";
import { parseRename, parseSuffix } from "../../../../src/meta/rename.ts";
import type { SegmentMeta } from "../../../../src/meta/types.ts";
import { PartialRestoreError } from "../../../../src/operations/restore/request.ts";
import type { StorageDriver } from "../../../../src/storage/driver.ts";
import { objectKey } from "../../../../src/storage/key.ts";
import { faultyDriver } from "../../../support/faulty_driver.ts";
import { coded } from "../../meta/repository_support.ts";
import { changed, contentOf, failureOf, flipped, keysOf, never, sample, store } from "../../transfer/roots.ts";
import {
  books,
  collections,
  create,
  openWorld,
  RESTORE_ID,
  restore,
  type World,
  type WorldOptions,
  warnings,
  warningText,
} from "../world.ts";

const films = { database: "default", collection: "films" };
const TEMPORARY = `default.books_restoring_${RESTORE_ID}`;

/** A backup of books (five rows, one of them deleted) and films (one row); both are gone from Milvus unless kept. */
async function withBackup(options: WorldOptions & { readonly keep?: boolean } = {}): Promise<World> {
  const world = await openWorld(options);
  const collection = world.fake.make(books);
  const params = { index_type: "HNSW", metric_type: "L2" };
  collection.indexes.push({ fieldName: "vector", indexName: "v", indexType: "HNSW", params, indexId: 1n });
  const segment = await world.fake.store(collection, [1n, 2n, 3n, 4n, 5n]);
  await world.fake.deleteFrom(segment, [4n]);
  await world.fake.store(world.fake.make(films), [9n]);
  await create(world);
  if (options.keep !== true) world.fake.collections = [];
  world.events.length = 0;
  world.fake.calls.length = 0;
  return world;
}

const rowsOf = (world: World, name: string): readonly bigint[] =>
  world.fake.collections
    .filter(({ namespace }) => namespace.collection === name)
    .flatMap((it) => [...it.imported, ...it.segments.flatMap((segment) => segment.rows)])
    .map((row) => row.pk)
    .sort();

const calls = (world: World, pattern: RegExp): readonly string[] =>
  world.fake.calls.filter((call) => pattern.test(call));

const staged = async (world: World): Promise<readonly string[]> =>
  (await keysOf(world.bucket)).filter((key) => key.includes("restore-temp"));

describe.each(["same bucket", "own bucket"] as const)("restoreBackup, backups in the %s", (backups) => {
  test("brings back the rows, without those that were deleted, and the indexes", async () => {
    const world = await withBackup({ backups });
    const report = await restore(world);
    expect(report.collections.map((it) => [it.target.collection, it.rows?.restored, it.indexes])).toEqual([
      ["books", 4n, 1],
      ["films", 1n, 0],
    ]);
    expect(report.collections[0]?.rows).toEqual({
      backedUp: 5n,
      deleted: { min: 1n, max: 1n, exact: true },
      restored: 4n,
    });
    expect(rowsOf(world, "books")).toEqual([1n, 2n, 3n, 5n]);
    expect(collections(world)).toEqual(["default.books", "default.films"]);
    expect(report.collections[0]?.readFrom).toBe(backups === "same bucket" ? "backup" : "staged");
    expect(await staged(world)).toEqual([]);
    expect(warnings(world)).toEqual([]);
  });

  test("fills a temporary collection, indexes it, and gives it its name last", async () => {
    const world = await withBackup({ backups });
    await restore(world, { filter: parseFilter("books") });
    const steps = calls(world, /^(createCollection|startImport|statistics|createIndex|rename)/);
    expect(steps).toEqual([
      `createCollection ${TEMPORARY}`,
      `startImport ${TEMPORARY} rows _default`,
      `statisticsRowCount ${TEMPORARY}`,
      `createIndex ${TEMPORARY} vector`,
      `renameCollection ${TEMPORARY} default.books`,
    ]);
  });

  test("a flipped byte is refused before Milvus sees anything", async () => {
    const world = await withBackup({ backups });
    const key = (await keysOf(world.backupRoot)).find((it) => it.includes("insert_log")) ?? "";
    await store(world.backupRoot, key, flipped(await contentOf(world.backupRoot, key)));
    await expect(restore(world)).rejects.toEqual(coded("CHECKSUM_MISMATCH"));
    expect(calls(world, /^(createCollection default.books|startImport default.books)/)).toEqual([]);
    expect(collections(world).filter((name) => name.includes("books"))).toEqual([]);
    expect(await staged(world)).toEqual([]);
  });

  test("an object that is missing, and one that nobody declared, are refused", async () => {
    for (const change of ["missing", "extra"]) {
      const world = await withBackup({ backups });
      const key = (await keysOf(world.backupRoot)).find((it) => it.includes("insert_log")) ?? "";
      if (change === "missing") await world.backupRoot.delete(objectKey(key), { signal: never });
      else await store(world.backupRoot, `${key}0`, sample(3));
      await expect(restore(world)).rejects.toEqual(
        coded(
          change === "missing" ? "DATA_MISSING" : "CHECKSUM_MISMATCH",
          "nothing of this collection was given to Milvus",
        ),
      );
      expect(calls(world, /^startImport/)).toEqual([]);
      expect(collections(world)).toEqual([]);
    }
  });

  test("an interruption removes what was made", async () => {
    const world = await withBackup({ backups });
    world.fake.script = (name) => {
      if (name === "importProgress") world.stop.abort(new AppError("ABORTED", "interrupted by SIGTERM"));
    };
    await expect(restore(world)).rejects.toEqual(coded("ABORTED"));
    expect(collections(world)).toEqual([]);
    expect(await staged(world)).toEqual([]);
  });
});

describe("which collections, and where to", () => {
  test("a suffix, a rename and a filter by the new names", async () => {
    const suffixed = await withBackup({ keep: true });
    await restore(suffixed, { mapping: parseSuffix("_bak") });
    expect(collections(suffixed)).toEqual(["default.books", "default.books_bak", "default.films", "default.films_bak"]);
    const renamed = await withBackup();
    await restore(renamed, { mapping: parseRename("books:library"), filter: parseFilter("library") });
    expect(collections(renamed)).toEqual(["default.library"]);
  });

  test("a selection by the names in the backup", async () => {
    const world = await withBackup();
    await restore(world, { selection: filterOfCollections("films"), mapping: parseSuffix("_x") });
    expect(collections(world)).toEqual(["default.films_x"]);
  });

  test("a database is made only where it is needed, once", async () => {
    const world = await withBackup();
    const report = await restore(world, { mapping: parseRename("default.*:shop.*") });
    expect(report.databasesCreated).toEqual(["shop"]);
    expect(collections(world)).toEqual(["shop.books", "shop.films"]);
    expect(calls(world, /^createDatabase/)).toEqual(["createDatabase shop"]);
  });

  test.each([
    ["a filter", { filter: parseFilter("boks") }],
    ["a selection", { selection: filterOfCollections("boks") }],
    ["a rename", { mapping: parseRename("boks:b") }],
    ["a filter by an old name", { mapping: parseSuffix("_bak"), filter: parseFilter("books") }],
  ])("%s that nothing answers to is refused, and says what there is", async (_, choice) => {
    const world = await withBackup();
    await expect(restore(world, choice)).rejects.toEqual(coded("NOT_FOUND", "collections to choose from"));
    expect(calls(world, /^create/)).toEqual([]);
  });

  test("two collections onto one are refused", async () => {
    const world = await withBackup();
    await expect(restore(world, { mapping: parseRename("books:films") })).rejects.toEqual(
      coded("USAGE", "default.films"),
    );
    expect(calls(world, /^create/)).toEqual([]);
  });

  test("an existing target is refused before anything is made", async () => {
    const world = await withBackup();
    world.fake.make(films);
    await expect(restore(world)).rejects.toEqual(coded("ALREADY_EXISTS", "default.films exists already"));
    expect(calls(world, /^create/)).toEqual([]);
  });

  test("names of 255 characters that differ at their end get different temporary names", async () => {
    const world = await openWorld();
    const long = "b".repeat(254);
    for (const end of ["1", "2"]) {
      await world.fake.store(world.fake.make({ database: "default", collection: `${long}${end}` }), [1n]);
    }
    await create(world);
    world.fake.collections = [];
    await restore(world);
    expect(collections(world)).toEqual([`default.${long}1`, `default.${long}2`]);
    const made = calls(world, /^createCollection/).map((call) => call.split(".")[1] ?? "");
    expect(new Set(made).size).toBe(2);
    expect(made.every((name) => name.length === 255)).toBe(true);
  });

  test("a backup that is not there, and one in another format", async () => {
    const world = await withBackup();
    await expect(restore(world, { name: "weekly" })).rejects.toEqual(coded("NOT_FOUND", "weekly"));
    const { backups } = world.context;
    const strange = {
      ...backups,
      read: async () => ({ ...(await backups.read("nightly", { signal: never })), format: "snapshot" }),
    };
    const context = { ...world, context: { ...world.context, backups: strange } };
    await expect(restore(context)).rejects.toEqual(coded("UNSUPPORTED", '"snapshot"'));
  });
});

describe("an existing target", () => {
  test("is replaced once the new one has proved right, and its aliases move over", async () => {
    const world = await withBackup({ keep: true });
    const old = world.fake.get(books);
    old.aliases.add("library");
    await world.fake.store(old, [77n]);
    await restore(world, { replaceExisting: true, filter: parseFilter("books") });
    expect(rowsOf(world, "books")).toEqual([1n, 2n, 3n, 5n]);
    expect(collections(world)).toEqual(["default.books", "default.films"]);
    expect([...world.fake.get(books).aliases]).toEqual(["library"]);
    expect(warnings(world)).toEqual([]);
  });

  test.each(["createCollection", "startImport", "createIndex"])("stays as it is when %s fails", async (call) => {
    const world = await withBackup({ keep: true });
    const old = world.fake.get(books);
    world.fake.script = (name) => {
      if (name === call) throw new AppError("MILVUS_ERROR", "on purpose");
    };
    await expect(restore(world, { replaceExisting: true })).rejects.toEqual(coded("MILVUS_ERROR", "on purpose"));
    expect(world.fake.get(books)).toBe(old);
    expect(collections(world)).toEqual(["default.books", "default.films"]);
  });

  test.each([1, 2])("gets its name back when rename number %p fails", async (nth) => {
    const world = await withBackup({ keep: true });
    const old = world.fake.get(books);
    world.fake.script = (name, count) => {
      if (name === "renameCollection" && count === nth) throw new AppError("MILVUS_ERROR", "on purpose");
    };
    await expect(restore(world, { replaceExisting: true, filter: parseFilter("books") })).rejects.toEqual(
      coded("MILVUS_ERROR", "on purpose"),
    );
    expect(world.fake.get(books)).toBe(old);
    expect(collections(world)).toEqual(["default.books", "default.films"]);
    expect(warnings(world)).toEqual([]);
  });

  test("gets its name back when the interruption comes between the two renames", async () => {
    const world = await withBackup({ keep: true });
    const old = world.fake.get(books);
    world.fake.script = (name, count) => {
      if (name === "renameCollection" && count === 2) world.stop.abort(new AppError("ABORTED", "interrupted"));
    };
    await expect(restore(world, { replaceExisting: true, filter: parseFilter("books") })).rejects.toEqual(
      coded("ABORTED"),
    );
    expect(world.fake.get(books)).toBe(old);
  });

  test.each([1, 2])("is replaced also when rename %i was carried out and its answer got lost", async (lost) => {
    const world = await withBackup({ keep: true });
    const old = world.fake.get(books);
    world.fake.script = (name, count) => {
      if (name !== "renameCollection" || count !== lost) return;
      const [from, to] =
        lost === 1 ? ["books", `books_replaced_${RESTORE_ID}`] : [`books_restoring_${RESTORE_ID}`, "books"];
      world.fake.get({ ...books, collection: from }).namespace = { ...books, collection: to };
      throw new AppError("UNAVAILABLE", "the answer got lost");
    };
    await restore(world, { replaceExisting: true, filter: parseFilter("books") });
    expect(world.fake.get(books)).not.toBe(old);
    expect(collections(world)).not.toContain(`default.books_replaced_${RESTORE_ID}`);
  });

  test("that cannot get its name back is named aloud", async () => {
    const world = await withBackup({ keep: true });
    world.fake.script = (name, count) => {
      if (name === "renameCollection" && count >= 2) throw new AppError("UNAVAILABLE", "Milvus went away");
    };
    await expect(restore(world, { replaceExisting: true, filter: parseFilter("books") })).rejects.toEqual(
      coded("UNAVAILABLE"),
    );
    expect(warningText(world, "LEFTOVER_COLLECTION")).toContain(`default.books_replaced_${RESTORE_ID}`);
    expect(collections(world)).toContain(`default.books_replaced_${RESTORE_ID}`);
  });

  test("is filled where that was asked for: its own rows stay, partitions it lacks are made", async () => {
    const world = await withBackup({ keep: true });
    const old = world.fake.get(books);
    await world.fake.store(old, [77n]);
    const report = await restore(world, { intoExisting: true, filter: parseFilter("books") });
    expect(report.collections[0]?.rows?.restored).toBe(4n);
    expect(world.fake.get(books)).toBe(old);
    expect(rowsOf(world, "books")).toHaveLength(10);
    expect(calls(world, /^(createCollection|rename|drop)/)).toEqual([]);
    // It has the index already, and a field has one at most.
    expect(report.collections[0]?.indexes).toBe(0);
  });

  test("that is filled by a server that does not count is not counted, said aloud", async () => {
    const world = await withBackup({ keep: true });
    world.fake.countsImportedRows = false;
    const report = await restore(world, { intoExisting: true, filter: parseFilter("books") });
    expect(report.collections[0]?.rows).toBeUndefined();
    expect(warnings(world)).toEqual(["ROWS_NOT_COUNTED"]);
  });

  test("gets the partitions and indexes of the backup when it is filled", async () => {
    const world = await openWorld();
    const collection = world.fake.make(books);
    collection.partitions.set("old", world.fake.nextId());
    await world.fake.store(collection, [1n], "old");
    const params = { index_type: "HNSW", metric_type: "L2" };
    collection.indexes.push({ fieldName: "vector", indexName: "v", indexType: "HNSW", params, indexId: 1n });
    await create(world);
    world.fake.collections = [];
    const target = world.fake.make(books);
    target.indexes.push({ fieldName: "vector", indexName: "w", indexType: "FLAT", params: {}, indexId: 2n });
    await restore(world, { intoExisting: true, dropExistingIndex: true });
    expect([...target.partitions.keys()]).toEqual(["_default", "old"]);
    expect(target.indexes.map((index) => index.indexName)).toEqual(["v"]);
  });

  test("whose fields have other ids is not filled", async () => {
    const world = await withBackup();
    const other = world.fake.make(books);
    const [first, second] = other.schema.fields;
    if (first !== undefined && second !== undefined) {
      other.schema = { ...other.schema, fields: [first, { ...second, fieldId: 102n }] };
    }
    await expect(restore(world, { intoExisting: true, filter: parseFilter("books") })).rejects.toEqual(
      coded("UNSUPPORTED", "field vector has id 101 in the backup and 102 in the target"),
    );
    expect(calls(world, /^startImport/)).toEqual([]);
    expect(warnings(world)).toEqual([]);
  });

  test("that was to be filled and is not there is refused", async () => {
    const world = await withBackup();
    await expect(restore(world, { intoExisting: true })).rejects.toEqual(
      coded("NOT_FOUND", "--skip_create_collection"),
    );
  });

  test("that was filled in part is said aloud", async () => {
    const world = await withBackup({ keep: true });
    world.fake.jobState = () => ({ phase: "failed", percent: 30 });
    await expect(restore(world, { intoExisting: true, filter: parseFilter("books") })).rejects.toEqual(
      coded("MILVUS_ERROR"),
    );
    expect(warningText(world, "PARTLY_FILLED")).toContain("default.books");
    expect(collections(world)).toContain("default.books");
  });
});

describe("a failure", () => {
  test("drops the temporary collection and says so when it cannot", async () => {
    const world = await withBackup();
    world.fake.script = (name) => {
      if (name === "createIndex") throw new AppError("MILVUS_ERROR", "on purpose");
      if (name === "dropCollection") throw new AppError("UNAVAILABLE", "Milvus went away");
    };
    await expect(restore(world, { filter: parseFilter("books") })).rejects.toEqual(
      coded("MILVUS_ERROR", "collection default.books: on purpose"),
    );
    expect(warningText(world, "LEFTOVER_COLLECTION")).toContain(TEMPORARY);
  });

  test("names the collections that were finished before it, and they stay", async () => {
    const world = await withBackup();
    world.fake.script = (name, _count, about) => {
      if (name === "createCollection" && about.startsWith("default.films")) {
        throw new AppError("MILVUS_ERROR", "on purpose");
      }
    };
    const failure = await restore(world, { collections: 1 }).catch((error: unknown) => error);
    expect(failure).toEqual(coded("MILVUS_ERROR", "collection default.films: on purpose"));
    expect(failure).toBeInstanceOf(PartialRestoreError);
    if (!(failure instanceof PartialRestoreError)) return;
    expect(failure.details.finished).toBe("default.books");
    expect(failure.finished.collections.map((it) => it.rows?.restored)).toEqual([4n]);
    expect(collections(world)).toEqual(["default.books"]);
  });

  test("of a staged copy that cannot be removed is a warning, not a failure", async () => {
    const world = await withBackup({
      backups: "own bucket",
      source: (root) =>
        faultyDriver(root, {
          call: (call) => (call === "delete" ? new AppError("ACCESS_DENIED", "no delete") : undefined),
        }),
    });
    await restore(world);
    expect(collections(world)).toEqual(["default.books", "default.films"]);
    expect(new Set(warnings(world))).toEqual(new Set(["LEFTOVER_OBJECTS"]));
    expect(warningText(world, "LEFTOVER_OBJECTS")).toContain(`restore-temp-${RESTORE_ID}-default-`);
    expect(await staged(world)).not.toEqual([]);
  });

  test("while staging removes what was staged", async () => {
    const world = await withBackup({
      backups: "own bucket",
      source: (root) =>
        faultyDriver(root, {
          call: (call, count) => (call === "put" && count === 4 ? new AppError("NO_SPACE", "full") : undefined),
        }),
    });
    await expect(restore(world)).rejects.toEqual(coded("NO_SPACE", "full"));
    expect(await staged(world)).toEqual([]);
    expect(collections(world)).toEqual([]);
  });

  test("another program's collection under the target's name is left alone", async () => {
    const world = await withBackup();
    world.fake.script = (name) => {
      if (name === "createIndex") world.fake.make(books);
    };
    await expect(restore(world, { filter: parseFilter("books") })).rejects.toEqual(
      coded("ALREADY_EXISTS", "somebody else"),
    );
    expect(collections(world)).toEqual(["default.books"]);
    expect(rowsOf(world, "books")).toEqual([]);
  });
});

describe("options", () => {
  test("metaOnly makes schema and indexes and no import", async () => {
    const world = await withBackup();
    const report = await restore(world, { metaOnly: true });
    expect(report.collections.map((it) => [it.rows, it.objects, it.indexes])).toEqual([
      [undefined, 0, 1],
      [undefined, 0, 0],
    ]);
    expect(calls(world, /^(startImport|statistics)/)).toEqual([]);
    expect(rowsOf(world, "books")).toEqual([]);
  });

  test("rebuildIndex off leaves indexes out, autoIndex makes vector indexes AUTOINDEX with their metric", async () => {
    const without = await withBackup();
    await restore(without, { rebuildIndex: false });
    expect(without.fake.get(books).indexes).toEqual([]);
    const auto = await withBackup();
    await restore(auto, { autoIndex: true });
    expect(auto.fake.get(books).indexes[0]?.params).toEqual({ index_type: "AUTOINDEX", metric_type: "L2" });
  });

  test("keepTempFiles keeps what was staged", async () => {
    const world = await withBackup({ backups: "own bucket" });
    await restore(world, { keepTempFiles: true });
    expect((await staged(world)).length).toBe(9);
  });

  test("mode streaming stages although the buckets are one", async () => {
    const world = await withBackup({ transfer: { mode: "streaming" } });
    const report = await restore(world);
    expect(report.collections.map((it) => it.readFrom)).toEqual(["staged", "staged"]);
  });
});

describe("aliases", () => {
  test("are set under the old name, and only there", async () => {
    const world = await openWorld();
    world.fake.make(books).aliases.add("library");
    await create(world);
    world.fake.collections = [];
    await restore(world);
    expect([...world.fake.get(books).aliases]).toEqual(["library"]);
    await restore(world, { mapping: parseSuffix("_bak") });
    expect(warningText(world, "ALIAS_NOT_RESTORED")).toContain("default.books_bak: alias library was not set");
  });

  test("that cannot be set cost a warning", async () => {
    const world = await openWorld();
    world.fake.make(books).aliases.add("library");
    await create(world);
    world.fake.collections = [];
    world.fake.make(films).aliases.add("library");
    await restore(world);
    expect(warnings(world)).toEqual(["ALIAS_NOT_RESTORED"]);
    expect(collections(world)).toEqual(["default.books", "default.films"]);
  });
});

describe("a backup that was carried to a service which says nothing of its objects", () => {
  const silent = (root: StorageDriver): StorageDriver =>
    changed(root, (calls) => ({
      list: async function* (...args) {
        for await (const { etag: _, ...info } of calls.list(...args)) yield { ...info, checksums: {} };
      },
    }));

  test("is read in place by names and sizes, said aloud", async () => {
    const world = await withBackup({ backup: silent });
    await restore(world, { filter: parseFilter("films") });
    expect(warnings(world)).toEqual(["SIZE_CHECKED_ONLY"]);
    expect(warningText(world, "SIZE_CHECKED_ONLY")).toStartWith("default.films: 4 objects of the backup were checked");
  });

  test("is hashed while it is staged, and where it is read", async () => {
    const world = await withBackup({ backup: silent, backups: "own bucket" });
    await restore(world);
    expect(warnings(world)).toEqual([]);
    const inPlace = await withBackup({ backup: silent });
    await restore(inPlace, { verify: "data" });
    expect(warnings(inPlace)).toEqual([]);
  });
});

describe("rows that cannot be counted as the backup's meta promises", () => {
  test("a segment whose log files hold other rows than were declared is named", async () => {
    const world = await withBackup();
    const { backups } = world.context;
    const read: typeof backups.read = async (...args) => {
      const meta = await backups.read(...args);
      const more = (segment: SegmentMeta): SegmentMeta => ({ ...segment, rows: segment.rows + 1n });
      const collections = meta.collections.map((collection) => ({
        ...collection,
        partitions: collection.partitions.map((it) => ({ ...it, segments: it.segments.map(more) })),
      }));
      return { ...meta, collections };
    };
    const told = { ...world, context: { ...world.context, backups: { ...backups, read } } };
    const report = await restore(told, { filter: parseFilter("books") });
    expect(report.collections[0]?.rows?.restored).toBe(4n);
    expect(warnings(world)).toEqual(["ROWS_DIFFER"]);
    expect(warningText(world, "ROWS_DIFFER")).toMatch(/segment \d+ hold 5 rows where .* declared 6;/);
  });

  test("a log file too large to be looked at leaves a range, said aloud", async () => {
    let large = false;
    const world = await withBackup({
      backup: (root) =>
        changed(root, (calls) => ({
          get: async (key, options) => {
            const body = await calls.get(key, options);
            return large && key.includes("delta_log") ? { ...body, size: 2 ** 31 } : body;
          },
        })),
    });
    large = true;
    const report = await restore(world, { filter: parseFilter("books") });
    expect(report.collections[0]?.rows?.deleted).toEqual({ min: 0n, max: 5n, exact: false });
    expect(warningText(world, "ROWS_NOT_EXACT")).toContain("has 2147483648 bytes, more than are looked at");
  });
});

describe("a database that a failed restore made", () => {
  const mapping = parseRename("default.*:shop.*");

  test("is dropped when nothing is in it, also after an interruption", async () => {
    for (const code of ["MILVUS_ERROR", "ABORTED"] as const) {
      const world = await withBackup();
      world.fake.script = (name) => {
        if (name !== "startImport") return;
        if (code === "ABORTED") world.stop.abort(new AppError("ABORTED", "interrupted"));
        throw new AppError(code, "on purpose");
      };
      await expect(restore(world, { mapping })).rejects.toEqual(coded(code));
      expect([...world.fake.databases.keys()]).toEqual(["default"]);
      expect(warnings(world)).toEqual([]);
    }
  });

  test("is dropped when the next one cannot be made; one that was there before stays", async () => {
    const world = await withBackup();
    world.fake.databases.set("was_there", []);
    world.fake.script = (name, count) => {
      if (name === "createDatabase" && count === 2) throw new AppError("MILVUS_ERROR", "too many databases");
    };
    const apart = parseRename("default.books:a_new.books,default.films:b_new.films");
    await expect(restore(world, { mapping: apart })).rejects.toEqual(coded("MILVUS_ERROR", "too many databases"));
    expect([...world.fake.databases.keys()]).toEqual(["default", "was_there"]);
    world.fake.script = (name) => {
      if (name === "startImport") throw new AppError("MILVUS_ERROR", "on purpose");
    };
    await expect(restore(world, { mapping: parseRename("default.*:was_there.*") })).rejects.toEqual(
      coded("MILVUS_ERROR"),
    );
    expect([...world.fake.databases.keys()]).toEqual(["default", "was_there"]);
  });

  test("stays with the collections that were finished, and only it is reported", async () => {
    const world = await withBackup();
    world.fake.script = (name, _count, about) => {
      if (name === "startImport" && about.startsWith("b_new.")) throw new AppError("MILVUS_ERROR", "on purpose");
    };
    const apart = parseRename("default.books:b_new.books,default.films:a_new.films");
    const error = await restore(world, { mapping: apart, collections: 1 }).catch((thrown: unknown) => thrown);
    // Books come first and fail, so films are not begun.
    expect(error).toEqual(coded("MILVUS_ERROR", "on purpose"));
    expect([...world.fake.databases.keys()]).toEqual(["default"]);
    const other = await withBackup();
    other.fake.script = (name, _count, about) => {
      if (name === "startImport" && about.startsWith("a_new.")) throw new AppError("MILVUS_ERROR", "on purpose");
    };
    const partial = await restore(other, { mapping: apart, collections: 1 }).catch((thrown: unknown) => thrown);
    if (!(partial instanceof PartialRestoreError)) throw new Error("books were finished");
    expect(partial.finished.databasesCreated).toEqual(["b_new"]);
    expect([...other.fake.databases.keys()]).toEqual(["default", "b_new"]);
  });

  test("that cannot be dropped is named", async () => {
    const world = await withBackup();
    world.fake.script = (name) => {
      if (name === "startImport") throw new AppError("MILVUS_ERROR", "on purpose");
      if (name === "dropDatabase") throw new AppError("ACCESS_DENIED", "no privilege");
    };
    await expect(restore(world, { mapping })).rejects.toEqual(coded("MILVUS_ERROR", "on purpose"));
    expect(warningText(world, "LEFTOVER_DATABASE")).toContain("database shop, which this restore made");
    expect(warningText(world, "LEFTOVER_DATABASE")).toContain("no privilege");
  });
});

test("the temporary name of this very run, taken by another, is refused and left alone", async () => {
  const world = await withBackup();
  world.fake.make({ database: "default", collection: `films_restoring_${RESTORE_ID}` });
  await expect(restore(world)).rejects.toEqual(coded("ALREADY_EXISTS", `default.films_restoring_${RESTORE_ID}`));
  expect(calls(world, /^(create|drop)/)).toEqual([]);
});

describe("mode direct", () => {
  const direct = { transfer: { mode: "direct" as const } };

  test("between two services is refused before anything is looked at", async () => {
    const world = await withBackup({ backups: "own bucket" });
    const directed = {
      ...world,
      context: { ...world.context, transfer: { ...world.context.transfer, ...direct.transfer } },
    };
    await expect(restore(directed)).rejects.toEqual(coded("CONFIG_INVALID", "transfer.mode is direct"));
    expect(world.fake.calls).toEqual([]);
    expect(world.events).toEqual([]);
    expect((await restore(directed, { metaOnly: true })).collections).toHaveLength(2);
  });

  test("is fine where Milvus reads the backup in place", async () => {
    const world = await withBackup({ backups: "same bucket", ...direct });
    expect((await restore(world)).collections).toHaveLength(2);
  });
});

test("what interrupted restores left behind is named", async () => {
  const world = await withBackup();
  for (const left of ["books_restoring_00000000000a", "films_replaced_00000000000b", "books_restoring_me"]) {
    world.fake.make({ database: "default", collection: left });
  }
  await restore(world);
  const texts = world.events.flatMap((event) => (event.type === "warning" ? [event.message] : []));
  expect(texts).toHaveLength(2);
  expect(texts[0]).toStartWith("default.books_restoring_00000000000a was left by a restore");
  expect(texts[1]).toStartWith(
    "default.films_replaced_00000000000b is what an interrupted restore was about to replace",
  );
});

describe("progress", () => {
  const counted = (world: World): { objects: number; bytes: number } => {
    const sum = { objects: 0, bytes: 0 };
    for (const event of world.events) {
      if (event.type === "object") sum.objects += 1;
      if (event.type === "bytes") sum.bytes += event.bytes;
    }
    return sum;
  };
  const totals = (world: World) =>
    world.events.flatMap((event) => (event.type === "totals" ? [{ ...event.totals, final: event.final }] : []));

  test("a staged restore counts each object once, and its totals are what passes", async () => {
    const world = await withBackup({ backups: "own bucket" });
    await restore(world, { collections: 1 });
    expect(totals(world).map(({ objects, final }) => [objects, final])).toEqual([
      [5, false],
      [9, true],
    ]);
    const last = totals(world).at(-1);
    expect(counted(world)).toEqual({ objects: last?.objects ?? 0, bytes: last?.bytes ?? 0 });
  });

  test("objects that are read first and staged then are one object and twice their bytes", async () => {
    const world = await withBackup({ backups: "own bucket" });
    await restore(world, { verify: "data" });
    const last = totals(world).at(-1);
    expect(counted(world)).toEqual({ objects: 9, bytes: last?.bytes ?? 0 });
    const done = world.events.at(-1);
    expect(done?.type === "done" ? 2 * done.totals.bytes : 0).toBe(last?.bytes ?? -1);
  });

  test("objects read in place are counted as they are read", async () => {
    const world = await withBackup();
    await restore(world, { verify: "data" });
    const last = totals(world).at(-1);
    expect(counted(world)).toEqual({ objects: 9, bytes: last?.bytes ?? 0 });
  });

  test("where nothing moves nothing is counted", async () => {
    const world = await withBackup();
    await restore(world);
    expect(totals(world)).toEqual([]);
    expect(counted(world)).toEqual({ objects: 0, bytes: 0 });
  });
});

test("a failure tells where it was", async () => {
  const world = await withBackup();
  world.fake.script = (name) => {
    if (name === "createCollection") throw new AppError("ACCESS_DENIED", "no right to create");
  };
  const failure = await failureOf(restore(world, { filter: parseFilter("books") }));
  expect(failure).toMatchObject({ code: "ACCESS_DENIED", details: { collection: "default.books" } });
});
