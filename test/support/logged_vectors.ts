import { zstdDecompressSync } from "node:zlib";
import { parquetMetadata, parquetReadObjects } from "hyparquet";
import { readEnvelope } from "../../src/binlog/envelope.ts";

/** The values of one insert log of vectors, as lower-case hex, in row order; decoded by another parquet reader than ours. */
export async function loggedVectors(content: Uint8Array): Promise<string[]> {
  return (await loggedValues(content)).map((value) => Buffer.from(value as Uint8Array).toString("hex"));
}

/** The values of one insert log of int64 or text, as text, in row order. */
export async function loggedKeys(content: Uint8Array): Promise<string[]> {
  return (await loggedValues(content)).map(String);
}

async function loggedValues(content: Uint8Array): Promise<unknown[]> {
  const values: unknown[] = [];
  for (const payload of readEnvelope(content).payloads) {
    // A copy: a part of a file read shares its buffer with the rest.
    const file = Uint8Array.from(payload).buffer;
    const metadata = parquetMetadata(file);
    const [root, ...columns] = metadata.schema;
    if (root === undefined) throw new Error("a parquet file without a schema");
    // Milvus marks the root as repeated, which hyparquet takes for a level of nesting.
    const schema = [{ ...root, repetition_type: "REQUIRED" as const }, ...columns];
    const compressors = { ZSTD: (input: Uint8Array) => new Uint8Array(zstdDecompressSync(input)) };
    const rows = await parquetReadObjects({ file, metadata: { ...metadata, schema }, utf8: false, compressors });
    values.push(...rows.flatMap((row) => Object.values(row)));
  }
  return values;
}
