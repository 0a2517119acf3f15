/** Uploads: one request up to the part size, parts in flight above it; checked on the way and before they show. */

import { AppError } from "../../src/base/errors.ts";
import { forEachConcurrent } from "../../src/base/pool.ts";
import { BodyReader } from "../../src/storage/body_reader.ts";
import { DeclaredChecksum } from "../../src/storage/declared_checksum.ts";
import type { ObjectInfo, ObjectKey, PutBody, PutOptions } from "../../src/storage/driver.ts";
import type { Reply } from "../../src/storage/http_reply.ts";
import { crc32, crc32Hex } from "./crc32.ts";
import { storeDespiteRace } from "./denied.ts";
import { checksumsOf, infoOf, unquote } from "./headers.ts";
import {
  abandonUpload,
  beginUpload,
  completeUpload,
  damaged,
  partSizes,
  removeDamaged,
  type Upload,
  type UploadedPart,
} from "./multipart.ts";
import { triesOfPart } from "./part_tries.ts";
import type { WireCheck } from "./providers.ts";
import type { Root } from "./root.ts";
import { checkHeaders } from "./wire_check.ts";

const PARTS_IN_FLIGHT = 4;

/** @throws SHORT_BODY, CHECKSUM_MISMATCH, ALREADY_EXISTS, ... with nothing stored */
export async function putObject(root: Root, key: ObjectKey, body: PutBody, options: PutOptions): Promise<ObjectInfo> {
  if (options.ifAbsent === true && !root.settings.provider.ifAbsent) {
    throw new AppError("UNSUPPORTED", "this provider has no upload that refuses to replace an object");
  }
  const declared = new DeclaredChecksum(root.nativeKey(key), options);
  return body.size <= root.settings.partBytes
    ? putWhole(root, key, body, { ...options, declared })
    : putParts(root, key, body, { ...options, declared });
}

type Options = PutOptions & { readonly declared: DeclaredChecksum };

async function putWhole(root: Root, key: ObjectKey, body: PutBody, options: Options): Promise<ObjectInfo> {
  const native = root.nativeKey(key);
  await root.budget.take(body.size, options.signal);
  try {
    const source = await BodyReader.open(body, { what: native, signal: options.signal });
    const content = await source.next(body.size).finally(() => source.close());
    options.declared.update(content);
    options.declared.verify();
    const crc = crc32(content);
    const send = (check: WireCheck): Promise<Reply> =>
      root.http.send({
        operation: "put",
        method: "PUT",
        key: native,
        headers: {
          ...checkHeaders(check, content, crc),
          ...(options.ifAbsent === true ? { "if-none-match": "*" } : {}),
          "content-type": "application/octet-stream",
        },
        body: content,
        bytes: content.length,
        signal: options.signal,
      });
    const reply = await storeDespiteRace(root, options.signal, () => root.check.attempt(send));
    await reply.discard();
    source.free(content);
    const info = infoOf(key, body.size, (name) => (name === "last-modified" ? undefined : reply.header(name)));
    const reported = info.checksums.crc32;
    if (reported !== undefined && reported !== crc32Hex(crc)) {
      await removeDamaged(root, native);
      throw damaged(native, crc32Hex(crc), reported);
    }
    return info;
  } finally {
    root.budget.give(body.size);
  }
}

async function putParts(root: Root, key: ObjectKey, body: PutBody, options: Options): Promise<ObjectInfo> {
  const native = root.nativeKey(key);
  const upload = await root.check.attempt((check) =>
    beginUpload(root, native, { operation: "put", check, signal: options.signal }),
  );
  try {
    const parts = await sendParts(root, upload, body, options);
    options.declared.verify();
    return await completeUpload(root, upload, parts, { ...options, key });
  } catch (error) {
    await abandonUpload(root, upload);
    throw error;
  }
}

interface Part {
  readonly number: number;
  readonly size: number;
  readonly content: Uint8Array;
}

async function sendParts(root: Root, upload: Upload, body: PutBody, options: Options): Promise<UploadedPart[]> {
  const { settings, budget } = root;
  const sizes = partSizes(body.size, settings.partBytes, settings.provider.maxParts);
  // A part that fails ends the reading of the source too, which may be waiting for bytes.
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const source = await BodyReader.open(body, { what: upload.nativeKey, signal });
  // Read and not yet sent. A failure leaves some: also a part that was read just then and that nobody takes any more.
  const held = new Set<number>();
  const release = (number: number, size: number): void => {
    if (held.delete(number)) budget.give(size);
  };
  const read = async function* (): AsyncGenerator<Part> {
    for (const [index, size] of sizes.entries()) {
      await budget.take(size, signal);
      held.add(index + 1);
      const content = await source.next(size);
      options.declared.update(content);
      yield { number: index + 1, size, content };
    }
  };
  const sent: UploadedPart[] = [];
  try {
    await forEachConcurrent(read(), { concurrency: PARTS_IN_FLIGHT, signal }, async (part, partSignal) => {
      try {
        const { number } = part;
        const { nativeKey, partCheck: check } = upload;
        const send = () => sendPart(root, upload, part, { check, signal: partSignal });
        sent.push(await triesOfPart(root, { nativeKey, number, signal: partSignal }, send));
        source.free(part.content);
      } catch (error) {
        stop.abort(error);
        throw error;
      } finally {
        release(part.number, part.size);
      }
    });
  } finally {
    for (const number of held) release(number, sizes[number - 1] ?? 0);
    await source.close();
  }
  return sent;
}

async function sendPart(
  root: Root,
  upload: Upload,
  part: Part,
  options: { readonly check: WireCheck; readonly signal: AbortSignal },
): Promise<UploadedPart> {
  const { number, size, content } = part;
  const crc = crc32(content);
  const reply = await root.http.send({
    operation: "put",
    method: "PUT",
    key: upload.nativeKey,
    query: { partNumber: String(number), uploadId: upload.id },
    headers: checkHeaders(options.check, content, crc),
    body: content,
    bytes: content.length,
    signal: options.signal,
  });
  await reply.discard();
  const etag = reply.header("etag");
  if (etag === undefined) {
    throw new AppError("UNAVAILABLE", `the service took part ${number} of ${upload.nativeKey} without an ETag`);
  }
  const reported = checksumsOf((name) => reply.header(name)).crc32;
  if (reported !== undefined && reported !== crc32Hex(crc)) {
    throw damaged(`part ${number} of ${upload.nativeKey}`, crc32Hex(crc), reported);
  }
  return { number, etag: unquote(etag), size, crc };
}
