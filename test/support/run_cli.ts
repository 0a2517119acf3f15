import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { REPOSITORY } from "./parts.ts";

export interface RunCliOptions {
  /** Another program than the built executable: its copy in a user's folder, or a shell that runs that. */
  readonly executable?: string;
  readonly cwd?: string;
  /** Added to a bare environment (PATH, HOME, TMPDIR): nothing of the developer's own settings reaches the executable. */
  readonly env?: Readonly<Record<string, string>>;
  /** Text for standard input, which is closed otherwise. */
  readonly stdin?: string;
  /** The executable is killed and the test fails after this; 120 s by default. */
  readonly timeoutMs?: number;
}

export interface CliResult {
  /** Exit status; null when a signal ended it. */
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running executable, for tests that interrupt or kill it. */
export interface CliProcess {
  readonly pid: number;
  kill(signal: NodeJS.Signals): void;
  /** What it has printed until now. */
  stdout(): string;
  stderr(): string;
  /** Resolves when either stream has printed `text`; rejects when it ends first or after `timeoutMs`. */
  waitFor(text: string, timeoutMs?: number): Promise<void>;
  readonly result: Promise<CliResult>;
}

/**
 * The compiled executable: MILVUS_BACKUP_BIN, or dist/milvus-backup.
 * @throws Error that says how to build it
 */
export function executablePath(): string {
  const path = resolve(process.env.MILVUS_BACKUP_BIN || join(REPOSITORY, "dist", "milvus-backup"));
  if (!existsSync(path)) throw new Error(`${path} is missing: run make build, or set MILVUS_BACKUP_BIN`);
  return path;
}

/** Runs the compiled executable to its end, whatever its exit status. */
export async function runCli(args: readonly string[], options: RunCliOptions = {}): Promise<CliResult> {
  const cli = startCli(args, options);
  const timeoutMs = options.timeoutMs ?? 120_000;
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    cli.kill("SIGKILL");
  }, timeoutMs);
  const result = await cli.result;
  clearTimeout(timer);
  if (late) {
    throw new Error(
      `milvus-backup ${args.join(" ")}: not done after ${timeoutMs} ms\n${result.stdout}\n${result.stderr}`,
    );
  }
  return result;
}

/** Starts the compiled executable and hands over the process. */
export function startCli(args: readonly string[], options: RunCliOptions = {}): CliProcess {
  const { PATH = "", HOME = "", TMPDIR } = process.env;
  const child = spawn(options.executable ?? executablePath(), [...args], {
    cwd: options.cwd,
    env: { PATH, HOME, ...(TMPDIR ? { TMPDIR } : {}), ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const output = collect(child);
  // An executable that ends without reading its input is no failure of the test.
  child.stdin.on("error", () => undefined);
  child.stdin.end(options.stdin ?? "");
  const result = new Promise<CliResult>((done, fail) => {
    child.once("error", fail);
    child.once("close", (status, signal) => done({ status, signal, ...output.texts() }));
  });
  return {
    pid: child.pid ?? -1,
    kill: (signal) => void child.kill(signal),
    stdout: () => output.texts().stdout,
    stderr: () => output.texts().stderr,
    waitFor: (text, timeoutMs = 60_000) => waitForText(text, timeoutMs, output, result),
    result,
  };
}

interface Output {
  texts(): { stdout: string; stderr: string };
  onData(listener: () => void): void;
}

function collect(child: ChildProcessWithoutNullStreams): Output {
  const texts = { stdout: "", stderr: "" };
  const listeners: (() => void)[] = [];
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      texts[name] += text;
      for (const listener of listeners) listener();
    });
  }
  return { texts: () => ({ ...texts }), onData: (listener) => void listeners.push(listener) };
}

function waitForText(text: string, timeoutMs: number, output: Output, result: Promise<CliResult>): Promise<void> {
  const found = () => Object.values(output.texts()).some((printed) => printed.includes(text));
  const described = () =>
    `${JSON.stringify(text)} was not printed; stdout and stderr:\n${Object.values(output.texts()).join("\n")}`;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`after ${timeoutMs} ms ${described()}`)), timeoutMs);
    const look = () => {
      if (!found()) return false;
      clearTimeout(timer);
      resolve();
      return true;
    };
    if (look()) return;
    output.onData(look);
    result.then(
      () => {
        if (look()) return;
        clearTimeout(timer);
        reject(new Error(`it ended, and ${described()}`));
      },
      (error) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}
