/**
 * Values inside one uncompressed parquet page, of the two physical types that keys and timestamps have (parquet-format,
 * Encodings.md). Every count and length is checked against the bytes, so damage cannot make a loop or an array grow.
 */

import { malformed, truncated } from "./damage.ts";

export type PhysicalType = "INT64" | "BYTE_ARRAY";
/** INT64 columns give typed arrays, BYTE_ARRAY columns texts. */
export type ColumnValues = BigInt64Array | string[];

/** Indexes into a dictionary page; 24 bits are 128 times what a writer with 1 MiB dictionaries reaches. */
const MAX_BIT_WIDTH = 24;

/** @param bytes the values part of a page, or a dictionary page */
export function readPlain(type: PhysicalType, bytes: Uint8Array, count: number): ColumnValues {
  return type === "INT64" ? readPlainInt64(bytes, count) : readPlainText(bytes, count);
}

/** @param bytes one byte of bit width, then runs of indexes */
export function readDictionaryCoded(dictionary: ColumnValues, bytes: Uint8Array, count: number): ColumnValues {
  const width = bytes[0];
  if (width === undefined) throw truncated("dictionary indexes of a parquet page", 1, 0);
  const indexes = readRuns(bytes.subarray(1), width, count);
  if (count > 0 && dictionary.length === 0) throw malformed("parquet page refers to an empty dictionary");
  for (const index of indexes) {
    if (index >= dictionary.length) throw malformed(`parquet page refers to entry ${index} of ${dictionary.length}`);
  }
  if (!(dictionary instanceof BigInt64Array)) return Array.from(indexes, (index) => dictionary[index] ?? "");
  // Copied in 32-bit halves: reading each value as a bigint would allocate one per row.
  const from = new Int32Array(dictionary.buffer, dictionary.byteOffset, dictionary.length * 2);
  const values = new BigInt64Array(count);
  const to = new Int32Array(values.buffer);
  for (let i = 0; i < count; i += 1) {
    const index = indexes[i] ?? 0;
    to[2 * i] = from[2 * index] ?? 0;
    to[2 * i + 1] = from[2 * index + 1] ?? 0;
  }
  return values;
}

/** The hybrid of runs and bit-packed groups that levels and dictionary indexes are written in. */
export function readRuns(bytes: Uint8Array, width: number, count: number): Uint32Array {
  const values = new Uint32Array(count);
  if (width === 0) return values;
  if (width > MAX_BIT_WIDTH) throw malformed(`parquet page has indexes of ${width} bits`);
  let offset = 0;
  let filled = 0;
  while (filled < count) {
    const header = readVarint(bytes, offset);
    offset = header.end;
    if ((header.value & 1) === 0) {
      const size = (width + 7) >> 3;
      if (offset + size > bytes.length) throw truncated("run in a parquet page", size, bytes.length - offset);
      let value = 0;
      for (let i = 0; i < size; i += 1) value |= (bytes[offset + i] ?? 0) << (8 * i);
      offset += size;
      const end = Math.min(count, filled + (header.value >>> 1));
      values.fill(value, filled, end);
      filled = end;
    } else {
      const groups = header.value >>> 1;
      const taken = Math.min(count - filled, groups * 8);
      const needed = Math.ceil((taken * width) / 8);
      if (offset + needed > bytes.length) throw truncated("run in a parquet page", needed, bytes.length - offset);
      unpack(bytes, offset, width, values.subarray(filled, filled + taken));
      filled += taken;
      offset += groups * width;
    }
  }
  return values;
}

function unpack(bytes: Uint8Array, offset: number, width: number, values: Uint32Array): void {
  const mask = (1 << width) - 1;
  for (let i = 0, bit = 0; i < values.length; i += 1, bit += width) {
    const at = offset + (bit >> 3);
    // At most 24 bits that start within a byte lie in four bytes; past the end there is nothing but padding.
    const word =
      (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24);
    values[i] = (word >>> (bit & 7)) & mask;
  }
}

function readVarint(bytes: Uint8Array, start: number): { value: number; end: number } {
  let value = 0;
  for (let i = 0; i < 5; i += 1) {
    const byte = bytes[start + i];
    if (byte === undefined) throw truncated("run header in a parquet page", i + 1, i);
    value |= (byte & 0x7f) << (7 * i);
    if (byte < 0x80) return { value: value >>> 0, end: start + i + 1 };
  }
  throw malformed("parquet page has a run header of more than five bytes");
}

function readPlainInt64(bytes: Uint8Array, count: number): BigInt64Array {
  if (count * 8 > bytes.length) throw truncated(`${count} int64 values of a parquet page`, count * 8, bytes.length);
  // A copy, because a view would have to start at a multiple of eight.
  const values = new BigInt64Array(count);
  new Uint8Array(values.buffer).set(bytes.subarray(0, count * 8));
  return values;
}

function readPlainText(bytes: Uint8Array, count: number): string[] {
  if (count * 4 > bytes.length) throw truncated(`${count} texts of a parquet page`, count * 4, bytes.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values: string[] = [];
  let offset = 0;
  for (let i = 0; i < count; i += 1) {
    if (offset + 4 > bytes.length) throw truncated("text length in a parquet page", 4, bytes.length - offset);
    const length = view.getUint32(offset, true);
    offset += 4;
    if (length > bytes.length - offset) throw truncated("text in a parquet page", length, bytes.length - offset);
    values.push(text.toString("utf8", offset, offset + length));
    offset += length;
  }
  return values;
}
