/** A fake Milvus, its root path, a backup root and what operations are given, for the tests of the operations. */

import { definition } from "../../../drivers/memory/mod.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { IDENTITY } from "../../../src/meta/rename.ts";
import { createBackupRepository } from "../../../src/meta/storage_repository.ts";
import type { MilvusGateway } from "../../../src/milvus/gateway.ts";
import type { MilvusContext, TransferSettings } from "../../../src/operations/context.ts";
import {
  type CreateBackupReport,
  type CreateBackupRequest,
  createBackup,
} from "../../../src/operations/create/create.ts";
import type { RestoreBackupRequest, RestoreReport } from "../../../src/operations/restore/request.ts";
import { restoreBackup } from "../../../src/operations/restore/restore.ts";
import type { StorageDriver } from "../../../src/storage/driver.ts";
import type { ProgressEvent } from "../../../src/transfer/progress.ts";
import { fakeGateway } from "../../support/fake_gateway.ts";
import { FakeMilvus, type FakeMilvusOptions } from "../../support/fake_milvus.ts";
import { openBare } from "../../support/open_bare.ts";

export { IDENTITY };

/** 12 hexadecimal digits, as the command line makes them. */
export const RESTORE_ID = "0123456789ab";
const STARTED = Date.parse("2026-01-02T03:04:05.000Z");

export interface World {
  readonly fake: FakeMilvus;
  readonly milvus: MilvusGateway;
  /** The bucket of Milvus, whole. */
  readonly bucket: StorageDriver;
  readonly backupRoot: StorageDriver;
  readonly context: MilvusContext;
  /** Stores of the memory driver: the bucket's, and that of the backups. */
  readonly stores: { readonly milvus: string; readonly backups: string };
  readonly events: ProgressEvent[];
  readonly stop: AbortController;
  /** Milliseconds that each look at the clock takes. */
  tick: number;
}

export interface WorldOptions extends Partial<Omit<FakeMilvusOptions, "root" | "bucket">> {
  /** Where the backups lie: in the bucket of Milvus (it reads them in place), or in one of their own. */
  readonly backups?: "same bucket" | "own bucket";
  readonly transfer?: Partial<TransferSettings>;
  /** Root path of Milvus in the configuration, when it is a wrong one. */
  readonly configuredRoot?: string;
  /** Roots as the operations get them. */
  readonly source?: (root: StorageDriver) => StorageDriver;
  readonly backup?: (root: StorageDriver) => StorageDriver;
}

const open = (store: string, rootPath: string): Promise<StorageDriver> =>
  openBare(definition, { rootPath, options: { store } });

export async function openWorld(options: WorldOptions = {}): Promise<World> {
  const store = crypto.randomUUID();
  const bucket = await open(store, "");
  const root = await open(store, "files");
  const fake = new FakeMilvus({ ...options, root, bucket });
  const own = options.backups === "own bucket" ? crypto.randomUUID() : store;
  const backupRoot = await open(own, "backup");
  const configured = await open(store, options.configuredRoot ?? "files");
  const events: ProgressEvent[] = [];
  const stop = new AbortController();
  const milvus = fakeGateway(fake);
  let clock = STARTED;
  const seenBackup = options.backup?.(backupRoot) ?? backupRoot;
  const world: World = {
    fake,
    milvus,
    bucket,
    backupRoot,
    stores: { milvus: store, backups: own },
    events,
    stop,
    tick: 1,
    context: {
      milvus,
      sourceRoot: options.source?.(configured) ?? configured,
      backupRoot: seenBackup,
      backups: createBackupRepository(seenBackup),
      openSourceRootAt: (rootPath) => open(store, rootPath),
      transfer: { mode: "auto", concurrency: 8, verify: "digest", ...options.transfer },
      progress: { report: (event) => void events.push(event) },
      log: silentLogger,
      now: () => {
        clock += world.tick;
        return new Date(clock);
      },
      signal: stop.signal,
    },
  };
  return world;
}

export function create(world: World, more: Partial<CreateBackupRequest> = {}): Promise<CreateBackupReport> {
  return createBackup(world.context, {
    name: "nightly",
    id: "0f4c1d9e-7a52-4a43-9d0c-3c9b1f0c1a11",
    strategy: "serial_flush",
    pauseGc: true,
    collections: 2,
    tool: "milvus-backup test",
    ...more,
  });
}

export function restore(world: World, more: Partial<RestoreBackupRequest> = {}): Promise<RestoreReport> {
  return restoreBackup(world.context, {
    name: "nightly",
    id: RESTORE_ID,
    mapping: IDENTITY,
    rebuildIndex: true,
    autoIndex: false,
    metaOnly: false,
    replaceExisting: false,
    dropExistingIndex: false,
    intoExisting: false,
    verify: "auto",
    collections: 2,
    importJobs: 4,
    maxSegmentsPerImportJob: 16,
    keepTempFiles: false,
    stallSeconds: 3600,
    ...more,
  });
}

export function warnings(world: World): readonly string[] {
  return world.events.flatMap((event) => (event.type === "warning" ? [event.code] : []));
}

export function warningText(world: World, code: string): string {
  const found = world.events.find((event) => event.type === "warning" && event.code === code);
  return found?.type === "warning" ? found.message : "";
}

/** Names of the collections there are: "default.books". */
export function collections(world: World): readonly string[] {
  return world.fake.collections.map(({ namespace }) => `${namespace.database}.${namespace.collection}`).sort();
}

export const books = { database: "default", collection: "books" };
