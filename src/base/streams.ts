/** Byte streams: counting and hashing on the way, reading whole small ones, bodies from memory. */

import { AppError } from "./errors.ts";

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

/**
 * Passes bytes through unchanged. `onChunk` sees each chunk; `onEnd` runs after the last one and may throw,
 * which fails the stream before its consumer can take the content for complete.
 */
export function tap(
  source: ByteStream,
  hooks: { readonly onChunk: (chunk: Uint8Array) => void; readonly onEnd?: () => void },
): ByteStream {
  const reader = source.getReader();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const next = await reader.read();
        if (next.done) {
          hooks.onEnd?.();
          controller.close();
          return;
        }
        hooks.onChunk(next.value);
        controller.enqueue(next.value);
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
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
