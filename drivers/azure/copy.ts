/** Copies inside the service: one request up to the threshold, blocks in flight above it. */

import { AppError } from "../../src/base/errors.ts";
import { forEachConcurrent } from "../../src/base/pool.ts";
import type { CallOptions, ObjectInfo, ObjectKey } from "../../src/storage/driver.ts";
import { infoOf } from "./info.ts";
import { statObject } from "./objects.ts";
import { blockIds, blockSizes } from "./put.ts";
import { incompleteAnswer, type Root } from "./root.ts";

const BLOCKS_IN_FLIGHT = 8;
// Blocks of a copy pass through nobody's memory; large ones mean fewer requests.
const COPY_BLOCK_BYTES = 64 * 1024 ** 2;

export interface CopySource {
  /** The root the source object is in: this one, or another one of the same account. */
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
  return source.info.size <= root.settings.copyThresholdBytes
    ? copyWhole(root, source, to, options)
    : copyBlocks(root, source, to, options);
}

async function copyWhole(root: Root, source: CopySource, to: ObjectKey, { signal }: CallOptions): Promise<ObjectInfo> {
  const target = root.blobName(to);
  const { size, etag } = source.info;
  const { url, authorization } = await sourceUrl(source, { signal });
  const copied = await root.call({ operation: "copy", target, bytes: size, signal }, ({ container }, abortSignal) =>
    container.getBlobClient(target).syncCopyFromURL(url, {
      abortSignal,
      ...(etag === undefined ? {} : { sourceConditions: { ifMatch: `"${etag}"` } }),
      ...(authorization === undefined ? {} : { sourceAuthorization: authorization }),
    }),
  );
  if (copied.copyStatus !== undefined && copied.copyStatus !== "success") {
    throw incompleteAnswer(`to copy ${target} says ${String(copied.copyStatus)}`);
  }
  // Nothing tied the copy to what was listed, so what came of it is looked at.
  return etag === undefined ? checkedStat(root, source, to, { signal }) : infoOf(to, size, copied);
}

/** The service ties no block to the source's ETag, so the source is asked again before the blocks are committed. */
async function copyBlocks(root: Root, source: CopySource, to: ObjectKey, { signal }: CallOptions): Promise<ObjectInfo> {
  const target = root.blobName(to);
  let offset = 0;
  const sizes = blockSizes(source.info.size, Math.min(COPY_BLOCK_BYTES, root.settings.copyThresholdBytes));
  const ids = blockIds(sizes.length);
  const blocks = sizes.map((count, index) => {
    const block = { id: ids[index] ?? "", offset, count };
    offset += count;
    return block;
  });
  await forEachConcurrent(blocks, { concurrency: BLOCKS_IN_FLIGHT, signal }, async (block, blockSignal) => {
    const { url, authorization } = await sourceUrl(source, { signal: blockSignal });
    await root.call(
      { operation: "copy", target, bytes: block.count, signal: blockSignal },
      ({ container }, abortSignal) =>
        container.getBlockBlobClient(target).stageBlockFromURL(block.id, url, block.offset, block.count, {
          abortSignal,
          ...(authorization === undefined ? {} : { sourceAuthorization: authorization }),
        }),
    );
  });
  await sameSource(source, { signal });
  await root.call({ operation: "put", target, bytes: source.info.size, signal }, ({ container }, abortSignal) =>
    container.getBlockBlobClient(target).commitBlockList(ids, {
      abortSignal,
      // Without the source's MD5: the service would only repeat it, and pass for a witness.
      blobHTTPHeaders: { blobContentType: "application/octet-stream" },
    }),
  );
  return checkedStat(root, source, to, { signal });
}

function sourceUrl({ root, info }: CopySource, { signal }: CallOptions) {
  const target = root.blobName(info.key);
  return root.call({ operation: "copy", target, signal }, (client) => client.sourceOf(target));
}

/** @throws CHECKSUM_MISMATCH */
async function sameSource({ root, info }: CopySource, options: CallOptions): Promise<void> {
  const now = await statObject(root, info.key, options);
  if (now.size === info.size && (info.etag === undefined || now.etag === info.etag)) return;
  throw new AppError("CHECKSUM_MISMATCH", "the source object has changed since it was listed", {
    details: { target: root.blobName(info.key) },
  });
}

async function checkedStat(root: Root, source: CopySource, to: ObjectKey, options: CallOptions): Promise<ObjectInfo> {
  const copied = await statObject(root, to, options);
  if (copied.size === source.info.size) return copied;
  throw new AppError(
    "SHORT_BODY",
    `the copy ${root.blobName(to)} has ${copied.size} bytes, its source was listed with ${source.info.size}`,
    { retriable: true, details: { expected: source.info.size, actual: copied.size } },
  );
}
