/** Looks at every document of a backup and says all that is wrong, where reading stops at the first thing. */

import type { Checksum } from "../base/checksum.ts";
import { toAppError } from "../base/errors.ts";
import type { CallOptions } from "../base/types.ts";
import type { StorageDriver } from "../storage/driver.ts";
import { joinKey } from "../storage/key.ts";
import type { Manifest } from "../transfer/manifest.ts";
import { decodeBackup, decodeLevel } from "./codec.ts";
import { applyExtra } from "./codec_extra.ts";
import { headProblems, levelProblems, treeProblems } from "./consistency.ts";
import { findDocument, verifyDocument } from "./document_store.ts";
import { backupPrefix, DOCUMENT, type DocumentPath, documentKey, MANIFESTS_PREFIX } from "./layout.ts";
import { readBackup, readBackupManifest } from "./read_backup.ts";
import type { BackupMeta } from "./types.ts";

/** What is wrong with one document; `key` is relative to the backup. */
export interface DocumentFinding {
  /** unreadable: no such document, though its digest may be right. inconsistent: it contradicts another document. */
  readonly kind: "missing" | "digest" | "unreadable" | "inconsistent";
  readonly key: string;
  readonly message: string;
}

export interface Inspection {
  /** backup_meta.json alone. */
  readonly head?: BackupMeta;
  /** The whole tree, its `name` being the folder's; absent when it cannot be read. */
  readonly meta?: BackupMeta;
  /** Absent in backups of other tools, and when it cannot be read (then there is a finding). */
  readonly manifest?: Manifest;
  /** Documents that were looked at. */
  readonly documents: number;
  readonly findings: readonly DocumentFinding[];
}

const LEVELS = [DOCUMENT.collection, DOCUMENT.partition, DOCUMENT.segment] as const;

/**
 * Documents complete, unchanged, readable, in agreement. Collection manifests are not looked at.
 * @throws what the driver throws, and UNSUPPORTED for a manifest of a newer format
 */
export async function inspectDocuments(root: StorageDriver, name: string, options: CallOptions): Promise<Inspection> {
  return await new Inspector(root, name, options).run();
}

class Inspector {
  readonly #root: StorageDriver;
  readonly #name: string;
  readonly #options: CallOptions;
  readonly #findings: DocumentFinding[] = [];
  readonly #recorded = new Map<string, Checksum>();
  #documents = 0;

  constructor(root: StorageDriver, name: string, { signal }: CallOptions) {
    this.#root = root;
    this.#name = name;
    this.#options = { signal };
  }

