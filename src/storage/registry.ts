/** The driver registry: which drivers there are, found by name or alias. */

import { AppError } from "../base/errors.ts";
import { didYouMean } from "../base/nearest.ts";
import { definitionProblems } from "./definition.ts";
import type { DriverDefinition } from "./driver.ts";

export class DriverRegistry {
  readonly #definitions: DriverDefinition[] = [];
  readonly #byName = new Map<string, DriverDefinition>();

  /** @throws PLUGIN_INVALID for a definition of another shape or version, or a name or alias that is taken. */
  register(definition: DriverDefinition): this {
    const problems = definitionProblems(definition);
    if (problems.length > 0) {
      throw new AppError("PLUGIN_INVALID", `the driver definition is refused: ${problems.join("; ")}`);
    }
    const names = [definition.name, ...(definition.aliases ?? [])];
    for (const name of names) {
      const owner = this.#byName.get(name);
      if (owner !== undefined) {
        throw new AppError(
          "PLUGIN_INVALID",
          `driver ${definition.name}: the name ${JSON.stringify(name)} is already registered by driver ${owner.name}`,
          { details: { driver: definition.name } },
        );
      }
    }
    for (const name of names) this.#byName.set(name, definition);
    this.#definitions.push(definition);
    return this;
  }

  /** @throws DRIVER_UNKNOWN */
  lookup(nameOrAlias: string): DriverDefinition {
    const definition = this.#byName.get(nameOrAlias.toLowerCase());
    if (definition !== undefined) return definition;
    throw new AppError(
      "DRIVER_UNKNOWN",
      `there is no storage driver ${JSON.stringify(nameOrAlias)}${didYouMean(nameOrAlias, this.names())}; ` +
        `known: ${this.names().join(", ")}`,
      { details: { driver: nameOrAlias } },
    );
  }

  /** Every name and alias, in registration order. */
  names(): string[] {
    return [...this.#byName.keys()];
  }

  definitions(): readonly DriverDefinition[] {
    return this.#definitions;
  }
}
