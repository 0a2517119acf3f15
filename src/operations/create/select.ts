/** Which databases and collections a backup takes. */

import { AppError, hasCode } from "../../base/errors.ts";
import { nearestName } from "../../base/nearest.ts";
import { mapConcurrent } from "../../base/pool.ts";
import type { Namespace } from "../../base/types.ts";
import type { CollectionFilter } from "../../meta/filter.ts";
import { formatNamespace } from "../../meta/namespace.ts";
import type { MilvusContext } from "../context.ts";

export interface Selection {
  /** Every database that is recorded, sorted; those named without collections too. */
  readonly databases: readonly string[];
  /** Sorted by database and name; external collections are not among them. */
  readonly collections: readonly Namespace[];
  /** "db.name" of collections whose data lies outside Milvus. */
  readonly external: readonly string[];
}

/** Small calls that only ask whether a collection is external. */
const DESCRIBE_CONCURRENCY = 16;

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
  const pool = { concurrency: DESCRIBE_CONCURRENCY, signal: context.signal };
  const looked = mapConcurrent(chosen, pool, (namespace, signal) => lookAt({ ...context, signal }, namespace, filter));
  for await (const { namespace, kind } of looked) {
    if (kind === "external") external.push(formatNamespace(namespace));
    else if (kind === "internal") collections.push(namespace);
  }
  external.sort();
  collections.sort((a, b) => compare(a.database, b.database) || compare(a.collection, b.collection));
  for (const name of external) {
    context.progress.report({
      type: "warning",
      code: "EXTERNAL_COLLECTION_SKIPPED",
      message: `${name} is an external collection: its data lies outside Milvus and is not part of the backup`,
    });
  }
  return { databases, collections, external };
}

/** Only servers with external collections can hold one; describing is cheap beside flushing and copying. */
async function lookAt(
  context: Context,
  namespace: Namespace,
  filter: CollectionFilter | undefined,
): Promise<{ readonly namespace: Namespace; readonly kind: "external" | "internal" | "gone" }> {
  try {
    const { external } = await context.milvus.describeCollection(namespace, context.signal);
    return { namespace, kind: external ? "external" : "internal" };
  } catch (error) {
    // Dropped since it was listed: as if it had been dropped before, unless somebody asked for it by name.
    if (!hasCode(error, "NOT_FOUND") || isNamed(filter, namespace)) throw error;
    return { namespace, kind: "gone" };
  }
}

/** Whether the filter names the collection itself, not just its database. */
export function isNamed(filter: CollectionFilter | undefined, namespace: Namespace): boolean {
  const wanted = filter?.databases.get(namespace.database);
  return wanted instanceof Set && wanted.has(namespace.collection);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
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
