import { describe, expect, test } from "bun:test";
import { decodeBackup, encodeFull, encodeHead, encodeLevels } from "../../src/meta/codec.ts";
import { deltaLogKey, insertLogKey } from "../../src/meta/layout.ts";
import { formatNamespace, namespaceOf } from "../../src/meta/namespace.ts";
import { createBackupRepository } from "../../src/meta/storage_repository.ts";
import type { BackupMeta, CollectionMeta, SegmentMeta } from "../../src/meta/types.ts";
import { signal } from "../unit/meta/memory_root.ts";
import { expectedOf, FIXTURES, type Fixture, filesOf, rootWith } from "./fixtures.ts";

async function read(fixture: Fixture): Promise<BackupMeta> {
  return await createBackupRepository(await rootWith(fixture)).read(fixture.name, { signal });
}

function segmentsOf(collection: CollectionMeta): readonly SegmentMeta[] {
  return collection.partitions.flatMap((partition) => partition.segments);
}

function rowsOf(collection: CollectionMeta): bigint {
  return segmentsOf(collection)
    .filter((segment) => !segment.isL0)
    .reduce((sum, segment) => sum + segment.rows, 0n);
}

describe.each([...FIXTURES])("a backup the Go tool made of Milvus $version", (fixture) => {
  test("comes out byte-equal when its documents are decoded and encoded again", async () => {
    const files = await filesOf(fixture);
    const textOf = (path: string): string => new TextDecoder().decode(files.get(path));
    const meta = decodeBackup(textOf("meta/full_meta.json"), "full_meta.json");
    const documents = [encodeHead(meta), ...encodeLevels(meta), encodeFull(meta)];
    expect(documents.map(({ path }): string => path).sort()).toEqual(
      [...files.keys()].filter((p) => p.startsWith("meta/")).sort(),
    );
    for (const { path, pieces } of documents) expect([...pieces()].join(""), path).toBe(textOf(path));
  });

  test("is listed as complete, has no manifest and can be deleted to the last object", async () => {
    const root = await rootWith(fixture);
    const backups = createBackupRepository(root);
    const meta = await backups.read(fixture.name, { signal });
    expect(await Array.fromAsync(backups.list({ signal }))).toEqual([
      { name: fixture.name, state: "complete", id: meta.id, size: meta.size, milvusVersion: meta.milvusVersion },
    ]);
    expect(await backups.readManifest(fixture.name, { signal })).toBeUndefined();
    expect(await backups.delete(fixture.name, { signal })).toBe((await filesOf(fixture)).size);
    expect(await Array.fromAsync(root.list("", { signal }))).toEqual([]);
  });

  test("names exactly the log objects that lie in it, with their sizes", async () => {
    const files = await filesOf(fixture);
    const named = new Map<string, bigint>();
    for (const collection of (await read(fixture)).collections) {
      for (const segment of [...segmentsOf(collection), ...collection.l0Segments]) {
        for (const field of segment.insertLogs) {
          for (const log of field.binlogs) named.set(insertLogKey(segment, field.fieldId, log.logId), log.logSize);
        }
        for (const field of segment.deltaLogs) {
          for (const log of field.binlogs) named.set(deltaLogKey(segment, log.logId), log.logSize);
        }
      }
    }
    const lying = [...files].filter(([path]) => path.startsWith("binlogs/"));
    expect([...named].sort()).toEqual(
      lying.map(([path, file]): [string, bigint] => [path, BigInt(file.length)]).sort(),
    );
  });

  test("reads the same from its level documents, deletes of all partitions included", async () => {
    const full = await read(fixture);
    const root = await rootWith(fixture, (path) => path !== "meta/full_meta.json");
    const levels = await createBackupRepository(root).read(fixture.name, { signal });
    const shape = (meta: BackupMeta) =>
      meta.collections.map((collection) => ({
        name: formatNamespace(namespaceOf(collection)),
        size: collection.size,
        schema: collection.schema,
        indexes: collection.indexes,
        partitions: collection.partitions,
        l0: collection.l0Segments
          .map(({ segmentId, partitionId, isL0, deltaLogs, size }) => ({
            segmentId,
            partitionId,
            isL0,
            size,
            logs: deltaLogs.flatMap((field) => field.binlogs.map(({ logId, logSize }) => ({ logId, logSize }))),
          }))
          .sort((a, b) => (a.segmentId < b.segmentId ? -1 : 1)),
      }));
    expect(shape(levels)).toEqual(shape(full));
    expect(levels.size).toBe(full.size);
  });
});

test("the backup of Milvus 2.3.5 holds the collections, rows and ids of its server", async () => {
  const meta = await read(FIXTURES[0]);
  const facts = meta.collections.map((collection) => [
    formatNamespace(namespaceOf(collection)),
    collection.collectionId,
    rowsOf(collection),
    collection.partitions.map(({ partitionName }) => partitionName).join(),
  ]);
  expect(facts).toEqual([
    ["default.zoo_empty", 470616275668320412n, 0n, "_default"],
    ["default.zoo_parts", 470616275668320292n, 3000n, "_default,p2024,p2025"],
    ["db1.zoo_db", 470616275668320423n, 300n, "_default"],
    ["default.zoo_types", 470616275668320369n, 500n, "_default_0,_default_1,_default_2,_default_3"],
  ]);
  const parts = meta.collections[1];
  expect(parts?.schema.description).toBe("partitions & <escapes>");
  expect(parts?.aliases).toEqual(["zoo_alias"]);
  expect(parts?.shards).toBe(2);
  expect(parts?.indexes.map(({ indexName }) => indexName)).toEqual(["v", "tag_idx"]);
  expect(meta.databases.map(({ name }) => name)).toEqual(["default", "db1"]);
});

describe.each(["2.5.8", "2.6.3"] as const)("the backup of Milvus %s", (version) => {
  test("agrees with what its server answered", async () => {
    const fixture = FIXTURES.find((one) => one.version === version) ?? FIXTURES[0];
    const meta = await read(fixture);
    const expected = await expectedOf(version);
    const byName = new Map(meta.collections.map((one) => [formatNamespace(namespaceOf(one)), one]));
    expect([...byName.keys()].sort()).toEqual(expected.collections.map(({ db, name }) => `${db}.${name}`).sort());
    for (const wanted of expected.collections) {
      const name = `${wanted.db}.${wanted.name}`;
      const found = byName.get(name);
      if (found === undefined) throw new Error(`${name} is not in the backup`);
      expect(found.partitions.map(({ partitionName }) => partitionName).sort(), name).toEqual(
        [...wanted.partitions].sort(),
      );
      expect(found.aliases.toSorted(), name).toEqual(wanted.aliases.toSorted());
      expect(found.shards, name).toBe(wanted.num_shards);
      expect(found.loadState, name).toBe(wanted.load_state_at_backup);
      expect(found.schema.enableDynamicField, name).toBe(wanted.enable_dynamic_field);
      expect(found.indexes.map(({ indexName }) => indexName).sort(), name).toEqual(
        wanted.indexes.map(({ index_name }) => index_name).sort(),
      );
      expect(rowsOf(found) >= BigInt(wanted.row_count), name).toBe(true);
      const fields = [...found.schema.fields, ...found.schema.structArrayFields].map(({ name, fieldId }) => ({
        name,
        fieldId,
      }));
      expect(fields, name).toEqual(
        wanted.fields.map((field) => ({ name: field.name, fieldId: BigInt(field.field_id) })),
      );
    }
    expect(Object.keys(meta.rbac ?? {}).length).toBeGreaterThan(0);
  });
});
