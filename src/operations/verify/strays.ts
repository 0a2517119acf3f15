/** Objects below a backup that belong to no collection and are no document of it. */

import { DOCUMENT, META_PREFIX } from "../../meta/layout.ts";
import type { CollectionMeta } from "../../meta/types.ts";
import { relativeKey } from "../../storage/key.ts";
import type { Manifest } from "../../transfer/manifest.ts";
import type { BackupRootContext } from "../context.ts";
import type { BackupFinding } from "./finding.ts";

const LOG = /^binlogs\/(?:insert|delta)_log\/(\d+)\//;

/** The two folders of a collection's objects, relative to the backup. */
export function logPrefixes(collectionId: bigint): readonly string[] {
  return [`binlogs/insert_log/${collectionId}/`, `binlogs/delta_log/${collectionId}/`];
}

/**
 * One listing of the whole backup. Below the collections' own folders nothing is said (verifyObjects does that), and
 * unknown documents of a backup without a manifest are left to the tool that made it.
 */
export async function findStrays(
  { backupRoot, signal }: Pick<BackupRootContext, "backupRoot" | "signal">,
  backup: {
    readonly name: string;
    readonly collections: readonly CollectionMeta[];
    readonly manifest: Manifest | undefined;
  },
): Promise<readonly BackupFinding[]> {
  const { name, manifest } = backup;
  const ids = new Set(backup.collections.map(({ collectionId }) => collectionId.toString()));
  const documents = new Set<string>([
    ...Object.values(DOCUMENT),
    ...(manifest?.documents.map(({ key }) => key) ?? []),
    ...(manifest?.collections.map(({ key }) => key) ?? []),
  ]);
  const findings: BackupFinding[] = [];
  for await (const { key, size } of backupRoot.list(`${name}/`, { signal })) {
    const path = relativeKey(key, `${name}/`);
    if (documents.has(path) || ids.has(LOG.exec(path)?.[1] ?? "")) continue;
    if (manifest === undefined && path.startsWith(META_PREFIX)) continue;
    findings.push({ kind: "extra", key: path, message: `belongs to no part of the backup (${size} bytes)` });
  }
  return findings;
}
