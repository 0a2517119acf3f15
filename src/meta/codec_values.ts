/** Codecs of single JSON values: scalars, lists, maps. What an absent key means is the codec's `zero`. */

import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import type { Int64 } from "../base/types.ts";
import { byBytes, goJson, goString } from "./go_json.ts";

export interface ValueCodec<T> {
  /** Never gets null. @throws Mismatch */
  read(value: JsonValue): T;
  /** JSON text. */
  write(value: T): string;
  /** Zero values are left out of objects unless their column says `always`. */
  isZero(value: T): boolean;
  /** The text of `write` in pieces, where a value can be too large for one string. */
  pieces?(value: T): Iterable<string>;
}

/** A codec whose absent key has a value. */
export interface ZeroCodec<T> extends ValueCodec<T> {
  readonly zero: T;
}

/** A value of the wrong kind; collects the way to it on its way up. */
export class Mismatch extends Error {
  #path = "";

  constructor(wanted: string, value: JsonValue) {
    super(`must be ${wanted}, not ${kindOf(value)}`);
  }

  /** "collection_backups[3].size must be an integer, not text" */
  get sentence(): string {
    return `${this.#path === "" ? "the document" : this.#path} ${this.message}`;
  }

  under(step: string | number): this {
    const here = typeof step === "number" ? `[${step}]` : step;
    const joint = this.#path === "" || this.#path.startsWith("[") ? "" : ".";
    this.#path = `${here}${joint}${this.#path}`;
    return this;
  }
}

export const text: ZeroCodec<string> = {
  zero: "",
  read(value) {
    if (typeof value !== "string") throw new Mismatch("text", value);
    return value;
  },
  write: goString,
  isZero: (value) => value === "",
};

export const flag: ZeroCodec<boolean> = {
  zero: false,
  read(value) {
    if (typeof value !== "boolean") throw new Mismatch("true or false", value);
    return value;
  },
  write: String,
  isZero: (value) => !value,
};

export const int64: ZeroCodec<Int64> = integers(-(2n ** 63n), 2n ** 63n - 1n);
export const uint64: ZeroCodec<Int64> = integers(0n, 2n ** 64n - 1n);

function integers(least: Int64, greatest: Int64): ZeroCodec<Int64> {
  return {
    zero: 0n,
    read(value) {
      if (typeof value !== "bigint") throw new Mismatch("an integer", value);
      if (value < least || value > greatest) throw new Mismatch("an integer of 64 bits", value);
      return value;
    },
    write: String,
    isZero: (value) => value === 0n,
  };
}

/** Counts and enums: small enough for a number. */
export const int32: ZeroCodec<number> = {
  zero: 0,
  read(value) {
    if (typeof value !== "bigint") throw new Mismatch("an integer", value);
    if (BigInt.asIntN(32, value) !== value) throw new Mismatch("an integer of 32 bits", value);
    return Number(value);
  },
  write: String,
  isZero: (value) => value === 0,
};

/** Padded base64 in the document; absent means absent. */
export const bytes: ValueCodec<Uint8Array> = {
  read(value) {
    if (typeof value !== "string") throw new Mismatch("base64 text", value);
    try {
      return Uint8Array.fromBase64(value);
    } catch {
      throw new Mismatch("base64 text", value);
    }
  },
  write: (value) => `"${value.toBase64()}"`,
  isZero: () => false,
};

/** An object kept as it is. */
export const raw: ValueCodec<JsonObject> = {
  read(value) {
    if (!isJsonObject(value)) throw new Mismatch("an object", value);
    return value;
  },
  write: goJson,
  isZero: () => false,
};

/** Keys sorted by their bytes. */
export const textMap: ZeroCodec<Readonly<Record<string, string>>> = {
  zero: {},
  read(value) {
    if (!isJsonObject(value)) throw new Mismatch("an object", value);
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, element(text, item ?? "", key)]));
  },
  write(value) {
    const keys = Object.keys(value).sort(byBytes);
    return `{${keys.map((key) => `${goString(key)}:${goString(value[key] ?? "")}`).join(",")}}`;
  },
  isZero: (value) => Object.keys(value).length === 0,
};

export function list<T>(item: ValueCodec<T>): ZeroCodec<readonly T[]> {
  return {
    zero: [],
    read(value) {
      if (!Array.isArray(value)) throw new Mismatch("a list", value);
      return value.map((entry: JsonValue, index) => element(item, entry ?? {}, index));
    },
    write: (value) => `[${value.map((entry) => item.write(entry)).join(",")}]`,
    isZero: (value) => value.length === 0,
  };
}

/** A list that may be too large for one string: written an element at a time. */
export function longList<T>(item: ValueCodec<T>): ZeroCodec<readonly T[]> {
  return {
    ...list(item),
    *pieces(value) {
      let before = "[";
      for (const entry of value) {
        yield before;
        if (item.pieces === undefined) yield item.write(entry);
        else yield* item.pieces(entry);
        before = ",";
      }
      yield before === "[" ? "[]" : "]";
    },
  };
}

function element<T>(codec: ValueCodec<T>, value: JsonValue, step: string | number): T {
  try {
    return codec.read(value);
  } catch (error) {
    throw error instanceof Mismatch ? error.under(step) : error;
  }
}

function kindOf(value: JsonValue): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "an object";
  if (typeof value === "string") return "text";
  if (typeof value === "boolean") return "true or false";
  // Numbers are shown: an id that is out of range helps whoever looks for it, and no number is a secret.
  return String(value);
}
