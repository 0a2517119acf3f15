/** Where the configuration file is looked for. */

import { realpath, stat } from "node:fs/promises";
import { basename, join, relative, resolve } from "node:path";
import { AppError } from "../base/errors.ts";
import type { Environment } from "./environment.ts";

const DEFAULT_NAME = "backup.yaml";

export interface FindFileInput {
  /** `--config`; "" for no file, undefined for the usual places. */
  readonly file?: string | undefined;
  readonly env: Environment;
  readonly cwd: string;
  readonly executableDir: string;
}

export interface ConfigFile {
  /** Absolute. */
  readonly path: string;
  /** For messages: relative to the working directory where it lies below it. */
  readonly shown: string;
  /** Set when another file than the one asked for was taken. */
  readonly warning?: string;
}

/**
 * The first that exists: the path as given, `$MILVUSCONF/<name>`, `configs/<name>` in the working directory,
 * `configs/<name>` beside the executable. Undefined for `--config ""`.
 * @throws CONFIG_INVALID naming the places tried.
 */
export async function findConfigFile(input: FindFileInput): Promise<ConfigFile | undefined> {
  if (input.file === "") return undefined;
  const wanted = input.file ?? DEFAULT_NAME;
  const places = await placesOf(input, wanted);
  for (const [index, path] of places.entries()) {
    if (!(await isThere(path))) continue;
    const shown = shownPath(path, input.cwd);
    if (index === 0 || input.file === undefined || basename(wanted) === wanted) return { path, shown };
    return { path, shown, warning: `${wanted} does not exist; the configuration is read from ${shown}` };
  }
  const tried = places.map((path) => shownPath(path, input.cwd)).join(", ");
  const todo =
    input.file === undefined
      ? 'write configs/backup.yaml, name a file with --config FILE, or run without one: --config ""'
      : 'check the path, or run without a file: --config ""';
  throw new AppError("CONFIG_INVALID", `configuration: no file ${wanted} (tried ${tried}); ${todo}`);
}

async function placesOf(input: FindFileInput, wanted: string): Promise<readonly string[]> {
  const name = basename(wanted);
  const folder = input.env.MILVUSCONF;
  const places = [resolve(input.cwd, wanted)];
  if (folder !== undefined && folder !== "") places.push(resolve(input.cwd, folder, name));
  places.push(join(input.cwd, "configs", name), join(input.executableDir, "configs", name));
  try {
    places.push(join(await realpath(input.executableDir), "configs", name));
  } catch {
    // The folder of a running program may be gone; then there is nothing beside it.
  }
  return [...new Set(places)];
}

/** A folder of that name does not count; one that may not be looked into is an error, not "absent". */
async function isThere(path: string): Promise<boolean> {
  try {
    return !(await stat(path)).isDirectory();
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
    if (code === "ENOENT" || code === "ENOTDIR") return false;
    throw new AppError("CONFIG_INVALID", `configuration: ${path} cannot be read (${code}); check its permissions`, {
      cause,
    });
  }
}

function shownPath(path: string, cwd: string): string {
  const below = relative(cwd, path);
  return below === "" || below.startsWith("..") ? path : below;
}
