/**
 * Servers with the gRPC import cannot cancel a job, and one whose collection is dropped under it keeps a data node busy for a
 * minute or more (Milvus 2.3.5: about 60 s for each job, queued ones too), while every other import waits behind it.
 */

import { sleep } from "../../base/retry.ts";
import type { Namespace } from "../../base/types.ts";
import { formatNamespace } from "../../meta/namespace.ts";
import type { MilvusContext } from "../context.ts";

/** More than a job of some segments takes; a person who cannot wait interrupts a second time. */
const GRACE_MS = 30_000;
const POLL_MS = 500;
/**
 * Jobs given to such a server at once, for each collection: it runs one on each data node, and what waits in its queue must be
 * waited for when the restore ends early.
 */
const QUEUED_JOBS = 8;

type ServerContext = Pick<MilvusContext, "milvus" | "progress">;

/** How many of the jobs that the configuration allows are given to this server at once. */
export function jobsAtOnce({ milvus }: Pick<MilvusContext, "milvus">, allowed: number): number {
  return milvus.server.supports("importV2") ? allowed : Math.min(allowed, QUEUED_JOBS);
}

/**
 * What to call when the restore is given up, before the collection of its jobs is dropped: waits until the job has ended, for
 * a bounded time, and says so once; reports a warning when it has not. Throws nothing. Newer servers end such jobs themselves.
 */
export function importSettler(
  { milvus, progress }: ServerContext,
  graceMs = GRACE_MS,
): (job: { readonly namespace: Namespace; readonly id: string }) => Promise<void> {
  const warn = (code: string, message: string): void => progress.report({ type: "warning", code, message });
  let told = false;
  return async ({ namespace, id }) => {
    if (milvus.server.supports("importV2")) return;
    const name = formatNamespace(namespace);
    if (!told)
      warn("IMPORT_SETTLING", `${name}: waiting for import jobs that Milvus cannot cancel, before it is removed`);
    told = true;
    // The operation's signal has fired; this has its own bound.
    const signal = AbortSignal.timeout(graceMs);
    try {
      while (true) {
        const { phase } = await milvus.importProgress(namespace, id, signal);
        if (phase === "completed" || phase === "failed") return;
        await sleep(POLL_MS, signal);
      }
    } catch {
      warn(
        "IMPORT_ABANDONED",
        `${name}: import job ${id} had not ended when the restore was given up; Milvus cannot cancel it and may let other ` +
          "imports wait for some minutes",
      );
    }
  };
}
