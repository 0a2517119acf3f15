import { describe, expect, test } from "bun:test";
import { holdsField, readPrimaryKeys, readTimestamps } from "../../../src/binlog/insert_log.ts";
import { openFixture } from "./fixture.ts";
import { fieldLog, int64Column, makeEnvelope, makeParquet, textColumn } from "./make_logs.ts";

const INT64 = { fieldId: 100n, type: "int64" } as const;
const VARCHAR = { fieldId: 100n, type: "varchar" } as const;

describe("an insert log of storage version 1", () => {
  test("gives the field it holds, over all its payloads", async () => {
    const payloads = [[1n, -(2n ** 63n)], [2n ** 63n - 1n]].map((keys) => makeParquet([int64Column("val", keys)]));
    expect(await readPrimaryKeys(makeEnvelope(payloads), INT64)).toEqual([1n, -(2n ** 63n), 2n ** 63n - 1n]);
    expect(await readPrimaryKeys(fieldLog(["a", "", "é"]), VARCHAR)).toEqual(["a", "", "é"]);
  });

  test("gives timestamps as unsigned numbers", async () => {
    expect(await readTimestamps(fieldLog([470617945390448646n, -1n]))).toEqual([470617945390448646n, 2n ** 64n - 1n]);
  });

  test("of keys of another type is refused", async () => {
    await expect(readPrimaryKeys(fieldLog([1n]), VARCHAR)).rejects.toMatchObject({ code: "CHECKSUM_MISMATCH" });
    await expect(readPrimaryKeys(fieldLog(["1"]), INT64)).rejects.toMatchObject({ code: "CHECKSUM_MISMATCH" });
  });
});

describe("a column group of storage version 2", () => {
  const group = makeParquet([textColumn("100", ["a", "b"]), int64Column("1", [5n, 6n])]);

  test("gives key and timestamp by field id", async () => {
    expect(await readPrimaryKeys(group, VARCHAR)).toEqual(["a", "b"]);
    expect(await readTimestamps(group)).toEqual([5n, 6n]);
  });

  test("tells which fields it holds", async () => {
    expect(await holdsField(group, 100n)).toBe(true);
    expect(await holdsField(group, 101n)).toBe(false);
  });
});

describe("insert logs of the fixtures", () => {
  test("2.3.5 holds keys 0 to 2999 of zoo_parts and k0 to k499 of zoo_types", async () => {
    const fixture = await openFixture("2.3.5");
    const keysOf = async (name: string, type: "int64" | "varchar") => {
      const id = fixture.collection(name).collectionId;
      const logs = fixture.keys(`binlogs/insert_log/${id}/`).filter((key) => key.split("/").at(-2) === "100");
      const keys: (bigint | string)[] = [];
      for (const log of logs) keys.push(...(await readPrimaryKeys(await fixture.read(log), { fieldId: 100n, type })));
      return keys.map((key) => Number(String(key).replace("k", ""))).sort((a, b) => a - b);
    };
    expect(await keysOf("default.zoo_parts", "int64")).toEqual(Array.from({ length: 3000 }, (_, index) => index));
    expect(await keysOf("default.zoo_types", "varchar")).toEqual(Array.from({ length: 500 }, (_, index) => index));
  });

  test("2.6.3 holds as many timestamps as keys in each first column group", async () => {
    const fixture = await openFixture("2.6.3");
    const logs = fixture.keys("binlogs/insert_log/").filter((key) => key.split("/").at(-2) === "0");
    expect(logs.length).toBeGreaterThan(15);
    const types = new Map(
      fixture.names.map((name) => [fixture.collection(name).collectionId.toString(), fixture.shape(name)]),
    );
    for (const log of logs) {
      const shape = types.get(log.split("/")[2] ?? "");
      if (shape === undefined) throw new Error(`no collection for ${log}`);
      const content = await fixture.read(log);
      const keys = await readPrimaryKeys(content, shape.primaryKey);
      expect(keys.length).toBeGreaterThan(0);
      expect((await readTimestamps(content)).length).toBe(keys.length);
    }
  });
});
