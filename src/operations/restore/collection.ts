/**
 * One collection out of the backup. It is made under a temporary name, filled, counted, indexed, and only then given its
 * name, so that a restore that fails or is killed never shows a half-filled collection under the name people query, and
 * an existing one that is to be replaced serves until the new one has proved right.
 */

import { AppError, withContext } from "../../base/errors.ts";
import type { Semaphore } from "../../base/pool.ts";
import type { Namespace } from "../../base/types.ts";
import { formatNamespace } from "../../meta/namespace.ts";
import type { BackupMeta } from "../../meta/types.ts";
import type { Manifest } from "../../transfer/manifest.ts";
import type { MilvusContext } from "../context.ts";
import { planImports, runImports } from "./import.ts";
import type { CollectionRestoreReport, RestoreBackupRequest, RowReport } from "./request.ts";
import { countExpected, requireRows } from "./rows.ts";
import { createIndexes, createTargetCollection } from "./schema.ts";
import { inPlace, type ReadableObjects, readsInPlace, stageObjects } from "./stage.ts";
import { declaredObjects, type StoredObjects, verifyStored } from "./stored_objects.ts";
import type { RestoreTarget } from "./targets.ts";

/** Milvus allows names of 255 characters. */
const MAX_NAME = 255;
const CLEANUP_MS = 30_000;

export interface CollectionRestore {
  readonly target: RestoreTarget;
  /** The target exists; it is replaced or filled. */
  readonly exists: boolean;
  readonly backup: { readonly meta: BackupMeta; readonly manifest: Manifest | undefined };
  readonly slots: Semaphore;
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
  const before = request.intoExisting ? await milvus.statisticsRowCount(filled, signal) : 0n;
  let rows: RowReport | undefined;
  let indexes = 0;
  progress.report({ type: "phase", phase: "schema", scope });
  try {
    if (!request.intoExisting) await createTargetCollection(milvus, meta, filled, signal);
    if (readable !== undefined) rows = await importRows(context, request, { work, readable, filled, before });
    if (request.intoExisting && request.dropExistingIndex) await dropIndexes(context, filled);
    if (request.rebuildIndex) {
      progress.report({ type: "phase", phase: "index", scope });
      indexes = await createIndexes(milvus, meta, filled, { autoIndex: request.autoIndex, signal });
    }
    if (!request.intoExisting) await takePlace(context, { filled, target, replace: work.exists, id: request.id });
  } catch (error) {
    if (!request.intoExisting) await dropQuietly(context, filled);
    throw error;
  }
  await restoreAliases(context, work.target);
  const objects = readable?.objects ?? new Map();
  return {
    source,
    target,
    ...(rows === undefined ? {} : { rows }),
    objects: objects.size,
    bytes: [...objects.values()].reduce((sum, entry) => sum + entry.size, 0),
    readFrom: readable?.readFrom ?? "backup",
    indexes,
  };
}

interface PreparedObjects extends ReadableObjects {
  readonly objects: StoredObjects;
}

/** The objects proved, and where Milvus can read them. */
async function prepareObjects(
  context: MilvusContext,
  request: RestoreBackupRequest,
  work: CollectionRestore,
): Promise<PreparedObjects> {
  const { meta, target } = work.target;
  const scope = formatNamespace(target);
  const objects = await declaredObjects(context.backupRoot, work.backup, meta, context.signal);
  const direct = readsInPlace(context);
  const level = verifyLevel(request.verify, direct, context.backupRoot.capabilities.durableChecksums);
  if (level !== "none") {
    context.progress.report({ type: "phase", phase: "verify", scope });
    const stored = { backupName: work.backup.meta.name, collectionId: meta.collectionId, objects };
    await verifyStored(context, stored, { level, concurrency: context.transfer.concurrency });
  }
  if (direct) return { ...inPlace(context.backupRoot, work.backup.meta.name), objects };
  context.progress.report({ type: "phase", phase: "stage", scope });
  const folder = `restore-temp-${request.id}-${target.database}-${target.collection}`;
  const staged = await stageObjects(
    context,
    { backupName: work.backup.meta.name, objects, folder, label: scope },
    { slots: work.slots, keep: request.keepTempFiles },
  );
  return { ...staged, objects };
}

/** Staging hashes on its way, so a listing is enough before it; in place the listing is enough where bytes are guarded. */
function verifyLevel(
  asked: RestoreBackupRequest["verify"],
  inPlaceRead: boolean,
  guarded: boolean,
): "list" | "data" | "none" {
  if (asked !== "auto") return asked;
  return inPlaceRead && !guarded ? "data" : "list";
}

async function importRows(
  context: MilvusContext,
  request: RestoreBackupRequest,
  job: {
    readonly work: CollectionRestore;
    readonly readable: PreparedObjects;
    readonly filled: Namespace;
    readonly before: bigint;
  },
): Promise<RowReport> {
  const { meta } = job.work.target;
  const scope = formatNamespace(job.work.target.target);
  const expected = await countExpected(context, job.work.backup.meta.name, meta);
  context.progress.report({ type: "phase", phase: "import", scope });
  const stages = planImports(meta, job.readable.objects, {
    maxGroups: Math.min(request.maxSegmentsPerImportJob, context.milvus.maxGroupsPerJob),
    l0Together: context.milvus.server.supports("multiL0InOneJob"),
  });
  await runImports(
    context,
    { namespace: job.filled, stages, readable: job.readable },
    { jobs: request.importJobs, stallSeconds: request.stallSeconds },
  );
  context.progress.report({ type: "phase", phase: "check", scope });
  return await requireRows(context, { namespace: job.filled, expected, before: job.before });
}

function sideName(target: Namespace, suffix: string): Namespace {
  return { database: target.database, collection: `${target.collection.slice(0, MAX_NAME - suffix.length)}${suffix}` };
}

/** The old collection steps aside by name and is dropped only when the new one answers in its place. */
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
  await milvus.renameCollection(target, aside, signal);
  try {
    await milvus.renameCollection(filled, target, signal);
  } catch (error) {
    await milvus.renameCollection(aside, target, AbortSignal.timeout(CLEANUP_MS));
    throw error;
  }
  await dropQuietly(context, aside);
}

async function dropIndexes(context: MilvusContext, namespace: Namespace): Promise<void> {
  for (const index of await context.milvus.listIndexes(namespace, context.signal)) {
    await context.milvus.dropIndex(namespace, index, context.signal);
  }
}

/** An alias points at one collection of its database: it is set only where it is free, and only under the old name. */
async function restoreAliases(context: MilvusContext, { meta, source, target }: RestoreTarget): Promise<void> {
  const renamed = formatNamespace(source) !== formatNamespace(target);
  for (const alias of meta.aliases) {
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
    if (context.signal.aborted) throw error;
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
