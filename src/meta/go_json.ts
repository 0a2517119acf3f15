/** Text of JSON values as Go's encoding/json writes it. */

import type { JsonValue } from "../base/json.ts";

const ESCAPED: Readonly<Record<string, string>> = {
  "<": "\\u003c",
  ">": "\\u003e",
  "&": "\\u0026",
  "\u2028": "\\u2028",
  "\u2029": "\\u2029",
};

/** Printable ASCII without quote, backslash and what Go escapes: nearly every string of a backup, and quick to write. */
const PLAIN = /^[ !#-%'-;=?-[\]-~]*$/;

/** A string literal: "<", ">", "&", U+2028 and U+2029 escaped, lone surrogates replaced by U+FFFD. */
export function goString(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`;
  return JSON.stringify(text.toWellFormed()).replace(/[<>&\u2028\u2029]/g, (char) => ESCAPED[char] ?? char);
}

/** Any value, compact; object keys stay in their order. */
export function goJson(value: JsonValue): string {
  if (typeof value === "string") return goString(value);
  if (typeof value === "bigint") return value.toString();
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (isList(value)) return `[${value.map(goJson).join(",")}]`;
  return `{${Object.entries(value)
    .map(([key, item]) => `${goString(key)}:${goJson(item)}`)
    .join(",")}}`;
}

/** Order of map keys in Go: by their UTF-8 bytes (JavaScript's own order differs beyond U+FFFF). */
export function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

// Array.isArray does not narrow readonly arrays out of a union.
function isList(value: object): value is readonly JsonValue[] {
  return Array.isArray(value);
}
