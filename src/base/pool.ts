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
    const release = await this.acquire(signal);
    try {
      return await work();
    } finally {
      release();
    }
  }

  /**
   * Takes one place until the function it gives is called (calling it again does nothing).
   * @throws ABORTED when the signal fires while it waits.
   */
  async acquire(signal: AbortSignal): Promise<() => void> {
    await this.#enter(signal);
    let held = true;
    return () => {
      if (held) this.#release();
      held = false;
    };
  }

  #enter(signal: AbortSignal): Promise<void> {
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
 * A source that is slow to give its next item holds back no result, and no running work learns later of a failure or an
 * abort; only the throw waits for it, and what it then gives is dropped: a source that must give up at once needs the signal.
 */
export async function* mapConcurrent<I, O>(
  items: AsyncIterable<I> | Iterable<I>,
  options: { readonly concurrency: number; readonly signal: AbortSignal },
  work: (item: I, signal: AbortSignal) => Promise<O>,
): AsyncGenerator<O, void, undefined> {
  const { concurrency } = options;
  if (!Number.isInteger(concurrency) || concurrency < 1) {
    throw new RangeError(`concurrency must be 1 or more, not ${concurrency}`);
  }
  const stop = new AbortController();
  const finished: O[] = [];
  const running = new Set<Promise<void>>();
  let failure: { readonly error: unknown } | undefined;
  let wake = Promise.withResolvers<void>();
  const fail = (error: unknown): void => {
    failure ??= { error };
    stop.abort(error);
    wake.resolve();
  };
  const start = (item: I): void => {
    const task: Promise<void> = (async () => work(item, stop.signal))()
      .then((result) => void finished.push(result), fail)
      .finally(() => {
        running.delete(task);
        wake.resolve();
      });
    running.add(task);
  };
  const onAbort = (): void => fail(abortError(options.signal));
  if (options.signal.aborted) onAbort();
  else options.signal.addEventListener("abort", onAbort, { once: true });

  const iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  let pulling: Promise<void> | undefined;
  let exhausted = false;
  const pull = async (): Promise<void> => {
    try {
      const next = await iterator.next();
      if (next.done === true) exhausted = true;
      else if (failure === undefined) start(next.value);
    } catch (error) {
      exhausted = true;
      fail(error);
    } finally {
      pulling = undefined;
      wake.resolve();
    }
  };
  try {
    while (failure === undefined) {
      wake = Promise.withResolvers<void>();
      while (finished.length > 0 && failure === undefined) yield finished.shift() as O;
      if (failure !== undefined || (exhausted && running.size === 0)) break;
      if (!exhausted && pulling === undefined && running.size < concurrency) pulling = pull();
      if (finished.length === 0) await wake.promise;
    }
  } finally {
    // Reached by failure, by the end, and by a caller that stops early; in each case nothing is left running.
    options.signal.removeEventListener("abort", onAbort);
    stop.abort(failure?.error ?? new Error("stopped"));
    if (pulling !== undefined) await pulling;
    await Promise.allSettled(running);
    if (!exhausted) await iterator.return?.();
  }
  if (failure !== undefined) throw failure.error;
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
