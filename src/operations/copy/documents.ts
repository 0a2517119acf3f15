/** The documents of a backup from one root to another, byte for byte, each read back. */

import { Semaphore } from "../../base/pool.ts";
import { DOCUMENT, MANIFESTS_PREFIX, META_PREFIX } from "../../meta/layout.ts";
import type { ObjectInfo } from "../../storage/driver.ts";
import { joinKey, relativeKey } from "../../storage/key.ts";
import { copyObject } from "../../transfer/copier.ts";
import { digestObject } from "../../transfer/digest_object.ts";
import type { Manifest } from "../../transfer/manifest.ts";
import { silentProgress } from "../../transfer/progress.ts";
import type { CopyBackupContext } from "../copy_backup.ts";

export interface DocumentCopy {
  readonly name: string;
  readonly targetName: string;
  readonly manifest: Manifest | undefined;
}

/** All documents but the commit marker and the owner record. @returns how many */
export async function copyDocuments(context: CopyBackupContext, copy: DocumentCopy): Promise<number> {
  const { from, signal } = context;
  let copied = 0;
  for await (const info of from.list(`${copy.name}/${META_PREFIX}`, { signal })) {
    if (!isWanted(relativeKey(info.key, `${copy.name}/`), copy.manifest)) continue;
    await copyDocument(context, copy, info);
    copied += 1;
  }
  return copied;
}

/** Of a backup without a manifest everything, since another tool may have documents that are not known here. */
function isWanted(path: string, manifest: Manifest | undefined): boolean {
  if (path === DOCUMENT.backup || path === DOCUMENT.owner) return false;
  if (manifest === undefined) return !path.startsWith(MANIFESTS_PREFIX);
  if (path === DOCUMENT.manifest) return true;
  return [...manifest.documents, ...manifest.collections].some(({ key }) => key === path);
}

/** The commit marker. */
export async function copyHead(context: CopyBackupContext, copy: DocumentCopy): Promise<void> {
  const { from, signal } = context;
  await copyDocument(context, copy, await from.stat(joinKey(copy.name, DOCUMENT.backup), { signal }));
}

async function copyDocument(context: CopyBackupContext, copy: DocumentCopy, source: ObjectInfo): Promise<void> {
  const { from, to, signal } = context;
  const path = relativeKey(source.key, `${copy.name}/`);
  const parts = [...(copy.manifest?.documents ?? []), ...(copy.manifest?.collections ?? [])];
  const recorded = parts.find(({ key }) => key === path)?.checksum;
  const expected = recorded ?? (await digestObject(from, source.key, { algorithm: "sha256", signal })).checksum;
  const task = { source, targetKey: joinKey(copy.targetName, path), label: `document ${path}`, expected };
  // Few and small: through this program and read back, whatever the services could say for them.
  await copyObject({ from, to, mode: "streaming" }, task, {
    signal,
    slots: new Semaphore(1),
    concurrency: 1,
    verify: "read-back",
    progress: silentProgress,
  });
}
