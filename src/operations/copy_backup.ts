/** A backup from one root to another: another service, a disk to carry away, or back. */

import { AppError } from "../base/errors.ts";
import { Semaphore } from "../base/pool.ts";
import type { BackupRepository } from "../meta/repository.ts";
import type { BackupMeta } from "../meta/types.ts";
import type { StorageDriver } from "../storage/driver.ts";
import type { Manifest } from "../transfer/manifest.ts";
import type { CopyTotals, CopyVia, Evidence } from "../transfer/plan.ts";
import type { OperationContext, TransferSettings } from "./context.ts";
import { copyDocuments, copyHead } from "./copy/documents.ts";
import { type CopyTally, copyObjects } from "./copy/objects.ts";
import { warnOfSizeEvidence, withoutSizeWarnings } from "./size_evidence.ts";
import { inspectBackup } from "./verify/backup_documents.ts";
import { type CollectionObjects, collectionObjects } from "./verify/collection_objects.ts";
import { damaged } from "./verify/finding.ts";
import { findStrays } from "./verify/strays.ts";

export interface CopyBackupContext extends OperationContext {
  /** Where the backup is; nothing is written there. */
  readonly from: StorageDriver;
  readonly to: StorageDriver;
  /** Of `to`. */
  readonly targetBackups: BackupRepository;
  readonly transfer: TransferSettings;
}

export interface CopyBackupRequest {
  readonly name: string;
  /** The copy's name. */
  readonly targetName: string;
}

export interface CopyBackupReport {
  readonly backup: string;
  readonly copy: string;
  /** Locations of the two roots. */
  readonly from: string;
  readonly to: string;
  readonly hasManifest: boolean;
  readonly collections: number;
  /** Without the documents. */
  readonly totals: CopyTotals;
  readonly documents: number;
  readonly copied: {
    readonly via: Readonly<Record<CopyVia, number>>;
    readonly evidence: Readonly<Record<Evidence["kind"], number>>;
  };
  readonly seconds: number;
}

/**
 * Every object is compared with its recorded digest on the way, the documents are copied byte for byte, the commit marker
 * last. A failure leaves the copy incomplete: `list` says so, `delete` removes it.
 * @throws NOT_FOUND, BACKUP_INCOMPLETE, ALREADY_EXISTS (the target has that name), CHECKSUM_MISMATCH, DATA_MISSING (the
 *   backup is damaged, and not copied), and what the drivers throw
 */
export async function copyBackup(context: CopyBackupContext, request: CopyBackupRequest): Promise<CopyBackupReport> {
  const started = context.now();
  const { from, to, signal, progress } = context;
  const { name, targetName } = request;
  progress.report({ type: "phase", phase: "check", scope: name });
  const { meta, manifest } = await soundDocuments(context, name);
  const totals = await plannedTotals(context, { meta, manifest });
  await using draft = await context.targetBackups.beginCopy(targetName, { signal });
  progress.report({ type: "totals", totals, final: true });
  await warnOfStrays(context, { meta, manifest });
  const tally: CopyTally = {
    via: { direct: 0, streaming: 0, resumed: 0 },
    evidence: { digest: 0, service: 0, size: 0 },
  };
  const slots = new Semaphore(context.transfer.concurrency);
  const quiet = { ...context, progress: withoutSizeWarnings(progress) };
  for (const collection of meta.collections) {
    const objects = await soundObjects(context, { meta, manifest }, collection);
    const { collectionId } = collection;
    await copyObjects(quiet, { ...objects, name, targetName, collectionId, slots }, tally);
  }
  warnOfSizeEvidence(progress, { objects: tally.evidence.size, verify: context.transfer.verify, where: to.location });
  progress.report({ type: "phase", phase: "commit" });
  const copy = { name, targetName, manifest };
  const documents = await copyDocuments(context, copy);
  await draft.commitCopy(() => copyHead(context, copy), { signal });
  const seconds = (context.now().getTime() - started.getTime()) / 1000;
  progress.report({ type: "done", totals, seconds });
  return {
    backup: name,
    copy: targetName,
    from: from.location,
    to: to.location,
    hasManifest: manifest !== undefined,
    collections: meta.collections.length,
    totals,
    documents: documents + 1,
    copied: tally,
    seconds,
  };
}

interface SoundBackup {
  readonly meta: BackupMeta;
  readonly manifest: Manifest | undefined;
}

/** @throws when the documents have findings: a damaged backup is not multiplied */
async function soundDocuments({ from, signal }: CopyBackupContext, name: string): Promise<SoundBackup> {
  const { meta, manifest, findings } = await inspectBackup({ backupRoot: from, signal }, name);
  if (findings.length > 0) throw damaged(name, findings, ", and is not copied");
  if (meta === undefined) throw new AppError("BUG", `backup ${name} has no tree and no finding`);
  return { meta, manifest };
}

async function soundObjects(
  { from, signal }: CopyBackupContext,
  { meta, manifest }: SoundBackup,
  collection: BackupMeta["collections"][number],
): Promise<CollectionObjects> {
  const found = await collectionObjects(from, { name: meta.name, manifest }, collection, signal);
  if (found.findings.length > 0) throw damaged(meta.name, found.findings, ", and is not copied");
  return found;
}

async function plannedTotals(context: CopyBackupContext, backup: SoundBackup): Promise<CopyTotals> {
  if (backup.manifest !== undefined) return backup.manifest.totals;
  let objects = 0;
  let bytes = 0;
  for (const collection of backup.meta.collections) {
    for (const { size } of (await soundObjects(context, backup, collection)).objects.values()) {
      objects += 1;
      bytes += size;
    }
  }
  return { objects, bytes };
}

/** What belongs to no part of the backup stays where it is. */
async function warnOfStrays(context: CopyBackupContext, { meta, manifest }: SoundBackup): Promise<void> {
  const { from, signal, progress } = context;
  const backup = { name: meta.name, collections: meta.collections, manifest };
  const [first, ...others] = await findStrays({ backupRoot: from, signal }, backup);
  if (first === undefined) return;
  const more = others.length === 0 ? "" : ` and ${others.length} more`;
  progress.report({
    type: "warning",
    code: "NOT_COPIED",
    message: `backup ${meta.name}: ${first.key}${more} belong to no part of the backup and are not copied`,
  });
}
