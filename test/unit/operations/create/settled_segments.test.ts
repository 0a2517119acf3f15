import { describe, expect, test } from "bun:test";
import type { SegmentDescription } from "../../../../src/milvus/gateway.ts";
import { listSettledSegments } from "../../../../src/operations/create/settled_segments.ts";

const books = { database: "default", collection: "books" };

function segment(id: bigint, state: string): SegmentDescription {
  return { id, collectionId: 1n, partitionId: 2n, rows: 10n, state, isL0: false, storageVersion: 0n };
}

/** Answers one list after the other, the last one for ever. */
function server(...answers: readonly (readonly SegmentDescription[])[]) {
  let asked = 0;
  const milvus = {
    listSegments: async () => answers[Math.min(asked++, answers.length - 1)] ?? [],
  };
  // Only the one role that is used.
  return {
    context: { milvus: milvus as never, signal: new AbortController().signal, now: () => new Date() },
    asked: () => asked,
  };
}

const ids = (segments: readonly SegmentDescription[]) => segments.map(({ id }) => id);

describe("settled segments", () => {
  test("after a flush are waited for, and taken as they are then", async () => {
    const { context, asked } = server(
      [segment(1n, "Flushed"), segment(2n, "Sealed")],
      [segment(1n, "Flushed"), segment(3n, "Flushed"), segment(4n, "Sealed")],
    );
    expect(ids(await listSettledSegments(context, books, { flushed: true }))).toEqual([1n, 3n]);
    expect(asked()).toBe(2);
  });

  test("without a flush are not waited for: what is only sealed is left out", async () => {
    const { context, asked } = server([segment(1n, "Flushed"), segment(2n, "Sealed")]);
    expect(ids(await listSettledSegments(context, books, { flushed: false }))).toEqual([1n]);
    expect(asked()).toBe(1);
  });

  test("one that stays sealed fails the backup and is named", async () => {
    const { context } = server([segment(7n, "Sealed")]);
    await expect(listSettledSegments(context, books, { flushed: true, timeoutMs: 0 })).rejects.toMatchObject({
      code: "UNAVAILABLE",
      message: expect.stringContaining("segment 7 (10 rows)"),
    });
  });
});
