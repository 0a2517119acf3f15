/** How damage in a log file is reported: always an AppError that says what is wrong, never an out-of-range exception. */

import { AppError, isAppError } from "../base/errors.ts";

/** The bytes end before what they announce. */
export function truncated(what: string, expected: number, actual: number): AppError {
  return new AppError("SHORT_BODY", `${what}: needs ${expected} bytes, ${actual} are left; the log file is cut off`, {
    details: { expected, actual },
  });
}

/** The bytes say something that no intact log file says. */
export function malformed(what: string, cause?: unknown): AppError {
  return new AppError("CHECKSUM_MISMATCH", `${what}; the log file is damaged`, { cause });
}

/** Runs a decoder of foreign make: whatever it throws on damaged bytes becomes CHECKSUM_MISMATCH. */
export function decoding<T>(what: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (isAppError(error)) throw error;
    throw malformed(`${what} does not decode (${error instanceof Error ? error.message : String(error)})`, error);
  }
}
