/** CRC32 as S3 writes it (base64 of four bytes) and the CRC32 of joined parts from the CRC32s of the parts. */

const POLYNOMIAL = 0xedb88320;

export function crc32(content: Uint8Array): number {
  return Bun.hash.crc32(content);
}

export function crc32Hex(value: number): string {
  return (value >>> 0).toString(16).padStart(8, "0");
}

export function crc32Base64(value: number): string {
  return Buffer.from(crc32Hex(value), "hex").toString("base64");
}

/**
 * The CRC32 of A followed by B, from both values and B's length: appending n zero bytes is a linear map, applied by
 * squaring as zlib's crc32_combine does.
 */
export function crc32Combine(a: number, b: number, lengthOfB: number): number {
  if (lengthOfB === 0) return a;
  let odd = new Uint32Array(32);
  odd[0] = POLYNOMIAL;
  for (let bit = 1; bit < 32; bit += 1) odd[bit] = 2 ** (bit - 1);
  let even = square(odd);
  odd = square(even);
  let value = a;
  // Beyond 2^31 bytes a shift would wrap, so the length is halved as a number.
  for (let length = lengthOfB; length > 0; ) {
    even = square(odd);
    if (length % 2 === 1) value = apply(even, value);
    length = Math.floor(length / 2);
    [odd, even] = [even, odd];
  }
  return (value ^ b) >>> 0;
}

function apply(matrix: Uint32Array, vector: number): number {
  let sum = 0;
  for (let rest = vector >>> 0, row = 0; rest !== 0; rest >>>= 1, row += 1) {
    if (rest & 1) sum ^= matrix[row] ?? 0;
  }
  return sum >>> 0;
}

function square(matrix: Uint32Array): Uint32Array<ArrayBuffer> {
  return Uint32Array.from(matrix, (column) => apply(matrix, column));
}
