/** createBackup: the order of the steps. Nothing looks like a backup before the last one. */

import { AppError, hasCode } from "../../base/errors.ts";
import { mapConcurrent, Semaphore } from "../../base/pool.ts";
import type { Namespace } from "../../base/types.ts";
import type { CollectionFilter } from "../../meta/filter.ts";
import { formatNamespace } from "../../meta/namespace.ts";
import type { BackupMeta, DatabaseMeta } from "../../meta/types.ts";
import type { ObjectKey } from "../../storage/driver.ts";
import { MANIFEST_FORMAT_VERSION, type Manifest } from "../../transfer/manifest.ts";
import type { CopyTotals } from "../../transfer/plan.ts";
import type { MilvusContext } from "../context.ts";
import { requireDirectIfAsked } from "../direct_mode.ts";
import { warnOfSizeEvidence, withoutSizeWarnings } from "../size_evidence.ts";
import { backupCollection, type CollectionBackup, type CollectionJob, type FlushStrategy } from "./collection.ts";
import { type CopyCounts, removeObjects } from "./copy.ts";
import { PlannedTotals } from "./planned_totals.ts";
import { isNamed, selectNamespaces } from "./select.ts";

export interface CreateBackupRequest {
  readonly name: string;
  /** A UUID; it goes into the meta as the backup's id. */
  readonly id: string;
  /** Undefined selects everything. */
  readonly filter?: CollectionFilter;
  readonly strategy: FlushStrategy;
  readonly pauseGc: boolean;
  /** Collections under way at once. */
  readonly collections: number;
  /** "milvus-backup 0.1.0 (1a2b3c4)". */
  readonly tool: string;
}

export interface CreateBackupReport {
  readonly meta: BackupMeta;
  readonly totals: CopyTotals;
  readonly copied: CopyCounts;
  /** Collections left out because their data lies outside Milvus. */
  readonly external: readonly string[];
  /** Collections that were dropped while the backup ran; they are not part of it. */
  readonly dropped: readonly string[];
  readonly seconds: number;
}

/**
 * @throws CONFIG_INVALID (before anything is begun), ALREADY_EXISTS, NOT_FOUND (a named collection is not there), DATA_MISSING, and whatever a step throws. After a
 *   failure the backup is incomplete: `list` says so, `delete` removes it.
 */
export async function createBackup(context: MilvusContext, request: CreateBackupRequest): Promise<CreateBackupReport> {
  const started = context.now();
  const { milvus, signal, progress } = context;
  requireDirectIfAsked({ from: context.sourceRoot, to: context.backupRoot, mode: context.transfer.mode });
  progress.report({ type: "phase", phase: "connect" });
  const selected = await selectNamespaces(context, request.filter);
  await using draft = await context.backups.begin(request.name, { signal });
  await using lease = request.pauseGc ? await milvus.pauseGc(signal) : undefined;
  if (lease !== undefined && !lease.paused) {
    progress.report({
      type: "warning",
      code: "GC_NOT_PAUSED",
      message:
        `garbage collection of Milvus could not be paused (${lease.reason ?? "no reason given"}); ` +
        "if compaction removes objects while they are copied, the backup fails and must be repeated",
    });
  }
  if (!milvus.server.supports("flushDeletes")) {
    progress.report({
      type: "warning",
      code: "RECENT_DELETES",
      message:
        `Milvus ${milvus.server.version} keeps deletes of stored rows in memory, also when it is told to flush: ` +
        "rows deleted in the last minutes may be in the backup",
    });
  }
  const databases = await describeDatabases(context, selected.databases);
  const quiet = { ...context, progress: withoutSizeWarnings(progress) };
  const { backups, dropped } = await backupCollections(quiet, request, {
    directory: draft.directory,
    selected: selected.collections,
  });
  const copied = sumCounts(backups);
  const where = context.backupRoot.location;
  warnOfSizeEvidence(progress, { objects: copied.evidence.size, verify: context.transfer.verify, where });
  const meta = backupMeta(context, request, { databases, backups });
  progress.report({ type: "phase", phase: "commit" });
  await draft.commit(meta, manifestOf(meta, request.tool, backups), { signal });
  const totals = sumTotals(backups);
  const seconds = (context.now().getTime() - started.getTime()) / 1000;
  progress.report({ type: "done", totals, seconds });
  return { meta, totals, copied, external: selected.external, dropped, seconds };
}

async function describeDatabases(context: MilvusContext, names: readonly string[]): Promise<readonly DatabaseMeta[]> {
  const databases: DatabaseMeta[] = [];
  for (const name of names) databases.push(await context.milvus.describeDatabase(name, context.signal));
  return databases;
}

