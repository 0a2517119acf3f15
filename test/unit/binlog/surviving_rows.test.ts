import { describe, expect, test } from "bun:test";
import { createDeleteSet, type PrimaryKeys } from "../../../src/binlog/deletes.ts";
import { countDeletedRows, type RowChunk } from "../../../src/binlog/surviving_rows.ts";
import { numbersFrom } from "./make_logs.ts";

async function* inPages<T>(pages: readonly T[]): AsyncGenerator<T> {
  yield* pages;
}

/** A chunk whose key and timestamp pages are cut at different rows. */
function chunk(keys: readonly bigint[] | readonly string[], timestamps: readonly bigint[], size = 3): RowChunk {
  const pages: PrimaryKeys[] = [];
  for (let i = 0; i < keys.length; i += size) {
    const page = keys.slice(i, i + size);
    const numbers = page.filter((key) => typeof key === "bigint");
    pages.push(numbers.length > 0 ? BigInt64Array.from(numbers) : page.filter((key) => typeof key === "string"));
  }
  const times: BigUint64Array[] = [];
  for (let i = 0; i < timestamps.length; i += size + 2)
    times.push(BigUint64Array.from(timestamps.slice(i, i + size + 2)));
  return { primaryKeys: () => inPages(pages), timestamps: () => inPages(times) };
}

function deletesOf(entries: readonly (readonly [bigint | string, bigint])[]) {
  const set = createDeleteSet(typeof entries[0]?.[0] === "string" ? "varchar" : "int64");
  for (const [key, timestamp] of entries) set.add(key, timestamp);
  return set;
}

describe("rows that deletes remove", () => {
  test("are those written before their key was deleted, not at that time and not after", async () => {
    const rows = chunk([1n, 2n, 3n, 4n], [9n, 10n, 11n, 5n]);
    const deletes = deletesOf([1n, 2n, 3n].map((key) => [key, 10n] as const));
    expect(await countDeletedRows([rows], [deletes])).toEqual({ rows: 4n, deleted: 1n });
  });

  test("are judged by the latest delete of their key, over all sets", async () => {
    const rows = chunk(["a", "b", "c"], [5n, 5n, 5n]);
    const first = deletesOf([
      ["a", 7n],
      ["a", 3n],
      ["b", 4n],
    ]);
    const second = deletesOf([
      ["a", 1n],
      ["b", 6n],
      ["c", 5n],
    ]);
    expect(await countDeletedRows([rows], [first, second])).toEqual({ rows: 3n, deleted: 2n });
  });

  test("count each by itself when a key is there several times", async () => {
    const rows = [chunk([7n, 7n, 7n, 8n], [1n, 2n, 9n, 1n]), chunk([7n], [3n])];
    expect(await countDeletedRows(rows, [deletesOf([[7n, 5n]])])).toEqual({ rows: 5n, deleted: 3n });
  });

  test("are found at the ends of int64 and of uint64", async () => {
    const keys = [-(2n ** 63n), 2n ** 63n - 1n, 0n, -1n, 2n ** 53n + 1n, 2n ** 53n];
    const rows = chunk(
      keys,
      keys.map(() => 2n ** 64n - 2n),
    );
    const deletes = deletesOf(keys.slice(0, 5).map((key) => [key, 2n ** 64n - 1n] as const));
    expect(await countDeletedRows([rows], [deletes])).toEqual({ rows: 6n, deleted: 5n });
  });

  test("are those a plain reading of the rule gives, for ten thousand rows", async () => {
    const next = numbersFrom(42);
    const keys = Array.from({ length: 10_000 }, () => BigInt(next(6000)) - 3000n);
    const times = keys.map(() => BigInt(next(100)));
    const entries = Array.from({ length: 5000 }, () => [BigInt(next(6000)) - 3000n, BigInt(next(100))] as const);
    const latest = new Map<bigint, bigint>();
    for (const [key, time] of entries) if (time > (latest.get(key) ?? -1n)) latest.set(key, time);
    const expected = keys.filter((key, row) => (latest.get(key) ?? -1n) > (times[row] ?? 0n)).length;
    const counted = { rows: 10_000n, deleted: BigInt(expected) };
    expect(await countDeletedRows([chunk(keys, times, 777)], [deletesOf(entries)])).toEqual(counted);
    const texts = entries.map(([key, time]) => [`é${key}`, time] as const);
    const rows = chunk(
      keys.map((key) => `é${key}`),
      times,
      777,
    );
    expect(await countDeletedRows([rows], [deletesOf(texts)])).toEqual(counted);
  });

  test("cost no look at timestamps while no key was deleted", async () => {
    const rows: RowChunk = {
      ...chunk([1n, 2n], []),
      timestamps: () => {
        throw new Error("read for nothing");
      },
    };
    expect(await countDeletedRows([rows], [deletesOf([[3n, 10n]])])).toEqual({ rows: 2n, deleted: 0n });
  });

  test("are not counted when keys and timestamps differ in number", async () => {
    const deletes = [deletesOf([[1n, 10n]])];
    const wrong = { code: "CHECKSUM_MISMATCH" };
    await expect(countDeletedRows([chunk([1n, 2n, 3n], [1n, 1n])], deletes)).rejects.toMatchObject(wrong);
    await expect(countDeletedRows([chunk([1n], [1n, 1n])], deletes)).rejects.toMatchObject(wrong);
  });
});

describe("a set of deletes", () => {
  test("counts different keys and ignores a delete at time 0", () => {
    const set = createDeleteSet("int64");
    for (let key = 0n; key < 5000n; key += 1n) for (const time of [key, 1n]) set.add(key, time);
    set.add(-1n, 0n);
    expect(set.size).toBe(5000);
  });

  test("refuses keys of the other type", () => {
    const wrong = expect.objectContaining({ code: "CHECKSUM_MISMATCH" });
    expect(() => createDeleteSet("int64").add("1", 1n)).toThrow(wrong);
    expect(() => createDeleteSet("varchar").add(1n, 1n)).toThrow(wrong);
    expect(() => createDeleteSet("int64").mark(["1"], new BigUint64Array(1))).toThrow(wrong);
    expect(() => createDeleteSet("varchar").mark(new BigInt64Array(1), new BigUint64Array(1))).toThrow(wrong);
  });
});
