/** A collection's objects proved, and laid where Milvus can read them. */

import type { Semaphore } from "../../base/pool.ts";
import type { ExpectedRows } from "../../binlog/expected_rows.ts";
import { formatNamespace } from "../../meta/namespace.ts";
import type { BackupMeta } from "../../meta/types.ts";
import type { Manifest } from "../../transfer/manifest.ts";
import { expectedChecksum } from "../../transfer/manifest_entry.ts";
import type { MilvusContext } from "../context.ts";
import type { RestoreProgress } from "./progress.ts";
import type { RestoreBackupRequest, RestoreVerify } from "./request.ts";
import { countExpected, type Expectation } from "./rows.ts";
import { inPlace, type ReadableObjects, readsInPlace, stageObjects } from "./stage.ts";
import { declaredObjects, type StoredObjects, verifyStored } from "./stored_objects.ts";
import type { RestoreTarget } from "./targets.ts";

export interface PrepareJob {
  readonly target: RestoreTarget;
  readonly backup: { readonly meta: BackupMeta; readonly manifest: Manifest | undefined };
  readonly slots: Semaphore;
  readonly moves: RestoreProgress;
}

export interface PreparedObjects extends ReadableObjects {
  readonly objects: StoredObjects;
  readonly expected: Expectation;
}

/** Refuses what is damaged before anything is made in Milvus. @throws CHECKSUM_MISMATCH, DATA_MISSING, BACKUP_INCOMPLETE */
export async function prepareObjects(
  context: MilvusContext,
  request: RestoreBackupRequest,
  job: PrepareJob,
): Promise<PreparedObjects> {
  const { meta, target } = job.target;
  const scope = formatNamespace(target);
  const backupName = job.backup.meta.name;
  const objects = await declaredObjects(context.backupRoot, job.backup, meta, context.signal);
  const direct = readsInPlace(context);
  const level = verifyLevel(request.verify, direct, context.backupRoot.capabilities.durableChecksums);
  const moves = { read: level === "data", staged: !direct };
  job.moves.planned(objects, moves);
  if (level !== "none") {
    context.progress.report({ type: "phase", phase: "verify", scope });
    const quiet = { ...context, progress: job.moves.ofCheck(moves) };
    const stored = { backupName, collectionId: meta.collectionId, objects };
    const sizeOnly = await verifyStored(quiet, stored, { level, concurrency: context.transfer.concurrency });
    // Staging hashes what has a recorded digest. Of a backup without a manifest it is said once for all of it.
    const unproven = direct ? sizeOnly : sizeOnly.filter((entry) => expectedChecksum(entry) === undefined);
    if (job.backup.manifest !== undefined) warnOfSizes(context, scope, unproven.length);
  }
  const expected = await countExpected(context, backupName, meta);
  warnOfRows(context, scope, expected.expected);
  if (direct) return { ...inPlace(context.backupRoot, backupName), objects, expected };
  context.progress.report({ type: "phase", phase: "stage", scope });
  const folder = `restore-temp-${request.id}-${target.database}-${target.collection}`;
  const staged = await stageObjects(
    context,
    { backupName, objects, folder },
    { slots: job.slots, keep: request.keepTempFiles },
  );
  return { ...staged, objects, expected };
}

/** What the rows are compared with in the end is said to be weaker, or other, than what the backup's meta promises. */
function warnOfRows(context: MilvusContext, scope: string, { notes, differing }: ExpectedRows): void {
  const [note] = notes;
  if (note !== undefined) {
    context.progress.report({
      type: "warning",
      code: "ROWS_NOT_EXACT",
      message: `${scope}: how many rows the deletes remove is known within a range only, because of ${note}`,
    });
  }
  const [first] = differing;
  if (first === undefined) return;
  const more = differing.length > 1 ? ` (and ${differing.length - 1} segments more)` : "";
  context.progress.report({
    type: "warning",
    code: "ROWS_DIFFER",
    message:
      `${scope}: the log files of segment ${first.segmentId}${more} hold ${first.found} rows where the server that was ` +
      `backed up declared ${first.promised}; rows are compared with the log files`,
  });
}

/** A backup that was carried to another service has new ETags, and not every recorded one can be made again by reading. */
function warnOfSizes(context: MilvusContext, scope: string, objects: number): void {
  if (objects === 0) return;
  context.progress.report({
    type: "warning",
    code: "SIZE_CHECKED_ONLY",
    message:
      `${scope}: ${objects} objects of the backup were checked by name and size only, because what is recorded of them ` +
      `cannot be compared with what ${context.backupRoot.location} says`,
  });
}

/** Staging hashes on its way, so a listing is enough before it; in place the listing is enough where bytes are guarded. */
function verifyLevel(asked: RestoreVerify, inPlaceRead: boolean, guarded: boolean): "list" | "data" | "none" {
  if (asked !== "auto") return asked;
  return inPlaceRead && !guarded ? "data" : "list";
}
