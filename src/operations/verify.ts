/** A stored backup against what its documents say of it, at three depths. Nothing is written. */

import { DOCUMENT } from "../meta/layout.ts";
import type { BackupMeta, CollectionMeta } from "../meta/types.ts";
import type { Manifest } from "../transfer/manifest.ts";
import { type Proof, verifyObjects } from "../transfer/verify.ts";
import type { BackupRootContext } from "./context.ts";
import { inspectBackup } from "./verify/backup_documents.ts";
import { type CollectionObjects, collectionObjects, surplusCollections } from "./verify/collection_objects.ts";
import type { BackupFinding } from "./verify/finding.ts";
import { findStrays, logPrefixes } from "./verify/strays.ts";
import { isInSubset, type Subset } from "./verify/subset.ts";

/**
 * meta  the documents: there, unchanged, readable, in agreement with each other
 * list  and every object is there with its size and, where one is recorded, its ETag; nothing else lies among them
 * data  and every object is read and hashed
 */
export type VerifyDepth = "meta" | "list" | "data";

export const VERIFY_DEPTHS: readonly VerifyDepth[] = ["meta", "list", "data"];

export interface VerifyBackupRequest {
  readonly name: string;
  readonly level: VerifyDepth;
  /** Level `data` reads only this part of the objects; the others are looked at as in level `list`. */
  readonly subset?: Subset;
  /** Objects read at once. */
  readonly concurrency: number;
}

export interface VerifyBackupReport {
  readonly backup: string;
  readonly level: VerifyDepth;
  readonly subset?: Subset;
  /** False for a backup that records nothing of its objects but their sizes. */
  readonly hasManifest: boolean;
  /** Documents looked at, those of the manifest's collections included. */
  readonly documents: number;
  readonly collections: number;
  /** As declared. */
  readonly objects: number;
  readonly bytes: number;
  /** Chosen to be read and hashed by this run. */
  readonly read: { readonly objects: number; readonly bytes: number };
  /** What vouches for the objects that were looked at and have no finding. */
  readonly proven: Readonly<Record<Proof, number>>;
  readonly findings: readonly BackupFinding[];
  readonly seconds: number;
}

/**
 * Goes on after a finding, so that one run tells everything.
 * @throws NOT_FOUND, BACKUP_INCOMPLETE (begun and never committed), and what the driver throws
 */
export async function verifyBackup(
  context: BackupRootContext,
  request: VerifyBackupRequest,
): Promise<VerifyBackupReport> {
  const started = context.now();
  context.progress.report({ type: "phase", phase: "check", scope: request.name });
  const { meta, manifest, documents, findings } = await inspectBackup(context, request.name);
  const run = new Run(context, request, manifest);
  run.findings.push(...findings);
  // A manifest that cannot be read is a finding, and no sign of another tool.
  const hasManifest = manifest !== undefined || findings.some(({ key }) => key === DOCUMENT.manifest);
  if (meta !== undefined) await run.all(meta, hasManifest);
  else if (request.level !== "meta") {
    context.progress.report({
      type: "warning",
      code: "OBJECTS_NOT_CHECKED",
      message: `backup ${request.name}: no object was looked at, because the documents that name them cannot be read`,
    });
  }
  const seconds = (context.now().getTime() - started.getTime()) / 1000;
  context.progress.report({ type: "done", totals: { objects: run.objects, bytes: run.read.bytes }, seconds });
  return {
    backup: request.name,
    level: request.level,
    ...(request.subset === undefined ? {} : { subset: request.subset }),
    hasManifest,
    documents: documents + run.manifests,
    collections: meta?.collections.length ?? 0,
    objects: run.objects,
    bytes: run.bytes,
    read: run.read,
    proven: run.proven,
    findings: run.findings,
    seconds,
  };
}

class Run {
  readonly findings: BackupFinding[] = [];
  readonly proven: Record<Proof, number> = { digest: 0, service: 0, size: 0 };
  read = { objects: 0, bytes: 0 };
  objects = 0;
  bytes = 0;
  /** Collection manifests that were read. */
  manifests = 0;
  readonly #context: BackupRootContext;
  readonly #request: VerifyBackupRequest;
  readonly #manifest: Manifest | undefined;

  constructor(context: BackupRootContext, request: VerifyBackupRequest, manifest: Manifest | undefined) {
    this.#context = context;
    this.#request = request;
    this.#manifest = manifest;
  }

  async all(meta: BackupMeta, hasManifest: boolean): Promise<void> {
    for (const collection of meta.collections) this.#count(await this.#declared(collection));
    if (this.#manifest !== undefined) this.findings.push(...surplusCollections(this.#manifest, meta.collections));
    const { level } = this.#request;
    if (!hasManifest) this.#warnOfNoManifest();
    if (level === "meta") return;
    const totals = { objects: this.objects, bytes: this.read.bytes };
    this.#context.progress.report({ type: "totals", totals, final: true });
    for (const collection of meta.collections) await this.#look(collection);
    const { name } = this.#request;
    const backup = { name, collections: meta.collections, manifest: this.#manifest };
    this.findings.push(...(await findStrays(this.#context, backup)));
  }

  /** Read twice, once to count and once to compare: a collection's list is never held longer than it is needed. */
  async #declared(meta: CollectionMeta): Promise<CollectionObjects> {
    const { backupRoot, signal } = this.#context;
    const backup = { name: this.#request.name, manifest: this.#manifest };
    return await collectionObjects(backupRoot, backup, meta, signal);
  }

  #count({ objects, findings, recorded }: CollectionObjects): void {
    this.findings.push(...findings);
    this.manifests += Number(recorded);
    for (const { key, size } of objects.values()) {
      this.objects += 1;
      this.bytes += size;
      if (!this.#reads(key)) continue;
      this.read = { objects: this.read.objects + 1, bytes: this.read.bytes + size };
    }
  }

  #reads(key: string): boolean {
    const { level, subset } = this.#request;
    return level === "data" && (subset === undefined || isInSubset(key, subset));
  }

  async #look(meta: CollectionMeta): Promise<void> {
    const { progress, signal, backupRoot } = this.#context;
    const { name, level, concurrency, subset } = this.#request;
    if (level === "meta") return;
    const { collection, objects } = await this.#declared(meta);
    progress.report({ type: "phase", phase: "verify", scope: collection });
    const checks = verifyObjects(backupRoot, objects.values(), {
      directory: `${name}/`,
      prefixes: logPrefixes(meta.collectionId),
      level,
      concurrency,
      signal,
      progress,
      ...(subset === undefined ? {} : { reads: ({ key }) => this.#reads(key) }),
      onProof: (_, proof) => {
        this.proven[proof] += 1;
      },
    });
    for await (const finding of checks) this.findings.push({ ...finding, collection });
  }

  #warnOfNoManifest(): void {
    const { name, level } = this.#request;
    const what =
      level === "data"
        ? "so every object is read to its end, and nothing tells whether its content is the one that was backed up"
        : "so nothing but their presence and size can be checked";
    this.#context.progress.report({
      type: "warning",
      code: "NO_MANIFEST",
      message:
        `backup ${name} was made by another tool and records no digests of its objects, ${what}; ` +
        `\`verify -n ${name} --record\` writes down what is there now`,
    });
  }
}
