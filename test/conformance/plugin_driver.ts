/**
 * A driver as its author would write it outside this project: one file, types only from "milvus-backup/driver", everything
 * else from the host and from node. Contents are files of a scratch directory, their keys an index in memory.
 */

import { type FileHandle, mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import type {
  CallOptions,
  DriverContext,
  DriverDefinition,
  DriverHost,
  ObjectInfo,
  ObjectKey,
  PutBody,
  PutOptions,
  StorageDriver,
} from "milvus-backup/driver";

interface Entry {
  readonly file: string;
  readonly size: number;
  readonly lastModified: Date;
}

const CHUNK_BYTES = 256 * 1024;

/** By directory: entries by root path and key. */
const indexes = new Map<string, Map<string, Entry>>();

export default (host: DriverHost): DriverDefinition => ({
  apiVersion: 1,
  name: "scratch",
  aliases: ["scratch-directory"],
  description: "Files of a scratch directory, forgotten when the process ends; an example of a plugin driver.",
  options: {
    directory: { type: "string", description: "Where the files are.", required: true },
    password: { type: "secret", description: "Not used; here to show what a secret option is." },
  },
  open: async (options, context) => openScratch(host, String(options.directory), context),
});

function openScratch(host: DriverHost, directory: string, context: DriverContext): StorageDriver {
  const root = context.rootPath === "" ? "" : `${context.rootPath}/`;
  const index = indexes.get(directory) ?? new Map<string, Entry>();
  indexes.set(directory, index);

  const nameOf = (key: ObjectKey): string => root + host.objectKey(key);

  const find = (key: ObjectKey, { signal }: CallOptions): Entry => {
    refuseAborted(host, signal);
    const entry = index.get(nameOf(key));
    if (entry === undefined) throw host.error("NOT_FOUND", "there is no such object", { details: { key } });
    return entry;
  };

  async function* list(prefix: string, { signal }: CallOptions): AsyncGenerator<ObjectInfo> {
    // A copy: what is put or deleted meanwhile must not disturb the loop.
    for (const [name, entry] of [...index]) {
      refuseAborted(host, signal);
      if (name.startsWith(root + prefix)) yield infoOf(host.objectKey(name.slice(root.length)), entry);
    }
    refuseAborted(host, signal);
  }

  async function put(key: ObjectKey, body: PutBody, options: PutOptions): Promise<ObjectInfo> {
    refuseAborted(host, options.signal);
    const name = nameOf(key);
    const entry = { file: join(directory, crypto.randomUUID()), size: body.size, lastModified: new Date() };
    await mkdir(directory, { recursive: true });
    try {
      await writeFile(host, entry.file, body, options);
      const before = index.get(name);
      if (options.ifAbsent === true && before !== undefined) throw host.error("ALREADY_EXISTS", "it exists already");
      // From here on readers find the new content; who has opened the old file keeps it.
      index.set(name, entry);
      if (before !== undefined) await rm(before.file, { force: true });
      return infoOf(key, entry);
    } catch (error) {
      await rm(entry.file, { force: true });
      throw error;
    }
  }

  return {
    name: "scratch",
    location: `scratch:${directory}/${context.rootPath}`,
    backendId: `scratch:${directory}`,
    spaceId: `scratch:${directory}`,
    capabilities: {
      atomicPut: true,
      ifAbsent: true,
      rangeRead: true,
      serverSideCopy: false,
      checksums: [],
      durableChecksums: false,
      connections: 16,
    },
    nativePath: (key) => (key === "" ? context.rootPath : root + key),
    list,
    put,
    async stat(key, options) {
      return infoOf(key, find(key, options));
    },
    async *listDirectories(prefix, options) {
      const seen = new Set<string>();
      for await (const { key } of list(prefix, options)) {
        const rest = key.slice(prefix.length);
        const name = rest.slice(0, Math.max(0, rest.indexOf("/")));
        if (name === "" || seen.has(name)) continue;
        seen.add(name);
        yield name;
      }
    },
    async get(key, { signal, range }) {
      const entry = find(key, { signal });
      const start = range?.start ?? 0;
      const end = Math.min(range?.end ?? entry.size, entry.size);
      if (range !== undefined && start >= entry.size) throw host.error("INVALID_RANGE", "it starts beyond the end");
      const stream = readFile(host, await open(entry.file, "r"), { start, end, signal });
      return { info: infoOf(key, entry), size: end - start, stream: host.expectSize(stream, end - start, key) };
    },
    async delete(key, { signal }) {
      refuseAborted(host, signal);
      const entry = index.get(nameOf(key));
      index.delete(nameOf(key));
      if (entry !== undefined) await rm(entry.file, { force: true });
    },
    async [Symbol.asyncDispose]() {},
  };
}

function infoOf(key: ObjectKey, { size, lastModified }: Entry): ObjectInfo {
  return { key, size, lastModified, checksums: {} };
}

async function writeFile(host: DriverHost, path: string, body: PutBody, options: PutOptions): Promise<void> {
  const { signal, checksum } = options;
  const hasher = checksum === undefined ? undefined : host.createHasher(checksum.algorithm);
  const reader = host.expectSize(await body.open(signal), body.size, "the body").getReader();
  // Cancelling ends a read that would otherwise wait for ever.
  const stop = (): void => void reader.cancel().catch(() => {});
  signal.addEventListener("abort", stop, { once: true });
  const file = await open(path, "wx");
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      hasher?.update(next.value);
      await file.writeFile(next.value);
    }
    refuseAborted(host, signal);
    if (hasher !== undefined && hasher.digest().value !== checksum?.value) {
      throw host.error("CHECKSUM_MISMATCH", "the content is not the declared one");
    }
    await file.sync();
  } finally {
    signal.removeEventListener("abort", stop);
    await reader.cancel().catch(() => {});
    await file.close();
  }
}

function readFile(
  host: DriverHost,
  file: FileHandle,
  { start, end, signal }: { readonly start: number; readonly end: number; readonly signal: AbortSignal },
): ReadableStream<Uint8Array> {
  let position = start;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          refuseAborted(host, signal);
          const { bytesRead, buffer } = await file.read(new Uint8Array(Math.min(CHUNK_BYTES, end - position)), {
            position,
          });
          position += bytesRead;
          if (bytesRead > 0) return controller.enqueue(buffer.subarray(0, bytesRead));
          await file.close();
          controller.close();
        } catch (error) {
          await file.close();
          throw error;
        }
      },
      cancel: () => file.close(),
    },
    { highWaterMark: 0 },
  );
}

function refuseAborted(host: DriverHost, signal: AbortSignal): void {
  if (signal.aborted) throw host.error("ABORTED", "interrupted", { cause: signal.reason });
}
