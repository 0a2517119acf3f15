/** The bytes of a configuration file, and which schema they follow. */

import { readFile } from "node:fs/promises";
import { AppError } from "../base/errors.ts";
import type { ConfigFile } from "./find_file.ts";
import { VERSION_KEY } from "./schema_v2.ts";
import { type FlatFile, parseYamlFile } from "./yaml_file.ts";

/** @throws CONFIG_INVALID */
export async function readConfigFile(file: ConfigFile): Promise<FlatFile> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file.path);
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unreadable";
    throw new AppError(
      "CONFIG_INVALID",
      `configuration: ${file.shown} cannot be read (${code}); check its permissions`,
      {
        cause,
      },
    );
  }
  return parseYamlFile(bytes, file.shown);
}

/**
 * A file without the key is v1: that is what the files of older releases look like.
 * @throws CONFIG_INVALID for any other version
 */
export function schemaVersion(flat: FlatFile, file: ConfigFile): "v1" | "v2" {
  const raw = flat.get(VERSION_KEY.toLowerCase());
  if (raw === undefined || raw.value.kind === "null") return "v1";
  const { value } = raw.value.kind === "scalar" ? raw.value : { value: "" };
  const version = typeof value === "string" ? value.toLowerCase() : "";
  if (version === "v1" || version === "v2") return version;
  const text = raw.value.kind === "scalar" ? JSON.stringify(raw.value.text) : "a list";
  throw new AppError(
    "CONFIG_INVALID",
    `configuration: ${raw.origin.where} declares configVersion ${text}, want "v1" or "v2"; ` +
      `is ${file.shown} a configuration of milvus-backup?`,
  );
}
