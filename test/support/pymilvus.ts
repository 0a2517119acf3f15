import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { requirePart } from "./parts.ts";

/**
 * The rows of a loaded collection as pymilvus reads them, sorted by primary key: a second opinion that shares nothing with
 * this repository. int64 as text, vectors as hex, JSON parsed, dynamic fields beside the others.
 */
export async function pymilvusRows(
  server: { readonly host: string; readonly port: number },
  database: string,
  name: string,
): Promise<Record<string, unknown>[]> {
  const script = join(import.meta.dir, "pymilvus_rows.py");
  const { stdout } = await promisify(execFile)(
    requirePart("pymilvus"),
    [script, `${server.host}:${server.port}`, database, name],
    { maxBuffer: 256 * 1024 * 1024 },
  );
  return JSON.parse(stdout) as Record<string, unknown>[];
}
