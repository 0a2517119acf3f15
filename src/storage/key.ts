/** Object keys: checked once, where text enters; everything below trusts the type. */

import { AppError } from "../base/errors.ts";
import { keyProblem } from "../base/key_text.ts";
import type { ObjectKey } from "./driver.ts";

/** @throws INVALID_KEY for an empty key, a leading or trailing "/", an empty, "." or ".." part, control characters. */
export function objectKey(text: string): ObjectKey {
  const why = keyProblem(text);
  if (why !== undefined) throw new AppError("INVALID_KEY", `object key ${JSON.stringify(text)} is refused: ${why}`);
  return text as ObjectKey;
}

/** Joins parts with single "/" and checks the result; parts may themselves hold "/" and may be "". */
export function joinKey(...parts: readonly string[]): ObjectKey {
  return objectKey(
    parts
      .map((part) => part.replace(/^\/+|\/+$/g, ""))
      .filter((part) => part !== "")
      .join("/"),
  );
}

/** "" stays "", anything else gets exactly one "/" at its end: a prefix for list. */
export function directoryPrefix(path: string): string {
  const trimmed = path.replace(/^\/+|\/+$/g, "");
  return trimmed === "" ? "" : `${trimmed}/`;
}

/** @throws INVALID_KEY for a list prefix that is neither "" nor a key and "/". */
export function checkPrefix(prefix: string): void {
  if (prefix === "") return;
  if (prefix.endsWith("/")) objectKey(prefix.slice(0, -1));
  else throw new AppError("INVALID_KEY", `list prefix ${JSON.stringify(prefix)} is refused: it does not end with "/"`);
}

/** The part of `key` below `prefix` ("" or "/"-ended). @throws INVALID_KEY when it is not below it. */
export function relativeKey(key: string, prefix: string): ObjectKey {
  if (!key.startsWith(prefix)) throw new AppError("INVALID_KEY", `object key ${key} is not below ${prefix}`);
  return objectKey(key.slice(prefix.length));
}
