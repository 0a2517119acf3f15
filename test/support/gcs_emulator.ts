import { spawn } from "node:child_process";
import { requirePart } from "./parts.ts";
import { freePort } from "./ports.ts";
import { shared } from "./shared_servers.ts";
import { processExists, watchOver } from "./watchdog.ts";

/** A running gcp-storage-emulator on 127.0.0.1: Cloud Storage's JSON interface over plain HTTP, objects in memory. */
export interface GcsEmulator {
  readonly host: "127.0.0.1";
  readonly port: number;
  /** "http://127.0.0.1:21234" */
  readonly url: string;
  /** Resolves also when the bucket is there already. */
  createBucket(name: string): Promise<void>;
  stop(): Promise<void>;
}

/**
 * The emulator's own start, with two changes to its outside: it writes the index of all objects anew after each call, which
 * nothing reads when objects are in memory (1,100 puts take 22 s so), and lets five connections wait.
 */
const START = `
import sys, http.server
from gcp_storage_emulator import server, storage
storage.Storage._write_config_to_file = lambda self: None
http.server.HTTPServer.request_queue_size = 256
server.create_server("127.0.0.1", int(sys.argv[1]), in_memory=True).run()
`;
const READY_MS = 30_000;
const STOP_MS = 5000;

/** @throws Error that says how to install the emulator when it is missing, or that it does not get ready */
export async function startGcsEmulator(): Promise<GcsEmulator> {
  const program = requirePart("gcs-emulator");
  const port = await freePort();
  const child = spawn(program, ["-c", START, String(port)], {
    detached: true,
    stdio: "ignore",
    env: { PATH: process.env.PATH },
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${program} cannot be started`);
  child.unref();
  watchOver(pid, "");
  let ended = false;
  child.once("exit", () => {
    ended = true;
  });
  const url = `http://127.0.0.1:${port}`;
  const server: GcsEmulator = {
    host: "127.0.0.1",
    port,
    url,
    createBucket: (name) => createBucket(url, name),
    async stop() {
      if (!ended) process.kill(pid, "SIGTERM");
      const deadline = Date.now() + STOP_MS;
      while (!ended && processExists(pid) && Date.now() < deadline) await Bun.sleep(20);
      if (!ended && processExists(pid)) process.kill(pid, "SIGKILL");
    },
  };
  const deadline = Date.now() + READY_MS;
  while (!ended && Date.now() < deadline) {
    if (await isReady(url)) return server;
    await Bun.sleep(50);
  }
  await server.stop();
  throw new Error(`the Cloud Storage emulator at ${url} did not get ready`);
}

/** One emulator for all test files of a run; tests use buckets of their own. */
export function sharedGcsEmulator(): Promise<GcsEmulator> {
  return shared("gcs-emulator", startGcsEmulator);
}

async function isReady(url: string): Promise<boolean> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(2000) });
    await answer.arrayBuffer();
    return answer.ok;
  } catch {
    return false;
  }
}

async function createBucket(url: string, name: string): Promise<void> {
  const answer = await fetch(`${url}/storage/v1/b?project=test`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name }),
  });
  await answer.arrayBuffer();
  if (!answer.ok && answer.status !== 409) throw new Error(`bucket ${name} cannot be created: ${answer.status}`);
}
