/** One storage section: its provider, and every value below it set, inherited or defaulted. */

import { didYouMean } from "../base/nearest.ts";
import type { OptionTable } from "../storage/driver.ts";
import type { KeySpec, Value } from "./keys.ts";
import { type Finder, lookupOf } from "./layers.ts";
import type { Problems } from "./problems.ts";
import { authTypes, canonicalProvider, FAMILY_DEFAULTS, type Family, familyOf, PROVIDERS } from "./providers.ts";
import { defaulted, type Found, isExplicit } from "./raw.ts";
import {
  INHERITED_NAMES,
  isProfile,
  optionKey,
  SECTION_NAMES,
  type Side,
  STORAGE_NAMES,
  sectionPath,
  storageKeys,
} from "./storage_keys.ts";

const PLACE_NAMES: readonly string[] = ["address", "port", "region", "useSSL"];

export type DriverOptions = (provider: string) => OptionTable | undefined;

export interface SectionInput {
  readonly side: Side;
  readonly finder: Finder;
  readonly driverOptions: DriverOptions;
  readonly problems: Problems;
  /** The Milvus section, for the backup section to inherit from. */
  readonly parent?: Section | undefined;
}

export interface Section {
  readonly side: Side;
  /** Canonical name, or a plugin driver's. */
  readonly provider: string;
  readonly family: Family;
  /** Undefined for a provider that is known but has no driver in this executable. */
  readonly table: OptionTable | undefined;
  /** By name below `storage:`, in table order: the well-known names, then the driver's own. */
  readonly values: ReadonlyMap<string, Found>;
  readonly keys: ReadonlyMap<string, KeySpec>;
}

type ResolvingSection = Section & { readonly values: Map<string, Found> };

/** The section, unchecked (storage_checks.ts); undefined after a problem with its provider, which hides all else. */
export function resolveSection(input: SectionInput): Section | undefined {
  const provider = resolveProvider(input);
  const name = provider === undefined ? undefined : String(provider.value);
  if (provider === undefined || name === undefined) return undefined;
  const table = input.driverOptions(name);
  const family = familyWith(name, table, input.driverOptions);
  const keys = new Map<string, KeySpec>();
  for (const spec of storageKeys(input.side)) {
    const short = nameOf(input.side, spec.key);
    keys.set(short, fitted(short, spec, { side: input.side, family, table }));
  }
  for (const [short, option] of Object.entries(table ?? {})) {
    if (!STORAGE_NAMES.includes(short)) keys.set(short, optionKey(input.side, short, option));
  }
  const values = new Map<string, Found>([["provider", provider]]);
  const section: ResolvingSection = { side: input.side, provider: name, family, table, values, keys };
  for (const [short, spec] of keys) {
    if (short === "provider") continue;
    const found = input.finder.find(spec, lookupOf(spec, ...otherSpellings(short, section)));
    values.set(short, found ?? inherited(short, section, input.parent) ?? defaulted(defaultOf(short, spec, section)));
  }
  useApplicationCredentials(section, input.finder);
  return section;
}

/** Where Google's own tools and libraries look for a credentials file, for sections that name none. */
function useApplicationCredentials({ family, values, keys }: ResolvingSection, finder: Finder): void {
  const spec = keys.get("auth.credentialsFile");
  if (family !== "gcpnative" || values.get("auth.type")?.value !== "default" || spec === undefined) return;
  if (values.get("auth.credentialsFile")?.value !== "") return;
  const found = finder.find(spec, { keys: [], env: "GOOGLE_APPLICATION_CREDENTIALS", file: false });
  if (found !== undefined) values.set("auth.credentialsFile", found);
}

/** A driver's options may also be written below `storage.options:`. */
function otherSpellings(short: string, { side, table }: Section): readonly string[] {
  return table !== undefined && Object.hasOwn(table, short) ? [`${sectionPath(side)}.options.${short}`] : [];
}

