/** Which databases and collections an operation is about. */

import { AppError } from "../base/errors.ts";
import { isJsonObject, type JsonValue, parseJson } from "../base/json.ts";
import type { Namespace } from "../base/types.ts";
import { DEFAULT_DATABASE, databaseOrDefault, parseNamespace } from "./namespace.ts";

/** Databases by name: all collections of one, or those named (none: the database alone). No filter means everything. */
export interface CollectionFilter {
  readonly databases: ReadonlyMap<string, "all" | ReadonlySet<string>>;
}

/** The ways to say a filter on a command line; at most one may be given. */
export interface FilterSelectors {
  /** `--filter`: see parseFilter. */
  readonly filter?: string | undefined;
  /** `-c a,db.b`: collections. */
  readonly collections?: string | undefined;
  /** `-d db1,db2`: whole databases. */
  readonly databases?: string | undefined;
  /** `-a '{"db1":["c1"],"db2":[]}'`: collections by database, an empty list for all of them. */
  readonly databaseCollections?: string | undefined;
}

const RULE = /^(?:(\w+)\.\*|(\w+)\.(\w+)|(\w+)\.|(\w+))$/;

/** Undefined when nothing is selected, which means everything. @throws USAGE */
export function filterFromSelectors(selectors: FilterSelectors): CollectionFilter | undefined {
  const given = [
    { flag: "--filter", text: selectors.filter, parse: parseFilter },
    { flag: "--colls", text: selectors.collections, parse: filterOfCollections },
    { flag: "--databases", text: selectors.databases, parse: filterOfDatabases },
    { flag: "--database_collections", text: selectors.databaseCollections, parse: filterOfJson },
  ].filter(({ text }) => text !== undefined && text !== "");
  if (given.length > 1) {
    const flags = given.map(({ flag }) => flag).join(" and ");
    throw new AppError("USAGE", `${flags} exclude each other; say everything in one --filter`);
  }
  const [only] = given;
  return only?.text === undefined ? undefined : only.parse(only.text);
}

/**
 * Rules joined by ",": `db.*` (a whole database), `db.coll`, `coll` (of the default database), `db.` (the database
 * without collections). Names are of letters, digits and "_". Rules add up, in any order.
 * @throws USAGE naming the piece
 */
export function parseFilter(text: string): CollectionFilter {
  const chosen = new Choice();
  for (const piece of text.split(",")) {
    const [, whole, database, collection, bare, name] = RULE.exec(piece) ?? [];
    if (whole !== undefined) chosen.all(whole);
    else if (database !== undefined && collection !== undefined) chosen.one(database, collection);
    else if (bare !== undefined) chosen.database(bare);
    else if (name !== undefined) chosen.one(DEFAULT_DATABASE, name);
    else throw refused("--filter", piece, 'write "db.*", "db.coll", "coll" or "db.", joined by ","');
  }
  return chosen;
}

/** `a,db.b`. @throws USAGE naming the piece */
export function filterOfCollections(text: string): CollectionFilter {
  const chosen = new Choice();
  for (const piece of text.split(",")) {
    const { database, collection } = parseNamespace(piece);
    chosen.one(database, collection);
  }
  return chosen;
}

/** `db1,db2`. @throws USAGE naming the piece */
export function filterOfDatabases(text: string): CollectionFilter {
  const chosen = new Choice();
  for (const piece of text.split(",")) {
    if (!/^\w+$/.test(piece)) throw refused("--databases", piece, 'write names of databases, joined by ","');
    chosen.all(piece);
  }
  return chosen;
}

/** `{"db1":["c1","c2"],"db2":[]}`; "" is the default database. @throws USAGE naming the piece */
export function filterOfJson(text: string): CollectionFilter {
  const wanted = 'write {"db1":["c1"],"db2":[]}, an empty list for all collections';
  let value: JsonValue;
  try {
    value = parseJson(text);
  } catch {
    throw refused("--database_collections", text, `it is not JSON; ${wanted}`);
  }
  if (!isJsonObject(value)) throw refused("--database_collections", text, wanted);
  const chosen = new Choice();
  for (const [key, names] of Object.entries(value)) {
    const database = databaseOrDefault(key);
    if (!Array.isArray(names)) throw refused("--database_collections", key, wanted);
    if (names.length === 0) chosen.all(database);
    for (const name of names) {
      if (typeof name !== "string" || name === "") throw refused("--database_collections", key, wanted);
      chosen.one(database, name);
    }
  }
  return chosen;
}

/** True without a filter. */
export function matches(filter: CollectionFilter | undefined, { database, collection }: Namespace): boolean {
  if (filter === undefined) return true;
  const wanted = filter.databases.get(database);
  return wanted === "all" || wanted?.has(collection) === true;
}

/** Whether the database itself is meant, with or without collections. True without a filter. */
export function namesDatabase(filter: CollectionFilter | undefined, database: string): boolean {
  return filter === undefined || filter.databases.has(database);
}

/** Rules that nothing of `seen` answers to, as they are written: "db.coll", "db.*", "db.". */
export function unmatched(
  filter: CollectionFilter,
  seen: { readonly databases?: Iterable<string>; readonly collections: Iterable<Namespace> },
): readonly string[] {
  const databases = new Set(seen.databases);
  const collections = new Map<string, Set<string>>();
  for (const { database, collection } of seen.collections) {
    databases.add(database);
    collections.set(database, (collections.get(database) ?? new Set()).add(collection));
  }
  return [...filter.databases].flatMap(([database, wanted]) => {
    if (wanted === "all") return databases.has(database) ? [] : [`${database}.*`];
    if (wanted.size === 0) return databases.has(database) ? [] : [`${database}.`];
    return [...wanted].filter((name) => !collections.get(database)?.has(name)).map((name) => `${database}.${name}`);
  });
}

/** Rules add up: what one rule takes, no later rule takes away. */
class Choice implements CollectionFilter {
  readonly databases = new Map<string, "all" | Set<string>>();

  all(database: string): void {
    this.databases.set(database, "all");
  }

  database(name: string): void {
    if (!this.databases.has(name)) this.databases.set(name, new Set());
  }

  one(database: string, collection: string): void {
    this.database(database);
    const chosen = this.databases.get(database);
    if (chosen instanceof Set) chosen.add(collection);
  }
}

function refused(flag: string, piece: string, advice: string): AppError {
  return new AppError("USAGE", `${flag}: ${JSON.stringify(piece)} is refused; ${advice}`);
}
