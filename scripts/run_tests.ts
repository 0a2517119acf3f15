/**
 * Runs test suites one after the other and counts over all of them.
 *
 *   bun scripts/run_tests.ts                    every suite
 *   bun scripts/run_tests.ts unit conformance   these
 *   bun scripts/run_tests.ts e2e -- restore     only the files of a suite whose path holds "restore"
 *
 * The last line is `N passed, N failed`, alone. The exit status is 0 only when nothing failed.
 */
import { spawn } from "node:child_process";
import { join, resolve } from "node:path";
import { countResults, type Results } from "./test_results.ts";

const REPOSITORY = resolve(import.meta.dir, "..");
const MINUTE = 60_000;

interface Suite {
  readonly name: string;
  /** Whether a file of test/, by its path below it, belongs to this suite. */
  readonly owns: (path: string) => boolean;
  /** Prints only what fails: a suite of a thousand quick tests. */
  readonly quiet: boolean;
  /** A suite that hangs is ended and counts as failed. */
  readonly limitMs: number;
}

const SUITES: readonly Suite[] = [
  { name: "unit", owns: (path) => !/^(conformance|e2e)\//.test(path), quiet: true, limitMs: 10 * MINUTE },
  { name: "conformance", owns: (path) => path.startsWith("conformance/"), quiet: true, limitMs: 10 * MINUTE },
  { name: "e2e", owns: (path) => path.startsWith("e2e/"), quiet: false, limitMs: 20 * MINUTE },
];

const CHECKS = [
  { name: "types", command: [join(REPOSITORY, "node_modules/.bin/tsc"), "-p", "."] },
  { name: "lint and format", command: [join(REPOSITORY, "node_modules/.bin/biome"), "check", "--error-on-warnings"] },
];

const separator = process.argv.indexOf("--");
const asked = process.argv.slice(2, separator < 0 ? undefined : separator);
const filter = separator < 0 ? [] : process.argv.slice(separator + 1);
const names = ["check", ...SUITES.map((suite) => suite.name)];
const unknown = asked.find((name) => !names.includes(name));
if (unknown) {
  say(`no suite is named ${unknown}; there are: ${names.join(", ")}`);
  process.exit(2);
}

const total = { passed: 0, failed: 0, skipped: 0 };
for (const name of asked.length > 0 ? asked : names) {
  const suite = SUITES.find((candidate) => candidate.name === name);
  const started = Date.now();
  const results = suite ? await runSuite(suite) : await runChecks();
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  say(`== ${name}: ${results.passed} passed, ${results.failed} failed, ${results.skipped} skipped, ${seconds} s\n`);
  total.passed += results.passed;
  total.failed += results.failed;
  total.skipped += results.skipped;
}
if (total.skipped > 0) say(`${total.skipped} skipped`);
say(`${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed === 0 ? 0 : 1;

async function runSuite(suite: Suite): Promise<Results> {
  say(`== ${suite.name}`);
  const files = [...new Bun.Glob("**/*.test.ts").scanSync(join(REPOSITORY, "test"))]
    .filter((path) => suite.owns(path) && (filter.length === 0 || filter.some((part) => path.includes(part))))
    .sort()
    .map((path) => `./test/${path}`);
  if (files.length === 0) {
    say("no test files");
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const flags = suite.quiet ? ["--only-failures"] : [];
  const { status, output } = await run([process.execPath, "test", ...flags, ...files], suite.limitMs);
  return countResults(output, status);
}

/** What stands in no test file: each counts as one. */
async function runChecks(): Promise<Results> {
  let failed = 0;
  for (const { name, command } of CHECKS) {
    say(`== check: ${name}`);
    if ((await run(command, 5 * MINUTE)).status !== 0) failed += 1;
  }
  return { passed: CHECKS.length - failed, failed, skipped: 0 };
}

/** Shows a command's output as it comes, and returns it; status null when the limit or a signal ended it. */
function run(command: readonly string[], limitMs: number): Promise<{ status: number | null; output: string }> {
  const [program = "", ...args] = command;
  const { FORCE_COLOR: _colour, ...env } = process.env;
  const child = spawn(program, args, {
    cwd: REPOSITORY,
    env: { ...env, NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const timer = setTimeout(() => {
    say(`not done after ${limitMs / MINUTE} minutes: ended`);
    child.kill("SIGKILL");
  }, limitMs);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      process.stdout.write(text);
    });
  }
  return new Promise((done) => {
    child.once("error", (error) => {
      say(error.message);
      clearTimeout(timer);
      done({ status: null, output });
    });
    child.once("close", (status) => {
      clearTimeout(timer);
      done({ status, output });
    });
  });
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
