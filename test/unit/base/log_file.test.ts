import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type LogFile, openLogFile } from "../../../src/base/log_file.ts";

const MIB = 1024 * 1024;
let folder = "";
let clock = 0;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "log-file-"));
  clock = Date.parse("2026-01-02T03:04:05.678Z");
});
afterEach(() => rmSync(folder, { recursive: true }));

function open(limits: { readonly maxBackups?: number; readonly maxDays?: number } = {}): LogFile {
  const path = join(folder, "logs", "backup.log");
  const now = () => {
    clock += 1000;
    return new Date(clock);
  };
  return openLogFile({ path, maxSizeMiB: 1, maxDays: 0, maxBackups: 0, ...limits, now });
}

const names = (): readonly string[] => readdirSync(join(folder, "logs")).sort();

/** More than one file may hold. */
function fill(file: LogFile, times: number): void {
  for (let index = 0; index < times; index += 1) file.write("x".repeat(MIB));
}

test("is made with its folder at the first line, and goes on where it ended", () => {
  const first = open();
  expect(existsSync(join(folder, "logs"))).toBe(false);
  first.write("one");
  first.close();
  const second = open();
  second.write("two");
  second.close();
  expect(readFileSync(join(folder, "logs", "backup.log"), "utf8")).toBe("one\ntwo\n");
});

test("a file that has grown too large is put aside under the time", () => {
  const file = open();
  fill(file, 2);
  file.close();
  expect(names()).toEqual(["backup-2026-01-02T03-04-06-678Z.log", "backup.log"]);
});

test("only so many rotated files are kept, the newest, and files of others are left alone", () => {
  const file = open({ maxBackups: 2 });
  file.write("first");
  const others = ["backup-server.log", "backup-2026.log", "backup-2026-01-01T00-00-00-000Z.txt", "backups.log"];
  for (const name of others) writeFileSync(join(folder, "logs", name), "");
  fill(file, 5);
  file.close();
  expect(names()).toEqual(
    [...others, "backup.log", "backup-2026-01-02T03-04-10-678Z.log", "backup-2026-01-02T03-04-12-678Z.log"].sort(),
  );
});

test("rotated files that are too old are removed", () => {
  const file = open({ maxDays: 7 });
  file.write("first");
  for (const [name, day] of [
    ["backup-2025-12-01T00-00-00-000Z.log", "2025-12-01"],
    ["backup-2025-12-30T00-00-00-000Z.log", "2025-12-30"],
  ] as const) {
    const path = join(folder, "logs", name);
    writeFileSync(path, "");
    utimesSync(path, new Date(day), new Date(day));
  }
  fill(file, 2);
  file.close();
  expect(names()).toEqual([
    "backup-2025-12-30T00-00-00-000Z.log",
    expect.stringMatching(/^backup-2026-01-02T/),
    "backup.log",
  ]);
});
