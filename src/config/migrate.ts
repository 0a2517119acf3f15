/** A v1 file written anew as v2, with a report of what needs a person's eye. */

import { AppError } from "../base/errors.ts";
import { checkValues } from "./checks.ts";
import { type Environment, environmentReader } from "./environment.ts";
import { findConfigFile } from "./find_file.ts";
import { Layers } from "./layers.ts";
import { migratedDocument } from "./migrate_document.ts";
import { Problems } from "./problems.ts";
import { readConfigFile, schemaVersion } from "./read_file.ts";
import { Resolved } from "./resolved.ts";
import type { DriverOptions } from "./storage_section.ts";
import { checkedSections } from "./storage_sections.ts";
import { translateV1 } from "./translate_v1.ts";
import { v1Variables, warnV1Keys } from "./unknown_keys.ts";

export interface MigrateConfigInput {
  /** `--config`; undefined for the usual places. */
  readonly file?: string | undefined;
  readonly env: Environment;
  readonly cwd: string;
  readonly executableDir: string;
  readonly driverOptions: DriverOptions;
}

export interface MigratedConfig {
  /** The v2 YAML document. It holds the secrets of the v1 file in clear text: write it with mode 0600. */
  readonly document: string;
  /** For standard error, one line each; empty when there is nothing to say. */
  readonly report: readonly string[];
  /** What keeps the document from loading as v2 (part of the report too); `--strict` refuses when there is any. */
  readonly problems: readonly string[];
}

/**
 * Secrets that came from environment variables are not written; the report names the v2 variables to set.
 * @throws CONFIG_INVALID for a file that is v2 already, cannot be found or read, or holds values of a wrong type.
 */
export async function migrateConfig(input: MigrateConfigInput): Promise<MigratedConfig> {
  const file = await findConfigFile(input);
  if (file === undefined) {
    throw new AppError("CONFIG_INVALID", "configuration: migrate needs a v1 file; name it with --config FILE");
  }
  const flat = await readConfigFile(file);
  if (schemaVersion(flat, file) === "v2") {
    throw new AppError("CONFIG_INVALID", `configuration: ${file.shown} is already a v2 config; nothing to migrate`);
  }
  const read = new Problems();
  if (file.warning !== undefined) read.warn(file.warning);
  const overrides = new Map();
  const layers = new Layers(overrides, environmentReader(input.env, input.cwd, read), flat, read);
  const judged = new Problems();
  const finder = translateV1(layers, judged);
  read.throwIfAny();
  warnV1Keys({ file: flat, overrides, problems: read });
  checkValues(new Resolved(finder), judged);
  checkedSections(finder, { ...input, profiles: [] }, judged);
  const { document, warnings } = await migratedDocument(finder);
  const lines = [
    ...[...read.warnings, ...judged.warnings, ...warnings].map((line) => `warning: ${line}`),
    ...judged.lines.map((line) => `warning: migrated config is not valid v2: ${line}`),
    ...legacyVariables(input.env),
  ];
  const report = lines.length === 0 ? [] : [`# migration report for ${file.shown}`, ...lines];
  return { document, report, problems: judged.lines };
}

function legacyVariables(env: Environment): readonly string[] {
  const variables = v1Variables(env);
  if (variables.length === 0) return [];
  return [
    "environment variables of v1 that are set here and mean nothing to v2:",
    ...variables.map(([variable, instead]) => `  ${variable} -> ${instead}`),
  ];
}
