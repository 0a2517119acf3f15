import { describe, expect, test } from "bun:test";
import { AppError } from "../../../src/base/errors.ts";
import { forEachConcurrent, mapConcurrent, Semaphore } from "../../../src/base/pool.ts";
import { sleep } from "../../../src/base/retry.ts";

const never = new AbortController().signal;

async function collect<T>(entries: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const entry of entries) all.push(entry);
  return all;
}

/** Counts how many run at once. */
function gauge() {
  const state = { running: 0, peak: 0 };
  const during = async <T>(work: () => Promise<T>): Promise<T> => {
    state.running += 1;
    state.peak = Math.max(state.peak, state.running);
    try {
      return await work();
    } finally {
      state.running -= 1;
    }
  };
  return { state, during };
}

describe("Semaphore", () => {
  test("lets no more than its limit in and everybody through", async () => {
    const places = new Semaphore(3);
    const { state, during } = gauge();
    await Promise.all(Array.from({ length: 20 }, () => places.run(never, () => during(() => sleep(1, never)))));
    expect(state).toEqual({ running: 0, peak: 3 });
  });

  test("is first come first served", async () => {
    const places = new Semaphore(1);
    const order: number[] = [];
    await Promise.all([1, 2, 3, 4].map((id) => places.run(never, async () => void order.push(id))));
    expect(order).toEqual([1, 2, 3, 4]);
  });

  test("gives the place back when the work fails", async () => {
    const places = new Semaphore(1);
    await expect(places.run(never, async () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(await places.run(never, async () => "in")).toBe("in");
  });

  test("lets a waiter leave when its signal fires, without losing the place", async () => {
    const places = new Semaphore(1);
    const leave = await places.acquire(never);
    const abort = new AbortController();
    const waiting = places.acquire(abort.signal);
    const next = places.acquire(never);
    abort.abort();
    await expect(waiting).rejects.toMatchObject({ code: "ABORTED" });
    leave();
    (await next)();
    expect(await places.run(never, async () => "in")).toBe("in");
  });

  test("releases a place once, however often that is said", async () => {
    const places = new Semaphore(1);
    const leave = await places.acquire(never);
    leave();
    leave();
    const { state, during } = gauge();
    await Promise.all([1, 2, 3].map(() => places.run(never, () => during(() => sleep(1, never)))));
    expect(state.peak).toBe(1);
  });

  test("refuses a limit that lets nobody in", () => {
    for (const limit of [0, -1, 1.5, Number.NaN]) expect(() => new Semaphore(limit)).toThrow(RangeError);
  });
});

describe("mapConcurrent", () => {
  test("gives every result once and never runs more at once than allowed", async () => {
    const { state, during } = gauge();
    const items = Array.from({ length: 50 }, (_, index) => index);
    const work = (item: number) => during(async () => sleep(item % 3, never).then(() => item * 2));
    const results = await collect(mapConcurrent(items, { concurrency: 4, signal: never }, work));
    expect(results.sort((a, b) => a - b)).toEqual(items.map((item) => item * 2));
    expect(state).toEqual({ running: 0, peak: 4 });
  });

  test("gives the result of undefined too, and nothing for no items", async () => {
    const options = { concurrency: 2, signal: never };
    expect(await collect(mapConcurrent([1, 2], options, async () => undefined))).toEqual([undefined, undefined]);
    expect(await collect(mapConcurrent([], options, async () => 1))).toEqual([]);
  });

  test("pulls lazily: at most one item more than there are places", async () => {
    let pulled = 0;
    let done = 0;
    function* source() {
      for (let index = 0; index < 30; index += 1) {
        pulled += 1;
        yield index;
      }
    }
    let furthest = 0;
    for await (const _ of mapConcurrent(source(), { concurrency: 3, signal: never }, async () => sleep(1, never))) {
      done += 1;
      furthest = Math.max(furthest, pulled - done);
    }
    expect(done).toBe(30);
    expect(furthest).toBeLessThanOrEqual(4);
  });

  test("throws the first failure after all that started has ended, and starts nothing new", async () => {
    const { state, during } = gauge();
    let started = 0;
    const work = (item: number, signal: AbortSignal) => {
      started += 1;
      return during(async () => {
        if (item === 3) throw new Error("three");
        // What started sees the signal; it takes its time to end all the same.
        await sleep(10_000, signal).catch(() => sleep(5, never));
      });
    };
    const items = Array.from({ length: 100 }, (_, index) => index);
    const all = collect(mapConcurrent(items, { concurrency: 5, signal: never }, work));
    await expect(all).rejects.toThrow("three");
    expect(state.running).toBe(0);
    expect(started).toBe(5);
  });

  test("treats a throw before the first await like any failure", async () => {
    const work = (): Promise<void> => {
      throw new Error("at once");
    };
    await expect(collect(mapConcurrent([1], { concurrency: 1, signal: never }, work))).rejects.toThrow("at once");
  });

  test("a failure does not wait for a source that is slow to give its next item", async () => {
    let closed = false;
    const release = Promise.withResolvers<void>();
    async function* source() {
      try {
        yield 1;
        await release.promise;
        yield 2;
      } finally {
        closed = true;
      }
    }
    const seen: number[] = [];
    const failed = Promise.withResolvers<void>();
    const all = collect(
      mapConcurrent(source(), { concurrency: 4, signal: never }, async (item, signal) => {
        seen.push(item);
        signal.addEventListener("abort", () => failed.resolve());
        throw new Error("early");
      }),
    );
    all.catch(() => {});
    // The work's signal fires while the source is still busy.
    await failed.promise;
    expect(closed).toBe(false);
    release.resolve();
    await expect(all).rejects.toThrow("early");
    expect(seen).toEqual([1]);
    expect(closed).toBe(true);
  });

  test("a result does not wait for a source that is slow to give its next item", async () => {
    const release = Promise.withResolvers<void>();
    async function* source() {
      yield 1;
      await release.promise;
    }
    const results = mapConcurrent(source(), { concurrency: 4, signal: never }, async (item) => item);
    expect(await results.next()).toEqual({ done: false, value: 1 });
    release.resolve();
    expect((await results.next()).done).toBe(true);
  });

  test("a failing source fails it after the running work has ended", async () => {
    const { state, during } = gauge();
    async function* source() {
      yield 1;
      throw new Error("source");
    }
    const work = (_: number, signal: AbortSignal) => during(() => sleep(10_000, signal).catch(() => sleep(2, never)));
    await expect(collect(mapConcurrent(source(), { concurrency: 2, signal: never }, work))).rejects.toThrow("source");
    expect(state.running).toBe(0);
  });

  test("an abort from outside stops it with ABORTED, also before it began", async () => {
    const abort = new AbortController();
    const work = (_: number, signal: AbortSignal) => sleep(10_000, signal);
    const all = collect(mapConcurrent([1, 2, 3], { concurrency: 2, signal: abort.signal }, work));
    setTimeout(() => abort.abort(), 1);
    await expect(all).rejects.toMatchObject({ code: "ABORTED" });
    let started = 0;
    const late = collect(
      mapConcurrent([1], { concurrency: 1, signal: abort.signal }, async () => {
        started += 1;
      }),
    );
    await expect(late).rejects.toMatchObject({ code: "ABORTED" });
    expect(started).toBe(0);
  });

  test("a caller that stops early ends the running work and closes the source", async () => {
    const { state, during } = gauge();
    let closed = false;
    function* source() {
      try {
        for (let index = 0; ; index += 1) yield index;
      } finally {
        closed = true;
      }
    }
    const work = (item: number, signal: AbortSignal) =>
      during(async () => (item === 0 ? undefined : sleep(10_000, signal).catch(() => {})));
    for await (const _ of mapConcurrent(source(), { concurrency: 3, signal: never }, work)) break;
    expect({ running: state.running, closed }).toEqual({ running: 0, closed: true });
  });

  test("leaves no listener on the caller's signal", async () => {
    const abort = new AbortController();
    let listeners = 0;
    const { addEventListener, removeEventListener } = abort.signal;
    abort.signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
      listeners += 1;
      addEventListener.apply(abort.signal, args);
    };
    abort.signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
      listeners -= 1;
      removeEventListener.apply(abort.signal, args);
    };
    await collect(mapConcurrent([1, 2, 3], { concurrency: 2, signal: abort.signal }, async (item) => item));
    expect(listeners).toBe(0);
  });

  test("refuses a concurrency that would never start anything", async () => {
    for (const concurrency of [0, -2, 1.5]) {
      const all = collect(mapConcurrent([1], { concurrency, signal: never }, async () => 1));
      await expect(all).rejects.toThrow(RangeError);
    }
  });
});

describe("forEachConcurrent", () => {
  test("waits for everything and throws the failure's own error", async () => {
    const seen: number[] = [];
    await forEachConcurrent([1, 2, 3], { concurrency: 2, signal: never }, async (item) => void seen.push(item));
    expect(seen.sort()).toEqual([1, 2, 3]);
    const error = new AppError("NO_SPACE", "full");
    const failing = forEachConcurrent([1, 2], { concurrency: 1, signal: never }, async () => Promise.reject(error));
    await expect(failing).rejects.toBe(error);
  });
});
