import { describe, expect, test } from "bun:test";
import type { ExpectedRows } from "../../../../src/binlog/expected_rows.ts";
import { type Expectation, requireImportedRows, requireRows } from "../../../../src/operations/restore/rows.ts";
import { coded } from "../../meta/repository_support.ts";
import { books, create, openWorld, restore } from "../world.ts";

const expected = (more: Partial<ExpectedRows>, hasL0 = false): Expectation => ({
  backedUp: 10n,
  hasL0,
  expected: { rows: 8n, min: 8n, deleted: 2n, exact: true, notes: [], differing: [], ...more },
});

describe("requireImportedRows", () => {
  test("takes what the backup promises", () => {
    expect(requireImportedRows(8n, expected({}))).toEqual({
      backedUp: 10n,
      deleted: { min: 2n, max: 2n, exact: true },
      restored: 8n,
    });
  });

  test.each([7n, 9n])("refuses %p rows where 8 are promised", (rows) => {
    expect(() => requireImportedRows(rows, expected({}))).toThrow(`reports ${rows} rows where the backup promises 8`);
  });

  test("deletes of L0 segments may or may not be counted by the server", () => {
    for (const rows of [8n, 9n, 10n]) expect(requireImportedRows(rows, expected({}, true)).restored).toBe(rows);
    expect(() => requireImportedRows(11n, expected({}, true))).toThrow("8 to 10");
  });

  test("an expectation that is a range is told as one", () => {
    const range = expected({ min: 5n, exact: false });
    expect(requireImportedRows(6n, range).deleted).toEqual({ min: 2n, max: 5n, exact: false });
    expect(() => requireImportedRows(4n, range)).toThrow("5 to 8");
  });
});

describe("requireRows", () => {
  test("waits for the server to publish what it imported", async () => {
    const world = await openWorld();
    const collection = world.fake.make(books);
    world.fake.script = (name, count) => {
      if (name === "statisticsRowCount" && count === 2) {
        collection.imported = Array.from({ length: 8 }, (_, pk) => ({ pk: BigInt(pk), ts: 1n }));
      }
    };
    expect((await requireRows(world.context, books, expected({}))).restored).toBe(8n);
    expect(world.fake.calls.length).toBe(2);
  });

  test("gives up after a while", async () => {
    const world = await openWorld();
    world.fake.make(books);
    world.tick = 40_000;
    await expect(requireRows(world.context, books, expected({}))).rejects.toEqual(
      coded("ROWS_MISMATCH", "reports 0 rows"),
    );
  });
});

test("rows that got lost on the way are an error, and nothing is put into place", async () => {
  const world = await openWorld();
  await world.fake.store(world.fake.make(books), [1n, 2n, 3n]);
  await create(world);
  world.fake.collections = [];
  world.tick = 40_000;
  world.fake.script = (name) => {
    if (name === "statisticsRowCount") for (const it of world.fake.collections) it.imported.length = 2;
  };
  await expect(restore(world)).rejects.toEqual(coded("ROWS_MISMATCH", "reports 2 rows where the backup promises 3"));
  expect(world.fake.collections).toEqual([]);
});
