/** One part of an upload or of a copy is tried again by itself, so that a failure costs a part and not the whole object. */

import { isAppError } from "../../src/base/errors.ts";
import { DEFAULT_RETRY, type RetryPolicy, retry } from "../../src/base/retry.ts";
import type { Root } from "./root.ts";

const PART_RETRY: RetryPolicy = { ...DEFAULT_RETRY, attempts: 4 };

/**
 * Sends a part until it is taken. The wrapper that repeats calls (storage/open.ts) cannot do this: it sees one call, whose
 * repetition begins with the first byte. A part is held whole, or is the service's, and may be sent any number of times;
 * damage on its way is retriable like a lost connection.
 *
 * @throws the last error when the tries are used up, one that is not retriable at once, and ABORTED
 */
export function triesOfPart<T>(
  root: Root,
  part: { readonly nativeKey: string; readonly number: number; readonly signal: AbortSignal },
  send: () => Promise<T>,
  policy: RetryPolicy = PART_RETRY,
): Promise<T> {
  return retry(send, {
    signal: part.signal,
    policy,
    // A service that has lost the whole upload takes no part of it any more.
    retriable: (error) => isAppError(error) && error.retriable && error.details.serviceCode !== "NoSuchUpload",
    onRetry: (error, attempt, delayMs) => {
      root.log.debug("a part is sent again", {
        key: part.nativeKey,
        part: part.number,
        attempt,
        delayMs: Math.round(delayMs),
        why: error instanceof Error ? error.message : String(error),
      });
    },
  });
}
