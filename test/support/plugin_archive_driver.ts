/**
 * A plugin driver whose objects outlive the process: each is one file, named by the digest of its key, that begins with
 * a line of JSON (key and size) and goes on with the content. One file, types only from "milvus-backup/driver".
 */

import { createHash, randomUUID } from "node:crypto";
import { link, mkdir, open, readdir, rename, rm } from "node:fs/promises";
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

interface Header {
  readonly key: string;
  readonly size: number;
}

/** Room for the header line; keys have 1024 bytes at most, and JSON may write one byte as six. */
const HEADER_BYTES = 8192;
const CHUNK_BYTES = 256 * 1024;

export default (host: DriverHost): DriverDefinition => ({
  apiVersion: 1,
  name: "archive",
  description: "Files of a directory that are named by digests; an example of a plugin driver that keeps its objects.",
  options: { directory: { type: "string", description: "Where the files are.", required: true } },
  async open(options, context) {
    const directory = String(options.directory);
    await mkdir(directory, { recursive: true });
    return openArchive(host, directory, context);
  },
});

function openArchive(host: DriverHost, directory: string, context: DriverContext): StorageDriver {
  const root = context.rootPath === "" ? "" : `${context.rootPath}/`;
  const pathOf = (name: string): string => join(directory, `${createHash("sha256").update(name).digest("hex")}.object`);
  const infoOf = ({ key, size }: Header): ObjectInfo => ({
    key: host.objectKey(key.slice(root.length)),
    size,
    checksums: {},
  });

  async function find(key: ObjectKey, { signal }: CallOptions): Promise<Header> {
    refuseAborted(host, signal);
    const header = await readHeader(pathOf(root + host.objectKey(key)));
    if (header === undefined) throw host.error("NOT_FOUND", "there is no such object", { details: { key } });
    return header;
  }

  async function* list(prefix: string, { signal }: CallOptions): AsyncGenerator<ObjectInfo> {
    for (const file of await readdir(directory)) {
      refuseAborted(host, signal);
      if (!file.endsWith(".object")) continue;
      const header = await readHeader(join(directory, file));
      if (header?.key.startsWith(root + prefix)) yield infoOf(header);
    }
    refuseAborted(host, signal);
  }

  async function put(key: ObjectKey, body: PutBody, options: PutOptions): Promise<ObjectInfo> {
    refuseAborted(host, options.signal);
    const header = { key: root + host.objectKey(key), size: body.size };
    const unfinished = join(directory, `${randomUUID()}.part`);
    try {
      await writeFile(host, unfinished, { header, body, options });
      if (options.ifAbsent === true) await link(unfinished, pathOf(header.key));
      else await rename(unfinished, pathOf(header.key));
      return infoOf(header);
    } catch (error) {
      if (codeOf(error) === "EEXIST") throw host.error("ALREADY_EXISTS", "it exists already");
      throw error;
    } finally {
      await rm(unfinished, { force: true });
    }
  }

  return {
    name: "archive",
    location: `archive:${directory}/${context.rootPath}`,
    backendId: `archive:${directory}`,
    spaceId: `archive:${directory}`,
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
    stat: async (key, options) => infoOf(await find(key, options)),
    async *listDirectories(prefix, options) {
      const seen = new Set<string>();
      for await (const { key } of list(prefix, options)) {
        const [name = "", ...rest] = key.slice(prefix.length).split("/");
        if (rest.length === 0 || seen.has(name)) continue;
        seen.add(name);
        yield name;
      }
    },
    async get(key, { signal, range }) {
      const header = await find(key, { signal });
      const start = range?.start ?? 0;
      const end = Math.min(range?.end ?? header.size, header.size);
      if (range !== undefined && start >= header.size) throw host.error("INVALID_RANGE", "it starts beyond the end");
      const stream = readFile(host, pathOf(header.key), { start, end, signal });
      return { info: infoOf(header), size: end - start, stream: host.expectSize(stream, end - start, key) };
    },
    async delete(key, { signal }) {
      refuseAborted(host, signal);
      await rm(pathOf(root + key), { force: true });
    },
    async [Symbol.asyncDispose]() {},
  };
}

async function readHeader(path: string): Promise<Header | undefined> {
  const file = await open(path, "r").catch((error: unknown) => {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  });
  if (file === undefined) return undefined;
  try {
    const { buffer } = await file.read(Buffer.alloc(HEADER_BYTES), 0, HEADER_BYTES, 0);
    return JSON.parse(buffer.subarray(0, buffer.indexOf("\n")).toString("utf8")) as Header;
  } finally {
    await file.close();
  }
}

async function writeFile(
  host: DriverHost,
  path: string,
  object: { readonly header: Header; readonly body: PutBody; readonly options: PutOptions },
): Promise<void> {
  const { body } = object;
  const { signal, checksum } = object.options;
  const hasher = checksum === undefined ? undefined : host.createHasher(checksum.algorithm);
  const reader = host.expectSize(await body.open(signal), body.size, "the body").getReader();
  const stop = (): void => void reader.cancel().catch(() => {});
  signal.addEventListener("abort", stop, { once: true });
  const file = await open(path, "wx");
  try {
    const line = Buffer.from(`${JSON.stringify(object.header)}\n`);
    await file.write(Buffer.concat([line, Buffer.alloc(HEADER_BYTES - line.length)]));
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
  path: string,
  { start, end, signal }: { readonly start: number; readonly end: number; readonly signal: AbortSignal },
): ReadableStream<Uint8Array> {
  async function* chunks(): AsyncGenerator<Uint8Array> {
    const file = await open(path, "r");
    try {
      for (let position = start; position < end; ) {
        refuseAborted(host, signal);
        const wanted = new Uint8Array(Math.min(CHUNK_BYTES, end - position));
        const { bytesRead, buffer } = await file.read(wanted, 0, wanted.length, HEADER_BYTES + position);
        if (bytesRead === 0) return;
        position += bytesRead;
        yield buffer.subarray(0, bytesRead);
      }
    } finally {
      await file.close();
    }
  }
  return new ReadableStream<Uint8Array>(
    (() => {
      const source = chunks();
      return {
        async pull(controller) {
          const next = await source.next();
          if (next.done === true) controller.close();
          else controller.enqueue(next.value);
        },
        cancel: async () => void (await source.return(undefined)),
      };
    })(),
    { highWaterMark: 0 },
  );
}

function refuseAborted(host: DriverHost, signal: AbortSignal): void {
  if (signal.aborted) throw host.error("ABORTED", "interrupted", { cause: signal.reason });
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
