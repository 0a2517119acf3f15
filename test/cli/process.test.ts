/** What only a process of its own shows: signals, readers that go away, a full disk, exit statuses as the shell sees them. */

import { describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { mkdtemp, open, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { REPOSITORY } from "../support/parts.ts";

const MAIN = join(REPOSITORY, "src/main.ts");

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface RunOptions {
  /** A file descriptor in place of a pipe. */
  readonly stdout?: number;
  /** Called with the first text on standard error. */
  readonly onStderr?: (kill: (signal: NodeJS.Signals) => void) => void;
  readonly closeStdout?: boolean;
}

async function run(argv: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const cwd = await mkdtemp(join(tmpdir(), "milvus-backup-process-"));
  try {
    const child = spawn(process.execPath, [MAIN, ...argv], {
      cwd,
      env: { PATH: process.env.PATH ?? "" },
      stdio: ["ignore", options.stdout ?? "pipe", "pipe"],
    });
    let stdout = "";
    let stderr = "";
    if (options.closeStdout === true) child.stdout?.destroy();
    else {
      child.stdout?.setEncoding("utf8").on("data", (text: string) => {
        stdout += text;
      });
    }
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      if (stderr === "") options.onStderr?.((signal) => void child.kill(signal));
      stderr += text;
    });
    const status = await new Promise<number | null>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", resolve);
    });
    return { status, stdout, stderr };
  } finally {
    await rm(cwd, { recursive: true, force: true });
  }
}

const SHOW = ["config", "show", "--config", "", "--set", "log.file.path="];

test("exit statuses reach the shell", async () => {
  expect((await run(SHOW)).status).toBe(0);
  expect((await run(["list", "--frob"])).status).toBe(2);
  const nothing = await run([]);
  expect([nothing.status, nothing.stdout]).toEqual([2, ""]);
  expect(nothing.stderr).toStartWith("Backup and restore of Milvus\n");
});

test("a reader that goes away is no failure", async () => {
  const { status, stderr } = await run(SHOW, { closeStdout: true });
  expect([status, stderr]).toEqual([0, ""]);
});

test("a result that cannot be written is a failure", async () => {
  await using full = await open("/dev/full", "w");
  const { status, stderr } = await run(SHOW, { stdout: full.fd });
  expect(status).toBe(7);
  expect(stderr).toContain("error: standard output failed: ENOSPC");
});

test("a large result arrives whole", async () => {
  const { stdout } = await run(["drivers", "--json"]);
  expect(stdout).toEndWith("}\n");
  expect(JSON.parse(stdout).ok).toBe(true);
});

describe("an interruption", () => {
  test.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("%s ends with %p, and JSON says the same", async (signal, status) => {
    // A service that accepts and never answers.
    const sockets: { destroy(): void }[] = [];
    const server = createServer((socket) => void sockets.push(socket));
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    try {
      const sets = [
        "milvus.storage.address=127.0.0.1",
        `milvus.storage.port=${port}`,
        "log.level=debug",
        "log.file.path=",
      ];
      const argv = ["delete", "-n", "nightly", "--json", "--config", "", ...sets.flatMap((set) => ["--set", set])];
      const ended = await run(argv, { onStderr: (kill) => setTimeout(() => kill(signal), 200) });
      expect(ended.status).toBe(status);
      expect(ended.stderr).toContain(`error: interrupted by ${signal} (ABORTED)\n`);
      expect(JSON.parse(ended.stdout)).toMatchObject({ ok: false, error: { code: "ABORTED", exit_status: status } });
    } finally {
      for (const socket of sockets) socket.destroy();
      server.close();
    }
  });
});
