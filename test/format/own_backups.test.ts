import { expect, test } from "bun:test";
import { isJsonObject, type JsonValue, parseJson } from "../../src/base/json.ts";
import { createBackupRepository } from "../../src/meta/storage_repository.ts";
import { openMemoryRoot, signal, textOf } from "../unit/meta/memory_root.ts";
import { putSampleObjects, sampleBackup, sampleManifest } from "../unit/meta/sample_backup.ts";
import { FIXTURES, filesOf } from "./fixtures.ts";

/** Written by the Go tool from a server that names it (2.6.11 does); those of the fixtures do not. */
const NOT_IN_FIXTURES = new Set(["collection_backups[].db_id"]);

/** Of each kind of object, found by its path: the type of each key's value, and which key was written before which. */
type Shapes = Map<string, { readonly types: Map<string, string>; readonly before: Set<string> }>;

function collect(value: JsonValue, path: string, shapes: Shapes): void {
  if (Array.isArray(value)) {
    for (const item of value) collect(item, `${path}[]`, shapes);
    return;
  }
  if (!isJsonObject(value) || path.endsWith(".params")) return;
  const shape = shapes.get(path) ?? { types: new Map(), before: new Set() };
  shapes.set(path, shape);
  const keys = Object.keys(value);
  keys.forEach((key, index) => {
    for (const later of keys.slice(index + 1)) shape.before.add(`${key} ${later}`);
  });
  for (const [key, item] of Object.entries(value)) {
    shape.types.set(key, Array.isArray(item) ? "list" : typeof item);
    collect(item, path === "" ? key : `${path}.${key}`, shapes);
  }
}

async function ownDocument(path: string): Promise<string> {
  const root = await openMemoryRoot();
  const meta = sampleBackup("fresh");
  await using draft = await createBackupRepository(root).begin("fresh", { signal });
  await putSampleObjects(root, meta);
  await draft.commit(meta, sampleManifest(meta), { signal });
  return await textOf(root, `fresh/${path}`);
}

test("every key of a backup of ours is one of the Go tool's, at its place and of its type", async () => {
  const theirs: Shapes = new Map();
  for (const fixture of FIXTURES) {
    const content = (await filesOf(fixture)).get("meta/full_meta.json");
    collect(parseJson(new TextDecoder().decode(content)), "", theirs);
  }
  const ours: Shapes = new Map();
  collect(parseJson(await ownDocument("meta/full_meta.json")), "", ours);
  expect(ours.size).toBeGreaterThan(12);
  for (const [path, { types, before }] of ours) {
    const peer = theirs.get(path);
    if (peer === undefined) throw new Error(`the Go tool writes no object at ${path}`);
    for (const [key, type] of types) {
      if (NOT_IN_FIXTURES.has(`${path}.${key}`)) continue;
      expect(`${path}.${key}: ${peer.types.get(key)}`).toBe(`${path}.${key}: ${type}`);
    }
    const turned = [...before].map((pair) => pair.split(" ").toReversed().join(" "));
    expect(
      turned.filter((pair) => peer.before.has(pair)),
      path,
    ).toEqual([]);
  }
});

test("a backup of ours is written as the Go tool would write it", async () => {
  expect(await ownDocument("meta/backup_meta.json")).toBe(
    '{"id":"0f4c1d9e-7a52-4a43-9d0c-3c9b1f0c1a11","state_code":0,"name":"fresh","size":300,"milvus_version":"v2.6.11"}',
  );
  expect(await ownDocument("meta/partition_meta.json")).toBe(
    '{"infos":[{"partition_id":449577000000000002,"partition_name":"_default","collection_id":449577000000000001,' +
      '"size":200,"load_state":"Loaded"}]}',
  );
  expect(await ownDocument("meta/segment_meta.json")).toBe(
    '{"infos":[{"segment_id":449577000000000010,"collection_id":449577000000000001,"partition_id":449577000000000002,' +
      '"num_of_rows":1000,"binlogs":[{"binlogs":[{"log_path":"files/insert_log/x/0/20","log_size":200,' +
      '"log_id":449577000000000020}]}],"size":200,"group_id":449577000000000010,' +
      '"v_channel":"by-dev-rootcoord-dml_0_449577000000000001v0","storage_version":2}]}',
  );
  const collections = await ownDocument("meta/collection_meta.json");
  expect(collections).toContain('"default_value_base64":"EAU="');
  expect(collections).not.toContain("segment_backups");
  expect(collections).not.toContain("l0_segments");
  expect(collections).not.toContain("clustering");
  expect(await ownDocument("meta/extra_meta.json")).toBe(
    '{"format_version":1,"created_by":"milvus-backup 0.1.0","created_at":"2026-01-02T03:04:05.000Z",' +
      '"collections":[{"collection_id":449577000000000001,"describe_response":"AQID","clustering_key_fields":[102]}]}',
  );
});
