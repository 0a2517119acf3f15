/** Which databases and collections a backup takes. */

import { AppError } from "../../base/errors.ts";
import { nearestName } from "../../base/nearest.ts";
import type { Namespace } from "../../base/types.ts";
import type { CollectionFilter } from "../../meta/filter.ts";
import type { MilvusContext } from "../context.ts";

export interface Selection {
  /** Every database that is recorded, sorted; those named without collections too. */
  readonly databases: readonly string[];
  /** Sorted by database and name; external collections are not among them. */
  readonly collections: readonly Namespace[];
  /** "db.name" of collections whose data lies outside Milvus. */
  readonly external: readonly string[];
}

type Context = Pick<MilvusContext, "milvus" | "signal" | "progress">;

/** @throws NOT_FOUND when a named database or collection does not exist, or the filter selects nothing at all */
export async function selectNamespaces(context: Context, filter: CollectionFilter | undefined): Promise<Selection> {
  const existing = (await context.milvus.listDatabases(context.signal)).toSorted();
  const databases = filter === undefined ? existing : [...filter.databases.keys()].toSorted();
  const chosen: Namespace[] = [];
  for (const database of databases) {
    if (!existing.includes(database)) throw notFound("database", database, existing);
    const collections = await collectionsOf(context, database, filter);
    chosen.push(...collections.map((collection) => ({ database, collection })));
  }
  const external: string[] = [];
  const collections: Namespace[] = [];
  for (const namespace of chosen) {
    // Only servers with external collections can hold one; describing is cheap beside flushing and copying.
    const { external: outside } = await context.milvus.describeCollection(namespace, context.signal);
    if (outside) external.push(`${namespace.database}.${namespace.collection}`);
    else collections.push(namespace);
  }
  for (const name of external) {
    context.progress.report({
      type: "warning",
      code: "EXTERNAL_COLLECTION_SKIPPED",
      message: `${name} is an external collection: its data lies outside Milvus and is not part of the backup`,
    });
  }
  return { databases, collections, external };
}

async function collectionsOf(
  context: Context,
  database: string,
  filter: CollectionFilter | undefined,
): Promise<readonly string[]> {
  const wanted = filter?.databases.get(database) ?? "all";
  const existing = (await context.milvus.listCollections(database, context.signal)).toSorted();
  if (wanted === "all") return existing;
  for (const name of wanted) {
    if (!existing.includes(name)) throw notFound("collection", `${database}.${name}`, existing);
  }
  return [...wanted].toSorted();
}

function notFound(kind: "database" | "collection", name: string, existing: readonly string[]): AppError {
  const near = nearestName(name.split(".").at(-1) ?? name, existing);
  const hint = near === undefined ? "" : `; did you mean ${near}?`;
  return new AppError("NOT_FOUND", `${kind} ${name} does not exist in Milvus${hint}`, { details: { [kind]: name } });
}
