/** What state a backup is in, told by small requests only: no document but the head is read. */

import { type AppError, hasCode, toAppError } from "../base/errors.ts";
import type { CallOptions } from "../base/types.ts";
import type { StorageDriver } from "../storage/driver.ts";
import { decodeBackup } from "./codec.ts";
import { createdAtOf, EXTRA_STAMP_BYTES } from "./codec_extra.ts";
import { documentExists, findDocument, findStart } from "./document_store.ts";
import { backupPrefix, DOCUMENT, documentKey, MANIFESTS_PREFIX, META_PREFIX } from "./layout.ts";
import type { BackupSummary } from "./repository.ts";
import type { BackupMeta } from "./types.ts";

const LEVELS = [DOCUMENT.collection, DOCUMENT.partition, DOCUMENT.segment] as const;

/** Undefined when the folder is no backup. @throws ABORTED, and UNAVAILABLE or THROTTLED, which say nothing about a backup */
export async function summarizeBackup(
  root: StorageDriver,
  name: string,
  options: CallOptions,
): Promise<BackupSummary | undefined> {
  try {
    const content = await findDocument(root, documentKey(name, DOCUMENT.backup), options);
    if (content === undefined) {
      if (!(await holdsBackupParts(root, name, options))) return undefined;
      return { name, state: "incomplete", reason: withoutHead() };
    }
    return await summarizeCommitted(root, { name, content }, options);
  } catch (error) {
    const known = toAppError(error);
    if (hasCode(known, "ABORTED", "BUG") || known.retriable) throw known;
    return { name, state: "broken", reason: shortReason(known) };
  }
}

async function summarizeCommitted(
  root: StorageDriver,
  { name, content }: { readonly name: string; readonly content: string },
  options: CallOptions,
): Promise<BackupSummary> {
  const [missing, stamp] = await Promise.all([
    missingDocuments(root, name, options),
    findStart(root, documentKey(name, DOCUMENT.extra), EXTRA_STAMP_BYTES, options),
  ]);
  const head = decodeBackup(content, DOCUMENT.backup);
  const createdAt = createdAtOf(stamp ?? "");
  const facts = { ...factsOf(head), ...(createdAt === undefined ? {} : { createdAt }) };
  if (missing.length === 0) return { name, state: "complete", ...facts };
  // The Go tool writes backup_meta.json first; we write it last and never without extra_meta.json.
  const state = stamp === undefined ? "incomplete" : "broken";
  return { name, state, reason: withoutTree(missing), ...facts };
}

/** Documents whose absence leaves the head without a tree; none when there is full_meta.json or every level document. */
export async function missingDocuments(
  root: StorageDriver,
  name: string,
  options: CallOptions,
): Promise<readonly string[]> {
  if (await documentExists(root, documentKey(name, DOCUMENT.full), options)) return [];
  const there = await Promise.all(LEVELS.map((path) => documentExists(root, documentKey(name, path), options)));
  const missing = LEVELS.filter((_, index) => there[index] === false);
  return missing.length === 0 ? [] : [DOCUMENT.full, ...missing];
}

/**
 * True when the folder holds what only a backup holds: binlogs, or documents of ours or the Go tool. A folder of anything
 * else (another program's, a Milvus root path beside the backups) is none of our business.
 */
export async function holdsBackupParts(root: StorageDriver, name: string, options: CallOptions): Promise<boolean> {
  const prefix = backupPrefix(name);
  const parts = new Set<string>();
  for await (const part of root.listDirectories(prefix, options)) parts.add(part);
  if (parts.has("binlogs")) return true;
  if (!parts.has("meta")) return false;
  const known: readonly string[] = Object.values(DOCUMENT).map((path) => `${prefix}${path}`);
  for await (const { key } of root.list(`${prefix}${META_PREFIX}`, options)) {
    if (known.includes(key) || key.startsWith(`${prefix}${MANIFESTS_PREFIX}`)) return true;
  }
  return false;
}

/** Why a folder with parts of a backup but no backup_meta.json is not complete. */
export function withoutHead(): string {
  return `${DOCUMENT.backup} is missing: a create or delete was interrupted, or a create is still running`;
}

/** Why a backup_meta.json alone is not a backup. */
export function withoutTree(missing: readonly string[]): string {
  const [full, ...levels] = missing;
  return `${full} is missing, and so ${levels.length === 1 ? "is" : "are"} ${levels.join(" and ")}`;
}

function factsOf(head: BackupMeta): Partial<BackupSummary> {
  return { id: head.id, size: head.size, milvusVersion: head.milvusVersion };
}

function shortReason(error: AppError): string {
  return error.message.split("\n")[0] ?? error.code;
}
