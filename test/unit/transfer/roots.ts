/** Roots, tasks and options for the tests of the copy pipeline. */

import { definition } from "../../../drivers/memory/mod.ts";
import type { ChecksumSet } from "../../../src/base/checksum.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { Semaphore } from "../../../src/base/pool.ts";
import { type ByteStream, readAll, streamOf } from "../../../src/base/streams.ts";
import type { DriverCapabilities, ObjectInfo, PutBody, StorageDriver } from "../../../src/storage/driver.ts";
import { createDriverHost } from "../../../src/storage/host.ts";
import { objectKey } from "../../../src/storage/key.ts";
import { type DriverCalls, wrapDriver } from "../../../src/storage/wrappers/wrapped.ts";
import type { CopyOptions, CopyTask } from "../../../src/transfer/plan.ts";
import type { ProgressEvent } from "../../../src/transfer/progress.ts";

export const never = new AbortController().signal;

let stores = 0;

/** A memory root of its own backend, or of the backend that `store` names. */
export function memoryRoot(store = `transfer-${++stores}`, rootPath = ""): Promise<StorageDriver> {
  const context = { rootPath, provider: "memory", host: createDriverHost(), log: silentLogger, signal: never };
  return definition.open({ store }, context);
}

/** `driver` with some calls and some capabilities changed; a change gets the unchanged calls. */
export function changed(
  driver: StorageDriver,
  calls: (calls: DriverCalls) => Partial<DriverCalls>,
  capabilities: Partial<DriverCapabilities> = {},
): StorageDriver {
  return { ...wrapDriver(driver, calls), capabilities: { ...driver.capabilities, ...capabilities } };
}

/** What a service says is replaced in every answer. */
export function reporting(
  driver: StorageDriver,
  says: { readonly checksums?: ChecksumSet; readonly etag?: string },
): StorageDriver {
  const alter = (info: ObjectInfo): ObjectInfo => ({ ...info, ...says });
  return changed(driver, (calls) => ({
    stat: async (key, options) => alter(await calls.stat(key, options)),
    put: async (key, body, options) => alter(await calls.put(key, body, options)),
    copyFrom: async (source, from, to, options) => alter(await calls.copyFrom(source, from, to, options)),
    get: async (key, options) => {
      const body = await calls.get(key, options);
      return { ...body, info: alter(body.info) };
    },
  }));
}

/** `driver` whose object bodies are what `change` makes of them. */
export function withBodies(
  driver: StorageDriver,
  change: (content: Uint8Array, nth: number) => ByteStream,
): StorageDriver {
  let nth = 0;
  return changed(driver, (calls) => ({
    get: async (key, options) => {
      const body = await calls.get(key, options);
      nth += 1;
      return { ...body, stream: change(await readAll(body.stream, 1 << 30), nth) };
    },
  }));
}

export function bytesOf(content: Uint8Array): PutBody {
  return { size: content.length, open: async () => streamOf(content) };
}

export function store(driver: StorageDriver, key: string, content: Uint8Array): Promise<ObjectInfo> {
  return driver.put(objectKey(key), bytesOf(content), { signal: never });
}

export async function contentOf(driver: StorageDriver, key: string): Promise<Uint8Array> {
  const { stream } = await driver.get(objectKey(key), { signal: never });
  return readAll(stream, 1 << 30);
}

export async function keysOf(driver: StorageDriver): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of driver.list("", { signal: never })) keys.push(key);
  return keys.sort();
}

/** Bytes that differ from place to place, the same for the same size. */
export function sample(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, index) => (index * 31 + (index >> 8)) & 0xff);
}

export function flipped(content: Uint8Array, at = content.length >> 1): Uint8Array {
  const copy = content.slice();
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

export function chunked(content: Uint8Array, size: number): ByteStream {
  let offset = 0;
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      if (offset >= content.length) return controller.close();
      controller.enqueue(content.slice(offset, offset + size));
      offset += size;
    },
  });
}

export function taskFor(source: ObjectInfo, more: Partial<CopyTask> = {}): CopyTask {
  return { source, targetKey: objectKey(`copy/${source.key}`), label: "default.books segment 7", ...more };
}

export function optionsFor(more: Partial<CopyOptions> = {}): CopyOptions & { readonly events: ProgressEvent[] } {
  const events: ProgressEvent[] = [];
  return {
    signal: never,
    slots: new Semaphore(8),
    concurrency: 8,
    verify: "digest",
    progress: { report: (event) => void events.push(event) },
    ...more,
    events,
  };
}

export function bytesReported(events: readonly ProgressEvent[]): number {
  return events.reduce((sum, event) => sum + (event.type === "bytes" ? event.bytes : 0), 0);
}

export function warningsIn(events: readonly ProgressEvent[]): string[] {
  return events.flatMap((event) => (event.type === "warning" ? [event.code] : []));
}

/** The error a promise fails with, as `{ code, message, details }`; fails when it does not. */
export async function failureOf(
  promise: Promise<unknown>,
): Promise<{ code: string; message: string; retriable: boolean; details: Record<string, unknown> }> {
  const outcome = await promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if (!("error" in outcome)) throw new Error(`it should have failed, and gave ${JSON.stringify(outcome.value)}`);
  return outcome.error as { code: string; message: string; retriable: boolean; details: Record<string, unknown> };
}
