/** Which calls and behaviours a server has, by its version where it cannot simply be tried. */

export type Feature =
  | "databases"
  | "describeDatabase"
  | "segmentDescribe"
  | "multiL0InOneJob"
  | "collectionGcControl"
  | "functionRuntimeCheck"
  | "flushAll"
  | "importV2"
  | "addField"
  /** A flush also stores deletes of rows that were stored before. */
  | "flushDeletes"
  | SchemaFeature;

/**
 * What a collection and its data may be made of. A server that lacks one refuses the schema, or makes something else of it: 2.3.5
 * accepts every data type and drops functions, struct arrays and "nullable" silently.
 */
export type SchemaFeature =
  | "arrayFields"
  | "severalVectorFields"
  | "shortFloatVectors"
  | "sparseVectors"
  | "defaultValues"
  | "nullableFields"
  | "functions"
  | "structArrays"
  /** Int8 vectors, geometries, times with a zone, and whatever type came after them. */
  | "newerDataTypes"
  /** Segments whose log files hold several columns each. */
  | "storageV2"
  /** Segments of deletes alone (L0). */
  | "deleteSegments";

export type ServerVersion = readonly [major: number, minor: number, patch: number];

/** The first release that has it; where one is known only by its line, that line's first. */
const SCHEMA_SINCE: Readonly<Record<SchemaFeature, ServerVersion>> = {
  arrayFields: [2, 3, 0],
  severalVectorFields: [2, 4, 0],
  shortFloatVectors: [2, 4, 0],
  sparseVectors: [2, 4, 0],
  defaultValues: [2, 3, 0],
  nullableFields: [2, 5, 0],
  functions: [2, 5, 0],
  structArrays: [2, 6, 0],
  newerDataTypes: [2, 6, 0],
  storageV2: [2, 6, 0],
  deleteSegments: [2, 4, 0],
};

export const SCHEMA_FEATURES = Object.keys(SCHEMA_SINCE) as readonly SchemaFeature[];

const SINCE: Readonly<Record<Exclude<Feature, "databases">, ServerVersion>> = {
  ...SCHEMA_SINCE,
  describeDatabase: [2, 4, 3],
  segmentDescribe: [2, 5, 8],
  multiL0InOneJob: [2, 6, 5],
  collectionGcControl: [2, 6, 8],
  functionRuntimeCheck: [2, 6, 8],
  flushAll: [2, 6, 11],
  importV2: [2, 4, 0],
  addField: [2, 6, 0],
  flushDeletes: [2, 3, 0],
};

/** A build of a release line without a patch number is taken for that line's newest. */
const NEWEST_PATCH = 9999;
const EXACT = /^v?(\d+)\.(\d+)\.(\d+)(?:$|[-+.])/;
const EMBEDDED = /(?:^|milvus[ _-]*)v?(\d+)\.(\d+)(?:\.(\d+))?/i;

/**
 * The version a text states exactly: "v2.3.5-lite", "2.4.0.1-gpu-beta" (the fourth part is dropped). Undefined for
 * anything else. Pre-releases count as the release.
 */
export function parseExactVersion(text: string): ServerVersion | undefined {
  const found = EXACT.exec(text);
  return found === null ? undefined : [Number(found[1]), Number(found[2]), Number(found[3])];
}

/**
 * The version that the texts (build tags, then what GetVersion says) state or mention: the first exact one, else the
 * first that one mentions ("2.6-20260404-31fb3fc", "... (Compatible with Milvus 2.6)": patch 9999). Undefined for
 * "master-...", "unknown-..." and empty texts.
 */
export function parseServerVersion(...texts: readonly string[]): ServerVersion | undefined {
  for (const text of texts) {
    const exact = parseExactVersion(text);
    if (exact !== undefined) return exact;
  }
  for (const text of texts) {
    const found = EMBEDDED.exec(text);
    if (found !== null)
      return [Number(found[1]), Number(found[2]), found[3] === undefined ? NEWEST_PATCH : Number(found[3])];
  }
  return undefined;
}

/** Where there is no other way than this one, a server of unknown version is not second-guessed: it decides itself. */
const LEFT_TO_THE_SERVER: readonly Feature[] = ["addField", ...SCHEMA_FEATURES];

/** "2.4": the release line that a feature came with, for messages. */
export function firstLineWith(feature: Exclude<Feature, "databases">): string {
  return SINCE[feature].slice(0, 2).join(".");
}

/**
 * What a server of this version has. An unknown version has nothing that has a slower way which all servers understand:
 * such builds may stand anywhere. "databases" is found by asking.
 */
export function featuresOf(version: ServerVersion | undefined): ReadonlySet<Feature> {
  // Not optional for any release line that still gets unversioned builds.
  if (version === undefined) return new Set(["flushDeletes", ...LEFT_TO_THE_SERVER]);
  return new Set(
    Object.entries(SINCE)
      .filter(([, since]) => !isOlder(version, since))
      .map(([feature]) => feature as keyof typeof SINCE),
  );
}

function isOlder(version: ServerVersion, since: ServerVersion): boolean {
  const [major, minor, patch] = version;
  if (major !== since[0]) return major < since[0];
  if (minor !== since[1]) return minor < since[1];
  return patch < since[2];
}
