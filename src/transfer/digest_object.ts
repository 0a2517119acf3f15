/** Reads a stored object and hashes it. */

import { type Checksum, type ChecksumAlgorithm, COMPUTABLE_CHECKSUMS, createHasher } from "../base/checksum.ts";
import { AppError } from "../base/errors.ts";
import { chunksOf, expectSize } from "../base/streams.ts";
import type { CallOptions } from "../base/types.ts";
import type { ObjectInfo, ObjectKey, StorageDriver } from "../storage/driver.ts";

export interface DigestOptions extends CallOptions {
  readonly algorithm: ChecksumAlgorithm;
  readonly onChunk?: (chunk: Uint8Array) => void;
}

export interface ObjectDigest {
  readonly info: ObjectInfo;
  readonly checksum: Checksum;
}

/**
 * The digest of an object as it is stored now, and what the service says of it.
 * @throws NOT_FOUND, SHORT_BODY (it ends early), UNSUPPORTED (an algorithm this program does not compute), ABORTED
 */
export async function digestObject(
  driver: StorageDriver,
  key: ObjectKey,
  options: DigestOptions,
): Promise<ObjectDigest> {
  requireComputable(options.algorithm);
  const hasher = createHasher(options.algorithm);
  const { info, size, stream } = await driver.get(key, { signal: options.signal });
  for await (const chunk of chunksOf(expectSize(stream, size, key), options.signal)) {
    hasher.update(chunk);
    options.onChunk?.(chunk);
  }
  return { info, checksum: hasher.digest() };
}

/** @throws UNSUPPORTED */
export function requireComputable(algorithm: ChecksumAlgorithm): void {
  if (COMPUTABLE_CHECKSUMS.includes(algorithm)) return;
  throw new AppError(
    "UNSUPPORTED",
    `checksum algorithm ${algorithm} is not computed by this program; it computes ${COMPUTABLE_CHECKSUMS.join(", ")}`,
  );
}
