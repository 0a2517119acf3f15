/**
 * Objects to where Milvus can read them. When the backup root and the Milvus root are one bucket, Milvus reads the backup
 * itself; else the objects are copied below the Milvus root path, each against its recorded digest, and removed at the end.
 */

import type { Checksum } from "../../base/checksum.ts";
import type { Semaphore } from "../../base/pool.ts";
import type { ObjectInfo, StorageDriver } from "../../storage/driver.ts";
import { directoryPrefix, joinKey, objectKey } from "../../storage/key.ts";
import type { ManifestEntry } from "../../transfer/manifest.ts";
import { runCopyPlan } from "../../transfer/pipeline.ts";
import type { CopyTask, Evidence } from "../../transfer/plan.ts";
import type { MilvusContext } from "../context.ts";
import type { StoredObjects } from "./stored_objects.ts";

/** Cleaning up has its own bound: it runs also when the operation's signal has fired. */
const CLEANUP_MS = 60_000;

/** Where Milvus finds the objects of one collection. */
export interface ReadableObjects extends AsyncDisposable {
  readonly readFrom: "backup" | "staged";
  /** Native path of a folder given by its path relative to the backup; "/"-ended. */
  importPath(prefix: string): string;
}

/** True when Milvus can read the backup where it lies. */
export function readsInPlace(context: Pick<MilvusContext, "backupRoot" | "sourceRoot" | "transfer">): boolean {
  return context.transfer.mode !== "streaming" && context.backupRoot.spaceId === context.sourceRoot.spaceId;
}

export function inPlace(backupRoot: StorageDriver, backupName: string): ReadableObjects {
  return {
    readFrom: "backup",
    importPath: (prefix) => `${backupRoot.nativePath(joinKey(backupName, prefix))}/`,
    [Symbol.asyncDispose]: async () => {},
  };
}

/** Copies every object; a digest that differs stops here, before Milvus. Disposing removes the copies. */
export async function stageObjects(
  context: MilvusContext,
  work: {
    readonly backupName: string;
    readonly objects: StoredObjects;
    readonly folder: string;
    readonly label: string;
  },
  options: { readonly slots: Semaphore; readonly keep: boolean },
): Promise<ReadableObjects> {
  const remove = async (): Promise<void> => {
    if (options.keep) {
      context.log.info("temporary objects are kept", { prefix: work.folder });
      return;
    }
    await removePrefix(context.sourceRoot, directoryPrefix(work.folder));
  };
  try {
    const plan = {
      from: context.backupRoot,
      to: context.sourceRoot,
      mode: context.transfer.mode,
      tasks: () => stageTasks(context, work),
    };
    const copy = runCopyPlan(plan, {
      signal: context.signal,
      slots: options.slots,
      concurrency: context.transfer.concurrency,
      verify: context.transfer.verify,
      progress: context.progress,
    });
    for await (const _ of copy) {
      // Each result was proven when it was yielded; nothing of it is recorded for a temporary copy.
    }
  } catch (error) {
    await remove().catch(() => {});
    throw error;
  }
  return {
    readFrom: "staged",
    importPath: (prefix) => `${context.sourceRoot.nativePath(joinKey(work.folder, prefix))}/`,
    [Symbol.asyncDispose]: remove,
  };
}

function* stageTasks(
  context: MilvusContext,
  work: {
    readonly backupName: string;
    readonly objects: StoredObjects;
    readonly folder: string;
    readonly label: string;
  },
): Generator<CopyTask> {
  for (const entry of work.objects.values()) {
    const expected = recordedChecksum(entry.evidence);
    yield {
      source: sourceOf(work.backupName, entry),
      targetKey: joinKey(work.folder, entry.key),
      label: `${work.label}: staging to ${context.sourceRoot.location}`,
      ...(expected === undefined ? {} : { expected }),
    };
  }
}

function sourceOf(backupName: string, entry: ManifestEntry): ObjectInfo {
  return { key: joinKey(backupName, entry.key), size: entry.size, checksums: {} };
}

/** The digest an object of this evidence must have; undefined where only its size is known. */
export function recordedChecksum(evidence: Evidence): Checksum | undefined {
  return evidence.kind === "size" ? undefined : evidence.checksum;
}

/** Best effort in bounded time; what could not be removed is for the caller to report. */
export async function removePrefix(root: StorageDriver, prefix: string): Promise<void> {
  const signal = AbortSignal.timeout(CLEANUP_MS);
  for await (const object of root.list(prefix, { signal })) await root.delete(objectKey(object.key), { signal });
}
