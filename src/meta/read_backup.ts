/** Reads a backup's documents into its tree. */

import type { Checksum } from "../base/checksum.ts";
import { AppError, hasCode } from "../base/errors.ts";
import type { CallOptions, Int64 } from "../base/types.ts";
import type { StorageDriver } from "../storage/driver.ts";
import { relativeKey } from "../storage/key.ts";
import type { Manifest } from "../transfer/manifest.ts";
import { decodeManifest } from "../transfer/manifest_document.ts";
import { decodeBackup, decodeLevel } from "./codec.ts";
import { applyExtra } from "./codec_extra.ts";
import { documentExists, findDocument, verifyDocument } from "./document_store.ts";
import {
  ALL_PARTITIONS,
  BINLOGS_PREFIX,
  backupPrefix,
  DOCUMENT,
  type DocumentPath,
  documentKey,
  parseSourceLogKey,
} from "./layout.ts";
import { type FoundDeltaLog, mergeLevels, withL0Segments } from "./levels.ts";
import { holdsBackupParts, missingDocuments, withoutHead, withoutTree } from "./state.ts";
import type { BackupMeta, CollectionMeta } from "./types.ts";

/**
 * The tree, its `name` being the folder's. Every document that the manifest names is checked against its digest.
 * @throws NOT_FOUND, BACKUP_INCOMPLETE, CHECKSUM_MISMATCH
 */
export async function readBackup(root: StorageDriver, name: string, { signal }: CallOptions): Promise<BackupMeta> {
  const headText = await findDocument(root, documentKey(name, DOCUMENT.backup), { signal });
  if (headText === undefined) throw await absent(root, name, { signal });
  const head = decodeBackup(headText, labelOf(name, DOCUMENT.backup));
  const manifest = await readBackupManifest(root, name, { signal });
  const recorded = new Map(manifest?.documents.map(({ key, checksum }) => [key, checksum]));
  const used = new Set<string>([DOCUMENT.full, DOCUMENT.extra]);
  for (const [path, checksum] of recorded) {
    if (!used.has(path)) await verifyRecorded(root, { name, path, checksum }, { signal });
  }
  const find = async (path: DocumentPath): Promise<string | undefined> => {
    const expected = recorded.get(path);
    const content = await findDocument(root, documentKey(name, path), { signal, expected });
    if (content === undefined && expected !== undefined) throw missing(name, path);
    return content;
  };
  const full = await find(DOCUMENT.full);
  const meta =
    full === undefined
      ? await readLevels(root, { name, head, find }, { signal })
      : decodeBackup(full, labelOf(name, DOCUMENT.full));
  if (manifest !== undefined) requireSameFacts(head, meta, name);
  const extra = await find(DOCUMENT.extra);
  const complete = extra === undefined ? meta : applyExtra(meta, extra, labelOf(name, DOCUMENT.extra));
  return { ...complete, name };
}

/** The head is written last, so nothing records its digest; what it says is what the recorded documents say, or it is damaged. */
function requireSameFacts(head: BackupMeta, meta: BackupMeta, name: string): void {
  const facts = ["id", "name", "format", "milvusVersion", "backupTimestamp", "size"] as const;
  const different = facts.find((fact) => head[fact] !== meta[fact]);
  if (different === undefined) return;
  throw new AppError(
    "CHECKSUM_MISMATCH",
    `backup ${name}: ${DOCUMENT.backup} and the other documents disagree on ${different}; bring it back from another copy of the backup`,
    { details: { name, document: DOCUMENT.backup } },
  );
}

/** Undefined for a backup of another tool. @throws CHECKSUM_MISMATCH, BACKUP_INCOMPLETE (ours, but the manifest is gone) */
export async function readBackupManifest(
  root: StorageDriver,
  name: string,
  { signal }: CallOptions,
): Promise<Manifest | undefined> {
  const key = documentKey(name, DOCUMENT.manifest);
  const content = await findDocument(root, key, { signal });
  if (content !== undefined) return decodeManifest(new TextEncoder().encode(content), labelOf(name, DOCUMENT.manifest));
  if (await documentExists(root, documentKey(name, DOCUMENT.extra), { signal })) throw missing(name, DOCUMENT.manifest);
  return undefined;
}

