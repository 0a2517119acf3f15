import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isAppError } from "../../src/base/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from "../../src/base/json.ts";
import type { CollectionSchema, FieldSchema } from "../../src/meta/types.ts";
import type { ImportProgress, MilvusGateway } from "../../src/milvus/gateway.ts";
import { makeCerts } from "../support/certs.ts";
import { type MilvusServer, type MilvusVersion, ROOT_USER, startMilvus } from "../support/milvus.ts";
import { dropEverything } from "../support/milvus_clean.ts";
import { DataType, until, withData } from "../support/milvus_data.ts";
import { connectionTo, connectTo, signal } from "../support/replay_milvus.ts";
import { sharedMilvus } from "../support/shared_servers.ts";

// No shortened waits: these are real servers.
const REAL = { timing: {} } as const;
const FIXTURE = join(import.meta.dir, "..", "fixtures", "backups", "2.3.5.tar.gz");

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "milvus-gateway-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function gatewayTo(server: MilvusServer): Promise<MilvusGateway> {
  const management = `http://${server.host}:${server.managementPort}`;
  return connectTo(connectionTo(server.port, { management }), REAL);
}

function field(id: bigint, name: string, dataType: number, more: Partial<FieldSchema> = {}): FieldSchema {
  return {
    fieldId: id,
    name,
    isPrimaryKey: false,
    description: "",
    dataType,
    typeParams: [],
    indexParams: [],
    autoId: false,
    elementType: 0,
    isDynamic: false,
    isPartitionKey: false,
    nullable: false,
    isFunctionOutput: false,
    ...more,
  };
}

function schemaOf(fields: readonly FieldSchema[], more: Partial<CollectionSchema> = {}): CollectionSchema {
  return {
    name: "",
    description: "",
    autoId: false,
    fields,
    enableDynamicField: false,
    properties: [],
    functions: [],
    structArrayFields: [],
    ...more,
  };
}

const VERSIONS: readonly MilvusVersion[] = ["2.3.5", "2.2.16"];

