/** Assertions without a test runner, so that the suite also runs inside the executable. */

import { type AppError, type ErrorCode, isAppError } from "../../base/errors.ts";
import type { CallOptions, ObjectKey, StorageDriver } from "../driver.ts";

/** A guarantee of the contract that does not hold. */
export class ConformanceError extends Error {
  override readonly name = "ConformanceError";
}

export function holds(isTrue: boolean, what: string): asserts isTrue {
  if (!isTrue) throw new ConformanceError(what);
}

export function equal<T>(actual: T, expected: T, what: string): void {
  if (!Bun.deepEquals(actual, expected)) {
    throw new ConformanceError(`${what}: expected ${show(expected)}, got ${show(actual)}`);
  }
}

/** The call must fail with one of these codes, as an AppError that says whether it is retriable. */
export async function failsWith(
  work: () => Promise<unknown>,
  codes: readonly ErrorCode[],
  what: string,
): Promise<AppError> {
  let result: unknown;
  try {
    result = await work();
  } catch (error) {
    if (!isAppError(error)) throw new ConformanceError(`${what}: failed without a code of ours: ${String(error)}`);
    if (!codes.includes(error.code)) {
      throw new ConformanceError(
        `${what}: expected ${codes.join(" or ")}, failed with ${error.code}: ${error.message}`,
      );
    }
    holds(typeof error.retriable === "boolean", `${what}: the error does not say whether it is retriable`);
    holds(!/[\r\n]/.test(error.message), `${what}: the error message is longer than one line`);
    return error;
  }
  throw new ConformanceError(`${what}: expected ${codes.join(" or ")}, succeeded with ${show(result)}`);
}

/** Fails when the work takes longer: a call that hangs must not hang the suite. */
export async function within<T>(milliseconds: number, work: Promise<T>, what: string): Promise<T> {
  const timeout = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => timeout.reject(new ConformanceError(`${what}: not done after ${milliseconds} ms`)),
    milliseconds,
  );
  try {
    return await Promise.race([work, timeout.promise]);
  } finally {
    clearTimeout(timer);
  }
}

export async function collect<T>(entries: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const entry of entries) all.push(entry);
  return all;
}

/** The keys a listing yields, sorted, as they came otherwise: twice the same key stays twice. */
export async function keysBelow(driver: StorageDriver, prefix: string, options: CallOptions): Promise<string[]> {
  return (await collect(driver.list(prefix, options))).map((info): string => info.key).sort();
}

export async function isAbsent(driver: StorageDriver, key: ObjectKey, options: CallOptions): Promise<void> {
  await failsWith(() => driver.stat(key, options), ["NOT_FOUND"], "stat of a key that must hold nothing");
  const listed = await keysBelow(driver, key.slice(0, key.lastIndexOf("/") + 1), options);
  holds(!listed.includes(key), `the listing shows ${key}, which must hold nothing`);
}

function show(value: unknown): string {
  const text = Bun.inspect(value, { depth: 3 }).replaceAll(/\s+/g, " ");
  return text.length > 300 ? `${text.slice(0, 300)} ...` : text;
}
