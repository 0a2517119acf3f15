import { describe, expect, test } from "bun:test";
import { readDeltaLog } from "../../../src/binlog/delta_log.ts";
import { openFixture } from "./fixture.ts";
import { int64Column, jsonDeltaLog, makeEnvelope, makeParquet, textColumn } from "./make_logs.ts";

const MIN = -(2n ** 63n);
const MAX = 2n ** 63n - 1n;
const LATE = 2n ** 64n - 1n;
const INT64_ENTRIES = [
  { pk: 1n, timestamp: 470617948167340049n },
  { pk: MIN, timestamp: 1n },
  { pk: MAX, timestamp: LATE },
];
const TEXT_ENTRIES = [
  { pk: "k1", timestamp: 470617948167340049n },
  { pk: "", timestamp: 1n },
  { pk: 'q"uote \\ ,"ts":5,"pkType":21} é\u0001<\u2028', timestamp: LATE },
];
const BOTH = [INT64_ENTRIES, TEXT_ENTRIES] as const;
const signed = (timestamps: readonly { timestamp: bigint }[]) =>
  timestamps.map((entry) => BigInt.asIntN(64, entry.timestamp));
const columns = (entries: (typeof BOTH)[number]) => [
  entries === INT64_ENTRIES
    ? int64Column(
        "0",
        INT64_ENTRIES.map((entry) => entry.pk),
      )
    : textColumn(
        "0",
        TEXT_ENTRIES.map((entry) => entry.pk),
      ),
  int64Column("1", signed(entries)),
];

describe("a delta log", () => {
  test("of JSON texts", async () => {
    for (const entries of BOTH) {
      const content = jsonDeltaLog(entries.map(({ pk, timestamp }) => [pk, timestamp] as const));
      expect(await readDeltaLog(content)).toEqual([...entries]);
    }
  });

  test("of JSON texts written by another JSON writer", async () => {
    const texts = [
      '{ "ts": 7, "pkType": 5, "pk": 9223372036854775807 }',
      '{"pkType":21,"pk":"\\u003ca\\u003e","ts":8}',
    ];
    expect(await readDeltaLog(makeEnvelope([makeParquet([textColumn("0", texts)])]))).toEqual([
      { pk: MAX, timestamp: 7n },
      { pk: "<a>", timestamp: 8n },
    ]);
  });

  test("of comma texts, as Milvus 2.0 wrote them", async () => {
    const content = makeEnvelope([makeParquet([textColumn("val", ["-5,470617948167340049", `${MAX},${LATE}`])])]);
    expect(await readDeltaLog(content)).toEqual([
      { pk: -5n, timestamp: 470617948167340049n },
      { pk: MAX, timestamp: LATE },
    ]);
  });

  test("of two columns in an envelope, in several payloads", async () => {
    for (const entries of BOTH) {
      const payload = makeParquet(columns(entries));
      const content = makeEnvelope([payload, payload], '{"original_size":"1","version":"MULTI_FIELD"}');
      expect(await readDeltaLog(content)).toEqual([...entries, ...entries]);
    }
  });

  test("of two columns as a bare parquet file", async () => {
    for (const entries of BOTH) expect(await readDeltaLog(makeParquet(columns(entries)))).toEqual([...entries]);
  });

  test("without entries", async () => {
    expect(await readDeltaLog(jsonDeltaLog([]))).toEqual([]);
    expect(await readDeltaLog(makeEnvelope([]))).toEqual([]);
  });

  test.each([
    ["no JSON and no pair", "1;2"],
    ["a list", "[1,2]"],
    ["no timestamp", '{"pk":1,"pkType":5}'],
    ["a negative timestamp", '{"pk":1,"ts":-1,"pkType":5}'],
    ["a fraction as timestamp", '{"pk":1,"ts":1.5,"pkType":5}'],
    ["a timestamp beyond uint64", '{"pk":1,"ts":18446744073709551616,"pkType":5}'],
    ["a key beyond int64", '{"pk":9223372036854775808,"ts":1,"pkType":5}'],
    ["a text as int64 key", '{"pk":"1","ts":1,"pkType":5}'],
    ["a number as text key", '{"pk":1,"ts":1,"pkType":21}'],
    ["a key of no known type", '{"pk":1,"ts":1,"pkType":4}'],
    ["nothing", ""],
  ])("with %s in an entry is damaged", async (_what, text) => {
    const content = makeEnvelope([makeParquet([textColumn("0", [text])])]);
    await expect(readDeltaLog(content)).rejects.toMatchObject({ name: "AppError", code: "CHECKSUM_MISMATCH" });
  });

  test("of numbers in one column is damaged", async () => {
    await expect(readDeltaLog(makeEnvelope([makeParquet([int64Column("0", [1n])])]))).rejects.toMatchObject({
      code: "CHECKSUM_MISMATCH",
    });
  });

  test("that is encrypted is unsupported", async () => {
    const content = makeEnvelope([new Uint8Array(64)], '{"edek":"abc","encryption_zone":"1"}');
    await expect(readDeltaLog(content)).rejects.toMatchObject({ code: "UNSUPPORTED" });
  });

  test("of every fixture decodes", async () => {
    const found: Record<string, [bigint | string, number][]> = {};
    for (const version of ["2.3.5", "2.5.8", "2.6.3"]) {
      const fixture = await openFixture(version);
      const keys = new Map<bigint | string, number>();
      for (const key of fixture.keys("binlogs/delta_log/")) {
        for (const { pk, timestamp } of await readDeltaLog(await fixture.read(key))) {
          expect(timestamp).toBeGreaterThan(470616000000000000n);
          keys.set(pk, (keys.get(pk) ?? 0) + 1);
        }
      }
      found[version] = [...keys].sort((a, b) => (a[0] < b[0] ? -1 : 1));
    }
    expect(found["2.3.5"]).toEqual([1n, 2n, 3n, 1001n, 2002n].map((pk) => [pk, 1]));
    expect(found["2.5.8"]?.map(([pk]) => pk)).toEqual([
      1n,
      2n,
      3n,
      10n,
      20n,
      21n,
      1001n,
      1003n,
      1004n,
      1010n,
      1020n,
      2002n,
    ]);
    expect(found["2.6.3"]?.length).toBe(14);
  });
});
