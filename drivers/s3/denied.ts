/** A denial that is none. */

import { isAppError } from "../../src/base/errors.ts";
import { sleep } from "../../src/base/retry.ts";
import type { Root } from "./root.ts";

const WAIT_MS = 20;

/**
 * Runs `store` again after AccessDenied, as often as the provider's row says. MinIO keeps keys as directories and answers
 * AccessDenied to an upload or copy when a delete beside it removes the emptied directories above just then; asked again, it
 * stores the object. From the answer alone this cannot be told from missing rights, which are denied each time.
 */
export async function storeDespiteRace<T>(root: Root, signal: AbortSignal, store: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await store();
    } catch (error) {
      const isDenial = isAppError(error) && error.details.serviceCode === "AccessDenied";
      if (!isDenial || attempt >= root.settings.provider.triesWhenDenied) throw error;
      await sleep(WAIT_MS * attempt, signal);
    }
  }
}
