/** A listing that goes on where it broke: every entry once, in bounded memory. */

import { type RetryOptions, waitBeforeRetry } from "../../base/retry.ts";
import type { CallOptions, DriverCapabilities, ListOptions, ObjectInfo } from "../driver.ts";
import type { DriverCalls } from "./wrapped.ts";

/** Entries remembered of a listing without order; one that breaks after more fails instead of repeating itself. */
const MAX_REMEMBERED = 100_000;

/**
 * An ordered listing is asked for what comes after its last key. One without order is started again and what was given
 * already is left out; only its first 100,000 keys are remembered, after that a broken listing stays broken.
 */
export async function* resumeList(
  calls: DriverCalls,
  capabilities: DriverCapabilities,
  prefix: string,
  options: RetryOptions & { readonly call: ListOptions },
): AsyncGenerator<ObjectInfo, void, undefined> {
  if (capabilities.orderedList !== true) {
    yield* restart(
      () => calls.list(prefix, options.call),
      (info) => info.key,
      options,
    );
    return;
  }
  let call = options.call;
  for (let failures = 1; ; failures += 1) {
    try {
      for await (const info of calls.list(prefix, call)) {
        call = { ...call, startAfter: info.key };
        failures = 0;
        yield info;
      }
      return;
    } catch (error) {
      await waitBeforeRetry(error, Math.max(1, failures), options);
    }
  }
}

/** Directory names, each once. */
export function resumeDirectories(
  calls: DriverCalls,
  prefix: string,
  options: RetryOptions & { readonly call: CallOptions },
): AsyncGenerator<string, void, undefined> {
  return restart(
    () => calls.listDirectories(prefix, options.call),
    (name) => name,
    options,
  );
}

async function* restart<T>(
  start: () => AsyncIterable<T>,
  nameOf: (entry: T) => string,
  options: RetryOptions,
): AsyncGenerator<T, void, undefined> {
  const given = new Set<string>();
  let remembered = true;
  for (let failures = 1; ; failures += 1) {
    try {
      for await (const entry of start()) {
        const name = nameOf(entry);
        if (given.has(name)) continue;
        if (given.size < MAX_REMEMBERED) given.add(name);
        else remembered = false;
        failures = 0;
        yield entry;
      }
      return;
    } catch (error) {
      if (!remembered) throw error;
      await waitBeforeRetry(error, Math.max(1, failures), options);
    }
  }
}
