/** ObjectInfo from an answer's headers. */

import type { ChecksumAlgorithm, ChecksumSet } from "../../src/base/checksum.ts";
import type { ObjectInfo, ObjectKey } from "../../src/storage/driver.ts";

const ALGORITHMS: readonly ChecksumAlgorithm[] = ["crc32", "crc32c", "crc64nvme", "sha256", "sha1"];

type Header = (name: string) => string | undefined;

/** @param size of the whole object, which a range's headers give elsewhere */
export function infoOf(key: ObjectKey, size: number, header: Header): ObjectInfo {
  const etag = header("etag");
  const modified = header("last-modified");
  return {
    key,
    size,
    checksums: checksumsOf(header),
    ...(etag === undefined ? {} : { etag: unquote(etag) }),
    ...(modified === undefined ? {} : { lastModified: new Date(modified) }),
  };
}

/** Checksums of the whole content; those that S3 makes of parts' checksums (COMPOSITE, "...-3") are left out. */
export function checksumsOf(header: Header): ChecksumSet {
  const found: Partial<Record<ChecksumAlgorithm, string>> = {};
  if (header("x-amz-checksum-type") === "COMPOSITE") return found;
  for (const algorithm of ALGORITHMS) {
    const value = checksumHex(header(`x-amz-checksum-${algorithm}`));
    if (value !== undefined) found[algorithm] = value;
  }
  return found;
}

/** Base64 as S3 writes a checksum -> hex; undefined for none and for one made of parts. */
export function checksumHex(value: string | undefined): string | undefined {
  if (value === undefined || value === "" || value.includes("-")) return undefined;
  return Buffer.from(value, "base64").toString("hex");
}

/** ETags are kept without their quotes. */
export function unquote(etag: string): string {
  const start = etag.startsWith('W/"') ? 3 : etag.startsWith('"') ? 1 : 0;
  return start > 0 && etag.endsWith('"') ? etag.slice(start, -1) : etag;
}

/** A decimal length; undefined for anything else. */
export function lengthOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
