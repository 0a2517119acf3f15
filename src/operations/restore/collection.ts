/**
 * One collection out of the backup. It is made under a temporary name, filled, counted, indexed, and only then given its
 * name, so that a restore that fails or is killed never shows a half-filled collection under the name people query, and
 * an existing one that is to be replaced serves until the new one has proved right.
 */

import { checksumOf } from "../../base/checksum.ts";
import { AppError, withContext } from "../../base/errors.ts";
import type { Namespace } from "../../base/types.ts";
import { formatNamespace } from "../../meta/namespace.ts";
import type { MilvusContext } from "../context.ts";
import { planImports, runImports, type StallClock } from "./import.ts";
import { type PreparedObjects, type PrepareJob, prepareObjects } from "./prepare.ts";
import type { CollectionRestoreReport, RestoreBackupRequest, RowReport } from "./request.ts";
import { requireImportedRows, requireRows } from "./rows.ts";
import { createIndexes, createTargetCollection, prepareExistingCollection } from "./schema.ts";
import type { StoredObjects } from "./stored_objects.ts";
import type { RestoreTarget } from "./targets.ts";

/** Milvus allows names of 255 characters. */
const MAX_NAME = 255;
const CLEANUP_MS = 30_000;

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
  const filled = request.intoExisting ? target : sideName(target, `_restoring_${request.id}`);
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

function sideName(target: Namespace, suffix: string): Namespace {
  const { database, collection } = target;
  if (collection.length + suffix.length <= MAX_NAME) return { database, collection: `${collection}${suffix}` };
  // Long names that begin alike must not meet when they are cut.
  const { value } = checksumOf("crc32", new TextEncoder().encode(collection));
  const room = MAX_NAME - suffix.length - value.length - 1;
  return { database, collection: `${collection.slice(0, room)}_${value}${suffix}` };
}

/**
 * The old collection steps aside by name and is dropped only when the new one answers in its place. Its aliases serve the
 * old one until each moves over in one step: nobody who queries through them meets a gap.
 */
async function takePlace(
  context: MilvusContext,
  move: { readonly filled: Namespace; readonly target: Namespace; readonly replace: boolean; readonly id: string },
): Promise<void> {
  const { milvus, signal } = context;
  const { filled, target } = move;
  if (!move.replace) {
    if (await milvus.hasCollection(target, signal)) {
      throw new AppError("ALREADY_EXISTS", "somebody else made a collection of this name while it was being restored");
    }
    await milvus.renameCollection(filled, target, signal);
    return;
  }
  const aside = sideName(target, `_replaced_${move.id}`);
  try {
    await milvus.renameCollection(target, aside, signal);
    await milvus.renameCollection(filled, target, signal);
  } catch (error) {
    await putBack(context, aside, target);
    throw error;
  }
  try {
    const { aliases } = await milvus.describeCollection(aside, signal);
    for (const alias of aliases) await milvus.alterAlias(target, alias, signal);
  } catch (error) {
    throw withContext(
      error,
      `its aliases could not be moved to it; what it replaced is kept as ${formatNamespace(aside)}`,
    );
  }
  await dropQuietly(context, aside);
}

/** A rename that failed may have been carried out all the same: what is where is asked, not assumed. */
async function putBack(context: MilvusContext, aside: Namespace, target: Namespace): Promise<void> {
  const { milvus } = context;
  const signal = AbortSignal.timeout(CLEANUP_MS);
  try {
    if (!(await milvus.hasCollection(aside, signal))) return;
    if (await milvus.hasCollection(target, signal)) throw new AppError("ALREADY_EXISTS", "the name is taken");
    await milvus.renameCollection(aside, target, signal);
  } catch (error) {
    context.progress.report({
      type: "warning",
      code: "LEFTOVER_COLLECTION",
      message:
        `what ${formatNamespace(target)} was before is called ${formatNamespace(aside)} now and is to be renamed by hand: ` +
        `${error instanceof Error ? error.message : String(error)}`,
    });
  }
}

async function dropIndexes(context: MilvusContext, namespace: Namespace): Promise<void> {
  for (const index of await context.milvus.listIndexes(namespace, context.signal)) {
    await context.milvus.dropIndex(namespace, index, context.signal);
  }
}

/** An alias points at one collection of its database: it is set only where it is free, and only under the old name. */
async function restoreAliases(context: MilvusContext, { meta, source, target }: RestoreTarget): Promise<void> {
  if (meta.aliases.length === 0) return;
  const renamed = formatNamespace(source) !== formatNamespace(target);
  const present = await context.milvus.describeCollection(target, context.signal).then(
    ({ aliases }) => aliases,
    // Setting them says what is wrong.
    (): readonly string[] => [],
  );
  for (const alias of meta.aliases.filter((name) => !present.includes(name))) {
    const reason = renamed ? "the collection was given another name" : await tryAlias(context, target, alias);
    if (reason === undefined) continue;
    context.progress.report({
      type: "warning",
      code: "ALIAS_NOT_RESTORED",
      message: `${formatNamespace(target)}: alias ${alias} was not set: ${reason}`,
    });
  }
}

/** @returns why the alias could not be set; undefined when it is */
async function tryAlias(context: MilvusContext, target: Namespace, alias: string): Promise<string | undefined> {
  try {
    await context.milvus.createAlias(target, alias, context.signal);
    return undefined;
  } catch (error) {
    // The collection is in its place already: an interruption here costs it the alias, and no more.
    return error instanceof Error ? error.message : String(error);
  }
}

async function dropQuietly(context: MilvusContext, namespace: Namespace): Promise<void> {
  try {
    // The operation's signal may have fired; cleaning up has its own bound.
    await context.milvus.dropCollection(namespace, AbortSignal.timeout(CLEANUP_MS));
  } catch (error) {
    context.progress.report({
      type: "warning",
      code: "LEFTOVER_COLLECTION",
      message: `${formatNamespace(namespace)} could not be dropped and is to be dropped by hand: ${error instanceof Error ? error.message : String(error)}`,
    });
  }
}
