/** Loads the configuration: --set over environment over file over default; every value knows its source. */

import { dirname, resolve } from "node:path";
import { AppError } from "../base/errors.ts";
import { buildConfig, buildEntries } from "./build.ts";
import { checkValues } from "./checks.ts";
import type { LoadedConfig } from "./config.ts";
import { type Environment, environmentReader } from "./environment.ts";
import { type ConfigFile, findConfigFile } from "./find_file.ts";
import { type Finder, Layers } from "./layers.ts";
import { type Overrides, parseOverrides } from "./overrides.ts";
import { Problems } from "./problems.ts";
import { readConfigFile, schemaVersion } from "./read_file.ts";
import { Resolved } from "./resolved.ts";
import { storageConfig } from "./storage_config.ts";
import { profileNames } from "./storage_profiles.ts";
import type { DriverOptions, Section } from "./storage_section.ts";
import { checkedSections, sectionList } from "./storage_sections.ts";
import { translateV1 } from "./translate_v1.ts";
import { checkV2Keys, warnV1Keys, warnV1Variables } from "./unknown_keys.ts";
import type { FlatFile } from "./yaml_file.ts";

export interface LoadConfigInput {
  /** `--config`: "" for no file, undefined for the usual places. */
  readonly file?: string | undefined;
  /** The `--set` flags, each as it was given. */
  readonly set: readonly string[];
  readonly env: Environment;
  readonly cwd: string;
  /** Folder of the executable file itself, behind any symbolic link to it. */
  readonly executableDir: string;
  /** The option table of a driver by name or alias; undefined when there is none. */
  readonly driverOptions: DriverOptions;
  /** Registers the plugin drivers of the `plugins` key (absolute paths) before their options are read. */
  readonly loadPlugins?: (files: readonly string[]) => Promise<void>;
}

/**
 * The effective configuration.
 * @throws CONFIG_INVALID naming everything that is wrong at once, with key, place and remedy, never a secret;
 *   whatever `loadPlugins` throws.
 */
export async function loadConfig(input: LoadConfigInput): Promise<LoadedConfig> {
  const problems = new Problems();
  const overrides = parseOverrides(input.set);
  const file = await findConfigFile(input);
  if (file?.warning !== undefined) problems.warn(file.warning);
  const flat: FlatFile = file === undefined ? new Map() : await readConfigFile(file);
  const version = file === undefined ? "v2" : schemaVersion(flat, file);
  const layers = new Layers(overrides, environmentReader(input.env, input.cwd, problems), flat, problems);
  const finder = version === "v1" ? translated(layers, problems, file) : layers;
  const resolved = new Resolved(finder);
  const plugins = resolved
    .list("plugins")
    .map((path) => resolve(file === undefined ? input.cwd : dirname(file.path), path));
  if (plugins.length > 0) await input.loadPlugins?.(plugins);
  const profiles = version === "v1" ? [] : profileNames(flat, overrides, problems);
  const sections = checkedSections(finder, { ...input, profiles }, problems);
  checkKeys({ version, file: flat, overrides, problems, sections: sectionList(sections), env: input.env });
  checkValues(resolved, problems);
  problems.throwIfAny();
  const { milvus, backup, profiles: named = [] } = sections;
  if (milvus === undefined || backup === undefined) throw new AppError("BUG", "a storage section is missing");
  const threshold = resolved.int("transfer.multipartCopyThresholdMiB");
  return {
    config: buildConfig({
      resolved,
      milvusStorage: storageConfig(milvus, threshold),
      backupStorage: storageConfig(backup, threshold),
      storages: Object.fromEntries(
        named.map((section) => [section.side.slice("storages.".length), storageConfig(section, threshold)]),
      ),
      plugins,
    }),
    entries: buildEntries(resolved, { milvus, backup, profiles: named }),
    ...(file === undefined ? {} : { file: file.path }),
    warnings: problems.warnings,
  };
}

function translated(layers: Layers, problems: Problems, file: ConfigFile | undefined): Finder {
  problems.warn(
    `${file?.shown ?? "the configuration"} is a v1 configuration (no configVersion: v2) and was translated in memory; ` +
      "`milvus-backup config migrate` writes it as v2",
  );
  return translateV1(layers, problems);
}

interface KeysInput {
  readonly version: "v1" | "v2";
  readonly file: FlatFile;
  readonly overrides: Overrides;
  readonly problems: Problems;
  readonly sections: readonly Section[];
  readonly env: Environment;
}

function checkKeys(input: KeysInput): void {
  if (input.version === "v1") {
    warnV1Keys(input);
    return;
  }
  checkV2Keys(input, input.sections);
  warnV1Variables(input.env, input.problems);
}
