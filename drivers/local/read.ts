/** Reading objects and listing directories. */

import { type BigIntStats, constants, type Dirent } from "node:fs";
import { type FileHandle, lstat, open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { AppError, abortError, throwIfAborted } from "../../src/base/errors.ts";
import type { ByteRange, ObjectBody, ObjectInfo, ObjectKey } from "../../src/storage/driver.ts";
import { fsError, isSystemError } from "./fs_errors.ts";
import { isTempName } from "./temp_files.ts";

/** Large enough that a call's overhead vanishes, small enough that many bodies at once stay small. */
const CHUNK_BYTES = 1024 * 1024;

/** Files asked for their size at once while listing. */
const STAT_BATCH = 64;

export async function statObject(path: string, key: ObjectKey): Promise<ObjectInfo> {
  return infoOf(key, await lstat(path, { bigint: true }));
}

/** @throws NOT_FOUND for anything that is not a plain file, INVALID_RANGE */
export async function openObject(
  path: string,
  key: ObjectKey,
  options: { readonly signal: AbortSignal; readonly range?: ByteRange },
): Promise<ObjectBody> {
  // O_NONBLOCK: opening a named pipe would wait for its writer.
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const info = infoOf(key, await handle.stat({ bigint: true }));
    const start = options.range?.start ?? 0;
    const end = Math.min(options.range?.end ?? info.size, info.size);
    if (start < 0 || start > end || (options.range !== undefined && start >= info.size)) {
      const wanted = `bytes ${start} to ${options.range?.end ?? "the end"}`;
      throw new AppError("INVALID_RANGE", `${wanted} of an object of ${info.size} bytes`);
    }
    return { info, size: end - start, stream: streamFile(handle, start, end, options.signal) };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Closes the file at the end, at a failure, when the reader cancels, and when the signal fires. */
function streamFile(handle: FileHandle, start: number, end: number, signal: AbortSignal): ReadableStream<Uint8Array> {
  let position = start;
  let reading = false;
  let closed = false;
  const close = async (): Promise<void> => {
    signal.removeEventListener("abort", onAbort);
    if (closed || reading) return;
    closed = true;
    await handle.close();
  };
  const onAbort = (): void => void close().catch(() => {});
  signal.addEventListener("abort", onAbort, { once: true });
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          throwIfAborted(signal);
          if (position >= end) {
            await close();
            controller.close();
            return;
          }
          reading = true;
          const buffer = new Uint8Array(Math.min(CHUNK_BYTES, end - position));
          const { bytesRead } = await handle.read(buffer, 0, buffer.length, position).finally(() => {
            reading = false;
          });
          throwIfAborted(signal);
          if (bytesRead === 0)
            throw new AppError("SHORT_BODY", "the file became shorter while it was read", { retriable: true });
          position += bytesRead;
          controller.enqueue(bytesRead === buffer.length ? buffer : buffer.subarray(0, bytesRead));
        } catch (error) {
          await close();
          throw signal.aborted ? abortError(signal) : fsError(error);
        }
      },
      cancel: close,
    },
    // One chunk is read ahead, while the reader works on the one before.
    { highWaterMark: 1 },
  );
}

/**
 * Every object below `directory` in ascending order of its key, one directory's names in memory at a time. A directory
 * sorts as its name and "/", so that the order is the one of whole keys and a listing can go on behind any key.
 */
export async function* listObjects(
  directory: string,
  prefix: string,
  options: { readonly signal: AbortSignal; readonly startAfter?: string; readonly toKey: (text: string) => ObjectKey },
): AsyncGenerator<ObjectInfo, void, undefined> {
  const { signal, startAfter } = options;
  throwIfAborted(signal);
  const names = (await entriesOf(directory)).map((entry) => ({
    entry,
    path: prefix + entry.name + (entry.isDirectory() ? "/" : ""),
  }));
  names.sort((a, b) => (a.path < b.path ? -1 : 1));
  let batch: ObjectKey[] = [];
  const flush = async function* (): AsyncGenerator<ObjectInfo, void, undefined> {
    const infos = await Promise.all(batch.map((key) => statListed(join(directory, key.slice(prefix.length)), key)));
    batch = [];
    for (const info of infos) {
      throwIfAborted(signal);
      if (info !== undefined) yield info;
    }
  };
  for (const { entry, path } of names) {
    if (entry.isDirectory()) {
      if (startAfter !== undefined && path < startAfter && !startAfter.startsWith(path)) continue;
      yield* flush();
      yield* listObjects(join(directory, entry.name), path, options);
    } else if (entry.isSymbolicLink()) {
      throw new AppError(
        "ACCESS_DENIED",
        `${path} is a symbolic link, which is not followed below a root path; use a mount`,
      );
    } else if (entry.isFile() && !isTempName(entry.name) && (startAfter === undefined || path > startAfter)) {
      batch.push(options.toKey(path));
      if (batch.length >= STAT_BATCH) yield* flush();
    }
  }
  yield* flush();
}

/** Names of the directories that hold objects, at any depth. */
export async function* listDirectories(
  directory: string,
  signal: AbortSignal,
): AsyncGenerator<string, void, undefined> {
  for (const entry of await entriesOf(directory)) {
    throwIfAborted(signal);
    if (entry.isDirectory() && (await holdsObjects(join(directory, entry.name), signal))) yield entry.name;
  }
}

async function holdsObjects(directory: string, signal: AbortSignal): Promise<boolean> {
  throwIfAborted(signal);
  const entries = await entriesOf(directory);
  if (entries.some((entry) => entry.isFile() && !isTempName(entry.name))) return true;
  for (const entry of entries) {
    if (entry.isDirectory() && (await holdsObjects(join(directory, entry.name), signal))) return true;
  }
  return false;
}

/** Undefined for a file that was deleted since its directory was read. */
async function statListed(path: string, key: ObjectKey): Promise<ObjectInfo | undefined> {
  try {
    return await statObject(path, key);
  } catch (error) {
    if (!isSystemError(error, "ENOENT") && !(error instanceof AppError && error.code === "NOT_FOUND")) throw error;
    // Such a name is what an undecodable one is shown as; leaving its object out would be a backup that lacks it.
    if (key.includes("\ufffd")) throw new AppError("INVALID_KEY", `the file name ${key} is not UTF-8`);
    return undefined;
  }
}

/** What lies in a directory; nothing in one that is not there. */
export async function entriesOf(directory: string): Promise<Dirent[]> {
  try {
    return await readdir(directory, { withFileTypes: true });
  } catch (error) {
    if (isSystemError(error, "ENOENT", "ENOTDIR")) return [];
    throw error;
  }
}

function infoOf(key: ObjectKey, stats: BigIntStats): ObjectInfo {
  if (!stats.isFile())
    throw new AppError("NOT_FOUND", "there is no such object, only something that is not a plain file");
  const etag = [stats.ino, stats.mtimeNs, stats.size].map((part) => part.toString(36)).join("-");
  return { key, size: Number(stats.size), lastModified: stats.mtime, etag, checksums: {} };
}
