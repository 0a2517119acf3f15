import { describe, expect, test } from "bun:test";
import { AppError } from "../../../src/base/errors.ts";
import { chunksOf, expectSize, readAll, streamOf, tap } from "../../../src/base/streams.ts";

const never = new AbortController().signal;

/** A stream of these chunks that tells whether it was cancelled; `then` runs after the last one. */
function source(chunks: readonly number[][], then?: () => Promise<void>) {
  const state = { pulled: 0, cancelled: false };
  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const chunk = chunks[state.pulled];
        state.pulled += 1;
        if (chunk !== undefined) return controller.enqueue(Uint8Array.from(chunk));
        await then?.();
        controller.close();
      },
      cancel() {
        state.cancelled = true;
      },
    },
    { highWaterMark: 0 },
  );
  return { stream, state };
}

const bytesOf = async (stream: ReadableStream<Uint8Array>) => [...(await readAll(stream, 1_000))];

describe("tap", () => {
  test("passes bytes through, shows each chunk, ends and closes once", async () => {
    const seen: number[] = [];
    const calls: string[] = [];
    const stream = tap(source([[1, 2], [3]]).stream, {
      onChunk: (chunk) => void seen.push(...chunk),
      onEnd: () => void calls.push("end"),
      onClose: () => void calls.push("close"),
    });
    expect(await bytesOf(stream)).toEqual([1, 2, 3]);
    expect(seen).toEqual([1, 2, 3]);
    expect(calls).toEqual(["end", "close"]);
  });

  test("reads nothing ahead", async () => {
    const { stream, state } = source([[1], [2], [3]]);
    const reader = tap(stream, {}).getReader();
    await reader.read();
    expect(state.pulled).toBe(1);
  });

  test("a hook that throws fails the stream, cancels the source and closes once", async () => {
    for (const hook of ["onChunk", "onEnd"] as const) {
      const { stream, state } = source([[1]]);
      let closed = 0;
      const failing = tap(stream, {
        [hook]: () => {
          throw new Error(hook);
        },
        onClose: () => {
          closed += 1;
        },
      });
      await expect(bytesOf(failing)).rejects.toThrow(hook);
      expect(closed).toBe(1);
      expect(state.cancelled).toBe(hook === "onChunk");
    }
  });

  test("cancelling cancels the source and closes once", async () => {
    const { stream, state } = source([[1], [2]]);
    let closed = 0;
    const reader = tap(stream, {
      onClose: () => {
        closed += 1;
      },
    }).getReader();
    await reader.read();
    await reader.cancel();
    expect({ closed, cancelled: state.cancelled }).toEqual({ closed: 1, cancelled: true });
  });

  test("a reader that cancels while it waits for a chunk closes once", async () => {
    let closed = 0;
    const reader = tap(new ReadableStream<Uint8Array>({ pull: () => new Promise(() => {}) }), {
      onClose: () => {
        closed += 1;
      },
    }).getReader();
    const waiting = reader.read();
    await Bun.sleep(1);
    await reader.cancel();
    await waiting;
    await Bun.sleep(1);
    expect(closed).toBe(1);
  });

  test("the reader sees the mapped error", async () => {
    const broken = source([[1]], async () => Promise.reject(new Error("inner"))).stream;
    await expect(bytesOf(tap(broken, { mapError: (error) => new Error(`mapped ${error}`) }))).rejects.toThrow(
      "mapped Error: inner",
    );
  });
});

describe("expectSize", () => {
  test("lets exactly the declared bytes through", async () => {
    expect(await bytesOf(expectSize(source([[1, 2], [3]]).stream, 3, "x"))).toEqual([1, 2, 3]);
    expect(await bytesOf(expectSize(streamOf(new Uint8Array()), 0, "x"))).toEqual([]);
  });

  test("fails with SHORT_BODY on fewer and on more, without waiting for the end of more", async () => {
    const short = bytesOf(expectSize(source([[1, 2]]).stream, 3, "a/b"));
    await expect(short).rejects.toMatchObject({
      code: "SHORT_BODY",
      retriable: true,
      details: { expected: 3, actual: 2 },
    });
    const endless = source(
      [
        [1, 2],
        [3, 4],
      ],
      () => new Promise(() => {}),
    );
    await expect(bytesOf(expectSize(endless.stream, 3, "a/b"))).rejects.toMatchObject({ code: "SHORT_BODY" });
    expect(endless.state.cancelled).toBe(true);
  });
});

describe("chunksOf", () => {
  test("gives the chunks", async () => {
    const chunks: number[][] = [];
    for await (const chunk of chunksOf(source([[1, 2], [3]]).stream, never)) chunks.push([...chunk]);
    expect(chunks).toEqual([[1, 2], [3]]);
  });

  test("an abort ends the wait for a chunk that never comes and cancels the stream", async () => {
    const { stream, state } = source([[1]], () => new Promise(() => {}));
    const abort = new AbortController();
    const reading = (async () => {
      for await (const _ of chunksOf(stream, abort.signal)) setTimeout(() => abort.abort(), 1);
    })();
    await expect(reading).rejects.toMatchObject({ code: "ABORTED" });
    expect(state.cancelled).toBe(true);
  });

  test("a reader that stops early cancels the stream; a failing stream fails the reader", async () => {
    const { stream, state } = source([[1], [2]]);
    for await (const _ of chunksOf(stream, never)) break;
    expect(state.cancelled).toBe(true);
    const error = new AppError("UNAVAILABLE", "lost");
    const broken = source([[1]], async () => Promise.reject(error)).stream;
    await expect(Array.fromAsync(chunksOf(broken, never))).rejects.toBe(error);
  });
});

describe("readAll", () => {
  test("joins chunks and gives an empty array for an empty stream", async () => {
    expect(await bytesOf(source([[1], [], [2, 3]]).stream)).toEqual([1, 2, 3]);
    expect(await readAll(streamOf(new Uint8Array()), 0)).toHaveLength(0);
  });

  test("refuses more than its limit and frees the source", async () => {
    const { stream, state } = source([[1, 2], [3, 4], [5]]);
    await expect(readAll(stream, 3)).rejects.toMatchObject({ code: "INVALID_RANGE" });
    expect(state.cancelled).toBe(true);
  });
});
