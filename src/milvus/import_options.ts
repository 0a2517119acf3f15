/** What every import job is told, in both protocols. */

import type { ImportRequest } from "./gateway.ts";

/**
 * Text values by name (milvus-backup's Go tool sends the same): the disk quota is not checked, since restored data was
 * already accepted once; the files are a backup's binlogs, or deletes alone.
 */
export function importOptions({ l0, storageVersion }: ImportRequest): Readonly<Record<string, string>> {
  return {
    skip_disk_quota_check: "true",
    // Both together count as backup, and then the server asks for a partition.
    ...(l0 ? { l0_import: "true" } : { backup: "true" }),
    ...(storageVersion > 0n ? { storage_version: storageVersion.toString() } : {}),
  };
}
