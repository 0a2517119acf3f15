/** The resolved values of the keys outside the storage sections, read back with their types. */

import { AppError } from "../base/errors.ts";
import type { Value } from "./keys.ts";
import { type Finder, valueOrDefault } from "./layers.ts";
import type { Found } from "./raw.ts";
import { PLAIN_KEYS } from "./schema_v2.ts";

export class Resolved {
  readonly #values: ReadonlyMap<string, Found>;

  constructor(finder: Finder) {
    this.#values = new Map(PLAIN_KEYS.map((spec) => [spec.key, valueOrDefault(finder, spec)]));
  }

  found(key: string): Found {
    const found = this.#values.get(key);
    if (found === undefined) throw new AppError("BUG", `configuration key ${key} is not in the schema`);
    return found;
  }

  text(key: string): string {
    const value = this.found(key).value;
    return typeof value === "string" ? value : mistyped(key, value);
  }

  int(key: string): number {
    const value = this.found(key).value;
    return typeof value === "number" ? value : mistyped(key, value);
  }

  flag(key: string): boolean {
    const value = this.found(key).value;
    return typeof value === "boolean" ? value : mistyped(key, value);
  }

  list(key: string): readonly string[] {
    const value = this.found(key).value;
    return typeof value === "object" ? value : mistyped(key, value);
  }

  /** An enum's value as its type; `choices` are those of the schema. */
  choice<T extends string>(key: string, choices: readonly T[]): T {
    const text = this.text(key);
    return choices.find((it) => it === text) ?? mistyped(key, text);
  }
}

function mistyped(key: string, value: Value): never {
  throw new AppError("BUG", `configuration key ${key} has a value of type ${typeof value}, not the schema's`);
}
