import { describe, expect, test } from "bun:test";
import { isAppError } from "../../../src/base/errors.ts";
import { readDeltaLog } from "../../../src/binlog/delta_log.ts";
import { readPrimaryKeys, readTimestamps } from "../../../src/binlog/insert_log.ts";
import { openFixture } from "./fixture.ts";
import { int64Column, jsonDeltaLog, makeParquet, numbersFrom, textColumn } from "./make_logs.ts";

type Read = (content: Uint8Array) => Promise<readonly unknown[]>;

const keys: Read = (content) => readPrimaryKeys(content, { fieldId: 100n, type: "int64" });
const texts: Read = (content) => readPrimaryKeys(content, { fieldId: 100n, type: "varchar" });

/** One log of each shape: of the fixtures (zstd, dictionaries), and hand-made (snappy, plain). */
async function logs(): Promise<readonly (readonly [string, Uint8Array, Read])[]> {
  const [old, middle, recent] = [await openFixture("2.3.5"), await openFixture("2.5.8"), await openFixture("2.6.3")];
  const first = async (fixture: typeof old, name: string, element: string) => {
    const prefix = `binlogs/insert_log/${fixture.collection(name).collectionId}/`;
    return fixture.read(fixture.keys(prefix).find((key) => key.split("/").at(-2) === element) ?? "");
  };
  const delta = async (fixture: typeof old) => fixture.read(fixture.keys("binlogs/delta_log/")[0] ?? "");
  return [
    ["delta log of 2.3.5", await delta(old), readDeltaLog],
    ["L0 delta log of 2.5.8", await delta(middle), readDeltaLog],
    ["keys of 2.3.5", await first(old, "default.zoo_parts", "100"), keys],
    ["text keys of 2.5.8", await first(middle, "default.z_types", "100"), texts],
    ["timestamps of 2.5.8", await first(middle, "default.z_types", "1"), readTimestamps],
    ["column group of 2.6.3", await first(recent, "default.z_parts", "0"), keys],
    ["bare delta log", makeParquet([textColumn("0", ["a", "b", "c"]), int64Column("1", [1n, 2n, 3n])]), readDeltaLog],
    [
      "hand-made delta log",
      jsonDeltaLog([
        [1n, 2n],
        [3n, 4n],
        [5n, 6n],
      ]),
      readDeltaLog,
    ],
  ];
}

/** Whatever the bytes: a value or an AppError, nothing else. */
async function outcome(read: Read, content: Uint8Array): Promise<"read" | string> {
  try {
    await read(content);
    return "read";
  } catch (error) {
    if (!isAppError(error) || error.code === "BUG") throw error;
    return error.code;
  }
}

describe("damaged logs", () => {
  test("cut off at any length never read as whole", async () => {
    for (const [name, content, read] of await logs()) {
      const whole = await read(content);
      expect(whole.length).toBeGreaterThan(0);
      for (let length = 0; length < content.length; length += 1) {
        const part = content.slice(0, length);
        const result = await outcome(read, part);
        // Cut right behind the descriptor event an envelope is intact and empty.
        if (result === "read") expect({ name, values: await read(part) }).toEqual({ name, values: [] });
        else expect(["SHORT_BODY", "CHECKSUM_MISMATCH"]).toContain(result);
      }
    }
  });

  test("with flipped bits give values or an AppError, quickly and within memory", async () => {
    const next = numbersFrom(20_231_105);
    const seen = new Set<string>();
    for (const [, content, read] of await logs()) {
      for (let round = 0; round < 1500; round += 1) {
        const damaged = content.slice();
        for (let flips = 1 + next(3); flips > 0; flips -= 1) {
          const at = next(damaged.length);
          damaged[at] = (damaged[at] ?? 0) ^ (1 << next(8));
        }
        seen.add(await outcome(read, damaged));
      }
    }
    expect([...seen].sort()).toEqual(expect.arrayContaining(["CHECKSUM_MISMATCH", "SHORT_BODY", "read"]));
    expect(process.memoryUsage.rss()).toBeLessThan(1_000_000_000);
  });

  test("of random bytes behind a right beginning give an AppError", async () => {
    const next = numbersFrom(7);
    for (const [, content, read] of await logs()) {
      for (let round = 0; round < 200; round += 1) {
        const random = content.slice();
        const from = next(content.length - 1);
        for (let i = from; i < random.length; i += 1) random[i] = next(256);
        expect(await outcome(read, random)).not.toBe("read");
      }
    }
  });
});
