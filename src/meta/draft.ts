/** A backup from its first object to its commit. */

import { AppError, hasCode } from "../base/errors.ts";
import { isJsonObject, parseJson } from "../base/json.ts";
import type { CallOptions } from "../base/types.ts";
import type { StorageDriver } from "../storage/driver.ts";
import { joinKey } from "../storage/key.ts";
import type { Manifest } from "../transfer/manifest.ts";
import { encodeManifest } from "../transfer/manifest_document.ts";
import { type EncodedDocument, encodeFull, encodeHead, encodeLevels } from "./codec.ts";
import { encodeExtra } from "./codec_extra.ts";
import { findDocument, putDocument, putText, verifyDocument } from "./document_store.ts";
import { backupPrefix, DOCUMENT, documentKey, MANIFESTS_PREFIX } from "./layout.ts";
import type { BackupDraft } from "./repository.ts";
import { summarizeBackup } from "./state.ts";
import type { BackupMeta } from "./types.ts";

/** An abandoned draft cleans up after itself no longer than this. */
const CLEANUP_MS = 10_000;

interface BeginOptions extends CallOptions {
  readonly startedAt: Date;
  readonly token: string;
}

/**
 * Takes the name. Where the root can put only if absent, of two programs at once one gets it; elsewhere a token read back
 * tells all but the narrowest races.
 * @throws ALREADY_EXISTS
 */
export async function beginDraft(root: StorageDriver, name: string, options: BeginOptions): Promise<BackupDraft> {
  const { signal, startedAt, token } = options;
  for await (const _ of root.list(backupPrefix(name), { signal })) throw await taken(root, name, { signal });
  const record = `${JSON.stringify({ format_version: 1, token, started_at: startedAt.toISOString() })}\n`;
  const ifAbsent = root.capabilities.ifAbsent ? { ifAbsent: true } : {};
  try {
    await putText(root, documentKey(name, DOCUMENT.owner), record, { signal, ...ifAbsent });
  } catch (error) {
    // A put that was tried again after its answer was lost meets its own record; the token tells.
    if (!hasCode(error, "ALREADY_EXISTS")) throw error;
  }
  const draft = new StorageDraft(root, name, token);
  if (!(await draft.owned({ signal }))) throw await taken(root, name, { signal });
  return draft;
}

class StorageDraft implements BackupDraft {
  readonly name: string;
  readonly directory: string;
  readonly #root: StorageDriver;
  readonly #token: string;
  #committed = false;

  constructor(root: StorageDriver, name: string, token: string) {
    this.#root = root;
    this.name = name;
    this.directory = backupPrefix(name);
    this.#token = token;
  }

  /** Whether the owner record is still the one this draft wrote. */
  async owned(options: CallOptions): Promise<boolean> {
    const record = await findDocument(this.#root, documentKey(this.name, DOCUMENT.owner), options);
    return record !== undefined && tokenOf(record) === this.#token;
  }

  async commit(meta: BackupMeta, manifest: Manifest, { signal }: CallOptions): Promise<void> {
    if (meta.name !== this.name) throw new AppError("BUG", `backup ${this.name} is committed as ${meta.name}`);
    await this.#requireOwned({ signal });
    await this.#requireManifests(manifest, { signal });
    const documents: Manifest["documents"][number][] = [];
    for (const document of [...encodeLevels(meta), encodeExtra(meta), encodeFull(meta)]) {
      documents.push({ key: document.path, ...(await this.#put(document, { signal })) });
    }
    const manifestText = new TextDecoder().decode(encodeManifest({ ...manifest, documents }));
    const sealed = await this.#put({ path: DOCUMENT.manifest, pieces: () => [manifestText] }, { signal });
    for (const { key, checksum } of [...documents, { key: DOCUMENT.manifest, ...sealed }]) {
      await verifyDocument(this.#root, joinKey(this.directory, key), checksum, { signal });
    }
    await this.#dropOwnerRecord({ signal });
    await this.#put(encodeHead(meta), { signal });
    this.#committed = true;
  }

  async commitCopy(putHead: () => Promise<void>, { signal }: CallOptions): Promise<void> {
    await this.#requireOwned({ signal });
    await this.#dropOwnerRecord({ signal });
    await putHead();
    this.#committed = true;
  }

  /** Gives the name back when nothing but the owner record was written; else the backup stays, incomplete. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#committed) return;
    const signal = AbortSignal.timeout(CLEANUP_MS);
    const ownerKey = documentKey(this.name, DOCUMENT.owner);
    try {
      for await (const { key } of this.#root.list(this.directory, { signal })) if (key !== ownerKey) return;
      if (await this.owned({ signal })) await this.#root.delete(ownerKey, { signal });
    } catch {
      // The failure that brought us here is the one to report; a record left behind shows up as an incomplete backup.
    }
  }

  async #requireOwned(options: CallOptions): Promise<void> {
    if (this.#committed) throw new AppError("BUG", `backup ${this.name} was committed already`);
    if (await this.owned(options)) return;
    throw new AppError(
      "BACKUP_INCOMPLETE",
      `backup ${this.name} was deleted or begun anew by another program while it was being made; make it again`,
    );
  }

  /** Where backups may be written and not deleted the record stays; beside the head it means nothing. */
  async #dropOwnerRecord(options: CallOptions): Promise<void> {
    try {
      await this.#root.delete(documentKey(this.name, DOCUMENT.owner), options);
    } catch (error) {
      if (!hasCode(error, "ACCESS_DENIED")) throw error;
    }
  }

  #put(document: EncodedDocument, options: CallOptions): ReturnType<typeof putDocument> {
    return putDocument(this.#root, documentKey(this.name, document.path), () => document.pieces(), options);
  }

  /** A commit must not name collection manifests that are not there. */
  async #requireManifests(manifest: Manifest, options: CallOptions): Promise<void> {
    if (manifest.collections.length === 0) return;
    const there = new Set<string>();
    for await (const { key } of this.#root.list(`${this.directory}${MANIFESTS_PREFIX}`, options)) there.add(key);
    for (const { key } of manifest.collections) {
      if (there.has(`${this.directory}${key}`)) continue;
      throw new AppError("BUG", `backup ${this.name}: ${key} was not written before the commit`);
    }
  }
}

async function taken(root: StorageDriver, name: string, options: CallOptions): Promise<AppError> {
  const summary = await summarizeBackup(root, name, options);
  const what =
    summary === undefined
      ? `the folder ${name} of ${root.location} holds objects that are no backup; choose another name`
      : `backup ${name} exists already in ${root.location} and is ${summary.state}` +
        `${summary.reason === undefined ? "" : ` (${summary.reason})`}; ` +
        `choose another name, or, when no create of it runs, remove it with \`delete -n ${name}\``;
  return new AppError("ALREADY_EXISTS", what, { details: { name } });
}

function tokenOf(record: string): string | undefined {
  try {
    const value = parseJson(record);
    return isJsonObject(value) && typeof value.token === "string" ? value.token : undefined;
  } catch {
    return undefined;
  }
}
