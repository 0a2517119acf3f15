/** Copies proven by size only are said aloud once for a whole operation, not once for each collection of it. */

import type { VerifyLevel } from "../transfer/plan.ts";
import type { ProgressReporter } from "../transfer/progress.ts";

const CODE = "SIZE_EVIDENCE_ONLY";

/** The reporter for the copy plans of one operation, which say it each for themselves. */
export function withoutSizeWarnings(progress: ProgressReporter): ProgressReporter {
  return {
    report: (event) => {
      if (event.type !== "warning" || event.code !== CODE) progress.report(event);
    },
  };
}

/** @param objects copied with nothing but their size to show for it, over all plans */
export function warnOfSizeEvidence(
  progress: ProgressReporter,
  copied: { readonly objects: number; readonly verify: VerifyLevel; readonly where: string },
): void {
  const { objects, verify, where } = copied;
  if (objects === 0 || verify === "size") return;
  progress.report({
    type: "warning",
    code: CODE,
    message:
      `${objects} objects were copied by ${where} itself, which reports nothing about their content: ` +
      "only their size is proven; set transfer.verify to read-back to have them hashed",
  });
}
