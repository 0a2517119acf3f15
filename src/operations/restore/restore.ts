/** restoreBackup: the order of the steps. Everything that can be refused is refused before anything is made. */

import { AppError, toAppError } from "../../base/errors.ts";
import { forEachConcurrent, Semaphore } from "../../base/pool.ts";
import type { BackupMeta } from "../../meta/types.ts";
import type { CopyTotals } from "../../transfer/plan.ts";
import type { MilvusContext } from "../context.ts";
import { requireDirectIfAsked } from "../direct_mode.ts";
import { warnOfSizeEvidence } from "../size_evidence.ts";
import { restoreCollection } from "./collection.ts";
import { createDatabases, dropEmptyDatabases } from "./databases.ts";
import { warnOfLeftovers } from "./leftovers.ts";
import { restoringName } from "./place.ts";
import { RestoreProgress } from "./progress.ts";
import {
  type CollectionRestoreReport,
  PartialRestoreError,
  type RestoreBackupRequest,
  type RestoreReport,
} from "./request.ts";
import { requireRestorable } from "./schema_checks.ts";
import { readsInPlace } from "./stage.ts";
import { checkTargets, planTargets } from "./targets.ts";

/**
 * @throws CONFIG_INVALID, NOT_FOUND, BACKUP_INCOMPLETE, ALREADY_EXISTS and UNSUPPORTED before anything is made;
 *   CHECKSUM_MISMATCH, DATA_MISSING, ROWS_MISMATCH, MILVUS_ERROR: collections that were finished before the failure stay
 *   (PartialRestoreError names them), the failing one and its temporary things are removed, and databases that this
 *   restore made and that are empty
 */
export async function restoreBackup(context: MilvusContext, request: RestoreBackupRequest): Promise<RestoreReport> {
  const started = context.now();
  const { signal, progress, milvus } = context;
  requireTransferMode(context, request);
  progress.report({ type: "phase", phase: "connect" });
  const meta = await context.backups.read(request.name, { signal });
  requireBinlogFormat(meta);
  const manifest = await context.backups.readManifest(request.name, { signal });
  if (manifest === undefined && !request.metaOnly) {
    progress.report({
      type: "warning",
      code: "NO_MANIFEST",
      message: `backup ${request.name} carries no checksums (another tool made it): its objects are checked by name and size only`,
    });
  }
  const targets = planTargets(meta, request);
  const existing = await checkTargets(milvus, targets.collections, request, signal);
  await requireRestorable(milvus, targets.collections, request, signal);
  const temporary = request.intoExisting
    ? []
    : targets.collections.map(({ target }) => restoringName(target, request.id));
  await warnOfLeftovers(context, targets.databases, temporary);
  const created = new Set<string>();
  const finished: CollectionRestoreReport[] = [];
  const report = (): RestoreReport => ({
    backup: request.name,
    collections: finished.toSorted(byTarget),
    databasesCreated: [...created],
    seconds: (context.now().getTime() - started.getTime()) / 1000,
  });
  const shared = {
    backup: { meta, manifest },
    slots: new Semaphore(context.transfer.concurrency),
    moves: new RestoreProgress(progress, targets.collections.length),
    clock: { movedAt: started.getTime() },
  };
  try {
    await createDatabases(context, meta, { needed: targets.databases, created });
    const pool = { concurrency: request.collections, signal };
    await forEachConcurrent(targets.collections, pool, async (target, inner) => {
      const work = { ...shared, target, exists: existing.has(target) };
      finished.push(await restoreCollection({ ...context, signal: inner }, request, work));
    });
  } catch (error) {
    await dropEmptyDatabases(context, created);
    if (finished.length === 0) throw error;
    throw new PartialRestoreError(toAppError(error), report());
  }
  const totals = sumOf(finished);
  const where = context.sourceRoot.location;
  warnOfSizeEvidence(progress, { objects: totals.sizeOnly, verify: context.transfer.verify, where });
  const done = report();
  progress.report({ type: "done", totals, seconds: done.seconds });
  return done;
}

function sumOf(reports: readonly CollectionRestoreReport[]): CopyTotals & { readonly sizeOnly: number } {
  return reports.reduce(
    (sum, report) => ({
      objects: sum.objects + report.objects,
      bytes: sum.bytes + report.bytes,
      sizeOnly: sum.sizeOnly + report.sizeOnly,
    }),
    { objects: 0, bytes: 0, sizeOnly: 0 },
  );
}

function byTarget(a: CollectionRestoreReport, b: CollectionRestoreReport): number {
  const left = `${a.target.database}.${a.target.collection}`;
  const right = `${b.target.database}.${b.target.collection}`;
  return left < right ? -1 : 1;
}

/** Where Milvus reads the backup in place nothing is copied, and any mode will do. */
function requireTransferMode(context: MilvusContext, request: RestoreBackupRequest): void {
  if (request.metaOnly || readsInPlace(context)) return;
  requireDirectIfAsked({ from: context.backupRoot, to: context.sourceRoot, mode: context.transfer.mode });
}

function requireBinlogFormat(meta: BackupMeta): void {
  if (meta.format === "") return;
  throw new AppError(
    "UNSUPPORTED",
    `backup ${meta.name} has the format ${JSON.stringify(meta.format)}; this version restores the binlog format only`,
    { details: { format: meta.format } },
  );
}
