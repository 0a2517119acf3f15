/** Reads and writes the meta documents of one backup root as objects, with their digests. */

import { type Checksum, type ChecksumAlgorithm, checksumOf, createHasher } from "../base/checksum.ts";
import { AppError, hasCode } from "../base/errors.ts";
import { readAll, streamOf } from "../base/streams.ts";
import type { CallOptions } from "../base/types.ts";
import type { ObjectKey, PutBody, PutOptions, StorageDriver } from "../storage/driver.ts";

/** Text longer than this does not fit one string of the JavaScript engine. */
const MAX_DOCUMENT_BYTES = 2 ** 31 - 1;
/** Pieces of text are gathered up to about this length before they become bytes. */
const CHUNK_CHARACTERS = 256 * 1024;
const DIGEST = "sha256";

export interface StoredDocument {
  readonly size: number;
  readonly checksum: Checksum;
}

/**
 * Stores a document that is made piece by piece, twice: once for its length and digest, once for its bytes. So no document
 * is ever held whole, and a retry starts again from the first piece.
 */
export async function putDocument(
  root: StorageDriver,
  key: ObjectKey,
  pieces: () => Iterable<string>,
  options: PutOptions,
): Promise<StoredDocument> {
  const hasher = createHasher(DIGEST);
  let size = 0;
  for (const chunk of chunks(pieces())) {
    size += chunk.length;
    hasher.update(chunk);
  }
  const checksum = hasher.digest();
  const body: PutBody = { size, open: async () => streamOfChunks(chunks(pieces())) };
  await root.put(key, body, { ...options, checksum });
  return { size, checksum };
}

/** A small document that is in memory. */
export async function putText(root: StorageDriver, key: ObjectKey, text: string, options: PutOptions): Promise<void> {
  const content = new TextEncoder().encode(text);
  await root.put(key, { size: content.length, open: async () => streamOf(content) }, options);
}

/** @throws NOT_FOUND, UNSUPPORTED (too large), CHECKSUM_MISMATCH when `expected` is given and the content differs */
export async function readDocument(
  root: StorageDriver,
  key: ObjectKey,
  options: CallOptions & { readonly expected?: Checksum | undefined },
): Promise<string> {
  const body = await root.get(key, { signal: options.signal });
  if (body.size > MAX_DOCUMENT_BYTES) {
    await body.stream.cancel();
    throw new AppError(
      "UNSUPPORTED",
      `${key} has ${body.size} bytes, more than the ${MAX_DOCUMENT_BYTES} that are read`,
    );
  }
  const content = await readAll(body.stream, MAX_DOCUMENT_BYTES);
  const { expected } = options;
  if (expected !== undefined) requireDigest(key, checksumOf(expected.algorithm, content), expected);
  return new TextDecoder().decode(content);
}

/** As readDocument; undefined when it is not there. */
export async function findDocument(
  root: StorageDriver,
  key: ObjectKey,
  options: CallOptions & { readonly expected?: Checksum | undefined },
): Promise<string | undefined> {
  return await orUndefined(readDocument(root, key, options));
}

/** Reads the document and compares its digest, without holding it. @throws NOT_FOUND, CHECKSUM_MISMATCH */
export async function verifyDocument(
  root: StorageDriver,
  key: ObjectKey,
  expected: Checksum,
  options: CallOptions,
): Promise<void> {
  const { checksum } = await digestDocument(root, key, expected.algorithm, options);
  requireDigest(key, checksum, expected);
}

/** Size and digest of a document, which is not held. @throws NOT_FOUND */
export async function digestDocument(
  root: StorageDriver,
  key: ObjectKey,
  algorithm: ChecksumAlgorithm,
  options: CallOptions,
): Promise<StoredDocument> {
  const { stream } = await root.get(key, { signal: options.signal });
  const hasher = createHasher(algorithm);
  let size = 0;
  for await (const chunk of stream) {
    size += chunk.length;
    hasher.update(chunk);
  }
  return { size, checksum: hasher.digest() };
}

/** The first bytes of an object as text; undefined when it is not there or empty. */
export async function findStart(
  root: StorageDriver,
  key: ObjectKey,
  bytes: number,
  options: CallOptions,
): Promise<string | undefined> {
  const range = root.capabilities.rangeRead ? { range: { start: 0, end: bytes } } : {};
  const body = await orUndefined(root.get(key, { ...options, ...range }), "INVALID_RANGE");
  if (body === undefined) return undefined;
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of body.stream) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length >= bytes) break; // Leaving the loop cancels the stream.
  }
  return text;
}

export async function documentExists(root: StorageDriver, key: ObjectKey, options: CallOptions): Promise<boolean> {
  return (await orUndefined(root.stat(key, options))) !== undefined;
}

async function orUndefined<T>(work: Promise<T>, ...also: "INVALID_RANGE"[]): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (hasCode(error, "NOT_FOUND", ...also)) return undefined;
    throw error;
  }
}

function requireDigest(key: ObjectKey, actual: Checksum, expected: Checksum): void {
  if (actual.value === expected.value) return;
  throw new AppError(
    "CHECKSUM_MISMATCH",
    `${key} was changed or damaged: its ${actual.algorithm} is ${actual.value}, recorded is ${expected.value}; ` +
      "restore this document from another copy of the backup",
    { details: { key, expected: expected.value, actual: actual.value } },
  );
}

function* chunks(pieces: Iterable<string>): Generator<Uint8Array> {
  const encoder = new TextEncoder();
  let text = "";
  for (const piece of pieces) {
    text += piece;
    if (text.length < CHUNK_CHARACTERS) continue;
    yield encoder.encode(text);
    text = "";
  }
  if (text !== "") yield encoder.encode(text);
}

function streamOfChunks(source: Generator<Uint8Array>): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const next = source.next();
        if (next.done === true) controller.close();
        else controller.enqueue(next.value);
      },
      cancel() {
        source.return(undefined);
      },
    },
    { highWaterMark: 0 },
  );
}
