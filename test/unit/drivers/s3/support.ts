import { definition } from "../../../../drivers/s3/mod.ts";
import { isAppError } from "../../../../src/base/errors.ts";
import { type Logger, silentLogger } from "../../../../src/base/log.ts";
import { Secret } from "../../../../src/base/secret.ts";
import { streamOf } from "../../../../src/base/streams.ts";
import type { OptionValues, PutBody, StorageDriver } from "../../../../src/storage/driver.ts";
import { createDriverHost } from "../../../../src/storage/host.ts";

export const SECRET_KEY = "wJalrXUtnFEMI/K7MDENG/unit-test-secret";
export const SESSION_TOKEN = "unit-test-session-token-0123456789";

export interface TestRoot {
  readonly provider?: string;
  readonly rootPath?: string;
  readonly log?: Logger;
  readonly options?: OptionValues;
}

/** A root on a scripted service. */
export function openTestRoot(port: number, root: TestRoot = {}): Promise<StorageDriver> {
  return definition.open(
    {
      address: "127.0.0.1",
      port,
      bucketName: "bucket",
      "auth.accessKeyID": "AKUNITTEST",
      "auth.secretAccessKey": new Secret(SECRET_KEY),
      ...root.options,
    },
    {
      rootPath: root.rootPath ?? "files",
      provider: root.provider ?? "minio",
      host: createDriverHost(),
      log: root.log ?? silentLogger,
      signal: new AbortController().signal,
    },
  );
}

export interface Scripted extends AsyncDisposable {
  readonly port: number;
  /** "PUT /bucket/files/x?partNumber=1" of each request, in order. */
  readonly seen: string[];
  readonly requests: Seen[];
}

/** Kept aside, because a Request forgets its headers once it is answered. */
export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
}

/** A service on loopback whose answers are the test's. */
export function serve(answer: (request: Request, index: number) => Response | Promise<Response>): Scripted {
  const seen: string[] = [];
  const requests: Seen[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 60,
    fetch: async (request) => {
      const url = new URL(request.url);
      requests.push({ method: request.method, url: request.url, headers: new Headers(request.headers) });
      seen.push(`${request.method} ${url.pathname}${url.search}`);
      return answer(request, requests.length - 1);
    },
  });
  return { port: server.port ?? 0, seen, requests, [Symbol.asyncDispose]: () => server.stop(true) };
}

/** A TCP server that answers every request head with these bytes; "close" afterwards, or keeps silent. */
export function serveRaw(
  answer: (index: number) => { readonly bytes: string; readonly close: boolean },
): AsyncDisposable & { readonly port: number } {
  let count = 0;
  const server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data(socket) {
        const { bytes, close } = answer(count++);
        if (bytes !== "") socket.write(bytes);
        if (close) socket.end();
      },
    },
  });
  return {
    port: server.port,
    async [Symbol.asyncDispose]() {
      server.stop(true);
    },
  };
}

export function bodyOf(content: Uint8Array | string, size?: number): PutBody {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  return { size: size ?? bytes.length, open: async () => streamOf(bytes) };
}

/** An S3 error answer. */
export function refusal(status: number, code: string, message = "said by the service"): Response {
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${message}</Message><RequestId>1</RequestId></Error>`;
  return new Response(body, { status, headers: { "content-type": "application/xml" } });
}

export function xml(body: string): Response {
  return new Response(`<?xml version="1.0" encoding="UTF-8"?>\n${body}`, {
    headers: { "content-type": "application/xml" },
  });
}

/** What the promise failed with, as [code, retriable, message]; fails when it did not. */
export async function failureOf(
  promise: Promise<unknown>,
): Promise<{ code: string; retriable: boolean; message: string }> {
  try {
    await promise;
  } catch (error) {
    if (isAppError(error)) return { code: error.code, retriable: error.retriable, message: error.message };
    throw error;
  }
  throw new Error("it was expected to fail");
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

export const never = new AbortController().signal;
