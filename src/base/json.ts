/**
 * JSON without loss: Milvus ids are int64 and exceed 2^53, so every integer literal is read as a bigint and a
 * bigint is written as a bare integer literal. No number that is an id ever passes through a double.
 */

export type JsonValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

export type JsonObject = { readonly [key: string]: JsonValue };

interface ReviverContext {
  readonly source?: string;
}

interface JsonWithRaw {
  parse(text: string, reviver: (key: string, value: unknown, context: ReviverContext) => unknown): unknown;
  rawJSON(text: string): object;
}

const json = JSON as unknown as JsonWithRaw;
const INTEGER = /^-?\d+$/;

/**
 * Integer literals become bigint, other numbers stay numbers.
 * @throws SyntaxError for text that is not JSON.
 */
export function parseJson(text: string): JsonValue {
  return json.parse(text, (_key, value, context) => {
    if (typeof value !== "number") return value;
    return context.source !== undefined && INTEGER.test(context.source) ? BigInt(context.source) : value;
  }) as JsonValue;
}

/** Compact JSON; bigints as bare integers. `indent` spaces when it is given. */
export function stringifyJson(value: unknown, indent?: number): string {
  return JSON.stringify(
    value,
    (_key, item: unknown) => (typeof item === "bigint" ? json.rawJSON(item.toString()) : item),
    indent,
  );
}

/** JSON for consumers that read numbers as doubles: every bigint (id, timestamp, row count) becomes a string. */
export function stringifyJsonExact(value: unknown, indent?: number): string {
  return JSON.stringify(value, (_key, item: unknown) => (typeof item === "bigint" ? item.toString() : item), indent);
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
