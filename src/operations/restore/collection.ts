/**
 * One collection out of the backup. It is made under a temporary name, filled, counted, indexed, and only then given its
 * name, so that a restore that fails or is killed never shows a half-filled collection under the name people query, and
 * an existing one that is to be replaced serves until the new one has proved right.
 */

import { withContext } from "../../base/errors.ts";
import type { Namespace } from "../../base/types.ts";
import { formatNamespace } from "../../meta/namespace.ts";
import type { MilvusContext } from "../context.ts";
import { restoreAliases } from "./aliases.ts";
import { planImports, runImports, type StallClock } from "./import.ts";
import { dropQuietly, restoringName, takePlace } from "./place.ts";
import { type PreparedObjects, type PrepareJob, prepareObjects } from "./prepare.ts";
import type { CollectionRestoreReport, RestoreBackupRequest, RowReport } from "./request.ts";
import { requireImportedRows, requireRows } from "./rows.ts";
import { createIndexes, createTargetCollection, prepareExistingCollection } from "./schema.ts";
import type { StoredObjects } from "./stored_objects.ts";

export interface CollectionRestore extends PrepareJob {
  /** The target exists; it is replaced or filled. */
  readonly exists: boolean;
  /** Shared by all collections of the restore. */
  readonly clock: StallClock;
}

/** @throws the first failure, with the collection's name in front; what this call made is removed */
export async function restoreCollection(
  context: MilvusContext,
  request: RestoreBackupRequest,
  work: CollectionRestore,
): Promise<CollectionRestoreReport> {
  const name = formatNamespace(work.target.target);
  try {
    return await restore(context, request, work);
  } catch (error) {
    throw withContext(error, `collection ${name}`, { collection: name });
  }
}

async function restore(
  context: MilvusContext,
  request: RestoreBackupRequest,
  work: CollectionRestore,
): Promise<CollectionRestoreReport> {
  const { milvus, progress, signal } = context;
  const { meta, source, target } = work.target;
  const scope = formatNamespace(target);
  await using readable = request.metaOnly ? undefined : await prepareObjects(context, request, work);
  const filled = request.intoExisting ? target : restoringName(target, request.id);
  let rows: RowReport | undefined;
  let indexes = 0;
  let touched = false;
  progress.report({ type: "phase", phase: "schema", scope });
  try {
    if (request.intoExisting) await prepareExistingCollection(milvus, meta, filled, signal);
    else await createTargetCollection(milvus, meta, filled, signal);
    touched = readable !== undefined;
    if (readable !== undefined) rows = await importRows(context, request, { work, readable, filled });
    if (request.intoExisting && request.dropExistingIndex) await dropIndexes(context, filled);
    if (request.rebuildIndex) {
      progress.report({ type: "phase", phase: "index", scope });
      const existing = request.intoExisting ? await milvus.listIndexes(filled, signal) : [];
      indexes = await createIndexes(milvus, meta, filled, { autoIndex: request.autoIndex, existing, signal });
    }
    if (!request.intoExisting) await takePlace(context, { filled, target, replace: work.exists, id: request.id });
  } catch (error) {
    if (!request.intoExisting) await dropQuietly(context, filled);
    else if (touched) warnOfPart(context, target);
    throw error;
  }
  await restoreAliases(context, work.target);
  const objects: StoredObjects = readable?.objects ?? new Map();
  return {
    source,
    target,
    ...(rows === undefined ? {} : { rows }),
    objects: objects.size,
    bytes: [...objects.values()].reduce((sum, entry) => sum + entry.size, 0),
    readFrom: readable?.readFrom ?? "backup",
    indexes,
    sizeOnly: readable?.sizeOnly ?? 0,
  };
}

/** What was imported into somebody's own collection cannot be taken out again. */
function warnOfPart(context: MilvusContext, target: Namespace): void {
  context.progress.report({
    type: "warning",
    code: "PARTLY_FILLED",
    message: `${formatNamespace(target)} existed before and may hold part of the backup's rows now`,
  });
}

async function importRows(
  context: MilvusContext,
  request: RestoreBackupRequest,
  job: {
    readonly work: CollectionRestore;
    readonly readable: PreparedObjects;
    readonly filled: Namespace;
  },
): Promise<RowReport | undefined> {
  const { meta } = job.work.target;
  const scope = formatNamespace(job.work.target.target);
  context.progress.report({ type: "phase", phase: "import", scope });
  const stages = planImports(meta, job.readable.objects, {
    maxGroups: Math.min(request.maxSegmentsPerImportJob, context.milvus.maxGroupsPerJob),
    l0Together: context.milvus.server.supports("multiL0InOneJob"),
  });
  const imported = await runImports(
    context,
    { namespace: job.filled, stages, readable: job.readable },
    { jobs: request.importJobs, stallSeconds: request.stallSeconds, clock: job.work.clock },
  );
  context.progress.report({ type: "phase", phase: "check", scope });
  const { expected } = job.readable;
  if (!request.intoExisting) return await requireRows(context, job.filled, expected);
  if (imported !== undefined) return requireImportedRows(imported, expected);
  context.progress.report({
    type: "warning",
    code: "ROWS_NOT_COUNTED",
    message: `${scope}: the server does not say how many rows it imported, so they could not be counted beside those that were there`,
  });
  return undefined;
}

async function dropIndexes(context: MilvusContext, namespace: Namespace): Promise<void> {
  for (const index of await context.milvus.listIndexes(namespace, context.signal)) {
    await context.milvus.dropIndex(namespace, index, context.signal);
  }
}
