/**
 * Import jobs: which folders go into which job, in which order, and waiting for their end. Rows come before the deletes
 * that hit them: segments of all partitions, then the deletes of one partition, then the deletes of all.
 */

import { AppError, withContext } from "../../base/errors.ts";
import { forEachConcurrent } from "../../base/pool.ts";
import { sleep } from "../../base/retry.ts";
import type { Int64, Namespace } from "../../base/types.ts";
import { deltaImportPrefix, deltaLogPrefix, insertImportPrefix } from "../../meta/layout.ts";
import { formatNamespace } from "../../meta/namespace.ts";
import type { CollectionMeta, SegmentMeta } from "../../meta/types.ts";
import type { ImportProgress } from "../../milvus/gateway.ts";
import type { MilvusContext } from "../context.ts";
import { importSettler, jobsAtOnce } from "./settle_import.ts";
import type { ReadableObjects } from "./stage.ts";
import type { StoredObjects } from "./stored_objects.ts";

const POLL_MS = 1_000;

/** One job, its paths still relative to the backup. */
export interface ImportJob {
  /** "" for deletes of all partitions. */
  readonly partition: string;
  readonly groups: readonly (readonly string[])[];
  readonly l0: boolean;
  readonly storageVersion: Int64;
}

/** Jobs of one stage may run side by side; a stage starts when the one before has ended. */
export type ImportStages = readonly (readonly ImportJob[])[];

/**
 * @param maxGroups segments of one channel and storage version that may share a job; 1 for one job a segment
 * @param l0Together whether several L0 segments may share a job
 */
export function planImports(
  meta: CollectionMeta,
  objects: StoredObjects,
  limits: { readonly maxGroups: number; readonly l0Together: boolean },
): ImportStages {
  const folders = foldersOf(objects);
  const rows: ImportJob[] = [];
  const partitionDeletes: ImportJob[] = [];
  for (const partition of meta.partitions) {
    const data = partition.segments.filter((segment) => !segment.isL0);
    for (const batch of batches(data, limits.maxGroups)) {
      const groups = uniqueGroups(
        batch.map((segment) => dataGroup(segment, folders)).filter((group) => group.length > 0),
      );
      if (groups.length === 0) continue;
      const storageVersion = batch[0]?.storageVersion ?? 0n;
      rows.push({ partition: partition.partitionName, groups, l0: false, storageVersion });
    }
    const l0 = partition.segments.filter((segment) => segment.isL0);
    partitionDeletes.push(...deleteJobs(l0, partition.partitionName, folders, limits));
  }
  const allDeletes = deleteJobs(meta.l0Segments, "", folders, limits);
  return [rows, partitionDeletes, allDeletes].filter((stage) => stage.length > 0);
}

function deleteJobs(
  segments: readonly SegmentMeta[],
  partition: string,
  folders: ReadonlySet<string>,
  limits: { readonly maxGroups: number; readonly l0Together: boolean },
): readonly ImportJob[] {
  const groups = segments.map((segment) => [deletesFolder(segment)]).filter(([path]) => folders.has(path ?? ""));
  return chunk(groups, limits.l0Together ? limits.maxGroups : 1).map((part) => ({
    partition,
    groups: part,
    l0: true,
    storageVersion: 0n,
  }));
}

/** Without a group the group's folder is the whole partition's, deltas of its rows among them: the segment's own it is. */
function deletesFolder(segment: SegmentMeta): string {
  return segment.groupId === 0n ? deltaLogPrefix(segment) : deltaImportPrefix(segment);
}

/** [insert folder, delta folder?]; empty when the segment has no objects at all. */
function dataGroup(segment: SegmentMeta, folders: ReadonlySet<string>): readonly string[] {
  const insert = insertImportPrefix(segment);
  const delta = deltaImportPrefix(segment);
  if (!folders.has(insert)) return [];
  return folders.has(delta) ? [insert, delta] : [insert];
}

/** Segments of old backups may share a group folder: importing it twice would double its rows. */
function uniqueGroups(groups: readonly (readonly string[])[]): readonly (readonly string[])[] {
  return [...new Map(groups.map((group) => [group[0], group])).values()];
}

/** Every folder that holds an object, at any depth, "/"-ended. */
function foldersOf(objects: StoredObjects): ReadonlySet<string> {
  const folders = new Set<string>();
  for (const key of objects.keys()) {
    for (let end = key.lastIndexOf("/"); end > 0; end = key.lastIndexOf("/", end - 1)) {
      const folder = key.slice(0, end + 1);
      if (folders.has(folder)) break;
      folders.add(folder);
    }
  }
  return folders;
}

