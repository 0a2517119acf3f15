/** The last line of defence: a secret's text is taken out of errors and log lines, whoever put it there. */

import { AppError, toAppError } from "../base/errors.ts";
import type { LogFields, Logger } from "../base/log.ts";

export type Redact = (text: string) => string;

/** Shorter texts occur in keys and words by chance; replacing them would garble messages and hide nothing. */
const MIN_LENGTH = 6;

/** Replaces each secret, as it is and as it looks inside a URL, by `***`. */
export function redactor(secrets: readonly string[]): Redact {
  const texts = new Set(
    secrets.filter((it) => it.length >= MIN_LENGTH).flatMap((secret) => [secret, encodeURIComponent(secret)]),
  );
  // Longest first, so that a secret which contains another one is replaced whole.
  const ordered = [...texts].sort((a, b) => b.length - a.length);
  return (text) => ordered.reduce((clean, secret) => clean.replaceAll(secret, "***"), text);
}

/** The same error without secrets; its cause is kept only where that has none either. */
export function redactError(error: unknown, redact: Redact): AppError {
  const known = toAppError(error);
  if (isClean(known, redact)) return known;
  const details = Object.entries(known.details).map(([key, value]) => [
    key,
    typeof value === "string" ? redact(value) : value,
  ]);
  return new AppError(known.code, redact(known.message), {
    retriable: known.retriable,
    details: Object.fromEntries(details),
  });
}

export function redactedLogger(log: Logger, redact: Redact): Logger {
  const fields = (given: LogFields | undefined): LogFields | undefined =>
    given === undefined
      ? undefined
      : Object.fromEntries(
          Object.entries(given).map(([key, value]) => [key, typeof value === "string" ? redact(value) : value]),
        );
  return {
    debug: (message, given) => log.debug(redact(message), fields(given)),
    info: (message, given) => log.info(redact(message), fields(given)),
    warn: (message, given) => log.warn(redact(message), fields(given)),
    error: (message, given) => log.error(redact(message), fields(given)),
    with: (given) => redactedLogger(log.with(fields(given) ?? {}), redact),
  };
}

function isClean(error: unknown, redact: Redact): boolean {
  // Causes of real errors are a few levels deep; the bound only ends a circle.
  for (let current = error, depth = 0; current !== undefined && depth < 16; depth += 1) {
    const text = Bun.inspect(current, { depth: 4 });
    if (redact(text) !== text) return false;
    current = current instanceof Error ? current.cause : undefined;
  }
  return true;
}
