/** Composition root: the one place that knows everything. Commands get what they need through the Runtime. */

import { dirname } from "node:path";
import { AppError } from "./base/errors.ts";
import type { ToolVersion } from "./cli/runtime.ts";

/** Set by scripts/build.ts. */
declare const BUILD_VERSION: string | undefined;
declare const BUILD_COMMIT: string | undefined;

/** As shells say it: 128 and the signal's number. */
const SIGNAL_STATUS = { SIGINT: 130, SIGTERM: 143 } as const;
const OUTPUT_LOST_STATUS = 7;
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
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    // The first asks for an orderly end; the second wants it now.
    if (stop.signal.aborted) process.exit(SIGNAL_STATUS[signal]);
    stop.abort(new AppError("ABORTED", `interrupted by ${signal}`, { details: { signal } }));
  });
}
// A reader that goes away (`| head`) ends the output, not the work; any other failure to write loses a result.
let outputLost: Error | undefined;
process.stdout.on("error", (error) => {
  if (!("code" in error) || error.code !== "EPIPE") outputLost = error;
});
process.stderr.on("error", () => {});

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
    signal: stop.signal,
    now: () => new Date(),
  }),
});
await drained(process.stdout);
if (outputLost !== undefined) process.stderr.write(`error: standard output failed: ${outputLost.message}\n`);
process.exitCode = status === 0 && outputLost !== undefined ? OUTPUT_LOST_STATUS : status;
await drained(process.stderr);
// Sockets kept alive for the next request must not hold the program back.
process.exit();

/** What was written is with the reader, or has failed and said so. */
async function drained(stream: NodeJS.WriteStream): Promise<void> {
  if (stream.writableLength > 0) await new Promise<void>((resolve) => stream.write("", () => resolve()));
  // A write that failed at once reports it in the next turn.
  await new Promise<void>((resolve) => setImmediate(resolve));
}
