import { describe, expect, test } from "bun:test";
import { AppError } from "../../../src/base/errors.ts";
import { type RetryOptions, retry, sleep } from "../../../src/base/retry.ts";
import { ByteRate } from "../../../src/base/throttle.ts";

const never = new AbortController().signal;
const quick: RetryOptions = { signal: never, policy: { attempts: 4, baseDelayMs: 0.1, maxDelayMs: 1 } };

function failing(error: unknown, times: number) {
  let calls = 0;
  const work = async (): Promise<number> => {
    calls += 1;
    if (calls <= times) throw error;
    return calls;
  };
  return { work, calls: () => calls };
}

describe("retry", () => {
  test("tries again while the error says that it is worth it", async () => {
    const { work } = failing(new AppError("UNAVAILABLE", "later"), 3);
    expect(await retry(work, quick)).toBe(4);
  });

  test("throws the last error when the tries are used up", async () => {
    const error = new AppError("THROTTLED", "slow down");
    const { work, calls } = failing(error, 99);
    await expect(retry(work, quick)).rejects.toBe(error);
    expect(calls()).toBe(4);
  });

  test("does not try again after an error that stays, nor after one without a class", async () => {
    for (const error of [new AppError("ACCESS_DENIED", "no"), new Error("strange"), "text"]) {
      const { work, calls } = failing(error, 99);
      await expect(retry(work, quick)).rejects.toBe(error);
      expect(calls()).toBe(1);
    }
  });

  test("the caller may judge for itself", async () => {
    const { work } = failing(new Error("strange"), 1);
    expect(await retry(work, { ...quick, retriable: () => true })).toBe(2);
  });

  test("waits twice as long each time, spread, up to the bound", async () => {
    const delays: number[] = [];
    const { work } = failing(new AppError("UNAVAILABLE", "later"), 4);
    const policy = { attempts: 5, baseDelayMs: 0.5, maxDelayMs: 2 };
    const onRetry = (_: unknown, __: number, delayMs: number) => void delays.push(delayMs);
    await retry(work, { signal: never, policy, onRetry, random: () => 0.5 });
    expect(delays).toEqual([0.5, 1, 2, 2]);
  });

  test("an abort ends the wait and wins over the error", async () => {
    const abort = new AbortController();
    const { work, calls } = failing(new AppError("UNAVAILABLE", "later"), 99);
    const policy = { attempts: 9, baseDelayMs: 60_000, maxDelayMs: 60_000 };
    const trying = retry(work, { signal: abort.signal, policy });
    setTimeout(() => abort.abort(), 1);
    await expect(trying).rejects.toMatchObject({ code: "ABORTED" });
    expect(calls()).toBe(1);
    await expect(retry(work, { signal: abort.signal })).rejects.toMatchObject({ code: "ABORTED" });
    expect(calls()).toBe(1);
  });
});

describe("sleep", () => {
  test("rejects at once under a signal that has fired, with the signal's own error when it has one", async () => {
    const error = new AppError("NO_SPACE", "full");
    await expect(sleep(60_000, AbortSignal.abort())).rejects.toMatchObject({ code: "ABORTED" });
    await expect(sleep(60_000, AbortSignal.abort(error))).rejects.toBe(error);
  });
});

/** True when the promise resolves without any timer. */
function isImmediate(work: Promise<void>): Promise<boolean> {
  return Promise.race([work.then(() => true), new Promise<boolean>((resolve) => setImmediate(() => resolve(false)))]);
}

describe("ByteRate", () => {
  test("lets the first chunk pass and makes the next ones pay for those before", async () => {
    let now = 0;
    const rate = new ByteRate(1_000_000, () => now);
    expect(await isImmediate(rate.take(20_000, never))).toBe(true);
    const started = performance.now();
    await rate.take(1, never);
    // 20,000 bytes at a million a second: 20 ms; timers may be a little early.
    expect(performance.now() - started).toBeGreaterThanOrEqual(18);
    now = 1_000;
    expect(await isImmediate(rate.take(1, never))).toBe(true);
  });

  test("a wait ends with the signal, and no rate is not a rate", async () => {
    const rate = new ByteRate(1, () => 0);
    await rate.take(1_000_000, never);
    const abort = new AbortController();
    const waiting = rate.take(1, abort.signal);
    abort.abort();
    await expect(waiting).rejects.toMatchObject({ code: "ABORTED" });
    for (const wrong of [0, -1, Number.NaN]) expect(() => new ByteRate(wrong)).toThrow(RangeError);
  });
});
