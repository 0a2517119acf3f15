import { describe, expect, test } from "bun:test";
import { COMPUTABLE_CHECKSUMS, checksumOf, createHasher } from "../../../src/base/checksum.ts";

/** Of the text "123456789": the check value every CRC catalogue lists, and what coreutils print. */
const KNOWN = {
  crc32: "cbf43926",
  crc32c: "e3069283",
  md5: "25f9e794323b453885f5181f1b624d0b",
  sha1: "f7c3bc1d808e04732adf679965ccc34ca7ae3441",
  sha256: "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225",
} as const;

const content = new TextEncoder().encode("123456789");

describe("checksums", () => {
  test("are the known values, in one piece and byte by byte", () => {
    for (const [algorithm, value] of Object.entries(KNOWN) as [keyof typeof KNOWN, string][]) {
      expect(checksumOf(algorithm, content)).toEqual({ algorithm, value });
      const hasher = createHasher(algorithm);
      for (const byte of content) hasher.update(Uint8Array.of(byte));
      hasher.update(new Uint8Array());
      expect(hasher.digest()).toEqual({ algorithm, value });
    }
  });

  test("keep leading zeros", () => {
    expect(checksumOf("crc32", new Uint8Array()).value).toBe("00000000");
  });

  test("are refused where this program does not compute them", () => {
    expect(Object.keys(KNOWN).sort()).toEqual([...COMPUTABLE_CHECKSUMS].sort());
    expect(() => createHasher("crc64nvme")).toThrow(RangeError);
  });
});
