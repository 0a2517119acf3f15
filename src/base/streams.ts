/** Byte streams: counting and hashing on the way, reading whole small ones, bodies from memory. */

import { AppError, abortError, throwIfAborted } from "./errors.ts";

export type ByteStream = ReadableStream<Uint8Array>;

/** A stream of bytes that are in memory already; opened anew each time it is asked for. */
export function streamOf(content: Uint8Array): ByteStream {
  return new ReadableStream<Uint8Array>({
    start(controller) {
      if (content.length > 0) controller.enqueue(content);
      controller.close();
    },
  });
}

export interface StreamHooks {
  /** Sees each chunk before it is passed on; may throw, may make the stream wait. */
  readonly onChunk?: (chunk: Uint8Array) => void | Promise<void>;
  /** Runs after the last chunk and may throw, which fails the stream before its reader can take it for complete. */
  readonly onEnd?: () => void;
  /** Runs exactly once: at the end, at a failure, or when the reader cancels. */
  readonly onClose?: () => void;
  /** What the reader gets to see of a failure. */
  readonly mapError?: (error: unknown) => unknown;
}

/** Passes bytes through unchanged and reads nothing ahead. A hook that throws fails the stream and cancels its source. */
export function tap(source: ByteStream, hooks: StreamHooks): ByteStream {
  const reader = source.getReader();
  let closed = false;
  // A reader that cancels while a chunk is awaited ends both ways.
  const close = (): void => {
    if (!closed) hooks.onClose?.();
    closed = true;
  };
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const next = await reader.read();
          if (!next.done) {
            const wait = hooks.onChunk?.(next.value);
            if (wait !== undefined) await wait;
            controller.enqueue(next.value);
            return;
          }
          hooks.onEnd?.();
        } catch (error) {
          // Frees what the source holds; a source that failed by itself has nothing left to cancel.
          reader.cancel(error).catch(() => {});
          close();
          throw hooks.mapError === undefined ? error : hooks.mapError(error);
        }
        close();
        controller.close();
      },
      async cancel(reason) {
        try {
          await reader.cancel(reason);
        } finally {
          close();
        }
      },
    },
    { highWaterMark: 0 },
  );
}

/** The chunks of a stream; an abort cancels the stream and throws, also while it waits for a chunk. @throws ABORTED */
export async function* chunksOf(source: ByteStream, signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = source.getReader();
  const stop = (): void => void reader.cancel(abortError(signal)).catch(() => {});
  signal.addEventListener("abort", stop, { once: true });
  let ended = false;
  try {
    for (;;) {
      throwIfAborted(signal);
      const next = await reader.read();
      throwIfAborted(signal);
      ended = next.done;
      if (next.done) return;
      yield next.value;
    }
  } finally {
    signal.removeEventListener("abort", stop);
    // Not waited for: a source that hangs must not hold up its reader's failure.
    if (!ended) reader.cancel().catch(() => {});
  }
}

/**
 * Fails with SHORT_BODY unless exactly `size` bytes pass; a longer body fails as soon as it is too long.
 * @param what the object's name, for the message
 */
export function expectSize(source: ByteStream, size: number, what: string): ByteStream {
  let seen = 0;
  const wrong = (): AppError =>
    new AppError(
      "SHORT_BODY",
      `${what}: ${seen < size ? "ended after" : "longer than declared, got"} ${seen} of ${size} bytes`,
      {
        retriable: true,
        details: { expected: size, actual: seen },
      },
    );
  return tap(source, {
    onChunk(chunk) {
      seen += chunk.length;
      if (seen > size) throw wrong();
    },
    onEnd() {
      if (seen !== size) throw wrong();
    },
  });
}

/** The whole stream in memory: for small documents only. @throws INVALID_RANGE beyond `limit` bytes. */
export async function readAll(source: ByteStream, limit: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of source) {
    length += chunk.length;
    if (length > limit) throw new AppError("INVALID_RANGE", `content is longer than the ${limit} bytes allowed here`);
    chunks.push(chunk);
  }
  if (chunks.length === 1 && chunks[0] !== undefined) return chunks[0];
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.length;
  }
  return whole;
}
