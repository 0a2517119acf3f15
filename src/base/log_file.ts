/** Log lines into a file that is rotated by size; old ones are removed by number and age. */

import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { basename, dirname, extname, join } from "node:path";

const MIB = 1024 * 1024;
const DAY_MS = 24 * 3600 * 1000;
/** What stands between stem and extension of a rotated file. */
const STAMP = /^-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-\d{3}Z$/;

export interface LogFileOptions {
  readonly path: string;
  /** A file that has grown beyond it is renamed and a new one begun. */
  readonly maxSizeMiB: number;
  /** Rotated files older than this are removed; 0 keeps them. */
  readonly maxDays: number;
  /** Rotated files kept at most; 0 keeps all. */
  readonly maxBackups: number;
  readonly now: () => Date;
}

export interface LogFile {
  write(line: string): void;
  close(): void;
}

/** Opened at the first line, so a command that logs nothing leaves no file. @throws the file system's error on write */
export function openLogFile(options: LogFileOptions): LogFile {
  let file: number | undefined;
  let size = 0;
  const open = (): number => {
    mkdirSync(dirname(options.path), { recursive: true });
    const opened = openSync(options.path, "a", 0o600);
    size = fstatSync(opened).size;
    return opened;
  };
  const close = (): void => {
    if (file !== undefined) closeSync(file);
    file = undefined;
  };
  return {
    write(line) {
      file ??= open();
      if (size > options.maxSizeMiB * MIB) {
        close();
        rotate(options);
        file = open();
      }
      size += writeSync(file, `${line}\n`);
    },
    close,
  };
}

/** backup.log -> backup-2026-01-02T03-04-05-678Z.log */
function rotate(options: LogFileOptions): void {
  const extension = extname(options.path);
  const stem = basename(options.path, extension);
  const folder = dirname(options.path);
  const stamp = options.now().toISOString().replaceAll(/[:.]/g, "-");
  renameSync(options.path, join(folder, `${stem}-${stamp}${extension}`));
  const rotated = readdirSync(folder)
    // Another program's "backup-server.log" beside ours is not ours to remove.
    .filter((name) => name.startsWith(stem) && name.endsWith(extension))
    .filter((name) => STAMP.test(name.slice(stem.length, name.length - extension.length)))
    .toSorted()
    .toReversed();
  const oldest = options.now().getTime() - options.maxDays * DAY_MS;
  for (const [index, name] of rotated.entries()) {
    const path = join(folder, name);
    const tooMany = options.maxBackups > 0 && index >= options.maxBackups;
    const tooOld = options.maxDays > 0 && statSync(path).mtimeMs < oldest;
    if (tooMany || tooOld) unlinkSync(path);
  }
}