  async run(): Promise<Inspection> {
    const head = await this.#decoded(DOCUMENT.backup, (text, where) => decodeBackup(text, where));
    const manifest = await this.#manifest();
    await this.#recordedDocuments(manifest);
    const full = await this.#decoded(DOCUMENT.full, (text, where) => decodeBackup(text, where), "may be absent");
    const levels = full === undefined ? {} : await this.#levels(full, manifest === undefined);
    const extra = await this.#extra(full);
    const meta = extra ?? full ?? (await this.#withoutFull());
    if (full !== undefined) {
      this.#add(DOCUMENT.full, treeProblems(extra ?? full));
      if (head !== undefined) this.#add(DOCUMENT.backup, headProblems(head, full));
      for (const [key, problems] of Object.entries(levels)) this.#add(key, problems);
    } else if (meta !== undefined) this.#add(DOCUMENT.segment, treeProblems(meta));
    if (head !== undefined && manifest !== undefined) this.#add(DOCUMENT.manifest, manifestProblems(manifest, head));
    return {
      ...(head === undefined ? {} : { head }),
      ...(meta === undefined ? {} : { meta: { ...meta, name: this.#name } }),
      ...(manifest === undefined ? {} : { manifest }),
      documents: this.#documents,
      findings: this.#findings,
    };
  }

  async #manifest(): Promise<Manifest | undefined> {
    try {
      const manifest = await readBackupManifest(this.#root, this.#name, this.#options);
      this.#documents += Number(manifest !== undefined);
      if (manifest === undefined && (await this.#hasCollectionManifests())) {
        const why = `is absent, but ${MANIFESTS_PREFIX} is there: it was lost, or its recording was interrupted`;
        this.#push("missing", DOCUMENT.manifest, `${why}; \`verify --record\` records the backup as it is now`);
      }
      return manifest;
    } catch (error) {
      this.#keep(DOCUMENT.manifest, error);
      return undefined;
    }
  }

  async #hasCollectionManifests(): Promise<boolean> {
    const prefix = `${backupPrefix(this.#name)}${MANIFESTS_PREFIX}`;
    for await (const _ of this.#root.list(prefix, this.#options)) return true;
    return false;
  }

  /** Digests of everything that the manifest names. */
  async #recordedDocuments(manifest: Manifest | undefined): Promise<void> {
    for (const { key, checksum } of manifest?.documents ?? []) {
      this.#recorded.set(key, checksum);
      if (key !== DOCUMENT.backup) this.#documents += 1;
      try {
        await verifyDocument(this.#root, joinKey(backupPrefix(this.#name), key), checksum, this.#options);
      } catch (error) {
        this.#keep(key, error);
      }
    }
  }

  /** A document's content; undefined when it is absent, or unreadable (then there is a finding). */
  async #decoded<T>(
    path: DocumentPath,
    decode: (text: string, where: string) => T,
    absence: "missing" | "may be absent" = "missing",
  ): Promise<T | undefined> {
    if (!this.#recorded.has(path)) this.#documents += 1;
    try {
      const text = await findDocument(this.#root, documentKey(this.#name, path), this.#options);
      if (text !== undefined) return decode(text, `${backupPrefix(this.#name)}${path}`);
      this.#documents -= Number(!this.#recorded.has(path));
      // What the manifest names and is absent was found already.
      if (absence === "missing" && !this.#recorded.has(path)) this.#push("missing", path, "is absent");
    } catch (error) {
      if (!this.#findings.some(({ key }) => key === path)) this.#keep(path, error);
    }
    return undefined;
  }

  /** Document -> how it contradicts full_meta.json. @param required whether an absent one is a finding by itself */
  async #levels(full: BackupMeta, required: boolean): Promise<Record<string, readonly string[]>> {
    const absence = required ? "missing" : "may be absent";
    const [first, second, third] = LEVELS;
    const collections = await this.#decoded(first, decodeLevel.collections, absence);
    const partitions = await this.#decoded(second, decodeLevel.partitions, absence);
    const segments = await this.#decoded(third, decodeLevel.segments, absence);
    return {
      ...(collections === undefined ? {} : { [first]: levelProblems.collections(collections, full) }),
      ...(partitions === undefined ? {} : { [second]: levelProblems.partitions(partitions, full) }),
      ...(segments === undefined ? {} : { [third]: levelProblems.segments(segments, full) }),
    };
  }

  async #extra(full: BackupMeta | undefined): Promise<BackupMeta | undefined> {
    if (full === undefined) return undefined;
    return await this.#decoded(DOCUMENT.extra, (text, where) => applyExtra(full, text, where), "may be absent");
  }

  /** The tree of a backup without full_meta.json; not tried where something else is wrong already. */
  async #withoutFull(): Promise<BackupMeta | undefined> {
    if (this.#findings.length > 0) return undefined;
    try {
      const meta = await readBackup(this.#root, this.#name, this.#options);
      this.#documents += LEVELS.filter((path) => !this.#recorded.has(path)).length;
      return meta;
    } catch (error) {
      this.#keep(DOCUMENT.full, error);
      return undefined;
    }
  }

  #add(key: string, problems: readonly string[]): void {
    for (const problem of problems) this.#push("inconsistent", key, problem);
  }

  #push(kind: DocumentFinding["kind"], key: string, message: string): void {
    this.#findings.push({ kind, key, message });
  }

  /** An error that speaks of the document becomes a finding; any other is thrown. */
  #keep(key: string, error: unknown): void {
    const { code, message, details } = toAppError(error);
    if (code === "NOT_FOUND") this.#push("missing", key, "is absent, and the manifest names it");
    else if (code === "CHECKSUM_MISMATCH" || code === "SHORT_BODY") this.#push("digest", key, message);
    else if (code === "BACKUP_INCOMPLETE") {
      this.#push(details.document === undefined ? "unreadable" : "missing", key, message);
    } else throw error;
  }
}

function manifestProblems(manifest: Manifest, head: BackupMeta): readonly string[] {
  const problems: string[] = [];
  if (manifest.backupId !== head.id) {
    problems.push(`belongs to backup id ${manifest.backupId}, ${DOCUMENT.backup} has ${head.id}`);
  }
  for (const part of ["objects", "bytes"] as const) {
    const sum = manifest.collections.reduce((total, { totals }) => total + totals[part], 0);
    if (sum !== manifest.totals[part]) {
      problems.push(`counts ${manifest.totals[part]} ${part}, its collections have ${sum}`);
    }
  }
  return problems;
}
