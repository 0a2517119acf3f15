/** Content of any size that is computed, not kept: byte n of a seed is always the same. */

import { type Checksum, type ChecksumAlgorithm, createHasher } from "../../base/checksum.ts";
import type { AppError } from "../../base/errors.ts";
import type { ByteStream } from "../../base/streams.ts";
import type { CallOptions, ObjectInfo, ObjectKey, PutBody, StorageDriver } from "../driver.ts";
import { equal, holds } from "./assert.ts";

/** Larger than one part of any driver here (8 to 16 MiB), and not a multiple of a power of two. */
export const LARGE_BYTES = 17 * 1024 * 1024 + 13;

/** A prime, so that no part or chunk boundary ever falls on the same byte of the pattern. */
const PATTERN_BYTES = 65_521;
const CHUNK_BYTES = 256 * 1024;

/** Every byte value, in no order: invalid as UTF-8 nearly everywhere. */
const pattern = ((): Uint8Array => {
  const bytes = new Uint8Array(PATTERN_BYTES);
  let state = 0x9e3779b9;
  for (let index = 0; index < bytes.length; index += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[index] = state >>> 24;
  }
  return bytes;
})();

/** Bytes `start` to `end` of the seed's content. */
export function contentBytes(seed: number, start: number, end: number): Uint8Array {
  const bytes = new Uint8Array(end - start);
  for (let filled = 0; filled < bytes.length; ) {
    const from = (seed * 7_919 + start + filled) % PATTERN_BYTES;
    const piece = pattern.subarray(from, Math.min(PATTERN_BYTES, from + bytes.length - filled));
    bytes.set(piece, filled);
    filled += piece.length;
  }
  return bytes;
}

/** What a body does instead of giving its whole content and ending. */
export interface BodyFault {
  /** Bytes that really come; more or fewer than declared. */
  readonly actual?: number;
  /** After its bytes the body fails with this. */
  readonly error?: AppError;
  /** After its bytes the body never ends; called when it has got there. */
  readonly hang?: () => void;
}

/** A body of `size` declared bytes. */
export function contentBody(seed: number, size: number, fault: BodyFault = {}): PutBody {
  return { size, open: async () => contentStream(seed, fault.actual ?? size, fault) };
}

function contentStream(seed: number, size: number, fault: BodyFault): ByteStream {
  let offset = 0;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        if (offset < size) {
          const end = Math.min(size, offset + CHUNK_BYTES);
          controller.enqueue(contentBytes(seed, offset, end));
          offset = end;
          return;
        }
        if (fault.error !== undefined) throw fault.error;
        if (fault.hang === undefined) return controller.close();
        fault.hang();
        await new Promise(() => {});
      },
    },
    { highWaterMark: 0 },
  );
}

export function contentChecksum(seed: number, size: number, algorithm: ChecksumAlgorithm): Checksum {
  const hasher = createHasher(algorithm);
  for (let offset = 0; offset < size; offset += CHUNK_BYTES) {
    hasher.update(contentBytes(seed, offset, Math.min(size, offset + CHUNK_BYTES)));
  }
  return hasher.digest();
}

/** The stream must give exactly bytes `start` to `end` of the seed's content. */
export async function sameContent(
  stream: ByteStream,
  expected: { readonly seed: number; readonly start?: number; readonly end: number },
  what: string,
): Promise<void> {
  let offset = expected.start ?? 0;
  for await (const chunk of stream) {
    holds(offset + chunk.length <= expected.end, `${what}: the body is longer than ${expected.end} bytes`);
    const wanted = contentBytes(expected.seed, offset, offset + chunk.length);
    holds(Buffer.compare(wanted, chunk) === 0, `${what}: bytes ${offset} to ${offset + chunk.length} differ`);
    offset += chunk.length;
  }
  equal(offset, expected.end, `${what}: end of the body`);
}

export async function putContent(
  driver: StorageDriver,
  key: ObjectKey,
  content: { readonly seed: number; readonly size: number },
  options: CallOptions,
): Promise<ObjectInfo> {
  return driver.put(key, contentBody(content.seed, content.size), options);
}

/** stat and get of the key must agree and give this content. */
export async function holdsContent(
  driver: StorageDriver,
  key: ObjectKey,
  content: { readonly seed: number; readonly size: number },
  options: CallOptions,
): Promise<void> {
  const stat = await driver.stat(key, options);
  equal({ key: stat.key, size: stat.size }, { key, size: content.size }, `stat of ${key}`);
  const body = await driver.get(key, options);
  equal({ key: body.info.key, size: body.info.size }, { key, size: content.size }, `info of get ${key}`);
  equal(body.size, content.size, `body size of get ${key}`);
  await sameContent(body.stream, { seed: content.seed, end: content.size }, `get ${key}`);
}
