/** Progress as events: the terminal bar, plain lines, JSON lines and silence are reporters of the same union. */

import type { CopyTotals, CopyVia } from "./plan.ts";

export type Phase =
  | "connect"
  | "describe"
  | "flush"
  | "plan"
  | "copy"
  | "verify"
  | "commit"
  | "schema"
  | "stage"
  | "import"
  | "index"
  | "check"
  | "delete"
  | "cleanup";

export type ProgressEvent =
  /** `scope` is a collection's full name where the phase belongs to one. */
  | { readonly type: "phase"; readonly phase: Phase; readonly scope?: string }
  /** Work known so far; `final` once nothing more will be added. */
  | { readonly type: "totals"; readonly totals: CopyTotals; readonly final: boolean }
  /** Bytes on their way since the last such event; a retry may take some back with a negative number. */
  | { readonly type: "bytes"; readonly bytes: number }
  | { readonly type: "object"; readonly key: string; readonly size: number; readonly via: CopyVia | "verified" }
  /** A Milvus import job, 0 to 100. */
  | {
      readonly type: "job";
      readonly id: string;
      readonly scope: string;
      readonly percent: number;
      readonly state: string;
    }
  | { readonly type: "warning"; readonly code: string; readonly message: string }
  | { readonly type: "done"; readonly totals: CopyTotals; readonly seconds: number };

export interface ProgressReporter {
  /** Must not throw and must not block. */
  report(event: ProgressEvent): void;
}

export const silentProgress: ProgressReporter = { report: () => {} };

/** What a view shows. Numbers never go backwards, and nothing looks finished before it is. */
export interface ProgressSnapshot {
  readonly phase?: Phase;
  readonly scope?: string;
  readonly bytesDone: number;
  /** Undefined while nothing is known; may grow until `totalsFinal`. */
  readonly bytesTotal?: number;
  readonly objectsDone: number;
  readonly objectsTotal?: number;
  readonly totalsFinal: boolean;
  /** 0 to 1, below 1 until done; undefined until the totals are final. */
  readonly fraction?: number;
  /** Smoothed over about five seconds; undefined until there is something to measure. */
  readonly bytesPerSecond?: number;
  /** Undefined where it cannot be told: totals not final, nothing moving. */
  readonly secondsLeft?: number;
  /** Import jobs seen so far and their mean, 0 to 100. */
  readonly jobs: { readonly count: number; readonly percent: number };
  readonly warnings: number;
  readonly done: boolean;
}

const RATE_WINDOW_MS = 5000;
/** Shorter intervals are added up, so that one burst of chunks does not make a rate. */
const RATE_SAMPLE_MS = 250;
const BELOW_DONE = 0.999;

/**
 * Folds the events of one operation into what can be shown. Pure: the clock is given, nothing is printed.
 * "totals" events carry the whole work known so far, not an increase; later ones replace earlier ones.
 */
export class ProgressTracker implements ProgressReporter {
  readonly #now: () => number;
  readonly #jobs = new Map<string, number>();
  #phase: { readonly phase: Phase; readonly scope?: string } | undefined;
  #totals: CopyTotals | undefined;
  #final = false;
  #done = false;
  #warnings = 0;
  #bytes = 0;
  #shownBytes = 0;
  #objects = 0;
  #shownFraction = 0;
  #rate: number | undefined;
  #sampledAt: number | undefined;
  #sampledBytes = 0;

  /** @param now milliseconds; steady, as performance.now() is */
  constructor(now: () => number) {
    this.#now = now;
  }

  report(event: ProgressEvent): void {
    switch (event.type) {
      case "phase":
        this.#phase = { phase: event.phase, ...(event.scope === undefined ? {} : { scope: event.scope }) };
        break;
      case "totals":
        this.#totals = event.totals;
        this.#final = event.final;
        break;
      case "bytes":
        this.#sampledAt ??= this.#now();
        this.#bytes += event.bytes;
        this.#sample();
        break;
      case "object":
        this.#objects += 1;
        break;
      case "job":
        this.#jobs.set(event.id, Math.max(this.#jobs.get(event.id) ?? 0, event.percent));
        break;
      case "warning":
        this.#warnings += 1;
        break;
      case "done":
        this.#totals = event.totals;
        this.#final = true;
        this.#done = true;
        break;
    }
  }

  snapshot(): ProgressSnapshot {
    this.#sample();
    const total = this.#totals;
    const limit = total === undefined ? Number.POSITIVE_INFINITY : total.bytes;
    const bytes = this.#done ? limit : Math.min(this.#bytes, limit);
    this.#shownBytes = Math.max(this.#shownBytes, bytes);
    const objectsDone = this.#done && total !== undefined ? Math.max(this.#objects, total.objects) : this.#objects;
    const fraction = this.#fraction(objectsDone);
    const moving = this.#final && !this.#done && this.#rate !== undefined && this.#rate >= 1;
    return {
      ...this.#phase,
      bytesDone: this.#shownBytes,
      objectsDone,
      ...(total === undefined ? {} : { bytesTotal: Math.max(total.bytes, this.#shownBytes) }),
      ...(total === undefined ? {} : { objectsTotal: Math.max(total.objects, objectsDone) }),
      totalsFinal: this.#final,
      ...(fraction === undefined ? {} : { fraction }),
      ...(this.#rate === undefined ? {} : { bytesPerSecond: Math.round(this.#rate) }),
      ...(moving && this.#rate !== undefined
        ? { secondsLeft: Math.ceil(Math.max(0, limit - this.#bytes) / this.#rate) }
        : {}),
      jobs: { count: this.#jobs.size, percent: this.#meanPercent() },
      warnings: this.#warnings,
      done: this.#done,
    };
  }

  #fraction(objectsDone: number): number | undefined {
    if (this.#done) return 1;
    if (!this.#final || this.#totals === undefined) return undefined;
    const { bytes, objects } = this.#totals;
    const [part, whole] = bytes > 0 ? [this.#shownBytes, bytes] : [objectsDone, objects];
    const fraction = whole === 0 ? 0 : Math.min(BELOW_DONE, part / whole);
    this.#shownFraction = Math.max(this.#shownFraction, fraction);
    return this.#shownFraction;
  }

  #meanPercent(): number {
    if (this.#jobs.size === 0) return 0;
    let sum = 0;
    for (const percent of this.#jobs.values()) sum += percent;
    return sum / this.#jobs.size;
  }

  /** Exponential smoothing, independent of how often it is asked. */
  #sample(): void {
    if (this.#sampledAt === undefined || this.#done) return;
    const now = this.#now();
    const elapsed = now - this.#sampledAt;
    if (elapsed < RATE_SAMPLE_MS) return;
    const current = (Math.max(0, this.#bytes - this.#sampledBytes) / elapsed) * 1000;
    const weight = 1 - Math.exp(-elapsed / RATE_WINDOW_MS);
    this.#rate = this.#rate === undefined ? current : this.#rate + weight * (current - this.#rate);
    this.#sampledAt = now;
    this.#sampledBytes = this.#bytes;
  }
}
