/** Retry by error class: only errors that say they are retriable, with backoff and jitter, never past an abort. */

import { abortError, isAppError, throwIfAborted } from "./errors.ts";

export interface RetryPolicy {
  /** Tries in all, the first included. */
  readonly attempts: number;
  /** First delay in milliseconds; it doubles with each try. */
  readonly baseDelayMs: number;
  /** Where doubling stops, before the spread. */
  readonly maxDelayMs: number;
}

export const DEFAULT_RETRY: RetryPolicy = { attempts: 6, baseDelayMs: 200, maxDelayMs: 10_000 };

export interface RetryOptions {
  readonly signal: AbortSignal;
  readonly policy?: RetryPolicy;
  /** Defaults to `error.retriable`. */
  readonly retriable?: (error: unknown) => boolean;
  /** Called before each wait. */
  readonly onRetry?: (error: unknown, attempt: number, delayMs: number) => void;
  /** 0 to 1; replaced in tests. */
  readonly random?: () => number;
}

/** The last error is thrown when the tries are used up. */
export async function retry<T>(work: (attempt: number) => Promise<T>, options: RetryOptions): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    throwIfAborted(options.signal);
    try {
      return await work(attempt);
    } catch (error) {
      await waitBeforeRetry(error, attempt, options);
    }
  }
}

/**
 * For loops that cannot be one function: waits as `retry` does after the failed try number `attempt`.
 * @throws the error itself when it is not retriable or the tries are used up; ABORTED as soon as the signal fires.
 */
export async function waitBeforeRetry(error: unknown, attempt: number, options: RetryOptions): Promise<void> {
  const policy = options.policy ?? DEFAULT_RETRY;
  const retriable = options.retriable ?? ((it: unknown) => isAppError(it) && it.retriable);
  const random = options.random ?? Math.random;
  if (options.signal.aborted) throw abortError(options.signal);
  if (attempt >= policy.attempts || !retriable(error)) throw error;
  // Full delay on average, spread over half to one and a half, so that many callers do not return at once.
  const delayMs = Math.min(policy.maxDelayMs, policy.baseDelayMs * 2 ** (attempt - 1)) * (0.5 + random());
  options.onRetry?.(error, attempt, delayMs);
  await sleep(delayMs, options.signal);
}

/** @throws ABORTED as soon as the signal fires. */
export function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.reject(abortError(signal));
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    const stop = (): void => {
      clearTimeout(timer);
      reject(abortError(signal));
    };
    signal.addEventListener("abort", stop, { once: true });
  });
}
