/** The context of operations that need Milvus and both root paths; what it opened is closed with it. */

import type { MilvusContext } from "../operations/context.ts";
import type { ProgressReporter } from "../transfer/progress.ts";
import type { Runtime, Session } from "./runtime.ts";

/** @param options.write whether the Milvus root path may be written (restore stages objects there) */
export async function milvusContext(
  runtime: Runtime,
  session: Session,
  options: { readonly progress: ProgressReporter; readonly write: boolean },
): Promise<MilvusContext & AsyncDisposable> {
  await using opened = new AsyncDisposableStack();
  const backupRoot = opened.use(await session.openBackupRoot());
  const sourceRoot = opened.use(await session.openMilvusRoot({ readonly: !options.write }));
  const milvus = opened.use(await session.connectMilvus());
  const { transfer } = session.loaded.config;
  const held = opened.move();
  return {
    backupRoot,
    sourceRoot,
    milvus,
    backups: session.backups(backupRoot),
    openSourceRootAt: (rootPath) => session.openMilvusRoot({ readonly: true, rootPath }),
    transfer: { mode: transfer.mode, concurrency: transfer.concurrency, verify: transfer.verify },
    progress: options.progress,
    log: session.log,
    now: runtime.now,
    signal: runtime.signal,
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}
