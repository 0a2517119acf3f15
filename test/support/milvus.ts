import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type MilvusStorage, type MilvusTls, type MilvusVersion, writeMilvusConfig } from "./milvus_config.ts";
import { type ClientTls, openRpc } from "./milvus_rpc.ts";
import { requirePart } from "./parts.ts";
import { watchOver } from "./watchdog.ts";

export type { MilvusStorage, MilvusTls, MilvusVersion } from "./milvus_config.ts";

export interface StartMilvusOptions {
  readonly version: MilvusVersion;
  readonly storage: MilvusStorage;
  /** Keeps the data here, also after stop(); without it a temporary folder is made, and removed by stop(). */
  readonly dataDir?: string;
  /** Switches authentication on: user root, password Milvus. */
  readonly auth?: boolean;
  /** Server side TLS; `client` is what our own readiness check connects with. */
  readonly tls?: MilvusTls & { readonly client: ClientTls };
  /** Further keys of milvus.yaml by dotted path. */
  readonly config?: Readonly<Record<string, string | number | boolean>>;
  readonly timeoutMs?: number;
}

/** A running real Milvus standalone on 127.0.0.1. */
export interface MilvusServer {
  readonly version: MilvusVersion;
  readonly host: "127.0.0.1";
  /** gRPC. */
  readonly port: number;
  /** HTTP: /healthz, /metrics. */
  readonly managementPort: number;
  readonly pid: number;
  readonly dataDir: string;
  /** The root path of local storage: absolute, holds insert_log/, delta_log/, stats_log/. */
  readonly localRoot: string;
  readonly storage: MilvusStorage;
  /** What the server prints; more under dataDir/logs. */
  readonly logFile: string;
  readonly auth: boolean;
  readonly tls?: ClientTls;
  /** Asks the server to end, kills it when it does not, or at once when its data folder is temporary and removed. May be called twice. */
  stop(): Promise<void>;
  /** A crash: ends the server at once, its data stays until stop(). */
  kill9(): Promise<void>;
}

/** User and password of a server with authentication. */
export const ROOT_USER = { user: "root", password: "Milvus" } as const;

// As long as the package's own launcher waits: a server with loaded collections would take its limit of half an hour. What it
// has taken in is in its logs, etcd's and RocksDB's, and survives the kill.
const STOP_MS = 1000;

/**
 * Starts a server and resolves when it answers: health over HTTP, then a call over gRPC.
 * @throws Error with the end of the server's log when it ends early or does not get ready in time
 */
export async function startMilvus(options: StartMilvusOptions): Promise<MilvusServer> {
  const { version, storage, auth = false, tls } = options;
  const part = requirePart(`milvus-${version}`);
  const temporary = options.dataDir === undefined;
  const dataDir = resolve(options.dataDir ?? (await mkdtemp(join(tmpdir(), `milvus-${version}-`))));
  const ports = await writeMilvusConfig(part, dataDir, {
    version,
    storage,
    auth,
    extra: options.config ?? {},
    ...(tls ? { tls } : {}),
  });

  const logFile = join(dataDir, "logs", "milvus.log");
  const log = openSync(logFile, "a");
  const child = spawn(join(part, "bin", "milvus"), ["run", "standalone"], {
    cwd: dataDir,
    // A group of its own: an interrupt from the terminal reaches the tests, which stop the server in order.
    detached: true,
    stdio: ["ignore", log, log],
    env: {
      PATH: process.env.PATH,
      HOME: dataDir,
      DEPLOY_MODE: "STANDALONE",
      MILVUSCONF: join(dataDir, "configs"),
      MILVUS_RUN_DIR: join(dataDir, "run"),
      METRICS_PORT: String(ports.management),
      ETCD_CONFIG_PATH: join(dataDir, "configs", "etcd.yaml"),
      LD_LIBRARY_PATH: join(part, "bin"),
    },
  });
  closeSync(log);
  let ended: string | undefined;
  const exit = new Promise<void>((done) => {
    const end = (how: string) => {
      ended = how;
      done();
    };
    child.once("error", (error) => end(error.message));
    child.once("exit", (code, signal) => end(signal ?? `exit code ${code}`));
  });
  const { pid } = child;
  if (pid === undefined) {
    await exit;
    throw new Error(`Milvus ${version} cannot be started: ${ended}`);
  }
  watchOver(pid, temporary ? dataDir : "");

  const kill9 = async () => {
    if (ended === undefined) child.kill("SIGKILL");
    await exit;
  };
  const stop = async () => {
    if (ended === undefined) {
      // Data that is thrown away need not be put in order first.
      child.kill(temporary ? "SIGKILL" : "SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
      await exit;
      clearTimeout(timer);
    }
    if (temporary) await rm(dataDir, { recursive: true, force: true });
  };

  const server: MilvusServer = {
    version,
    host: "127.0.0.1",
    port: ports.proxy,
    managementPort: ports.management,
    pid,
    dataDir,
    localRoot: join(dataDir, "data"),
    storage,
    logFile,
    auth,
    ...(tls ? { tls: tls.client } : {}),
    stop,
    kill9,
  };
  try {
    await waitUntilReady(server, () => ended, options.timeoutMs ?? 120_000);
  } catch (error) {
    const tail = (await readFile(logFile, "utf8").catch(() => "")).split("\n").slice(-40).join("\n");
    await kill9();
    await stop();
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`Milvus ${version} did not get ready: ${reason}\nend of its log:\n${tail}`);
  }
  return server;
}

async function waitUntilReady(server: MilvusServer, ended: () => string | undefined, timeoutMs: number): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  const attempt = async (check: () => Promise<void>) => {
    for (;;) {
      if (ended() !== undefined) throw new Error(`it ended (${ended()})`);
      try {
        return await check();
      } catch (error) {
        if (Date.now() > deadline) throw new Error(`no answer within ${timeoutMs / 1000} s, last: ${error}`);
        await Bun.sleep(100);
      }
    }
  };
  await attempt(async () => {
    const response = await fetch(`http://${server.host}:${server.managementPort}/healthz`, {
      signal: AbortSignal.timeout(5000),
    });
    const body = await response.text();
    if (!response.ok || !body.includes("OK")) throw new Error(`healthz: ${response.status} ${body}`);
  });
  const rpc = openRpc(server);
  try {
    await attempt(() => rpc.call("ShowCollections", {}, { timeoutMs: 5000 }).then(() => undefined));
  } finally {
    rpc.close();
  }
}
