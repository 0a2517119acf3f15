/** Deletes a backup so that one that is half deleted is never taken for a good one. */

import { AppError } from "../base/errors.ts";
import { MILVUS_FOLDERS } from "../base/milvus_folders.ts";
import { forEachConcurrent } from "../base/pool.ts";
import type { CallOptions } from "../base/types.ts";
import type { ObjectKey, StorageDriver } from "../storage/driver.ts";
import { documentExists } from "./document_store.ts";
import { BACKUP_FOLDERS, backupPrefix, DOCUMENT, documentKey, META_PREFIX } from "./layout.ts";
import { holdsBackupParts } from "./state.ts";

const DELETE_CONCURRENCY = 16;

/**
 * The marker first, then data, then the other documents: whatever an interruption leaves is listed as incomplete and can
 * be deleted again.
 * @throws NOT_FOUND when there is nothing, or nothing that is a backup (which is left alone); ACCESS_DENIED when Milvus
 *   keeps data in the folder
 * @returns objects deleted
 */
export async function deleteBackup(
  root: StorageDriver,
  name: string,
  options: CallOptions & { readonly onDelete?: (key: string) => void },
): Promise<number> {
  const { signal, onDelete } = options;
  const marker = documentKey(name, DOCUMENT.backup);
  const committed = await documentExists(root, marker, { signal });
  if (!committed && !(await holdsBackupParts(root, name, { signal }))) throw await absent(root, name, { signal });
  await refuseMilvusData(root, name, { signal });
  let deleted = 0;
  const remove = async (key: ObjectKey, stop: AbortSignal): Promise<void> => {
    await root.delete(key, { signal: stop });
    deleted += 1;
    onDelete?.(key);
  };
  if (committed) await remove(marker, signal);
  const documents: ObjectKey[] = [];
  const concurrently = { concurrency: DELETE_CONCURRENCY, signal };
  await forEachConcurrent(dataKeys(root, { name, marker, documents }, { signal }), concurrently, remove);
  await forEachConcurrent(documents, concurrently, remove);
  return deleted;
}

/**
 * The backup root may be a Milvus root path or hold one. A backup has nothing beside its own two folders that bears a name
 * of Milvus' folders, and one that bears such a name itself (another tool allows it) has nothing beside them at all.
 */
async function refuseMilvusData(root: StorageDriver, name: string, options: CallOptions): Promise<void> {
  const namedLikeMilvus = MILVUS_FOLDERS.includes(name);
  for await (const folder of root.listDirectories(backupPrefix(name), options)) {
    if (BACKUP_FOLDERS.includes(folder) || !(namedLikeMilvus || MILVUS_FOLDERS.includes(folder))) continue;
    throw new AppError(
      "ACCESS_DENIED",
      `${name}/${folder} of ${root.location} looks like data of Milvus itself, in the folder of backup ${name}; ` +
        "nothing was deleted: remove what belongs to the backup by hand",
      { details: { name, folder } },
    );
  }
}

/** Every key that is not a meta document; those are put aside into `documents`. */
async function* dataKeys(
  root: StorageDriver,
  backup: { readonly name: string; readonly marker: ObjectKey; readonly documents: ObjectKey[] },
  options: CallOptions,
): AsyncGenerator<ObjectKey> {
  const prefix = backupPrefix(backup.name);
  for await (const { key } of root.list(prefix, options)) {
    if (key === backup.marker) continue;
    if (key.startsWith(`${prefix}${META_PREFIX}`)) backup.documents.push(key);
    else yield key;
  }
}

async function absent(root: StorageDriver, name: string, options: CallOptions): Promise<AppError> {
  for await (const _ of root.list(backupPrefix(name), options)) {
    return new AppError(
      "NOT_FOUND",
      `the folder ${name} of ${root.location} holds objects, but no part of a backup; nothing was deleted`,
      { details: { name } },
    );
  }
  return new AppError("NOT_FOUND", `there is no backup ${name} in ${root.location}; \`list\` shows those there are`, {
    details: { name },
  });
}
