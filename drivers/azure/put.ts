/** Uploads: one request up to the part size, blocks in flight above it; checked on the way and before they show. */

import { randomUUID } from "node:crypto";
import { createHasher } from "../../src/base/checksum.ts";
import { forEachConcurrent } from "../../src/base/pool.ts";
import { BodyReader } from "../../src/storage/body_reader.ts";
import { DeclaredChecksum } from "../../src/storage/declared_checksum.ts";
import type { ObjectInfo, ObjectKey, PutBody, PutOptions } from "../../src/storage/driver.ts";
import { infoOf } from "./info.ts";
import type { Root } from "./root.ts";

const BLOCKS_IN_FLIGHT = 4;
/** Azure's limit for one blob. */
const MAX_BLOCKS = 50_000;
const MIB = 1024 ** 2;
const CONTENT_TYPE = "application/octet-stream";
const IF_ABSENT = { conditions: { ifNoneMatch: "*" } } as const;

type Options = PutOptions & { readonly declared: DeclaredChecksum };

/** @throws SHORT_BODY, CHECKSUM_MISMATCH, ALREADY_EXISTS, ... with nothing stored */
export async function putObject(root: Root, key: ObjectKey, body: PutBody, options: PutOptions): Promise<ObjectInfo> {
  const declared = new DeclaredChecksum(root.blobName(key), options);
  return body.size <= root.settings.partBytes
    ? putWhole(root, key, body, { ...options, declared })
    : putBlocks(root, key, body, { ...options, declared });
}

async function putWhole(root: Root, key: ObjectKey, body: PutBody, options: Options): Promise<ObjectInfo> {
  const target = root.blobName(key);
  const { signal } = options;
  await root.budget.take(body.size, signal);
  try {
    const source = await BodyReader.open(body, { what: target, signal });
    const content = await source.next(body.size).finally(() => source.close());
    options.declared.update(content);
    options.declared.verify();
    const stored = await root.call(
      { operation: "put", target, bytes: content.length, signal },
      ({ container }, abortSignal) =>
        container.getBlockBlobClient(target).upload(bufferOf(content), content.length, {
          abortSignal,
          // Checked by the service before anything is stored, and kept beside the object.
          transactionalContentMD5: md5(content),
          blobHTTPHeaders: { blobContentType: CONTENT_TYPE },
          ...(options.ifAbsent === true ? IF_ABSENT : {}),
        }),
    );
    source.free(content);
    return infoOf(key, body.size, stored);
  } finally {
    root.budget.give(body.size);
  }
}

/** Blocks that are never committed are no object; the service drops them after a week. */
async function putBlocks(root: Root, key: ObjectKey, body: PutBody, options: Options): Promise<ObjectInfo> {
  const target = root.blobName(key);
  const whole = createHasher("md5");
  const blocks = await stageBlocks(root, body, {
    target,
    signal: options.signal,
    onContent(content) {
      options.declared.update(content);
      whole.update(content);
    },
  });
  options.declared.verify();
  const stored = await root.call(
    { operation: "put", target, bytes: body.size, signal: options.signal },
    ({ container }, abortSignal) =>
      container.getBlockBlobClient(target).commitBlockList([...blocks], {
        abortSignal,
        // Each block was checked by its own digest; this one is kept for whoever reads or copies the object.
        blobHTTPHeaders: { blobContentType: CONTENT_TYPE, blobContentMD5: Buffer.from(whole.digest().value, "hex") },
        ...(options.ifAbsent === true ? IF_ABSENT : {}),
      }),
  );
  // The answer's contentMD5 is the block list's.
  return infoOf(key, body.size, { ...stored, contentMD5: undefined });
}

interface Staging {
  /** In the container. */
  readonly target: string;
  readonly signal: AbortSignal;
  /** Sees each block in order, before it is sent. */
  readonly onContent: (content: Uint8Array) => void;
}

/** @returns the blocks' ids in the order of their content */
async function stageBlocks(
  root: Root,
  body: PutBody,
  { target, signal, onContent }: Staging,
): Promise<readonly string[]> {
  const { settings, budget } = root;
  const sizes = blockSizes(body.size, settings.partBytes);
  const ids = blockIds(sizes.length);
  // A block that fails ends the reading of the source too, which may be waiting for bytes.
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const source = await BodyReader.open(body, { what: target, signal: either });
  // Read and not yet sent. A failure leaves some: also a block that was read just then and that nobody takes any more.
  const held = new Set<number>();
  const release = (index: number, size: number): void => {
    if (held.delete(index)) budget.give(size);
  };
  const read = async function* () {
    for (const [index, size] of sizes.entries()) {
      await budget.take(size, either);
      held.add(index);
      const content = await source.next(size);
      onContent(content);
      yield { index, size, id: ids[index] ?? "", content };
    }
  };
  try {
    await forEachConcurrent(read(), { concurrency: BLOCKS_IN_FLIGHT, signal: either }, async (block, blockSignal) => {
      try {
        await root.call(
          { operation: "put", target, bytes: block.size, signal: blockSignal },
          ({ container }, abortSignal) =>
            container.getBlockBlobClient(target).stageBlock(block.id, bufferOf(block.content), block.size, {
              abortSignal,
              transactionalContentMD5: md5(block.content),
            }),
        );
        source.free(block.content);
      } catch (error) {
        stop.abort(error);
        throw error;
      } finally {
        release(block.index, block.size);
      }
    });
  } finally {
    for (const index of held) release(index, sizes[index] ?? 0);
    await source.close();
  }
  return ids;
}

/** Block sizes in order: at least `preferred`, larger where the count would pass the service's limit. */
export function blockSizes(size: number, preferred: number): number[] {
  const least = Math.ceil(Math.ceil(size / MAX_BLOCKS) / MIB) * MIB;
  const blockSize = Math.max(preferred, least);
  const count = Math.max(1, Math.ceil(size / blockSize));
  return Array.from({ length: count }, (_, index) => Math.min(blockSize, size - index * blockSize));
}

/** Of one length, as the service demands, and of this upload alone: two uploads to one name must not mix their blocks. */
export function blockIds(count: number): string[] {
  const upload = randomUUID();
  return Array.from({ length: count }, (_, index) =>
    Buffer.from(`${upload}-${String(index).padStart(6, "0")}`).toString("base64"),
  );
}

function md5(content: Uint8Array): Uint8Array {
  return new Bun.CryptoHasher("md5").update(content).digest();
}

/** The same memory; the SDK takes no plain Uint8Array. */
function bufferOf(content: Uint8Array): Buffer {
  return Buffer.from(content.buffer, content.byteOffset, content.byteLength);
}
