/**
 * One collection into the backup: flush, describe, find its objects, copy them, write its manifest.
 * The flush comes before everything that is recorded, and partitions are read after segments, so that whatever appears
 * while the backup runs is either in the backup whole or not at all.
 */

import { AppError, withContext } from "../../base/errors.ts";
import type { Semaphore } from "../../base/pool.ts";
import type { Int64, Namespace } from "../../base/types.ts";
import { deltaLogKey, insertLogKey } from "../../meta/layout.ts";
import type { CollectionMeta, PartitionMeta, SegmentMeta } from "../../meta/types.ts";
import type { CollectionDescription, FlushResult, PartitionDescription } from "../../milvus/gateway.ts";
import { joinKey } from "../../storage/key.ts";
import type { CollectionManifestRef } from "../../transfer/manifest.ts";
import { CollectionManifestWriter } from "../../transfer/manifest_writer.ts";
import { runCopyPlan } from "../../transfer/pipeline.ts";
import type { CopyTask, CopyVia, Evidence } from "../../transfer/plan.ts";
import type { MilvusContext } from "../context.ts";
import { findSegmentObjects, type SegmentObjects } from "./segments.ts";

/** When a collection's data is sealed before it is copied. */
export type FlushStrategy = "serial_flush" | "skip_flush" | "meta_only";

export interface CollectionJob {
  readonly namespace: Namespace;
  readonly backupId: string;
  /** "<name>/", below the backup root. */
  readonly directory: string;
  readonly strategy: FlushStrategy;
  readonly slots: Semaphore;
  /** Called once, when the collection's objects are known and before the first is copied. */
  readonly onPlanned: (objects: number, bytes: number) => void;
}

export interface CollectionBackup {
  readonly meta: CollectionMeta;
  readonly manifest: CollectionManifestRef;
  readonly copied: CopyCounts;
}

/** How the objects travelled and what vouches for them. */
export interface CopyCounts {
  readonly via: Readonly<Record<CopyVia, number>>;
  readonly evidence: Readonly<Record<Evidence["kind"], number>>;
}

/** @throws the first failure, with the collection's name in front; nothing of it is left running */
export async function backupCollection(context: MilvusContext, job: CollectionJob): Promise<CollectionBackup> {
  const name = fullName(job.namespace);
  try {
    return await backup(context, job, name);
  } catch (error) {
    throw withContext(error, `collection ${name}`, { collection: name });
  }
}

async function backup(context: MilvusContext, job: CollectionJob, name: string): Promise<CollectionBackup> {
  const { milvus, progress, signal } = context;
  const { namespace } = job;
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
  const segments = job.strategy === "meta_only" ? [] : await milvus.listSegments(namespace, signal);
  const partitions = await milvus.listPartitions(namespace, signal);
  const found = await findSegmentObjects(context, namespace, { description, segments });
  const tasks = copyTasks(job.directory, name, found);
  job.onPlanned(
    tasks.length,
    tasks.reduce((sum, task) => sum + task.source.size, 0),
  );
  progress.report({ type: "phase", phase: "copy", scope: name });
  const { manifest, copied } = await copyAll(context, job, { collectionId: description.id, tasks });
  const metas = found.map((entry) => entry.meta);
  const meta: CollectionMeta = {
    backupId: job.backupId,
    collectionId: description.id,
    databaseName: namespace.database,
    databaseId: description.databaseId,
    collectionName: description.name,
    schema: description.schema,
    shards: description.shards,
    consistencyLevel: description.consistencyLevel,
    partitions: partitionMetas(description, { partitions, loadState }, metas),
    backupTimestamp: flushed?.timestamp ?? 0n,
    backupPhysicalTimestamp: flushed?.sealTime ?? 0n,
    size: sumSizes(metas),
    hasIndex: indexes.length > 0,
    indexes,
    loadState,
    channelCheckpoints: flushed?.channelCheckpoints ?? {},
    l0Segments: metas.filter(coversAllPartitions),
    properties: description.properties,
    createdTimestamp: description.createdTimestamp,
    virtualChannels: description.virtualChannels,
    physicalChannels: description.physicalChannels,
    aliases: description.aliases,
    describeResponse: description.raw,
  };
  return { meta, manifest, copied };
}

/** Source object -> its key in the backup. */
function copyTasks(directory: string, name: string, found: readonly SegmentObjects[]): readonly CopyTask[] {
  return found.flatMap(({ meta, objects }) => {
    const label = `${name} segment ${meta.segmentId}`;
    return objects.map((source) => ({ source, targetKey: joinKey(directory, targetKey(meta, source.key)), label }));
  });
}

function targetKey(segment: SegmentMeta, sourceKey: string): string {
  const parts = sourceKey.split("/");
  const logId = BigInt(parts.at(-1) ?? "");
  return sourceKey.startsWith("delta_log/")
    ? deltaLogKey(segment, logId)
    : insertLogKey(segment, BigInt(parts.at(-2) ?? ""), logId);
}

async function copyAll(
  context: MilvusContext,
  job: CollectionJob,
  work: { readonly collectionId: Int64; readonly tasks: readonly CopyTask[] },
): Promise<{ manifest: CollectionManifestRef; copied: CopyCounts }> {
  const via = { direct: 0, streaming: 0, resumed: 0 };
  const evidence = { digest: 0, service: 0, size: 0 };
  await using writer = new CollectionManifestWriter(work.collectionId.toString());
  const plan = {
    from: context.sourceRoot,
    to: context.backupRoot,
    mode: context.transfer.mode,
    tasks: () => work.tasks,
  };
  const options = {
    signal: context.signal,
    slots: job.slots,
    concurrency: context.transfer.concurrency,
    verify: context.transfer.verify,
    progress: context.progress,
  };
  for await (const result of runCopyPlan(plan, options)) {
    via[result.via] += 1;
    evidence[result.evidence.kind] += 1;
    writer.add(job.directory, result);
  }
  const manifest = await writer.write(context.backupRoot, job.directory, { signal: context.signal });
  if (manifest.totals.objects !== work.tasks.length) {
    throw new AppError("BUG", `${manifest.totals.objects} of ${work.tasks.length} objects are in the manifest`);
  }
  return { manifest, copied: { via, evidence } };
}

function partitionMetas(
  description: CollectionDescription,
  known: { readonly partitions: readonly PartitionDescription[]; readonly loadState: string },
  segments: readonly SegmentMeta[],
): readonly PartitionMeta[] {
  const ids = new Set(known.partitions.map((partition) => partition.id));
  for (const segment of segments) {
    if (coversAllPartitions(segment) || ids.has(segment.partitionId)) continue;
    throw new AppError(
      "DATA_MISSING",
      `segment ${segment.segmentId} belongs to partition ${segment.partitionId}, which no longer exists; ` +
        "it was dropped while the backup ran: try again",
      { details: { segment: segment.segmentId.toString(), partition: segment.partitionId.toString() } },
    );
  }
  return known.partitions.map((partition) => {
    const own = segments.filter((segment) => segment.partitionId === partition.id);
    return {
      partitionId: partition.id,
      partitionName: partition.name,
      collectionId: description.id,
      segments: own,
      size: sumSizes(own),
      loadState: known.loadState,
    };
  });
}

function coversAllPartitions(segment: SegmentMeta): boolean {
  return segment.partitionId === -1n;
}

function sumSizes(segments: readonly SegmentMeta[]): bigint {
  return segments.reduce((sum, segment) => sum + segment.size, 0n);
}

function fullName(namespace: Namespace): string {
  return `${namespace.database}.${namespace.collection}`;
}
