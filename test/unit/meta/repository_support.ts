/** What the tests of the repository share. */

import { expect } from "bun:test";
import type { BackupRepository, BackupSummary } from "../../../src/meta/repository.ts";
import { createBackupRepository } from "../../../src/meta/storage_repository.ts";
import type { StorageDriver } from "../../../src/storage/driver.ts";
import { putObject, signal, textOf } from "./memory_root.ts";
import { putSampleObjects, sampleBackup, sampleManifest } from "./sample_backup.ts";

/** An AppError of this code whose message holds `text`. */
export const coded = (code: string, text = "") =>
  expect.objectContaining({ code, message: expect.stringContaining(text) });

export async function commitSample(root: StorageDriver, name: string): Promise<void> {
  const meta = sampleBackup(name);
  await using draft = await createBackupRepository(root).begin(name, { signal });
  await putSampleObjects(root, meta);
  await draft.commit(meta, sampleManifest(meta), { signal });
}

export async function listed(backups: BackupRepository): Promise<readonly BackupSummary[]> {
  return await Array.fromAsync(backups.list({ signal }));
}

/** Flips one bit in the middle of an object. */
export async function damage(root: StorageDriver, key: string): Promise<void> {
  const content = new TextEncoder().encode(await textOf(root, key));
  const middle = Math.floor(content.length / 2);
  content[middle] = (content[middle] ?? 0) ^ 1;
  await putObject(root, key, content);
}
