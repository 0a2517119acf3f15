import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { requirePart } from "./parts.ts";
import { freePort } from "./ports.ts";
import { shared } from "./shared_servers.ts";
import { processExists, watchOver } from "./watchdog.ts";

export interface StartMinioOptions {
  /** Keeps the data here, also after stop(); without it a temporary folder is made, and removed by stop(). */
  readonly dataDir?: string;
  /** Serves https with this certificate. */
  readonly tls?: { readonly certPath: string; readonly keyPath: string; readonly caPath: string };
  /** Listens here instead of on a free port, as after a restart on the same data. */
  readonly port?: number;
  /** Root credentials; the same for every server without them. */
  readonly keys?: { readonly accessKey: string; readonly secretKey: string };
  readonly timeoutMs?: number;
}

/** A running real MinIO on 127.0.0.1. */
export interface MinioServer {
  readonly host: "127.0.0.1";
  readonly port: number;
  /** "http://127.0.0.1:21234" */
  readonly url: string;
  readonly accessKey: string;
  readonly secretKey: string;
  readonly pid: number;
  readonly dataDir: string;
  /** Resolves also when the bucket is there already. */
  createBucket(name: string): Promise<void>;
  /** Asks the server to end, kills it when it does not, removes a temporary data folder. May be called twice. */
  stop(): Promise<void>;
}

const KEYS = { accessKey: "test-access-key", secretKey: "test-secret-key" };
const STOP_MS = 5000;

/**
 * Starts a server and resolves when it is ready for requests.
 * @throws Error that says how to install MinIO when it is missing, or with its log when it does not get ready
 */
export async function startMinio(options: StartMinioOptions = {}): Promise<MinioServer> {
  const binary = requirePart("minio");
  const temporary = options.dataDir === undefined;
  const dataDir = resolve(options.dataDir ?? (await mkdtemp(join(tmpdir(), "minio-"))));
  const port = options.port ?? (await freePort());
  const certsDir = join(dataDir, ".certs");
  const logFile = join(dataDir, ".minio.log");
  await mkdir(join(certsDir, "CAs"), { recursive: true });
  if (options.tls !== undefined) {
    await copyFile(options.tls.certPath, join(certsDir, "public.crt"));
    await copyFile(options.tls.keyPath, join(certsDir, "private.key"));
  }
  const { accessKey, secretKey } = options.keys ?? KEYS;
  const log = openSync(logFile, "a");
  const child = spawn(
    binary,
    [
      "server",
      join(dataDir, "drive"),
      "--address",
      `127.0.0.1:${port}`,
      "--console-address",
      `127.0.0.1:${await freePort()}`,
      "--certs-dir",
      certsDir,
    ],
    {
      detached: true,
      stdio: ["ignore", log, log],
      env: {
        PATH: process.env.PATH,
        HOME: dataDir,
        MINIO_ROOT_USER: accessKey,
        MINIO_ROOT_PASSWORD: secretKey,
        // Neither its console nor a look for updates is wanted.
        MINIO_BROWSER: "off",
        MINIO_UPDATE: "off",
      },
    },
  );
  closeSync(log);
  const { pid } = child;
  if (pid === undefined) throw new Error(`${binary} cannot be started`);
  child.unref();
  watchOver(pid, temporary ? dataDir : "");
  let ended = false;
  child.once("exit", () => {
    ended = true;
  });

  const url = `${options.tls === undefined ? "http" : "https"}://127.0.0.1:${port}`;
  const ca = options.tls === undefined ? undefined : await readFile(options.tls.caPath, "utf8");
  const server: MinioServer = {
    host: "127.0.0.1",
    port,
    url,
    accessKey,
    secretKey,
    pid,
    dataDir,
    createBucket: (name) => createBucket(server, name, ca),
    async stop() {
      if (!ended) process.kill(pid, "SIGTERM");
      const deadline = Date.now() + STOP_MS;
      while (!ended && processExists(pid) && Date.now() < deadline) await Bun.sleep(20);
      if (!ended && processExists(pid)) process.kill(pid, "SIGKILL");
      if (temporary) await rm(dataDir, { recursive: true, force: true });
    },
  };
  await untilReady(server, { ca, ended: () => ended, logFile, timeoutMs: options.timeoutMs ?? 30_000 });
  return server;
}

/** One server for all test files of a run; tests use buckets of their own. */
export function sharedMinio(): Promise<MinioServer> {
  return shared("minio", () => startMinio());
}

interface ReadyOptions {
  readonly ca: string | undefined;
  readonly ended: () => boolean;
  readonly logFile: string;
  readonly timeoutMs: number;
}

async function untilReady(server: MinioServer, options: ReadyOptions): Promise<void> {
  const deadline = Date.now() + options.timeoutMs;
  while (!options.ended() && Date.now() < deadline) {
    if (await isReady(server.url, options.ca)) return;
    await Bun.sleep(50);
  }
  const log = await readFile(options.logFile, "utf8").catch(() => "");
  await server.stop();
  throw new Error(`MinIO at ${server.url} did not get ready:\n${log.slice(-2000)}`);
}

async function isReady(url: string, ca: string | undefined): Promise<boolean> {
  try {
    const tls = ca === undefined ? {} : { tls: { ca } };
    const answer = await fetch(`${url}/minio/health/ready`, { ...tls, signal: AbortSignal.timeout(2000) });
    await answer.arrayBuffer();
    return answer.ok;
  } catch {
    return false;
  }
}

async function createBucket(server: MinioServer, name: string, ca: string | undefined): Promise<void> {
  const { S3Client, CreateBucketCommand } = await import("@aws-sdk/client-s3");
  const { NodeHttpHandler } = await import("@smithy/node-http-handler");
  const { Agent } = await import("node:https");
  const client = new S3Client({
    endpoint: server.url,
    region: "us-east-1",
    forcePathStyle: true,
    credentials: { accessKeyId: server.accessKey, secretAccessKey: server.secretKey },
    requestHandler: new NodeHttpHandler(ca === undefined ? {} : { httpsAgent: new Agent({ ca }) }),
  });
  try {
    await client.send(new CreateBucketCommand({ Bucket: name }));
  } catch (error) {
    if (!(error instanceof Error && error.name === "BucketAlreadyOwnedByYou")) throw error;
  } finally {
    client.destroy();
  }
}
