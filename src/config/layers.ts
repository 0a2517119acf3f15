/** The sources of values in order of precedence: --set, environment, file. Defaults are the caller's. */

import type { EnvironmentReader } from "./environment.ts";
import type { KeySpec } from "./keys.ts";
import type { Overrides } from "./overrides.ts";
import type { Problems } from "./problems.ts";
import { defaulted, type Found, type Raw } from "./raw.ts";
import { convert, splitList } from "./values.ts";
import type { FlatFile } from "./yaml_file.ts";

/** Where a key's value may be: every spelling in lookup order. */
export interface Lookup {
  readonly keys: readonly string[];
  readonly env?: string | undefined;
  readonly file: boolean;
}

export function lookupOf(spec: KeySpec, ...otherKeys: readonly string[]): Lookup {
  return {
    keys: [spec.key, ...otherKeys],
    env: spec.env,
    file: spec.env !== undefined && spec.noFileVariable !== true,
  };
}

/** What resolves keys: the layers below, or a translated v1 file. */
export interface Finder {
  /** The typed value of the first source that has one; undefined when none has, or what it has is a problem. */
  find(spec: KeySpec, lookup?: Lookup): Found | undefined;
}

/** The key's own default where no source has a value. */
export function valueOrDefault(finder: Finder, spec: KeySpec): Found {
  return finder.find(spec) ?? defaulted(spec.default);
}

export class Layers implements Finder {
  readonly #overrides: Overrides;
  readonly #environment: EnvironmentReader;
  readonly #file: FlatFile;
  readonly #problems: Problems;

  constructor(overrides: Overrides, environment: EnvironmentReader, file: FlatFile, problems: Problems) {
    this.#overrides = overrides;
    this.#environment = environment;
    this.#file = file;
    this.#problems = problems;
  }

  find(spec: KeySpec, lookup: Lookup = lookupOf(spec)): Found | undefined {
    const raw = this.#raw(lookup);
    if (raw === undefined) return undefined;
    // Variables and flags spell a list with commas; in a file it is a list.
    const value =
      spec.type === "list" && raw.value.kind === "scalar" && raw.origin.source !== "config"
        ? ({ kind: "list", items: splitList(raw.value.text) } as const)
        : raw.value;
    const converted = convert(value, spec);
    if ("value" in converted) return { value: converted.value, origin: raw.origin };
    this.#problems.add(
      raw.origin.source === "config" ? raw.origin.name : spec.key,
      raw.origin.where,
      converted.problem,
    );
    return undefined;
  }

  /** As `find`, also taking a list in the file, joined by commas: v1 spells lists as text, people write lists. */
  findText(spec: KeySpec, lookup: Lookup): Found | undefined {
    const raw = this.#raw(lookup);
    if (raw?.value.kind !== "list") return this.find(spec, lookup);
    return { value: raw.value.items.filter((item) => item !== undefined).join(","), origin: raw.origin };
  }

  #raw({ keys, env, file }: Lookup): Raw | undefined {
    for (const name of env === undefined ? keys : [...keys, env]) {
      const override = this.#overrides.get(name.toLowerCase());
      if (override !== undefined) return override.raw;
    }
    const variable = env === undefined ? undefined : this.#environment.read(env, { file });
    if (variable !== undefined) return variable;
    for (const key of keys) {
      const raw = this.#file.get(key.toLowerCase());
      if (raw !== undefined && raw.value.kind !== "null") return raw;
    }
    return undefined;
  }
}