/** Undefined for a collection that was dropped meanwhile. */
type Outcome = { readonly namespace: Namespace; readonly backup: CollectionBackup | undefined };

async function backupCollections(
  context: MilvusContext,
  request: CreateBackupRequest,
  work: { readonly directory: string; readonly selected: readonly Namespace[] },
): Promise<{ readonly backups: readonly CollectionBackup[]; readonly dropped: readonly string[] }> {
  const slots = new Semaphore(context.transfer.concurrency);
  const planned = new PlannedTotals(context.progress, work.selected.length);
  const pool = { concurrency: request.collections, signal: context.signal };
  const outcomes = new Map<Namespace, Outcome>();
  const results = mapConcurrent(work.selected, pool, async (namespace, signal): Promise<Outcome> => {
    const job = {
      namespace,
      backupId: request.id,
      directory: work.directory,
      strategy: request.strategy,
      slots,
      onPlanned: (objects: number, bytes: number) => planned.set(namespace, { objects, bytes }),
      targets: new Set<ObjectKey>(),
    };
    const backup = await backupUnlessDropped({ ...context, signal }, request, job);
    if (backup === undefined) planned.set(namespace, { objects: 0, bytes: 0 });
    return { namespace, backup };
  });
  for await (const outcome of results) outcomes.set(outcome.namespace, outcome);
  const ordered = work.selected.flatMap((namespace) => outcomes.get(namespace) ?? []);
  return {
    backups: ordered.flatMap(({ backup }) => backup ?? []),
    dropped: ordered.filter(({ backup }) => backup === undefined).map(({ namespace }) => formatNamespace(namespace)),
  };
}

/**
 * A collection that is dropped while the backup runs would not have been in it a moment later: it is left out, with what
 * was copied of it, unless somebody asked for it by name.
 */
async function backupUnlessDropped(
  context: MilvusContext,
  request: CreateBackupRequest,
  job: CollectionJob,
): Promise<CollectionBackup | undefined> {
  try {
    return await backupCollection(context, job);
  } catch (error) {
    const { milvus, signal, progress } = context;
    if (signal.aborted || !hasCode(error, "NOT_FOUND", "DATA_MISSING") || isNamed(request.filter, job.namespace)) {
      throw error;
    }
    if (await milvus.hasCollection(job.namespace, signal)) throw error;
    await removeObjects(context, job.targets);
    const message = `${formatNamespace(job.namespace)} was dropped while the backup ran and is not part of it`;
    progress.report({ type: "warning", code: "COLLECTION_DROPPED", message });
    return undefined;
  }
}

function backupMeta(
  context: MilvusContext,
  request: CreateBackupRequest,
  parts: { readonly databases: readonly DatabaseMeta[]; readonly backups: readonly CollectionBackup[] },
): BackupMeta {
  return {
    id: request.id,
    name: request.name,
    format: "",
    milvusVersion: context.milvus.server.version,
    backupTimestamp: 0n,
    size: parts.backups.reduce((sum, backup) => sum + backup.meta.size, 0n),
    collections: parts.backups.map((backup) => backup.meta),
    databases: parts.databases,
    createdBy: request.tool,
    createdAt: context.now().toISOString(),
  };
}

function manifestOf(meta: BackupMeta, tool: string, backups: readonly CollectionBackup[]): Manifest {
  const totals = sumTotals(backups);
  if (BigInt(totals.bytes) !== meta.size) {
    throw new AppError("BUG", `the manifest counts ${totals.bytes} bytes where the meta counts ${meta.size}`);
  }
  return {
    formatVersion: MANIFEST_FORMAT_VERSION,
    backupId: meta.id,
    backupName: meta.name,
    createdBy: tool,
    algorithm: "sha256",
    collections: backups.map((backup) => backup.manifest),
    documents: [],
    totals,
  };
}

function sumTotals(backups: readonly CollectionBackup[]): CopyTotals {
  return backups.reduce(
    (sum, { manifest }) => ({
      objects: sum.objects + manifest.totals.objects,
      bytes: sum.bytes + manifest.totals.bytes,
    }),
    { objects: 0, bytes: 0 },
  );
}

function sumCounts(backups: readonly CollectionBackup[]): CopyCounts {
  const via = { direct: 0, streaming: 0, resumed: 0 };
  const evidence = { digest: 0, service: 0, size: 0 };
  for (const { copied } of backups) {
    for (const key of ["direct", "streaming", "resumed"] as const) via[key] += copied.via[key];
    for (const key of ["digest", "service", "size"] as const) evidence[key] += copied.evidence[key];
  }
  return { via, evidence };
}
