/** Copies inside the service: one request up to the threshold, parts in flight above it. */

import { AppError } from "../../src/base/errors.ts";
import { forEachConcurrent } from "../../src/base/pool.ts";
import type { CallOptions, ObjectInfo, ObjectKey } from "../../src/storage/driver.ts";
import { encodeKey } from "./encode.ts";
import { readRefusal, refusalError } from "./errors.ts";
import { checksumHex, unquote } from "./headers.ts";
import type { Call } from "./http.ts";
import { abandonUpload, beginUpload, completeUpload, partSizes, type Upload, type UploadedPart } from "./multipart.ts";
import { statObject } from "./objects.ts";
import type { Root } from "./root.ts";
import { childText, parseXml, type XmlElement } from "./xml.ts";

const PARTS_IN_FLIGHT = 8;
// Parts of a copy pass through nobody's memory; large ones mean fewer requests.
const COPY_PART_BYTES = 64 * 1024 ** 2;

export interface CopySource {
  readonly bucket: string;
  /** In that bucket. */
  readonly nativeKey: string;
  /** As it was listed: its ETag, where there is one, is what the copy insists on. */
  readonly info: ObjectInfo;
}

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
  const call: Call = {
    operation: "copy",
    method: "PUT",
    key: root.nativeKey(to),
    headers: sourceHeaders(source),
    bytes: size,
    signal: options.signal,
  };
  const result = await copyResult(root, call, "CopyObjectResult");
  const copiedEtag = childText(result, "ETag");
  // Nothing tied the copy to what was listed, so what came of it is looked at.
  if (etag === undefined || copiedEtag === undefined) return checkedStat(root, source, to, options);
  const modified = childText(result, "LastModified");
  const crc32 =
    childText(result, "ChecksumType") === "COMPOSITE" ? undefined : checksumHex(childText(result, "ChecksumCRC32"));
  return {
    key: to,
    size,
    etag: unquote(copiedEtag),
    checksums: crc32 === undefined ? {} : { crc32 },
    ...(modified === undefined ? {} : { lastModified: new Date(modified) }),
  };
}

async function copyParts(root: Root, source: CopySource, to: ObjectKey, options: CallOptions): Promise<ObjectInfo> {
  const upload = await beginUpload(root, root.nativeKey(to), {
    operation: "copy",
    check: "none",
    signal: options.signal,
  });
  try {
    const parts: UploadedPart[] = [];
    await forEachConcurrent(
      rangesOf(root, source),
      { concurrency: PARTS_IN_FLIGHT, signal: options.signal },
      async (range, signal) => {
        parts.push(await copyPart(root, upload, source, { ...range, signal }));
      },
    );
    await completeUpload(root, upload, parts, { key: to, signal: options.signal });
  } catch (error) {
    await abandonUpload(root, upload);
    throw error;
  }
  return checkedStat(root, source, to, options);
}

interface PartRange {
  readonly number: number;
  readonly start: number;
  readonly size: number;
}

function rangesOf(root: Root, source: CopySource): PartRange[] {
  const { provider, copyThresholdBytes } = root.settings;
  let start = 0;
  return partSizes(source.info.size, Math.min(COPY_PART_BYTES, copyThresholdBytes), provider.maxParts).map(
    (size, index) => {
      const range = { number: index + 1, start, size };
      start += size;
      return range;
    },
  );
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
  return { number: range.number, etag: unquote(etag), size: range.size };
}

/** A refusal may come in an answer with status 200, because the service answers before the copy is done. */
async function copyResult(root: Root, call: Call, expected: string): Promise<XmlElement> {
  const reply = await root.http.send(call);
  const body = await reply.text();
  let result: XmlElement;
  try {
    result = parseXml(body.trimStart());
  } catch (error) {
    throw new AppError("UNAVAILABLE", `the answer to copy ${call.key} ends early or is not XML`, { cause: error });
  }
  if (result.name === expected) return result;
  if (result.name === "Error") {
    throw refusalError(
      root.http.attempt("copy", call.key),
      readRefusal(reply.status, body, reply.header("x-amz-bucket-region")),
    );
  }
  throw new AppError("UNAVAILABLE", `the answer to copy ${call.key} is a ${result.name}`);
}

function sourceHeaders({ bucket, nativeKey, info }: CopySource): Record<string, string> {
  return {
    "x-amz-copy-source": `/${bucket}/${encodeKey(nativeKey)}`,
    ...(info.etag === undefined ? {} : { "x-amz-copy-source-if-match": `"${info.etag}"` }),
  };
}

async function checkedStat(root: Root, source: CopySource, to: ObjectKey, options: CallOptions): Promise<ObjectInfo> {
  const copied = await statObject(root, to, options);
  if (copied.size === source.info.size) return copied;
  throw new AppError(
    "SHORT_BODY",
    `the copy ${root.nativeKey(to)} has ${copied.size} bytes, its source was listed with ${source.info.size}`,
    { retriable: true, details: { expected: source.info.size, actual: copied.size } },
  );
}
