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
  | "flushDeletes";

export type ServerVersion = readonly [major: number, minor: number, patch: number];

/** The first release that has it. */
const SINCE: Readonly<Record<Exclude<Feature, "databases">, ServerVersion>> = {
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

/**
 * What a server of this version has. An unknown version has nothing that is not asked of the server itself: such builds
 * may stand anywhere, and every optional feature has a slower way that all servers understand. "databases" is found by
 * asking.
 */
export function featuresOf(version: ServerVersion | undefined): ReadonlySet<Feature> {
  // Not optional for any release line that still gets unversioned builds.
  if (version === undefined) return new Set(["flushDeletes"]);
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
