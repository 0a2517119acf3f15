/** A collection's objects into the backup, each with its line in the collection's manifest. */

import { AppError, hasCode, isAppError } from "../../base/errors.ts";
import { forEachConcurrent, Semaphore } from "../../base/pool.ts";
import type { Int64, Namespace } from "../../base/types.ts";
import { deltaLogKey, insertLogKey } from "../../meta/layout.ts";
import { formatNamespace } from "../../meta/namespace.ts";
import type { SegmentMeta } from "../../meta/types.ts";
import type { CollectionDescription, PartitionDescription, SegmentDescription } from "../../milvus/gateway.ts";
import type { ObjectKey } from "../../storage/driver.ts";
import { joinKey } from "../../storage/key.ts";
import type { CollectionManifestRef } from "../../transfer/manifest.ts";
import { CollectionManifestWriter } from "../../transfer/manifest_writer.ts";
import { runCopyPlan } from "../../transfer/pipeline.ts";
import type { CopyTask, CopyVia, Evidence } from "../../transfer/plan.ts";
import type { MilvusContext } from "../context.ts";
import { findSegmentObjects, type SegmentObjects } from "./segments.ts";
import { listSettledSegments } from "./settled_segments.ts";

const REMOVALS = 16;

/** How the objects travelled and what vouches for them. */
export interface CopyCounts {
  readonly via: Readonly<Record<CopyVia, number>>;
  readonly evidence: Readonly<Record<Evidence["kind"], number>>;
}

export interface CopyJob {
  readonly namespace: Namespace;
  readonly description: CollectionDescription;
  /** "<name>/", below the backup root. */
  readonly directory: string;
  readonly slots: Semaphore;
  /** The collection was flushed before. */
  readonly flushed: boolean;
  /** Called when the collection's objects are known, before the first is copied; the last call counts. */
  readonly onPlanned: (objects: number, bytes: number) => void;
  /** Filled with every key below the backup root that something is copied to, so that it can be taken back. */
  readonly targets: Set<ObjectKey>;
}

export interface CopiedCollection {
  readonly segments: readonly SegmentMeta[];
  readonly partitions: readonly PartitionDescription[];
  readonly manifest: CollectionManifestRef;
  readonly copied: CopyCounts;
}

/**
 * What the server declares now, copied. Compaction may replace segments while they are copied, and garbage collection
 * remove their objects: when something is missing and the server declares other segments by now, those are taken instead,
 * once.
 * @throws DATA_MISSING for an object that is declared and not there, and whatever a copy throws
 */
export async function copyCollection(context: MilvusContext, job: CopyJob): Promise<CopiedCollection> {
  const { signal } = context;
  const name = formatNamespace(job.namespace);
  const first = new Attempt(context, job, await listSettledSegments(context, job.namespace, job));
  try {
    return await first.run();
  } catch (error) {
    if (signal.aborted || !hasCode(error, "NOT_FOUND", "DATA_MISSING")) throw error;
    const declared = await listSettledSegments(context, job.namespace, job);
    if (!first.differsFrom(declared)) throw asMissing(error);
    context.progress.report({
      type: "warning",
      code: "SEGMENTS_REPLACED",
      message: `${name}: Milvus replaced segments while they were copied; the new ones are copied instead`,
    });
    const second = new Attempt(context, job, declared);
    try {
      const result = await second.run();
      // A restore would refuse a backup with extra objects.
      await removeObjects(context, first.targets.difference(second.targets));
      return result;
    } catch (failure) {
      throw signal.aborted ? failure : asMissing(failure);
    }
  }
}

/** A source object that is not there is no name that somebody mistyped; a bucket that is not there is (no copy's error). */
function asMissing(error: unknown): unknown {
  if (!isAppError(error) || error.code !== "NOT_FOUND" || error.details.label === undefined) return error;
  return new AppError("DATA_MISSING", error.message, { cause: error, details: error.details });
}

class Attempt {
  readonly targets = new Set<ObjectKey>();
  readonly #context: MilvusContext;
  readonly #job: CopyJob;
  readonly #declared: readonly SegmentDescription[];

  constructor(context: MilvusContext, job: CopyJob, declared: readonly SegmentDescription[]) {
    this.#context = context;
    this.#job = job;
    this.#declared = declared;
  }

  differsFrom(declared: readonly SegmentDescription[]): boolean {
    const ids = new Set(this.#declared.map((segment) => segment.id));
    return ids.size !== declared.length || declared.some((segment) => !ids.has(segment.id));
  }

  async run(): Promise<CopiedCollection> {
    const { namespace, description, directory } = this.#job;
    requireSameCollection(this.#declared, description.id);
    const name = formatNamespace(namespace);
    // After the segments: a partition made in between has no segment here and is recorded empty.
    const partitions = await this.#context.milvus.listPartitions(namespace, this.#context.signal);
    requirePartitions(this.#declared, partitions);
    const found = await findSegmentObjects(this.#context, namespace, { description, segments: this.#declared });
    const tasks = copyTasks(directory, found);
    for (const { targetKey } of tasks) {
      this.targets.add(targetKey);
      this.#job.targets.add(targetKey);
    }
    const bytes = tasks.reduce((sum, task) => sum + task.source.size, 0);
    this.#job.onPlanned(tasks.length, bytes);
    this.#context.progress.report({ type: "phase", phase: "copy", scope: name });
    const { manifest, copied } = await copyAll(this.#context, this.#job, { collectionId: description.id, tasks });
    return { segments: found.map(({ meta }) => meta), partitions, manifest, copied };
  }
}

/** Segments are asked for by name, and the name may belong to another collection by now. */
function requireSameCollection(segments: readonly SegmentDescription[], id: Int64): void {
  if (segments.every((segment) => segment.collectionId === id)) return;
  throw new AppError(
    "DATA_MISSING",
    "it was dropped and another collection was given its name while the backup ran; try again",
    { details: { collection_id: id.toString() } },
  );
}

function requirePartitions(segments: readonly SegmentDescription[], partitions: readonly PartitionDescription[]): void {
  const ids = new Set(partitions.map((partition) => partition.id));
  for (const segment of segments) {
    if (segment.partitionId === -1n || ids.has(segment.partitionId)) continue;
    throw new AppError(
      "DATA_MISSING",
      `segment ${segment.id} belongs to partition ${segment.partitionId}, which no longer exists; ` +
        "it was dropped while the backup ran: try again",
      { details: { segment: segment.id.toString(), partition: segment.partitionId.toString() } },
    );
  }
}

/** Source object -> its key in the backup. */
function copyTasks(directory: string, found: readonly SegmentObjects[]): readonly CopyTask[] {
  return found.flatMap(({ meta, objects }) => {
    const label = `segment ${meta.segmentId}`;
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

/** The manifest of a collection whose data is not taken. */
export async function writeEmptyManifest(
  context: MilvusContext,
  directory: string,
  collectionId: Int64,
): Promise<Pick<CopiedCollection, "manifest" | "copied">> {
  return await copyAll(context, { directory, slots: new Semaphore(1) }, { collectionId, tasks: [] });
}

async function copyAll(
  context: MilvusContext,
  job: Pick<CopyJob, "directory" | "slots">,
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

/** Takes copies back; what is absent already counts as removed. */
export async function removeObjects(
  context: Pick<MilvusContext, "backupRoot" | "signal">,
  keys: Iterable<ObjectKey>,
): Promise<void> {
  const { backupRoot, signal } = context;
  await forEachConcurrent(keys, { concurrency: REMOVALS, signal }, (key, stop) =>
    backupRoot.delete(key, { signal: stop }),
  );
}
