/** Backups of one backup root: list, get, delete. */

import { AppError } from "../base/errors.ts";
import { META_PREFIX } from "../meta/layout.ts";
import type { BackupSummary } from "../meta/repository.ts";
import type { BackupMeta } from "../meta/types.ts";
import type { Manifest } from "../transfer/manifest.ts";
import type { BackupRootContext } from "./context.ts";

/** Sorted by name; incomplete and broken ones among them, marked. */
export async function listBackups(context: BackupRootContext): Promise<readonly BackupSummary[]> {
  const summaries: BackupSummary[] = [];
  for await (const summary of context.backups.list({ signal: context.signal })) summaries.push(summary);
  return summaries;
}

export interface BackupDetails {
  readonly meta: BackupMeta;
  /** Bytes of the documents below meta/. */
  readonly metaSize: bigint;
  /** Absent in backups of other tools: their objects are known by name and size only. */
  readonly manifest?: Manifest;
}

/** @throws NOT_FOUND, BACKUP_INCOMPLETE, CHECKSUM_MISMATCH */
export async function getBackup(context: BackupRootContext, name: string): Promise<BackupDetails> {
  const options = { signal: context.signal };
  const meta = await context.backups.read(name, options);
  const manifest = await context.backups.readManifest(name, options);
  let metaSize = 0n;
  for await (const object of context.backupRoot.list(`${name}/${META_PREFIX}`, options))
    metaSize += BigInt(object.size);
  return { meta, metaSize, ...(manifest === undefined ? {} : { manifest }) };
}

export interface DeleteReport {
  readonly name: string;
  readonly objects: number;
}

/** Removes every object of the backup, whatever state it is in. @throws NOT_FOUND */
export async function deleteBackup(context: BackupRootContext, name: string): Promise<DeleteReport> {
  context.progress.report({ type: "phase", phase: "delete", scope: name });
  const objects = await context.backups.delete(name, { signal: context.signal });
  for await (const left of context.backupRoot.list(`${name}/`, { signal: context.signal })) {
    throw new AppError(
      "UNAVAILABLE",
      `backup ${name}: ${left.key} is still there after the deletion; delete it again`,
      {
        details: { key: left.key },
      },
    );
  }
  return { name, objects };
}
