import { copyFile, link, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { type CliResult, executablePath, type RunCliOptions, runCli } from "./run_cli.ts";

/** The document that `--json` prints. Numbers beyond the safe range, and all 64-bit ids, are text in it. */
export interface Envelope<T> {
  readonly command: string;
  readonly ok: boolean;
  readonly data: T;
  readonly error?: { readonly code: string; readonly message: string; readonly exit_status: number };
  readonly warnings: readonly { readonly code: string; readonly message: string }[];
}

/** A user's folder: the executable, configs/backup.yaml beside it, room for data. */
export interface Workspace {
  readonly folder: string;
  /** Replaces configs/backup.yaml; an object becomes YAML. */
  writeConfig(config: string | object): Promise<void>;
  /** Runs `./milvus-backup ...args` in the folder, whatever its exit status. */
  run(args: readonly string[], options?: RunCliOptions): Promise<CliResult>;
  /** The same through a shell, for commands as documents write them. */
  shell(command: string): Promise<CliResult>;
  /** Runs and returns standard output. @throws Error with all output when the exit status is not 0 */
  ok(...args: string[]): Promise<string>;
  /** Runs with --json and returns the envelope, of a failure as well. @throws Error when standard output is anything else */
  json<T = Record<string, unknown>>(...args: string[]): Promise<Envelope<T> & { readonly status: number | null }>;
  remove(): Promise<void>;
}

/** Lays out a new temporary folder; dispose of it with remove(). */
export async function makeWorkspace(config: string | object): Promise<Workspace> {
  const folder = await mkdtemp(join(tmpdir(), "workspace-"));
  await mkdir(join(folder, "configs"));
  const executable = join(folder, "milvus-backup");
  // It is a hundred megabytes: a second name is enough where the file system allows one.
  await link(executablePath(), executable).catch(() => copyFile(executablePath(), executable));
  const run: Workspace["run"] = (args, options) => runCli(args, { cwd: folder, executable, ...options });
  const workspace: Workspace = {
    folder,
    run,
    writeConfig: async (value) =>
      writeFile(join(folder, "configs", "backup.yaml"), typeof value === "string" ? value : stringify(value)),
    shell: (command) => runCli(["-c", command], { cwd: folder, executable: "/bin/sh" }),
    async ok(...args) {
      const result = await run(args);
      if (result.status !== 0) throw new Error(describe(args, result));
      return result.stdout;
    },
    async json<T>(...args: string[]) {
      const result = await run([...args, "--json"]);
      try {
        return { ...(JSON.parse(result.stdout) as Envelope<T>), status: result.status };
      } catch {
        throw new Error(describe(args, result));
      }
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
  await workspace.writeConfig(config);
  return workspace;
}

function describe(args: readonly string[], { status, signal, stdout, stderr }: CliResult): string {
  return `milvus-backup ${args.join(" ")}: exit status ${status ?? signal}\n${stdout}\n${stderr}`;
}
