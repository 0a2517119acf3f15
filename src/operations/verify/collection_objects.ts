/** What a backup says of the objects of one collection, its meta and its manifest compared. */

import { AppError, toAppError } from "../../base/errors.ts";
import { DOCUMENT } from "../../meta/layout.ts";
import { formatNamespace, namespaceOf } from "../../meta/namespace.ts";
import type { CollectionMeta } from "../../meta/types.ts";
import type { StorageDriver } from "../../storage/driver.ts";
import type { Manifest } from "../../transfer/manifest.ts";
import { loadCollectionManifest } from "../../transfer/manifest_reader.ts";
import { declaredByMeta, type StoredObjects } from "../restore/stored_objects.ts";
import type { BackupFinding } from "./finding.ts";

export interface CollectionObjects {
  /** "db.coll" */
  readonly collection: string;
  /** As the manifest has them; as the meta has them where there is none or it cannot be read. */
  readonly objects: StoredObjects;
  /** Whether a document of the manifest was read. */
  readonly recorded: boolean;
  readonly findings: readonly BackupFinding[];
}

interface Backup {
  /** The folder's name. */
  readonly name: string;
  readonly manifest: Manifest | undefined;
}

/** @throws what the driver throws; damage is in the findings */
export async function collectionObjects(
  root: StorageDriver,
  backup: Backup,
  meta: CollectionMeta,
  signal: AbortSignal,
): Promise<CollectionObjects> {
  const collection = formatNamespace(namespaceOf(meta));
  const declared = declaredByMeta(meta);
  const { manifest, name } = backup;
  if (manifest === undefined) return { collection, objects: declared, recorded: false, findings: [] };
  const ref = manifest.collections.find(({ collectionId }) => collectionId === meta.collectionId.toString());
  if (ref === undefined) {
    const message = `lacks collection ${collection} (${meta.collectionId}) of ${DOCUMENT.full}`;
    const finding = { kind: "inconsistent", key: DOCUMENT.manifest, message, collection } as const;
    return { collection, objects: declared, recorded: false, findings: [finding] };
  }
  let recorded: StoredObjects;
  try {
    recorded = await loadCollectionManifest(root, `${name}/`, ref, { signal });
  } catch (error) {
    return {
      collection,
      objects: declared,
      recorded: false,
      findings: [{ ...documentFinding(ref.key, error), collection }],
    };
  }
  const differences = differencesBetween(declared, recorded);
  const findings = differences.map((message) => ({ kind: "inconsistent" as const, key: ref.key, message, collection }));
  return { collection, objects: recorded, recorded: true, findings };
}

/** Collections that only the manifest has. */
export function surplusCollections(
  manifest: Manifest,
  collections: readonly CollectionMeta[],
): readonly BackupFinding[] {
  const known = new Set(collections.map(({ collectionId }) => collectionId.toString()));
  return manifest.collections
    .filter(({ collectionId }) => !known.has(collectionId))
    .map(({ collectionId }) => ({
      kind: "inconsistent",
      key: DOCUMENT.manifest,
      message: `has collection ${collectionId}, ${DOCUMENT.full} has not`,
    }));
}

/** @throws what says nothing about the document */
function documentFinding(key: string, error: unknown): BackupFinding {
  const failure = toAppError(error);
  switch (failure.code) {
    case "CHECKSUM_MISMATCH":
    case "SHORT_BODY":
      return { kind: "digest", key, message: failure.message };
    case "BACKUP_INCOMPLETE": {
      const absent = failure.cause instanceof AppError && failure.cause.code === "NOT_FOUND";
      return { kind: absent ? "missing" : "unreadable", key, message: failure.message };
    }
    case "INVALID_KEY":
      return { kind: "unreadable", key, message: failure.message };
    default:
      throw error;
  }
}

function differencesBetween(declared: StoredObjects, recorded: StoredObjects): readonly string[] {
  const problems: string[] = [];
  for (const [key, { size }] of declared) {
    const entry = recorded.get(key);
    if (entry === undefined) problems.push(`lacks ${key}, which ${DOCUMENT.full} names`);
    else if (entry.size !== size)
      problems.push(`records ${key} with ${entry.size} bytes, ${DOCUMENT.full} with ${size}`);
  }
  for (const key of recorded.keys()) {
    if (!declared.has(key)) problems.push(`records ${key}, which ${DOCUMENT.full} does not name`);
  }
  return problems;
}
