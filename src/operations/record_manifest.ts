/** A manifest for a backup that has none: every object is read and hashed, and what is there now is written down. */

import { AppError } from "../base/errors.ts";
import { mapConcurrent } from "../base/pool.ts";
import { DOCUMENT } from "../meta/layout.ts";
import { formatNamespace, namespaceOf } from "../meta/namespace.ts";
import { recordManifest, requireNoManifest } from "../meta/record_manifest.ts";
import type { BackupMeta, CollectionMeta } from "../meta/types.ts";
import { joinKey } from "../storage/key.ts";
import { digestObject } from "../transfer/digest_object.ts";
import { type CollectionManifestRef, MANIFEST_FORMAT_VERSION, type ManifestEntry } from "../transfer/manifest.ts";
import { CollectionManifestWriter } from "../transfer/manifest_writer.ts";
import type { CopyTotals } from "../transfer/plan.ts";
import type { BackupRootContext } from "./context.ts";
import { declaredByMeta } from "./restore/stored_objects.ts";
import { inspectBackup } from "./verify/backup_documents.ts";
import { type BackupFinding, damaged } from "./verify/finding.ts";
import { verifyBackup } from "./verify.ts";

export interface RecordManifestRequest {
  readonly name: string;
  /** Objects read at once. */
  readonly concurrency: number;
  /** "milvus-backup 0.1.0 (1a2b3c4)". */
  readonly tool: string;
}

export interface RecordManifestReport {
  readonly backup: string;
  readonly collections: number;
  readonly documents: number;
  readonly totals: CopyTotals;
  readonly seconds: number;
}

/** Nothing was recorded, because what is there is not what the backup's documents name. */
export class DamagedBackupError extends AppError {
  readonly findings: readonly BackupFinding[];

  constructor(error: AppError, findings: readonly BackupFinding[]) {
    super(error.code, error.message, { details: error.details });
    this.findings = findings;
  }
}

/**
 * Writes meta/manifests/ and, last, meta/manifest.json; the backup's own documents stay untouched.
 * @throws ALREADY_EXISTS (it has a manifest), DamagedBackupError, NOT_FOUND, BACKUP_INCOMPLETE, READ_ONLY
 */
export async function recordBackupManifest(
  context: BackupRootContext,
  request: RecordManifestRequest,
): Promise<RecordManifestReport> {
  const started = context.now();
  const { backupRoot, progress, signal } = context;
  const { name, concurrency } = request;
  await requireNoManifest(backupRoot, name, { signal });
  const quiet = { ...context, progress: { report: () => {} } };
  const found = await verifyBackup(quiet, { name, level: "list", concurrency });
  // What an interrupted run left is written anew.
  const findings = found.findings.filter(({ key }) => key !== DOCUMENT.manifest);
  if (findings.length > 0) {
    throw new DamagedBackupError(damaged(name, findings, ", and nothing was recorded"), findings);
  }
  const { meta, head } = await inspectBackup(context, name);
  if (meta === undefined || head === undefined) throw new AppError("BUG", `backup ${name} lost its documents`);
  progress.report({ type: "totals", totals: declaredTotals(meta), final: true });
  const refs: CollectionManifestRef[] = [];
  for (const collection of meta.collections) refs.push(await recordCollection(context, request, collection));
  const totals = refs.reduce((sum, ref) => add(sum, ref.totals), { objects: 0, bytes: 0 });
  progress.report({ type: "phase", phase: "commit" });
  const manifest = await recordManifest(
    backupRoot,
    name,
    {
      formatVersion: MANIFEST_FORMAT_VERSION,
      backupId: head.id,
      backupName: head.name,
      createdBy: request.tool,
      algorithm: "sha256",
      collections: refs,
      totals,
    },
    { signal },
  );
  const seconds = (context.now().getTime() - started.getTime()) / 1000;
  progress.report({ type: "done", totals, seconds });
  return { backup: name, collections: refs.length, documents: manifest.documents.length, totals, seconds };
}

async function recordCollection(
  context: BackupRootContext,
  { name, concurrency }: RecordManifestRequest,
  meta: CollectionMeta,
): Promise<CollectionManifestRef> {
  const { backupRoot, progress, signal } = context;
  progress.report({ type: "phase", phase: "verify", scope: formatNamespace(namespaceOf(meta)) });
  await using writer = new CollectionManifestWriter(meta.collectionId.toString());
  const hashed = mapConcurrent(declaredByMeta(meta).values(), { concurrency, signal }, (entry, stop) =>
    hash(context, name, entry, stop),
  );
  for await (const entry of hashed) {
    writer.addEntry(entry);
    progress.report({ type: "object", key: entry.key, size: entry.size, via: "verified" });
  }
  return await writer.write(backupRoot, `${name}/`, { signal });
}

async function hash(
  { backupRoot, progress }: BackupRootContext,
  name: string,
  { key, size }: ManifestEntry,
  signal: AbortSignal,
): Promise<ManifestEntry> {
  const { info, checksum } = await digestObject(backupRoot, joinKey(name, key), {
    algorithm: "sha256",
    signal,
    onChunk: (chunk) => progress.report({ type: "bytes", bytes: chunk.length }),
  });
  if (info.size !== size) {
    throw new AppError("CHECKSUM_MISMATCH", `${name}/${key} has ${info.size} bytes, its documents name ${size}`);
  }
  const etag = backupRoot.capabilities.durableChecksums ? info.etag?.replaceAll('"', "") : undefined;
  return { key, size, evidence: { kind: "digest", checksum }, ...(etag === undefined ? {} : { etag }) };
}

function declaredTotals(meta: BackupMeta): CopyTotals {
  let totals = { objects: 0, bytes: 0 };
  for (const collection of meta.collections) {
    for (const { size } of declaredByMeta(collection).values()) totals = add(totals, { objects: 1, bytes: size });
  }
  return totals;
}

function add(a: CopyTotals, b: CopyTotals): CopyTotals {
  return { objects: a.objects + b.objects, bytes: a.bytes + b.bytes };
}
