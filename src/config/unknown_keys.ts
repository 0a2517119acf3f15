/** Keys that were written but are not known: a misspelling must never silently mean the default. */

import { nearestName } from "../base/nearest.ts";
import type { Environment } from "./environment.ts";
import type { Override, Overrides } from "./overrides.ts";
import type { Problems } from "./problems.ts";
import { DEAD_V1_KEYS, SILENT_V1_KEYS, V1_KEYS, type V1Key } from "./schema_v1.ts";
import { V2_KEYS, VERSION_KEY } from "./schema_v2.ts";
import { isProfile, SECTION_NAMES, STORAGE_NAMES, sectionPath } from "./storage_keys.ts";
import type { Section } from "./storage_section.ts";
import type { FlatFile } from "./yaml_file.ts";

export interface UnknownKeysInput {
  readonly file: FlatFile;
  readonly overrides: Overrides;
  readonly problems: Problems;
}

/**
 * Every unknown key of a v2 file and of `--set` is a problem, with the replacement of a v1 name or the nearest name.
 * @param sections the resolved ones; below one that did not resolve nothing is judged
 */
export function checkV2Keys(input: UnknownKeysInput, sections: readonly Section[]): void {
  const known = [VERSION_KEY, ...V2_KEYS.map((spec) => spec.key), ...sections.flatMap(ownKeys)];
  const variables = V2_KEYS.flatMap((spec) => (spec.env === undefined ? [] : [spec.env]));
  const ownVariables = sections.flatMap((section) => [...section.keys.values()].flatMap((it) => it.env ?? []));
  const judged = (key: string): boolean => {
    const path = /^(?:milvus\.storage|backup\.storage|storages\.[^.]+)(?=\.)/.exec(key)?.[0];
    return path === undefined || sections.some((section) => sectionPath(section.side) === path);
  };
  const knownKeys = lowerCase(known);
  for (const [key, raw] of input.file) {
    if (knownKeys.has(key) || !judged(key)) continue;
    if (raw.value.kind === "null" && isSectionName(key, known)) continue;
    input.problems.add(raw.origin.name, raw.origin.where, unknownV2(key, known, raw.value.kind !== "null"));
  }
  const settable = lowerCase([...known.filter((key) => key !== VERSION_KEY), ...variables, ...ownVariables]);
  for (const [key, override] of input.overrides) {
    if (settable.has(key) || !judged(key)) continue;
    const subject = placeOf(override);
    const what =
      key === VERSION_KEY.toLowerCase()
        ? "is set in a file only"
        : unknownV2(key, known, true, subject !== override.place);
    input.problems.add(subject, "", what);
  }
}

/** Unknown keys of a v1 file are warnings: files in use hold many that nothing ever read. */
export function warnV1Keys(input: UnknownKeysInput): void {
  const keys = V1_KEYS.flatMap((spec) => [spec.key, ...(spec.otherKeys ?? [])]);
  const known = lowerCase([VERSION_KEY, ...keys, ...SILENT_V1_KEYS]);
  const dead = lowerCase(DEAD_V1_KEYS);
  const v2 = lowerCase(V2_KEYS.map((spec) => spec.key));
  const advice = (key: string): string => {
    if (dead.has(key)) return "is not read by this version, ignored";
    if (v2.has(key) || /^(milvus|backup)\.storage\./.test(key)) {
      return 'is a v2 key and is ignored, because the file is v1; write "configVersion: v2" and v2 keys throughout';
    }
    const nearest = nearestName(key, keys);
    return `is not a known key, ignored${nearest === undefined ? "" : ` (did you mean ${JSON.stringify(nearest)}?)`}`;
  };
  for (const [key, raw] of input.file) {
    if (known.has(key) || (raw.value.kind === "null" && isSectionName(key, keys))) continue;
    input.problems.warn(`${JSON.stringify(raw.origin.name)} (${raw.origin.where}) ${advice(key)}`);
  }
  const variables = lowerCase(V1_KEYS.flatMap((spec) => spec.env ?? []));
  for (const [key, override] of input.overrides) {
    if (known.has(key) || variables.has(key)) continue;
    const subject = placeOf(override);
    input.problems.warn(
      subject === override.place ? `${subject} names an unknown key, ignored` : `${subject} ${advice(key)}`,
    );
  }
}

