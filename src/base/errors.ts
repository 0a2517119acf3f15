/**
 * Errors with permanent codes. Decisions are taken on `code`, never on `instanceof` or on the text;
 * people get the text, which names what failed, where, and what to do next.
 */

/** Every code and the exit status it ends a command with. A code is never renamed and never reused. */
const EXIT_STATUS = {
  BUG: 1,
  USAGE: 2,
  CONFIG_INVALID: 2,
  INVALID_KEY: 2,
  INVALID_RANGE: 2,
  UNSUPPORTED: 2,
  DRIVER_UNKNOWN: 2,
  PLUGIN_INVALID: 2,
  BACKUP_INCOMPLETE: 3,
  ALREADY_EXISTS: 4,
  NOT_FOUND: 5,
  ACCESS_DENIED: 6,
  READ_ONLY: 6,
  UNAVAILABLE: 7,
  THROTTLED: 7,
  NO_SPACE: 7,
  SHORT_BODY: 8,
  CHECKSUM_MISMATCH: 8,
  DATA_MISSING: 8,
  ROWS_MISMATCH: 8,
  MILVUS_ERROR: 9,
  ABORTED: 130,
} as const;

export type ErrorCode = keyof typeof EXIT_STATUS;

/** What the exit statuses mean, in the words that every command's help repeats. */
export const EXIT_STATUS_MEANING: Readonly<Record<number, string>> = {
  0: "done",
  1: "a bug of this program",
  2: "usage or configuration",
  3: "backup incomplete",
  4: "already exists",
  5: "not found",
  6: "access denied or read-only",
  7: "service unavailable, throttled or out of space",
  8: "data missing, short or different",
  9: "Milvus refused",
  70: "ended without finishing",
  130: "interrupted (143 on SIGTERM)",
};

export interface AppErrorOptions {
  readonly cause?: unknown;
  /** True when the same call may succeed later. Defaults to true for UNAVAILABLE and THROTTLED only. */
  readonly retriable?: boolean;
  /** Facts for machines: key, driver, collection, expected, actual ... Never a secret. */
  readonly details?: Readonly<Record<string, string | number>>;
}

/** An error a person can act on. `message` is one line, without credentials. */
export class AppError extends Error {
  override readonly name = "AppError";
  readonly code: ErrorCode;
  readonly retriable: boolean;
  readonly details: Readonly<Record<string, string | number>>;

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retriable = options.retriable ?? (code === "UNAVAILABLE" || code === "THROTTLED");
    this.details = options.details ?? {};
  }
}

/** True for an AppError and for anything shaped like one (a plugin may carry its own copy of the class). */
export function isAppError(error: unknown): error is AppError {
  return (
    error instanceof Error &&
    "code" in error &&
    typeof error.code === "string" &&
    Object.hasOwn(EXIT_STATUS, error.code)
  );
}

export function hasCode(error: unknown, ...codes: readonly ErrorCode[]): boolean {
  return isAppError(error) && codes.includes(error.code);
}

/**
 * Wraps anything thrown into an AppError; an AppError passes through unchanged. Abort errors become ABORTED. Of a failure
 * and another one while cleaning up after it, the first is what happened.
 */
export function toAppError(error: unknown): AppError {
  if (isAppError(error)) return error;
  if (error instanceof SuppressedError) return toAppError(error.suppressed);
  if (error instanceof Error && error.name === "AbortError") {
    return new AppError("ABORTED", "interrupted", { cause: error });
  }
  const text = error instanceof Error ? error.message : String(error);
  return new AppError("BUG", `unexpected error: ${text}`, { cause: error });
}

/** The same error with more words in front ("create: collection a.b: ...") and more details; code and retriable stay. */
export function withContext(
  error: unknown,
  context: string,
  details: Readonly<Record<string, string | number>> = {},
): AppError {
  const inner = toAppError(error);
  return new AppError(inner.code, `${context}: ${inner.message}`, {
    cause: inner,
    retriable: inner.retriable,
    details: { ...inner.details, ...details },
  });
}

export function exitStatus(error: unknown): number {
  return EXIT_STATUS[toAppError(error).code];
}

/** Every code with its exit status, in table order: for help texts, documentation and their tests. */
export function errorCodes(): readonly (readonly [ErrorCode, number])[] {
  return Object.entries(EXIT_STATUS) as [ErrorCode, number][];
}

/** Throws ABORTED (with the signal's own reason as cause) when the signal has fired. */
export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw abortError(signal);
}

export function abortError(signal: AbortSignal): AppError {
  const reason: unknown = signal.reason;
  return isAppError(reason) ? reason : new AppError("ABORTED", "interrupted", { cause: reason });
}
