import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  BlobServiceClient,
  newPipeline,
  type StoragePipelineOptions,
  StorageSharedKeyCredential,
} from "@azure/storage-blob";
import { requirePart } from "./parts.ts";
import { freePort } from "./ports.ts";
import { shared } from "./shared_servers.ts";
import { processExists, watchOver } from "./watchdog.ts";

export interface StartAzuriteOptions {
  /** Serves https with this certificate, and takes bearer tokens, whose signature it does not look at. */
  readonly tls?: { readonly certPath: string; readonly keyPath: string; readonly caPath: string };
}

/** Azurite's blob service on 127.0.0.1: Microsoft's own emulator of Azure Blob Storage. */
export interface AzuriteServer {
  /** "http://127.0.0.1:21234/testaccount" */
  readonly url: string;
  readonly accountName: string;
  /** Base64. */
  readonly accountKey: string;
  readonly pid: number;
  /** Resolves also when the container is there already. */
  createContainer(name: string): Promise<void>;
  /** May be called twice. */
  stop(): Promise<void>;
}

const ACCOUNT = {
  accountName: "testaccount",
  accountKey: Buffer.from("the key of a test account, 32 b!").toString("base64"),
};
const READY_MS = 30_000;
const STOP_MS = 5000;

/** @throws Error that says how to install Azurite when it is missing, or with its log when it does not get ready */
export async function startAzurite(options: StartAzuriteOptions = {}): Promise<AzuriteServer> {
  const program = requirePart("azurite");
  const folder = await mkdtemp(join(tmpdir(), "azurite-"));
  const port = await freePort();
  const logFile = join(folder, "azurite.log");
  const { tls } = options;
  const log = openSync(logFile, "a");
  const child = spawn(
    "node",
    [
      ...[program, "--blobHost", "127.0.0.1", "--blobPort", String(port), "--inMemoryPersistence"],
      ...["--silent", "--skipApiVersionCheck", "--disableTelemetry"],
      ...(tls === undefined ? [] : ["--cert", tls.certPath, "--key", tls.keyPath, "--oauth", "basic"]),
    ],
    {
      cwd: folder,
      detached: true,
      stdio: ["ignore", log, log],
      env: {
        PATH: process.env.PATH,
        HOME: folder,
        AZURITE_ACCOUNTS: `${ACCOUNT.accountName}:${ACCOUNT.accountKey}`,
      },
    },
  );
  closeSync(log);
  const { pid } = child;
  if (pid === undefined) throw new Error("node cannot be started: Azurite needs Node 20 or later");
  child.unref();
  watchOver(pid, folder);
  let ended = false;
  child.once("exit", () => {
    ended = true;
  });
  const url = `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}/${ACCOUNT.accountName}`;
  const ca = tls === undefined ? undefined : await readFile(tls.caPath, "utf8");
  const server: AzuriteServer = {
    ...ACCOUNT,
    url,
    pid,
    async createContainer(name) {
      await serviceClient(server, ca).getContainerClient(name).createIfNotExists();
    },
    async stop() {
      if (!ended) process.kill(pid, "SIGTERM");
      const deadline = Date.now() + STOP_MS;
      while (!ended && processExists(pid) && Date.now() < deadline) await Bun.sleep(20);
      if (!ended && processExists(pid)) process.kill(pid, "SIGKILL");
      await rm(folder, { recursive: true, force: true });
    },
  };
  const deadline = Date.now() + READY_MS;
  while (!ended && Date.now() < deadline) {
    if (await isReady(url, ca)) return server;
    await Bun.sleep(50);
  }
  const text = await readFile(logFile, "utf8").catch(() => "");
  await server.stop();
  throw new Error(`Azurite at ${url} did not get ready:\n${text.slice(-2000)}`);
}

/** One server for all test files of a run; tests use containers of their own. */
export function sharedAzurite(): Promise<AzuriteServer> {
  return shared("azurite", () => startAzurite());
}

/** The SDK's own client, for what tests do beside the driver. @param ca PEM text, for https */
export function serviceClient(server: AzuriteServer, ca?: string): BlobServiceClient {
  const credential = new StorageSharedKeyCredential(server.accountName, server.accountKey);
  // The SDK's type leaves tlsOptions out, its code passes it on.
  const options: StoragePipelineOptions & { tlsOptions?: { ca: string } } =
    ca === undefined ? {} : { tlsOptions: { ca } };
  return new BlobServiceClient(server.url, newPipeline(credential, options));
}

/** Any answer will do: without a signature it is a refusal. */
async function isReady(url: string, ca: string | undefined): Promise<boolean> {
  try {
    const tls = ca === undefined ? {} : { tls: { ca } };
    const answer = await fetch(`${url}?comp=list`, { ...tls, signal: AbortSignal.timeout(2000) });
    await answer.arrayBuffer();
    return true;
  } catch {
    return false;
  }
}