for (const version of VERSIONS) {
  describe(`a real Milvus ${version}`, () => {
    let server: MilvusServer;
    let milvus: MilvusGateway;
    beforeAll(async () => {
      server = await sharedMilvus(version);
      milvus = await gatewayTo(server);
    }, 180_000);
    afterAll(async () => {
      await milvus[Symbol.asyncDispose]();
      await dropEverything(server);
    }, 60_000);

    test("says its version, has databases, imports over gRPC, cannot pause garbage collection", async () => {
      expect(milvus.server.version).toBe(`v${version}-lite`);
      expect(milvus.server.supports("databases")).toBe(true);
      expect(milvus.importVersion).toBe("v1");
      expect(await milvus.listDatabases(signal)).toContain("default");
      await using lease = await milvus.pauseGc(signal);
      expect(lease.paused).toBe(false);
      expect(lease.reason).toContain("404");
    });

    test("a collection comes back as it was created, and creating it again changes nothing", async () => {
      const ns = { database: "default", collection: "gateway_schema" };
      const schema = schemaOf(
        [
          field(100n, "id", 5, { isPrimaryKey: true, description: "the key" }),
          field(101n, "v", 101, { typeParams: [{ key: "dim", value: "4" }] }),
          field(102n, "tag", 21, { typeParams: [{ key: "max_length", value: "64" }], isPartitionKey: true }),
          field(103n, "j", 23),
          field(104n, "flag", 1),
        ],
        { description: "<all> & more", enableDynamicField: true },
      );
      const request = {
        namespace: ns,
        schema,
        shards: 2,
        consistencyLevel: 0,
        properties: [{ key: "collection.ttl.seconds", value: "86400" }],
        partitions: 4,
      };
      await milvus.createCollection(request, signal);
      await milvus.createCollection(request, signal);
      const found = await milvus.describeCollection(ns, signal);
      expect(found.schema).toEqual({ ...schema, name: "gateway_schema" });
      expect(found).toMatchObject({
        name: "gateway_schema",
        databaseName: "default",
        shards: 2,
        consistencyLevel: 0,
        external: false,
      });
      expect(found.properties).toEqual(request.properties);
      expect(found.virtualChannels).toHaveLength(2);
      expect(milvus.decodeDescription(found.raw).schema).toEqual(found.schema);
      expect(await milvus.listPartitions(ns, signal)).toHaveLength(4);
      expect(await milvus.listIndexes(ns, signal)).toEqual([]);
      expect(await milvus.loadState(ns, signal)).toBe("NotLoad");
      expect(await milvus.countLoadedRows(ns, signal)).toBeUndefined();

      const other = { ...request, schema: schemaOf(schema.fields.slice(0, 2)), partitions: 0 };
      const error: unknown = await milvus.createCollection(other, signal).catch((thrown: unknown) => thrown);
      expect(isAppError(error) && error.code).toBe("ALREADY_EXISTS");

      await milvus.createAlias(ns, "gateway_alias", signal);
      await milvus.createAlias(ns, "gateway_alias", signal);
      expect((await milvus.describeCollection(ns, signal)).aliases).toEqual(["gateway_alias"]);
      await milvus.alterProperties(ns, [{ key: "collection.ttl.seconds", value: "60" }], signal);
      expect((await milvus.describeCollection(ns, signal)).properties).toEqual([
        { key: "collection.ttl.seconds", value: "60" },
      ]);
    }, 60_000);

    test("what is not there is NOT_FOUND in every call", async () => {
      const ns = { database: "default", collection: "gateway_nowhere" };
      expect(await milvus.hasCollection(ns, signal)).toBe(false);
      expect(await milvus.hasCollection({ ...ns, database: "no_such_db" }, signal)).toBe(false);
      await milvus.dropCollection(ns, signal);
      const calls: readonly Promise<unknown>[] = [
        milvus.describeCollection(ns, signal),
        milvus.describeCollection({ ...ns, database: "no_such_db" }, signal),
        milvus.listPartitions(ns, signal),
        milvus.listIndexes(ns, signal),
        milvus.loadState(ns, signal),
        milvus.statisticsRowCount(ns, signal),
        milvus.flush(ns, signal),
        milvus.listSegments(ns, signal),
        milvus.importProgress(ns, "123", signal),
      ];
      for (const result of await Promise.allSettled(calls)) {
        expect(result.status === "rejected" && isAppError(result.reason) && result.reason.code).toBe("NOT_FOUND");
      }
    }, 60_000);

    test("after a flush all rows lie in flushed segments", async () => {
      const ns = { database: "default", collection: "gateway_flush" };
      await withData(server, "default", async (data) => {
        const fields = [
          { name: "id", data_type: DataType.Int64, is_primary_key: true },
          { name: "v", data_type: DataType.FloatVector, dim: 4 },
        ];
        await data.createCollection({ name: ns.collection, fields, shards: 2 });
        await data.insert(
          ns.collection,
          Array.from({ length: 300 }, (_, id) => ({ id, v: [id, 1, 2, 3] })),
        );
        expect(await milvus.listSegments(ns, signal)).toEqual([]);
        const flushed = await milvus.flush(ns, signal);
        expect(flushed.sealTime > 1_700_000_000n).toBe(true);
        const segments = await milvus.listSegments(ns, signal);
        expect(segments.reduce((rows, segment) => rows + segment.rows, 0n)).toBe(300n);
        expect(segments.every(({ state, isL0 }) => state === "Flushed" && !isL0)).toBe(true);
        for (const { collectionId, partitionId, id } of segments) {
          expect(existsSync(join(server.localRoot, "insert_log", `${collectionId}`, `${partitionId}`, `${id}`))).toBe(
            true,
          );
        }
        expect(await milvus.statisticsRowCount(ns, signal)).toBe(300n);

        await data.delete(ns.collection, "id in [1, 2, 3]");
        await milvus.flush(ns, signal);
        // Deletes of flushed rows reach the storage with a flush from 2.3 on; 2.2 keeps them in its log.
        const deltas = segments.filter(({ collectionId, partitionId, id }) =>
          existsSync(join(server.localRoot, "delta_log", `${collectionId}`, `${partitionId}`, `${id}`)),
        );
        expect(deltas.length > 0).toBe(version === "2.3.5");
      });
    }, 120_000);

    test("imports what milvus-backup's Go tool saved, with the deletes applied", async () => {
      const root = join(folder, version);
      await Bun.$`mkdir -p ${root} && tar xzf ${FIXTURE} -C ${root}`.quiet();
      const backup = join(root, "backup", "zoo_peer");
      const zoo = collectionOf(readFileSync(join(backup, "meta", "full_meta.json"), "utf8"), "zoo_parts");
      const ns = { database: "default", collection: "gateway_import" };
      const schema = schemaOf(
        [
          field(100n, "id", 5, { isPrimaryKey: true }),
          field(101n, "v", 101, { typeParams: [{ key: "dim", value: "8" }] }),
          field(102n, "tag", 21, { typeParams: [{ key: "max_length", value: "64" }] }),
        ],
        { enableDynamicField: true },
      );
      await milvus.createCollection(
        { namespace: ns, schema, shards: 2, consistencyLevel: 0, properties: [], partitions: 0 },
        signal,
      );

      const jobs: { readonly job: string; readonly rows: bigint; readonly deletes: boolean }[] = [];
      for (const partition of listOf(zoo.partition_backups)) {
        const name = String(partition.partition_name);
        await milvus.createPartition(ns, name, signal);
        for (const segment of listOf(partition.segment_backups)) {
          const place = `${zoo.collection_id}/${partition.partition_id}/${segment.group_id}/`;
          const deltas = `${backup}/binlogs/delta_log/${place}`;
          const group = [`${backup}/binlogs/insert_log/${place}`, ...(existsSync(deltas) ? [deltas] : [])];
          const request = { namespace: ns, partition: name, groups: [group], l0: false, storageVersion: 0n };
          const job = await milvus.startImport(request, signal);
          jobs.push({ job, rows: BigInt(String(segment.num_of_rows)), deletes: group.length > 1 });
        }
      }
      expect(jobs).toHaveLength(6);
      for (const { job, rows, deletes } of jobs) {
        let progress: ImportProgress | undefined;
        await until("import", async () => {
          progress = await milvus.importProgress(ns, job, signal);
          return progress.phase === "completed" || progress.phase === "failed";
        });
        expect(progress).toMatchObject({ phase: "completed", percent: 100, state: "ImportCompleted", reason: "" });
        if (deletes) expect((progress?.rows ?? rows) < rows).toBe(true);
        else expect(progress?.rows).toBe(rows);
      }
      const segments = await milvus.listSegments(ns, signal);
      expect(segments.reduce((rows, segment) => rows + segment.rows, 0n)).toBe(2995n);
      expect(await milvus.statisticsRowCount(ns, signal)).toBe(2995n);

      const index = { fieldName: "v", indexName: "v_flat", params: { index_type: "FLAT", metric_type: "COSINE" } };
      const metric = version === "2.3.5" ? index : { ...index, params: { ...index.params, metric_type: "L2" } };
      await milvus.createIndex(ns, metric, signal);
      await milvus.createIndex(ns, metric, signal);
      const [found] = await milvus.listIndexes(ns, signal);
      expect(found).toMatchObject({ fieldName: "v", indexName: "v_flat", indexType: "FLAT" });
      await milvus.loadCollection(ns, signal);
      await until("load", async () => (await milvus.loadState(ns, signal)) === "Loaded");
      // 2.2 has no count(*).
      expect(await milvus.countLoadedRows(ns, signal)).toBe(version === "2.3.5" ? 2995n : undefined);
      await milvus.releaseCollection(ns, signal);
      expect(await milvus.loadState(ns, signal)).toBe("NotLoad");
      await milvus.renameCollection(ns, { ...ns, collection: "gateway_renamed" }, signal);
      expect(await milvus.listCollections("default", signal)).toContain("gateway_renamed");
      expect(await milvus.hasCollection(ns, signal)).toBe(false);
    }, 180_000);

    test("a directory that is not there imports nothing and completes; wrong data fails with a reason", async () => {
      const ns = { database: "default", collection: "gateway_wrong" };
      const schema = schemaOf([
        field(100n, "id", 5, { isPrimaryKey: true }),
        field(101n, "v", 101, { typeParams: [{ key: "dim", value: "8" }] }),
      ]);
      await milvus.createCollection(
        { namespace: ns, schema, shards: 1, consistencyLevel: 0, properties: [], partitions: 0 },
        signal,
      );
      const request = { namespace: ns, partition: "_default", l0: false, storageVersion: 0n };
      const ended = async (directory: string): Promise<ImportProgress> => {
        const job = await milvus.startImport({ ...request, groups: [[directory]] }, signal);
        for (;;) {
          const progress = await milvus.importProgress(ns, job, signal);
          if (progress.phase === "completed" || progress.phase === "failed") return progress;
          await Bun.sleep(100);
        }
      };
      expect(await ended(`${folder}/nothing/`)).toMatchObject({ phase: "completed", rows: 0n });
      const types = join(
        folder,
        version,
        "backup/zoo_peer/binlogs/insert_log/470616275668320369/470616275668320370/470616275668320383/",
      );
      const failed = await ended(types);
      expect(failed.phase).toBe("failed");
      expect(failed.reason).toContain("primary key");
    }, 120_000);
  });
}

