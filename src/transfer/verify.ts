/** Compares stored objects with what a manifest says of them. */

import type { ChecksumAlgorithm } from "../base/checksum.ts";
import { hasCode, toAppError, withContext } from "../base/errors.ts";
import { mapConcurrent } from "../base/pool.ts";
import type { CallOptions } from "../base/types.ts";
import type { ObjectInfo, ObjectKey, StorageDriver } from "../storage/driver.ts";
import { joinKey, relativeKey } from "../storage/key.ts";
import { digestObject } from "./digest_object.ts";
import type { ManifestEntry } from "./manifest.ts";
import { encodeChecksum, expectedChecksum } from "./manifest_entry.ts";
import type { ProgressReporter } from "./progress.ts";

/**
 * list  one listing of each prefix: presence, size, and ETag or service checksum as recorded. An object whose ETag is
 *       another one is read, because a carried backup has new ETags and the same content. On a plain disk: size only
 * data  every object is read and hashed
 */
export type CheckLevel = "list" | "data";

/** What is wrong with one object; `key` is relative to the backup. */
export interface VerifyFinding {
  /** extra: it lies below one of the prefixes and the manifest does not know it. */
  readonly kind: "missing" | "size" | "digest" | "extra";
  readonly key: string;
  /** "has 10 bytes, 12 are recorded" */
  readonly message: string;
}

export interface VerifySummary {
  readonly objects: number;
  readonly bytes: number;
  readonly findings: number;
  /** What vouches for the objects without a finding. */
  readonly proven: Readonly<Record<Proof, number>>;
}

export interface VerifyOptions extends CallOptions {
  readonly level: CheckLevel;
  readonly concurrency: number;
  readonly progress: ProgressReporter;
  /** The backup's, "<name>/"; keys of entries and prefixes are relative to it. */
  readonly directory: string;
  /** "/"-ended; each is listed once. An entry below none of them is asked for by itself. */
  readonly prefixes: readonly string[];
  /**
   * Which entries may be read at all; every one by default. The others are compared as in level `list`, and one whose
   * ETag is another one is settled by its size.
   */
  readonly reads?: (entry: ManifestEntry) => boolean;
  /** Told of each object without a finding. */
  readonly onProof?: (entry: ManifestEntry, proof: Proof) => void;
}

/** What vouches for an object: its content hashed, the service's word, or its size. */
export type Proof = "digest" | "service" | "size";
type Found = VerifyFinding | Proof;

/**
 * Yields what is wrong, as it is found, and returns what was proven. Reports "bytes" for content that is read and an
 * "object" for each entry. Memory: about 0.5 KB an entry while its collection is checked.
 *
 * @throws what the driver throws, NOT_FOUND excepted; ABORTED
 */
export async function* verifyObjects(
  driver: StorageDriver,
  entries: AsyncIterable<ManifestEntry> | Iterable<ManifestEntry>,
  options: VerifyOptions,
): AsyncGenerator<VerifyFinding, VerifySummary, undefined> {
  const awaited = new Map<string, ManifestEntry>();
  for await (const entry of entries) awaited.set(entry.key, entry);
  const proven = { digest: 0, service: 0, size: 0 };
  const totals = { objects: awaited.size, bytes: 0, findings: 0 };
  for (const entry of awaited.values()) totals.bytes += entry.size;
  const settle = (entry: ManifestEntry, found: Found): VerifyFinding | undefined => {
    options.progress.report({ type: "object", key: entry.key, size: entry.size, via: "verified" });
    if (typeof found !== "string") return found;
    proven[found] += 1;
    options.onProof?.(entry, found);
    return undefined;
  };

  const unread: ManifestEntry[] = [];
  for (const prefix of options.prefixes) {
    for await (const info of driver.list(`${options.directory}${prefix}`, { signal: options.signal })) {
      const key = relativeKey(info.key, options.directory);
      const entry = awaited.get(key);
      if (entry === undefined) {
        totals.findings += 1;
        yield { kind: "extra", key, message: `is not in the manifest (${info.size} bytes)` };
        continue;
      }
      awaited.delete(key);
      const found =
        info.size === entry.size ? compareListed(driver, entry, info, options) : wrongSize(entry, info.size);
      if (found === undefined) {
        unread.push(entry);
        continue;
      }
      const finding = settle(entry, found);
      if (finding === undefined) continue;
      totals.findings += 1;
      yield finding;
    }
  }

  const rest = { concurrency: options.concurrency, signal: options.signal };
  const alone = [...awaited.values()];
  const checks = mapConcurrent(
    (function* () {
      for (const entry of unread) yield { entry, listed: true };
      for (const entry of alone) yield { entry, listed: false };
    })(),
    rest,
    async ({ entry, listed }, signal) => {
      const found = listed
        ? await readObject(driver, entry, { ...options, signal })
        : await checkUnlisted(driver, entry, { ...options, signal });
      return settle(entry, found);
    },
  );
  for await (const finding of checks) {
    if (finding === undefined) continue;
    totals.findings += 1;
    yield finding;
  }
  return { ...totals, proven };
}