interface LevelSource {
  readonly name: string;
  readonly head: BackupMeta;
  find(path: DocumentPath): Promise<string | undefined>;
}

async function readLevels(
  root: StorageDriver,
  { name, head, find }: LevelSource,
  options: CallOptions,
): Promise<BackupMeta> {
  const collections = await find(DOCUMENT.collection);
  const partitions = await find(DOCUMENT.partition);
  const segments = await find(DOCUMENT.segment);
  if (collections === undefined || partitions === undefined || segments === undefined) {
    const reason = withoutTree(await missingDocuments(root, name, options));
    throw new AppError("BACKUP_INCOMPLETE", `backup ${name} is incomplete: ${reason}; ${remedy(name)}`);
  }
  const merged = mergeLevels({
    head,
    collections: decodeLevel.collections(collections, labelOf(name, DOCUMENT.collection)),
    partitions: decodeLevel.partitions(partitions, labelOf(name, DOCUMENT.partition)),
    segments: decodeLevel.segments(segments, labelOf(name, DOCUMENT.segment)),
  });
  const withDeletes: CollectionMeta[] = [];
  for (const collection of merged.collections) {
    const found = collection.l0Segments.length > 0 ? [] : await findDeletes(root, { name, collection }, options);
    withDeletes.push(found.length === 0 ? collection : withL0Segments(collection, found));
  }
  const size = withDeletes.reduce((sum: Int64, collection) => sum + collection.size, 0n);
  return { ...merged, collections: withDeletes, size };
}

/** Delta logs of all partitions, which the level documents do not name: without them deleted rows would come back. */
async function findDeletes(
  root: StorageDriver,
  { name, collection }: { readonly name: string; readonly collection: CollectionMeta },
  options: CallOptions,
): Promise<readonly FoundDeltaLog[]> {
  const found: FoundDeltaLog[] = [];
  const prefix = `${backupPrefix(name)}${BINLOGS_PREFIX}delta_log/${collection.collectionId}/${ALL_PARTITIONS}/`;
  for await (const { key, size } of root.list(prefix, options)) {
    const log = parseSourceLogKey(relativeKey(key, backupPrefix(name)));
    if (log?.kind === "delta") found.push({ segmentId: log.segmentId, logId: log.logId, size: BigInt(size) });
  }
  return found.sort((a, b) => compare(a.segmentId, b.segmentId) || compare(a.logId, b.logId));
}

function compare(a: Int64, b: Int64): number {
  return a < b ? -1 : Number(a > b);
}

async function verifyRecorded(
  root: StorageDriver,
  document: { readonly name: string; readonly path: string; readonly checksum: Checksum },
  options: CallOptions,
): Promise<void> {
  const key = relativeKey(`${backupPrefix(document.name)}${document.path}`, "");
  try {
    await verifyDocument(root, key, document.checksum, options);
  } catch (error) {
    throw hasCode(error, "NOT_FOUND") ? missing(document.name, document.path) : error;
  }
}

async function absent(root: StorageDriver, name: string, options: CallOptions): Promise<AppError> {
  if (await holdsBackupParts(root, name, options)) {
    return new AppError("BACKUP_INCOMPLETE", `backup ${name} is incomplete: ${withoutHead()}; ${remedy(name)}`);
  }
  return new AppError("NOT_FOUND", `there is no backup ${name} in ${root.location}; \`list\` shows those there are`, {
    details: { name },
  });
}

function missing(name: string, path: string): AppError {
  return new AppError(
    "BACKUP_INCOMPLETE",
    `backup ${name} is broken: ${path} is missing; bring it back from another copy of the backup`,
    { details: { name, document: path } },
  );
}

function remedy(name: string): string {
  return `\`delete -n ${name}\` removes what is there`;
}

/** How messages name a document: "nightly/meta/full_meta.json". */
function labelOf(name: string, path: DocumentPath): string {
  return `${backupPrefix(name)}${path}`;
}
