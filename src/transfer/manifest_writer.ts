/** Writes one collection's manifest file as its objects are copied. */

import { AppError } from "../base/errors.ts";
import type { CallOptions } from "../base/types.ts";
import type { StorageDriver } from "../storage/driver.ts";
import { joinKey, objectKey } from "../storage/key.ts";
import { HashedBody } from "./hashed_body.ts";
import { streamOfLines } from "./lines.ts";
import type { CollectionManifestRef, ManifestEntry } from "./manifest.ts";
import { encodeEntry, manifestEntry } from "./manifest_entry.ts";
import type { CopyResult } from "./plan.ts";
import { SortedLines, type SortedLinesOptions } from "./sorted_lines.ts";
import { withdraw } from "./withdraw.ts";

/**
 * Collects entries in any order and writes them sorted, so that equal content gives an equal file and an equal digest,
 * however the copies overtook each other. Memory stays flat: see SortedLines. Dispose it, also after a failure.
 */
export class CollectionManifestWriter implements AsyncDisposable {
  readonly #collectionId: string;
  readonly #lines: SortedLines;
  #objects = 0;
  #bytes = 0;

  /** @param collectionId decimal digits */
  constructor(collectionId: string, options: SortedLinesOptions = {}) {
    this.#collectionId = collectionId;
    this.#lines = new SortedLines(options);
  }

  /** @param directory the backup's, "<name>/": the entry's key is relative to it. @throws NO_SPACE, INVALID_KEY */
  add(directory: string, result: CopyResult): void {
    this.addEntry(manifestEntry(directory, result));
  }

  /** @throws NO_SPACE */
  addEntry(entry: ManifestEntry): void {
    this.#lines.add(encodeEntry(entry));
    this.#objects += 1;
    this.#bytes += entry.size;
  }

  /** Stores `<directory>meta/manifests/<collection id>.jsonl`. @returns what the root manifest says of it */
  async write(driver: StorageDriver, directory: string, options: CallOptions): Promise<CollectionManifestRef> {
    const key = objectKey(`meta/manifests/${this.#collectionId}.jsonl`);
    const target = joinKey(directory, key);
    const body = new HashedBody({
      size: this.#lines.bytes,
      what: target,
      algorithms: driver.capabilities.checksums.includes("crc32") ? ["sha256", "crc32"] : ["sha256"],
      compareSource: false,
      open: async () => ({
        stream: streamOfLines(this.#lines.inMemory?.values() ?? this.#lines.sorted()),
        checksums: {},
      }),
    });
    const stored = await driver.put(target, body, options);
    let digests = body.digests;
    if (digests === undefined && body.size === 0) {
      // A driver may store an empty object without opening its body.
      for await (const _ of await body.open(options.signal)) {
        // Nothing comes.
      }
      digests = body.digests;
    }
    const reported = stored.checksums.crc32;
    const differs = reported !== undefined && digests?.crc32 !== undefined && reported !== digests.crc32;
    if (digests?.sha256 === undefined || stored.size !== body.size || differs) {
      const error = new AppError("CHECKSUM_MISMATCH", `${target} was stored with another content than was sent`);
      throw await withdraw(driver, target, error);
    }
    return {
      collectionId: this.#collectionId,
      key,
      checksum: { algorithm: "sha256", value: digests.sha256 },
      totals: { objects: this.#objects, bytes: this.#bytes },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#lines[Symbol.dispose]();
  }
}
