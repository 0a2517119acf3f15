/** transfer.mode "direct", held against the two roots before anything is done. */

import { AppError } from "../base/errors.ts";
import { goesDirect } from "../transfer/direct_copy.ts";
import type { CopyPlan } from "../transfer/plan.ts";

/**
 * @returns whether the storage service copies the objects by itself
 * @throws CONFIG_INVALID when the mode demands that and the roots cannot
 */
export function requireDirectIfAsked({ from, to, mode }: Pick<CopyPlan, "from" | "to" | "mode">): boolean {
  const direct = goesDirect({ from, to, mode });
  if (direct || mode !== "direct") return direct;
  const why =
    to.backendId === from.backendId
      ? `driver ${to.name} of ${to.location} has no server-side copy`
      : `${from.location} and ${to.location} are not one service`;
  throw new AppError("CONFIG_INVALID", `transfer.mode is direct, but ${why}; set it to auto`);
}
