/** restoreBackup: the order of the steps. Everything that can be refused is refused before anything is made. */

import { AppError } from "../../base/errors.ts";
import { mapConcurrent, Semaphore } from "../../base/pool.ts";
import type { BackupMeta } from "../../meta/types.ts";
import type { MilvusContext } from "../context.ts";
import { restoreCollection } from "./collection.ts";
import type { CollectionRestoreReport, RestoreBackupRequest, RestoreReport } from "./request.ts";
import { checkTargets, planTargets } from "./targets.ts";

/**
 * @throws NOT_FOUND, BACKUP_INCOMPLETE, ALREADY_EXISTS, CHECKSUM_MISMATCH, DATA_MISSING, ROWS_MISMATCH, MILVUS_ERROR;
 *   collections that were finished before the failure stay, the failing one and its temporary things are removed
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
  const slots = new Semaphore(context.transfer.concurrency);
  const pool = { concurrency: request.collections, signal };
  const done: CollectionRestoreReport[] = [];
  const results = mapConcurrent(targets.collections, pool, (target, inner) =>
    restoreCollection({ ...context, signal: inner }, request, {
      target,
      exists: existing.has(target),
      backup: { meta, manifest },
      slots,
    }),
  );
  for await (const report of results) done.push(report);
  const seconds = (context.now().getTime() - started.getTime()) / 1000;
  const totals = done.reduce(
    (sum, report) => ({ objects: sum.objects + report.objects, bytes: sum.bytes + report.bytes }),
    { objects: 0, bytes: 0 },
  );
  progress.report({ type: "done", totals, seconds });
  return { backup: request.name, collections: done.toSorted(byTarget), databasesCreated, seconds };
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

/** A restore that was killed leaves its temporary collection behind; nobody else will name it. */
async function warnOfLeftovers(context: MilvusContext, databases: readonly string[]): Promise<void> {
  const existing = new Set(await context.milvus.listDatabases(context.signal));
  for (const database of databases.filter((name) => existing.has(name))) {
    const names = await context.milvus.listCollections(database, context.signal);
    for (const name of names.filter((candidate) => /_restoring_[0-9a-f]{12}$/.test(candidate))) {
      context.progress.report({
        type: "warning",
        code: "LEFTOVER_COLLECTION",
        message: `${database}.${name} was left by a restore that was interrupted, or belongs to one that still runs; drop it when none runs`,
      });
    }
  }
}
