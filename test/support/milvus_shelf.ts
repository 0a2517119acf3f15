import type { MilvusServer } from "./milvus.ts";
import { DataType, withData } from "./milvus_data.ts";
import { vectorOf } from "./milvus_zoo.ts";

export interface ShelfOptions {
  /** 300 by default; two of them are deleted after the flush. */
  readonly rows?: number;
  readonly database?: string;
}

/** Makes a small collection with a vector, text, a dynamic field, an index and deletes, in about a second. */
export async function makeShelf(
  server: MilvusServer,
  name: string,
  { rows = 300, database = "default" }: ShelfOptions = {},
): Promise<{ readonly rows: number }> {
  await withData(server, database, async (data) => {
    const fields = [
      { name: "id", data_type: DataType.Int64, is_primary_key: true },
      { name: "v", data_type: DataType.FloatVector, dim: 16 },
      { name: "word", data_type: DataType.VarChar, max_length: 64 },
    ];
    await data.createCollection({ name, fields, dynamic: true });
    const row = (id: number) => ({ id, v: vectorOf(id, 16), word: `wörd ${id}`, more: { id } });
    await data.insert(
      name,
      Array.from({ length: rows }, (_, id) => row(id)),
    );
    await data.flush(name);
    await data.delete(name, "id in [0, 1]");
    await data.createIndex(name, "v", { index_type: "FLAT", metric_type: "L2" });
  });
  return { rows: rows - 2 };
}
