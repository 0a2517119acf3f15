/** A value as a source gave it, with the place it came from; typed later, when its key is known. */

import type { ConfigSource } from "./config.ts";
import type { Value } from "./keys.ts";

/** `text` is what the source spells; `value` what YAML takes it for (always a string from variables and flags). */
export type RawValue =
  | { readonly kind: "scalar"; readonly text: string; readonly value: string | bigint | number | boolean }
  | { readonly kind: "list"; readonly items: readonly (string | undefined)[] }
  | { readonly kind: "null" };

export interface Origin {
  readonly source: ConfigSource;
  /** Key or variable as it was written. */
  readonly name: string;
  /** For messages: "configs/backup.yaml:12:9", "environment variable MILVUS_USER", "--set milvus.user". */
  readonly where: string;
}

export interface Raw {
  readonly value: RawValue;
  readonly origin: Origin;
}

/** A typed value with its origin; `default` for literal and inherited ones. */
export interface Found {
  readonly value: Value;
  readonly origin: Origin;
  /** For a backup value of v1 that was left out: where its sibling's value came from. */
  readonly inheritedFrom?: Origin;
  /** For a v1 value that could not be kept: what became of it, for a comment in the migrated file. */
  readonly note?: string;
}

const BY_DEFAULT: Origin = { source: "default", name: "", where: "" };

export function defaulted(value: Value): Found {
  return { value, origin: BY_DEFAULT };
}

/** True for a value somebody wrote, be it empty. */
export function isExplicit(found: Found): boolean {
  return found.origin.source !== "default";
}
