/** Reads a stored object and hashes it. */

import { type Checksum, type ChecksumAlgorithm, COMPUTABLE_CHECKSUMS, createHasher } from "../base/checksum.ts";
import { AppError, isAppError } from "../base/errors.ts";
import { retry } from "../base/retry.ts";
import { expectSize } from "../base/streams.ts";
import type { CallOptions } from "../base/types.ts";
import type { ObjectInfo, ObjectKey, StorageDriver } from "../storage/driver.ts";

export interface DigestOptions extends CallOptions {
  readonly algorithm: ChecksumAlgorithm;
  readonly onChunk?: (chunk: Uint8Array) => void;
  /** The chunks so far, `bytes` in all, do not count: the read failed, and another try may follow from the first byte. */
  readonly onDiscard?: (bytes: number) => void;
}

export interface ObjectDigest {
  readonly info: ObjectInfo;
  readonly checksum: Checksum;
}

/** Opening is retried by the root's own wrappers; this covers a connection that breaks while the content is read. */
const READ_TRIES = { attempts: 3, baseDelayMs: 200, maxDelayMs: 2000 };

/**
 * The digest of an object as it is stored now, and what the service says of it.
 * @throws NOT_FOUND, SHORT_BODY (it ends early), UNSUPPORTED (an algorithm this program does not compute)
 */
export function digestObject(driver: StorageDriver, key: ObjectKey, options: DigestOptions): Promise<ObjectDigest> {
  requireComputable(options.algorithm);
  let reading = false;
  return retry(
    async () => {
      reading = false;
      const { info, size, stream } = await driver.get(key, { signal: options.signal });
      reading = true;
      const hasher = createHasher(options.algorithm);
      let seen = 0;
      try {
        for await (const chunk of expectSize(stream, size, key)) {
          hasher.update(chunk);
          seen += chunk.length;
          options.onChunk?.(chunk);
        }
      } catch (error) {
        options.onDiscard?.(seen);
        throw error;
      }
      return { info, checksum: hasher.digest() };
    },
    {
      signal: options.signal,
      policy: READ_TRIES,
      retriable: (error) => reading && isAppError(error) && error.retriable,
    },
  );
}

/** @throws UNSUPPORTED */
export function requireComputable(algorithm: ChecksumAlgorithm): void {
  if (COMPUTABLE_CHECKSUMS.includes(algorithm)) return;
  throw new AppError(
    "UNSUPPORTED",
    `checksum algorithm ${algorithm} is not computed by this program; it computes ${COMPUTABLE_CHECKSUMS.join(", ")}`,
  );
}
