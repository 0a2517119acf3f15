/** Putting and copying objects: all or nothing, and durable before it is reported. */

import { constants } from "node:fs";
import { copyFile, type FileHandle, link, lstat, open, rename, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createHasher } from "../../src/base/checksum.ts";
import { AppError, abortError, throwIfAborted } from "../../src/base/errors.ts";
import { chunksOf, expectSize } from "../../src/base/streams.ts";
import type { PutBody, PutOptions } from "../../src/storage/driver.ts";
import type { Directories } from "./directories.ts";
import { fsError, isSystemError } from "./fs_errors.ts";
import { forgetTempName, newTempName } from "./temp_files.ts";

/** Times a put makes its directory again when somebody who deletes removes it as empty just then. */
const DIRECTORY_TRIES = 20;

/** Writes into a temporary file beside the target, then gives it its name. @returns nothing: the file is there */
export async function writeObject(
  directories: Directories,
  path: string,
  body: PutBody,
  options: PutOptions,
): Promise<void> {
  const { signal } = options;
  // Only saves the transfer; what decides is the link at the end.
  if (options.ifAbsent === true && (await exists(path))) throw existsAlready();
  await throughTempFile(directories, path, options.ifAbsent === true, async (temp) => {
    const handle = await open(temp, "wx");
    try {
      await writeBody(handle, body, options);
      throwIfAborted(signal);
      await handle.sync();
      throwIfAborted(signal);
    } finally {
      await handle.close();
    }
  });
}

/** Copies a file, sharing its blocks where the file system can. @throws ABORTED at once; the copy then ends behind it */
export async function copyObject(
  directories: Directories,
  from: string,
  to: string,
  options: { readonly size: number; readonly signal: AbortSignal },
): Promise<void> {
  await refuseUnlessFile(from);
  await throughTempFile(directories, to, false, async (temp) => {
    await unlessAborted(
      copyFile(from, temp, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL),
      temp,
      options.signal,
    );
    const handle = await open(temp, "r+");
    try {
      const { size } = await handle.stat();
      if (size !== options.size) {
        throw new AppError("SHORT_BODY", `the source changed: copied ${size} of ${options.size} bytes`, {
          retriable: true,
        });
      }
      await handle.sync();
      throwIfAborted(options.signal);
    } finally {
      await handle.close();
    }
  });
}

async function throughTempFile(
  directories: Directories,
  path: string,
  ifAbsent: boolean,
  fill: (temp: string) => Promise<void>,
): Promise<void> {
  const directory = dirname(path);
  for (let attempt = 1; ; attempt += 1) {
    const name = newTempName();
    const temp = join(directory, name);
    try {
      await makeDirectory(directories, directory);
      await fill(temp);
      if (ifAbsent) await linkAbsent(temp, path);
      else await replace(temp, path);
      await directories.sync(directory);
      return;
    } catch (error) {
      await unlink(temp).catch(() => {});
      if (!isSystemError(error, "ENOENT")) {
        // Parents that were made for nothing are not left behind.
        await directories.removeEmpty(directory);
        throw error;
      }
      directories.forget(directory);
      if (attempt >= DIRECTORY_TRIES) throw error;
    } finally {
      forgetTempName(name);
    }
  }
}

async function makeDirectory(directories: Directories, directory: string): Promise<void> {
  try {
    await directories.make(directory);
  } catch (error) {
    if (!isSystemError(error, "ENOTDIR", "EEXIST")) throw error;
    throw new AppError(
      "INVALID_KEY",
      "an object has the name of a directory of this key, and a file system cannot have both",
      {
        cause: error,
      },
    );
  }
}

async function writeBody(handle: FileHandle, body: PutBody, options: PutOptions): Promise<void> {
  const hasher = options.checksum === undefined ? undefined : createHasher(options.checksum.algorithm);
  const source = expectSize(await body.open(options.signal), body.size, "the body");
  for await (const chunk of chunksOf(source, options.signal)) {
    hasher?.update(chunk);
    for (let offset = 0; offset < chunk.length; ) {
      const { bytesWritten } = await handle.write(chunk, offset, chunk.length - offset);
      offset += bytesWritten;
    }
  }
  if (hasher === undefined || options.checksum === undefined) return;
  const actual = hasher.digest().value;
  if (actual === options.checksum.value) return;
  const { algorithm, value } = options.checksum;
  throw new AppError("CHECKSUM_MISMATCH", `${algorithm} is ${actual}, declared was ${value}`);
}

/** A link fails where a rename would replace. */
async function linkAbsent(temp: string, path: string): Promise<void> {
  try {
    await link(temp, path);
  } catch (error) {
    throw isSystemError(error, "EEXIST") ? existsAlready() : error;
  }
  await unlink(temp);
}

async function replace(temp: string, path: string): Promise<void> {
  try {
    await rename(temp, path);
  } catch (error) {
    if (!isSystemError(error, "EISDIR", "ENOTEMPTY", "EEXIST")) throw error;
    throw new AppError("INVALID_KEY", "a directory has the name of this key, and a file system cannot have both", {
      cause: error,
    });
  }
}

/** A file copy cannot be interrupted: an abort rejects at once, and the file is removed when the copy has ended. */
async function unlessAborted(copying: Promise<void>, temp: string, signal: AbortSignal): Promise<void> {
  const aborted = Promise.withResolvers<never>();
  const stop = (): void => aborted.reject(abortError(signal));
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  try {
    await Promise.race([copying, aborted.promise]);
  } catch (error) {
    copying.then(
      () => unlink(temp).catch(() => {}),
      () => {},
    );
    throw error;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** Said before anything is tried, so that a missing source is not taken for a missing target directory. */
async function refuseUnlessFile(path: string): Promise<void> {
  const stats = await lstat(path).catch((error) => Promise.reject(fsError(error)));
  if (!stats.isFile()) throw new AppError("NOT_FOUND", "the source is not a plain file");
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (isSystemError(error, "ENOENT", "ENOTDIR")) return false;
    throw error;
  }
}

function existsAlready(): AppError {
  return new AppError("ALREADY_EXISTS", "the object exists already");
}