/** Environment variables of v1 do nothing beside a v2 file; say so, since they used to. */
export function warnV1Variables(env: Environment, problems: Problems): void {
  for (const [variable, instead] of v1Variables(env)) {
    problems.warn(`environment variable ${variable} belongs to v1 configurations, ignored; use ${instead}`);
  }
}

/** The variables of v1 alone that are set, each with what v2 has instead of it. */
export function v1Variables(env: Environment): readonly (readonly [variable: string, instead: string])[] {
  const current = new Set(V2_KEYS.flatMap((spec) => spec.env ?? []));
  return V1_KEYS.flatMap((spec) => {
    const value = spec.env === undefined ? undefined : env[spec.env];
    // Kubernetes puts MILVUS_PORT=tcp://... into every pod; nobody meant that one.
    if (spec.env === undefined || value === undefined || current.has(spec.env) || value.startsWith("tcp://")) return [];
    const variable = V2_KEYS.find((it) => it.key === spec.v2)?.env;
    return [[spec.env, variable === undefined ? `the key ${spec.v2}` : `the variable ${variable}`] as const];
  });
}

function unknownV2(key: string, known: readonly string[], hasValue: boolean, mayQuote = true): string {
  if (!mayQuote) return "names an unknown key; a value with a comma needs quotes of its own: --set '\"KEY=a,b\"'";
  const old = v1Key(key);
  if (old !== undefined) {
    const hint = old.v2Hint === undefined ? "" : ` (${old.v2Hint})`;
    if (old.v2 === "") return "is a v1 key that is gone in v2; remove it";
    return `is a v1 key; in v2 write ${old.v2}${hint}`;
  }
  if (hasValue && isSectionName(key, known)) return "is a section; write its keys below it";
  const parent = known.find((it) => key.startsWith(`${it.toLowerCase()}.`));
  if (parent !== undefined) return `is not a known key; ${parent} takes a plain value`;
  const nearest = nearestName(key, known);
  const hint = nearest === undefined ? "configs/README.md lists the keys" : `did you mean ${JSON.stringify(nearest)}?`;
  return `is not a known key; ${hint}`;
}

function v1Key(key: string): V1Key | undefined {
  return V1_KEYS.find((spec) => [spec.key, ...(spec.otherKeys ?? [])].some((it) => it.toLowerCase() === key));
}

/** The names a section's driver adds, in both spellings. */
function ownKeys(section: Section): readonly string[] {
  const prefix = sectionPath(section.side);
  const names = Object.keys(section.table ?? {});
  const shared = isProfile(section.side) ? STORAGE_NAMES : [];
  const added = names.filter((name) => !STORAGE_NAMES.includes(name) && !SECTION_NAMES.includes(name));
  return [
    ...[...shared, ...added].map((name) => `${prefix}.${name}`),
    ...names.map((name) => `${prefix}.options.${name}`),
  ];
}

/** Sections that may be written without a key below them. */
const SECTIONS = /^(?:milvus\.storage|backup\.storage|storages\.[^.]+)\.options$|^storages(?:\.[^.]+)?$/;

function isSectionName(key: string, known: readonly string[]): boolean {
  return known.some((it) => it.toLowerCase().startsWith(`${key}.`)) || SECTIONS.test(key);
}

/** A part behind a secret in the same flag is not quoted: it may be the rest of a password with a comma. */
function placeOf(override: Override): string {
  return override.before.some(isSecretName) ? override.place : override.raw.origin.where;
}

const SECRET_NAMES = lowerCase(
  [...V2_KEYS, ...V1_KEYS].filter((it) => it.secret === true).flatMap((it) => [it.key, ...(it.env ? [it.env] : [])]),
);

/** Anything that is not a plain known name may be one: a driver's secret option, or a misspelt one. */
function isSecretName(key: string): boolean {
  return SECRET_NAMES.has(key) || /secret|password|token|key|credential/.test(key);
}

function lowerCase(names: readonly string[]): ReadonlySet<string> {
  return new Set(names.map((name) => name.toLowerCase()));
}
