/**
 * The objects of one collection in the backup root, as the backup declares them. Milvus imports whole directories and
 * passes silently over what is not there, so every declared object must be present and nothing else may lie among them.
 */

import { AppError } from "../../base/errors.ts";
import { deltaLogKey, insertLogKey } from "../../meta/layout.ts";
import type { BackupRepository } from "../../meta/repository.ts";
import type { BackupMeta, CollectionMeta, FieldBinlog, SegmentMeta } from "../../meta/types.ts";
import type { StorageDriver } from "../../storage/driver.ts";
import { objectKey } from "../../storage/key.ts";
import type { Manifest, ManifestEntry } from "../../transfer/manifest.ts";
import { loadCollectionManifest } from "../../transfer/manifest_reader.ts";
import { type VerifyFinding, verifyObjects } from "../../transfer/verify.ts";
import type { OperationContext } from "../context.ts";

/** Keys relative to the backup -> what each object must be. */
export type StoredObjects = ReadonlyMap<string, ManifestEntry>;

/** Every segment of a collection, those of all partitions included. */
export function allSegments(meta: CollectionMeta): readonly SegmentMeta[] {
  return [...meta.partitions.flatMap((partition) => partition.segments), ...meta.l0Segments];
}

/**
 * From the manifest where the backup has one (digests), else from the log files that its meta lists (sizes).
 * @throws DATA_MISSING when a segment has rows and no files, or the manifest lacks a file that the meta declares
 */
export async function declaredObjects(
  root: StorageDriver,
  backup: { readonly meta: BackupMeta; readonly manifest: Manifest | undefined },
  collection: CollectionMeta,
  signal: AbortSignal,
): Promise<StoredObjects> {
  requireLogs(collection);
  const declared = declaredByMeta(collection);
  if (backup.manifest === undefined) return declared;
  const ref = backup.manifest.collections.find((entry) => entry.collectionId === collection.collectionId.toString());
  if (ref === undefined) {
    throw new AppError("BACKUP_INCOMPLETE", `backup ${backup.meta.name}: its manifest lacks this collection`);
  }
  const recorded = await loadCollectionManifest(root, `${backup.meta.name}/`, ref, { signal });
  for (const [key, entry] of declared) {
    if (recorded.get(key)?.size !== entry.size) throw disagreement(backup.meta.name, key);
  }
  // Milvus would import what only the manifest knows, as it imports whole folders.
  for (const key of recorded.keys()) if (!declared.has(key)) throw disagreement(backup.meta.name, key);
  return recorded;
}

function disagreement(backup: string, key: string): AppError {
  return new AppError("BACKUP_INCOMPLETE", `backup ${backup}: meta and manifest disagree on ${key}`, {
    details: { key },
  });
}

/** The log files that the meta lists, each known by its size alone. */
export function declaredByMeta(collection: CollectionMeta): StoredObjects {
  const entries = new Map<string, ManifestEntry>();
  const add = (key: string, size: bigint): void => {
    entries.set(key, { key: objectKey(key), size: Number(size), evidence: { kind: "size" } });
  };
  for (const segment of allSegments(collection)) {
    for (const field of segment.insertLogs) {
      for (const log of field.binlogs) add(insertLogKey(segment, field.fieldId, log.logId), log.logSize);
    }
    for (const field of segment.deltaLogs) {
      for (const log of field.binlogs) add(deltaLogKey(segment, log.logId), log.logSize);
    }
  }
  return entries;
}

/** @throws DATA_MISSING for a segment that has rows and no files */
function requireLogs(collection: CollectionMeta): void {
  for (const segment of allSegments(collection)) {
    if (segment.isL0 || segment.rows === 0n || countLogs(segment.insertLogs) > 0) continue;
    throw new AppError(
      "DATA_MISSING",
      `segment ${segment.segmentId} has ${segment.rows} rows and no log files in the backup's meta`,
      { details: { segment: segment.segmentId.toString() } },
    );
  }
}

function countLogs(fields: readonly FieldBinlog[]): number {
  return fields.reduce((count, field) => count + field.binlogs.length, 0);
}

/**
 * Looks at the objects where they are. `list` compares names, sizes and ETags; `data` reads and hashes each.
 * @returns the objects that nothing but their size vouches for
 * @throws CHECKSUM_MISMATCH or DATA_MISSING naming the first objects that are wrong
 */
export async function verifyStored(
  context: OperationContext & { readonly backupRoot: StorageDriver; readonly backups: BackupRepository },
  work: { readonly backupName: string; readonly collectionId: bigint; readonly objects: StoredObjects },
  options: { readonly level: "list" | "data"; readonly concurrency: number },
): Promise<readonly ManifestEntry[]> {
  const prefixes = [`binlogs/insert_log/${work.collectionId}/`, `binlogs/delta_log/${work.collectionId}/`];
  const findings: VerifyFinding[] = [];
  const sizeOnly: ManifestEntry[] = [];
  const check = verifyObjects(context.backupRoot, work.objects.values(), {
    directory: `${work.backupName}/`,
    prefixes,
    level: options.level,
    concurrency: options.concurrency,
    signal: context.signal,
    progress: context.progress,
    onProof: (entry, proof) => {
      if (proof === "size") sizeOnly.push(entry);
    },
  });
  for await (const finding of check) {
    findings.push(finding);
    if (findings.length >= 20) break;
  }
  if (findings.length > 0) throw damaged(work.backupName, findings);
  return sizeOnly;
}

function damaged(backup: string, findings: readonly VerifyFinding[]): AppError {
  const shown = findings.slice(0, 5).map((finding) => `${finding.key}: ${finding.message}`);
  const more = findings.length > shown.length ? `; and more` : "";
  const code = findings.every((finding) => finding.kind === "missing") ? "DATA_MISSING" : "CHECKSUM_MISMATCH";
  return new AppError(
    code,
    `backup ${backup} is damaged, nothing of this collection was given to Milvus: ${shown.join("; ")}${more}`,
    { details: { backup, key: findings[0]?.key ?? "", findings: findings.length } },
  );
}
