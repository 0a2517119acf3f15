import { type DataType, MilvusClient, type RowData } from "@zilliz/milvus2-sdk-node";
import { openRpc, type Rpc, type RpcTarget } from "./milvus_rpc.ts";

export { DataType } from "@zilliz/milvus2-sdk-node";

/** One field of a collection to make; names as in the SDK. */
export interface FieldSpec {
  readonly name: string;
  readonly data_type: DataType;
  readonly is_primary_key?: boolean;
  readonly autoID?: boolean;
  readonly is_partition_key?: boolean;
  readonly description?: string;
  readonly dim?: number;
  readonly max_length?: number;
  readonly max_capacity?: number;
  readonly element_type?: DataType;
}

export interface CollectionSpec {
  readonly name: string;
  readonly fields: readonly FieldSpec[];
  readonly description?: string;
  readonly dynamic?: boolean;
  readonly shards?: number;
  /** Number of partitions behind a partition key. */
  readonly partitionCount?: number;
}

/** One row by field name; int64 as text or a safe number, fields beyond the schema go to the dynamic field. */
export type Row = Readonly<Record<string, unknown>>;

/**
 * Makes data in one database with the public SDK, and waits where the server answers before it has finished.
 * Every method rejects when Milvus refuses. Close it after use, or take withData.
 */
export class DataMaker {
  readonly #target: RpcTarget;
  readonly #database: string;
  readonly rpc: Rpc;
  #client: MilvusClient | undefined;

  constructor(target: RpcTarget, database = "default") {
    this.#target = target;
    this.#database = database;
    this.rpc = openRpc(target);
  }

  /** The SDK, for what takes encoding. Not with TLS: under Bun it refuses IP addresses in certificates. */
  async #sdk(): Promise<MilvusClient> {
    const { host, port, auth } = this.#target;
    this.#client ??= new MilvusClient({
      address: `${host}:${port}`,
      telemetry: { enabled: false },
      // Under a test runner it would print every row.
      logLevel: "error",
      ...(auth ? { username: "root", password: "Milvus" } : {}),
    });
    await this.#client.connectPromise;
    return this.#client;
  }

  async createDatabase(): Promise<void> {
    await this.#call("CreateDatabase", { db_name: this.#database });
  }

  async createCollection({
    name,
    fields,
    description,
    dynamic,
    shards,
    partitionCount,
  }: CollectionSpec): Promise<void> {
    const sdk = await this.#sdk();
    const answer = await sdk.createCollection({
      db_name: this.#database,
      collection_name: name,
      fields: fields.map((field) => ({ ...field })),
      shards_num: shards ?? 1,
      enable_dynamic_field: dynamic ?? false,
      ...(description ? { description } : {}),
      ...(partitionCount ? { num_partitions: partitionCount } : {}),
    });
    refuse("createCollection", answer);
  }

  async createPartition(name: string, partition: string): Promise<void> {
    await this.#call("CreatePartition", { collection_name: name, partition_name: partition });
  }

  async createAlias(name: string, alias: string): Promise<void> {
    await this.#call("CreateAlias", { collection_name: name, alias });
  }

  async insert(name: string, rows: readonly Row[], partition?: string): Promise<void> {
    const sdk = await this.#sdk();
    const answer = await sdk.insert({
      db_name: this.#database,
      collection_name: name,
      data: rows as RowData[],
      ...(partition ? { partition_name: partition } : {}),
    });
    refuse("insert", answer.status);
  }

  /** `filter` may only name primary keys on these versions: `id in [1, 2]`. */
  async delete(name: string, filter: string): Promise<void> {
    await this.#call("Delete", { collection_name: name, expr: filter });
  }

  /** Resolves when every row inserted before lies in storage. */
  async flush(...names: string[]): Promise<void> {
    const answer = await this.#call("Flush", { collection_names: names });
    const segments = answer.coll_segIDs as Record<string, { data: string[] }>;
    const segmentIDs = Object.values(segments).flatMap(({ data }) => data);
    await until("flush", async () => (await this.#call("GetFlushState", { segmentIDs })).flushed === true);
  }

  /**
   * `params` such as {metric_type: "L2", index_type: "HNSW", params: '{"M": 8}'}. Does not wait until it is built: queries
   * do without, and a server that misses the moment builds it up to a minute later.
   */
  async createIndex(name: string, field: string, params: Row, index = ""): Promise<void> {
    const extra_params = Object.entries(params).map(([key, value]) => ({ key, value: String(value) }));
    await this.#call("CreateIndex", { collection_name: name, field_name: field, index_name: index, extra_params });
  }

  /** Resolves when the collection answers queries. */
  async load(name: string): Promise<void> {
    await this.#call("LoadCollection", { collection_name: name, replica_number: 1 });
    await until("load", async () => {
      const { progress } = await this.#call("GetLoadingProgress", { collection_name: name });
      return progress === "100";
    });
  }

  async release(name: string): Promise<void> {
    await this.#call("ReleaseCollection", { collection_name: name });
  }

  async drop(name: string): Promise<void> {
    await this.#call("DropCollection", { collection_name: name });
  }

  async collections(): Promise<string[]> {
    const answer = await this.#call("ShowCollections", {});
    return (answer.collection_names as string[]).sort();
  }

  async close(): Promise<void> {
    this.rpc.close();
    await this.#client?.closeConnection();
  }

  #call(method: string, request: object) {
    return this.rpc.call(method, { db_name: this.#database, ...request }, { database: this.#database });
  }
}

/** Runs `work` with a DataMaker that is closed after it. */
export async function withData<T>(
  target: RpcTarget,
  database: string,
  work: (data: DataMaker) => Promise<T>,
): Promise<T> {
  const data = new DataMaker(target, database);
  try {
    return await work(data);
  } finally {
    await data.close();
  }
}

/** Polls until `done` answers true. */
export async function until(what: string, done: () => Promise<boolean>, timeoutMs = 60_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await done())) {
    if (Date.now() > deadline) throw new Error(`${what} is not done after ${timeoutMs / 1000} s`);
    await Bun.sleep(50);
  }
}

function refuse(what: string, status: { error_code: unknown; reason: string }): void {
  if (status.error_code !== "Success") throw new Error(`${what}: ${status.error_code}: ${status.reason}`);
}
