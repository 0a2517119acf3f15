/** Copies inside the service: rewrites, of any size, each call going on where the one before stopped. */

import { AppError } from "../../src/base/errors.ts";
import type { CallOptions, ObjectInfo, ObjectKey } from "../../src/storage/driver.ts";
import { removeDamaged } from "./put.ts";
import { FIELDS, infoOf, parseResource, type Resource, textOf } from "./resource.ts";
import { type Root, rewriteUrl } from "./root.ts";

export interface CopySource {
  /** The root the source object is in: this one, or another one of the same service. */
  readonly root: Root;
  /** As it was listed: its generation, where it is known, is what the copy insists on. */
  readonly info: ObjectInfo;
}

// One call may copy for half a minute before it answers that there is more.
const REWRITE_BYTES = 64 * 1024 ** 2;

/** @throws NOT_FOUND, CHECKSUM_MISMATCH for a source that changed or a copy that differs */
export async function copyObject(
  root: Root,
  source: CopySource,
  to: ObjectKey,
  options: CallOptions,
): Promise<ObjectInfo> {
  const native = root.nativeKey(to);
  const from = source.root.nativeKey(source.info.key);
  let rewriteToken: string | undefined;
  for (;;) {
    const query = {
      ifSourceGenerationMatch: source.info.etag,
      rewriteToken,
      fields: `kind,done,rewriteToken,resource(${FIELDS})`,
    };
    const reply = await root.http.send({
      operation: "copy",
      method: "POST",
      url: rewriteUrl(source.root, from, root, { native, query }),
      target: native,
      headers: { "content-length": "0" },
      bytes: REWRITE_BYTES,
      signal: options.signal,
    });
    const answer = parseResource(await reply.text(), `the answer to copy ${native}`);
    if (answer.done === true) return checked(root, source, infoOf(to, resourceOf(answer, native)));
    const next = textOf(answer, "rewriteToken");
    // Calls of one copy may give the same token; without one the copy would begin anew each time.
    if (answer.kind !== "storage#rewriteResponse" || next === undefined) {
      throw new AppError("UNAVAILABLE", `the answer to copy ${native} neither ends the copy nor says how to go on`);
    }
    rewriteToken = next;
  }
}

async function checked(root: Root, { info }: CopySource, copied: ObjectInfo): Promise<ObjectInfo> {
  const wanted = info.checksums.crc32c;
  const found = copied.checksums.crc32c;
  const isEqual = wanted === undefined || found === undefined || wanted === found;
  if (copied.size === info.size && isEqual) return copied;
  const native = root.nativeKey(copied.key);
  await removeDamaged(root, native, copied.etag);
  const text = `the copy ${native} has ${copied.size} bytes and CRC32C ${found}, its source ${info.size} and ${wanted}`;
  throw new AppError(copied.size === info.size ? "CHECKSUM_MISMATCH" : "SHORT_BODY", text, {
    retriable: true,
    details: { expected: wanted ?? info.size, actual: found ?? copied.size },
  });
}

function resourceOf(answer: Resource, native: string): Resource {
  const { resource } = answer;
  if (typeof resource === "object" && resource !== null) return resource as Resource;
  throw new AppError("UNAVAILABLE", `the answer to copy ${native} does not describe the copy`);
}
