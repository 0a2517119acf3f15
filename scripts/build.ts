/**
 * Builds the executable.
 *
 *   bun scripts/build.ts                                  dist/milvus-backup, for this machine
 *   bun scripts/build.ts --target linux-arm64 [...]       dist/linux-arm64/milvus-backup
 *   bun scripts/build.ts --entry x.ts --outdir folder     something else, the same way
 *
 * Never `strip` the result: it would drop the program and leave plain Bun.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { describeExecutable } from "./executable_kind.ts";

const REPOSITORY = resolve(import.meta.dir, "..");

/** Target name: the package that carries Bun's runtime for it, and what describeExecutable must say of the result. */
const TARGETS: Readonly<Record<string, { readonly runtime: string; readonly kind: string }>> = {
  "linux-x64": { runtime: "@oven/bun-linux-x64", kind: "elf x64 glibc" },
  "linux-arm64": { runtime: "@oven/bun-linux-aarch64", kind: "elf arm64 glibc" },
  "linux-x64-musl": { runtime: "@oven/bun-linux-x64-musl", kind: "elf x64 musl" },
  "linux-arm64-musl": { runtime: "@oven/bun-linux-aarch64-musl", kind: "elf arm64 musl" },
  "darwin-x64": { runtime: "@oven/bun-darwin-x64", kind: "mach-o x64" },
  "darwin-arm64": { runtime: "@oven/bun-darwin-aarch64", kind: "mach-o arm64" },
  "windows-x64": { runtime: "@oven/bun-windows-x64", kind: "pe x64" },
};

// ESM with bytecode: the default, CommonJS, builds a program with top-level await that dies when it starts.
// No autoload: a bunfig.toml or .env in the working directory must not run code or set credentials.
const FLAGS = [
  "--compile",
  "--minify",
  "--bytecode",
  "--format=esm",
  "--splitting",
  "--no-compile-autoload-bunfig",
  "--no-compile-autoload-dotenv",
];

const { values: args } = parseArgs({
  options: {
    target: { type: "string", multiple: true },
    entry: { type: "string", default: join(REPOSITORY, "src/main.ts") },
    outdir: { type: "string", default: join(REPOSITORY, "dist") },
  },
});

const manifest = JSON.parse(readFileSync(join(REPOSITORY, "package.json"), "utf8")) as { version: string };

if (!args.target) {
  const path = build(args.outdir, "milvus-backup", []);
  // Some mistakes show only at run time.
  const version = run(path, ["--version"], args.outdir).trim();
  report(path, version);
}
for (const name of args.target ?? []) {
  const target = TARGETS[name];
  if (!target) fail(`no target is named ${name}; there are: ${Object.keys(TARGETS).join(", ")}`);
  const runtime = fetchRuntime(target.runtime, name);
  const suffix = name.startsWith("windows") ? ".exe" : "";
  const path = build(join(args.outdir, name), `milvus-backup${suffix}`, [
    `--target=bun-${name}`,
    `--compile-executable-path=${runtime}`,
  ]);
  // Bun does not notice when the runtime is one for another machine.
  const kind = describeExecutable(readFileSync(path));
  if (kind !== target.kind) fail(`${path} is ${kind}, expected ${target.kind}`);
  report(path, kind);
}

/** Builds into a folder of its own and renames: the name is part of the executable, and a running one stays whole. */
function build(folder: string, name: string, extra: readonly string[]): string {
  const work = join(folder, ".build");
  mkdirSync(work, { recursive: true });
  const defines = { BUILD_VERSION: manifest.version, BUILD_COMMIT: commit() };
  const define = Object.entries(defines).flatMap(([name, value]) => ["--define", `${name}=${JSON.stringify(value)}`]);
  run(
    process.execPath,
    ["build", ...FLAGS, ...extra, ...define, args.entry, "--outfile", join(work, name)],
    REPOSITORY,
  );
  const path = join(folder, name);
  renameSync(join(work, name), path);
  rmSync(work, { recursive: true });
  chmodSync(path, 0o755);
  return path;
}

/** Bun's runtime for another machine, from the npm package that package-lock.json pins by version and digest. */
function fetchRuntime(name: string, target: string): string {
  const lock = JSON.parse(readFileSync(join(REPOSITORY, "package-lock.json"), "utf8")) as {
    packages: Record<string, { version: string; integrity: string }>;
  };
  const pinned = lock.packages[`node_modules/${name}`];
  if (!pinned) fail(`package-lock.json does not name ${name}`);
  const folder = join(REPOSITORY, ".parts", `bun-${target}-${pinned.version}`);
  const executable = join(folder, "package", "bin", target.startsWith("windows") ? "bun.exe" : "bun");
  if (existsSync(executable)) return executable;

  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  run("npm", ["pack", "--silent", "--pack-destination", folder, `${name}@${pinned.version}`], folder);
  const archive = `${name.replace("@", "").replace("/", "-")}-${pinned.version}.tgz`;
  const digest = createHash("sha512")
    .update(readFileSync(join(folder, archive)))
    .digest("base64");
  if (`sha512-${digest}` !== pinned.integrity) {
    rmSync(folder, { recursive: true });
    fail(`${name}@${pinned.version} does not have the digest that package-lock.json pins`);
  }
  run("tar", ["-xzf", archive], folder);
  rmSync(join(folder, archive));
  return executable;
}

function commit(): string {
  const git = spawnSync("git", ["rev-parse", "--short", "HEAD"], { cwd: REPOSITORY, encoding: "utf8" });
  return git.status === 0 ? git.stdout.trim() : "unknown";
}

function run(command: string, parameters: readonly string[], cwd: string): string {
  const done = spawnSync(command, parameters, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  if (done.status !== 0)
    fail(`${command} ${parameters[0]} failed\n${done.error?.message ?? ""}${done.stdout}${done.stderr}`);
  return done.stdout;
}

function report(path: string, what: string): void {
  process.stdout.write(`${path}: ${what.split("\n")[0]}, ${(statSync(path).size / 1e6).toFixed(0)} MB\n`);
}

function fail(message: string): never {
  process.stderr.write(`build: ${message}\n`);
  process.exit(1);
}
