/** A storage root in memory for tests of what lies on top of one. */

import { definition } from "../../../drivers/memory/mod.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { readAll, streamOf } from "../../../src/base/streams.ts";
import type { StorageDriver } from "../../../src/storage/driver.ts";
import { createDriverHost } from "../../../src/storage/host.ts";
import { objectKey } from "../../../src/storage/key.ts";

/** Never fires; operations under test that are to be aborted get another one. */
export const signal: AbortSignal = new AbortController().signal;

/** An empty root of its own. */
export function openMemoryRoot(): Promise<StorageDriver> {
  return definition.open(
    { store: crypto.randomUUID() },
    { rootPath: "backup", provider: "memory", host: createDriverHost(), log: silentLogger, signal },
  );
}

export async function putObject(root: StorageDriver, key: string, content: string | Uint8Array): Promise<void> {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  await root.put(objectKey(key), { size: bytes.length, open: async () => streamOf(bytes) }, { signal });
}

export async function textOf(root: StorageDriver, key: string): Promise<string> {
  const { stream } = await root.get(objectKey(key), { signal });
  return new TextDecoder().decode(await readAll(stream, 2 ** 30));
}

/** Every key of the root, sorted. */
export async function keysOf(root: StorageDriver, prefix = ""): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of root.list(prefix, { signal })) keys.push(key);
  return keys.sort();
}

/** The root with some of its members replaced: faults, records of calls. */
export function withMembers(root: StorageDriver, members: Partial<StorageDriver>): StorageDriver {
  return { ...root, ...members };
}
