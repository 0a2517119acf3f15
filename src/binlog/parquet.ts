/** Single columns of a parquet file in memory: int64 exactly, texts as strings; nothing else of the file is decoded. */

import type { ColumnMetaData, FileMetaData, SchemaElement } from "hyparquet";
import { decoding, malformed, truncated } from "./damage.ts";
import { type ColumnChunk, type PageTools, readPages } from "./parquet_pages.ts";
import type { ColumnValues } from "./parquet_values.ts";

/** A log file of a segment of at most a few GB does not hold more; it bounds what a damaged footer can ask for. */
const MAX_ROWS = 1 << 27;

export type ColumnSelector =
  | { readonly position: number }
  /** By the parquet field id, else by the decimal id as the column's name. */
  | { readonly fieldId: bigint }
  | { readonly name: string };

export interface ParquetFile {
  readonly rows: number;
  /** Number of top-level columns. */
  readonly width: number;
  has(selector: ColumnSelector): boolean;
  /** @throws CHECKSUM_MISMATCH when there is no such column or it holds something else */
  int64Pages(selector: ColumnSelector): Generator<BigInt64Array, void, undefined>;
  /** @throws CHECKSUM_MISMATCH as for int64Pages */
  textPages(selector: ColumnSelector): Generator<string[], void, undefined>;
  /** True when the column holds int64 values. @throws CHECKSUM_MISMATCH when there is no such column */
  isInt64(selector: ColumnSelector): boolean;
}

/** @throws SHORT_BODY or CHECKSUM_MISMATCH for bytes that are no intact parquet file. */
export async function openParquet(content: Uint8Array): Promise<ParquetFile> {
  const [{ parquetMetadata }, { parquetHeader }, { snappyUncompress }] = await Promise.all([
    import("hyparquet/src/metadata.js"),
    import("hyparquet/src/column.js"),
    import("hyparquet/src/snappy.js"),
  ]);
  if (content.length < 12) throw truncated("parquet file", 12, content.length);
  return decoding("parquet footer", () =>
    parquetFile(content, parquetMetadata(content, { geoparquet: false }), { parquetHeader, snappyUncompress }),
  );
}

/** The whole column as one array. @throws as openParquet and the page readers */
export async function readInt64Column(content: Uint8Array, selector: ColumnSelector): Promise<BigInt64Array> {
  const pages = [...(await openParquet(content)).int64Pages(selector)];
  const only = pages[0];
  if (pages.length === 1 && only !== undefined) return only;
  const values = new BigInt64Array(pages.reduce((sum, page) => sum + page.length, 0));
  let offset = 0;
  for (const page of pages) {
    values.set(page, offset);
    offset += page.length;
  }
  return values;
}

/** The whole column as one array. @throws as openParquet and the page readers */
export async function readTextColumn(content: Uint8Array, selector: ColumnSelector): Promise<string[]> {
  return [...(await openParquet(content)).textPages(selector)].flat();
}

function parquetFile(content: Uint8Array, footer: FileMetaData, tools: PageTools): ParquetFile {
  const columns = topLevelColumns(footer.schema);
  const rows = rowCount(footer);
  const find = (selector: ColumnSelector): SchemaElement | undefined => {
    if ("position" in selector) return columns[selector.position];
    if ("name" in selector) return columns.find((column) => column.name === selector.name);
    const id = selector.fieldId;
    return (
      columns.find((column) => column.field_id !== undefined && BigInt(column.field_id) === id) ??
      columns.find((column) => column.name === id.toString())
    );
  };
  const need = (selector: ColumnSelector): SchemaElement => {
    const column = find(selector);
    if (column === undefined) throw malformed(`parquet file has no column ${describe(selector)}`);
    return column;
  };
  function* pages(selector: ColumnSelector, type: ColumnChunk["type"]): Generator<ColumnValues, void, undefined> {
    const column = need(selector);
    if (column.type !== type || column.repetition_type === "REPEATED") {
      throw malformed(`parquet column ${column.name} holds ${column.type ?? "a group"} in place of ${type}`);
    }
    for (const group of footer.row_groups) {
      const path = (meta: ColumnMetaData | undefined) => meta?.path_in_schema.join("\0");
      const what = `parquet column ${column.name}`;
      const values = decoding(what, () => {
        const meta = group.columns.find((chunk) => path(chunk.meta_data) === column.name)?.meta_data;
        if (meta === undefined) throw malformed(`parquet row group lacks column ${column.name}`);
        return readPages(chunkOf(content, meta, Number(group.num_rows), column), tools);
      });
      for (;;) {
        // Thrift says of each field what type it has; damage there meets the decoder as a TypeError at any point.
        const page = decoding(what, () => values.next());
        if (page.done === true) break;
        yield page.value;
      }
    }
  }
  return {
    rows,
    width: columns.length,
    has: (selector) => find(selector) !== undefined,
    isInt64: (selector) => need(selector).type === "INT64",
    *int64Pages(selector) {
      for (const page of pages(selector, "INT64")) if (page instanceof BigInt64Array) yield page;
    },
    *textPages(selector) {
      for (const page of pages(selector, "BYTE_ARRAY")) if (!(page instanceof BigInt64Array)) yield page;
    },
  };
}

/** Direct children of the root; what lies below a nested column is stepped over. */
function topLevelColumns(schema: readonly SchemaElement[]): SchemaElement[] {
  const columns: SchemaElement[] = [];
  let open = 0;
  for (const element of schema.slice(1)) {
    // What a damaged footer says may be of another type than the library declares.
    if (![element.field_id ?? 0, element.num_children ?? 0].every(Number.isSafeInteger)) {
      throw malformed("parquet schema has ids or counts that are no numbers");
    }
    if (open === 0) columns.push(element);
    open = Math.max(0, open - 1) + (element.num_children ?? 0);
  }
  if (open !== 0 || schema[0]?.num_children !== columns.length) throw malformed("parquet schema is incomplete");
  return columns;
}

function rowCount(footer: FileMetaData): number {
  const groups = footer.row_groups.reduce((sum, group) => sum + group.num_rows, 0n);
  if (footer.row_groups.some((group) => group.num_rows < 0n) || groups !== footer.num_rows || groups > MAX_ROWS) {
    throw malformed(`parquet footer announces ${footer.num_rows} rows, its row groups ${groups}`);
  }
  return Number(groups);
}

function chunkOf(content: Uint8Array, meta: ColumnMetaData, rows: number, column: SchemaElement): ColumnChunk {
  const dictionary = meta.dictionary_page_offset ?? 0n;
  const start = dictionary > 0n && dictionary < meta.data_page_offset ? dictionary : meta.data_page_offset;
  const size = meta.total_compressed_size;
  if (start < 4n || size < 0n || start + size > BigInt(content.length) || meta.num_values !== BigInt(rows)) {
    throw malformed(`parquet footer places column ${column.name} (${meta.num_values} values) outside the file`);
  }
  return {
    bytes: content.subarray(Number(start), Number(start + size)),
    type: column.type === "INT64" ? "INT64" : "BYTE_ARRAY",
    codec: meta.codec,
    rows,
    uncompressedSize: Number(meta.total_uncompressed_size),
    optional: column.repetition_type !== "REQUIRED",
  };
}

function describe(selector: ColumnSelector): string {
  if ("position" in selector) return `number ${selector.position}`;
  return "name" in selector ? selector.name : `of field ${selector.fieldId}`;
}