/** Segments of one job must share channel and storage version; those of one group folder must share the job. */
function batches(segments: readonly SegmentMeta[], size: number): readonly (readonly SegmentMeta[])[] {
  const alike = new Map<string, SegmentMeta[]>();
  const seen = new Set<string>();
  for (const segment of segments) {
    const folder = insertImportPrefix(segment);
    if (seen.has(folder)) continue;
    seen.add(folder);
    const key = `${segment.vChannel} ${segment.storageVersion}`;
    const same = alike.get(key);
    if (same === undefined) alike.set(key, [segment]);
    else same.push(segment);
  }
  return [...alike.values()].flatMap((same) => chunk(same, size));
}

function chunk<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  const parts: (readonly T[])[] = [];
  for (let start = 0; start < items.length; start += size) parts.push(items.slice(start, start + size));
  return parts;
}

export interface RunImportsOptions {
  /** Jobs under way at once, at most. */
  readonly jobs: number;
  readonly stallSeconds: number;
  readonly clock: StallClock;
  readonly pollMs?: number;
}

/**
 * When any import job of the whole restore last made progress. Jobs wait for each other in the server's queue: one that
 * stands still while others move is not stalled.
 */
export interface StallClock {
  movedAt: number;
}

/**
 * Runs the stages to their end.
 * @returns rows that the jobs say they brought; undefined when one of them does not say
 * @throws MILVUS_ERROR naming the job, its folders and the server's reason
 */
export async function runImports(
  context: Pick<MilvusContext, "milvus" | "signal" | "progress" | "now">,
  work: { readonly namespace: Namespace; readonly stages: ImportStages; readonly readable: ReadableObjects },
  options: RunImportsOptions,
): Promise<bigint | undefined> {
  let imported: bigint | undefined = 0n;
  const concurrency = jobsAtOnce(context, options.jobs);
  const settle = importSettler(context);
  for (const stage of work.stages) {
    await forEachConcurrent(stage, { concurrency, signal: context.signal }, async (job, signal) => {
      const groups = job.groups.map((group) => group.map((prefix) => work.readable.importPath(prefix)));
      const id = await context.milvus.startImport({ namespace: work.namespace, ...job, groups }, signal);
      const done = { namespace: work.namespace, id, folders: job.groups };
      const { rows } = await waitForJob({ ...context, signal }, done, options).catch(async (error: unknown) => {
        if (signal.aborted) await settle(done);
        throw error;
      });
      // A job of deletes alone brings none, whatever it counts.
      if (!job.l0) imported = imported === undefined || rows === undefined ? undefined : imported + rows;
    });
  }
  return imported;
}

async function waitForJob(
  context: Pick<MilvusContext, "milvus" | "signal" | "progress" | "now">,
  job: { readonly namespace: Namespace; readonly id: string; readonly folders: readonly (readonly string[])[] },
  options: RunImportsOptions,
): Promise<ImportProgress> {
  const scope = formatNamespace(job.namespace);
  const { clock } = options;
  let seen = "";
  while (true) {
    const progress = await askProgress(context, job);
    const now = `${progress.state} ${progress.percent}`;
    if (now !== seen) {
      seen = now;
      clock.movedAt = context.now().getTime();
      const { percent, state } = progress;
      context.progress.report({ type: "job", id: job.id, scope, percent, state });
    }
    if (progress.phase === "completed") return progress;
    if (progress.phase === "failed") throw jobFailed(scope, job, progress);
    if (context.now().getTime() - clock.movedAt > options.stallSeconds * 1000) {
      throw jobStalled(scope, job, progress, options);
    }
    await sleep(options.pollMs ?? POLL_MS, context.signal);
  }
}

async function askProgress(
  context: Pick<MilvusContext, "milvus" | "signal">,
  job: { readonly namespace: Namespace; readonly id: string },
): Promise<ImportProgress> {
  try {
    return await context.milvus.importProgress(job.namespace, job.id, context.signal);
  } catch (error) {
    throw withContext(error, `import job ${job.id}`, { job: job.id });
  }
}

type Job = { readonly id: string; readonly folders: readonly (readonly string[])[] };

function jobFailed(scope: string, job: Job, progress: ImportProgress): AppError {
  const reason = progress.reason === "" ? "no reason given" : progress.reason;
  return new AppError("MILVUS_ERROR", `${scope}: import job ${job.id} failed: ${reason} (folder ${firstFolder(job)})`, {
    details: { job: job.id, reason },
  });
}

function jobStalled(scope: string, job: Job, progress: ImportProgress, options: RunImportsOptions): AppError {
  return new AppError(
    "MILVUS_ERROR",
    `${scope}: import job ${job.id} stands at ${progress.percent} % (${progress.state}) for more than ${options.stallSeconds} seconds; ` +
      "look at the logs of Milvus' data and index nodes (memory, disk, queued index builds)",
    { details: { job: job.id, percent: progress.percent, state: progress.state } },
  );
}

function firstFolder(job: Job): string {
  return job.folders[0]?.[0] ?? "";
}
