/** The rules of ARCHITECTURE.md that the source itself can be asked about. */

import { describe, expect, test } from "bun:test";
import { join } from "node:path";

const PROJECT = join(import.meta.dir, "..");
const MAX_LINES = 250;

/** Layer -> what its modules may import at run time beside their own layer: layers, or single modules of one. */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  base: [],
  storage: ["base"],
  milvus: ["base"],
  config: ["base"],
  binlog: ["base"],
  transfer: ["base", "storage"],
  meta: [
    "base",
    "storage",
    // The manifest is a document of the backup; nothing else of the pipeline is known here.
    "src/transfer/manifest.ts",
    "src/transfer/manifest_document.ts",
  ],
  operations: ["base", "storage", "transfer", "meta", "milvus", "binlog"],
  cli: [
    "base",
    "config",
    "operations",
    // Grammar of arguments and shapes to show: no I/O.
    "src/meta/backup_name.ts",
    "src/meta/brief.ts",
    "src/meta/filter.ts",
    "src/meta/namespace.ts",
    "src/meta/rename.ts",
    "src/transfer/progress.ts",
  ],
  server: ["base", "config", "operations"],
  drivers: ["base", "storage"],
};

/** The composition root: may import everything, and is imported by nobody else. */
const COMPOSITION = ["src/main.ts", "src/runtime.ts"];
/** The one list of built-in drivers; only the composition root imports it. */
const DRIVER_LIST = "drivers/all.ts";

const MAY_PRINT = ["src/main.ts", "src/cli/view.ts", "src/base/log.ts"];
const MAY_READ_ENVIRONMENT = ["src/main.ts", "src/config/load.ts"];

/** Packages that cost tens of milliseconds to load: nothing that main.ts reaches statically may import them. */
const HEAVY = ["@aws-sdk/", "@azure/", "@grpc/", "@smithy/", "@zilliz/", "hyparquet", "protobufjs", "yaml"];

/** Files that are longer than MAX_LINES, each with its reason. */
const LONG_FILES: Readonly<Record<string, string>> = {};

interface Module {
  /** From the project's folder: "src/base/errors.ts". */
  readonly path: string;
  readonly text: string;
}

interface Import {
  /** A module of the project by its path, or a package by its name. */
  readonly target: string;
  readonly dynamic: boolean;
}

const transpiler = new Bun.Transpiler({ loader: "ts" });

/** Imports that exist at run time; type-only ones are erased and free. */
function importsOf({ path, text }: Module): readonly Import[] {
  return transpiler.scanImports(text).map(({ path: target, kind }) => ({
    target: target.startsWith(".") ? join(path, "..", target) : target,
    dynamic: kind === "dynamic-import",
  }));
}

function layerOf(path: string): string {
  const [top = "", second = ""] = path.split("/");
  return top === "drivers" ? "drivers" : second;
}

function isOurs(target: string): boolean {
  return target.startsWith("src/") || target.startsWith("drivers/");
}

function wrongImports(module: Module): readonly string[] {
  if (COMPOSITION.includes(module.path)) return [];
  return importsOf(module)
    .map(({ target }) => target)
    .filter((target) => isOurs(target) && !mayImport(module.path, target))
    .map((target) => `${module.path} imports ${target}`);
}

function mayImport(from: string, to: string): boolean {
  if (COMPOSITION.includes(to) || to === DRIVER_LIST) return false;
  if (from === DRIVER_LIST) return layerOf(to) === "drivers";
  if (layerOf(to) === "drivers") return to.split("/")[1] === from.split("/")[1] && layerOf(from) === "drivers";
  const layer = layerOf(from);
  return layerOf(to) === layer || LAYERS[layer]?.some((allowed) => allowed === layerOf(to) || allowed === to) === true;
}

function printers({ path, text }: Module): readonly string[] {
  const prints = /\bprocess\s*\.\s*std(?:out|err)\b|\bconsole\s*\.\s*\w|\bBun\.(?:stdout|stderr)\b/.test(codeOf(text));
  return prints && !MAY_PRINT.includes(path) ? [path] : [];
}

function environmentReaders({ path, text }: Module): readonly string[] {
  const reads = /\b(?:process|Bun|import\.meta)\s*\.\s*env\b/.test(codeOf(text));
  return reads && !MAY_READ_ENVIRONMENT.includes(path) ? [path] : [];
}

/** The source without comments; strings stay, since a word in a string is rare and harmless to report. */
function codeOf(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm, "");
}

/** Modules that are loaded when `entry` is, before anything is imported dynamically. */
function reachable(entry: string, modules: ReadonlyMap<string, Module>): ReadonlySet<string> {
  const found = new Set<string>();
  const waiting = [entry];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const module = modules.get(path);
    if (module === undefined || found.has(path)) continue;
    found.add(path);
    for (const { target, dynamic } of importsOf(module)) if (!dynamic) waiting.push(target);
  }
  return found;
}

function heavyImports(entry: string, modules: ReadonlyMap<string, Module>): readonly string[] {
  return [...reachable(entry, modules)].flatMap((path) => {
    const module = modules.get(path);
    if (module === undefined) return [];
    return importsOf(module)
      .filter(({ target, dynamic }) => !dynamic && HEAVY.some((name) => target === name || target.startsWith(name)))
      .map(({ target }) => `${path} imports ${target}`);
  });
}

