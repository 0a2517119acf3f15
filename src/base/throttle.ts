/** A byte rate that many streams share. */

import { sleep } from "./retry.ts";

/** A token bucket that may go into debt: a chunk passes at once and its successors wait until it is paid for. */
export class ByteRate {
  readonly #bytesPerSecond: number;
  readonly #now: () => number;
  #paidUntil: number;

  /** @param now milliseconds of a clock that never goes back; replaced in tests */
  constructor(bytesPerSecond: number, now: () => number = () => performance.now()) {
    if (!(bytesPerSecond > 0)) throw new RangeError(`bytes per second must be more than 0, not ${bytesPerSecond}`);
    this.#bytesPerSecond = bytesPerSecond;
    this.#now = now;
    this.#paidUntil = now();
  }

  /** Waits until the bytes taken before are paid for, then takes these. @throws ABORTED */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    const now = this.#now();
    const startsAt = Math.max(now, this.#paidUntil);
    this.#paidUntil = startsAt + (bytes / this.#bytesPerSecond) * 1000;
    if (startsAt > now) await sleep(startsAt - now, signal);
  }
}
