/** Multipart uploads: begun, completed or abandoned through the SDK; the parts go through http.ts. */

import { AppError, hasCode } from "../../src/base/errors.ts";
import type { ObjectInfo, ObjectKey } from "../../src/storage/driver.ts";
import { crc32Base64, crc32Combine, crc32Hex } from "./crc32.ts";
import { storeDespiteRace } from "./denied.ts";
import type { Operation } from "./errors.ts";
import { checksumHex, unquote } from "./headers.ts";
import type { WireCheck } from "./providers.ts";
import type { Root } from "./root.ts";

const MIB = 1024 ** 2;
// An upload is abandoned also when the caller's signal has fired; this bounds that.
const ABORT_LIMIT_MS = 15_000;
// Services join the parts before they answer.
const COMPLETE_LIMIT_MS = 10 * 60_000;

export interface UploadedPart {
  /** From 1. */
  readonly number: number;
  readonly etag: string;
  readonly size: number;
  /** CRC32 of the content; absent for parts the service copied by itself and told none of. */
  readonly crc?: number;
}

export interface Upload {
  readonly id: string;
  /** In the bucket. */
  readonly nativeKey: string;
  /** What each part is checked by. */
  readonly partCheck: WireCheck;
  /** Whether the service also checks a CRC32 over the whole content. */
  readonly fullObjectCrc32: boolean;
  readonly operation: Operation;
}

/** Part sizes in order: at least `preferred`, larger where the count would pass `maxParts`. */
export function partSizes(size: number, preferred: number, maxParts: number): number[] {
  const least = Math.ceil(Math.ceil(size / maxParts) / MIB) * MIB;
  const partSize = Math.max(preferred, least);
  const count = Math.max(1, Math.ceil(size / partSize));
  return Array.from({ length: count }, (_, index) => Math.min(partSize, size - index * partSize));
}

/** @param options.check "crc32" for copies that ask for a checksum, else "none": their bytes this program does not see */
export async function beginUpload(
  root: Root,
  nativeKey: string,
  options: { readonly operation: Operation; readonly check: WireCheck; readonly signal: AbortSignal },
): Promise<Upload> {
  const { settings, control, http } = root;
  const { operation, check, signal } = options;
  const fullObjectCrc32 = check === "crc32" && settings.provider.fullObjectCrc32;
  const attempt = http.attempt(operation, nativeKey);
  const created = await control.call(attempt, signal, (sdk, client) =>
    client.send(
      new sdk.CreateMultipartUploadCommand({
        Bucket: settings.bucket,
        Key: nativeKey,
        ...(fullObjectCrc32 ? { ChecksumAlgorithm: "CRC32", ChecksumType: "FULL_OBJECT" } : {}),
      }),
      { abortSignal: signal },
    ),
  );
  if (!created.UploadId) {
    throw new AppError("UNAVAILABLE", `the service began a multipart upload of ${nativeKey} without naming it`);
  }
  // Without a declared algorithm S3 refuses CRC32 headers on parts, so those are checked by MD5.
  const partCheck = check === "crc32" && !fullObjectCrc32 ? "md5" : check;
  return { id: created.UploadId, nativeKey, partCheck, fullObjectCrc32, operation };
}

/** Makes the object visible. @throws CHECKSUM_MISMATCH after removing an object whose CRC32 the service reports differently */
export async function completeUpload(
  root: Root,
  upload: Upload,
  parts: readonly UploadedPart[],
  options: { readonly key: ObjectKey; readonly ifAbsent?: boolean; readonly signal: AbortSignal },
): Promise<ObjectInfo> {
  const { settings, control, http } = root;
  const ordered = parts.toSorted((a, b) => a.number - b.number);
  const size = ordered.reduce((sum, part) => sum + part.size, 0);
  const crc = upload.fullObjectCrc32 ? combinedCrc(ordered) : undefined;
  const attempt = http.attempt(upload.operation, upload.nativeKey);
  const complete = () =>
    control.call(attempt, options.signal, (sdk, client) =>
      client.send(
        new sdk.CompleteMultipartUploadCommand({
          Bucket: settings.bucket,
          Key: upload.nativeKey,
          UploadId: upload.id,
          ...(options.ifAbsent === true ? { IfNoneMatch: "*" } : {}),
          ...(crc === undefined ? {} : { ChecksumCRC32: crc32Base64(crc), ChecksumType: "FULL_OBJECT" }),
          MultipartUpload: {
            Parts: ordered.map((part) => ({
              PartNumber: part.number,
              ETag: `"${part.etag}"`,
              ...(crc === undefined || part.crc === undefined ? {} : { ChecksumCRC32: crc32Base64(part.crc) }),
            })),
          },
        }),
        { abortSignal: options.signal, requestTimeout: Math.max(settings.timeoutMs, COMPLETE_LIMIT_MS) },
      ),
    );
  const completed = await storeDespiteRace(root, options.signal, complete);
  const reported = completed.ChecksumType === "COMPOSITE" ? undefined : checksumHex(completed.ChecksumCRC32);
  if (crc !== undefined && reported !== undefined && reported !== crc32Hex(crc)) {
    await removeDamaged(root, upload.nativeKey);
    throw damaged(upload.nativeKey, crc32Hex(crc), reported);
  }
  return {
    key: options.key,
    size,
    checksums: reported === undefined ? {} : { crc32: reported },
    ...(completed.ETag === undefined ? {} : { etag: unquote(completed.ETag) }),
  };
}

/** Frees the parts; a failure is logged, because the caller has a better error to throw. */
export async function abandonUpload(root: Root, upload: Upload): Promise<void> {
  const signal = AbortSignal.timeout(ABORT_LIMIT_MS);
  try {
    await root.control.call(root.http.attempt(upload.operation, upload.nativeKey), signal, (sdk, client) =>
      client.send(
        new sdk.AbortMultipartUploadCommand({
          Bucket: root.settings.bucket,
          Key: upload.nativeKey,
          UploadId: upload.id,
        }),
        { abortSignal: signal },
      ),
    );
  } catch (error) {
    // Gone already, as it is after a completion whose answer was lost.
    if (hasCode(error, "NOT_FOUND") || isNoSuchUpload(error)) return;
    const why = error instanceof Error ? error.message : String(error);
    root.log.warn("a multipart upload could not be abandoned; its parts use space until the bucket's own clean-up", {
      key: upload.nativeKey,
      uploadId: upload.id,
      why,
    });
  }
}

/** Removes an object that must not stay; bounded by itself, because the caller's signal may have fired. */
export async function removeDamaged(root: Root, nativeKey: string): Promise<void> {
  try {
    const signal = AbortSignal.timeout(ABORT_LIMIT_MS);
    await (await root.http.send({ operation: "delete", method: "DELETE", key: nativeKey, signal })).discard();
  } catch (error) {
    root.log.error("a damaged object could not be removed", {
      key: nativeKey,
      why: error instanceof Error ? error.message : String(error),
    });
  }
}

export function damaged(nativeKey: string, sent: string, reported: string): AppError {
  return new AppError("CHECKSUM_MISMATCH", `${nativeKey} was sent with CRC32 ${sent}, the service stored ${reported}`, {
    retriable: true,
    details: { expected: sent, actual: reported },
  });
}

function combinedCrc(parts: readonly UploadedPart[]): number | undefined {
  let crc = 0;
  for (const part of parts) {
    if (part.crc === undefined) return undefined;
    crc = crc32Combine(crc, part.crc, part.size);
  }
  return crc;
}

function isNoSuchUpload(error: unknown): boolean {
  return error instanceof AppError && error.details.serviceCode === "NoSuchUpload";
}
