/** Names of backups: a strict rule for new ones, a safe one for those that exist. */

import { AppError } from "../base/errors.ts";
import { MILVUS_FOLDERS } from "../base/milvus_folders.ts";

const MAX_NEW_NAME_BYTES = 128;
const MAX_FOLDER_BYTES = 255;
const encoder = new TextEncoder();

/** The name itself when a new backup may bear it. @throws USAGE with the reason. */
export function validateBackupName(name: string): string {
  const reason = refusalOfNewName(name);
  if (reason === undefined) return name;
  throw new AppError(
    "USAGE",
    `backup name ${shown(name)} is refused: ${reason}; choose a name of ASCII letters, digits and "_"`,
  );
}

/** The name itself when it is one safe path part: enough to read, list or delete an existing backup. @throws USAGE */
export function safeBackupName(name: string): string {
  const reason = refusalOfFolder(name);
  if (reason === undefined) return name;
  throw new AppError("USAGE", `backup name ${shown(name)} is refused: ${reason}; \`list\` shows the names that exist`);
}

/** The question of safeBackupName without its error. */
export function isSafeBackupName(name: string): boolean {
  return refusalOfFolder(name) === undefined;
}

/** "backup_2026_01_02_03_04_05_678000000": UTC, then the nanoseconds of the second without padding. */
export function defaultBackupName(now: Date): string {
  const [date = "", time = ""] = now.toISOString().split("T");
  const second = `${date}_${time.slice(0, 8)}`.replace(/[-:]/g, "_");
  return `backup_${second}_${now.getUTCMilliseconds() * 1_000_000}`;
}

function refusalOfNewName(name: string): string | undefined {
  if (name === "") return "it is empty";
  if (/\s/u.test(name)) return "it holds whitespace";
  const bytes = encoder.encode(name).length;
  if (bytes > MAX_NEW_NAME_BYTES) return `it has ${bytes} bytes, more than ${MAX_NEW_NAME_BYTES}`;
  if (!/^[_A-Za-z]/.test(name)) return 'its first character is neither "_" nor an ASCII letter';
  const wrong = /[^A-Za-z0-9_]/u.exec(name);
  if (wrong !== null) return `it holds ${JSON.stringify(wrong[0])}`;
  // The backup root may be the Milvus root: Milvus would fill the folder, and a delete of the backup would empty it.
  return MILVUS_FOLDERS.includes(name) ? "Milvus keeps its own data under this name" : undefined;
}

function refusalOfFolder(name: string): string | undefined {
  if (name === "") return "it is empty";
  if (name === "." || name === "..") return "it is a path, not a name";
  if (/[/\\]/.test(name)) return "it holds a path separator";
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused here
  if (/[\u0000-\u001f\u007f]/.test(name)) return "it holds a control character";
  if (encoder.encode(name).length > MAX_FOLDER_BYTES) return `it is longer than ${MAX_FOLDER_BYTES} bytes`;
  return undefined;
}

function shown(name: string): string {
  return JSON.stringify(name.length > 60 ? `${name.slice(0, 60)}...` : name);
}
