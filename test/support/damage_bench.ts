/** What the tests of damaged backups and broken services share: a small collection of many objects, and looks at the server. */

import { readdir, readFile, stat } from "node:fs/promises";
import { join, relative } from "node:path";
import type { StorageSection } from "./backup_config.ts";
import type { TestBucket } from "./bucket.ts";
import { type MilvusServer, startMilvus } from "./milvus.ts";
import { DataType, until, withData } from "./milvus_data.ts";
import { vectorOf } from "./milvus_zoo.ts";
import { type MinioServer, sharedMinio } from "./minio.ts";
import { shared } from "./shared_servers.ts";

/** A database of its own: other test files put theirs on the same server. */
export const DATABASE = "damage";
export const COLLECTION = "rows";
/** Three partitions, one segment each, of four log files: 12 objects. A server imports one segment at a time, in seconds. */
export const PARTITIONS = 3;
export const ROWS = 20 * PARTITIONS;
export const OBJECTS = 4 * PARTITIONS;

export const MILVUS_BUCKET = "damage-milvus";
export const MILVUS_ROOT = "files";

/** A shared Milvus that keeps its data in the bucket MILVUS_BUCKET of the shared MinIO. */
export function sharedMilvusOnMinio(): Promise<MilvusServer> {
  return shared("milvus-2.3.5-on-minio", async () => startMilvusOnMinio(await sharedMinio()));
}

export function startMilvusOnMinio(minio: MinioServer): Promise<MilvusServer> {
  return startMilvus({
    version: "2.3.5",
    storage: {
      type: "minio",
      address: minio.host,
      port: minio.port,
      bucketName: MILVUS_BUCKET,
      rootPath: MILVUS_ROOT,
      accessKeyID: minio.accessKey,
      secretAccessKey: minio.secretKey,
    },
  });
}

/** The section of a MinIO that is reached by another port, as through a proxy. */
export function through(port: number, section: StorageSection): StorageSection {
  return { ...section, port };
}

/** Makes the collection, unless it is there. */
export async function seed(server: MilvusServer): Promise<void> {
  const { db_names } = await withData(server, "default", ({ rpc }) => rpc.call("ListDatabases", {}));
  if (!(db_names as string[]).includes(DATABASE)) await withData(server, DATABASE, (data) => data.createDatabase());
  await withData(server, DATABASE, async (data) => {
    if ((await data.collections()).includes(COLLECTION)) return;
    await data.createCollection({
      name: COLLECTION,
      fields: [
        { name: "id", data_type: DataType.Int64, is_primary_key: true },
        { name: "v", data_type: DataType.FloatVector, dim: 4 },
      ],
    });
    const perPartition = ROWS / PARTITIONS;
    for (let part = 0; part < PARTITIONS; part += 1) {
      await data.createPartition(COLLECTION, `p${part}`);
      const rows = Array.from({ length: perPartition }, (_, at) => part * perPartition + at);
      await data.insert(
        COLLECTION,
        rows.map((id) => ({ id, v: vectorOf(id, 4) })),
        `p${part}`,
      );
    }
    await data.flush(COLLECTION);
    await data.createIndex(COLLECTION, "v", { index_type: "FLAT", metric_type: "L2" });
  });
}

/**
 * Drops the database with everything in it, once the server has done with the import jobs it was given: those of a
 * restore that was interrupted run on, into nothing, and keep later ones waiting.
 */
export async function unseed(server: MilvusServer): Promise<void> {
  await withData(server, DATABASE, async (data) => {
    await until("import", async () => {
      const { tasks } = await data.rpc.call("ListImportTasks", { limit: 1000 });
      return (tasks as { state: string }[]).every(({ state }) => /^Import(Completed|Failed)/.test(state));
    });
    for (const name of await data.collections()) await data.drop(name);
    await data.rpc.call("DropDatabase", { db_name: DATABASE });
  });
}

/** Collections of the test's database and how many import tasks the server has ever been given; also proves that it lives. */
export async function serverState(server: MilvusServer): Promise<{ collections: string[]; imports: number }> {
  return withData(server, DATABASE, async (data) => {
    const { tasks } = await data.rpc.call("ListImportTasks", { limit: 1000 });
    return { collections: await data.collections(), imports: (tasks as unknown[]).length };
  });
}

/** Drops what a restore made, so that the next one may take the name. */
export async function dropCollection(server: MilvusServer, name: string): Promise<void> {
  await withData(server, DATABASE, (data) => data.drop(name));
}

/** What Milvus keeps in its bucket, without what it makes of it by itself, at any time. */
export async function sourceObjects(bucket: TestBucket): Promise<ReadonlyMap<string, string>> {
  const own = /^files\/(?:index_files|stats_log)\//;
  return new Map([...(await bucket.list(`${MILVUS_ROOT}/`))].filter(([key]) => !own.test(key)));
}

/** Relative path -> size and content of every file below a folder, temporary and hidden ones too; empty when there is no folder. */
export async function filesBelow(folder: string): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const digest = Bun.hash(await readFile(path)).toString(16);
    found.set(relative(folder, path), `${(await stat(path)).size} ${digest}`);
  }
  return found;
}

/** Every log file that Milvus keeps below a local root path, without what it writes all the time (etcd, queues). */
export async function localLogs(server: MilvusServer): Promise<ReadonlyMap<string, string>> {
  const kinds = ["insert_log", "delta_log"];
  const found = await Promise.all(kinds.map((kind) => filesBelow(join(server.localRoot, kind))));
  return new Map(found.flatMap((files, at) => [...files].map(([key, value]) => [`${kinds[at]}/${key}`, value])));
}
