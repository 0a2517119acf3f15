/** Taking back what a failed copy stored. */

import { AppError, toAppError } from "../base/errors.ts";
import type { ObjectKey, StorageDriver } from "../storage/driver.ts";

/** A removal is owed even when the operation was interrupted, so it has a time limit of its own instead of its signal. */
const REMOVAL_LIMIT_MS = 30_000;

/**
 * Removes an object that must not be taken for a success.
 * @returns the error to throw: `cause`, with a warning in its words when the object could not be removed
 */
export async function withdraw(driver: StorageDriver, key: ObjectKey, cause: unknown): Promise<unknown> {
  try {
    await driver.delete(key, { signal: AbortSignal.timeout(REMOVAL_LIMIT_MS) });
    return cause;
  } catch (error) {
    const { code, message, retriable, details } = toAppError(cause);
    return new AppError(
      code,
      `${message}; the wrong object could not be removed from ${driver.location}, delete ${key} by hand (${toAppError(error).message})`,
      { cause, retriable, details: { ...details, left: key } },
    );
  }
}
