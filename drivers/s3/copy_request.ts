/** What whole copies and copied parts have in common: the source's headers, the reading of the answer, a look at the copy. */

import { AppError } from "../../src/base/errors.ts";
import type { CallOptions, ObjectInfo, ObjectKey } from "../../src/storage/driver.ts";
import { encodeKey } from "./encode.ts";
import type { Call } from "./http.ts";
import { statObject } from "./objects.ts";
import type { Root } from "./root.ts";
import { parseXml, type XmlElement } from "./xml.ts";

export interface CopySource {
  /** The root the source object is in: this one, or another one of the same service. */
  readonly root: Root;
  /** As it was listed: its ETag, where there is one, is what the copy insists on. */
  readonly info: ObjectInfo;
}

/**
 * A refusal may come in an answer with status 200, because the service answers before the copy is done.
 * @throws also UNAVAILABLE for an answer that is not `expected`
 */
export async function copyResult(root: Root, call: Call, expected: string): Promise<XmlElement> {
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

/** Names the source and insists on the content that was listed. */
export function sourceHeaders({ root, info }: CopySource): Record<string, string> {
  return {
    "x-amz-copy-source": `/${root.settings.bucket}/${encodeKey(root.nativeKey(info.key))}`,
    ...(info.etag === undefined ? {} : { "x-amz-copy-source-if-match": `"${info.etag}"` }),
  };
}

/** @throws SHORT_BODY for a copy of another size than its source was listed with */
export async function checkedStat(
  root: Root,
  source: CopySource,
  to: ObjectKey,
  options: CallOptions,
): Promise<ObjectInfo> {
  const copied = await statObject(root, to, options);
  if (copied.size === source.info.size) return copied;
  throw new AppError(
    "SHORT_BODY",
    `the copy ${root.nativeKey(to)} has ${copied.size} bytes, its source was listed with ${source.info.size}`,
    { retriable: true, details: { expected: source.info.size, actual: copied.size } },
  );
}
