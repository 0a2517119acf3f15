/** Composition root: the one place that knows everything. Commands get what they need through the Runtime. */

import { dirname } from "node:path";
import { AppError, exitStatus } from "./base/errors.ts";
import type { ToolVersion } from "./cli/runtime.ts";

/** Set by scripts/build.ts. */
declare const BUILD_VERSION: string | undefined;
declare const BUILD_COMMIT: string | undefined;

const SIGTERM_STATUS = 143;
/** A run that ends without reaching its end (a lost promise, a crash of the runtime) must not look like success. */
const UNFINISHED_STATUS = 70;

const tool: ToolVersion = {
  version: typeof BUILD_VERSION === "string" ? BUILD_VERSION : "0.0.0-dev",
  commit: typeof BUILD_COMMIT === "string" ? BUILD_COMMIT : "unknown",
};

process.exitCode = UNFINISHED_STATUS;
// Scripts ask for the version often; it needs nothing of what follows.
if (process.argv[2] === "--version") {
  process.stdout.write(`milvus-backup ${tool.version} (${tool.commit})\n`);
  process.exit(0);
}
const [{ runCli }, { createRuntime }, { builtinDrivers }] = await Promise.all([
  import("./cli/run.ts"),
  import("./runtime.ts"),
  import("../drivers/all.ts"),
]);
const stop = new AbortController();
let received: NodeJS.Signals | undefined;
const statusOf = (signal: NodeJS.Signals): number =>
  signal === "SIGTERM" ? SIGTERM_STATUS : exitStatus(new AppError("ABORTED", signal));
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    // The first asks for an orderly end; the second wants it now.
    if (received !== undefined) process.exit(statusOf(signal));
    received = signal;
    stop.abort(new AppError("ABORTED", `interrupted by ${signal}`));
  });
}
// A reader that goes away (`| head`) ends the output, not the work.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});

const status = await runCli(process.argv.slice(2), {
  env: process.env,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  colorDepth: 1,
  stdoutIsTerminal: process.stdout.isTTY === true,
  stderrIsTerminal: process.stderr.isTTY === true,
  terminalWidth: () => process.stderr.columns ?? 80,
  runtime: createRuntime({
    tool,
    drivers: builtinDrivers,
    env: process.env,
    cwd: process.cwd(),
    executableDir: dirname(process.execPath),
    writeLog: (line) => void process.stderr.write(`${line}\n`),
    signal: stop.signal,
    now: () => new Date(),
  }),
});
process.exitCode = status !== 0 && received !== undefined ? statusOf(received) : status;
// Sockets kept alive for the next request must not hold the program back.
await Promise.all([drained(process.stdout), drained(process.stderr)]);
process.exit();

function drained(stream: NodeJS.WriteStream): Promise<void> {
  return stream.writableLength === 0 ? Promise.resolve() : new Promise((resolve) => stream.write("", () => resolve()));
}
