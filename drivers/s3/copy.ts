/** Copies inside the service: one request up to the threshold, parts in flight above it. */

import { AppError, throwIfAborted } from "../../src/base/errors.ts";
import { forEachConcurrent } from "../../src/base/pool.ts";
import type { CallOptions, ObjectInfo, ObjectKey } from "../../src/storage/driver.ts";
import { storeDespiteRace } from "./denied.ts";
import { encodeKey } from "./encode.ts";
import { checksumHex, lengthOf, unquote } from "./headers.ts";
import type { Call } from "./http.ts";
import { abandonUpload, beginUpload, completeUpload, partSizes, type Upload, type UploadedPart } from "./multipart.ts";
import { statObject } from "./objects.ts";
import { triesOfPart } from "./part_tries.ts";
import type { Root } from "./root.ts";
import { childText, parseXml, type XmlElement } from "./xml.ts";

const PARTS_IN_FLIGHT = 8;
// Parts of a copy pass through nobody's memory; large ones mean fewer requests.
const COPY_PART_BYTES = 64 * 1024 ** 2;
const MAX_PART_BYTES = 5 * 1024 ** 3;

export interface CopySource {
  /** The root the source object is in: this one, or another one of the same service. */
  readonly root: Root;
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
  const result = await storeDespiteRace(root, options.signal, () => copyResult(root, call, "CopyObjectResult"));
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
  const { provider, copyThresholdBytes } = root.settings;
  const partBytes = (await sourcePartBytes(source, options)) ?? Math.min(COPY_PART_BYTES, copyThresholdBytes);
  const ranges = rangesOf(source, partBytes, provider.maxParts);
  const upload = await beginUpload(root, root.nativeKey(to), {
    operation: "copy",
    check: "none",
    signal: options.signal,
  });
  try {
    const parts: UploadedPart[] = [];
    await forEachConcurrent(ranges, { concurrency: PARTS_IN_FLIGHT, signal: options.signal }, async (range, signal) => {
      const { nativeKey } = upload;
      const copy = () => copyPart(root, upload, source, { ...range, signal });
      parts.push(await triesOfPart(root, { nativeKey, number: range.number, signal }, copy));
    });
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
    throw root.http.refused(root.http.attempt("copy", call.key), {
      status: reply.status,
      body,
      region: reply.header("x-amz-bucket-region"),
    });
  }
  throw new AppError("UNAVAILABLE", `the answer to copy ${call.key} is a ${result.name}`);
}

function sourceHeaders({ root, info }: CopySource): Record<string, string> {
  return {
    "x-amz-copy-source": `/${root.settings.bucket}/${encodeKey(root.nativeKey(info.key))}`,
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
