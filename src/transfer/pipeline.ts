/** Runs a copy plan. */

import { mapConcurrent } from "../base/pool.ts";
import { copyObject } from "./copier.ts";
import type { CopyOptions, CopyPlan, CopyResult } from "./plan.ts";

/**
 * Copies every task of the plan and yields each result as it is proven, not in order. Tasks are pulled one by one as
 * places get free, so memory does not grow with their number. At most `options.concurrency` run at once, and all plans
 * that share `options.slots` never exceed its limit together.
 *
 * The first failure is thrown after everything that was running has ended; nothing new is started. A caller that stops
 * early ends what runs in the same way.
 *
 * Progress: an "object" event for each result; at the end one SIZE_EVIDENCE_ONLY warning when direct copies could be
 * proven by size only although `options.verify` asked for more.
 *
 * @throws what copyObject and `plan.tasks()` throw; ABORTED
 */
export async function* runCopyPlan(plan: CopyPlan, options: CopyOptions): AsyncGenerator<CopyResult, void, undefined> {
  const { concurrency, slots, progress } = options;
  let inner: CopyOptions | undefined;
  let sizeOnly = 0;
  const results = mapConcurrent(plan.tasks(), { concurrency, signal: options.signal }, (task, signal) => {
    inner ??= { ...options, signal };
    const current = inner;
    return slots.run(signal, () => copyObject(plan, task, current));
  });
  for await (const result of results) {
    if (result.evidence.kind === "size") sizeOnly += 1;
    progress.report({ type: "object", key: result.target.key, size: result.target.size, via: result.via });
    yield result;
  }
  if (sizeOnly > 0 && options.verify !== "size") {
    progress.report({
      type: "warning",
      code: "SIZE_EVIDENCE_ONLY",
      message: `${sizeOnly} objects were copied by ${plan.to.location} itself, which reports nothing about their content: only their size is proven; choose verify level read-back to hash them`,
    });
  }
}
