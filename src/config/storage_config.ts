/** From a checked section to what openRoot takes. */

import { Secret } from "../base/secret.ts";
import type { StorageConfig } from "./config.ts";
import { CREDENTIAL_NAMES, credentialsOf } from "./providers.ts";
import { isSet, type Section, textOf } from "./storage_section.ts";

const THRESHOLD = "multipartCopyThresholdMiB";

/**
 * Only names that the driver's table has, and of the credentials only those that `auth.type` uses; "" is left out.
 * @param multipartCopyThresholdMiB of `transfer`, for a driver that has such an option and no value of its own
 */
export function storageConfig(section: Section, multipartCopyThresholdMiB: number): StorageConfig {
  const options: Record<string, string | number | boolean | Secret> = {};
  for (const [name, option] of Object.entries(section.table ?? {})) {
    const value = section.values.get(name)?.value;
    if (typeof value === "object" || value === undefined || value === "" || !applies(section, name)) continue;
    options[name] = option.type === "secret" ? new Secret(String(value)) : value;
  }
  if (section.table !== undefined && Object.hasOwn(section.table, THRESHOLD) && !isSet(section, THRESHOLD)) {
    options[THRESHOLD] = multipartCopyThresholdMiB;
  }
  return { provider: section.provider, rootPath: rootPathOf(section), options };
}

/**
 * As object keys are written and as Milvus joins paths: without empty and "." parts, "" for the whole bucket. A directory (or
 * a plugin's root path) as given.
 */
export function rootPathOf(section: Section): string {
  const written = textOf(section, "rootPath");
  if (section.family === "local" || section.family === "plugin") return written;
  return written
    .split("/")
    .filter((part) => part !== "" && part !== ".")
    .join("/");
}

function applies(section: Section, name: string): boolean {
  if (section.family === "plugin" || !CREDENTIAL_NAMES.includes(name)) return true;
  return credentialsOf(textOf(section, "auth.type"), section.family).includes(name);
}