test("TLS and authorization of a real server", async () => {
  const certs = makeCerts(folder);
  const tls = {
    mode: 1 as const,
    caPath: certs.caPath,
    certPath: certs.serverCertPath,
    keyPath: certs.serverKeyPath,
    client: { caPath: certs.caPath },
  };
  const server = await startMilvus({ version: "2.3.5", storage: { type: "local" }, auth: true, tls });
  try {
    const grpc = { tlsMode: "server", caCertPath: certs.caPath } as const;
    await using milvus = await connectTo(connectionTo(server.port, { ...ROOT_USER, grpc }), REAL);
    expect(await milvus.listDatabases(signal)).toEqual(["default"]);
    for (const credentials of [{ user: "root", password: "wrong" }, {}]) {
      const error: unknown = await connectTo(connectionTo(server.port, { ...credentials, grpc }), REAL).catch(
        (thrown: unknown) => thrown,
      );
      expect(isAppError(error) && error.code).toBe("ACCESS_DENIED");
    }
  } finally {
    await server.stop();
  }
}, 180_000);

function collectionOf(meta: string, name: string): JsonObject {
  const document = parseJson(meta);
  const found = isJsonObject(document)
    ? listOf(document.collection_backups).find((collection) => collection.collection_name === name)
    : undefined;
  if (found === undefined) throw new Error(`the backup has no collection ${name}`);
  return found;
}

function listOf(value: JsonValue | undefined): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}
