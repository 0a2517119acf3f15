/** From the SDK's answer to a stream of exactly the announced bytes. */

import { Readable } from "node:stream";
import { AppError, isAppError } from "../../src/base/errors.ts";
import { type Clock, unlessFired } from "./clock.ts";

/**
 * Each read is bounded by the clock's limit; a reader that takes its time is no silence. Ends the clock.
 * @param what the object's name, for messages
 */
export function exactStream(
  source: NodeJS.ReadableStream,
  { clock, size, what }: { readonly clock: Clock; readonly size: number; readonly what: string },
): ReadableStream<Uint8Array> {
  const chunks = source[Symbol.asyncIterator]();
  let seen = 0;
  const drop = (): void => {
    clock.end();
    // An error after this is nobody's: the reader has gone.
    source.on("error", () => {});
    if (source instanceof Readable) source.destroy();
  };
  clock.pause();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          clock.resume();
          const next = await unlessFired(chunks.next(), clock.signal);
          clock.pause();
          if (next.done === true) {
            if (seen !== size) throw shortBody(`${what} ended after ${seen} of ${size} bytes`);
            clock.end();
            controller.close();
            return;
          }
          const chunk = bytesOf(next.value);
          seen += chunk.length;
          if (seen > size) throw shortBody(`${what} is longer than announced, at least ${seen} of ${size} bytes`);
          controller.enqueue(chunk);
        } catch (error) {
          drop();
          throw failure(error, clock, `${what} broke off after ${seen} of ${size} bytes`);
        }
      },
      cancel: drop,
    },
    { highWaterMark: 0 },
  );
}

/** Which of both ends went away is not told by the SDK; either way what came is not the object. */
function failure(thrown: unknown, clock: Clock, text: string): AppError {
  if (clock.signal.aborted || isAppError(thrown)) return clock.explain(thrown);
  return shortBody(text);
}

function bytesOf(chunk: string | Uint8Array): Uint8Array {
  return typeof chunk === "string" ? new TextEncoder().encode(chunk) : chunk;
}

export function shortBody(text: string): AppError {
  return new AppError("SHORT_BODY", text, { retriable: true });
}
