import { describe, expect, test } from "bun:test";
import { openParquet, readInt64Column, readTextColumn } from "../../../src/binlog/parquet.ts";
import { readDictionaryCoded, readPlain, readRuns } from "../../../src/binlog/parquet_values.ts";
import { openFixture } from "./fixture.ts";
import { int64Column, makeParquet, textColumn } from "./make_logs.ts";

const EXTREMES = [-(2n ** 63n), 2n ** 63n - 1n, 2n ** 53n + 1n, -(2n ** 53n) - 1n, 0n, -1n];

describe("a parquet column", () => {
  test("gives int64 values exactly, by position, name and decimal id", async () => {
    const content = makeParquet([textColumn("a", EXTREMES.map(String)), int64Column("100", EXTREMES)]);
    for (const selector of [{ position: 1 }, { name: "100" }, { fieldId: 100n }]) {
      expect([...(await readInt64Column(content, selector))]).toEqual(EXTREMES);
    }
    expect(await readTextColumn(content, { name: "a" })).toEqual(EXTREMES.map(String));
  });

  test("is found by its parquet field id in a column group of Milvus 2.6", async () => {
    const fixture = await openFixture("2.6.3");
    const key = fixture.keys("binlogs/insert_log/470617900930040674/").find((name) => name.includes("/0/")) ?? "";
    const content = await fixture.read(key);
    const file = await openParquet(content);
    expect(file.has({ fieldId: 100n }) && file.has({ fieldId: 1n }) && file.has({ name: "Timestamp" })).toBe(true);
    expect(file.has({ fieldId: 101n })).toBe(false);
    expect(file.rows).toBe(100);
    expect((await readInt64Column(content, { fieldId: 1n })).length).toBe(100);
  });

  test("runs through row groups and dictionaries", async () => {
    const values = Array.from({ length: 5000 }, (_, index) => BigInt(index % 7) * 10n ** 17n);
    const texts = values.map((value) => `é-${value}`);
    const content = makeParquet([int64Column("v", values), textColumn("t", texts)], 1500);
    expect([...(await readInt64Column(content, { name: "v" }))]).toEqual(values);
    expect(await readTextColumn(content, { name: "t" })).toEqual(texts);
  });

  test("of an empty file is empty", async () => {
    expect(await readInt64Column(makeParquet([int64Column("v", [])]), { position: 0 })).toEqual(new BigInt64Array());
  });

  test("that is not there, or of another type, is named", async () => {
    const content = makeParquet([textColumn("a", ["x"])]);
    const wrong = expect.objectContaining({ code: "CHECKSUM_MISMATCH" });
    await expect(readTextColumn(content, { fieldId: 7n })).rejects.toThrow("no column of field 7");
    await expect(readTextColumn(content, { position: 1 })).rejects.toThrow(wrong);
    await expect(readInt64Column(content, { name: "a" })).rejects.toThrow(
      "column a holds BYTE_ARRAY in place of INT64",
    );
  });

  test("with a null is refused", async () => {
    const content = makeParquet([{ name: "v", data: [1n, null, 3n], type: "INT64", nullable: true }]);
    await expect(readInt64Column(content, { position: 0 })).rejects.toThrow("nulls");
  });

  test("that may hold nulls and has none is read", async () => {
    const content = makeParquet([{ name: "v", data: [1n, 2n, 3n], type: "INT64", nullable: true }]);
    expect([...(await readInt64Column(content, { position: 0 }))]).toEqual([1n, 2n, 3n]);
  });

  test("in an encoding that Milvus does not write is unsupported, not damaged", async () => {
    const content = makeParquet([{ ...int64Column("v", [1n, 2n, 3n]), encoding: "DELTA_BINARY_PACKED" }]);
    await expect(readInt64Column(content, { position: 0 })).rejects.toMatchObject({ code: "UNSUPPORTED" });
  });
});

describe("values in a page", () => {
  test("of runs and bit-packed groups", () => {
    // 3 times 5 as a run, then eight 3-bit values 0..7 (the example of the parquet format).
    const bytes = Uint8Array.from([6, 5, 3, 0b10001000, 0b11000110, 0b11111010]);
    expect([...readRuns(bytes, 3, 11)]).toEqual([5, 5, 5, 0, 1, 2, 3, 4, 5, 6, 7]);
    expect([...readRuns(bytes, 3, 5)]).toEqual([5, 5, 5, 0, 1]);
    expect([...readRuns(new Uint8Array(), 0, 3)]).toEqual([0, 0, 0]);
  });

  test("of indexes wider than two bytes", () => {
    const values = [0xabcdef, 1, 0x800000, 0xffffff, 2, 3, 4, 5];
    const packed = values.flatMap((value) => [value & 0xff, (value >> 8) & 0xff, value >> 16]);
    expect([...readRuns(Uint8Array.from([3, ...packed]), 24, 8)]).toEqual(values);
  });

  test("a run of a thousand million fills no more than the page has", () => {
    expect(readRuns(Uint8Array.from([0xfe, 0xff, 0xff, 0xff, 0x0f, 9]), 8, 4)).toEqual(Uint32Array.from([9, 9, 9, 9]));
  });

  test.each<[string, () => unknown, string]>([
    ["a run that is cut off", () => readRuns(Uint8Array.from([6]), 3, 3), "SHORT_BODY"],
    ["groups that are cut off", () => readRuns(Uint8Array.from([3, 1]), 3, 8), "SHORT_BODY"],
    ["no run at all", () => readRuns(new Uint8Array(), 3, 8), "SHORT_BODY"],
    ["a run header without end", () => readRuns(new Uint8Array(9).fill(0x80), 3, 8), "CHECKSUM_MISMATCH"],
    ["indexes of 25 bits", () => readRuns(Uint8Array.from([6, 5]), 25, 3), "CHECKSUM_MISMATCH"],
    ["too few numbers", () => readPlain("INT64", new Uint8Array(15), 2), "SHORT_BODY"],
    ["too few texts", () => readPlain("BYTE_ARRAY", new Uint8Array(7), 2), "SHORT_BODY"],
    ["a text that is cut off", () => readPlain("BYTE_ARRAY", Uint8Array.of(9, 0, 0, 0, 65), 1), "SHORT_BODY"],
    ["an index past the dictionary", () => readDictionaryCoded(["a"], Uint8Array.of(1, 6, 1), 3), "CHECKSUM_MISMATCH"],
    ["an empty dictionary", () => readDictionaryCoded([], Uint8Array.of(0), 3), "CHECKSUM_MISMATCH"],
  ])("%s is refused", (_what, read, code) => {
    expect(read).toThrow(expect.objectContaining({ name: "AppError", code }));
  });
});
