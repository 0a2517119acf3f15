/** The command line in this process: real configuration, memory storage, a fake Milvus, captured streams. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { definition as local } from "../../drivers/local/mod.ts";
import { definition as memory } from "../../drivers/memory/mod.ts";
import { definition as s3 } from "../../drivers/s3/mod.ts";
import { AppError } from "../../src/base/errors.ts";
import { runCli } from "../../src/cli/run.ts";
import type { Runtime, Session } from "../../src/cli/runtime.ts";
import type { MilvusGateway } from "../../src/milvus/gateway.ts";
import { createRuntime } from "../../src/runtime.ts";

export interface CliRun {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  /** Text of the configuration file; none is written when it is left out. */
  readonly config?: string;
  readonly milvus?: MilvusGateway;
  readonly signal?: AbortSignal;
  /** Columns of the terminal that standard error is; left out, it is none. */
  readonly terminal?: number;
  readonly now?: () => Date;
  readonly env?: Readonly<Record<string, string>>;
  /** A session with some of its members replaced. */
  readonly session?: (session: Session) => Session;
  readonly testDriver?: Runtime["testDriver"];
  /** Sees the folder that was the working directory, before it is removed. */
  readonly inspect?: (folder: string) => Promise<void>;
}

export const TOOL = { version: "1.2.3", commit: "abcdef0" } as const;

/** A working directory of its own with `backup.yaml` in it, removed at the end. */
export async function cli(argv: readonly string[], options: CliOptions = {}): Promise<CliRun> {
  const folder = await mkdtemp(join(tmpdir(), "milvus-backup-cli-"));
  try {
    if (options.config !== undefined) await writeFile(join(folder, "backup.yaml"), options.config);
    const stdout = new Captured();
    const stderr = new Captured();
    const runtime = createRuntime({
      tool: TOOL,
      drivers: [s3, local, memory],
      env: options.env ?? {},
      cwd: folder,
      executableDir: folder,
      signal: options.signal ?? new AbortController().signal,
      now: options.now ?? (() => new Date()),
    });
    const status = await runCli(argv, {
      env: {},
      stdin: process.stdin,
      stdout,
      stderr,
      colorDepth: 1,
      stdoutIsTerminal: false,
      stderrIsTerminal: options.terminal !== undefined,
      terminalWidth: () => options.terminal ?? 80,
      runtime: {
        ...runtime,
        ...(options.testDriver === undefined ? {} : { testDriver: options.testDriver }),
        openSession: async (asked) => {
          const session: Session = { ...(await runtime.openSession(asked)), connectMilvus: connectTo(options.milvus) };
          return options.session?.(session) ?? session;
        },
      },
    });
    await options.inspect?.(folder);
    return { status, stdout: stdout.text, stderr: stderr.text };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function connectTo(milvus: MilvusGateway | undefined): () => Promise<MilvusGateway> {
  return async () => {
    if (milvus !== undefined) return milvus;
    throw new AppError("UNAVAILABLE", "there is no Milvus in this test");
  };
}

/** A v2 file: Milvus' bucket and the backups in stores of the memory driver. */
export function configFor(stores: { readonly milvus: string; readonly backups: string }, more = ""): string {
  return [
    "configVersion: v2",
    "log: { level: error, file: { path: '' } }",
    `milvus: { storage: { provider: memory, store: ${stores.milvus}, rootPath: files } }`,
    `backup: { storage: { provider: memory, store: ${stores.backups}, rootPath: backup } }`,
    more,
    "",
  ].join("\n");
}

class Captured extends Writable {
  text = "";

  override _write(chunk: Buffer | string, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}
