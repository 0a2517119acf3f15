/** Retries what says that it is retriable: each call from its start, bodies and listings from where they broke. */

import { createHasher } from "../../base/checksum.ts";
import { hasCode, isAppError } from "../../base/errors.ts";
import { type RetryOptions, type RetryPolicy, retry } from "../../base/retry.ts";
import { chunksOf } from "../../base/streams.ts";
import type { ObjectInfo, ObjectKey, PutBody, PutOptions, StorageDriver } from "../driver.ts";
import { resumeBody } from "./resume_body.ts";
import { resumeDirectories, resumeList } from "./resume_list.ts";
import { type DriverCalls, wrapDriver } from "./wrapped.ts";

export interface RetryingOptions {
  readonly policy: RetryPolicy;
  readonly onRetry?: (error: unknown, attempt: number, delayMs: number) => void;
  /** 0 to 1; replaced in tests. */
  readonly random?: () => number;
}

/** A body may be short because a connection ended early; one that is short again and again is not what was declared. */
const SHORT_BODY_TRIES = 3;

/** Wraps `inner` so that callers see only what stays broken. */
export function retryingDriver(inner: StorageDriver, options: RetryingOptions): StorageDriver {
  const tries = (signal: AbortSignal): RetryOptions => ({ ...options, signal });
  return wrapDriver(inner, (calls) => ({
    stat: (key, call) => retry(() => calls.stat(key, call), tries(call.signal)),
    delete: (key, call) => retry(() => calls.delete(key, call), tries(call.signal)),
    put(key, body, call) {
      let shortBodies = 0;
      const retriable = (error: unknown): boolean => {
        if (hasCode(error, "SHORT_BODY")) shortBodies += 1;
        return isAppError(error) && error.retriable && shortBodies < SHORT_BODY_TRIES;
      };
      return retry((attempt) => tryPut(calls, key, body, call, attempt), { ...tries(call.signal), retriable });
    },
    copyFrom: (source, from, to, call) => retry(() => calls.copyFrom(source, from, to, call), tries(call.signal)),
    list: (prefix, call) => resumeList(calls, inner.capabilities, prefix, { ...tries(call.signal), call }),
    listDirectories: (prefix, call) => resumeDirectories(calls, prefix, { ...tries(call.signal), call }),
    async get(key, call) {
      const first = await retry(() => calls.get(key, call), tries(call.signal));
      return resumeBody(first, {
        ...tries(call.signal),
        start: call.range?.start ?? 0,
        reopen: (range) => calls.get(key, range === undefined ? call : { ...call, range }),
        ranges: inner.capabilities.rangeRead,
      });
    },
  }));
}

/**
 * A put that must not replace anything may have succeeded although its answer was lost; the next try then finds its own
 * object. Equal content is taken for that.
 */
async function tryPut(
  calls: DriverCalls,
  key: ObjectKey,
  body: PutBody,
  options: PutOptions,
  attempt: number,
): Promise<ObjectInfo> {
  try {
    return await calls.put(key, body, options);
  } catch (error) {
    if (attempt === 1 || options.ifAbsent !== true || !hasCode(error, "ALREADY_EXISTS")) throw error;
    const stored = await calls.get(key, { signal: options.signal });
    if (stored.size !== body.size) {
      stored.stream.cancel().catch(() => {});
      throw error;
    }
    const theirs = await digestOf(stored.stream, options.signal);
    if (theirs !== (await digestOf(await body.open(options.signal), options.signal))) throw error;
    return stored.info;
  }
}

async function digestOf(stream: ReadableStream<Uint8Array>, signal: AbortSignal): Promise<string> {
  const hasher = createHasher("sha256");
  for await (const chunk of chunksOf(stream, signal)) hasher.update(chunk);
  return hasher.digest().value;
}
