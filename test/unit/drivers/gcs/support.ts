import { definition } from "../../../../drivers/gcs/mod.ts";
import { isAppError } from "../../../../src/base/errors.ts";
import { type Logger, silentLogger } from "../../../../src/base/log.ts";
import { streamOf } from "../../../../src/base/streams.ts";
import type { OptionValues, PutBody, StorageDriver } from "../../../../src/storage/driver.ts";
import { createDriverHost } from "../../../../src/storage/host.ts";
import { type FakeGcs, type FakeGcsOptions, startFakeGcs } from "../../../support/fake_gcs.ts";

export const MIB = 1024 ** 2;
export const never = new AbortController().signal;

/** A root below "files" in the bucket "bucket", without credentials unless the options say otherwise. */
export function openOn(port: number, options: OptionValues = {}, log: Logger = silentLogger): Promise<StorageDriver> {
  return definition.open(
    { address: "127.0.0.1", port, bucketName: "bucket", "auth.type": "none", ...options },
    { rootPath: "files", provider: "gcpnative", host: createDriverHost(), log, signal: never },
  );
}

/** A service with the buckets "bucket" and "other". */
export function fake(options: Omit<FakeGcsOptions, "buckets"> = {}): FakeGcs {
  return startFakeGcs({ buckets: ["bucket", "other"], ...options });
}

/** Answers of a test's own to every request. */
export function serve(
  answer: (line: string, index: number, request: Request) => Response | Promise<Response>,
): AsyncDisposable & { readonly port: number; readonly seen: string[] } {
  const seen: string[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 60,
    fetch: (request) => {
      const url = new URL(request.url);
      seen.push(`${request.method} ${url.pathname}${url.search}`);
      return answer(seen.at(-1) ?? "", seen.length - 1, request);
    },
  });
  return { port: server.port ?? 0, seen, [Symbol.asyncDispose]: () => server.stop(true) };
}

/** `size` bytes that differ from piece to piece. */
export function contentOf(size: number): Uint8Array {
  const content = new Uint8Array(size);
  for (let at = 0; at < size; at += 1) content[at] = (at * 31 + (at >> 12)) & 255;
  return content;
}

export function bodyOf(content: Uint8Array | string, size?: number): PutBody {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  return { size: size ?? bytes.length, open: async () => streamOf(bytes) };
}

export async function readAll(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** What the promise failed with; fails when it did not. */
export async function failureOf(
  promise: Promise<unknown>,
): Promise<{ code: string; retriable: boolean; message: string; error: Error }> {
  try {
    await promise;
  } catch (error) {
    if (!isAppError(error)) throw error;
    return { code: error.code, retriable: error.retriable, message: error.message, error };
  }
  throw new Error("it was expected to fail");
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
