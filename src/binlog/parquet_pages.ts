/**
 * The pages of one column chunk. hyparquet reads page headers and undoes SNAPPY; the values are decoded here, because
 * its decoders trust the counts inside a page and fill memory when a damaged one is large.
 */

import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from "node:zlib";
import type { PageHeader } from "hyparquet";
import { AppError } from "../base/errors.ts";
import { decoding, malformed, truncated } from "./damage.ts";
import { type ColumnValues, type PhysicalType, readDictionaryCoded, readPlain, readRuns } from "./parquet_values.ts";

export interface ColumnChunk {
  readonly bytes: Uint8Array;
  readonly type: PhysicalType;
  readonly codec: string;
  /** Rows of the row group; a column of keys or timestamps has one value for each. */
  readonly rows: number;
  /** Size of all pages uncompressed, headers included. */
  readonly uncompressedSize: number;
  /** Definition levels are written: the column could hold nulls. */
  readonly optional: boolean;
}

/** The parts of hyparquet that are needed here, imported when the first log is read. */
export interface PageTools {
  readonly parquetHeader: (reader: { view: DataView; offset: number }) => PageHeader;
  readonly snappyUncompress: (input: Uint8Array, output: Uint8Array) => void;
}

/** Values page by page, so that memory stays at one page however long the column is. */
export function* readPages(chunk: ColumnChunk, tools: PageTools): Generator<ColumnValues, void, undefined> {
  const view = new DataView(chunk.bytes.buffer, chunk.bytes.byteOffset, chunk.bytes.byteLength);
  const reader = { view, offset: 0 };
  let dictionary: ColumnValues | undefined;
  let rows = 0;
  while (rows < chunk.rows) {
    if (reader.offset >= chunk.bytes.length) throw truncated(`column of ${chunk.rows} rows, row ${rows + 1}`, 1, 0);
    const header = decoding("parquet page header", () => tools.parquetHeader(reader));
    const size = header.compressed_page_size;
    const left = chunk.bytes.length - reader.offset;
    if (!Number.isSafeInteger(size) || size < 0) throw malformed(`parquet page announces ${size} bytes`);
    if (size > left) throw truncated("parquet page", size, left);
    const body = chunk.bytes.subarray(reader.offset, reader.offset + size);
    reader.offset += size;
    if (header.type === "DICTIONARY_PAGE") {
      const count = countOf(header.dictionary_page_header?.num_values, Number.MAX_SAFE_INTEGER);
      dictionary = readPlain(chunk.type, decompress(body, header.uncompressed_page_size, chunk, tools), count);
    } else {
      const values = readDataPage(header, body, chunk, tools, { dictionary, left: chunk.rows - rows });
      rows += values.length;
      yield values;
    }
  }
}

interface PageState {
  readonly dictionary: ColumnValues | undefined;
  /** Rows that no page has given yet. */
  readonly left: number;
}

function readDataPage(
  header: PageHeader,
  body: Uint8Array,
  chunk: ColumnChunk,
  tools: PageTools,
  state: PageState,
): ColumnValues {
  const page = header.type === "DATA_PAGE" ? header.data_page_header : header.data_page_header_v2;
  if (page === undefined) throw malformed(`parquet page of type ${header.type} in the place of data`);
  const count = countOf(page.num_values, state.left);
  const bytes =
    header.type === "DATA_PAGE"
      ? afterLevelsV1(decompress(body, header.uncompressed_page_size, chunk, tools), chunk, count)
      : afterLevelsV2(header, body, chunk, tools, count);
  if (page.encoding === "PLAIN") return readPlain(chunk.type, bytes, count);
  if (page.encoding === "RLE_DICTIONARY" || page.encoding === "PLAIN_DICTIONARY") {
    if (state.dictionary === undefined) throw malformed("parquet page refers to a dictionary that is not there");
    return readDictionaryCoded(state.dictionary, bytes, count);
  }
  if (page.encoding === undefined) throw malformed("parquet page without an encoding");
  throw new AppError("UNSUPPORTED", `parquet pages in ${page.encoding} encoding are not read by this version`);
}

function afterLevelsV1(page: Uint8Array, chunk: ColumnChunk, count: number): Uint8Array {
  if (!chunk.optional) return page;
  if (page.length < 4) throw truncated("levels of a parquet page", 4, page.length);
  const length = new DataView(page.buffer, page.byteOffset).getUint32(0, true);
  if (length > page.length - 4) throw truncated("levels of a parquet page", length, page.length - 4);
  refuseNulls(page.subarray(4, 4 + length), count);
  return page.subarray(4 + length);
}

function afterLevelsV2(header: PageHeader, body: Uint8Array, chunk: ColumnChunk, tools: PageTools, count: number) {
  const page = header.data_page_header_v2;
  const repetition = page?.repetition_levels_byte_length ?? 0;
  const definition = page?.definition_levels_byte_length ?? 0;
  if (repetition !== 0 || definition < 0 || definition > body.length) {
    throw malformed(`parquet page of ${body.length} bytes announces levels of ${repetition} and ${definition} bytes`);
  }
  if (chunk.optional) refuseNulls(body.subarray(0, definition), count);
  const values = body.subarray(definition);
  const size = header.uncompressed_page_size - definition;
  return page?.is_compressed === false ? values : decompress(values, size, chunk, tools);
}

function refuseNulls(levels: Uint8Array, count: number): void {
  for (const level of readRuns(levels, 1, count)) {
    if (level !== 1) throw malformed("parquet column has nulls where every row needs a value");
  }
}

function countOf(count: number | undefined, limit: number): number {
  if (count === undefined || !Number.isSafeInteger(count) || count < 0 || count > limit) {
    throw malformed(`parquet page announces ${count} values where at most ${limit} can follow`);
  }
  return count;
}

function decompress(body: Uint8Array, size: number, chunk: ColumnChunk, tools: PageTools): Uint8Array {
  if (!Number.isSafeInteger(size) || size < 0 || size > chunk.uncompressedSize) {
    throw malformed(`parquet page announces ${size} of the column's ${chunk.uncompressedSize} bytes`);
  }
  if (size === 0 && body.length === 0) return body;
  const page = decoding(`${chunk.codec} parquet page`, () => inflate(body, size, chunk.codec, tools));
  if (page.length !== size) throw malformed(`parquet page has ${page.length} bytes in place of ${size}`);
  return page;
}

function inflate(body: Uint8Array, size: number, codec: string, tools: PageTools): Uint8Array {
  // The limit keeps a damaged frame from growing past what the page header announced; 0 would mean none.
  const options = { maxOutputLength: Math.max(1, size) };
  switch (codec) {
    case "UNCOMPRESSED":
      return body;
    case "ZSTD":
      return zstdDecompressSync(body, options);
    case "GZIP":
      return gunzipSync(body, options);
    case "BROTLI":
      return brotliDecompressSync(body, options);
    case "SNAPPY": {
      const page = new Uint8Array(size);
      tools.snappyUncompress(body, page);
      return page;
    }
    default:
      throw new AppError("UNSUPPORTED", `parquet pages compressed with ${codec} are not read by this version`);
  }
}
