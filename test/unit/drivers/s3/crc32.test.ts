import { describe, expect, test } from "bun:test";
import { crc32, crc32Base64, crc32Combine, crc32Hex } from "../../../../drivers/s3/crc32.ts";

describe("crc32", () => {
  test("has the check value of the algorithm", () => {
    const value = crc32(new TextEncoder().encode("123456789"));
    expect(crc32Hex(value)).toBe("cbf43926");
    expect(crc32Base64(value)).toBe("y/Q5Jg==");
  });

  test("of joined parts comes from the parts' values, for lengths across all bits", () => {
    const content = new Uint8Array(300_000);
    crypto.getRandomValues(content.subarray(0, 65_536));
    for (const cut of [0, 1, 2, 255, 4096, 65_537, 299_999, 300_000]) {
      const [a, b] = [content.subarray(0, cut), content.subarray(cut)];
      expect(crc32Combine(crc32(a), crc32(b), b.length)).toBe(crc32(content));
    }
  });

  test("of joined parts is right beyond 2^32 bytes", () => {
    // Appending zeros in one step or in two is the same.
    const long = 5 * 1024 ** 3;
    const zeros = (length: number): number => crc32Combine(0, 0, length);
    const start = 0x12345678;
    const inOne = crc32Combine(start, zeros(long), long);
    const inTwo = crc32Combine(crc32Combine(start, 0, 3 * 1024 ** 3), 0, 2 * 1024 ** 3);
    expect(inOne).toBe(inTwo);
    expect(inOne).not.toBe(crc32Combine(start, 0, long % 2 ** 32));
  });

  test("keeps leading zeros", () => {
    expect(crc32Hex(0x0000_00ab)).toBe("000000ab");
    expect(crc32Base64(0)).toBe("AAAAAA==");
  });
});