/** Circles of static imports, each as "a -> b -> a". */
function circles(modules: ReadonlyMap<string, Module>): readonly string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, way: readonly string[]): void => {
    const start = way.indexOf(path);
    if (start >= 0) found.push([...way.slice(start), path].join(" -> "));
    const module = modules.get(path);
    if (start >= 0 || done.has(path) || module === undefined) return;
    for (const { target, dynamic } of importsOf(module)) if (!dynamic) visit(target, [...way, path]);
    done.add(path);
  };
  for (const path of modules.keys()) visit(path, []);
  return found;
}

function lineCount({ text }: Module): number {
  return text.trimEnd().split("\n").length;
}

async function readModules(): Promise<ReadonlyMap<string, Module>> {
  const paths = await Array.fromAsync(new Bun.Glob("{src,drivers}/**/*.ts").scan(PROJECT));
  const modules = await Promise.all(
    paths.sort().map(async (path) => ({ path, text: await Bun.file(join(PROJECT, path)).text() })),
  );
  return new Map(modules.map((module) => [module.path, module]));
}

const modules = await readModules();
const all = [...modules.values()];

describe("the source", () => {
  test("was found, and every folder of src is a layer of the table", () => {
    expect(all.length).toBeGreaterThan(50);
    const folders = all.filter(({ path }) => path.split("/").length > 2).map(({ path }) => layerOf(path));
    expect([...new Set(folders)].filter((layer) => LAYERS[layer] === undefined)).toEqual([]);
    const loose = all.filter(({ path }) => path.split("/").length === 2).map(({ path }) => path);
    expect(loose.filter((path) => ![...COMPOSITION, DRIVER_LIST].includes(path))).toEqual([]);
  });

  test("imports downwards only, one driver never another, and drivers are named by their list alone", () => {
    expect(all.flatMap(wrongImports)).toEqual([]);
  });

  test("has no circle of imports", () => {
    expect(circles(modules)).toEqual([]);
  });

  test("writes to the terminal in one place", () => {
    expect(all.flatMap(printers)).toEqual([]);
  });

  test("reads the environment in one place", () => {
    expect(all.flatMap(environmentReaders)).toEqual([]);
  });

  test("starts without heavy packages", () => {
    // main.ts answers --version before it loads these; every other command loads all of them.
    for (const start of ["src/main.ts", "src/cli/run.ts", "src/runtime.ts", DRIVER_LIST]) {
      expect(heavyImports(start, modules)).toEqual([]);
    }
    expect(reachable("src/cli/run.ts", modules).size).toBeGreaterThan(10);
  });

  test("keeps its files short", () => {
    const long = all.filter((module) => lineCount(module) > MAX_LINES).map(({ path }) => path);
    expect(long).toEqual(Object.keys(LONG_FILES));
  });
});

describe("the rules", () => {
  const source = (path: string, text: string): Module => ({ path, text });
  const tree = (...list: readonly Module[]) => new Map(list.map((module) => [module.path, module]));

  test.each([
    ["src/base/a.ts", "../storage/key.ts"],
    ["src/storage/a.ts", "../../drivers/s3/mod.ts"],
    ["src/operations/a.ts", "../../drivers/all.ts"],
    ["src/operations/a.ts", "../main.ts"],
    ["src/meta/a.ts", "../transfer/pipeline.ts"],
    ["src/cli/commands/a.ts", "../../storage/open.ts"],
    ["drivers/s3/a.ts", "../local/mod.ts"],
    ["drivers/s3/a.ts", "../../src/transfer/copier.ts"],
    ["src/operations/create/a.ts", "../../cli/view.ts"],
  ])("refuse that %s imports %s", (path, target) => {
    expect(wrongImports(source(path, `import { x } from "${target}"; x();`))).toHaveLength(1);
    expect(wrongImports(source(path, `import type { x } from "${target}"; export type Y = x;`))).toEqual([]);
    expect(wrongImports(source(path, `export const y = () => import("${target}");`))).toHaveLength(1);
  });

  test("see printing and reading of the environment, but not in comments", () => {
    for (const text of ["console.log(1)", "process.stdout.write(x)", "process\n.stderr"]) {
      expect(printers(source("src/meta/a.ts", text))).toEqual(["src/meta/a.ts"]);
    }
    expect(environmentReaders(source("drivers/s3/a.ts", 'const x = process.env["A"];'))).toEqual(["drivers/s3/a.ts"]);
    const comment = "// console.log(process.env.A)\n/* process.stdout,\n process.env */\nexport const a = 1;";
    expect([
      ...printers(source("src/meta/a.ts", comment)),
      ...environmentReaders(source("src/meta/a.ts", comment)),
    ]).toEqual([]);
  });

  test("find heavy packages behind static imports, and let dynamic ones be", () => {
    const heavy = source("src/b.ts", 'import { S3Client } from "@aws-sdk/client-s3"; export const b = S3Client;');
    const eager = source("src/main.ts", 'import { b } from "./b.ts"; b();');
    const lazy = source("src/main.ts", 'const { b } = await import("./b.ts"); b();');
    expect(heavyImports("src/main.ts", tree(eager, heavy))).toEqual(["src/b.ts imports @aws-sdk/client-s3"]);
    expect(heavyImports("src/main.ts", tree(lazy, heavy))).toEqual([]);
  });

  test("find circles", () => {
    const a = source("src/a.ts", 'import { b } from "./b.ts"; b();');
    const b = source("src/b.ts", 'import { a } from "./a.ts"; export const b = a;');
    expect(circles(tree(a, b))).toEqual(["src/a.ts -> src/b.ts -> src/a.ts"]);
  });
});
