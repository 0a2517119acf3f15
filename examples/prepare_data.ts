/**
 * Makes two collections to back up:
 * hello_milvus with 3,000 entities in 10 batches and keys of ours, hello_milvus2 with keys of Milvus, the same 3,000 entities twice.
 *
 *   bun examples/prepare_data.ts [--uri 127.0.0.1:19530] [--token root:Milvus]
 */
import { DataType, type MilvusClient } from "@zilliz/milvus2-sdk-node";
import { connect, DIM, ENTITIES, HELLO_MILVUS, HELLO_MILVUS2, must, say } from "./connect.ts";

const BATCHES = 10;

const client = await connect();
const entities = Array.from({ length: ENTITIES }, (_, pk) => ({
  pk,
  random: Math.random(),
  var: `varchar ${pk}`,
  embeddings: Array.from({ length: DIM }, () => Math.random()),
}));

await create(client, HELLO_MILVUS, false);
const size = ENTITIES / BATCHES;
for (let batch = 0; batch < BATCHES; batch += 1) {
  const data = entities.slice(batch * size, (batch + 1) * size);
  await must(client.insert({ collection_name: HELLO_MILVUS, data }));
}
await client.flushSync({ collection_names: [HELLO_MILVUS] });
say(`${HELLO_MILVUS}: ${ENTITIES} entities in ${BATCHES} batches`);

await create(client, HELLO_MILVUS2, true);
const withoutKeys = entities.map(({ pk: _pk, ...rest }) => rest);
for (let time = 0; time < 2; time += 1) {
  await must(client.insert({ collection_name: HELLO_MILVUS2, data: withoutKeys }));
}
await client.flushSync({ collection_names: [HELLO_MILVUS2] });
say(`${HELLO_MILVUS2}: ${2 * ENTITIES} entities, keys made by Milvus`);
await client.closeConnection();

async function create(milvus: MilvusClient, collection_name: string, autoID: boolean): Promise<void> {
  await must(
    milvus.createCollection({
      collection_name,
      description: "an example of a collection to back up",
      consistency_level: "Strong",
      fields: [
        { name: "pk", data_type: DataType.Int64, is_primary_key: true, autoID },
        { name: "random", data_type: DataType.Double },
        { name: "var", data_type: DataType.VarChar, max_length: 256 },
        { name: "embeddings", data_type: DataType.FloatVector, dim: DIM },
      ],
    }),
  );
}
