/** The names below `storages:`: backup roots beside the one of `backup.storage`. */

import { AppError } from "../base/errors.ts";
import type { Config, StorageConfig } from "./config.ts";
import type { Overrides } from "./overrides.ts";
import type { Problems } from "./problems.ts";
import type { FlatFile } from "./yaml_file.ts";

/** What names `backup.storage` where a named storage may stand. */
export const BACKUP_PROFILE = "backup";

/** Names with a "-" and a "_" in one place would share their environment variables. */
const NAME = /^[a-z][a-z0-9_]{0,62}$/;

/** Every name that the file or a `--set` flag speaks of, in lower case; one that cannot be a name is a problem. */
export function profileNames(file: FlatFile, overrides: Overrides, problems: Problems): readonly string[] {
  const names = new Map<string, string>();
  for (const [key, raw] of file) note(names, key, raw.value.kind === "null" ? "" : raw.origin.where);
  for (const [key, { place }] of overrides) note(names, key, place);
  const good: string[] = [];
  for (const [name, where] of names) {
    if (name === BACKUP_PROFILE || name === "milvus") {
      problems.add(`storages.${name}`, where, `is a taken name (${name}.storage has it); choose another`);
    } else if (NAME.test(name)) good.push(name);
    else problems.add(`storages.${name}`, where, 'is no name; begin with a letter and write letters, digits and "_"');
  }
  return good;
}

/**
 * @param name of `storages`, or "backup" (also when left out) for `backup.storage`
 * @throws CONFIG_INVALID naming those there are
 */
export function storageNamed({ backup, storages }: Config, name: string = BACKUP_PROFILE): StorageConfig {
  const wanted = name.toLowerCase();
  const found = wanted === BACKUP_PROFILE ? backup.storage : storages[wanted];
  if (found !== undefined) return found;
  const names = Object.keys(storages);
  throw new AppError(
    "CONFIG_INVALID",
    names.length === 0
      ? `there is no storage ${JSON.stringify(name)}: the configuration has no \`storages:\` (v2 files only)`
      : `there is no storage ${JSON.stringify(name)} below \`storages:\`; there are ${names.join(", ")}, and backup`,
    { details: { storage: name } },
  );
}

function note(names: Map<string, string>, key: string, where: string): void {
  const name = /^storages\.([^.]+)(?:\.|$)/.exec(key)?.[1];
  if (name !== undefined && !names.has(name)) names.set(name, where);
}
