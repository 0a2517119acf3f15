import { describe, expect, test } from "bun:test";
import { isEnvelope, readEnvelope } from "../../../src/binlog/envelope.ts";
import { makeEnvelope } from "./make_logs.ts";

const PAYLOAD = new TextEncoder().encode("PAR1 and so on");

/** The start of what the Go tool writes for an int64 delta log. */
const GOLDEN_DESCRIPTOR =
  `bcfaff00${"00".repeat(8)}005300000057000000` + `${"00".repeat(48)}140000003410101010101010020000007b7d`;

describe("the envelope of storage version 1", () => {
  test("is read from the Go tool's bytes", () => {
    const event = `${"00".repeat(8)}022f000000${"86000000"}${"00".repeat(16)}${Buffer.from(PAYLOAD).toString("hex")}`;
    const content = new Uint8Array(Buffer.from(GOLDEN_DESCRIPTOR + event, "hex"));
    expect(readEnvelope(content)).toEqual({ extras: {}, payloads: [PAYLOAD] });
    expect(isEnvelope(content)).toBe(true);
  });

  test("made by hand has the same bytes as the Go tool's", () => {
    expect(Buffer.from(makeEnvelope([])).toString("hex")).toBe(GOLDEN_DESCRIPTOR);
  });

  test("gives extras of mixed types and every payload in order", () => {
    const extras = '{"original_size":"129","nullable":false,"version":"MULTI_FIELD","big":9223372036854775807}';
    const content = makeEnvelope([PAYLOAD, new Uint8Array(), PAYLOAD.subarray(4)], extras);
    expect(readEnvelope(content)).toEqual({
      extras: { original_size: "129", nullable: false, version: "MULTI_FIELD", big: 9223372036854775807n },
      payloads: [PAYLOAD, new Uint8Array(), PAYLOAD.subarray(4)],
    });
  });

  test("is read from the middle of a larger buffer", () => {
    const content = makeEnvelope([PAYLOAD]);
    const larger = new Uint8Array(content.length + 14);
    larger.set(content, 7);
    expect(readEnvelope(larger.subarray(7, 7 + content.length)).payloads).toEqual([PAYLOAD]);
  });

  test("cut off anywhere but between events is a short body", () => {
    const content = makeEnvelope([PAYLOAD, PAYLOAD], '{"original_size":"1"}');
    const whole = new Set([content.length, content.length - 47, content.length - 94]);
    for (let length = 0; length < content.length; length += 1) {
      const read = () => readEnvelope(content.slice(0, length));
      if (whole.has(length)) expect(read().payloads.length).toBe(length === content.length - 47 ? 1 : 0);
      else expect(read).toThrow(expect.objectContaining({ name: "AppError", code: "SHORT_BODY" }));
    }
  });

  test.each([
    ["another magic", 0, 0xbd, "0x00fffabd in place of 0x00fffabc"],
    ["a descriptor shorter than its fixed part", 13, 0x10, "announces 16 bytes, fewer than the 81"],
    ["extras longer than their event", 81, 0x03, "announces 3 bytes of extras"],
    ["extras that are no JSON", 85, 0x78, "extras of the descriptor event does not decode"],
    ["an event shorter than its header", 87 + 9, 0x20, "data event 1 announces 32 bytes, fewer than the 33"],
  ])("with %s is refused", (_what, offset, value, message) => {
    const content = makeEnvelope([PAYLOAD]);
    content[offset] = value;
    expect(() => readEnvelope(content)).toThrow(expect.objectContaining({ code: "CHECKSUM_MISMATCH" }));
    expect(() => readEnvelope(content)).toThrow(message);
  });

  test("with negative lengths is refused", () => {
    for (const offset of [4 + 9, 4 + 77, 87 + 9]) {
      const content = makeEnvelope([PAYLOAD]);
      content.set([0xff, 0xff, 0xff, 0xff], offset);
      expect(() => readEnvelope(content)).toThrow(expect.objectContaining({ code: "CHECKSUM_MISMATCH" }));
    }
  });

  test("with extras that are a list is refused", () => {
    expect(() => readEnvelope(makeEnvelope([], "[]"))).toThrow("no JSON object");
  });

  test("is told from parquet and from nothing", () => {
    expect(isEnvelope(PAYLOAD)).toBe(false);
    expect(isEnvelope(new Uint8Array())).toBe(false);
  });
});
