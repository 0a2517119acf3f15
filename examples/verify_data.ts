/**
 * Uses the restored collections as an application would: index, load, count, search, query, filtered search.
 *
 *   bun examples/verify_data.ts [--uri 127.0.0.1:19530] [--token root:Milvus]
 */
import type { MilvusClient } from "@zilliz/milvus2-sdk-node";
import { connect, countRows, DIM, ENTITIES, HELLO_MILVUS, HELLO_MILVUS2, must, SUFFIX, say } from "./connect.ts";

const client = await connect();
await verify(client, HELLO_MILVUS + SUFFIX, ENTITIES);
await verify(client, HELLO_MILVUS2 + SUFFIX, 2 * ENTITIES);
await client.closeConnection();

async function verify(milvus: MilvusClient, collection_name: string, expected: number): Promise<void> {
  await must(
    milvus.createIndex({
      collection_name,
      field_name: "embeddings",
      index_type: "IVF_FLAT",
      metric_type: "L2",
      params: { nlist: 128 },
    }),
  );
  await milvus.loadCollectionSync({ collection_name });

  const rows = await countRows(milvus, collection_name);
  if (rows !== expected) throw new Error(`${collection_name} has ${rows} entities, expected ${expected}`);

  const anything = Array.from({ length: DIM }, () => Math.random());
  const search = { collection_name, data: anything, limit: 3, output_fields: ["random", "var"] };
  const nearest = await must(milvus.search(search));
  if (nearest.results.length !== 3)
    throw new Error(`a search in ${collection_name} found ${nearest.results.length} of 3`);

  const filter = "random > 0.5";
  const queried = await must(
    milvus.query({ collection_name, filter, limit: 10, output_fields: ["random", "embeddings"] }),
  );
  if (queried.data.some((row) => !(row.random > 0.5)))
    throw new Error(`a query in ${collection_name} ignored its filter`);

  const filtered = await must(milvus.search({ ...search, filter }));
  if (filtered.results.length !== 3 || filtered.results.some((row) => !(row.random > 0.5))) {
    throw new Error(`a filtered search in ${collection_name} went wrong`);
  }
  say(`${collection_name}: ${rows} entities; index, load, search, query and filtered search are right`);
}
