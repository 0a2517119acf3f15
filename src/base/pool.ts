/** Bounded concurrency. */

import { abortError } from "./errors.ts";

/** Lets at most `limit` holders in at a time, first come first served. */
export class Semaphore {
  #free: number;
  readonly #waiting: Array<() => void> = [];

  constructor(limit: number) {
    if (!Number.isInteger(limit) || limit < 1) throw new RangeError(`concurrency must be 1 or more, not ${limit}`);
    this.#free = limit;
  }

  /** Runs `work` while holding one place. @throws ABORTED when the signal fires while it waits. */
  async run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    await this.#acquire(signal);
    try {
      return await work();
    } finally {
      this.#release();
    }
  }

  #acquire(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(abortError(signal));
    if (this.#free > 0) {
      this.#free -= 1;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const enter = (): void => {
        signal.removeEventListener("abort", leave);
        resolve();
      };
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(enter), 1);
        reject(abortError(signal));
      };
      this.#waiting.push(enter);
      signal.addEventListener("abort", leave, { once: true });
    });
  }

  #release(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free += 1;
    else next();
  }
}

/**
 * Runs `work` over `items`, at most `concurrency` at once, and yields results as they finish (not in order).
 * The first failure stops the rest: `work` sees its signal fire, nothing new starts, all that started has ended
 * before the failure is thrown. Items are pulled only when a place is free, so a lazy source is never held whole.
 */
export async function* mapConcurrent<I, O>(
  items: AsyncIterable<I> | Iterable<I>,
  options: { readonly concurrency: number; readonly signal: AbortSignal },
  work: (item: I, signal: AbortSignal) => Promise<O>,
): AsyncGenerator<O, void, undefined> {
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const running = new Set<Promise<void>>();
  const finished: O[] = [];
  let failure: { readonly error: unknown } | undefined;
  const fail = (error: unknown): void => {
    failure ??= { error };
    stop.abort(error);
  };
  const iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  let exhausted = false;
  try {
    while (failure === undefined) {
      if (options.signal.aborted) fail(abortError(options.signal));
      while (!exhausted && failure === undefined && running.size < options.concurrency) {
        const next = await iterator.next();
        if (next.done === true) {
          exhausted = true;
          break;
        }
        const task: Promise<void> = work(next.value, signal)
          .then((result) => void finished.push(result), fail)
          .finally(() => running.delete(task));
        running.add(task);
        // What finished meanwhile goes out before more is started, so that the caller's bookkeeping keeps up.
        if (finished.length > 0) break;
      }
      while (finished.length > 0 && failure === undefined) yield finished.shift() as O;
      if (exhausted && running.size === 0) break;
      if (running.size >= options.concurrency || exhausted) await Promise.race(running);
    }
  } catch (error) {
    fail(error);
  } finally {
    // Reached by failure, by the end, and by a caller that stops early; in each case nothing is left running.
    if (!exhausted || running.size > 0) stop.abort(failure?.error ?? new Error("stopped"));
    await Promise.allSettled(running);
    if (!exhausted) await iterator.return?.();
  }
  if (failure !== undefined) throw failure.error;
  while (finished.length > 0) yield finished.shift() as O;
}

/** Runs `work` over `items` as mapConcurrent does and waits for the end; the first failure is thrown. */
export async function forEachConcurrent<I>(
  items: AsyncIterable<I> | Iterable<I>,
  options: { readonly concurrency: number; readonly signal: AbortSignal },
  work: (item: I, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  for await (const _ of mapConcurrent(items, options, work)) {
    // Results carry nothing; draining the generator is what runs it.
  }
}
