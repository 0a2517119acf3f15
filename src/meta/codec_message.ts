/** A codec for objects, made from a table of their keys in the order in which they are written. */

import { isJsonObject, type JsonValue } from "../base/json.ts";
import { Mismatch, type ValueCodec, type ZeroCodec } from "./codec_values.ts";
import { goJson, goString } from "./go_json.ts";
import type { Extensible } from "./types.ts";

/** Optional properties stay absent; for required ones the codec says what an absent key means. */
type CodecOf<T, K extends keyof T> = object extends Pick<T, K> ? ValueCodec<NonNullable<T[K]>> : ZeroCodec<T[K]>;

type ValueColumn<T> = {
  [K in keyof T & string]-?: {
    readonly key: string;
    readonly property: K;
    readonly codec: CodecOf<T, K>;
    /** Written also when it is zero. */
    readonly always?: true;
  };
}[keyof T & string];

/** A key the Go tool knows and we only carry: its value stays in `unknown` and is written at this place. */
interface KeptColumn {
  readonly kept: string;
  /** Text that is written when there is none; else the key is left out. */
  readonly otherwise?: string;
}

export type Column<T> = ValueColumn<T> | KeptColumn;

/** What the loops below need of a column; the mapped type above has checked that codec and property agree. */
interface Plain {
  readonly key: string;
  readonly property: string;
  readonly codec: ValueCodec<unknown> & { readonly zero?: unknown };
  readonly always?: true;
}

/**
 * Keys are matched exactly, else without regard to case; the last of two wins. Keys outside the table go to `unknown`.
 */
export function message<T extends Extensible>(columns: readonly Column<T>[]): ZeroCodec<T> {
  // One cast from the checked columns to the shape the loops use; K is not expressible once columns are in one list.
  const table = columns as unknown as readonly (Plain | KeptColumn)[];
  const byKey = new Map<string, Plain | KeptColumn>();
  for (const column of table) byKey.set(keyOf(column).toLowerCase(), column);
  const zeros = table.filter((column) => "codec" in column && "zero" in column.codec) as Plain[];

  function read(value: JsonValue): T {
    if (!isJsonObject(value)) throw new Mismatch("an object", value);
    const result: Record<string, unknown> = {};
    for (const { property, codec } of zeros) result[property] = codec.zero;
    let unknown: [string, JsonValue][] | undefined;
    for (const key of Object.keys(value)) {
      const item = value[key];
      const column = byKey.get(key) ?? byKey.get(key.toLowerCase());
      if (column === undefined) {
        unknown ??= [];
        unknown.push([key, item ?? null]);
      } else if (item === undefined || item === null) {
        // null leaves the zero, as in Go.
      } else if ("kept" in column) {
        unknown ??= [];
        if (column.otherwise === undefined || goJson(item) !== column.otherwise) unknown.push([column.kept, item]);
      } else {
        try {
          result[column.property] = column.codec.read(item);
        } catch (error) {
          throw error instanceof Mismatch ? error.under(key) : error;
        }
      }
    }
    if (unknown !== undefined && unknown.length > 0) result.unknown = Object.fromEntries(unknown);
    return result as unknown as T; // Every required property has a zero, by CodecOf.
  }

  /** The value to write; undefined where the key is left out. */
  function present(column: Plain, value: T): unknown {
    const item = (value as Record<string, unknown>)[column.property];
    return item === undefined || (column.always !== true && column.codec.isZero(item)) ? undefined : item;
  }

  function write(value: T): string {
    let text = "";
    for (const column of table) {
      if ("kept" in column) {
        text += keptText(column, value);
        continue;
      }
      const item = present(column, value);
      if (item !== undefined) text += `,"${column.key}":${column.codec.write(item)}`;
    }
    return `{${(text + unknownText(value)).slice(1)}}`;
  }

  /** As write, with the columns that know how in pieces. */
  function* pieces(value: T): Generator<string> {
    let text = "";
    let start = "{";
    for (const column of table) {
      if ("kept" in column) {
        text += keptText(column, value);
        continue;
      }
      const item = present(column, value);
      if (item === undefined) continue;
      text += `,"${column.key}":`;
      if (column.codec.pieces === undefined) {
        text += column.codec.write(item);
        continue;
      }
      yield start === "" ? text : start + text.slice(1);
      yield* column.codec.pieces(item);
      text = "";
      start = "";
    }
    text += unknownText(value);
    yield `${start === "" ? text : start + text.slice(1)}}`;
  }

  function unknownText({ unknown }: T): string {
    if (unknown === undefined) return "";
    const keys = Object.keys(unknown).filter((key) => !byKey.has(key.toLowerCase()));
    return keys.map((key) => `,${goString(key)}:${goJson(unknown[key] ?? null)}`).join("");
  }

  const codec = { zero: read({}), read, write, isZero: () => false };
  const hasLongColumn = table.some((column) => "codec" in column && column.codec.pieces !== undefined);
  return hasLongColumn ? { ...codec, pieces } : codec;
}

function keptText({ kept, otherwise }: KeptColumn, { unknown }: Extensible): string {
  const value = unknown?.[kept];
  const text = value === undefined ? otherwise : goJson(value);
  return text === undefined ? "" : `,"${kept}":${text}`;
}

function keyOf(column: Plain | KeptColumn): string {
  return "kept" in column ? column.kept : column.key;
}
