/** The effective configuration as text, secrets masked (build.ts masks when it makes the entries). */

import type { ConfigEntry } from "./config.ts";

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

function pad(cell: string, column: number, widths: readonly number[]): string {
  if (column === widths.length - 1) return cell;
  return cell + " ".repeat((widths[column] ?? 0) + 2 - [...cell].length);
}

/** Line ends and terminal codes inside a value would break the table. */
function visible(value: string): string {
  return value.replaceAll(/\p{Cc}/gu, (character) => JSON.stringify(character).slice(1, -1));
}
