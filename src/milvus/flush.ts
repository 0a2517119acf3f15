/** Flush: what a server holds in memory becomes segments, and the wait until they are persistent. */

import { AppError } from "../base/errors.ts";
import { type RetryPolicy, sleep } from "../base/retry.ts";
import type { Namespace } from "../base/types.ts";
import type { Flusher } from "./gateway.ts";
import type { GrpcChannel } from "./grpc_channel.ts";

/** Milvus allows one flush per collection in ten seconds; ten tries last about a minute and a half. */
const FLUSH_THROTTLE: RetryPolicy = { attempts: 10, baseDelayMs: 10_000, maxDelayMs: 10_000 };
const FLUSH_DEADLINE_MS = 120_000;

export interface FlushTiming {
  readonly throttle: RetryPolicy;
  readonly pollMs: number;
  /** For the wait until the flushed segments are persistent. */
  readonly timeoutMs: number;
}

export const FLUSH_TIMING: FlushTiming = { throttle: FLUSH_THROTTLE, pollMs: 500, timeoutMs: 600_000 };

export function createFlusher(channel: GrpcChannel, timing: FlushTiming = FLUSH_TIMING): Flusher {
  const untilFlushed = async (
    { database, collection }: Namespace,
    flushed: { readonly segmentIDs: readonly string[]; readonly flush_ts: string },
    signal: AbortSignal,
  ): Promise<void> => {
    const end = Date.now() + timing.timeoutMs;
    for (;;) {
      const request = { ...flushed, collection_name: collection };
      if ((await channel.call("GetFlushState", request, { database, signal })).flushed) return;
      if (Date.now() >= end) {
        throw new AppError(
          "UNAVAILABLE",
          `Milvus ${channel.address} did not finish the flush of ${database}.${collection} within ` +
            `${Math.round(timing.timeoutMs / 1000)} s; check its data node and its object storage`,
          { details: { collection, database } },
        );
      }
      await sleep(timing.pollMs, signal);
    }
  };

  return {
    flush: async (namespace, signal) => {
      const { database, collection } = namespace;
      const answer = await channel.call(
        "Flush",
        { collection_names: [collection] },
        { database, signal, deadlineMs: FLUSH_DEADLINE_MS, throttle: timing.throttle },
      );
      await untilFlushed(
        namespace,
        // Servers before 2.2.9 send no timestamp; the segments alone decide then.
        {
          segmentIDs: answer.coll_segIDs[collection]?.data ?? [],
          flush_ts: answer.coll_flush_ts[collection] ?? "0",
        },
        signal,
      );
      const position = channel.proto.type("milvus.proto.msg.MsgPosition");
      let timestamp = 0n;
      const channelCheckpoints: Record<string, string> = {};
      for (const [name, bytes] of Object.entries(answer.channel_cps)) {
        channelCheckpoints[name] = Buffer.from(bytes).toString("base64");
        const reached = BigInt((position.decode(bytes) as { readonly timestamp: string }).timestamp);
        if (reached > timestamp) timestamp = reached;
      }
      return { channelCheckpoints, timestamp, sealTime: BigInt(answer.coll_seal_times[collection] ?? "0") };
    },
  };
}
