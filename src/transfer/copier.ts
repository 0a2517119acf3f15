/** Copies one object: chooses the route, transfers, proves; or leaves nothing. */

import { AppError, abortError, toAppError, withContext } from "../base/errors.ts";
import { copyDirect, goesDirect } from "./direct_copy.ts";
import type { CopyOptions, CopyPlan, CopyResult, CopyTask } from "./plan.ts";
import { copyStreaming } from "./streaming_copy.ts";

/** So many refusals in a row, and the rest of the plan goes the other way without asking the service each time. */
const REFUSALS_ENOUGH = 3;

/** What has been learned about direct copies between the roots of one plan. */
interface DirectState {
  refusals: number;
  warned: boolean;
}

const directStates = new WeakMap<object, DirectState>();

/**
 * Copies `task.source` of `plan.from` to `task.targetKey` of `plan.to` and proves it as `options.verify` asks.
 *
 * Route: by the service itself when both roots have one backend id, the target can `copyFrom`, and (in mode "auto") its
 * service guards its bytes; else through this program. In mode "auto" a service that refuses at run time (UNSUPPORTED, ACCESS_DENIED)
 * is answered by streaming, with one DIRECT_COPY_REFUSED warning for each plan object.
 *
 * A failure leaves nothing that looks like success: what was stored is removed, also when the signal has fired. Only a
 * put or copy that failed as a whole on a driver with atomicPut is left alone: it stored nothing, and what lay under the
 * key before is still there.
 *
 * Progress: "bytes" events as bytes pass (a direct copy reports its size at the end); the caller reports "object".
 *
 * @throws NOT_FOUND (the source is gone), SHORT_BODY (it changed since it was listed, or arrived cut), CHECKSUM_MISMATCH,
 * UNSUPPORTED (mode "direct" between different backends), ABORTED, and what the drivers throw; with label and key
 */
export async function copyObject(
  plan: Pick<CopyPlan, "from" | "to" | "mode">,
  task: CopyTask,
  options: CopyOptions,
): Promise<CopyResult> {
  try {
    const direct = mayGoDirect(plan) ? await tryDirect(plan, task, options) : undefined;
    return forTheRecord(plan, direct ?? (await copyStreaming(plan, task, options)));
  } catch (error) {
    if (options.signal.aborted) throw abortError(options.signal);
    throw withContext(error, `${task.label}: copy of ${task.source.key}`, {
      label: task.label,
      key: task.source.key,
      target: task.targetKey,
    });
  }
}

/** A plain disk's ETag tells when a file was written, not what is in it; it would only make equal backups differ. */
function forTheRecord({ to }: Pick<CopyPlan, "to">, result: CopyResult): CopyResult {
  if (to.capabilities.durableChecksums || result.target.etag === undefined) return result;
  const { etag: _, ...target } = result.target;
  return { ...result, target };
}

/** @throws UNSUPPORTED when the mode demands what the roots cannot do */
function mayGoDirect(plan: Pick<CopyPlan, "from" | "to" | "mode">): boolean {
  if (goesDirect(plan)) return plan.mode === "direct" || stateOf(plan).refusals < REFUSALS_ENOUGH;
  if (plan.mode !== "direct") return false;
  throw new AppError(
    "UNSUPPORTED",
    `direct copy from ${plan.from.location} (${plan.from.backendId}) to ${plan.to.location} (${plan.to.backendId}) is not possible: ` +
      `${plan.to.copyFrom === undefined ? `driver ${plan.to.name} has no server-side copy` : "they are different services"}; use transfer mode auto or streaming`,
  );
}

async function tryDirect(
  plan: Pick<CopyPlan, "from" | "to" | "mode">,
  task: CopyTask,
  options: CopyOptions,
): Promise<CopyResult | undefined> {
  if (plan.mode === "direct") return await copyDirect(plan, task, options);
  const state = stateOf(plan);
  const onRefused = (error: unknown): void => {
    state.refusals += 1;
    if (state.warned) return;
    state.warned = true;
    options.progress.report({
      type: "warning",
      code: "DIRECT_COPY_REFUSED",
      message: `${plan.to.location} refused a server-side copy, so objects are streamed through this machine (${toAppError(error).message})`,
    });
  };
  const result = await copyDirect(plan, task, { ...options, onRefused });
  if (result !== undefined) state.refusals = 0;
  return result;
}

function stateOf(plan: object): DirectState {
  let state = directStates.get(plan);
  if (state === undefined) {
    state = { refusals: 0, warned: false };
    directStates.set(plan, state);
  }
  return state;
}
