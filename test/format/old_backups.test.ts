import { describe, expect, test } from "bun:test";
import { decodeBackup, encodeFull } from "../../src/meta/codec.ts";
import { deltaImportPrefix, insertImportPrefix, insertLogKey } from "../../src/meta/layout.ts";
import { namespaceOf } from "../../src/meta/namespace.ts";
import { createBackupRepository } from "../../src/meta/storage_repository.ts";
import type { BackupMeta } from "../../src/meta/types.ts";
import { openMemoryRoot, putObject, signal } from "../unit/meta/memory_root.ts";

/** As release 0.4 wrote it: no database, state codes, a default forced into a string, groups shared by segments. */
const OLD_FULL = `{"id":"a","state_code":2,"errorMessage":"none","start_time":1690000000000,"end_time":1690000001000,
"name":"old","backup_timestamp":443000000000000000,"collection_backups":[{"id":"a","state_code":2,"start_time":1690000000000,
"collection_id":443000000000000001,"collection_name":"c","schema":{"name":"c","fields":[
{"fieldID":100,"name":"id","is_primary_key":true,"data_type":5},
{"fieldID":101,"name":"n","data_type":4,"default_value_proto":"\\u0010\\u0005"}]},"shards_num":2,
"partition_backups":[{"partition_id":443000000000000002,"partition_name":"_default","collection_id":443000000000000001,
"segment_backups":[
{"segment_id":443000000000000010,"collection_id":443000000000000001,"partition_id":443000000000000002,"num_of_rows":5,
"deltalogs":[{}],"size":10,"group_id":1},
{"segment_id":443000000000000011,"collection_id":443000000000000001,"partition_id":443000000000000002,"num_of_rows":5,
"statslogs":[{"fieldID":100}],"size":10,"group_id":1},
{"segment_id":443000000000000012,"collection_id":443000000000000001,"partition_id":443000000000000002,"num_of_rows":5,"size":10}],
"size":30,"load_state":"NotExist"}],"size":30,"has_index":true,
"index_infos":[{"field_name":"v","index_name":"v","index_type":"IVF_FLAT","params":{"nlist":"16"}}],"load_state":"NotExist",
"replicas":[{"replicaID":443000000000000099}]}],"size":30,"milvus_version":"v2.2.16","progress":100}`;

function only<T>(items: readonly T[]): T {
  const [item] = items;
  if (item === undefined || items.length !== 1) throw new Error(`there are ${items.length} items`);
  return item;
}

const text = (meta: BackupMeta): string => [...encodeFull(meta).pieces()].join("");

describe("a backup of release 0.4", () => {
  const meta = decodeBackup(OLD_FULL, "full_meta.json");
  const collection = only(meta.collections);
  const segments = only(collection.partitions).segments;

  test("belongs to the default database", () => {
    expect(namespaceOf(collection)).toEqual({ database: "default", collection: "c" });
    expect(meta.databases).toEqual([]);
  });

  test("keeps a default that was forced into a string", () => {
    expect(collection.schema.fields.map(({ defaultValue }) => defaultValue)).toEqual([
      undefined,
      new Uint8Array([0x10, 5]),
    ]);
  });

  test("shares an import folder among the segments of one group, and has no group element without one", () => {
    const group = "binlogs/insert_log/443000000000000001/443000000000000002/";
    expect(segments.map(insertImportPrefix)).toEqual([`${group}1/`, `${group}1/`, group]);
    expect(segments.map(deltaImportPrefix)).toEqual(
      [1, 2, 3].map((n) => `${group.replace("insert", "delta")}${n < 3 ? "1/" : ""}`),
    );
    expect(segments.map((segment) => insertLogKey(segment, 0n, 7n) as string)).toEqual([
      `${group}1/443000000000000010/0/7`,
      `${group}1/443000000000000011/0/7`,
      `${group}443000000000000012/0/7`,
    ]);
  });

  test("means no delta logs by a list of one empty entry", () => {
    expect(segments[0]?.deltaLogs.flatMap(({ binlogs }) => binlogs)).toEqual([]);
  });

  test("keeps every key it does not know when it is written again", () => {
    const again = decodeBackup(text(meta), "full_meta.json");
    expect(again).toEqual(meta);
    expect(text(meta)).toStartWith('{"id":"a","state_code":2,"name":"old","backup_timestamp":443000000000000000,');
    expect(text(meta)).toEndWith(
      '"errorMessage":"none","start_time":1690000000000,"end_time":1690000001000,"progress":100}',
    );
    expect(text(meta)).toContain('"replicas":[{"replicaID":443000000000000099}]');
    expect(text(meta)).toContain('"deltalogs":[{}]');
  });
});

test("keys that only newer servers or etcd bring stay at their place", () => {
  const document =
    '{"state_code":0,"name":"b","collection_backups":[{"collection_id":1,"schema":{},"size":0,"has_index":false,' +
    '"index_infos":[{"field_name":"v","index_id":3,"field_id":101,"create_time":443000000000000001,' +
    '"user_index_params":[{"key":"index_type","value":"HNSW"}],"max_index_version":8}],' +
    '"aliases":["x"],"snapshot_backup":{"metadata_path":"bundle/a.json","total_files":3,"total_bytes":4096}}],"size":0,' +
    '"rpc_channel_info":{"name":"by-dev-replicate-msg","position":"x"},"database_backups":[{"db_name":"default","ezk":"k"}],' +
    '"flush_all_msgs_base64":{"by-dev-dml_0":"AA=="},"control_channel_name":"c","physical_channel_names":["by-dev-dml_0"],' +
    '"format":"snapshot"}';
  expect(text(decodeBackup(document, "full_meta.json"))).toBe(document);
});

test("a backup that l0compact wrote reads from its levels: collections without partitions, with their own L0 segments", async () => {
  const root = await openMemoryRoot();
  const documents = {
    backup:
      '{"state_code":0,"name":"b","size":30,"milvus_version":"v2.6.3","database_backups":[{"db_name":"default"}]}',
    collection:
      '{"infos":[{"collection_id":1,"db_name":"default","collection_name":"c","size":30,"has_index":false,' +
      '"l0_segments":[{"segment_id":9,"collection_id":1,"partition_id":-1,"size":10,"is_l0":true}]}]}',
    partition: '{"infos":[{"partition_id":2,"partition_name":"_default","collection_id":1,"size":7}]}',
    segment: '{"infos":[{"segment_id":3,"collection_id":1,"partition_id":2,"size":20,"group_id":3}]}',
  };
  for (const [name, content] of Object.entries(documents)) await putObject(root, `b/meta/${name}_meta.json`, content);
  const meta = await createBackupRepository(root).read("b", { signal });
  const collection = only(meta.collections);
  expect([meta.size, collection.size, only(collection.partitions).size]).toEqual([30n, 30n, 20n]);
  expect(only(collection.l0Segments).segmentId).toBe(9n);
  expect(only(only(collection.partitions).segments).segmentId).toBe(3n);
  expect(meta.databases.map(({ name }) => name)).toEqual(["default"]);
});

test("empty level documents are an empty backup", async () => {
  const root = await openMemoryRoot();
  await putObject(root, "b/meta/backup_meta.json", '{"state_code":0,"name":"b","size":0}');
  for (const level of ["collection", "partition", "segment"]) await putObject(root, `b/meta/${level}_meta.json`, "{}");
  expect((await createBackupRepository(root).read("b", { signal })).collections).toEqual([]);
});
