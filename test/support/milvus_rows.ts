import type { RpcMessage } from "./milvus_rpc.ts";

// The server's limit for one query is 16,384 rows.
const PAGE = 10_000;

export interface PrimaryKey {
  readonly name: string;
  readonly type: "int64" | "text";
}

/** A call about one collection. */
type Call = (method: string, request: object) => Promise<RpcMessage>;

/**
 * Every row of a loaded collection with strong consistency, sorted by primary key, with `$partition` where `partitions` names
 * them; `[undefined]` reads the collection as a whole.
 */
export async function readRows(
  call: Call,
  key: PrimaryKey,
  fields: readonly string[],
  partitions: readonly (string | undefined)[],
): Promise<Record<string, unknown>[]> {
  const rows: Record<string, unknown>[] = [];
  for (const partition of partitions) {
    let filter = key.type === "text" ? `${key.name} >= ""` : `${key.name} >= -9223372036854775807`;
    for (;;) {
      const answer = await call("Query", {
        expr: filter,
        output_fields: fields,
        partition_names: partition === undefined ? [] : [partition],
        query_params: [{ key: "limit", value: String(PAGE) }],
        consistency_level: "Strong",
        guarantee_timestamp: "0",
        use_default_consistency: false,
      });
      const page = decodeColumns(answer.fields_data as RpcMessage[]);
      for (const row of page) rows.push(partition === undefined ? row : { ...row, $partition: partition });
      const last = page.at(-1)?.[key.name];
      if (page.length < PAGE) break;
      // The server sorts a limited answer by key.
      filter = `${key.name} > ${key.type === "text" ? JSON.stringify(last) : last}`;
    }
  }
  const order = (row: Record<string, unknown>) =>
    key.type === "text" ? String(row[key.name]) : BigInt(String(row[key.name]));
  return rows.sort((a, b) => (order(a) < order(b) ? -1 : 1));
}

/** One column of a query's answer: the oneofs of schema.FieldData, decoded with int64 as text. */
interface Column {
  readonly field_name: string;
  readonly type: string;
  readonly is_dynamic?: boolean;
  readonly scalars?: Scalars;
  readonly vectors?: RpcMessage & { readonly dim: string };
}
type Scalars = Readonly<Record<string, { readonly data: readonly unknown[] } | string>> & { readonly data?: string };

/**
 * Columns to rows in comparable form: int64 as text, float as the number it is, JSON (and the dynamic field `$meta`) as its
 * text, vectors as hex of their little-endian bytes, arrays as arrays.
 * @throws Error on a kind of column it does not know
 */
export function decodeColumns(columns: readonly RpcMessage[]): Record<string, unknown>[] {
  const rows: Record<string, unknown>[] = [];
  for (const message of columns) {
    const column = message as unknown as Column; // as proto-loader decodes schema.FieldData
    decodeColumn(column).forEach((value, at) => {
      rows[at] ??= {};
      rows[at][column.field_name] = value;
    });
  }
  return rows;
}

function decodeColumn(column: Column): unknown[] {
  if (column.vectors) return decodeVectors(column.vectors, column.field_name);
  if (column.scalars) return decodeScalars(column.scalars, column.field_name);
  return [];
}

function decodeScalars(scalars: Scalars, field: string): unknown[] {
  if (scalars.data === undefined) return []; // an empty array value
  const values = scalars[scalars.data];
  if (typeof values !== "object") throw new Error(`field ${field}: no values of kind ${scalars.data}`);
  switch (scalars.data) {
    case "json_data":
      return values.data.map((bytes) => Buffer.from(bytes as Uint8Array).toString("utf8"));
    case "array_data":
      return values.data.map((array) => decodeScalars(array as Scalars, field));
    case "bytes_data":
      return values.data.map((bytes) => Buffer.from(bytes as Uint8Array).toString("hex"));
    default:
      return [...values.data];
  }
}

function decodeVectors(vectors: RpcMessage & { readonly dim: string }, field: string): string[] {
  const dim = Number(vectors.dim);
  const floats = (vectors.float_vector as { data: number[] } | undefined)?.data;
  if (floats) return slices(Buffer.from(new Float32Array(floats).buffer), dim * 4);
  if (vectors.binary_vector) return slices(Buffer.from(vectors.binary_vector as Uint8Array), dim / 8);
  throw new Error(`field ${field}: unknown kind of vector ${Object.keys(vectors).join(", ")}`);
}

function slices(bytes: Buffer, width: number): string[] {
  return Array.from({ length: bytes.length / width }, (_, at) => bytes.toString("hex", at * width, (at + 1) * width));
}
