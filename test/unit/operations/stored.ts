/** A stored backup on the memory driver and on a disk, and ways to damage it, for the tests of verify and copy. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { definition as local } from "../../../drivers/local/mod.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { createBackupRepository } from "../../../src/meta/storage_repository.ts";
import type { BackupRootContext } from "../../../src/operations/context.ts";
import { copyBackup } from "../../../src/operations/copy_backup.ts";
import type { StorageDriver } from "../../../src/storage/driver.ts";
import { objectKey } from "../../../src/storage/key.ts";
import type { ProgressEvent } from "../../../src/transfer/progress.ts";
import { openBare } from "../../support/open_bare.ts";
import { contentOf, flipped, keysOf, never, store } from "../transfer/roots.ts";
import { books, create, openWorld } from "./world.ts";

export interface Stored extends BackupRootContext, AsyncDisposable {
  readonly events: ProgressEvent[];
}

export function stored(backupRoot: StorageDriver, folder?: string): Stored {
  const events: ProgressEvent[] = [];
  return {
    backupRoot,
    backups: createBackupRepository(backupRoot),
    progress: { report: (event) => void events.push(event) },
    log: silentLogger,
    now: () => new Date("2026-01-02T03:04:05.000Z"),
    signal: never,
    events,
    [Symbol.asyncDispose]: async () => {
      if (folder !== undefined) await rm(folder, { recursive: true, force: true });
    },
  };
}

/** "nightly": two collections with rows and deletes of the fake Milvus. */
export async function inMemory(): Promise<Stored> {
  const world = await openWorld({ backups: "own bucket" });
  const collection = world.fake.make(books);
  await world.fake.store(collection, [1n, 2n, 3n]);
  await world.fake.store(world.fake.make({ database: "default", collection: "films" }), [1n]);
  await create(world);
  return stored(world.backupRoot);
}

/** The same on a disk, which guards nothing. */
export async function onDisk(): Promise<Stored> {
  const source = await inMemory();
  const target = await emptyDisk();
  await carry(source, target);
  target.events.length = 0;
  return target;
}

export async function emptyDisk(): Promise<Stored> {
  const folder = await mkdtemp(join(tmpdir(), "milvus-backup-stored-"));
  return stored(await openBare(local, { rootPath: folder }), folder);
}

export function carry(
  from: Stored,
  to: Stored,
  names = { name: "nightly", targetName: "nightly" },
  more: Partial<Parameters<typeof copyBackup>[0]> = {},
): ReturnType<typeof copyBackup> {
  const context = {
    from: from.backupRoot,
    to: to.backupRoot,
    targetBackups: to.backups,
    transfer: { mode: "auto", concurrency: 4, verify: "digest" },
    progress: to.progress,
    log: silentLogger,
    now: to.now,
    signal: never,
    ...more,
  } as const;
  return copyBackup(context, names);
}

/** The first object below binlogs/, relative to the backup, and all of them. */
export async function logKeys({ backupRoot }: Stored, name = "nightly"): Promise<[string, ...string[]]> {
  const keys = (await keysOf(backupRoot))
    .filter((key) => key.startsWith(`${name}/binlogs/`))
    .map((key) => key.slice(name.length + 1));
  const [first, ...others] = keys;
  if (first === undefined) throw new Error("the backup has no objects");
  return [first, ...others];
}

export async function rewrite(
  { backupRoot }: Stored,
  path: string,
  change: (content: Uint8Array) => Uint8Array,
): Promise<void> {
  await store(backupRoot, `nightly/${path}`, change(await contentOf(backupRoot, `nightly/${path}`)));
}

export const flip = (at: Stored, path: string): Promise<void> => rewrite(at, path, (content) => flipped(content));

export const cut = (at: Stored, path: string): Promise<void> =>
  rewrite(at, path, (content) => content.slice(0, content.length - 1));

export const remove = ({ backupRoot }: Stored, path: string): Promise<void> =>
  backupRoot.delete(objectKey(`nightly/${path}`), { signal: never });

export async function add({ backupRoot }: Stored, path: string): Promise<void> {
  await store(backupRoot, `nightly/${path}`, new Uint8Array([1, 2, 3]));
}

/** In a document, as text. */
export const edit = (at: Stored, path: string, from: string | RegExp, to: string): Promise<void> =>
  rewrite(at, path, (content) => {
    const text = new TextDecoder().decode(content);
    const changed = text.replace(from, to);
    if (changed === text) throw new Error(`${path} does not hold ${from}`);
    return new TextEncoder().encode(changed);
  });
