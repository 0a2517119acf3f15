/** What a backup has to copy, as far as it is known. */

import type { Namespace } from "../../base/types.ts";
import type { CopyTotals } from "../../transfer/plan.ts";
import type { ProgressReporter } from "../../transfer/progress.ts";

/** The plans of all collections added up; final once every collection has one. */
export class PlannedTotals {
  readonly #plans = new Map<Namespace, CopyTotals>();
  readonly #progress: ProgressReporter;
  readonly #collections: number;

  constructor(progress: ProgressReporter, collections: number) {
    this.#progress = progress;
    this.#collections = collections;
  }

  set(namespace: Namespace, plan: CopyTotals): void {
    this.#plans.set(namespace, plan);
    const totals = { objects: 0, bytes: 0 };
    for (const { objects, bytes } of this.#plans.values()) {
      totals.objects += objects;
      totals.bytes += bytes;
    }
    this.#progress.report({ type: "totals", totals, final: this.#plans.size === this.#collections });
  }
}
