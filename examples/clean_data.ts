/**
 * Drops the example collections and the restored ones.
 *
 *   bun examples/clean_data.ts [--uri 127.0.0.1:19530] [--token root:Milvus]
 */
import { connect, HELLO_MILVUS, HELLO_MILVUS2, must, SUFFIX, say } from "./connect.ts";

const client = await connect();
for (const collection_name of [HELLO_MILVUS, HELLO_MILVUS2].flatMap((name) => [name, name + SUFFIX])) {
  const { value: exists } = await client.hasCollection({ collection_name });
  if (!exists) continue;
  await must(client.dropCollection({ collection_name }));
  say(`${collection_name} dropped`);
}
await client.closeConnection();
