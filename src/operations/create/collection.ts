/**
 * One collection into the backup: flush, describe, find its objects, copy them, write its manifest.
 * The flush comes before everything that is recorded, and partitions are read after segments, so that whatever appears
 * while the backup runs is either in the backup whole or not at all.
 */

import { withContext } from "../../base/errors.ts";
import type { Semaphore } from "../../base/pool.ts";
import type { Namespace } from "../../base/types.ts";
import { formatNamespace } from "../../meta/namespace.ts";
import type { CollectionMeta, PartitionMeta, SegmentMeta } from "../../meta/types.ts";
import type { FlushResult } from "../../milvus/gateway.ts";
import type { ObjectKey } from "../../storage/driver.ts";
import type { CollectionManifestRef } from "../../transfer/manifest.ts";
import type { MilvusContext } from "../context.ts";
import { type CopiedCollection, type CopyCounts, copyCollection, writeEmptyManifest } from "./copy.ts";

/** When a collection's data is sealed before it is copied. */
export type FlushStrategy = "serial_flush" | "skip_flush" | "meta_only";

export interface CollectionJob {
  readonly namespace: Namespace;
  readonly backupId: string;
  /** "<name>/", below the backup root. */
  readonly directory: string;
  readonly strategy: FlushStrategy;
  readonly slots: Semaphore;
  /** Called when the collection's objects are known, before the first is copied; the last call counts. */
  readonly onPlanned: (objects: number, bytes: number) => void;
  /** Filled with every key below the backup root that something is copied to. */
  readonly targets: Set<ObjectKey>;
}

export interface CollectionBackup {
  readonly meta: CollectionMeta;
  readonly manifest: CollectionManifestRef;
  readonly copied: CopyCounts;
}

/** @throws the first failure, with the collection's name in front; nothing of it is left running */
export async function backupCollection(context: MilvusContext, job: CollectionJob): Promise<CollectionBackup> {
  const name = formatNamespace(job.namespace);
  try {
    return await backup(context, job, name);
  } catch (error) {
    throw withContext(error, `collection ${name}`, { collection: name });
  }
}

async function backup(context: MilvusContext, job: CollectionJob, name: string): Promise<CollectionBackup> {
  const { milvus, progress, signal } = context;
  const { namespace, directory, slots, onPlanned, targets } = job;
  let flushed: FlushResult | undefined;
  if (job.strategy === "serial_flush") {
    progress.report({ type: "phase", phase: "flush", scope: name });
    flushed = await milvus.flush(namespace, signal);
  }
  progress.report({ type: "phase", phase: "describe", scope: name });
  const description = await milvus.describeCollection(namespace, signal);
  const indexes = await milvus.listIndexes(namespace, signal);
  const loadState = await milvus.loadState(namespace, signal);
  progress.report({ type: "phase", phase: "plan", scope: name });
  const copyJob = { namespace, description, directory, slots, onPlanned, targets, flushed: flushed !== undefined };
  const content =
    job.strategy === "meta_only"
      ? await withoutData(context, job, description.id)
      : await copyCollection(context, copyJob);
  const meta: CollectionMeta = {
    backupId: job.backupId,
    collectionId: description.id,
    databaseName: namespace.database,
    databaseId: description.databaseId,
    collectionName: description.name,
    schema: description.schema,
    shards: description.shards,
    consistencyLevel: description.consistencyLevel,
    partitions: partitionMetas(content, { collectionId: description.id, loadState }),
    backupTimestamp: flushed?.timestamp ?? 0n,
    backupPhysicalTimestamp: flushed?.sealTime ?? 0n,
    size: sumSizes(content.segments),
    hasIndex: indexes.length > 0,
    indexes,
    loadState,
    channelCheckpoints: flushed?.channelCheckpoints ?? {},
    l0Segments: content.segments.filter((segment) => segment.partitionId === -1n),
    properties: description.properties,
    createdTimestamp: description.createdTimestamp,
    virtualChannels: description.virtualChannels,
    physicalChannels: description.physicalChannels,
    aliases: description.aliases,
    describeResponse: description.raw,
  };
  return { meta, manifest: content.manifest, copied: content.copied };
}

/** The partitions alone, for meta_only. */
async function withoutData(
  context: MilvusContext,
  job: CollectionJob,
  collectionId: bigint,
): Promise<CopiedCollection> {
  const partitions = await context.milvus.listPartitions(job.namespace, context.signal);
  job.onPlanned(0, 0);
  return { segments: [], partitions, ...(await writeEmptyManifest(context, job.directory, collectionId)) };
}

function partitionMetas(
  content: CopiedCollection,
  collection: { readonly collectionId: bigint; readonly loadState: string },
): readonly PartitionMeta[] {
  return content.partitions.map((partition) => {
    const own = content.segments.filter((segment) => segment.partitionId === partition.id);
    return {
      partitionId: partition.id,
      partitionName: partition.name,
      collectionId: collection.collectionId,
      segments: own,
      size: sumSizes(own),
      loadState: collection.loadState,
    };
  });
}

function sumSizes(segments: readonly SegmentMeta[]): bigint {
  return segments.reduce((sum, segment) => sum + segment.size, 0n);
}
