/** One line of a collection's manifest file. The format is described in MANIFEST.md. */

import { type Checksum, type ChecksumAlgorithm, COMPUTABLE_CHECKSUMS } from "../base/checksum.ts";
import { AppError } from "../base/errors.ts";
import { objectKey, relativeKey } from "../storage/key.ts";
import type { ManifestEntry } from "./manifest.ts";
import type { CopyResult, Evidence } from "./plan.ts";

const CHECKSUM = /^(crc32|crc32c|crc64nvme|sha256|sha1|md5):([0-9a-f]+)$/;

/** What a finished copy is worth in the manifest of the backup that lies at `directory` ("<name>/"). */
export function manifestEntry(directory: string, result: CopyResult): ManifestEntry {
  const etag = result.target.etag?.replaceAll('"', "");
  return {
    key: relativeKey(result.task.targetKey, directory),
    size: result.target.size,
    evidence: result.evidence,
    ...(etag === undefined ? {} : { etag }),
  };
}

/** The digest that a copy of this entry's object must have; undefined where only its size or ETag is recorded. */
export function expectedChecksum(entry: ManifestEntry): Checksum | undefined {
  const checksum = entry.evidence.kind === "size" ? undefined : entry.evidence.checksum;
  return checksum !== undefined && COMPUTABLE_CHECKSUMS.includes(checksum.algorithm) ? checksum : undefined;
}

/** Without its line end. */
export function encodeEntry({ key, size, evidence, etag }: ManifestEntry): string {
  const checksum = evidence.kind === "size" || evidence.checksum === undefined ? undefined : evidence.checksum;
  const equalEtag = evidence.kind === "service" ? evidence.etag : undefined;
  // Written by hand in this order: the key must come first, because files are sorted by line.
  return JSON.stringify({
    key,
    size,
    evidence: equalEtag === undefined ? evidence.kind : "service-etag",
    checksum: checksum === undefined ? undefined : encodeChecksum(checksum),
    etag: equalEtag ?? etag,
  });
}

/** Unknown keys are ignored. @throws BACKUP_INCOMPLETE naming `where` */
export function decodeEntry(line: string, where: string): ManifestEntry {
  const bad = (why: string): AppError =>
    new AppError("BACKUP_INCOMPLETE", `${where} is not a manifest line: ${why}`, { details: { where } });
  let value: Record<string, unknown>;
  try {
    const parsed: unknown = JSON.parse(line);
    if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) throw bad("it is no JSON object");
    value = parsed as Record<string, unknown>;
  } catch (error) {
    throw error instanceof SyntaxError ? bad("it is no JSON") : error;
  }
  const { key, size, etag } = value;
  if (typeof key !== "string") throw bad('it has no "key"');
  if (!isCount(size)) throw bad('its "size" is no number of bytes');
  if (etag !== undefined && typeof etag !== "string") throw bad('its "etag" is no text');
  const evidence = decodeEvidence(value);
  if (evidence === undefined) throw bad('its "evidence" and "checksum" do not fit');
  return { key: objectKey(key), size, evidence, ...(etag === undefined ? {} : { etag }) };
}

function decodeEvidence({ evidence, checksum: text, etag }: Record<string, unknown>): Evidence | undefined {
  const checksum = decodeChecksum(text);
  if (text !== undefined && checksum === undefined) return undefined;
  switch (evidence) {
    case "size":
      return { kind: "size" };
    case "digest":
    case "service":
      return checksum === undefined ? undefined : { kind: evidence, checksum };
    case "service-etag":
      if (typeof etag !== "string") return undefined;
      return { kind: "service", etag, ...(checksum === undefined ? {} : { checksum }) };
    default:
      return undefined;
  }
}

/** "sha256:9f86d0..." */
export function encodeChecksum({ algorithm, value }: Checksum): string {
  return `${algorithm}:${value}`;
}

export function decodeChecksum(text: unknown): Checksum | undefined {
  const match = typeof text === "string" ? CHECKSUM.exec(text) : null;
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  return { algorithm: match[1] as ChecksumAlgorithm, value: match[2] };
}

/** True for a whole number of objects or bytes. */
export function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
