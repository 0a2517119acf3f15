/** Uploads: one request up to the part size, a resumable one above it; checked on the way and before they show. */

import { randomBytes } from "node:crypto";
import { crc32c, crc32cBase64, crc32cHex } from "../../src/base/crc32c.ts";
import { AppError } from "../../src/base/errors.ts";
import { BodyReader } from "../../src/storage/body_reader.ts";
import { DeclaredChecksum } from "../../src/storage/declared_checksum.ts";
import type { ObjectInfo, ObjectKey, PutBody, PutOptions } from "../../src/storage/driver.ts";
import { FIELDS, infoOf, parseResource, type Resource } from "./resource.ts";
import { ResumableUpload } from "./resumable.ts";
import { objectUrl, type Root, uploadUrl } from "./root.ts";

// A removal must also be tried when the caller's signal has fired; this bounds it.
const REMOVE_LIMIT_MS = 15_000;
// Objects up to this size are not counted against the bound for buffers: all connections together hold 64 MiB of them.
const SMALL_BYTES = 1024 ** 2;

/** @throws SHORT_BODY, CHECKSUM_MISMATCH, ALREADY_EXISTS, ... with nothing stored */
export async function putObject(root: Root, key: ObjectKey, body: PutBody, options: PutOptions): Promise<ObjectInfo> {
  const native = root.nativeKey(key);
  const declared = new DeclaredChecksum(native, options);
  const release = body.size > SMALL_BYTES ? await root.buffers.acquire(options.signal) : undefined;
  try {
    const source = await BodyReader.open(body, { what: native, signal: options.signal });
    try {
      const upload = { ...options, native, size: body.size, source, declared };
      const { resource, crc } = await (body.size <= root.settings.partBytes ? putWhole : putChunks)(root, upload);
      return await checked(root, infoOf(key, resource), { native, size: body.size, crc });
    } finally {
      await source.close();
    }
  } finally {
    release?.();
  }
}

interface Upload extends PutOptions {
  readonly native: string;
  readonly size: number;
  readonly source: BodyReader;
  readonly declared: DeclaredChecksum;
}

interface Stored {
  readonly resource: Resource;
  /** CRC32C of what was sent. */
  readonly crc: number;
}

/** The checksum travels before the content, so the service stores nothing else. */
async function putWhole(root: Root, { native, size, source, declared, ifAbsent, signal }: Upload): Promise<Stored> {
  const content = await source.next(size);
  declared.update(content);
  declared.verify();
  const crc = crc32c(content);
  const boundary = `part-${randomBytes(24).toString("hex")}`;
  const metadata = { name: native, contentType: "application/octet-stream", crc32c: crc32cBase64(crc) };
  const head =
    `--${boundary}\r\ncontent-type: application/json; charset=UTF-8\r\n\r\n${JSON.stringify(metadata)}\r\n` +
    `--${boundary}\r\ncontent-type: application/octet-stream\r\n\r\n`;
  const body = Buffer.concat([Buffer.from(head), content, Buffer.from(`\r\n--${boundary}--\r\n`)]);
  source.free(content);
  const reply = await root.http.send({
    operation: "put",
    method: "POST",
    url: uploadUrl(root, {
      uploadType: "multipart",
      fields: FIELDS,
      ifGenerationMatch: ifAbsent === true ? "0" : undefined,
    }),
    target: native,
    headers: { "content-type": `multipart/related; boundary=${boundary}` },
    body,
    bytes: body.length,
    signal,
  });
  return { resource: parseResource(await reply.text(), `the answer to put ${native}`), crc };
}

/** Nothing shows before the last chunk, which is sent when the whole content has proved right, with its checksum. */
async function putChunks(root: Root, { native, size, source, declared, ifAbsent, signal }: Upload): Promise<Stored> {
  const upload = await ResumableUpload.begin(root, native, { size, ifAbsent: ifAbsent === true, signal });
  try {
    let crc = 0;
    for (let start = 0; ; ) {
      const content = await source.next(Math.min(root.settings.partBytes, size - start));
      declared.update(content);
      crc = crc32c(content, crc);
      const isLast = start + content.length === size;
      if (isLast) declared.verify();
      const resource = await upload.send(content, start, isLast ? crc32cBase64(crc) : undefined);
      start += content.length;
      source.free(content);
      if (resource !== undefined) return { resource, crc };
    }
  } catch (error) {
    await upload.abandon();
    throw error;
  }
}

interface Sent {
  readonly native: string;
  readonly size: number;
  readonly crc: number;
}

/** What the service says it stored must be what was sent; anything else is taken away again, if it is still that. */
async function checked(root: Root, info: ObjectInfo, { native, size, crc }: Sent): Promise<ObjectInfo> {
  const reported = info.checksums.crc32c;
  const sent = crc32cHex(crc);
  if (info.size === size && (reported === undefined || reported === sent)) return info;
  await removeDamaged(root, native, info.etag);
  const text = `${native} was sent with ${size} bytes and CRC32C ${sent}, the service stored ${info.size} and ${reported}`;
  throw new AppError("CHECKSUM_MISMATCH", text, {
    retriable: true,
    details: { expected: sent, actual: reported ?? "" },
  });
}

/** Removes what must not stay, unless somebody stored something else there meanwhile. */
export async function removeDamaged(root: Root, native: string, generation: string | undefined): Promise<void> {
  try {
    const url = objectUrl(root, native, { ifGenerationMatch: generation });
    const signal = AbortSignal.timeout(REMOVE_LIMIT_MS);
    await (await root.http.send({ operation: "delete", method: "DELETE", url, target: native, signal })).discard();
  } catch (error) {
    root.log.error("a damaged object could not be removed", {
      key: native,
      why: error instanceof Error ? error.message : String(error),
    });
  }
}
