/** Which collection of the backup becomes which collection of the target; everything is settled before anything is made. */

import { AppError } from "../../base/errors.ts";
import type { Namespace } from "../../base/types.ts";
import { matches, namesDatabase, unmatched } from "../../meta/filter.ts";
import { formatNamespace, namespaceOf } from "../../meta/namespace.ts";
import { mapTargets } from "../../meta/rename.ts";
import type { BackupMeta, CollectionMeta } from "../../meta/types.ts";
import type { CatalogReader } from "../../milvus/gateway.ts";
import type { RestoreBackupRequest } from "./request.ts";

export interface RestoreTarget {
  readonly meta: CollectionMeta;
  readonly source: Namespace;
  readonly target: Namespace;
}

export interface RestoreTargets {
  readonly collections: readonly RestoreTarget[];
  /** Databases the targets need, and databases that are recorded without a collection; sorted. */
  readonly databases: readonly string[];
}

type Choice = Pick<RestoreBackupRequest, "selection" | "filter" | "mapping">;

/** @throws NOT_FOUND when a name selects nothing, USAGE when two collections would become one */
export function planTargets(backup: BackupMeta, choice: Choice): RestoreTargets {
  const recorded = backup.databases.map((database) => database.name);
  const sources = backup.collections.map((meta) => ({ meta, source: namespaceOf(meta) }));
  const seen = { databases: recorded, collections: sources.map(({ source }) => source) };
  refuseUnmatched(backup.name, choice.mapping.unmatched(seen), seen.collections);
  if (choice.selection !== undefined) refuseUnmatched(backup.name, unmatched(choice.selection, seen), seen.collections);
  const selected = sources.filter(({ source }) => matches(choice.selection, source));
  const mapped = selected.map(({ meta, source }) => ({ meta, source, target: choice.mapping.mapTarget(source) }));
  const after = {
    databases: recorded.map((name) => choice.mapping.mapDatabase(name)),
    collections: mapped.map(({ target }) => target),
  };
  if (choice.filter !== undefined) refuseUnmatched(backup.name, unmatched(choice.filter, after), after.collections);
  const collections = mapped.filter(({ target }) => matches(choice.filter, target));
  mapTargets(
    choice.mapping,
    collections.map(({ source }) => source),
  );
  return { collections, databases: neededDatabases(backup, choice, collections) };
}

function refuseUnmatched(backup: string, missing: readonly string[], known: readonly Namespace[]): void {
  if (missing.length === 0) return;
  const names = known.map(formatNamespace).toSorted();
  const some = names.length > 10 ? `${names.slice(0, 10).join(", ")}, ...` : names.join(", ") || "none";
  throw new AppError(
    "NOT_FOUND",
    `backup ${backup}: nothing answers to ${missing.join(", ")}; collections to choose from: ${some}`,
    { details: { backup, unmatched: missing.join(",") } },
  );
}

/** What the targets need, and databases that were recorded empty; no other database is ever made. */
function neededDatabases(backup: BackupMeta, choice: Choice, collections: readonly RestoreTarget[]): readonly string[] {
  const needed = new Set(collections.map(({ target }) => target.database));
  const inUse = new Set(backup.collections.map((meta) => namespaceOf(meta).database));
  for (const { name } of backup.databases) {
    const target = choice.mapping.mapDatabase(name);
    if (!inUse.has(name) && namesDatabase(choice.selection, name) && namesDatabase(choice.filter, target))
      needed.add(target);
  }
  return [...needed].toSorted();
}

/** Looks at every target before the first is made. @throws ALREADY_EXISTS, NOT_FOUND */
export async function checkTargets(
  milvus: CatalogReader,
  targets: readonly RestoreTarget[],
  request: Pick<RestoreBackupRequest, "replaceExisting" | "intoExisting">,
  signal: AbortSignal,
): Promise<ReadonlySet<RestoreTarget>> {
  const existing = new Set<RestoreTarget>();
  for (const entry of targets) {
    const name = formatNamespace(entry.target);
    const exists = await milvus.hasCollection(entry.target, signal);
    if (exists) existing.add(entry);
    if (exists && !request.replaceExisting && !request.intoExisting) {
      throw new AppError(
        "ALREADY_EXISTS",
        `collection ${name} exists already; choose another name with --suffix or --rename, or replace it with --drop_exist_collection`,
        { details: { collection: name } },
      );
    }
    if (!exists && request.intoExisting) {
      throw new AppError("NOT_FOUND", `collection ${name} does not exist, and --skip_create_collection was given`, {
        details: { collection: name },
      });
    }
  }
  return existing;
}
