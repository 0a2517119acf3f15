/** createBackup: the order of the steps. Nothing looks like a backup before the last one. */

import { AppError } from "../../base/errors.ts";
import { mapConcurrent, Semaphore } from "../../base/pool.ts";
import type { Namespace } from "../../base/types.ts";
import type { CollectionFilter } from "../../meta/filter.ts";
import type { BackupMeta, DatabaseMeta } from "../../meta/types.ts";
import { MANIFEST_FORMAT_VERSION, type Manifest } from "../../transfer/manifest.ts";
import type { CopyTotals } from "../../transfer/plan.ts";
import type { MilvusContext } from "../context.ts";
import { backupCollection, type CollectionBackup, type CopyCounts, type FlushStrategy } from "./collection.ts";
import { selectNamespaces } from "./select.ts";

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
  readonly seconds: number;
}

/**
 * @throws ALREADY_EXISTS, NOT_FOUND (a named collection is not there), DATA_MISSING, and whatever a step throws. After a
 *   failure the backup is incomplete: `list` says so, `delete` removes it.
 */
export async function createBackup(context: MilvusContext, request: CreateBackupRequest): Promise<CreateBackupReport> {
  const started = context.now();
  const { milvus, signal, progress } = context;
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
  const backups = await backupCollections(context, request, {
    directory: draft.directory,
    selected: selected.collections,
  });
  const meta = backupMeta(context, request, { databases, backups });
  progress.report({ type: "phase", phase: "commit" });
  await draft.commit(meta, manifestOf(meta, request.tool, backups), { signal });
  const totals = sumTotals(backups);
  const seconds = (context.now().getTime() - started.getTime()) / 1000;
  progress.report({ type: "done", totals, seconds });
  return { meta, totals, copied: sumCounts(backups), external: selected.external, seconds };
}

async function describeDatabases(context: MilvusContext, names: readonly string[]): Promise<readonly DatabaseMeta[]> {
  const databases: DatabaseMeta[] = [];
  for (const name of names) databases.push(await context.milvus.describeDatabase(name, context.signal));
  return databases;
}

async function backupCollections(
  context: MilvusContext,
  request: CreateBackupRequest,
  work: { readonly directory: string; readonly selected: readonly Namespace[] },
): Promise<readonly CollectionBackup[]> {
  const slots = new Semaphore(context.transfer.concurrency);
  const planned = { objects: 0, bytes: 0, collections: 0 };
  const onPlanned = (objects: number, bytes: number): void => {
    planned.objects += objects;
    planned.bytes += bytes;
    planned.collections += 1;
    context.progress.report({
      type: "totals",
      totals: { objects: planned.objects, bytes: planned.bytes },
      final: planned.collections === work.selected.length,
    });
  };
  const order = new Map(work.selected.map((namespace, index) => [namespace, index]));
  const finished: { readonly index: number; readonly backup: CollectionBackup }[] = [];
  const pool = { concurrency: request.collections, signal: context.signal };
  const results = mapConcurrent(work.selected, pool, async (namespace, signal) => ({
    index: order.get(namespace) ?? 0,
    backup: await backupCollection(
      { ...context, signal },
      {
        namespace,
        backupId: request.id,
        directory: work.directory,
        strategy: request.strategy,
        slots,
        onPlanned,
      },
    ),
  }));
  for await (const result of results) finished.push(result);
  return finished.toSorted((a, b) => a.index - b.index).map((entry) => entry.backup);
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
