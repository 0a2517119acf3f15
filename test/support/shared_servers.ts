import type { MilvusServer, MilvusVersion } from "./milvus.ts";

// On globalThis, not in the module: it must be one map however often the test runner evaluates this file.
const KEY = Symbol.for("milvus-backup.test.shared");
type Stoppable = { stop(): Promise<void> };
const holder = globalThis as typeof globalThis & { [KEY]?: Map<string, Promise<Stoppable>> };

/**
 * One running server per name for all test files of a run: the first caller starts it, preload.ts stops it after the last
 * file. Tests that alter a server's settings or end it start their own.
 */
export function shared<T extends Stoppable>(name: string, start: () => Promise<T>): Promise<T> {
  holder[KEY] ??= new Map();
  const running = holder[KEY].get(name) as Promise<T> | undefined;
  if (running) return running;
  const starting = start();
  holder[KEY].set(name, starting);
  return starting;
}

/**
 * A shared Milvus on local storage, without authentication or TLS. Whoever takes it leaves it empty (dropEverything of
 * milvus_clean.ts in afterAll): the next file may back up all there is.
 */
export function sharedMilvus(version: MilvusVersion): Promise<MilvusServer> {
  return shared(`milvus-${version}`, async () => {
    const { startMilvus } = await import("./milvus.ts");
    return startMilvus({ version, storage: { type: "local" } });
  });
}

/** Stops every shared server that was started. */
export async function stopShared(): Promise<void> {
  const started = [...(holder[KEY]?.values() ?? [])];
  holder[KEY]?.clear();
  // One that failed to start has already told so to the tests that wanted it.
  await Promise.allSettled(started.map(async (server) => (await server).stop()));
}
