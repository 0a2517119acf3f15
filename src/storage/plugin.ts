/** Drivers from outside: one file each, imported with all our rights, so named by the user and never searched for. */

import { stat } from "node:fs/promises";
import { extname, isAbsolute } from "node:path";
import { pathToFileURL } from "node:url";
import { createHasher } from "../base/checksum.ts";
import { AppError, isAppError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { definitionProblems } from "./definition.ts";
import type { DriverDefinition } from "./driver.ts";
import { createDriverHost } from "./host.ts";
import type { DriverRegistry } from "./registry.ts";

const EXTENSIONS = [".ts", ".js", ".mjs"];
const LOAD_TIMEOUT_MS = 10_000;

export interface PluginOptions {
  readonly log: Logger;
  /** For the import and everything at the file's top level. */
  readonly timeoutMs?: number;
}

/**
 * Imports a plugin file, hands it the host and registers the driver that it defines.
 * @param file absolute path of a .ts, .js or .mjs file whose default export is `(host) => DriverDefinition`
 * @throws NOT_FOUND for a missing file, PLUGIN_INVALID naming the file and why it is refused
 */
export async function loadPlugin(
  file: string,
  registry: DriverRegistry,
  options: PluginOptions,
): Promise<DriverDefinition> {
  const sha256 = await fingerprint(file);
  options.log.info("loading plugin driver", { file, sha256 });
  const module = await importWithin(file, options.timeoutMs ?? LOAD_TIMEOUT_MS);
  const definition = define(file, module);
  try {
    registry.register(definition);
  } catch (error) {
    throw refused(file, textOf(error), error);
  }
  return definition;
}

async function fingerprint(file: string): Promise<string> {
  if (!isAbsolute(file)) throw refused(file, "the path must be absolute");
  const stats = await stat(file).catch((error: unknown) => {
    throw new AppError("NOT_FOUND", `plugin file ${file} cannot be read: ${textOf(error)}`, { cause: error });
  });
  if (!stats.isFile()) throw refused(file, "it is not a file");
  if (!EXTENSIONS.includes(extname(file))) throw refused(file, `its name must end in ${EXTENSIONS.join(", ")}`);
  const hasher = createHasher("sha256");
  try {
    for await (const chunk of Bun.file(file).stream()) hasher.update(chunk);
  } catch (error) {
    throw refused(file, `it cannot be read: ${textOf(error)}`, error);
  }
  return hasher.digest().value;
}

/** A top-level await that never ends cannot be stopped, only left behind. */
async function importWithin(file: string, timeoutMs: number): Promise<unknown> {
  const timeout = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => timeout.reject(refused(file, `it did not finish loading within ${timeoutMs} ms`)),
    timeoutMs,
  );
  try {
    return await Promise.race([import(pathToFileURL(file).href), timeout.promise]);
  } catch (error) {
    if (isAppError(error) && error.code === "PLUGIN_INVALID" && error.details.plugin === file) throw error;
    throw refused(file, `it cannot be imported: ${textOf(error)}`, error);
  } finally {
    clearTimeout(timer);
  }
}

function define(file: string, module: unknown): DriverDefinition {
  const plugin = typeof module === "object" && module !== null && "default" in module ? module.default : undefined;
  if (plugin === undefined) throw refused(file, "it has no default export");
  if (typeof plugin !== "function") throw refused(file, "its default export is not a function (host) => definition");
  let definition: unknown;
  try {
    definition = plugin(createDriverHost());
  } catch (error) {
    throw refused(file, `its default export failed: ${textOf(error)}`, error);
  }
  if (definition instanceof Promise) {
    definition.catch(() => {});
    throw refused(file, "its default export must return the definition itself, not a promise");
  }
  const problems = definitionProblems(definition);
  if (problems.length > 0) throw refused(file, problems.join("; "));
  return definition as DriverDefinition;
}

function refused(file: string, why: string, cause?: unknown): AppError {
  return new AppError("PLUGIN_INVALID", `plugin file ${file} is refused: ${why}`, { cause, details: { plugin: file } });
}

/** One line; syntax errors carry their position apart from their text. */
function textOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return textOf(error.errors[0]);
  if (typeof error !== "object" || error === null || !("message" in error)) return String(error);
  const line = "position" in error ? lineOf(error.position) : "";
  return String(error.message).replaceAll(/\s+/g, " ") + line;
}

function lineOf(position: unknown): string {
  if (typeof position !== "object" || position === null || !("line" in position)) return "";
  return ` (line ${String(position.line)})`;
}