/** @returns undefined when the content has to be read */
function compareListed(
  driver: StorageDriver,
  entry: ManifestEntry,
  info: ObjectInfo,
  { level, reads = () => true }: VerifyOptions,
): Found | undefined {
  const mayRead = reads(entry);
  if (level === "data" && mayRead) return undefined;
  if (!driver.capabilities.durableChecksums) return "size";
  const { evidence } = entry;
  if (evidence.kind !== "size" && evidence.checksum !== undefined) {
    const reported = info.checksums[evidence.checksum.algorithm];
    if (reported === evidence.checksum.value) return "service";
    if (reported !== undefined) return wrongDigest(entry, `${evidence.checksum.algorithm}:${reported}`);
  }
  const etag = info.etag?.replaceAll('"', "");
  if (etag !== undefined && etag === entry.etag) return "service";
  const settledByReading = etag !== undefined && entry.etag !== undefined && readingAlgorithm(entry) !== undefined;
  return settledByReading && mayRead ? undefined : "size";
}

/** Not seen in a listing: absent, or below none of the prefixes. */
async function checkUnlisted(driver: StorageDriver, entry: ManifestEntry, options: VerifyOptions): Promise<Found> {
  const missing: VerifyFinding = { kind: "missing", key: entry.key, message: `is absent from ${driver.location}` };
  if (options.prefixes.some((prefix) => entry.key.startsWith(prefix))) return missing;
  try {
    const info = await driver.stat(joinKey(options.directory, entry.key), { signal: options.signal });
    if (info.size !== entry.size) return wrongSize(entry, info.size);
    return compareListed(driver, entry, info, options) ?? (await readObject(driver, entry, options));
  } catch (error) {
    if (hasCode(error, "NOT_FOUND")) return missing;
    throw error;
  }
}

async function readObject(driver: StorageDriver, entry: ManifestEntry, options: VerifyOptions): Promise<Found> {
  const key: ObjectKey = joinKey(options.directory, entry.key);
  const algorithm = readingAlgorithm(entry) ?? "crc32";
  try {
    const { info, checksum } = await digestObject(driver, key, {
      algorithm,
      signal: options.signal,
      onChunk: (chunk) => options.progress.report({ type: "bytes", bytes: chunk.length }),
    });
    if (info.size !== entry.size) return wrongSize(entry, info.size);
    const expected = expectedChecksum(entry);
    if (expected !== undefined) {
      return checksum.value === expected.value ? "digest" : wrongDigest(entry, encodeChecksum(checksum));
    }
    // Only an ETag is recorded. Where it is the MD5 of the content (most services, unless they encrypt), reading settles it.
    const etag = md5Etag(entry);
    if (etag === undefined) return "size";
    if (checksum.value === etag) return "digest";
    return md5Etag(info) === etag ? "service" : wrongDigest(entry, encodeChecksum(checksum));
  } catch (error) {
    if (hasCode(error, "NOT_FOUND")) return { kind: "missing", key: entry.key, message: toAppError(error).message };
    if (hasCode(error, "SHORT_BODY", "CHECKSUM_MISMATCH")) {
      return { kind: "digest", key: entry.key, message: toAppError(error).message };
    }
    throw withContext(error, `verify ${entry.key}`, { key: entry.key });
  }
}

/** With which algorithm reading the content proves something. */
function readingAlgorithm(entry: ManifestEntry): ChecksumAlgorithm | undefined {
  return expectedChecksum(entry)?.algorithm ?? (md5Etag(entry) === undefined ? undefined : "md5");
}

/** An ETag that can be the MD5 of the whole content; one of parts ("...-3") cannot. */
function md5Etag({ etag }: Pick<ObjectInfo, "etag">): string | undefined {
  const text = etag?.replaceAll('"', "");
  return text !== undefined && /^[0-9a-f]{32}$/.test(text) ? text : undefined;
}

function wrongSize(entry: ManifestEntry, actual: number): VerifyFinding {
  return { kind: "size", key: entry.key, message: `has ${actual} bytes, ${entry.size} are recorded` };
}

function wrongDigest(entry: ManifestEntry, actual: string): VerifyFinding {
  const { evidence } = entry;
  const recorded =
    evidence.kind !== "size" && evidence.checksum !== undefined
      ? encodeChecksum(evidence.checksum)
      : `ETag ${entry.etag ?? "?"}`;
  return { kind: "digest", key: entry.key, message: `its content is ${actual}, recorded is ${recorded}` };
}
