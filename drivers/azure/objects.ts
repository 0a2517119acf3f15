/** Single objects: stat, get, delete. */

import { AppError } from "../../src/base/errors.ts";
import { streamOf } from "../../src/base/streams.ts";
import type {
  ByteRange,
  CallOptions,
  GetOptions,
  ObjectBody,
  ObjectInfo,
  ObjectKey,
} from "../../src/storage/driver.ts";
import { exactStream, shortBody } from "./download.ts";
import { infoOf, isDirectory } from "./info.ts";
import { incompleteAnswer, type Root } from "./root.ts";

/** @throws NOT_FOUND */
export async function statObject(root: Root, key: ObjectKey, { signal }: CallOptions): Promise<ObjectInfo> {
  const target = root.blobName(key);
  const found = await root.call({ operation: "stat", target, signal }, ({ container }, abortSignal) =>
    container.getBlobClient(target).getProperties({ abortSignal }),
  );
  if (isDirectory(found.metadata)) throw new AppError("NOT_FOUND", "no such object, but a directory of that name");
  if (found.contentLength === undefined) throw incompleteAnswer(`does not tell the size of ${target}`);
  return infoOf(key, found.contentLength, found);
}

/** @throws NOT_FOUND, INVALID_RANGE; its stream fails with SHORT_BODY, UNAVAILABLE */
export async function getObject(root: Root, key: ObjectKey, options: GetOptions): Promise<ObjectBody> {
  const { start, end } = checkedRange(key, options.range);
  // HTTP has no range of no bytes.
  if (end === start) return emptyRange(root, key, start, options);
  const what = root.blobName(key);
  const { clock, result } = await root.begin(
    { operation: "get", target: what, signal: options.signal },
    ({ container }, abortSignal) =>
      container
        .getBlobClient(what)
        // No resuming by the SDK: the wrapper does it, and makes sure that the object is still the same.
        .download(start, end === undefined ? undefined : end - start, { abortSignal, maxRetryRequests: 0 }),
  );
  const { readableStreamBody: source, contentLength: size } = result;
  const part = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(result.contentRange ?? "");
  const total = options.range === undefined || part === null ? size : Number(part[3]);
  // The answer's members are getters, which a spread would lose.
  const { etag, lastModified, metadata } = result;
  try {
    if (source === undefined || size === undefined || total === undefined)
      throw incompleteAnswer(`to get ${what} lacks its length`);
    if (options.range !== undefined && Number(part?.[1] ?? 0) !== start) {
      throw new AppError("UNSUPPORTED", `the service does not give ranges (${what})`);
    }
    if (isDirectory(metadata)) throw new AppError("NOT_FOUND", "no such object, but a directory of that name");
    // Azurite answers an empty part where the service refuses.
    if (options.range !== undefined && start >= total) {
      throw new AppError("INVALID_RANGE", `${key} has ${total} bytes, none at ${start}`);
    }
    const expected = Math.min(end ?? total, total) - start;
    if (size !== expected) throw shortBody(`the service gives ${size} of ${expected} bytes asked of ${what}`);
    // Beside a range, contentMD5 would be the range's.
    const contentMD5 = part === null ? result.contentMD5 : result.blobContentMD5;
    return {
      info: infoOf(key, total, { etag, lastModified, contentMD5 }),
      size,
      stream: exactStream(source, { clock, size, what }),
    };
  } catch (error) {
    if (source !== undefined) await exactStream(source, { clock, size: 0, what }).cancel();
    clock.end();
    throw error;
  }
}

function checkedRange(key: string, range: ByteRange | undefined): ByteRange {
  if (range === undefined) return { start: 0 };
  const { start, end } = range;
  const valid =
    Number.isSafeInteger(start) && start >= 0 && (end === undefined || (Number.isSafeInteger(end) && end >= start));
  if (!valid) throw new AppError("INVALID_RANGE", `${start}-${end ?? ""} is not a range of ${key}`);
  return range;
}

async function emptyRange(root: Root, key: ObjectKey, start: number, options: CallOptions): Promise<ObjectBody> {
  const info = await statObject(root, key, options);
  if (start >= info.size) throw new AppError("INVALID_RANGE", `${key} has ${info.size} bytes, none at ${start}`);
  return { info, size: 0, stream: streamOf(new Uint8Array(0)) };
}

/** Absent objects count as deleted. */
export async function deleteObject(root: Root, key: ObjectKey, { signal }: CallOptions): Promise<void> {
  const target = root.blobName(key);
  await root
    .call({ operation: "delete", target, signal }, ({ container }, abortSignal) =>
      container.getBlobClient(target).delete({ abortSignal }),
    )
    .catch((error: AppError) => {
      if (error.code !== "NOT_FOUND" || error.details.serviceCode === "ContainerNotFound") throw error;
    });
}
