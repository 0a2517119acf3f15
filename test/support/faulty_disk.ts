/** Disks that are full or read-only: mounts in a name space of their own, which nobody else sees and which end with it. */

import { spawn } from "node:child_process";
import { type CliResult, executablePath, runCli } from "./run_cli.ts";
import { watchOver } from "./watchdog.ts";

export interface MountSpace {
  /** How this process reaches a path that only the name space has. */
  path(inside: string): string;
  /** Runs the executable inside. It starts in "/": paths in `args` are to be absolute. */
  run(args: readonly string[]): Promise<CliResult>;
  /** Runs a shell command inside. @throws Error when it fails */
  shell(command: string): Promise<string>;
  close(): Promise<void>;
}

// Without root's rights a user name space gives the rights over the mount name space.
const IS_ROOT = process.getuid?.() === 0;
const UNSHARE = IS_ROOT ? ["--mount"] : ["--user", "--map-root-user", "--mount"];
const NSENTER = IS_ROOT ? ["--mount"] : ["--user", "--preserve-credentials", "--mount"];

/**
 * @param mounts a shell command, such as `mount -t tmpfs -o size=1m none /folder`
 * @throws Error when this machine does not allow name spaces or the mount
 */
export async function openMountSpace(mounts: string): Promise<MountSpace> {
  const holder = spawn("unshare", [...UNSHARE, "sh", "-c", `${mounts} && echo ready && exec sleep 3600`], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const { pid } = holder;
  const ended = new Promise<void>((resolve) => holder.once("close", () => resolve()));
  let said = "";
  const ready = new Promise<boolean>((resolve) => {
    holder.stdout.on("data", (chunk: Buffer) => {
      said += chunk;
      if (said.includes("ready")) resolve(true);
    });
    holder.stderr.on("data", (chunk: Buffer) => {
      said += chunk;
    });
    holder.once("error", () => resolve(false));
    holder.once("close", () => resolve(false));
  });
  if (!(await ready) || pid === undefined) throw new Error(`unshare and mount are not possible here: ${said}`);
  watchOver(pid);
  const enter = ["--target", String(pid), ...NSENTER, "--"];
  return {
    path: (inside) => `/proc/${pid}/root${inside}`,
    run: (args) => runCli([...enter, executablePath(), ...args], { executable: "nsenter" }),
    async shell(command) {
      const result = await runCli([...enter, "sh", "-c", command], { executable: "nsenter" });
      if (result.status !== 0) throw new Error(`${command}: ${result.stderr}`);
      return result.stdout;
    },
    async close() {
      holder.kill("SIGKILL");
      await ended;
    },
  };
}