function resolveProvider(input: SectionInput): Found | undefined {
  const spec = storageKeys(input.side).find((key) => key.key === `${sectionPath(input.side)}.provider`);
  if (spec === undefined) return undefined;
  const inheritedFrom = input.parent?.provider ?? spec.default;
  const written = input.finder.find(spec);
  if (written === undefined && isProfile(input.side)) {
    input.problems.add(spec.key, "", "is required; a storage below `storages:` takes nothing from other sections");
    return undefined;
  }
  const found = written ?? defaulted(inheritedFrom);
  const name = String(found.value);
  const provider = canonicalProvider(name, input.driverOptions);
  if (provider !== undefined) return { value: provider, origin: found.origin };
  const hint = didYouMean(name, PROVIDERS);
  input.problems.addFor(
    spec.key,
    found,
    `invalid value ${JSON.stringify(name)}${hint}; want one of: ${PROVIDERS.join(", ")}, or the name of a plugin ` +
      "driver that `plugins` or --plugin loads",
  );
  return undefined;
}

/** Services that a built-in driver knows beyond the canonical names (an alias of "s3") are of that driver's family. */
function familyWith(provider: string, table: OptionTable | undefined, driverOptions: DriverOptions): Family {
  const family = familyOf(provider);
  if (family !== "plugin" || table === undefined) return family;
  if (table === driverOptions("s3")) return "object";
  return table === driverOptions("local") ? "local" : "plugin";
}

/** A plugin driver's table says what its options are; a local root uses no port, so any will do. */
function fitted(
  short: string,
  spec: KeySpec,
  section: { readonly side: Side; readonly family: Family; readonly table: OptionTable | undefined },
): KeySpec {
  const option = section.table?.[short];
  if (section.family === "plugin" && option !== undefined) {
    const own = optionKey(section.side, short, option);
    return { ...own, display: spec.display, ...(spec.env === undefined ? {} : { env: spec.env }) };
  }
  if (section.family !== "local" || short !== "port") return spec;
  const { min: _min, max: _max, ...unbounded } = spec;
  return unbounded;
}

function inherited(short: string, section: Section, parent: Section | undefined): Found | undefined {
  if (parent === undefined || SECTION_NAMES.includes(short)) return undefined;
  const value = parent.values.get(short)?.value;
  if (value === undefined) return undefined;
  const own = !STORAGE_NAMES.includes(short) || section.family === "plugin";
  if (own) {
    // What a driver needs for one service (a CA file, "do not check the certificate") says nothing about another.
    return sameService(section, parent) ? defaulted(value) : undefined;
  }
  if (!INHERITED_NAMES.includes(short)) return undefined;
  if (short === "auth.type" && parent.family !== section.family) return undefined;
  // Where a MinIO listens says nothing about an account in Azure or a bucket at Google, nor the other way round.
  if (PLACE_NAMES.includes(short) && placeOf(section) !== placeOf(parent)) return undefined;
  // A plugin driver's values and the "" of a section that has no such key are no defaults for another driver.
  if (parent.family === "plugin") return undefined;
  return defaulted(value);
}

function sameService(section: Section, parent: Section): boolean {
  if (section.provider !== parent.provider) return false;
  if (section.family === "plugin") return true;
  const names = ["address", "port", "accountName", "blobEndpoint"].filter((name) => section.values.has(name));
  return names.every((name) => section.values.get(name)?.value === parent.values.get(name)?.value);
}

function placeOf({ family }: Section): Family | undefined {
  return FAMILY_DEFAULTS[family] === undefined ? undefined : family;
}

function defaultOf(short: string, spec: KeySpec, { family, table }: Section): Value {
  if (family === "plugin" && !SECTION_NAMES.includes(short)) return table?.[short]?.default ?? "";
  if (short === "auth.type") return authTypes(family)[0] ?? spec.default;
  return FAMILY_DEFAULTS[family]?.[short] ?? spec.default;
}

function nameOf(side: Side, key: string): string {
  return key.slice(`${sectionPath(side)}.`.length);
}

/** A value as text; "" when the section has no such name. */
export function textOf(section: Section, name: string): string {
  return String(section.values.get(name)?.value ?? "");
}

/** True when somebody wrote the value in this very section. */
export function isSet(section: Section, name: string): boolean {
  const found = section.values.get(name);
  return found !== undefined && isExplicit(found);
}
