/**
 * The reference driver: objects in this process's memory, for tests and as the shortest correct example.
 * Roots opened on the same `store` name share their objects; a store lives as long as the process.
 */

import { checksumOf } from "../../src/base/checksum.ts";
import { AppError, abortError, throwIfAborted } from "../../src/base/errors.ts";
import { chunksOf } from "../../src/base/streams.ts";
import type {
  DriverContext,
  DriverDefinition,
  ObjectInfo,
  ObjectKey,
  OptionValues,
  StorageDriver,
} from "../../src/storage/driver.ts";

interface Stored {
  readonly content: Uint8Array;
  readonly lastModified: Date;
  readonly checksums: ObjectInfo["checksums"];
}

const CHUNK_BYTES = 1024 * 1024;
/** By store name: objects by root path and key. */
const stores = new Map<string, Map<string, Stored>>();

export const definition: DriverDefinition = {
  apiVersion: 1,
  name: "memory",
  description: "Objects in this process's memory, for tests and as an example; nothing outlives the process.",
  options: {
    store: { type: "string", description: "Roots with the same store share their objects.", default: "default" },
  },
  open: async (options, context) => openMemory(options, context),
};

function openMemory(options: OptionValues, context: DriverContext): StorageDriver {
  const storeName = String(options.store);
  const objects = stores.get(storeName) ?? new Map<string, Stored>();
  stores.set(storeName, objects);
  const nativePath = (key: string): string => [context.rootPath, key].filter((part) => part !== "").join("/");
  const rootPrefix = context.rootPath === "" ? "" : `${context.rootPath}/`;

  /** Full name of an object; a text that is no key, cast by some caller, gets no further. */
  const nameOf = (key: ObjectKey): string => nativePath(context.host.objectKey(key));

  const find = (key: ObjectKey, signal: AbortSignal): Stored => {
    throwIfAborted(signal);
    const stored = objects.get(nameOf(key));
    if (stored === undefined) throw new AppError("NOT_FOUND", "there is no such object", { details: { key } });
    return stored;
  };
  /** Names below the prefix, relative to the root, in order; taken at once, so that changes meanwhile do no harm. */
  const namesBelow = (prefix: string): ObjectKey[] =>
    [...objects.keys()]
      .filter((name) => name.startsWith(rootPrefix + prefix))
      .map((name) => context.host.objectKey(name.slice(rootPrefix.length)))
      .sort();

  return {
    name: "memory",
    location: `memory://${nativePath("") === "" ? storeName : `${storeName}/${nativePath("")}`}`,
    backendId: `memory:${storeName}`,
    spaceId: `memory:${storeName}`,
    capabilities: {
      atomicPut: true,
      ifAbsent: true,
      rangeRead: true,
      serverSideCopy: true,
      checksums: ["crc32", "sha256"],
      durableChecksums: true,
      orderedList: true,
      connections: 64,
    },
    nativePath,

    async stat(key, { signal }) {
      return infoOf(key, find(key, signal));
    },

    async *list(prefix, { signal, startAfter }) {
      for (const key of namesBelow(prefix)) {
        throwIfAborted(signal);
        const stored = objects.get(nativePath(key));
        if (stored !== undefined && (startAfter === undefined || key > startAfter)) yield infoOf(key, stored);
      }
    },

    async *listDirectories(prefix, { signal }) {
      const rests = namesBelow(prefix).map((key) => key.slice(prefix.length));
      const directories = rests.filter((rest) => rest.includes("/")).map((rest) => rest.slice(0, rest.indexOf("/")));
      for (const directory of new Set(directories)) {
        throwIfAborted(signal);
        yield directory;
      }
    },

    async get(key, { signal, range }) {
      const stored = find(key, signal);
      const size = stored.content.length;
      const start = range?.start ?? 0;
      const end = Math.min(range?.end ?? size, size);
      if (start < 0 || start > end || (range !== undefined && start >= size)) {
        throw new AppError(
          "INVALID_RANGE",
          `bytes ${start} to ${range?.end ?? "the end"} of an object of ${size} bytes`,
        );
      }
      return {
        info: infoOf(key, stored),
        size: end - start,
        stream: streamFrom(stored.content.subarray(start, end), signal),
      };
    },

    async put(key, body, { signal, ifAbsent, checksum }) {
      throwIfAborted(signal);
      const name = nameOf(key);
      const content = new Uint8Array(body.size);
      let length = 0;
      const source = context.host.expectSize(await body.open(signal), body.size, "the body");
      for await (const chunk of chunksOf(source, signal)) {
        content.set(chunk, length);
        length += chunk.length;
      }
      if (checksum !== undefined) {
        const actual = checksumOf(checksum.algorithm, content).value;
        if (actual !== checksum.value) {
          throw new AppError("CHECKSUM_MISMATCH", `${checksum.algorithm} is ${actual}, declared was ${checksum.value}`);
        }
      }
      // From here to the set there is no await: that is what makes ifAbsent and the replacement atomic.
      if (ifAbsent === true && objects.has(name)) throw new AppError("ALREADY_EXISTS", "the object exists already");
      return infoOf(key, store(name, content));
    },

    async delete(key, { signal }) {
      throwIfAborted(signal);
      objects.delete(nameOf(key));
    },

    async copyFrom(source, from, to, { signal }) {
      throwIfAborted(signal);
      if (source.backendId !== this.backendId) throw new AppError("UNSUPPORTED", "the source is in another store");
      const stored = objects.get(source.nativePath(from.key));
      if (stored === undefined)
        throw new AppError("NOT_FOUND", "the source object is gone", { details: { key: from.key } });
      return infoOf(to, store(nameOf(to), stored.content));
    },

    async [Symbol.asyncDispose]() {},
  };

  function store(name: string, content: Uint8Array): Stored {
    const checksums = { crc32: checksumOf("crc32", content).value, sha256: checksumOf("sha256", content).value };
    const stored: Stored = { content, lastModified: new Date(), checksums };
    objects.set(name, stored);
    return stored;
  }
}

function infoOf(key: ObjectKey, stored: Stored): ObjectInfo {
  const { content, lastModified, checksums } = stored;
  return { key, size: content.length, lastModified, etag: checksums.sha256 ?? "", checksums };
}

/** Copies of the content, chunk by chunk, so that a reader that changes its bytes changes nothing here. */
function streamFrom(content: Uint8Array, signal: AbortSignal): ReadableStream<Uint8Array> {
  let offset = 0;
  return new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (signal.aborted) throw abortError(signal);
        if (offset >= content.length) return controller.close();
        controller.enqueue(content.slice(offset, offset + CHUNK_BYTES));
        offset += CHUNK_BYTES;
      },
    },
    { highWaterMark: 0 },
  );
}
