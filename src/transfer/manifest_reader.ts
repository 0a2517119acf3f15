/** Reads one collection's manifest file, checked before it is used. */

import { AppError, hasCode, withContext } from "../base/errors.ts";
import { expectSize, streamOf } from "../base/streams.ts";
import type { CallOptions } from "../base/types.ts";
import type { ObjectKey, StorageDriver } from "../storage/driver.ts";
import { joinKey } from "../storage/key.ts";
import { digestObject, type ObjectDigest } from "./digest_object.ts";
import { lineBatches } from "./lines.ts";
import type { CollectionManifestRef, ManifestEntry } from "./manifest.ts";
import { decodeEntry, encodeChecksum } from "./manifest_entry.ts";

/** Files up to this size are kept from the reading that checks them; larger ones are read a second time. */
const KEEP_LIMIT = 8 * 1024 * 1024;

export interface ReadManifestOptions extends CallOptions {
  /** Replaced in tests. */
  readonly keepLimit?: number;
}

/**
 * The entries of a collection's file, in the file's order. Its digest is compared with `ref` before the first entry is
 * yielded, so nothing is ever done on the word of a damaged file. Memory stays flat.
 *
 * @param directory the backup's, "<name>/"
 * @throws BACKUP_INCOMPLETE (absent, not such a file, or with other totals than `ref`), CHECKSUM_MISMATCH (damaged or cut off)
 */
export async function* readCollectionManifest(
  driver: StorageDriver,
  directory: string,
  ref: CollectionManifestRef,
  options: ReadManifestOptions,
): AsyncGenerator<ManifestEntry, void, undefined> {
  const key = joinKey(directory, ref.key);
  const kept = await checkDigest(driver, key, ref, options);
  let objects = 0;
  let bytes = 0;
  const batches = kept === undefined ? readAgain(driver, key, options) : lineBatches(streamOf(kept));
  for await (const lines of batches) {
    for (const line of lines) {
      objects += 1;
      const entry = decodeEntry(line, `line ${objects} of ${key}`);
      bytes += entry.size;
      yield entry;
    }
  }
  if (objects === ref.totals.objects && bytes === ref.totals.bytes) return;
  throw new AppError(
    "BACKUP_INCOMPLETE",
    `${key} lists ${objects} objects of ${bytes} bytes, the manifest says ${ref.totals.objects} of ${ref.totals.bytes}`,
    { details: { key, objects, bytes } },
  );
}

/** All entries by key, for looking up; the checks of readCollectionManifest have passed. About 0.5 KB an entry. */
export async function loadCollectionManifest(
  driver: StorageDriver,
  directory: string,
  ref: CollectionManifestRef,
  options: ReadManifestOptions,
): Promise<ReadonlyMap<string, ManifestEntry>> {
  const entries = new Map<string, ManifestEntry>();
  for await (const entry of readCollectionManifest(driver, directory, ref, options)) entries.set(entry.key, entry);
  return entries;
}

/** @returns the content when it is small enough to keep */
async function checkDigest(
  driver: StorageDriver,
  key: ObjectKey,
  ref: CollectionManifestRef,
  options: ReadManifestOptions,
): Promise<Uint8Array | undefined> {
  const limit = options.keepLimit ?? KEEP_LIMIT;
  let chunks: Uint8Array[] = [];
  let length = 0;
  let read: ObjectDigest;
  try {
    read = await digestObject(driver, key, {
      algorithm: ref.checksum.algorithm,
      signal: options.signal,
      onChunk(chunk) {
        length += chunk.length;
        if (length <= limit) chunks.push(chunk);
        else chunks = [];
      },
    });
  } catch (error) {
    if (!hasCode(error, "NOT_FOUND")) throw withContext(error, `manifest ${key}`, { key });
    throw new AppError("BACKUP_INCOMPLETE", `${key} is absent from ${driver.location}: the backup is not whole`, {
      cause: error,
      details: { key },
    });
  }
  const actual = encodeChecksum(read.checksum);
  const expected = encodeChecksum(ref.checksum);
  if (actual !== expected) {
    throw new AppError(
      "CHECKSUM_MISMATCH",
      `${key} is damaged or cut off: its digest is ${actual}, the manifest says ${expected}`,
      { details: { key, expected, actual } },
    );
  }
  return length <= limit ? Buffer.concat(chunks) : undefined;
}

async function* readAgain(
  driver: StorageDriver,
  key: ObjectKey,
  { signal }: CallOptions,
): AsyncGenerator<readonly string[], void, undefined> {
  const { stream, size } = await driver.get(key, { signal });
  yield* lineBatches(expectSize(stream, size, key));
}
