/** The `--set KEY=VALUE` flags. */

import { AppError } from "../base/errors.ts";
import type { Raw } from "./raw.ts";

export interface Override {
  readonly raw: Raw;
  /** "--set flag 2, part 3": how to name it without quoting it, since it may be a piece of a password with a comma. */
  readonly place: string;
  /** Keys of the earlier parts of the same flag, in lower case: this part may be the rest of their value. */
  readonly before: readonly string[];
}

/** Key in lower case -> the last override that named it. */
export type Overrides = ReadonlyMap<string, Override>;

/**
 * Each flag is one CSV record: `a=1,b=2` sets two keys, and `"a=1,2"` (quoted inside the argument) one.
 * @throws CONFIG_INVALID for a part without "=", which is not quoted: it may be a piece of a password.
 */
export function parseOverrides(flags: readonly string[]): Overrides {
  const overrides = new Map<string, Override>();
  for (const [index, argument] of flags.entries()) {
    const before: string[] = [];
    for (const [part, text] of splitRecord(argument).entries()) {
      const place = `--set flag ${index + 1}, part ${part + 1}`;
      const equals = text.indexOf("=");
      if (equals <= 0) {
        throw new AppError(
          "CONFIG_INVALID",
          `configuration: ${place}: invalid --set format, want KEY=VALUE; ` +
            `a value with a comma needs quotes of its own: --set '"KEY=a,b"'`,
        );
      }
      const name = text.slice(0, equals).trim();
      const value = text.slice(equals + 1);
      const origin = { source: "override", name, where: `--set ${name}` } as const;
      const raw: Raw = { value: { kind: "scalar", value, text: value }, origin };
      overrides.set(name.toLowerCase(), { raw, place, before: [...before] });
      before.push(name.toLowerCase());
    }
  }
  return overrides;
}

/** One CSV record; a quote inside an unquoted field stands for itself. */
function splitRecord(record: string): string[] {
  if (record === "") return [];
  const fields: string[] = [];
  let position = 0;
  for (;;) {
    let field = "";
    if (record[position] === '"') {
      const quoted = /"((?:[^"]|"")*)("?)/y;
      quoted.lastIndex = position;
      const match = quoted.exec(record);
      field = (match?.[1] ?? "").replaceAll('""', '"');
      position = match === null ? record.length : quoted.lastIndex;
    }
    const comma = record.indexOf(",", position);
    const end = comma === -1 ? record.length : comma;
    field += record.slice(position, end);
    fields.push(field);
    if (comma === -1) return fields;
    position = comma + 1;
  }
}
