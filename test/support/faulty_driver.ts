/** A driver that fails by a script: for the wrappers, and for whoever must survive a bad service. */

import { AppError } from "../../src/base/errors.ts";
import type { ObjectBody, PutBody, StorageDriver } from "../../src/storage/driver.ts";
import { type DriverCalls, wrapDriver } from "../../src/storage/wrappers/wrapped.ts";

export type FaultyCall = keyof DriverCalls;

export interface FaultScript {
  /** The error that the call number `count` (from 1, each kind for itself) fails with instead of being made. */
  readonly call?: (call: FaultyCall, count: number) => AppError | undefined;
  /** Bytes after which the body of get number `count` breaks; undefined for a whole body. */
  readonly cutBody?: (count: number, size: number) => number | undefined;
  /** Entries after which listing number `count` breaks. */
  readonly cutList?: (count: number) => number | undefined;
  /** True when put number `count` is done and its answer gets lost. */
  readonly loseAnswer?: (count: number) => boolean;
}

/** Each third call fails, each second body is cut in its middle, each second listing breaks, each fifth answer gets lost. */
export const badWeather: FaultScript = {
  call: (call, count) => (count % 3 === 0 ? unavailable(`${call} number ${count} fails on purpose`) : undefined),
  cutBody: (count, size) => (count % 2 === 0 ? Math.floor(size / 2) : undefined),
  cutList: (count) => (count % 2 === 0 ? 1 + (count % 7) : undefined),
  loseAnswer: (count) => count % 5 === 0,
};

export function faultyDriver(inner: StorageDriver, script: FaultScript): StorageDriver {
  const counts = new Map<FaultyCall, number>();
  /** Counts the call and fails it when its turn has come. */
  const enter = (call: FaultyCall): number => {
    const count = (counts.get(call) ?? 0) + 1;
    counts.set(call, count);
    const error = script.call?.(call, count);
    if (error !== undefined) throw error;
    return count;
  };
  const entries = async function* <T>(call: FaultyCall, all: () => AsyncIterable<T>): AsyncGenerator<T> {
    const count = enter(call);
    let left = script.cutList?.(count) ?? Number.POSITIVE_INFINITY;
    for await (const entry of all()) {
      if (left <= 0) throw unavailable(`${call} breaks on purpose`);
      left -= 1;
      yield entry;
    }
  };
  return wrapDriver(inner, (calls) => ({
    stat: async (key, options) => {
      enter("stat");
      return calls.stat(key, options);
    },
    delete: async (key, options) => {
      enter("delete");
      return calls.delete(key, options);
    },
    copyFrom: async (source, from, to, options) => {
      enter("copyFrom");
      return calls.copyFrom(source, from, to, options);
    },
    list: (prefix, options) => entries("list", () => calls.list(prefix, options)),
    listDirectories: (prefix, options) => entries("listDirectories", () => calls.listDirectories(prefix, options)),
    put: async (key, body: PutBody, options) => {
      const count = enter("put");
      const info = await calls.put(key, body, options);
      if (script.loseAnswer?.(count) === true) throw unavailable("the answer of a put gets lost on purpose");
      return info;
    },
    get: async (key, options) => {
      const count = enter("get");
      const body = await calls.get(key, options);
      const cut = script.cutBody?.(count, body.size);
      return cut === undefined ? body : cutBody(body, cut);
    },
  }));
}

export function unavailable(message: string): AppError {
  return new AppError("UNAVAILABLE", message);
}

function cutBody(body: ObjectBody, bytes: number): ObjectBody {
  const reader = body.stream.getReader();
  let left = bytes;
  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const next = left > 0 ? await reader.read() : { done: true as const };
        if (next.done) {
          await reader.cancel();
          throw unavailable(`the body breaks on purpose after ${bytes} bytes`);
        }
        controller.enqueue(next.value.subarray(0, left));
        left -= next.value.length;
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
  return { info: body.info, size: body.size, stream };
}
