/** Copies inside the service: one request up to the threshold, parts in flight above it. */

import { AppError, isAppError } from "../../src/base/errors.ts";
import type { CallOptions, ObjectInfo, ObjectKey } from "../../src/storage/driver.ts";
import { copyParts } from "./copy_parts.ts";
import { type CopySource, checkedStat, copyResult, sourceHeaders } from "./copy_request.ts";
import { storeDespiteRace } from "./denied.ts";
import { checksumHex, unquote } from "./headers.ts";
import type { Call } from "./http.ts";
import type { Root } from "./root.ts";
import { childText } from "./xml.ts";

/** @throws NOT_FOUND, CHECKSUM_MISMATCH for a source that changed, UNSUPPORTED where the service cannot */
export async function copyObject(
  root: Root,
  source: CopySource,
  to: ObjectKey,
  options: CallOptions,
): Promise<ObjectInfo> {
  const { provider, copyThresholdBytes } = root.settings;
  const { size } = source.info;
  if (size <= copyThresholdBytes || (!provider.multipartCopy && size <= provider.maxCopyBytes)) {
    return copyWhole(root, source, to, options);
  }
  if (provider.multipartCopy) return copyParts(root, source, to, options);
  throw new AppError(
    "UNSUPPORTED",
    `this provider does not copy objects above ${provider.maxCopyBytes} bytes by itself`,
  );
}

async function copyWhole(root: Root, source: CopySource, to: ObjectKey, options: CallOptions): Promise<ObjectInfo> {
  const { size, etag } = source.info;
  const { result, asked } = await root.copyChecksum.attempt("whole", async (asked) => {
    const call: Call = {
      operation: "copy",
      method: "PUT",
      key: root.nativeKey(to),
      headers: { ...sourceHeaders(source), ...(asked ? { "x-amz-checksum-algorithm": "CRC32" } : {}) },
      bytes: size,
      signal: options.signal,
    };
    const copy = () => copyResult(root, call, "CopyObjectResult");
    return { result: await storeDespiteRace(root, options.signal, copy), asked };
  });
  const copiedEtag = childText(result, "ETag");
  // Nothing tied the copy to what was listed, so what came of it is looked at.
  if (etag === undefined || copiedEtag === undefined) return checkedStat(root, source, to, options);
  const modified = childText(result, "LastModified");
  const crc32 =
    childText(result, "ChecksumType") === "COMPOSITE" ? undefined : checksumHex(childText(result, "ChecksumCRC32"));
  const copied = {
    key: to,
    size,
    etag: unquote(copiedEtag),
    checksums: crc32 === undefined ? {} : { crc32 },
    ...(modified === undefined ? {} : { lastModified: new Date(modified) }),
  };
  return asked && crc32 === undefined ? checksummed(root, source, copied, options) : copied;
}

/** Amazon tells the checksum in the answer to the copy, MinIO only who looks. */
async function checksummed(
  root: Root,
  source: CopySource,
  copied: ObjectInfo,
  options: CallOptions,
): Promise<ObjectInfo> {
  try {
    const stored = await checkedStat(root, source, copied.key, options);
    if (Object.keys(stored.checksums).length === 0) root.copyChecksum.giveUp("whole", "the service computes none");
    return stored;
  } catch (error) {
    // A copy needs no right to look at it.
    if (!isAppError(error) || error.code !== "ACCESS_DENIED") throw error;
    root.copyChecksum.giveUp("whole", error.message);
    return copied;
  }
}
