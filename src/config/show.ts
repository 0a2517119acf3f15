/** The effective configuration as text and as data, secrets masked (build.ts masks when it makes the entries). */

import type { ConfigEntry, ConfigSource } from "./config.ts";

const HEADERS = ["PARAMETER", "VALUE", "SOURCE", "SOURCE_KEY"] as const;

/**
 * The table of `config show`, without a last line end: columns padded to their widest cell and two blanks, the last one
 * as it is. The same bytes as milvus-backup's Go tool writes for the same entries.
 */
export function configTable(entries: readonly ConfigEntry[]): string {
  const rows = [
    [...HEADERS],
    HEADERS.map((header) => "-".repeat(header.length)),
    ...entries.map((entry) => [entry.display, visible(entry.value), entry.source, entry.sourceKey]),
  ];
  const widths = HEADERS.map((_, column) => Math.max(...rows.map((row) => [...(row[column] ?? "")].length)));
  return rows.map((row) => row.map((cell, column) => pad(cell, column, widths)).join("")).join("\n");
}

/** One object for each key, in table order. */
export function configJson(entries: readonly ConfigEntry[]): {
  readonly parameters: readonly {
    readonly key: string;
    readonly value: string;
    readonly source: ConfigSource;
    readonly sourceKey: string;
  }[];
} {
  return {
    parameters: entries.map(({ key, value, source, sourceKey }) => ({ key, value, source, sourceKey })),
  };
}

function pad(cell: string, column: number, widths: readonly number[]): string {
  if (column === widths.length - 1) return cell;
  return cell + " ".repeat((widths[column] ?? 0) + 2 - [...cell].length);
}

/** Line ends and terminal codes inside a value would break the table. */
function visible(value: string): string {
  return value.replaceAll(/\p{Cc}/gu, (character) => JSON.stringify(character).slice(1, -1));
}
