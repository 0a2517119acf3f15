/** Temporary files of unfinished puts: their names, and which of them nobody will finish any more. */

import { createHash, randomUUID } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { stat } from "node:fs/promises";
import { hostname } from "node:os";

/** No key may hold a part that starts so; no listing shows one. */
export const TEMP_PREFIX = ".milvus-backup-tmp-";

/** A put writes all the time; one that has not for this long is dead, or fails and is retried when its file is gone. */
const STALE_AFTER_MS = 60 * 60 * 1000;

const NAME = /^\.milvus-backup-tmp-([0-9a-f]{8})-(\d+)-/;
const livePuts = new Set<string>();

/** A name no other put uses, in any process; register its end with `forgetTempName`. */
export function newTempName(): string {
  const name = `${TEMP_PREFIX}${processSpace()}-${process.pid}-${randomUUID()}`;
  livePuts.add(name);
  return name;
}

export function forgetTempName(name: string): void {
  livePuts.delete(name);
}

export function isTempName(name: string): boolean {
  return name.startsWith(TEMP_PREFIX);
}

/** True when the put that wrote the file cannot be running: its process is gone, or it was idle for an hour. */
export async function isStale(path: string, name: string, now: number): Promise<boolean> {
  if (livePuts.has(name)) return false;
  const [, space, pid] = NAME.exec(name) ?? [];
  if (space === processSpace() && pid !== undefined && !isRunning(Number(pid))) return true;
  const { mtimeMs } = await stat(path);
  return now - mtimeMs > STALE_AFTER_MS;
}

let space: string | undefined;

/** Where process ids mean the same: one boot of one host, one process namespace (containers have their own). */
function processSpace(): string {
  if (space === undefined) {
    const parts = [hostname(), read(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8"))];
    parts.push(read(() => readlinkSync("/proc/self/ns/pid")));
    space = createHash("sha256").update(parts.join("\n")).digest("hex").slice(0, 8);
  }
  return space;
}

function read(source: () => string): string {
  try {
    return source();
  } catch {
    // Systems without /proc: the host's name alone tells.
    return "";
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM means that it runs as somebody else.
    return !(error instanceof Error && "code" in error && error.code === "ESRCH");
  }
}
