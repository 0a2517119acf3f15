/** A body that goes on where it broke. */

import { AppError, hasCode } from "../../base/errors.ts";
import { type RetryOptions, waitBeforeRetry } from "../../base/retry.ts";
import type { ByteRange, ObjectBody, ObjectInfo } from "../driver.ts";

export interface ResumeOptions extends RetryOptions {
  /** Where in the object the body starts. */
  readonly start: number;
  /** The same get again: whole (undefined, as it was asked for first) or only a range. */
  readonly reopen: (range: ByteRange | undefined) => Promise<ObjectBody>;
  /** Whether the driver reads ranges; without, a body that has given bytes cannot go on. */
  readonly ranges: boolean;
}

/**
 * The same body, whose stream reads the missing rest by a range read when it breaks with a retriable error.
 * Tries are counted anew whenever bytes came through. The object must still be the same one (size and ETag, or time);
 * when it changed, the stream fails with SHORT_BODY, retriable, because only a reader that starts again can get it whole.
 */
export function resumeBody(first: ObjectBody, options: ResumeOptions): ObjectBody {
  let reader = first.stream.getReader();
  let delivered = 0;
  let failures = 0;
  let changed = false;

  const reopen = async (): Promise<void> => {
    const range = { start: options.start + delivered, end: options.start + first.size };
    const next = await options.reopen(delivered === 0 ? undefined : range);
    if (!sameObject(first.info, next.info) || next.size !== first.size - delivered) {
      next.stream.cancel().catch(() => {});
      changed = true;
      throw new AppError("SHORT_BODY", `changed while it was read, after ${delivered} of ${first.size} bytes`, {
        retriable: true,
        details: { key: first.info.key },
      });
    }
    reader = next.stream.getReader();
  };

  const read = async (): Promise<Uint8Array | undefined> => {
    const next = await reader.read();
    if (!next.done) {
      if (delivered + next.value.length > first.size) throw wrongLength(first, delivered + next.value.length);
      return next.value;
    }
    if (delivered < first.size) throw wrongLength(first, delivered);
    return undefined;
  };

  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        let broken = false;
        for (;;) {
          try {
            if (broken) await reopen();
            broken = false;
            const chunk = await read();
            if (chunk === undefined) {
              controller.close();
              return;
            }
            delivered += chunk.length;
            failures = 0;
            controller.enqueue(chunk);
            return;
          } catch (error) {
            if (!broken) reader.cancel(error).catch(() => {});
            broken = true;
            failures += 1;
            if (changed || !resumable(error, delivered, first.size, options.ranges)) throw error;
            await waitBeforeRetry(error, failures, options);
          }
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
  return { info: first.info, size: first.size, stream };
}

/**
 * Only a lost connection is worth a range read: after a failed check the bytes given so far are in doubt themselves,
 * and a failure after the last byte says that the whole is.
 */
function resumable(error: unknown, delivered: number, size: number, ranges: boolean): boolean {
  if (delivered > 0 && (!ranges || delivered >= size)) return false;
  return hasCode(error, "UNAVAILABLE", "THROTTLED", "SHORT_BODY");
}

function sameObject(before: ObjectInfo, now: ObjectInfo): boolean {
  if (before.size !== now.size) return false;
  if (before.etag !== undefined || now.etag !== undefined) return before.etag === now.etag;
  return before.lastModified?.getTime() === now.lastModified?.getTime();
}

function wrongLength(body: ObjectBody, actual: number): AppError {
  return new AppError("SHORT_BODY", `the body gave ${actual} of ${body.size} bytes`, {
    retriable: true,
    details: { key: body.info.key, expected: body.size, actual },
  });
}
