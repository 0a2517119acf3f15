/** Copies inside the service in parts, for objects above what one request is used for. */

import { AppError, throwIfAborted } from "../../src/base/errors.ts";
import { forEachConcurrent } from "../../src/base/pool.ts";
import type { CallOptions, ObjectInfo, ObjectKey } from "../../src/storage/driver.ts";
import { type CopySource, checkedStat, copyResult, sourceHeaders } from "./copy_request.ts";
import { checksumHex, lengthOf, unquote } from "./headers.ts";
import { abandonUpload, beginUpload, completeUpload, partSizes, type Upload, type UploadedPart } from "./multipart.ts";
import { triesOfPart } from "./part_tries.ts";
import type { WireCheck } from "./providers.ts";
import type { Root } from "./root.ts";
import { childText } from "./xml.ts";

const PARTS_IN_FLIGHT = 8;
// Parts of a copy pass through nobody's memory; large ones mean fewer requests.
const COPY_PART_BYTES = 64 * 1024 ** 2;
const MAX_PART_BYTES = 5 * 1024 ** 3;

/** @throws as copyObject, with the upload abandoned */
export async function copyParts(
  root: Root,
  source: CopySource,
  to: ObjectKey,
  options: CallOptions,
): Promise<ObjectInfo> {
  const { provider, copyThresholdBytes } = root.settings;
  const partBytes = (await sourcePartBytes(source, options)) ?? Math.min(COPY_PART_BYTES, copyThresholdBytes);
  const ranges = rangesOf(source, partBytes, provider.maxParts);
  const { signal } = options;
  await root.copyChecksum.attempt("parts", (asked) =>
    copyRanges(root, source, ranges, { key: to, check: asked ? "crc32" : "none", signal }),
  );
  return checkedStat(root, source, to, options);
}

async function copyRanges(
  root: Root,
  source: CopySource,
  ranges: readonly PartRange[],
  options: CallOptions & { readonly key: ObjectKey; readonly check: WireCheck },
): Promise<void> {
  const upload = await beginUpload(root, root.nativeKey(options.key), { operation: "copy", ...options });
  try {
    const parts: UploadedPart[] = [];
    await forEachConcurrent(ranges, { concurrency: PARTS_IN_FLIGHT, signal: options.signal }, async (range, signal) => {
      const { nativeKey } = upload;
      const copy = () => copyPart(root, upload, source, { ...range, signal });
      parts.push(await triesOfPart(root, { nativeKey, number: range.number, signal }, copy));
    });
    await completeUpload(root, upload, parts, options);
  } catch (error) {
    await abandonUpload(root, upload);
    throw error;
  }
}

interface PartRange {
  readonly number: number;
  readonly start: number;
  readonly size: number;
}

function rangesOf(source: CopySource, partBytes: number, maxParts: number): PartRange[] {
  let start = 0;
  return partSizes(source.info.size, partBytes, maxParts).map((size, index) => {
    const range = { number: index + 1, start, size };
    start += size;
    return range;
  });
}

/**
 * The part size of an object that was itself uploaded in parts. A copy in the same parts gets the same ETag, which is the
 * service's word that the contents are equal; undefined where it cannot be learnt.
 */
async function sourcePartBytes({ root, info }: CopySource, options: CallOptions): Promise<number | undefined> {
  const count = Number(/^[0-9a-f]{32}-(\d+)$/.exec(info.etag ?? "")?.[1]);
  if (!(count > 0)) return undefined;
  try {
    const reply = await root.http.send({
      operation: "stat",
      method: "HEAD",
      key: root.nativeKey(info.key),
      query: { partNumber: "1" },
      signal: options.signal,
    });
    await reply.discard();
    const first = lengthOf(reply.header("content-length")) ?? 0;
    return first > 0 && first <= MAX_PART_BYTES && Math.ceil(info.size / first) === count ? first : undefined;
  } catch (error) {
    throwIfAborted(options.signal);
    root.log.debug("the part size of a copy's source is unknown", { key: info.key, why: String(error) });
    return undefined;
  }
}

async function copyPart(
  root: Root,
  upload: Upload,
  source: CopySource,
  range: PartRange & CallOptions,
): Promise<UploadedPart> {
  const result = await copyResult(
    root,
    {
      operation: "copy",
      method: "PUT",
      key: upload.nativeKey,
      query: { partNumber: String(range.number), uploadId: upload.id },
      headers: {
        ...sourceHeaders(source),
        "x-amz-copy-source-range": `bytes=${range.start}-${range.start + range.size - 1}`,
      },
      bytes: range.size,
      signal: range.signal,
    },
    "CopyPartResult",
  );
  const etag = childText(result, "ETag");
  if (etag === undefined) {
    throw new AppError("UNAVAILABLE", `the service copied part ${range.number} of ${upload.nativeKey} without an ETag`);
  }
  const crc = checksumHex(childText(result, "ChecksumCRC32"));
  return {
    number: range.number,
    etag: unquote(etag),
    size: range.size,
    ...(crc === undefined ? {} : { crc: Number.parseInt(crc, 16) }),
  };
}
