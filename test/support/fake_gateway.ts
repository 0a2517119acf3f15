/** A MilvusGateway over a FakeMilvus. It refuses what a server refuses, and fails where its script says so. */

import { AppError } from "../../src/base/errors.ts";
import type { Namespace } from "../../src/base/types.ts";
import type { CollectionSchema } from "../../src/meta/types.ts";
import { type Feature, featuresOf, parseServerVersion, SCHEMA_FEATURES } from "../../src/milvus/features.ts";
import type { ImportRequest, MilvusGateway } from "../../src/milvus/gateway.ts";
import type { FakeCollection, FakeMilvus } from "./fake_milvus.ts";
import { type FakeRow, readFolder, surviving } from "./fake_milvus_data.ts";

const FIRST_FIELD_ID = 100n;
const DEFAULT_FEATURES: readonly Feature[] = [
  "databases",
  "describeDatabase",
  "segmentDescribe",
  "importV2",
  "addField",
];

interface Job {
  readonly collection: FakeCollection;
  readonly request: ImportRequest;
  polls: number;
  done: boolean;
  rows: readonly FakeRow[];
}

export function fakeGateway(fake: FakeMilvus): MilvusGateway {
  const version = fake.options.version ?? "v2.6.3";
  const features = new Set<Feature>(fake.options.features ?? [...DEFAULT_FEATURES, "flushDeletes"]);
  const byVersion = featuresOf(parseServerVersion(version));
  for (const feature of SCHEMA_FEATURES) if (byVersion.has(feature)) features.add(feature);
  const importVersion = fake.options.importVersion ?? "v2";
  const jobs = new Map<string, Job>();
  const requireDatabase = (name: string): void => void fake.database(name);

  return {
    address: "milvus.test:19530",
    server: { version, supports: (feature) => features.has(feature) },
    importVersion,
    maxGroupsPerJob: importVersion === "v1" ? 1 : 1024,
    async [Symbol.asyncDispose]() {},

    async listDatabases(signal) {
      await fake.enter("listDatabases", "", signal);
      return [...fake.databases.keys()];
    },
    async describeDatabase(name, signal) {
      await fake.enter("describeDatabase", name, signal);
      return fake.database(name);
    },
    async listCollections(database, signal) {
      await fake.enter("listCollections", database, signal);
      requireDatabase(database);
      return fake.collections.filter((it) => it.namespace.database === database).map((it) => it.namespace.collection);
    },
    async hasCollection(namespace, signal) {
      await fake.enter("hasCollection", text(namespace), signal);
      return fake.find(namespace) !== undefined;
    },
    async describeCollection(namespace, signal) {
      await fake.enter("describeCollection", text(namespace), signal);
      return fake.describe(fake.get(namespace));
    },
    decodeDescription: (raw) => fake.decode(raw),
    async listPartitions(namespace, signal) {
      await fake.enter("listPartitions", text(namespace), signal);
      return [...fake.get(namespace).partitions].map(([name, id]) => ({ id, name }));
    },
    async listIndexes(namespace, signal) {
      await fake.enter("listIndexes", text(namespace), signal);
      return [...fake.get(namespace).indexes];
    },
    async loadState(namespace, signal) {
      await fake.enter("loadState", text(namespace), signal);
      fake.get(namespace);
      return "NotLoad";
    },
    async countLoadedRows() {
      return undefined;
    },
    async statisticsRowCount(namespace, signal) {
      await fake.enter("statisticsRowCount", text(namespace), signal);
      const { segments, imported } = fake.get(namespace);
      const stored = segments.reduce((sum, segment) => sum + segment.rows.length, 0);
      return BigInt(stored + imported.length);
    },

    async createDatabase(name, properties, signal) {
      await fake.enter("createDatabase", name, signal);
      if (fake.databases.has(name)) throw new AppError("ALREADY_EXISTS", `database ${name} exists`);
      fake.databases.set(name, properties);
    },
    async dropDatabase(name, signal) {
      await fake.enter("dropDatabase", name, signal);
      if (fake.collections.some(({ namespace }) => namespace.database === name)) {
        throw new AppError("MILVUS_ERROR", `${name} not empty, must drop all collections before drop database`);
      }
      fake.databases.delete(name);
    },
    async createCollection(request, signal) {
      const { namespace } = request;
      await fake.enter("createCollection", text(namespace), signal);
      requireDatabase(namespace.database);
      requireName(namespace.collection);
      if (fake.find(namespace) !== undefined) throw new AppError("ALREADY_EXISTS", `${text(namespace)} exists`);
      fake.make(namespace, numbered(request.schema), request);
    },
    async addField(namespace, field, signal) {
      await fake.enter("addField", `${text(namespace)} ${field.name}`, signal);
      const collection = fake.get(namespace);
      if (!field.nullable) throw new AppError("MILVUS_ERROR", "added field must be nullable");
      const highest = collection.schema.fields.reduce((max, it) => (it.fieldId > max ? it.fieldId : max), 0n);
      const fields = [...collection.schema.fields, { ...field, fieldId: highest + 1n }];
      collection.schema = { ...collection.schema, fields };
    },
    async alterProperties(namespace, _properties, signal) {
      await fake.enter("alterProperties", text(namespace), signal);
      fake.get(namespace);
    },
    async createPartition(namespace, partition, signal) {
      await fake.enter("createPartition", `${text(namespace)} ${partition}`, signal);
      const { partitions } = fake.get(namespace);
      if (partitions.has(partition)) throw new AppError("ALREADY_EXISTS", `partition ${partition} exists`);
      partitions.set(partition, fake.nextId());
    },
    async createIndex(namespace, index, signal) {
      await fake.enter("createIndex", `${text(namespace)} ${index.fieldName}`, signal);
      const { schema, indexes } = fake.get(namespace);
      if (!schema.fields.some(({ name }) => name === index.fieldName)) {
        throw new AppError("MILVUS_ERROR", `cannot create index on non-exist field: ${index.fieldName}`);
      }
      if (indexes.some(({ fieldName }) => fieldName === index.fieldName)) {
        throw new AppError("MILVUS_ERROR", "at most one distinct index is allowed per field");
      }
      indexes.push({ ...index, indexType: index.params.index_type ?? "", indexId: fake.nextId() });
    },
    async dropIndex(namespace, { fieldName }, signal) {
      await fake.enter("dropIndex", `${text(namespace)} ${fieldName}`, signal);
      const { indexes } = fake.get(namespace);
      const at = indexes.findIndex((index) => index.fieldName === fieldName);
      if (at !== -1) indexes.splice(at, 1);
    },
    async createAlias(namespace, alias, signal) {
      await fake.enter("createAlias", `${text(namespace)} ${alias}`, signal);
      const holder = fake.collections.find(
        (it) => it.namespace.database === namespace.database && it.aliases.has(alias),
      );
      if (holder !== undefined) throw new AppError("ALREADY_EXISTS", `alias ${alias} belongs to another collection`);
      fake.get(namespace).aliases.add(alias);
    },
    async alterAlias(namespace, alias, signal) {
      await fake.enter("alterAlias", `${text(namespace)} ${alias}`, signal);
      const holder = fake.collections.find(
        (it) => it.namespace.database === namespace.database && it.aliases.has(alias),
      );
      if (holder === undefined) throw new AppError("NOT_FOUND", `there is no alias ${alias}`);
      holder.aliases.delete(alias);
      fake.get(namespace).aliases.add(alias);
    },
    async loadCollection(namespace, signal) {
      await fake.enter("loadCollection", text(namespace), signal);
      fake.get(namespace);
    },
    async releaseCollection(namespace, signal) {
      await fake.enter("releaseCollection", text(namespace), signal);
      fake.get(namespace);
    },
    async renameCollection(from, to, signal) {
      await fake.enter("renameCollection", `${text(from)} ${text(to)}`, signal);
      const collection = fake.get(from);
      requireDatabase(to.database);
      requireName(to.collection);
      if (fake.find(to) !== undefined) throw new AppError("ALREADY_EXISTS", `${text(to)} exists`);
      collection.namespace = to;
    },
    async dropCollection(namespace, signal) {
      await fake.enter("dropCollection", text(namespace), signal);
      const collection = fake.find(namespace);
      if (collection === undefined) return;
      if (collection.aliases.size > 0)
        throw new AppError("MILVUS_ERROR", "the collection has aliases; drop them first");
      fake.collections = fake.collections.filter((it) => it !== collection);
    },

    async flush(namespace, signal) {
      await fake.enter("flush", text(namespace), signal);
      const collection = fake.get(namespace);
      await fake.seal(collection);
      const timestamp = fake.nextId();
      return { channelCheckpoints: { [`dml_0_${collection.id}v0`]: "CAE=" }, timestamp, sealTime: 1_760_000_000n };
    },
    async listSegments(namespace, signal) {
      await fake.enter("listSegments", text(namespace), signal);
      return fake.get(namespace).segments.map((segment) => ({
        id: segment.id,
        collectionId: segment.collectionId,
        partitionId: segment.partitionId,
        rows: BigInt(segment.rows.length),
        state: "Flushed",
        isL0: segment.isL0,
        storageVersion: 0n,
      }));
    },
    async segmentLogs(namespace, _collectionId, ids, signal) {
      await fake.enter("segmentLogs", text(namespace), signal);
      if (!features.has("segmentDescribe")) throw new AppError("UNSUPPORTED", "no such call");
      const { segments } = fake.get(namespace);
      return ids.map((id) => {
        const segment = segments.find((it) => it.id === id);
        if (segment === undefined) throw new AppError("NOT_FOUND", `segment ${id} is gone`);
        const { vChannel, insertLogs, deltaLogs } = segment;
        return {
          segmentId: id,
          vChannel,
          insertLogs: [...insertLogs].map(([fieldId, logIds]) => ({ fieldId, logIds })),
          deltaLogs: deltaLogs.length === 0 ? [] : [{ fieldId: 0n, logIds: deltaLogs }],
        };
      });
    },

    async startImport(request, signal) {
      await fake.enter(
        "startImport",
        `${text(request.namespace)} ${request.l0 ? "l0" : "rows"} ${request.partition}`,
        signal,
      );
      const collection = fake.get(request.namespace);
      if (request.partition !== "" && !collection.partitions.has(request.partition)) {
        throw new AppError("MILVUS_ERROR", `partition not found[partition=${request.partition}]`);
      }
      if (request.groups.length === 0) throw new AppError("MILVUS_ERROR", "import request is empty");
      if (importVersion === "v1" && request.groups.length > 1) throw new AppError("MILVUS_ERROR", "one group a job");
      const id = fake.nextId().toString();
      jobs.set(id, { collection, request, polls: 0, done: false, rows: [] });
      return id;
    },
    async importProgress(_namespace, id, signal) {
      await fake.enter("importProgress", id, signal);
      const job = jobs.get(id);
      if (job === undefined) throw new AppError("NOT_FOUND", `import job does not exist, jobID=${id}`);
      job.polls += 1;
      const scripted = fake.jobState(id, job.polls);
      if (scripted !== undefined) return { ...scripted, state: scripted.phase, reason: "scripted" };
      try {
        if (!job.done) job.rows = await importedRows(fake, job.request);
        if (!job.done) job.collection.imported.push(...job.rows);
        job.done = true;
        const rows = fake.countsImportedRows ? { rows: BigInt(job.rows.length) } : {};
        return { phase: "completed", percent: 100, state: "Completed", reason: "", ...rows };
      } catch (error) {
        return { phase: "failed", percent: 0, state: "Failed", reason: error instanceof Error ? error.message : "" };
      }
    },

    async pauseGc(signal) {
      await fake.enter("pauseGc", "", signal);
      const { refusal } = fake.gc;
      if (refusal !== undefined) return { paused: false, reason: refusal, async [Symbol.asyncDispose]() {} };
      fake.gc.pauses += 1;
      return {
        paused: true,
        async [Symbol.asyncDispose]() {
          fake.calls.push("resumeGc");
          fake.gc.resumes += 1;
        },
      };
    },
  };
}

/** Rows a job brings: deletes of a segment's own count, those of L0 wait for a compaction that never comes here. */
async function importedRows(fake: FakeMilvus, request: ImportRequest): Promise<readonly FakeRow[]> {
  const rows: FakeRow[] = [];
  for (const [first = "", delta] of request.groups) {
    if (request.l0) {
      await readFolder(fake.options.bucket, first, "delta");
      continue;
    }
    const inserted = await readFolder(fake.options.bucket, first, "insert");
    const deleted = delta === undefined ? [] : await readFolder(fake.options.bucket, delta, "delta");
    rows.push(...surviving(inserted, deleted));
  }
  return rows;
}

/** A server numbers the fields itself, in list order. */
function numbered(schema: CollectionSchema): CollectionSchema {
  const fields = schema.fields.map((field, index) => ({ ...field, fieldId: FIRST_FIELD_ID + BigInt(index) }));
  return { ...schema, fields };
}

function requireName(name: string): void {
  if (!/^[A-Za-z_]\w{0,254}$/.test(name)) throw new AppError("MILVUS_ERROR", `Invalid collection name: ${name}`);
}

function text({ database, collection }: Namespace): string {
  return `${database}.${collection}`;
}
