/** Pausing a server's garbage collection by a lease, so that files listed for a backup are still there when they are copied. */

import { hasCode, toAppError } from "../base/errors.ts";
import type { JsonObject } from "../base/json.ts";
import type { Logger } from "../base/log.ts";
import type { GcControl, GcLease } from "./gateway.ts";
import type { ManagementClient } from "./http_clients.ts";

const PATH = "/management/datacoord/garbage_collection";
/** The server resumes by itself after this long, whatever becomes of us. */
const PAUSE_SECONDS = 3600;

export interface GcTiming {
  readonly renewMs: number;
  readonly timeoutMs: number;
}

/** Several renewals may fail before the lease ends. */
export const GC_TIMING: GcTiming = { renewMs: 10 * 60_000, timeoutMs: 10_000 };

export interface GcControlOptions {
  readonly management: ManagementClient;
  readonly log: Logger;
  readonly timing?: GcTiming;
}

export function createGcControl({ management, log, timing = GC_TIMING }: GcControlOptions): GcControl {
  const pause = async (signal: AbortSignal): Promise<string | undefined> => {
    const path = `${PATH}/pause?pause_seconds=${PAUSE_SECONDS}&collection_id=0`;
    return refusal(await management.get(path, { signal, timeoutMs: timing.timeoutMs }));
  };
  const resume = async (): Promise<void> => {
    // On a signal of its own: resuming is the last thing done after an interrupt.
    const signal = AbortSignal.timeout(timing.timeoutMs);
    const refused = refusal(await management.get(`${PATH}/resume`, { signal, timeoutMs: timing.timeoutMs }));
    if (refused !== undefined) throw new Error(refused);
  };

  return {
    pauseGc: async (signal) => {
      try {
        const refused = await pause(signal);
        if (refused !== undefined) return notPaused(`${management.endpoint}: ${refused}`);
      } catch (error) {
        if (signal.aborted || hasCode(error, "ABORTED")) throw error;
        return notPaused(toAppError(error).message);
      }
      return startLease({ pause, resume, log, renewMs: timing.renewMs });
    },
  };
}

interface LeaseOptions {
  readonly pause: (signal: AbortSignal) => Promise<string | undefined>;
  readonly resume: () => Promise<void>;
  readonly log: Logger;
  readonly renewMs: number;
}

function startLease({ pause, resume, log, renewMs }: LeaseOptions): GcLease {
  const ended = new AbortController();
  let renewal: Promise<void> = Promise.resolve();
  const renew = async (): Promise<void> => {
    try {
      const refused = await pause(ended.signal);
      if (refused !== undefined) throw new Error(refused);
    } catch (error) {
      if (ended.signal.aborted) return;
      const reason = error instanceof Error ? error.message : String(error);
      log.warn("the pause of garbage collection was not renewed and may end while files are copied", { reason });
    }
  };
  const timer = setInterval(() => {
    renewal = renew();
  }, renewMs);
  // A lease alone does not keep the program running.
  timer.unref();

  let disposed: Promise<void> | undefined;
  const dispose = async (): Promise<void> => {
    clearInterval(timer);
    ended.abort();
    // A renewal on its way would pause again after the resume.
    await renewal;
    try {
      await resume();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      log.warn(`garbage collection was not resumed; Milvus does it by itself within ${PAUSE_SECONDS} s`, { reason });
    }
  };
  return {
    paused: true,
    [Symbol.asyncDispose]: () => {
      disposed ??= dispose();
      return disposed;
    },
  };
}

function notPaused(reason: string): GcLease {
  return { paused: false, reason, [Symbol.asyncDispose]: () => Promise.resolve() };
}

/** Success is {"msg": "OK"}; newer servers may answer with a ticket instead. */
function refusal(answer: JsonObject): string | undefined {
  const { msg, ticket } = answer;
  if (msg === "OK" || typeof ticket === "string") return undefined;
  return typeof msg === "string" ? msg : "an answer without msg";
}
