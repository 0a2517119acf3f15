/**
 * Objects to where Milvus can read them. When the backup root and the Milvus root are one bucket, Milvus reads the backup
 * itself; else the objects are copied below the Milvus root path, each against its recorded digest, and removed at the end.
 */

import { forEachConcurrent, type Semaphore } from "../../base/pool.ts";
import type { ObjectInfo, StorageDriver } from "../../storage/driver.ts";
import { directoryPrefix, joinKey } from "../../storage/key.ts";
import type { ManifestEntry } from "../../transfer/manifest.ts";
import { expectedChecksum } from "../../transfer/manifest_entry.ts";
import { runCopyPlan } from "../../transfer/pipeline.ts";
import type { CopyTask } from "../../transfer/plan.ts";
import type { MilvusContext } from "../context.ts";
import { withoutSizeWarnings } from "../size_evidence.ts";
import type { StoredObjects } from "./stored_objects.ts";

/** Cleaning up has its own bound: it runs also when the operation's signal has fired. */
const CLEANUP_MS = 60_000;
const REMOVALS = 16;

/** Where Milvus finds the objects of one collection. */
export interface ReadableObjects extends AsyncDisposable {
  readonly readFrom: "backup" | "staged";
  /** Staged copies that nothing but their size vouches for. */
  readonly sizeOnly: number;
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
    sizeOnly: 0,
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
  },
  options: { readonly slots: Semaphore; readonly keep: boolean },
): Promise<ReadableObjects> {
  const remove = async (): Promise<void> => {
    if (options.keep) {
      context.log.info("temporary objects are kept", { prefix: work.folder });
      return;
    }
    await removeStaged(context, directoryPrefix(work.folder));
  };
  let sizeOnly = 0;
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
      progress: withoutSizeWarnings(context.progress),
    });
    // Each result was proven when it was yielded; nothing else of it is recorded for a temporary copy.
    for await (const { evidence } of copy) sizeOnly += Number(evidence.kind === "size");
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    readFrom: "staged",
    sizeOnly,
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
  },
): Generator<CopyTask> {
  for (const entry of work.objects.values()) {
    const expected = expectedChecksum(entry);
    yield {
      source: sourceOf(work.backupName, entry),
      targetKey: joinKey(work.folder, entry.key),
      label: `staging to ${context.sourceRoot.location}`,
      ...(expected === undefined ? {} : { expected }),
    };
  }
}

function sourceOf(backupName: string, entry: ManifestEntry): ObjectInfo {
  return { key: joinKey(backupName, entry.key), size: entry.size, checksums: {} };
}

/** Fires a while after `signal`: cleaning up takes the time it takes, and after an interruption a bounded one. */
function graceAfter(signal: AbortSignal): { readonly signal: AbortSignal } & Disposable {
  if (signal.aborted) return { signal: AbortSignal.timeout(CLEANUP_MS), [Symbol.dispose]: () => {} };
  const grace = new AbortController();
  const start = (): void => void setTimeout(() => grace.abort(), CLEANUP_MS).unref();
  signal.addEventListener("abort", start, { once: true });
  return { signal: grace.signal, [Symbol.dispose]: () => signal.removeEventListener("abort", start) };
}

/** Copies that stay are a nuisance, no failure: what was restored has been checked, and what failed has its own error. */
async function removeStaged(context: MilvusContext, prefix: string): Promise<void> {
  const { sourceRoot: root, progress } = context;
  using grace = graceAfter(context.signal);
  const { signal } = grace;
  try {
    await forEachConcurrent(root.list(prefix, { signal }), { concurrency: REMOVALS, signal }, ({ key }, stop) =>
      root.delete(key, { signal: stop }),
    );
  } catch (error) {
    progress.report({
      type: "warning",
      code: "LEFTOVER_OBJECTS",
      message:
        `temporary objects below ${prefix} of ${root.location} could not be removed and are to be removed by hand: ` +
        `${error instanceof Error ? error.message : String(error)}`,
    });
  }
}
