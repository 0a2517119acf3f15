/** A small backup with something in every place of the tree, and its manifest. */

import { checksumOf } from "../../../src/base/checksum.ts";
import { backupMeta, collectionMeta } from "../../../src/meta/codec_backup.ts";
import { collectionSchema } from "../../../src/meta/codec_schema.ts";
import { partitionMeta, segmentMeta } from "../../../src/meta/codec_segments.ts";
import { deltaLogKey, insertLogKey } from "../../../src/meta/layout.ts";
import type { BackupMeta, CollectionMeta, FieldSchema, SegmentMeta } from "../../../src/meta/types.ts";
import type { StorageDriver } from "../../../src/storage/driver.ts";
import { objectKey } from "../../../src/storage/key.ts";
import { MANIFEST_FORMAT_VERSION, type Manifest } from "../../../src/transfer/manifest.ts";
import { putObject } from "./memory_root.ts";

const COLLECTION = 449577000000000001n;
const PARTITION = 449577000000000002n;

const field: FieldSchema = {
  fieldId: 100n,
  name: "id",
  isPrimaryKey: true,
  description: "",
  dataType: 5,
  typeParams: [],
  indexParams: [],
  autoId: false,
  elementType: 0,
  isDynamic: false,
  isPartitionKey: false,
  nullable: false,
  isFunctionOutput: false,
};

const segment: SegmentMeta = {
  ...segmentMeta.zero,
  segmentId: 449577000000000010n,
  collectionId: COLLECTION,
  partitionId: PARTITION,
  rows: 1000n,
  insertLogs: [
    { fieldId: 0n, binlogs: [{ logPath: "files/insert_log/x/0/20", logSize: 200n, logId: 449577000000000020n }] },
  ],
  size: 200n,
  groupId: 449577000000000010n,
  vChannel: "by-dev-rootcoord-dml_0_449577000000000001v0",
  storageVersion: 2n,
};

const l0Segment: SegmentMeta = {
  ...segmentMeta.zero,
  segmentId: 449577000000000011n,
  collectionId: COLLECTION,
  partitionId: -1n,
  deltaLogs: [
    { fieldId: 0n, binlogs: [{ logPath: "files/delta_log/x/30", logSize: 100n, logId: 449577000000000030n }] },
  ],
  size: 100n,
  isL0: true,
};

const collection: CollectionMeta = {
  ...collectionMeta.zero,
  backupId: "0f4c1d9e-7a52-4a43-9d0c-3c9b1f0c1a11",
  collectionId: COLLECTION,
  databaseName: "default",
  databaseId: 1n,
  collectionName: "c1",
  schema: {
    ...collectionSchema.zero,
    name: "c1",
    fields: [
      field,
      {
        ...field,
        fieldId: 101n,
        name: "v",
        isPrimaryKey: false,
        dataType: 101,
        typeParams: [{ key: "dim", value: "8" }],
      },
      {
        ...field,
        fieldId: 102n,
        name: "n",
        isPrimaryKey: false,
        dataType: 4,
        nullable: true,
        defaultValue: new Uint8Array([0x10, 5]),
        isClusteringKey: true,
      },
    ],
  },
  shards: 1,
  consistencyLevel: 2,
  partitions: [
    {
      ...partitionMeta.zero,
      partitionId: PARTITION,
      partitionName: "_default",
      collectionId: COLLECTION,
      segments: [segment],
      size: 200n,
      loadState: "Loaded",
    },
  ],
  size: 300n,
  hasIndex: true,
  indexes: [
    {
      fieldName: "v",
      indexName: "v",
      indexType: "HNSW",
      params: { M: "16", index_type: "HNSW", metric_type: "L2" },
      indexId: 449577000000000100n,
    },
  ],
  loadState: "Loaded",
  l0Segments: [l0Segment],
  createdTimestamp: 462116534681600001n,
  virtualChannels: ["by-dev-rootcoord-dml_0_449577000000000001v0"],
  physicalChannels: ["by-dev-rootcoord-dml_0"],
  describeResponse: new Uint8Array([1, 2, 3]),
};

export function sampleBackup(name: string): BackupMeta {
  return {
    ...backupMeta.zero,
    id: collection.backupId,
    name,
    milvusVersion: "v2.6.11",
    size: 300n,
    collections: [collection],
    databases: [{ name: "default", id: 1n, properties: [{ key: "timezone", value: "UTC" }] }],
    createdBy: "milvus-backup 0.1.0",
    createdAt: "2026-01-02T03:04:05.000Z",
  };
}

export function sampleManifest(meta: BackupMeta): Manifest {
  const totals = { objects: 2, bytes: 300 };
  return {
    formatVersion: MANIFEST_FORMAT_VERSION,
    backupId: meta.id,
    backupName: meta.name,
    createdBy: "milvus-backup 0.1.0",
    algorithm: "sha256",
    collections: meta.collections.map(({ collectionId }) => ({
      collectionId: collectionId.toString(),
      key: objectKey(`meta/manifests/${collectionId}.jsonl`),
      checksum: checksumOf("sha256", new TextEncoder().encode("{}\n")),
      totals,
    })),
    documents: [],
    totals,
  };
}

/** Writes the objects a create writes before its commit: logs and collection manifests. */
export async function putSampleObjects(root: StorageDriver, meta: BackupMeta): Promise<void> {
  await putObject(root, `${meta.name}/${insertLogKey(segment, 0n, 449577000000000020n)}`, new Uint8Array(200));
  await putObject(root, `${meta.name}/${deltaLogKey(l0Segment, 449577000000000030n)}`, new Uint8Array(100));
  for (const { key } of sampleManifest(meta).collections) await putObject(root, `${meta.name}/${key}`, "{}\n");
}
