/**
 * The envelope of storage v1 logs, little endian: magic, one descriptor event, then data events that each hold a
 * complete parquet file.
 *
 *     magic int32 | descriptor: header 17, fixed part 52, post-header lengths 8, int32 extra length, extras (JSON)
 *                 | event: header 17, start and end timestamp 16, payload | event ...
 *
 * An event header is {uint64 timestamp, int8 type, int32 length of the event, int32 next position}. The next position is
 * not looked at: Milvus 2.5 and newer write -1 there.
 */

import { isJsonObject, type JsonObject, parseJson } from "../base/json.ts";
import { decoding, malformed, truncated } from "./damage.ts";

const MAGIC = 0x00fffabc;
const HEADER = 17;
/** Fixed part, post-header lengths and the length of the extras. */
const DESCRIPTOR_BODY = 52 + 8 + 4;
const EVENT_TIMES = 16;

export interface Envelope {
  /** What the writer noted: "original_size", and for some delta logs "version". */
  readonly extras: JsonObject;
  /** One parquet file for each data event; views of the content, not copies. */
  readonly payloads: readonly Uint8Array[];
}

/** True for content that starts like an envelope; storage v2 and v3 logs are bare parquet files instead. */
export function isEnvelope(content: Uint8Array): boolean {
  return content.length >= 4 && viewOf(content).getInt32(0, true) === MAGIC;
}

/** @throws SHORT_BODY when the content ends early, CHECKSUM_MISMATCH when it is no intact envelope. */
export function readEnvelope(content: Uint8Array): Envelope {
  const view = viewOf(content);
  if (content.length < 4) throw truncated("binlog envelope", 4, content.length);
  const magic = view.getInt32(0, true);
  if (magic !== MAGIC) throw malformed(`binlog envelope starts with ${hex(magic)} in place of ${hex(MAGIC)}`);
  const descriptor = eventAt(content, view, 4, HEADER + DESCRIPTOR_BODY, "descriptor event");
  const extraLength = view.getInt32(4 + HEADER + DESCRIPTOR_BODY - 4, true);
  if (extraLength !== descriptor.length - HEADER - DESCRIPTOR_BODY) {
    throw malformed(`descriptor event of ${descriptor.length} bytes announces ${extraLength} bytes of extras`);
  }
  const extras = readExtras(content.subarray(descriptor.end - extraLength, descriptor.end));
  const payloads: Uint8Array[] = [];
  for (let offset = descriptor.end; offset < content.length; ) {
    const event = eventAt(content, view, offset, HEADER + EVENT_TIMES, `data event ${payloads.length + 1}`);
    payloads.push(content.subarray(offset + HEADER + EVENT_TIMES, event.end));
    offset = event.end;
  }
  return { extras, payloads };
}

function eventAt(content: Uint8Array, view: DataView, offset: number, least: number, what: string) {
  const left = content.length - offset;
  if (left < HEADER) throw truncated(`header of the ${what}`, HEADER, left);
  const length = view.getInt32(offset + 9, true);
  if (length < least) throw malformed(`${what} announces ${length} bytes, fewer than the ${least} that each has`);
  if (length > left) throw truncated(what, length, left);
  return { length, end: offset + length };
}

function readExtras(bytes: Uint8Array): JsonObject {
  const extras = decoding("extras of the descriptor event", () =>
    parseJson(new TextDecoder("utf-8", { fatal: true }).decode(bytes)),
  );
  if (!isJsonObject(extras)) throw malformed("extras of the descriptor event are no JSON object");
  return extras;
}

function viewOf(content: Uint8Array): DataView {
  return new DataView(content.buffer, content.byteOffset, content.byteLength);
}

function hex(value: number): string {
  return `0x${(value >>> 0).toString(16).padStart(8, "0")}`;
}
