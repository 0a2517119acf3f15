/** Do the backups lie where Milvus keeps (and deletes) its own data? */

import { resolve } from "node:path";
import { MILVUS_FOLDERS } from "../base/milvus_folders.ts";
import type { Problems } from "./problems.ts";
import { rootPathOf } from "./storage_config.ts";
import { sectionPath } from "./storage_keys.ts";
import { type Section, textOf } from "./storage_section.ts";

/** A backup root inside Milvus' data is a problem; roots that are the same folder or hold each other are a warning. */
export function checkOverlap(milvus: Section, backup: Section, cwd: string, problems: Problems): void {
  if (!sameBucket(milvus, backup)) return;
  const source = partsOf(milvus, cwd);
  const target = partsOf(backup, cwd);
  const found = backup.values.get("rootPath");
  if (found === undefined) return;
  const key = `${sectionPath(backup.side)}.rootPath`;
  const folder = target[source.length] ?? "";
  if (isBelow(target, source) && MILVUS_FOLDERS.includes(folder)) {
    problems.addFor(
      key,
      found,
      `lies in ${JSON.stringify(folder)} of the Milvus root path, where Milvus deletes what it does not know; ` +
        "write another path",
    );
  } else if (target.length === source.length && isBelow(target, source)) {
    problems.warn(
      `${key} and milvus.storage.rootPath are the same folder (${JSON.stringify(rootPathOf(backup))}); ` +
        'backups will lie among the data of Milvus: better give the backups a root path of their own, such as "backup"',
    );
  } else if (isBelow(source, target)) {
    problems.warn(
      `milvus.storage.rootPath (${JSON.stringify(rootPathOf(milvus))}) lies inside ${key} ` +
        `(${JSON.stringify(rootPathOf(backup))}); better give the backups a root path beside it`,
    );
  }
}

function sameBucket(milvus: Section, backup: Section): boolean {
  if (milvus.family !== backup.family) return false;
  if (milvus.family === "local") return true;
  if (milvus.family === "plugin") return false;
  const names = ["address", "port", "accountName", "blobEndpoint", "auth.connectionString", "bucketName"];
  return names.every((name) => textOf(milvus, name).toLowerCase() === textOf(backup, name).toLowerCase());
}

function partsOf(section: Section, cwd: string): readonly string[] {
  const path = section.family === "local" ? resolve(cwd, rootPathOf(section)) : rootPathOf(section);
  return path.split("/").filter((part) => part !== "");
}

/** True also for equal paths. */
function isBelow(path: readonly string[], folder: readonly string[]): boolean {
  return folder.every((part, index) => path[index] === part);
}
