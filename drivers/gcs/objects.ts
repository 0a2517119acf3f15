/** Single objects: stat, get, delete. */

import { crc32c, crc32cHex } from "../../src/base/crc32c.ts";
import { AppError } from "../../src/base/errors.ts";
import { streamOf } from "../../src/base/streams.ts";
import type {
  ByteRange,
  CallOptions,
  GetOptions,
  ObjectBody,
  ObjectInfo,
  ObjectKey,
} from "../../src/storage/driver.ts";
import type { Reply } from "../../src/storage/http_reply.ts";
import { isBrokenConnection } from "./errors.ts";
import { FIELDS, infoOf, infoOfHeaders, lengthOf, parseResource } from "./resource.ts";
import { objectUrl, type Root } from "./root.ts";

// Bodies up to this size are read at once: a stream costs several times the CPU of the request it belongs to.
const READ_AT_ONCE_BYTES = 1024 ** 2;

// Without it the service unpacks objects that are stored with Content-Encoding: gzip.
const AS_STORED = { "accept-encoding": "gzip" };

/** @throws NOT_FOUND */
export async function statObject(root: Root, key: ObjectKey, options: CallOptions): Promise<ObjectInfo> {
  const native = root.nativeKey(key);
  const reply = await root.http.send({
    operation: "stat",
    method: "GET",
    url: objectUrl(root, native, { fields: FIELDS }),
    target: native,
    signal: options.signal,
  });
  return infoOf(key, parseResource(await reply.text(), `the answer to stat ${native}`));
}

/** @throws NOT_FOUND, INVALID_RANGE; its stream fails with SHORT_BODY, CHECKSUM_MISMATCH, UNAVAILABLE */
export async function getObject(root: Root, key: ObjectKey, options: GetOptions): Promise<ObjectBody> {
  if (options.range !== undefined) return getRange(root, key, options.range, options);
  const native = root.nativeKey(key);
  const reply = await media(root, native, {}, options);
  const sent = lengthOf(reply.header("content-length"));
  const size = lengthOf(reply.header("x-goog-stored-content-length")) ?? sent;
  if (size === undefined || (sent !== undefined && sent !== size)) {
    reply.cancel();
    throw shortBody(
      `the service gives ${sent ?? "an unknown number of"} bytes of ${native}, stored are ${size ?? "unknown"}`,
    );
  }
  const info = infoOfHeaders(key, size, (name) => reply.header(name));
  return { info, size, stream: await bodyOf(reply, native, size, info.checksums.crc32c) };
}

async function getRange(root: Root, key: ObjectKey, range: ByteRange, options: CallOptions): Promise<ObjectBody> {
  const { start, end } = range;
  const valid =
    Number.isSafeInteger(start) && start >= 0 && (end === undefined || (Number.isSafeInteger(end) && end >= start));
  if (!valid) throw new AppError("INVALID_RANGE", `${start}-${end ?? ""} is not a range of ${key}`);
  const native = root.nativeKey(key);
  // HTTP has no range of no bytes.
  if (end === start) return emptyRange(root, key, start, options);
  const reply = await media(root, native, { range: `bytes=${start}-${end === undefined ? "" : end - 1}` }, options);
  const size = lengthOf(reply.header("content-length"));
  const part = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(reply.header("content-range") ?? "");
  const total = lengthOf(part?.[3]);
  if (size === undefined || total === undefined || Number(part?.[1]) !== start) {
    reply.cancel();
    throw new AppError("UNSUPPORTED", `the service does not give ranges (${native}, status ${reply.status})`);
  }
  if (start >= total) {
    reply.cancel();
    throw beyondTheEnd(key, total, start);
  }
  const expected = Math.min(end ?? total, total) - start;
  if (size !== expected) {
    reply.cancel();
    throw shortBody(`the service gives ${size} of ${expected} bytes asked of ${native}`);
  }
  const info = infoOfHeaders(key, total, (name) => reply.header(name));
  // The hash beside a range is the whole object's; what came cannot be compared with it.
  return { info, size, stream: await bodyOf(reply, native, size, undefined) };
}

async function emptyRange(root: Root, key: ObjectKey, start: number, options: CallOptions): Promise<ObjectBody> {
  const info = await statObject(root, key, options);
  if (start >= info.size) throw beyondTheEnd(key, info.size, start);
  return { info, size: 0, stream: streamOf(new Uint8Array(0)) };
}

/** Absent objects count as deleted. */
export async function deleteObject(root: Root, key: ObjectKey, options: CallOptions): Promise<void> {
  const native = root.nativeKey(key);
  try {
    const url = objectUrl(root, native);
    const reply = await root.http.send({ operation: "delete", method: "DELETE", url, target: native, ...options });
    await reply.discard();
  } catch (error) {
    const isAbsent = error instanceof AppError && error.code === "NOT_FOUND" && error.details.missing !== "bucket";
    if (!isAbsent) throw error;
  }
}

function media(
  root: Root,
  native: string,
  headers: Readonly<Record<string, string>>,
  { signal }: CallOptions,
): Promise<Reply> {
  const url = objectUrl(root, native, { alt: "media" });
  return root.http.send({
    operation: "get",
    method: "GET",
    url,
    target: native,
    headers: { ...AS_STORED, ...headers },
    signal,
  });
}

/** @param digest the service's CRC32C of the whole content, which the body must have */
async function bodyOf(
  reply: Reply,
  what: string,
  size: number,
  digest: string | undefined,
): Promise<ReadableStream<Uint8Array>> {
  let seen = 0;
  let crc = 0;
  const onChunk = (chunk: Uint8Array): void => {
    seen += chunk.length;
    if (seen > size) throw shortBody(`${what} is longer than announced, at least ${seen} of ${size} bytes`);
    if (digest !== undefined) crc = crc32c(chunk, crc);
  };
  const onEnd = (): void => {
    if (seen !== size) throw shortBody(`${what} ended after ${seen} of ${size} bytes`);
    if (digest !== undefined && crc32cHex(crc) !== digest) {
      throw new AppError("CHECKSUM_MISMATCH", `${what} came with CRC32C ${crc32cHex(crc)}, the service has ${digest}`, {
        retriable: true,
      });
    }
  };
  // Which of both ends went away is not told; either way what came is not the object.
  const onError = (error: Error): Error =>
    isBrokenConnection(error) ? shortBody(`${what} broke off before its ${size} bytes were read`, error) : error;
  if (size > READ_AT_ONCE_BYTES) return reply.stream({ onChunk, onEnd, onError });
  const content = await reply.bytes().catch((error: Error) => {
    throw onError(error);
  });
  onChunk(content);
  onEnd();
  return streamOf(content);
}

function beyondTheEnd(key: ObjectKey, size: number, start: number): AppError {
  return new AppError("INVALID_RANGE", `${key} has ${size} bytes, none at ${start}`);
}

function shortBody(text: string, cause?: unknown): AppError {
  return new AppError("SHORT_BODY", text, { retriable: true, ...(cause === undefined ? {} : { cause }) });
}
