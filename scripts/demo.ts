/**
 * Shows the whole round on a real Milvus 2.3.5: data is made, backed up, listed, looked into, restored under other names and
 * compared row by row. Everything lies under .demo/ and stays there to look at; the server is stopped at the end.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startMilvus } from "../test/support/milvus.ts";
import { compareCollections, dumpCollection } from "../test/support/milvus_dump.ts";
import { REPOSITORY } from "../test/support/parts.ts";
import { executablePath } from "../test/support/run_cli.ts";

const COLLECTIONS = ["hello_milvus", "hello_milvus2"];
const DEMO = join(REPOSITORY, ".demo");

const started = performance.now();
rmSync(DEMO, { recursive: true, force: true });
mkdirSync(join(DEMO, "configs"), { recursive: true });
const executable = executablePath();

const milvus = await step("Start Milvus 2.3.5, storage on local disk", () =>
  startMilvus({ version: "2.3.5", storage: { type: "local" }, dataDir: join(DEMO, "milvus") }),
);
try {
  say(`  127.0.0.1:${milvus.port}, data in .demo/milvus, process ${milvus.pid}`);
  writeFileSync(join(DEMO, "configs", "backup.yaml"), configuration(milvus.port, milvus.localRoot));

  await step("Make data (examples/prepare_data.ts)", () => example("prepare_data"));
  await step("Back it up", () => milvusBackup("create", "-n", "demo"));
  await step("List the backups", () => milvusBackup("list"));
  await step("Look into the backup", () => describeBackup(run(executable, ["get", "-n", "demo"])));
  await step("Check what lies on disk", () => checkFiles(join(DEMO, "backup", "demo")));
  await step("Restore under other names", () => milvusBackup("restore", "-n", "demo", "-s", "_recover"));
  await step("Use the restored collections (examples/verify_data.ts)", () => example("verify_data"));
  await step("Compare row by row, read by a client of its own", compare);
} finally {
  await milvus.stop();
}
say(
  `\nAll of it was right, in ${seconds(started)}. The backup is in .demo/backup/demo, the configuration in .demo/configs.`,
);

function configuration(port: number, sourceRoot: string): string {
  return [
    "configVersion: v2",
    "milvus:",
    `  grpc: { address: 127.0.0.1, port: ${port} }`,
    `  storage: { provider: local, rootPath: ${JSON.stringify(sourceRoot)} }`,
    "backup:",
    `  storage: { provider: local, rootPath: ${JSON.stringify(join(DEMO, "backup"))} }`,
    "",
  ].join("\n");
}

async function step<T>(title: string, work: () => T | Promise<T>): Promise<T> {
  say(`\n${title}`);
  const from = performance.now();
  const result = await work();
  say(`  done in ${seconds(from)}`);
  return result;
}

/** Runs the executable in .demo/, where it finds configs/backup.yaml, and shows what it prints. */
function milvusBackup(...args: string[]): void {
  say(`  $ milvus-backup ${args.join(" ")}`);
  show(run(executable, args));
}

function example(name: string): void {
  show(run(process.execPath, [join(REPOSITORY, "examples", `${name}.ts`), "--uri", `127.0.0.1:${milvus.port}`]));
}

function run(command: string, args: readonly string[]): string {
  const { PATH = "", HOME = "" } = process.env;
  const done = spawnSync(command, args, { cwd: DEMO, encoding: "utf8", env: { PATH, HOME }, timeout: 120_000 });
  if (done.status === 0) return done.stdout;
  show(done.stdout);
  throw new Error(`${command} ${args.join(" ")}: ${done.signal ?? `exit status ${done.status}`}\n${done.stderr}`);
}

/** `get` prints the backup as JSON; ids may exceed what a JavaScript number holds, so only names and counts are read here. */
function describeBackup(json: string): void {
  const { collection_backups: found } = JSON.parse(json) as {
    collection_backups: { collection_name: string; size: number }[];
  };
  for (const { collection_name, size } of found) say(`  ${collection_name}: ${size} bytes`);
  const missing = COLLECTIONS.filter((name) => !found.some((entry) => entry.collection_name === name));
  if (missing.length > 0) throw new Error(`the backup does not hold ${missing.join(", ")}`);
}

/** backup_meta.json is written last: that it is there means that the backup is complete. */
function checkFiles(folder: string): void {
  JSON.parse(readFileSync(join(folder, "meta", "backup_meta.json"), "utf8"));
  const files = [...new Bun.Glob("**/*").scanSync(folder)].sort();
  const logs = files.filter((file) => file.startsWith("binlogs/insert_log/"));
  if (logs.length === 0) throw new Error(`no insert logs below ${folder}`);
  for (const file of files.filter((file) => file.startsWith("meta/"))) say(`  ${file}`);
  say(`  binlogs/insert_log/...: ${logs.length} files`);
}

async function compare(): Promise<void> {
  for (const name of COLLECTIONS) {
    const [source, target] = await Promise.all([
      dumpCollection(milvus, "default", name),
      dumpCollection(milvus, "default", `${name}_recover`),
    ]);
    const differences = compareCollections(source, target);
    if (differences.length > 0) throw new Error(`${name} came back different:\n${differences.join("\n")}`);
    say(`  ${name}: ${source.rows.length} rows, schema and partitions are equal`);
  }
}

function show(text: string): void {
  for (const line of text.trimEnd().split("\n")) say(`  | ${line}`);
}

function seconds(from: number): string {
  return `${((performance.now() - from) / 1000).toFixed(1)} s`;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
