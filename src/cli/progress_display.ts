/** Progress on standard error: one line that is redrawn on a terminal, plain lines now and then elsewhere. */

import { type ProgressEvent, type ProgressSnapshot, ProgressTracker } from "../transfer/progress.ts";
import { formatBytes, formatDuration } from "./format.ts";

const REDRAW_MS = 100;
const PLAIN_LINE_MS = 10_000;
/** After so long without a line it is said again that the work goes on. */
const SILENCE_MS = 30_000;
const BAR_CELLS = 24;
/** Taken for a terminal that does not say how wide it is. */
const USUAL_WIDTH = 80;

export interface DisplayOptions {
  readonly write: (text: string) => void;
  readonly terminal: boolean;
  /** Columns. */
  readonly width: () => number;
  readonly now: () => Date;
}

export class ProgressDisplay {
  readonly #options: DisplayOptions;
  readonly #tracker: ProgressTracker;
  #shownAt = 0;
  #movedAt = 0;
  #visible = false;
  #ended = false;
  #phase = "";

  constructor(options: DisplayOptions) {
    this.#options = options;
    this.#tracker = new ProgressTracker(() => options.now().getTime());
  }

  report(event: ProgressEvent): void {
    this.#tracker.report(event);
    this.#movedAt = this.#options.now().getTime();
    if (this.#ended) return;
    if (event.type === "phase") this.#announce(event.phase, event.scope);
    const elapsed = this.#options.now().getTime() - this.#shownAt;
    if (this.#options.terminal) {
      if (elapsed >= REDRAW_MS) this.draw();
    } else if (elapsed >= PLAIN_LINE_MS && event.type !== "phase") {
      this.#line(progressLine(this.#tracker.snapshot(), Number.POSITIVE_INFINITY));
    }
  }

  /** To be called about once a second: waiting looks alive although nothing is reported. */
  tick(): void {
    if (this.#ended) return;
    const now = this.#options.now().getTime();
    if (this.#options.terminal) this.draw();
    else if (now - this.#shownAt >= SILENCE_MS) {
      const waited = formatDuration((now - this.#movedAt) / 1000);
      this.#line(`${progressLine(this.#tracker.snapshot(), Number.POSITIVE_INFINITY)}, unchanged for ${waited}`);
    }
  }

  /** Takes the line away, for something else to be written. */
  clear(): void {
    if (!this.#visible) return;
    this.#options.write("\r\u001b[K");
    this.#visible = false;
  }

  draw(): void {
    if (!this.#options.terminal || this.#ended) return;
    const columns = this.#options.width();
    // The last column stays free: a full line would make some terminals scroll.
    const width = (columns > 1 ? columns : USUAL_WIDTH) - 1;
    this.#options.write(`\r\u001b[K${progressLine(this.#tracker.snapshot(), width)}`);
    this.#visible = true;
    this.#shownAt = this.#options.now().getTime();
  }

  finish(): void {
    this.clear();
    this.#ended = true;
  }

  /** Elsewhere than on a terminal each step of the work is a line of its own. */
  #announce(phase: string, scope: string | undefined): void {
    const text = scope === undefined ? phase : `${phase} ${scope}`;
    if (this.#options.terminal || text === this.#phase) return;
    this.#phase = text;
    this.#line(text);
  }

  #line(text: string): void {
    this.#options.write(`${text}\n`);
    this.#shownAt = this.#options.now().getTime();
  }
}

/** "copy default.a [#####-----] 42 % 1.2 GiB of 2.9 GiB, 512 of 1200 objects, 180 MiB/s, 9 s left", cut to `width`. */
export function progressLine(snapshot: ProgressSnapshot, width: number): string {
  const words: string[] = [];
  const { fraction, bytesTotal, objectsTotal, bytesPerSecond, secondsLeft, jobs } = snapshot;
  if (fraction !== undefined) words.push(`${bar(fraction)} ${Math.floor(fraction * 100)} %`);
  if (bytesTotal !== undefined) {
    words.push(`${formatBytes(snapshot.bytesDone)} of ${formatBytes(bytesTotal)}`);
    words.push(`${snapshot.objectsDone} of ${objectsTotal ?? snapshot.objectsDone} objects`);
  }
  if (bytesPerSecond !== undefined && bytesPerSecond > 0) words.push(`${formatBytes(bytesPerSecond)}/s`);
  if (secondsLeft !== undefined) words.push(`${formatDuration(secondsLeft)} left`);
  if (jobs.count > 0) words.push(`import ${Math.floor(jobs.percent)} % of ${jobs.count} jobs`);
  const head = [snapshot.phase, snapshot.scope].filter((word) => word !== undefined).join(" ");
  const line = words.length === 0 ? head : `${head} ${words.join(", ")}`;
  return line.length <= width ? line : line.slice(0, width);
}

function bar(fraction: number): string {
  const filled = Math.floor(fraction * BAR_CELLS);
  return `[${"#".repeat(filled)}${"-".repeat(BAR_CELLS - filled)}]`;
}
