/** Bounds concurrent calls and bytes per second of one root path. */

import { Semaphore } from "../../base/pool.ts";
import { type ByteStream, tap } from "../../base/streams.ts";
import { ByteRate } from "../../base/throttle.ts";
import type { PutBody, StorageDriver } from "../driver.ts";
import { wrapDriver } from "./wrapped.ts";

export interface Limits {
  /** Concurrent calls; gets and all others have this many places each. */
  readonly concurrency: number;
  /** Over all bodies, both directions; no limit when left out. */
  readonly bytesPerSecond?: number;
}

/**
 * A get holds its place until its body ended, failed or was cancelled, or its signal fired. Gets have places of their own,
 * because a put whose body is read from the same root path would else wait for places that only puts hold.
 * A listing holds a place while it waits for the driver, not while its reader works on an entry.
 */
export function limitedDriver(inner: StorageDriver, limits: Limits): StorageDriver {
  const gets = new Semaphore(limits.concurrency);
  const others = new Semaphore(limits.concurrency);
  const rate = limits.bytesPerSecond === undefined ? undefined : new ByteRate(limits.bytesPerSecond);

  const throttled = (stream: ByteStream, signal: AbortSignal, onClose?: () => void): ByteStream => {
    if (rate === undefined && onClose === undefined) return stream;
    return tap(stream, {
      ...(rate === undefined ? {} : { onChunk: (chunk) => rate.take(chunk.length, signal) }),
      ...(onClose === undefined ? {} : { onClose }),
    });
  };

  const paged = async function* <T>(
    entries: AsyncIterable<T>,
    signal: AbortSignal,
  ): AsyncGenerator<T, void, undefined> {
    const iterator = entries[Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await others.run(signal, () => iterator.next());
        if (next.done === true) return;
        yield next.value;
      }
    } finally {
      await iterator.return?.();
    }
  };

  return wrapDriver(inner, (calls) => ({
    stat: (key, options) => others.run(options.signal, () => calls.stat(key, options)),
    delete: (key, options) => others.run(options.signal, () => calls.delete(key, options)),
    list: (prefix, options) => paged(calls.list(prefix, options), options.signal),
    listDirectories: (prefix, options) => paged(calls.listDirectories(prefix, options), options.signal),
    copyFrom: (source, from, to, options) =>
      others.run(options.signal, () => calls.copyFrom(source, from, to, options)),
    put(key, body, options) {
      const slowed: PutBody = {
        size: body.size,
        open: async (signal) => throttled(await body.open(signal), signal),
      };
      return others.run(options.signal, () => calls.put(key, slowed, options));
    },
    async get(key, options) {
      const leave = await gets.acquire(options.signal);
      const release = (): void => {
        options.signal.removeEventListener("abort", release);
        leave();
      };
      try {
        options.signal.addEventListener("abort", release, { once: true });
        const body = await calls.get(key, options);
        return { info: body.info, size: body.size, stream: throttled(body.stream, options.signal, release) };
      } catch (error) {
        release();
        throw error;
      }
    },
  }));
}
