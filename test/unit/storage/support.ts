/** What the storage tests share: memory roots, bodies and readers in one line. */

import { definition as memory } from "../../../drivers/memory/mod.ts";
import { readAll, streamOf } from "../../../src/base/streams.ts";
import type { ObjectKey, PutBody, StorageDriver } from "../../../src/storage/driver.ts";
import { objectKey } from "../../../src/storage/key.ts";
import { openBare } from "../../support/open_bare.ts";

export const never = new AbortController().signal;
export const call = { signal: never };
/** Tries without waits worth noticing. */
export const quick = { attempts: 4, baseDelayMs: 0.1, maxDelayMs: 0.5 };

export const key = (text: string): ObjectKey => objectKey(text);

/** A root of a store that no other test uses. */
export function memoryRoot(): Promise<StorageDriver> {
  return openBare(memory, { rootPath: "", options: { store: crypto.randomUUID() } });
}

export function textBody(text: string): PutBody {
  const bytes = new TextEncoder().encode(text);
  return { size: bytes.length, open: async () => streamOf(bytes) };
}

export async function putText(driver: StorageDriver, name: string, text: string): Promise<void> {
  await driver.put(key(name), textBody(text), call);
}

export async function getText(driver: StorageDriver, name: string): Promise<string> {
  return new TextDecoder().decode(await readAll((await driver.get(key(name), call)).stream, 1_000_000));
}

export async function keysOf(driver: StorageDriver): Promise<string[]> {
  return (await Array.fromAsync(driver.list("", call))).map((info) => info.key);
}
