/** What a configuration key is, as data: resolution, validation, help, documentation and masking all come from it. */

export type KeyType = "string" | "integer" | "boolean" | "enum" | "list";

/** A resolved value: text (also enums), whole number, boolean or list of texts. */
export type Value = string | number | boolean | readonly string[];

export interface KeySpec {
  /** As it is written in a file: "milvus.grpc.port". */
  readonly key: string;
  /** As the table of `config show` writes it: "Milvus.Grpc.Port". */
  readonly display: string;
  readonly type: KeyType;
  readonly default: Value;
  /** Environment variable; its `_FILE` sibling names a file that holds the value (unless `noFileVariable`). */
  readonly env?: string;
  /** The value is itself a path that only looks like a `_FILE` variable. */
  readonly noFileVariable?: true;
  /** Masked wherever it is shown, never quoted in an error. */
  readonly secret?: true;
  /** For enums: canonical spellings; any letter case is read. */
  readonly choices?: readonly string[];
  /** For enums: other spellings that are read as a canonical one. */
  readonly synonyms?: Readonly<Record<string, string>>;
  /** For enums: words of v1 that are refused, and what v2 spells instead. */
  readonly formerWords?: Readonly<Record<string, string>>;
  /** For integers, inclusive. */
  readonly min?: number;
  readonly max?: number;
  /** One sentence without a full stop. */
  readonly help: string;
}

/** The parts of a KeySpec that its neighbours do not share. */
type Extra = Partial<Omit<KeySpec, "key" | "display" | "type" | "default" | "help">>;

type Make = (key: string, display: string, value: Value, help: string, extra?: Extra) => KeySpec;

const make =
  (type: KeyType): Make =>
  (key, display, value, help, extra = {}) => ({ key, display, type, default: value, help, ...extra });

/** Short constructors, so that a schema reads as a table: `text("log.level", "Log.Level", "info", "...")`. */
export const text: Make = make("string");
export const integer: Make = make("integer");
export const flag: Make = make("boolean");
export const choice: Make = make("enum");
export const list: Make = make("list");
