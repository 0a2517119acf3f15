import { describe, expect, test } from "bun:test";
import { AppError } from "../../../src/base/errors.ts";
import { type ExpectedRowsInput, expectedRows, type SegmentShape } from "../../../src/binlog/expected_rows.ts";
import { openFixture, readExpected } from "./fixture.ts";
import { fieldLog, int64Column, jsonDeltaLog, makeEnvelope, makeParquet, textColumn } from "./make_logs.ts";

describe.each(["2.5.8", "2.6.3"])("expected rows of the Milvus %s backup", (version) => {
  test("are what the source server answered, for every collection", async () => {
    const fixture = await openFixture(version);
    const expected = await readExpected(version);
    expect(fixture.names).toEqual([...expected.keys()].sort());
    for (const name of fixture.names) {
      const rows = BigInt(expected.get(name)?.row_count ?? -1);
      const result = await expectedRows({ ...fixture.shape(name), read: fixture.read });
      const promised = fixture.shape(name).segments.reduce((sum, segment) => sum + segment.rows, 0n);
      expect({ name, ...result }).toEqual({
        ...{ name, rows, min: rows, deleted: promised - rows, exact: true, notes: [], differing: [] },
      });
    }
  });
});

test("expected rows of the Milvus 2.3.5 backup are those of its description", async () => {
  const fixture = await openFixture("2.3.5");
  const rows: Record<string, bigint> = {};
  for (const name of fixture.names)
    rows[name] = (await expectedRows({ ...fixture.shape(name), read: fixture.read })).rows;
  expect(rows).toEqual({
    "db1.zoo_db": 300n,
    "default.zoo_empty": 0n,
    "default.zoo_parts": 2995n,
    "default.zoo_types": 500n,
  });
});

/** A bucket of hand-made logs that remembers what was read. */
function bucket(objects: Readonly<Record<string, Uint8Array>>) {
  const reads: string[] = [];
  const read = async (key: string): Promise<Uint8Array> => {
    reads.push(key);
    const content = objects[key];
    if (content === undefined) throw new AppError("NOT_FOUND", `no ${key}`);
    return content;
  };
  return { reads, read };
}

/** A storage version 1 segment with one log of keys (pk/<id>) and one of timestamps (ts/<id>). */
function segment(id: bigint, rows: bigint, more: Partial<SegmentShape> = {}): SegmentShape {
  return {
    ...{ segmentId: id, partitionId: 1n, vChannel: "ch0", rows, storageVersion: 0n, deltaLogs: [] },
    insertLogs: [
      { fieldId: 100n, logs: [{ key: `pk/${id}` }] },
      { fieldId: 1n, logs: [{ key: `ts/${id}` }] },
      { fieldId: 101n, logs: [{ key: `vector/${id}` }] },
    ],
    ...more,
  };
}

const primaryKey = { fieldId: 100n, type: "int64" } as const;
const TWO_ROWS = { "pk/1": fieldLog([1n, 2n]), "ts/1": fieldLog([10n, 10n]) };

function run(objects: Readonly<Record<string, Uint8Array>>, input: Partial<ExpectedRowsInput>) {
  const { reads, read } = bucket(objects);
  return { reads, result: expectedRows({ primaryKey, segments: [], l0: [], read, ...input }) };
}

