/** The segments whose files are complete. One that is only sealed is still on its way into the storage. */

import { AppError } from "../../base/errors.ts";
import { sleep } from "../../base/retry.ts";
import type { Namespace } from "../../base/types.ts";
import type { SegmentDescription } from "../../milvus/gateway.ts";
import type { MilvusContext } from "../context.ts";

/** Milvus writes a sealed segment within seconds; on a server that is this slow something else is wrong. */
const SETTLE_MS = 120_000;
const POLL_MS = 500;

export interface SettleOptions {
  /** The collection was flushed before: what is sealed then holds rows that belong into the backup. */
  readonly flushed: boolean;
  readonly timeoutMs?: number;
}

/**
 * After a flush, waits for the segments that are sealed at the first look; those sealed later hold rows that came after it and
 * are left out. Without a flush nothing is waited for.
 * @throws UNAVAILABLE when a segment stays sealed
 */
export async function listSettledSegments(
  context: Pick<MilvusContext, "milvus" | "signal" | "now">,
  namespace: Namespace,
  options: SettleOptions,
): Promise<readonly SegmentDescription[]> {
  const { milvus, signal, now } = context;
  const deadline = now().getTime() + (options.timeoutMs ?? SETTLE_MS);
  let segments = await milvus.listSegments(namespace, signal);
  const awaited = new Set(options.flushed ? segments.filter(isSealed).map((segment) => segment.id) : []);
  while (true) {
    const late = segments.find((segment) => awaited.has(segment.id) && isSealed(segment));
    if (late === undefined) return segments.filter((segment) => !isSealed(segment));
    if (now().getTime() >= deadline) {
      throw new AppError(
        "UNAVAILABLE",
        `segment ${late.id} (${late.rows} rows) was flushed and is still not in the storage; look at the logs of Milvus' data nodes`,
        { retriable: false, details: { segment: late.id.toString() } },
      );
    }
    await sleep(POLL_MS, signal);
    segments = await milvus.listSegments(namespace, signal);
  }
}

function isSealed(segment: SegmentDescription): boolean {
  return segment.state === "Sealed";
}
