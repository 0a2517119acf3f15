import { parseArgs } from "node:util";
import { ConsistencyLevelEnum, MilvusClient } from "@zilliz/milvus2-sdk-node";

/** The two example collections, and their names after `restore -s _recover`. */
export const HELLO_MILVUS = "hello_milvus";
export const HELLO_MILVUS2 = "hello_milvus2";
export const SUFFIX = "_recover";

/** Entities of hello_milvus; hello_milvus2 gets as many twice. */
export const ENTITIES = 3000;
export const DIM = 8;

/** Connects to the server that `--uri` (127.0.0.1:19530) and `--token` ("root:Milvus", for servers with authentication) name. */
export async function connect(): Promise<MilvusClient> {
  const { values } = parseArgs({
    options: { uri: { type: "string", default: "127.0.0.1:19530" }, token: { type: "string" } },
  });
  const client = new MilvusClient({
    address: values.uri.replace(/^[a-z]+:\/\//, ""),
    telemetry: { enabled: false },
    ...(values.token ? { token: values.token } : {}),
  });
  await client.connectPromise;
  return client;
}

interface Status {
  readonly error_code: unknown;
  readonly reason: string;
}

/** Rejects when Milvus refused: the SDK hands its status over instead of throwing. */
export async function must<T extends Status | { readonly status: Status }>(call: Promise<T>): Promise<T> {
  const answer = await call;
  const { error_code, reason }: Status = (answer as { readonly status?: Status }).status ?? (answer as Status);
  if (error_code !== "Success") throw new Error(reason);
  return answer;
}

/** Rows that a query sees, deletes counted off. */
export async function countRows(client: MilvusClient, collection_name: string): Promise<number> {
  const answer = await must(
    client.query({
      collection_name,
      filter: "",
      output_fields: ["count(*)"],
      consistency_level: ConsistencyLevelEnum.Strong,
    }),
  );
  return Number(answer.data[0]?.["count(*)"]);
}

export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