describe("expected rows", () => {
  test("of segments without deletes cost no read", async () => {
    const l0 = [{ partitionId: 9n, vChannel: "ch0", deltaLogs: [{ key: "l0/1" }] }];
    const { reads, result } = run({}, { segments: [segment(1n, 5n), segment(2n, 7n)], l0 });
    expect(await result).toEqual({ rows: 12n, min: 12n, deleted: 0n, exact: true, notes: [], differing: [] });
    expect(reads).toEqual([]);
  });

  test("read keys only for deletes that may hit them, timestamps only for those that do", async () => {
    const objects = {
      ...TWO_ROWS,
      ...{ "pk/2": fieldLog([3n, 4n]), "d/1": jsonDeltaLog([[2n, 11n]]), "d/2": jsonDeltaLog([[1n, 11n]]) },
    };
    const segments = [
      segment(1n, 2n, { deltaLogs: [{ key: "d/1" }] }),
      segment(2n, 2n, { deltaLogs: [{ key: "d/2" }] }),
      segment(3n, 8n),
    ];
    const { reads, result } = run(objects, { segments });
    expect(await result).toMatchObject({ rows: 11n, deleted: 1n, exact: true });
    expect(reads).toEqual(["d/1", "pk/1", "ts/1", "d/2", "pk/2"]);
  });

  test.each([
    ["its own partition and channel", 1n, "ch0", 1n],
    ["all partitions", -1n, "ch0", 1n],
    ["an unknown channel", 1n, "", 1n],
    ["another channel", -1n, "ch1", 0n],
    ["another partition", 2n, "ch0", 0n],
  ])("L0 deletes of %s hit a segment or do not", async (_what, partitionId, vChannel, deleted) => {
    const objects = { ...TWO_ROWS, "l0/1": jsonDeltaLog([[2n, 11n]]) };
    const l0 = [{ partitionId, vChannel, deltaLogs: [{ key: "l0/1" }] }];
    const { result } = run(objects, { segments: [segment(1n, 2n)], l0 });
    expect(await result).toMatchObject({ rows: 2n - deleted, deleted, exact: true });
  });

  test("of a segment without a known channel heed the deletes of all channels, each row once", async () => {
    const objects = { ...TWO_ROWS, "l0/1": jsonDeltaLog([[2n, 11n]]), "l0/2": jsonDeltaLog([[2n, 12n]]) };
    const l0 = [1, 2].map((id) => ({ partitionId: -1n, vChannel: `ch${id}`, deltaLogs: [{ key: `l0/${id}` }] }));
    const { reads, result } = run(objects, { segments: [segment(1n, 2n, { vChannel: "" })], l0 });
    expect(await result).toMatchObject({ rows: 1n, deleted: 1n });
    expect(reads).toEqual(["l0/1", "l0/2", "pk/1", "ts/1"]);
  });

  test("read each L0 log once for all segments", async () => {
    const objects = { ...TWO_ROWS, "pk/2": fieldLog([3n]), "l0/1": jsonDeltaLog([[9n, 11n]]) };
    const l0 = [{ partitionId: -1n, vChannel: "ch0", deltaLogs: [{ key: "l0/1" }] }];
    const { reads, result } = run(objects, { segments: [segment(1n, 2n), segment(2n, 1n)], l0 });
    expect(await result).toMatchObject({ rows: 3n, deleted: 0n });
    expect(reads).toEqual(["l0/1", "pk/1", "pk/2"]);
  });

  test("pair the logs of a segment by log id, whatever the order in the meta", async () => {
    const objects = {
      ...{ "pk/99": fieldLog([1n, 2n]), "pk/100": fieldLog([3n]), "ts/199": fieldLog([10n, 20n]) },
      ...{ "ts/200": fieldLog([30n]), "d/1": jsonDeltaLog([1n, 2n, 3n].map((key) => [key, 15n] as const)) },
    };
    const insertLogs = [
      { fieldId: 100n, logs: [{ key: "pk/100" }, { key: "pk/99" }] },
      { fieldId: 1n, logs: [{ key: "ts/199" }, { key: "ts/200" }] },
    ];
    const { result } = run(objects, { segments: [segment(1n, 3n, { insertLogs, deltaLogs: [{ key: "d/1" }] })] });
    expect(await result).toMatchObject({ rows: 2n, deleted: 1n, differing: [] });
  });

  test("find keys and timestamps in whichever column group holds them, reading each object once", async () => {
    const objects = {
      "g/10": makeParquet([int64Column("101", [0n, 0n])]),
      "g/11": makeParquet([textColumn("100", ["a", "b"]), int64Column("1", [10n, 10n])]),
      "d/1": jsonDeltaLog([["b", 11n]]),
    };
    const insertLogs = [
      { fieldId: 1n, logs: [{ key: "g/11" }] },
      { fieldId: 0n, logs: [{ key: "g/10" }] },
    ];
    const segments = [segment(1n, 2n, { storageVersion: 2n, insertLogs, deltaLogs: [{ key: "d/1" }] })];
    const { reads, result } = run(objects, { primaryKey: { fieldId: 100n, type: "varchar" }, segments });
    expect(await result).toMatchObject({ rows: 1n, deleted: 1n, exact: true });
    expect(reads).toEqual(["d/1", "g/10", "g/11"]);
  });

  test("say where logs hold another number of rows than the meta promises, and go by the logs", async () => {
    const objects = { ...TWO_ROWS, "d/1": jsonDeltaLog([[2n, 11n]]) };
    const { result } = run(objects, { segments: [segment(1n, 5n, { deltaLogs: [{ key: "d/1" }] })] });
    expect(await result).toMatchObject({ rows: 1n, differing: [{ segmentId: 1n, promised: 5n, found: 2n }] });
  });

  test("are a range where the limit of bytes ends the reading", async () => {
    const objects = { ...TWO_ROWS, "d/1": jsonDeltaLog([[2n, 11n]]), "d/2": jsonDeltaLog([[2n, 11n]]) };
    const segments = [
      segment(1n, 2n, { deltaLogs: [{ key: "d/1" }] }),
      segment(2n, 7n, { deltaLogs: [{ key: "d/2", size: 1_000_000n }] }),
      segment(3n, 4n),
    ];
    const { reads, result } = run(objects, { segments, maxBytes: 100_000 });
    expect(await result).toMatchObject({ rows: 12n, min: 5n, deleted: 1n, exact: false });
    expect((await result).notes).toEqual(["segment 2: d/2 was not read: the limit of 100000 bytes is used up"]);
    expect(reads).toEqual(["d/1", "pk/1", "ts/1"]);
    const none = run(objects, { segments, maxBytes: 1 });
    expect(await none.result).toMatchObject({ rows: 13n, min: 4n, deleted: 0n, exact: false });
    expect(none.reads).toEqual(["d/1"]);
  });

  test("are a range for every segment that unread L0 deletes may hit", async () => {
    const l0 = [{ partitionId: -1n, vChannel: "ch0", deltaLogs: [{ key: "l0/1", size: 50n }] }];
    const segments = [segment(1n, 2n), segment(2n, 3n, { vChannel: "ch1" })];
    const { reads, result } = run({}, { segments, l0, maxBytes: 49 });
    expect(await result).toMatchObject({ rows: 5n, min: 3n, exact: false });
    expect(reads).toEqual([]);
  });

  test("are a range where logs are encrypted", async () => {
    const objects = { "d/1": makeEnvelope([new Uint8Array(99)], '{"edek":"x"}') };
    const { result } = run(objects, { segments: [segment(1n, 2n, { deltaLogs: [{ key: "d/1" }] })] });
    expect(await result).toMatchObject({ rows: 2n, min: 0n, exact: false });
    expect((await result).notes[0]).toStartWith("segment 1: d/1: the log is encrypted");
  });

  test("are refused for a damaged log, which is named", async () => {
    const objects = { ...TWO_ROWS, "d/1": jsonDeltaLog([[2n, 11n]]).slice(0, -9) };
    const { result } = run(objects, { segments: [segment(1n, 2n, { deltaLogs: [{ key: "d/1" }] })] });
    await expect(result).rejects.toMatchObject({ code: "SHORT_BODY", details: { key: "d/1" } });
    const keys = { ...TWO_ROWS, "pk/1": fieldLog(["x"]), "d/1": jsonDeltaLog([[2n, 11n]]) };
    const second = run(keys, { segments: [segment(1n, 2n, { deltaLogs: [{ key: "d/1" }] })] });
    await expect(second.result).rejects.toMatchObject({ code: "CHECKSUM_MISMATCH", details: { key: "pk/1" } });
  });

  test("are refused when the logs of keys or timestamps are not listed, or the object is gone", async () => {
    const objects = { ...TWO_ROWS, "d/1": jsonDeltaLog([[2n, 11n]]) };
    const deltaLogs = [{ key: "d/1" }];
    const without = (fieldId: bigint) => segment(1n, 2n).insertLogs.filter((group) => group.fieldId !== fieldId);
    for (const fieldId of [1n, 100n]) {
      const { result } = run(objects, { segments: [segment(1n, 2n, { insertLogs: without(fieldId), deltaLogs })] });
      await expect(result).rejects.toMatchObject({ code: "DATA_MISSING" });
    }
    const insertLogs = [...without(1n), { fieldId: 1n, logs: [{ key: "ts/1" }, { key: "ts/2" }] }];
    const uneven = run(objects, { segments: [segment(1n, 2n, { insertLogs, deltaLogs })] });
    await expect(uneven.result).rejects.toMatchObject({ code: "DATA_MISSING" });
    const gone = run({}, { segments: [segment(1n, 2n, { deltaLogs })] });
    await expect(gone.result).rejects.toMatchObject({ code: "NOT_FOUND" });
  });
});
