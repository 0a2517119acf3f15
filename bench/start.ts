/**
 * What starting costs: the executable's `--version`, `--help` and `list` on an empty root, beside an empty program that was
 * compiled with the same flags. `bun bench/start.ts [rounds]`: runs are alternated, each figure is a median.
 */

import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const REPOSITORY = resolve(import.meta.dir, "..");
const rounds = Number(process.argv[2] ?? "25");
const folder = await mkdtemp(join(tmpdir(), "milvus-backup-bench-"));

/** @returns milliseconds from spawn to exit */
function run(command: readonly string[]): number {
  const [program = "", ...rest] = command;
  const started = performance.now();
  const done = spawnSync(program, rest, { cwd: folder, encoding: "utf8" });
  const elapsed = performance.now() - started;
  if (done.status !== 0) throw new Error(`${command.join(" ")} ended with ${done.status}: ${done.stderr}`);
  return elapsed;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

try {
  await Bun.write(join(folder, "empty.ts"), "");
  run([process.execPath, "scripts/build.ts", "--entry", join(folder, "empty.ts"), "--outdir", folder].map(absolute));
  const ours = join(REPOSITORY, "dist/milvus-backup");
  const local = ["milvus", "backup"].flatMap((side) => [
    ...["--set", `${side}.storage.provider=local`],
    ...["--set", `${side}.storage.rootPath=${join(folder, side)}`],
  ]);
  const commands: Readonly<Record<string, readonly string[]>> = {
    "empty program": [join(folder, "milvus-backup")],
    "--version": [ours, "--version"],
    "--help": [ours, "--help"],
    "list, empty root": [ours, "list", "--config", "", "--set", "log.file.path=", ...local],
  };
  const times = new Map(Object.keys(commands).map((name) => [name, [] as number[]]));
  for (let round = 0; round < rounds + 1; round += 1) {
    for (const [name, command] of Object.entries(commands)) {
      const elapsed = run(command);
      // The first round warms the page cache.
      if (round > 0) times.get(name)?.push(elapsed);
    }
  }
  const base = median(times.get("empty program") ?? []);
  process.stdout.write(
    `start, median of ${rounds} alternated runs\n\n| what | ms | over the empty program |\n|---|---|---|\n`,
  );
  for (const [name, values] of times) {
    const middle = median(values);
    process.stdout.write(`| ${name} | ${middle.toFixed(1)} | ${(middle - base).toFixed(1)} ms |\n`);
  }
} finally {
  await rm(folder, { recursive: true });
}

function absolute(word: string): string {
  return word.startsWith("scripts/") ? join(REPOSITORY, word) : word;
}
