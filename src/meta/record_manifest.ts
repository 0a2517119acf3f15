/** Gives a backup of another tool a manifest. Its own documents stay as they are. */

import { AppError } from "../base/errors.ts";
import type { CallOptions } from "../base/types.ts";
import type { StorageDriver } from "../storage/driver.ts";
import { relativeKey } from "../storage/key.ts";
import type { Manifest } from "../transfer/manifest.ts";
import { encodeManifest } from "../transfer/manifest_document.ts";
import { digestDocument, documentExists, putDocument, verifyDocument } from "./document_store.ts";
import { backupPrefix, DOCUMENT, documentKey, MANIFESTS_PREFIX, META_PREFIX } from "./layout.ts";

/** What the manifest itself names or is. */
const OWN: readonly string[] = [DOCUMENT.manifest, DOCUMENT.owner];

/**
 * Writes meta/manifest.json, with the digests that the documents below meta/ have now, and reads it back. The collection
 * manifests that it names are there already.
 * @throws ALREADY_EXISTS when the backup has a manifest
 */
export async function recordManifest(
  root: StorageDriver,
  name: string,
  manifest: Omit<Manifest, "documents">,
  { signal }: CallOptions,
): Promise<Manifest> {
  await requireNoManifest(root, name, { signal });
  const whole: Manifest = { ...manifest, documents: await documentDigests(root, name, { signal }) };
  const text = new TextDecoder().decode(encodeManifest(whole));
  const key = documentKey(name, DOCUMENT.manifest);
  const { checksum } = await putDocument(root, key, () => [text], { signal });
  await verifyDocument(root, key, checksum, { signal });
  return whole;
}

/** @throws ALREADY_EXISTS */
export async function requireNoManifest(root: StorageDriver, name: string, options: CallOptions): Promise<void> {
  if (!(await documentExists(root, documentKey(name, DOCUMENT.manifest), options))) return;
  throw new AppError(
    "ALREADY_EXISTS",
    `backup ${name} has a manifest already; \`verify -n ${name} --level data\` compares its objects with it`,
    { details: { name, document: DOCUMENT.manifest } },
  );
}

async function documentDigests(
  root: StorageDriver,
  name: string,
  options: CallOptions,
): Promise<Manifest["documents"]> {
  const documents: Manifest["documents"][number][] = [];
  for await (const { key } of root.list(`${backupPrefix(name)}${META_PREFIX}`, options)) {
    const path = relativeKey(key, backupPrefix(name));
    if (OWN.includes(path) || path.startsWith(MANIFESTS_PREFIX)) continue;
    documents.push({ key: path, ...(await digestDocument(root, key, "sha256", options)) });
  }
  return documents.sort((a, b) => (a.key < b.key ? -1 : 1));
}
