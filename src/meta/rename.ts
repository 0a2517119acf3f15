/** Under which name a collection of a backup is restored. */

import { AppError } from "../base/errors.ts";
import type { Namespace } from "../base/types.ts";
import { DEFAULT_DATABASE, formatNamespace } from "./namespace.ts";

export interface TargetMapping {
  mapTarget(source: Namespace): Namespace;
  /** Where a database that is recorded in the backup goes. */
  mapDatabase(database: string): string;
  /** Rules whose source none of `seen` is, as they are written. */
  unmatched(seen: {
    readonly databases?: Iterable<string>;
    readonly collections: Iterable<Namespace>;
  }): readonly string[];
}

/** Everything keeps its name. */
export const IDENTITY: TargetMapping = suffixed("");

/** `--rename` and `--suffix` as given; both at once are refused. @throws USAGE */
export function targetMapping(options: {
  readonly rename?: string | undefined;
  readonly suffix?: string | undefined;
}): TargetMapping {
  const { rename = "", suffix = "" } = options;
  if (rename !== "" && suffix !== "") {
    throw new AppError("USAGE", "--rename and --suffix exclude each other; name every target in --rename");
  }
  return rename === "" ? parseSuffix(suffix) : parseRename(rename);
}

/** Appended to every collection's name. @throws USAGE for characters other than letters, digits and "_" */
export function parseSuffix(suffix: string): TargetMapping {
  if (!/^[A-Za-z0-9_]*$/.test(suffix)) {
    throw new AppError("USAGE", `--suffix ${JSON.stringify(suffix)} is refused; use ASCII letters, digits and "_"`);
  }
  return suffixed(suffix);
}

interface RenameRule {
  readonly written: string;
  /** A whole database when there is no collection. */
  readonly source: { readonly database: string; readonly collection?: string };
  readonly target: { readonly database: string; readonly collection?: string };
}

/** The shapes of one side; both sides of a pair have the same one. */
const SHAPES = [
  { name: "db.*", pattern: /^(\w+)\.\*$/, side: (database = "") => ({ database }) },
  { name: "db.", pattern: /^(\w+)\.$/, side: (database = "") => ({ database }) },
  {
    name: "db.coll",
    pattern: /^(\w+)\.(\w+)$/,
    side: (database = "", collection = "") => ({ database, collection }),
  },
  { name: "coll", pattern: /^(\w+)$/, side: (collection = "") => ({ database: DEFAULT_DATABASE, collection }) },
] as const;

/**
 * Pairs "source:target" joined by ",": `db1.a:db2.b`, `a:b` (in the default database), `db1.*:db2.*` and `db1.:db2.`
 * (every collection of a database, and the database itself). A pair that names the collection goes before its
 * database's; what no pair names keeps its name.
 * @throws USAGE for other shapes, a source named twice, two collections onto one target
 */
export function parseRename(text: string): TargetMapping {
  const rules = text.split(",").map(parseRule);
  const collections = new Map<string, RenameRule>();
  const databases = new Map<string, RenameRule>();
  const targets = new Map<string, string>();
  for (const rule of rules) {
    const { source, target, written } = rule;
    const byName = source.collection === undefined ? databases : collections;
    const before = byName.get(nameOf(source));
    if (before !== undefined) throw refused(written, `${before.written} already says where ${nameOf(source)} goes`);
    byName.set(nameOf(source), rule);
    if (target.collection === undefined) continue;
    const other = targets.get(nameOf(target));
    if (other !== undefined) throw refused(written, `${other} already goes to ${nameOf(target)}`);
    targets.set(nameOf(target), written);
  }
  const mapDatabase = (database: string): string => databases.get(database)?.target.database ?? database;
  return {
    mapDatabase,
    mapTarget(source) {
      const target = collections.get(formatNamespace(source))?.target;
      if (target?.collection !== undefined) return { database: target.database, collection: target.collection };
      return { database: mapDatabase(source.database), collection: source.collection };
    },
    unmatched(seen) {
      const present = new Set(seen.databases);
      for (const namespace of seen.collections) present.add(namespace.database).add(formatNamespace(namespace));
      return rules.filter(({ source }) => !present.has(nameOf(source))).map(({ written }) => written);
    },
  };
}

/**
 * Targets of `sources`, in their order.
 * @throws USAGE when two of them would become one collection
 */
export function mapTargets(
  mapping: TargetMapping,
  sources: Iterable<Namespace>,
): readonly { readonly source: Namespace; readonly target: Namespace }[] {
  const taken = new Map<string, Namespace>();
  return [...sources].map((source) => {
    const target = mapping.mapTarget(source);
    const other = taken.get(formatNamespace(target));
    if (other !== undefined) {
      throw new AppError(
        "USAGE",
        `${formatNamespace(other)} and ${formatNamespace(source)} would both be restored as ${formatNamespace(target)}; ` +
          "give one of them another target with --rename, or leave one out with --filter",
      );
    }
    taken.set(formatNamespace(target), source);
    return { source, target };
  });
}

function suffixed(suffix: string): TargetMapping {
  return {
    mapTarget: ({ database, collection }) => ({ database, collection: `${collection}${suffix}` }),
    mapDatabase: (database) => database,
    unmatched: () => [],
  };
}

function parseRule(piece: string): RenameRule {
  const [from = "", to, ...rest] = piece.split(":");
  if (to === undefined || rest.length > 0) throw refused(piece, 'a pair is "source:target"');
  for (const { name, pattern, side } of SHAPES) {
    const source = pattern.exec(from);
    if (source === null) continue;
    const target = pattern.exec(to);
    if (target === null)
      throw refused(piece, `the source has the shape ${name}, the target ${JSON.stringify(to)} has not`);
    return { written: piece, source: side(source[1], source[2]), target: side(target[1], target[2]) };
  }
  throw refused(piece, 'write "db1.*:db2.*", "db1.:db2.", "db1.a:db2.b" or "a:b"');
}

function nameOf(side: RenameRule["source"]): string {
  return side.collection === undefined ? side.database : `${side.database}.${side.collection}`;
}

function refused(piece: string, reason: string): AppError {
  return new AppError("USAGE", `--rename: ${JSON.stringify(piece)} is refused: ${reason}`);
}
