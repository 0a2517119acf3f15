/**
 * What a restore has to move, counted once: an object that is checked and then staged is one object, and bytes that are
 * read twice are two times its bytes.
 */

import type { ProgressEvent, ProgressReporter } from "../../transfer/progress.ts";
import type { StoredObjects } from "./stored_objects.ts";

export interface MovePlan {
  /** Every object is read where it lies. */
  readonly read: boolean;
  /** Every object is copied to the Milvus root path. */
  readonly staged: boolean;
}

export class RestoreProgress {
  readonly #progress: ProgressReporter;
  #awaited: number;
  #objects = 0;
  #bytes = 0;

  /** @param collections how many will call `planned` */
  constructor(progress: ProgressReporter, collections: number) {
    this.#progress = progress;
    this.#awaited = collections;
  }

  /** Called once for each collection, before its first object is touched. */
  planned(objects: StoredObjects, plan: MovePlan): void {
    const times = Number(plan.read) + Number(plan.staged);
    this.#awaited -= 1;
    if (times > 0) {
      this.#objects += objects.size;
      for (const { size } of objects.values()) this.#bytes += size * times;
    }
    // Where Milvus reads the backup itself and a listing is proof enough, nothing moves: there is nothing to count.
    if (this.#objects === 0) return;
    const totals = { objects: this.#objects, bytes: this.#bytes };
    this.#progress.report({ type: "totals", totals, final: this.#awaited === 0 });
  }

  /** For the check before: what it does beyond the plan (a listing, an object read because its ETag differs) is not counted. */
  ofCheck(plan: MovePlan): ProgressReporter {
    const hidden: readonly ProgressEvent["type"][] = plan.read
      ? plan.staged
        ? ["object", "done"]
        : ["done"]
      : ["object", "bytes", "done"];
    return {
      report: (event) => {
        if (!hidden.includes(event.type)) this.#progress.report(event);
      },
    };
  }
}
