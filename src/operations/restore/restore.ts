/** restoreBackup: the order of the steps. Everything that can be refused is refused before anything is made. */

import { AppError, toAppError } from "../../base/errors.ts";
import { forEachConcurrent, Semaphore } from "../../base/pool.ts";
import type { BackupMeta } from "../../meta/types.ts";
import type { CopyTotals } from "../../transfer/plan.ts";
import type { MilvusContext } from "../context.ts";
import { warnOfSizeEvidence } from "../size_evidence.ts";
import { restoreCollection } from "./collection.ts";
import { RestoreProgress } from "./progress.ts";
import {
  type CollectionRestoreReport,
  PartialRestoreError,
  type RestoreBackupRequest,
  type RestoreReport,
} from "./request.ts";
import { checkTargets, planTargets } from "./targets.ts";

/**
 * @throws NOT_FOUND, BACKUP_INCOMPLETE, ALREADY_EXISTS, CHECKSUM_MISMATCH, DATA_MISSING, ROWS_MISMATCH, MILVUS_ERROR;
 *   collections that were finished before the failure stay (PartialRestoreError names them), the failing one and its
 *   temporary things are removed
 */
export async function restoreBackup(context: MilvusContext, request: RestoreBackupRequest): Promise<RestoreReport> {
  const started = context.now();
  const { signal, progress, milvus } = context;
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
  await warnOfLeftovers(context, targets.databases);
  const databasesCreated = await createDatabases(context, meta, targets.databases);
  const finished: CollectionRestoreReport[] = [];
  const report = (): RestoreReport => ({
    backup: request.name,
    collections: finished.toSorted(byTarget),
    databasesCreated,
    seconds: (context.now().getTime() - started.getTime()) / 1000,
  });
  const shared = {
    backup: { meta, manifest },
    slots: new Semaphore(context.transfer.concurrency),
    moves: new RestoreProgress(progress, targets.collections.length),
    clock: { movedAt: started.getTime() },
  };
  try {
    const pool = { concurrency: request.collections, signal };
    await forEachConcurrent(targets.collections, pool, async (target, inner) => {
      const work = { ...shared, target, exists: existing.has(target) };
      finished.push(await restoreCollection({ ...context, signal: inner }, request, work));
    });
  } catch (error) {
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

function requireBinlogFormat(meta: BackupMeta): void {
  if (meta.format === "") return;
  throw new AppError(
    "UNSUPPORTED",
    `backup ${meta.name} has the format ${JSON.stringify(meta.format)}; this version restores the binlog format only`,
    { details: { format: meta.format } },
  );
}

async function createDatabases(
  context: MilvusContext,
  meta: BackupMeta,
  needed: readonly string[],
): Promise<readonly string[]> {
  const existing = new Set(await context.milvus.listDatabases(context.signal));
  const created = needed.filter((name) => !existing.has(name));
  for (const name of created) {
    // Properties belong to the database of the same name; one that is renamed on the way starts without them.
    const properties = meta.databases.find((database) => database.name === name)?.properties ?? [];
    await context.milvus.createDatabase(name, properties, context.signal);
  }
  return created;
}

/** A restore that was killed leaves its temporary collections behind; nobody else will name them. */
async function warnOfLeftovers(context: MilvusContext, databases: readonly string[]): Promise<void> {
  const existing = new Set(await context.milvus.listDatabases(context.signal));
  for (const database of databases.filter((name) => existing.has(name))) {
    for (const name of await context.milvus.listCollections(database, context.signal)) {
      const advice = leftoverAdvice(name);
      if (advice === undefined) continue;
      context.progress.report({
        type: "warning",
        code: "LEFTOVER_COLLECTION",
        message: `${database}.${name} ${advice}`,
      });
    }
  }
}

function leftoverAdvice(name: string): string | undefined {
  switch (/_(restoring|replaced)_[0-9a-f]{12}$/.exec(name)?.[1]) {
    case "restoring":
      return "was left by a restore that was interrupted, or belongs to one that still runs; drop it when none runs";
    case "replaced":
      return "is what an interrupted restore was about to replace; rename it back, or drop it when its successor is there";
    default:
      return undefined;
  }
}
