/**
 * A directory tree: each object is a file below the root path. A put writes a hidden temporary file in the target's
 * directory, syncs it, renames it and syncs the directory, so that an object is there whole, or not, also after a power cut.
 */

import { stat, unlink } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { AppError, throwIfAborted, withContext } from "../../src/base/errors.ts";
import type {
  DriverContext,
  DriverDefinition,
  ObjectKey,
  OptionValues,
  StorageDriver,
} from "../../src/storage/driver.ts";
import { Directories } from "./directories.ts";
import { fsError, isSystemError } from "./fs_errors.ts";
import { listDirectories, listObjects, openObject, statObject } from "./read.ts";
import { TEMP_PREFIX } from "./temp_files.ts";
import { copyObject, writeObject } from "./write.ts";

export const definition: DriverDefinition = {
  apiVersion: 1,
  name: "local",
  description: "A directory of the local file system or of a mounted one (NFS, a disk to carry away).",
  rootPathIs: "directory",
  options: {
    localPath: {
      type: "string",
      description: "The same directory as Milvus sees it, when it is mounted elsewhere there.",
    },
  },
  open: openLocal,
};

async function openLocal(options: OptionValues, context: DriverContext): Promise<StorageDriver> {
  if (context.rootPath === "") throw new AppError("CONFIG_INVALID", "rootPath must name a directory");
  const root = resolve(context.rootPath);
  const native = typeof options.localPath === "string" && options.localPath !== "" ? options.localPath : root;
  await refuseFile(root);
  const directories = new Directories(root);
  const pathOf = (key: ObjectKey): string => {
    if (!key.split("/").some((part) => part.startsWith(TEMP_PREFIX))) return join(root, context.host.objectKey(key));
    throw new AppError("INVALID_KEY", `names that start with ${TEMP_PREFIX} are kept for unfinished files`);
  };
  /** Refuses links, then runs the work; all errors leave in our codes. */
  const at = async <T>(key: ObjectKey, signal: AbortSignal, work: (path: string) => Promise<T>): Promise<T> => {
    throwIfAborted(signal);
    try {
      const path = pathOf(key);
      await directories.check(dirname(path));
      return await work(path);
    } catch (error) {
      throw fsError(error);
    }
  };

  const checkPrefix = async (prefix: string): Promise<void> => {
    if (prefix === "") return;
    try {
      await directories.check(join(root, context.host.objectKey(prefix.replace(/\/$/, ""))));
    } catch (error) {
      if (!isSystemError(error, "ENOENT", "ENOTDIR")) throw error;
    }
  };

  return {
    name: "local",
    location: root,
    backendId: "local",
    spaceId: spaceOf(root, native),
    capabilities: {
      atomicPut: true,
      ifAbsent: true,
      rangeRead: true,
      serverSideCopy: true,
      checksums: [],
      durableChecksums: false,
      orderedList: true,
      connections: 32,
    },
    nativePath: (key) => (key === "" ? native : `${native.replace(/\/+$/, "")}/${key}`),

    stat: (key, { signal }) => at(key, signal, (path) => statObject(path, key)),

    get: (key, call) => at(key, call.signal, (path) => openObject(path, key, call)),

    async *list(prefix, { signal, startAfter }) {
      try {
        const options = { signal, toKey: context.host.objectKey, ...(startAfter === undefined ? {} : { startAfter }) };
        await checkPrefix(prefix);
        yield* listObjects(join(root, prefix), prefix, options);
      } catch (error) {
        throw fsError(error);
      }
    },

    async *listDirectories(prefix, { signal }) {
      try {
        await checkPrefix(prefix);
        yield* listDirectories(join(root, prefix), signal);
      } catch (error) {
        throw fsError(error);
      }
    },

    async put(key, body, call) {
      throwIfAborted(call.signal);
      try {
        const path = pathOf(key);
        await writeObject(directories, path, body, call);
        return await statObject(path, key);
      } catch (error) {
        throw fsError(error);
      }
    },

    async delete(key, { signal }) {
      throwIfAborted(signal);
      try {
        const path = pathOf(key);
        await directories.check(dirname(path));
        await unlink(path);
        await directories.removeEmpty(dirname(path));
      } catch (error) {
        if (!isSystemError(error, "ENOENT", "ENOTDIR", "EISDIR")) throw fsError(error);
      }
    },

    async copyFrom(source, from, to, { signal }) {
      throwIfAborted(signal);
      if (source.backendId !== "local") throw new AppError("UNSUPPORTED", "the source is not in the local file system");
      try {
        // The location of a local root is its directory; its native path is what Milvus sees.
        const sourcePath = join(source.location, context.host.objectKey(from.key));
        await new Directories(source.location)
          .check(dirname(sourcePath))
          .catch((error) => Promise.reject(fsError(error)));
        await copyObject(directories, sourcePath, pathOf(to), { size: from.size, signal });
        return await statObject(pathOf(to), to);
      } catch (error) {
        throw fsError(error);
      }
    },

    async [Symbol.asyncDispose]() {},
  };
}

async function refuseFile(root: string): Promise<void> {
  const stats = await stat(root).catch((error: unknown) => {
    if (isSystemError(error, "ENOENT")) return undefined;
    throw withContext(fsError(error), `rootPath ${root}`);
  });
  if (stats !== undefined && !stats.isDirectory())
    throw new AppError("CONFIG_INVALID", `rootPath ${root} is not a directory`);
}

/** Roots of this file system share a space when Milvus sees them under the same mapping of directories. */
function spaceOf(root: string, native: string): string {
  let [here, there] = [root, native.replace(/\/+$/, "")];
  while (
    here !== there &&
    here.slice(here.lastIndexOf("/")) === there.slice(there.lastIndexOf("/")) &&
    here.includes("/")
  ) {
    [here, there] = [here.slice(0, here.lastIndexOf("/")), there.slice(0, there.lastIndexOf("/"))];
  }
  return here === there ? "local" : `local:${here}=${there}`;
}
