import { describe, expect, test } from "bun:test";
import { crc32c, crc32cBase64, crc32cHex } from "../../../src/base/crc32c.ts";

const contentOf = (size: number): Uint8Array =>
  Uint8Array.from({ length: size }, (_, at) => (at * 31 + (at >> 4)) & 255);
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Bit by bit, as the definition has it. */
function slowly(content: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of content) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

describe("crc32c", () => {
  test("gives the check values of RFC 3720 and of the catalogue", () => {
    expect(crc32cHex(crc32c(bytes("123456789")))).toBe("e3069283");
    expect(crc32cHex(crc32c(new Uint8Array(32)))).toBe("8a9136aa");
    expect(crc32cHex(crc32c(new Uint8Array(32).fill(255)))).toBe("62a8ab43");
    expect(crc32cHex(crc32c(Uint8Array.from({ length: 32 }, (_, index) => index)))).toBe("46dd794e");
    expect(crc32cHex(crc32c(new Uint8Array(0)))).toBe("00000000");
  });

  test("is that of the definition at every length and alignment, whole and in chunks", () => {
    const content = contentOf(300);
    for (let start = 0; start < 9; start += 1) {
      for (let length = 0; length < 80; length += 1) {
        const piece = content.subarray(start, start + length);
        expect(crc32c(piece)).toBe(slowly(piece));
        const cut = length >> 1;
        expect(crc32c(piece.subarray(cut), crc32c(piece.subarray(0, cut)))).toBe(slowly(piece));
      }
    }
  });

  test("is written as Cloud Storage writes it", () => {
    expect(crc32cBase64(crc32c(bytes("123456789")))).toBe("4waSgw==");
    expect(crc32cBase64(crc32c(new Uint8Array(0)))).toBe("AAAAAA==");
  });
});
