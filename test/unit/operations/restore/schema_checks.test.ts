import { describe, expect, test } from "bun:test";
import { exitStatus, toAppError } from "../../../../src/base/errors.ts";
import { collectionMeta } from "../../../../src/meta/codec_backup.ts";
import { parseFilter } from "../../../../src/meta/filter.ts";
import type { CollectionSchema } from "../../../../src/meta/types.ts";
import { requireRestorable } from "../../../../src/operations/restore/schema_checks.ts";
import { FIXTURES, rootWith } from "../../../format/fixtures.ts";
import { BOOKS, field } from "../../../support/fake_milvus.ts";
import { coded } from "../../meta/repository_support.ts";
import { failureOf, never } from "../../transfer/roots.ts";
import { books, create, openWorld, restore, type World, type WorldOptions } from "../world.ts";

const OLD = { features: ["databases"], importVersion: "v1" } as const;

/** A server without collections, and a backup that the Go tool made of a real one. */
async function withFixture(
  version: "2.5.8" | "2.6.3",
  options: WorldOptions,
): Promise<{ readonly world: World; readonly name: string }> {
  const fixture = FIXTURES.find((it) => it.version === version);
  if (fixture === undefined) throw new Error(`no fixture ${version}`);
  const root = await rootWith(fixture);
  return { world: await openWorld({ ...options, backup: () => root }), name: fixture.name };
}

const changes = (world: World): readonly string[] =>
  world.fake.calls.filter((call) => /^(create|add|drop|rename|startImport|alter)/.test(call));

/** Collection -> what is told of it. */
function reasonsOf(error: unknown): Readonly<Record<string, string>> {
  const told = toAppError(error).message.split("nothing was made: ")[1] ?? "";
  return Object.fromEntries(told.split("; ").map((line) => line.split(/: (.*)/).slice(0, 2)));
}

describe("a backup of a newer Milvus", () => {
  test("2.6.3 into 2.3.5 is refused whole, with every collection and reason in one error", async () => {
    const { world, name } = await withFixture("2.6.3", { ...OLD, version: "v2.3.5-lite" });
    const error = await failureOf(restore(world, { name, metaOnly: true }));
    expect(error).toEqual(coded("UNSUPPORTED", "backup zoo_26 cannot be restored into Milvus v2.3.5-lite"));
    expect(exitStatus(error)).toBe(2);
    expect(reasonsOf(error)).toEqual({
      "default.z_added":
        "nullable fields added_i, added_d (since Milvus 2.5) and " +
        "fields added_i, added_d that were added after it was made (since Milvus 2.6)",
      "default.z_bm25": "sparse vectors sv (since Milvus 2.4) and functions bm25_fn (since Milvus 2.5)",
      "default.z_int8": "newer data types iv (since Milvus 2.6)",
      "default.z_nullable": "nullable fields n_i, n_s, n_j, n_a, d_f (since Milvus 2.5)",
      "default.z_struct": "struct arrays items (since Milvus 2.6)",
      "default.z_vecs":
        "several vector fields fv, h, bf, sp (since Milvus 2.4) and " +
        "float16 or bfloat16 vectors h, bf (since Milvus 2.4) and sparse vectors sp (since Milvus 2.4)",
    });
    expect(changes(world)).toEqual([]);
    expect([...world.fake.databases.keys()]).toEqual(["default"]);
  });

  test("2.5.8 with several vector fields into 2.3.5 fails before a sibling is begun", async () => {
    const { world, name } = await withFixture("2.5.8", { ...OLD, version: "v2.3.5-lite" });
    const error = await failureOf(restore(world, { name }));
    const reasons = reasonsOf(error);
    expect(Object.keys(reasons).sort()).toEqual([
      "default.z_bm25",
      "default.z_nullable",
      "default.z_parts",
      "default.z_vecs",
    ]);
    expect(reasons["default.z_parts"]).toBe("segments of deletes (since Milvus 2.4)");
    expect(changes(world)).toEqual([]);
  });

  test("what the target can hold of it is restored alone", async () => {
    const { world, name } = await withFixture("2.6.3", { ...OLD, version: "v2.3.5-lite" });
    const report = await restore(world, { name, metaOnly: true, filter: parseFilter("z_types,db_two.only_two") });
    expect(report.collections.map(({ target }) => target.collection)).toEqual(["only_two", "z_types"]);
  });

  test("log files of storage version 2 go into 2.6 and newer only; a schema alone has none", async () => {
    const choice = { filter: parseFilter("db_two.only_two") };
    const { world, name } = await withFixture("2.6.3", { version: "v2.5.8" });
    const error = await failureOf(restore(world, { name, ...choice }));
    expect(reasonsOf(error)).toEqual({
      "db_two.only_two": "log files of storage version 2 (since Milvus 2.6)",
    });
    expect(changes(world)).toEqual([]);
    await restore(world, { name, ...choice, metaOnly: true });
    expect(changes(world)).not.toEqual([]);
  });

  test.each(["v2.5.8", "v2.6.3", "master-20260226-abc"])("what %s has is not refused", async (version) => {
    const { world, name } = await withFixture("2.5.8", { version });
    const report = await restore(world, { name, metaOnly: true });
    expect(report.collections).toHaveLength(10);
  });

  test("a server of unknown version decides itself", async () => {
    const { world, name } = await withFixture("2.6.3", { version: "master-20260226-abc" });
    const filter = parseFilter("z_struct,z_int8,z_nullable,z_vecs,z_bm25");
    expect((await restore(world, { name, metaOnly: true, rebuildIndex: false, filter })).collections).toHaveLength(5);
  });
});

