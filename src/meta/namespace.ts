/** Full names of collections: "db.coll", or "coll" for the database Milvus calls "default". */

import { AppError } from "../base/errors.ts";
import type { Namespace } from "../base/types.ts";
import type { CollectionMeta } from "./types.ts";

export const DEFAULT_DATABASE = "default";

/** "coll", "db.coll"; an empty database is the default one. @throws USAGE for an empty name or more than one dot */
export function parseNamespace(text: string): Namespace {
  const parts = text.split(".");
  const collection = parts.at(-1) ?? "";
  if (parts.length > 2 || collection === "") {
    throw new AppError("USAGE", `${JSON.stringify(text)} does not name a collection; write "coll" or "db.coll"`);
  }
  return { database: databaseOrDefault(parts.length === 2 ? (parts[0] ?? "") : ""), collection };
}

/** "db.coll", the database always said. */
export function formatNamespace(namespace: Namespace): string {
  return `${namespace.database}.${namespace.collection}`;
}

/** The full name of a collection of a backup; very old backups leave the database empty. */
export function namespaceOf(collection: Pick<CollectionMeta, "databaseName" | "collectionName">): Namespace {
  return { database: databaseOrDefault(collection.databaseName), collection: collection.collectionName };
}

/** Old servers and old backups say "" for the default database. */
export function databaseOrDefault(name: string): string {
  return name === "" ? DEFAULT_DATABASE : name;
}
