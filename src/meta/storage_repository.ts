/** Backups as folders of a storage root. How they lie there: FORMAT.md. */

import { mapConcurrent } from "../base/pool.ts";
import type { CallOptions } from "../base/types.ts";
import type { StorageDriver } from "../storage/driver.ts";
import type { Manifest } from "../transfer/manifest.ts";
import { isSafeBackupName, safeBackupName, validateBackupName } from "./backup_name.ts";
import { deleteBackup } from "./delete_backup.ts";
import { beginDraft } from "./draft.ts";
import { readBackup, readBackupManifest } from "./read_backup.ts";
import type { BackupRepository, BackupSummary } from "./repository.ts";
import { summarizeBackup } from "./state.ts";
import type { BackupMeta } from "./types.ts";

/** Folders that are looked at together; each costs two or three small requests. */
const LIST_CONCURRENCY = 16;

export interface RepositoryOptions {
  /** Stamps the owner record of a begun backup. */
  readonly now?: () => Date;
  /** Tells two programs apart that begin the same backup. */
  readonly token?: () => string;
}

/** The repository of all backups directly below `root`. Names given to it are checked by it. */
export function createBackupRepository(root: StorageDriver, options: RepositoryOptions = {}): BackupRepository {
  const { now = () => new Date(), token = () => crypto.randomUUID() } = options;
  return {
    list: ({ signal }) => listBackups(root, { signal }),
    read: async (name, { signal }): Promise<BackupMeta> => await readBackup(root, safeBackupName(name), { signal }),
    readManifest: async (name, { signal }): Promise<Manifest | undefined> =>
      await readBackupManifest(root, safeBackupName(name), { signal }),
    begin: async (name, { signal }) =>
      await beginDraft(root, validateBackupName(name), { signal, startedAt: now(), token: token() }),
    beginCopy: async (name, { signal }) =>
      await beginDraft(root, safeBackupName(name), { signal, startedAt: now(), token: token() }),
    delete: async (name, callOptions) => await deleteBackup(root, safeBackupName(name), callOptions),
  };
}

async function* listBackups(root: StorageDriver, { signal }: CallOptions): AsyncGenerator<BackupSummary> {
  const names: string[] = [];
  for await (const name of root.listDirectories("", { signal })) if (isSafeBackupName(name)) names.push(name);
  const found: BackupSummary[] = [];
  const summaries = mapConcurrent(names, { concurrency: LIST_CONCURRENCY, signal }, (name, stop) =>
    summarizeBackup(root, name, { signal: stop }),
  );
  for await (const summary of summaries) if (summary !== undefined) found.push(summary);
  yield* found.sort((a, b) => (a.name < b.name ? -1 : 1));
}