describe("schemas", () => {
  const refusal = async (schema: CollectionSchema, options: WorldOptions = {}): Promise<unknown> => {
    const world = await openWorld(options);
    const meta = { ...collectionMeta.zero, collectionName: "books", schema };
    const request = { name: "nightly", intoExisting: false, metaOnly: false };
    const checked = requireRestorable(world.milvus, [{ meta, source: books, target: books }], request, never);
    return checked.then(
      () => undefined,
      (error: unknown) => error,
    );
  };
  const withLate = (id: bigint, nullable: boolean, enableDynamicField: boolean): CollectionSchema => ({
    ...BOOKS,
    enableDynamicField,
    fields: [...BOOKS.fields, field(id, "late", { nullable })],
  });

  test("fields that were added stand where a server that can add fields puts them: behind the dynamic field", async () => {
    expect(await refusal(withLate(103n, true, true))).toBeUndefined();
    expect(await refusal(withLate(104n, true, true))).toEqual(
      coded("UNSUPPORTED", "default.books: field late has id 104, which no new collection would give it"),
    );
    expect(await refusal(withLate(103n, true, false))).toEqual(coded("UNSUPPORTED", "has id 103"));
  });

  test("fields that are not nullable cannot have been added", async () => {
    expect(await refusal(withLate(103n, false, true))).toEqual(
      coded("UNSUPPORTED", "fields late that were added after it was made, which Milvus refuses"),
    );
  });

  test("fields that were added need a server that can add them", async () => {
    const old = { features: ["databases", "importV2"], version: "v2.5.4" } as const;
    expect(await refusal(withLate(103n, true, true), old)).toEqual(
      coded("UNSUPPORTED", "fields late that were added after it was made (since Milvus 2.6)"),
    );
  });

  test("default values, arrays, and types that nobody has heard of", async () => {
    const typed = (dataType: number) => ({ ...BOOKS, fields: [...BOOKS.fields, field(102n, "x", { dataType })] });
    const array = typed(22);
    const fields = [...BOOKS.fields, field(102n, "x", { defaultValue: new Uint8Array([0x18, 5]) })];
    expect(await refusal({ ...BOOKS, fields }, { version: "2.2.16" })).toEqual(
      coded("UNSUPPORTED", "default values of fields x (since Milvus 2.3)"),
    );
    expect(await refusal({ ...BOOKS, fields }, { version: "2.3.5" })).toBeUndefined();
    expect(await refusal(array, { version: "2.2.16" })).toEqual(coded("UNSUPPORTED", "arrays x"));
    expect(await refusal(array, { version: "2.3.5" })).toBeUndefined();
    expect(await refusal(typed(77), { version: "2.5.20" })).toEqual(coded("UNSUPPORTED", "newer data types x"));
    expect(await refusal(typed(77), { version: "2.6.0" })).toBeUndefined();
  });
});

test("existing targets with other field ids are all named before one of them is changed", async () => {
  const world = await openWorld();
  const films = { ...books, collection: "films" };
  for (const namespace of [books, films, { ...books, collection: "plays" }]) {
    const collection = world.fake.make(namespace);
    collection.partitions.set("old", world.fake.nextId());
    await world.fake.store(collection, [1n], "old");
  }
  await create(world);
  world.fake.collections = [];
  const other = { ...BOOKS, fields: BOOKS.fields.map((it) => ({ ...it, fieldId: it.fieldId + 1n })) };
  world.fake.make({ ...books, collection: "plays" });
  for (const namespace of [books, films]) world.fake.make(namespace, other);
  world.fake.calls.length = 0;
  const error = await failureOf(restore(world, { intoExisting: true }));
  expect(error).toEqual(coded("UNSUPPORTED", "field id has id 100 in the backup and 101 in the target"));
  expect(toAppError(error).details).toMatchObject({ collections: "default.books,default.films" });
  expect(changes(world)).toEqual([]);
});
