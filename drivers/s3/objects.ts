/** Single objects: stat, get, delete. */

import { AppError, hasCode } from "../../src/base/errors.ts";
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
import { crc32Hex } from "./crc32.ts";
import { infoOf, lengthOf } from "./headers.ts";
import { isBrokenConnection } from "./network_errors.ts";
import type { Root } from "./root.ts";

// Bodies up to this size are read at once: a stream costs several times the CPU of the request it belongs to.
const READ_AT_ONCE_BYTES = 1024 ** 2;

/** @throws NOT_FOUND */
export async function statObject(root: Root, key: ObjectKey, options: CallOptions): Promise<ObjectInfo> {
  const native = root.nativeKey(key);
  const reply = await root.http.send({
    operation: "stat",
    method: "HEAD",
    key: native,
    headers: { "x-amz-checksum-mode": "ENABLED" },
    signal: options.signal,
  });
  await reply.discard();
  const size = lengthOf(reply.header("content-length"));
  if (size === undefined) throw shortBody(`the service does not tell the size of ${native}`);
  return infoOf(key, size, (name) => reply.header(name));
}

/** @throws NOT_FOUND, INVALID_RANGE; its stream fails with SHORT_BODY, CHECKSUM_MISMATCH, UNAVAILABLE */
export async function getObject(root: Root, key: ObjectKey, options: GetOptions): Promise<ObjectBody> {
  if (options.range !== undefined) return getRange(root, key, options.range, options);
  const native = root.nativeKey(key);
  const reply = await root.http.send({
    operation: "get",
    method: "GET",
    key: native,
    headers: { "x-amz-checksum-mode": "ENABLED", "accept-encoding": root.settings.provider.acceptEncoding },
    signal: options.signal,
  });
  const size = lengthOf(reply.header("content-length"));
  if (size === undefined) {
    reply.cancel();
    throw shortBody(`the service does not tell how long ${native} is`);
  }
  const info = infoOf(key, size, (name) => reply.header(name));
  return { info, size, stream: await bodyOf(reply, native, size, info.checksums.crc32) };
}

async function getRange(root: Root, key: ObjectKey, range: ByteRange, options: CallOptions): Promise<ObjectBody> {
  const { start, end } = range;
  const valid =
    Number.isSafeInteger(start) && start >= 0 && (end === undefined || (Number.isSafeInteger(end) && end >= start));
  if (!valid) throw new AppError("INVALID_RANGE", `${start}-${end ?? ""} is not a range of ${key}`);
  const native = root.nativeKey(key);
  // HTTP has no range of no bytes.
  if (end === start) return emptyRange(root, key, start, options);
  const reply = await root.http.send({
    operation: "get",
    method: "GET",
    key: native,
    headers: {
      range: `bytes=${start}-${end === undefined ? "" : end - 1}`,
      "accept-encoding": root.settings.provider.acceptEncoding,
    },
    signal: options.signal,
  });
  const size = lengthOf(reply.header("content-length"));
  const part = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(reply.header("content-range") ?? "");
  const total = lengthOf(part?.[3]);
  if (size === undefined || total === undefined || Number(part?.[1]) !== start) {
    reply.cancel();
    throw new AppError("UNSUPPORTED", `the service does not give ranges (${native}, status ${reply.status})`);
  }
  const info = infoOf(key, total, (name) => reply.header(name));
  const expected = Math.min(end ?? total, total) - start;
  if (size !== expected) {
    reply.cancel();
    throw shortBody(`the service gives ${size} of ${expected} bytes asked of ${native}`);
  }
  // A checksum beside a range would be the range's; it is neither the object's nor asked for.
  return { info: { ...info, checksums: {} }, size, stream: await bodyOf(reply, native, size, undefined) };
}

async function emptyRange(root: Root, key: ObjectKey, start: number, options: CallOptions): Promise<ObjectBody> {
  const info = await statObject(root, key, options);
  if (start >= info.size) {
    throw new AppError("INVALID_RANGE", `${key} has ${info.size} bytes, none at ${start}`);
  }
  return { info, size: 0, stream: streamOf(new Uint8Array(0)) };
}

/** Absent objects count as deleted. */
export async function deleteObject(root: Root, key: ObjectKey, options: CallOptions): Promise<void> {
  try {
    const reply = await root.http.send({
      operation: "delete",
      method: "DELETE",
      key: root.nativeKey(key),
      signal: options.signal,
    });
    await reply.discard();
  } catch (error) {
    if (!isDeleted(root, error)) throw error;
  }
}

function isDeleted(root: Root, error: unknown): boolean {
  if (!(error instanceof AppError)) return false;
  const { status, serviceCode } = error.details;
  if (serviceCode === "NoSuchBucket") return false;
  return hasCode(error, "NOT_FOUND") || root.settings.provider.deleteStatuses.includes(Number(status));
}

/** @param crc32 the service's digest of the whole content, which the body must have */
async function bodyOf(
  reply: Reply,
  what: string,
  size: number,
  crc32: string | undefined,
): Promise<ReadableStream<Uint8Array>> {
  let seen = 0;
  let crc = 0;
  const onChunk = (chunk: Uint8Array): void => {
    seen += chunk.length;
    if (seen > size) throw shortBody(`${what} is longer than announced, at least ${seen} of ${size} bytes`);
    if (crc32 !== undefined) crc = Bun.hash.crc32(chunk, crc);
  };
  const onEnd = (): void => {
    if (seen !== size) throw shortBody(`${what} ended after ${seen} of ${size} bytes`);
    if (crc32 !== undefined && crc32Hex(crc) !== crc32) {
      throw new AppError("CHECKSUM_MISMATCH", `${what} came with CRC32 ${crc32Hex(crc)}, the service has ${crc32}`, {
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

function shortBody(text: string, cause?: unknown): AppError {
  return new AppError("SHORT_BODY", text, { retriable: true, ...(cause === undefined ? {} : { cause }) });
}
