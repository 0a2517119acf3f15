/** A driver whose calls take time and which counts how many run at once. */

import { sleep } from "../../src/base/retry.ts";
import { tap } from "../../src/base/streams.ts";
import type { StorageDriver } from "../../src/storage/driver.ts";
import { wrapDriver } from "../../src/storage/wrappers/wrapped.ts";

export interface SlowDriver {
  readonly driver: StorageDriver;
  /** Most calls that ever ran at once; a get runs until its body is closed. */
  readonly peak: () => { readonly gets: number; readonly others: number };
}

export function slowDriver(inner: StorageDriver, delayMs: number): SlowDriver {
  const running = { gets: 0, others: 0 };
  const peak = { gets: 0, others: 0 };
  const enter = (kind: "gets" | "others"): void => {
    running[kind] += 1;
    peak[kind] = Math.max(peak[kind], running[kind]);
  };
  const slow = async <T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> => {
    enter("others");
    try {
      await sleep(delayMs, signal);
      return await work();
    } finally {
      running.others -= 1;
    }
  };
  const driver = wrapDriver(inner, (calls) => ({
    stat: (key, options) => slow(options.signal, () => calls.stat(key, options)),
    put: (key, body, options) => slow(options.signal, () => calls.put(key, body, options)),
    delete: (key, options) => slow(options.signal, () => calls.delete(key, options)),
    copyFrom: (source, from, to, options) => slow(options.signal, () => calls.copyFrom(source, from, to, options)),
    async get(key, options) {
      enter("gets");
      const leave = (): void => {
        running.gets -= 1;
      };
      try {
        await sleep(delayMs, options.signal);
        const body = await calls.get(key, options);
        return { info: body.info, size: body.size, stream: tap(body.stream, { onClose: leave }) };
      } catch (error) {
        leave();
        throw error;
      }
    },
  }));
  return { driver, peak: () => ({ ...peak }) };
}
