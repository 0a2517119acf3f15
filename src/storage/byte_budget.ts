/** Bounds the bytes that uploads of one root hold in memory, first come first served. */

import { abortError, throwIfAborted } from "../base/errors.ts";

interface Waiting {
  readonly bytes: number;
  readonly enter: () => void;
}

export class ByteBudget {
  readonly #total: number;
  #free: number;
  readonly #waiting: Waiting[] = [];

  constructor(total: number) {
    this.#total = total;
    this.#free = total;
  }

  /** Waits for room; a part larger than the whole budget waits until it is alone. @throws ABORTED */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    throwIfAborted(signal);
    const wanted = Math.min(bytes, this.#total);
    if (this.#waiting.length === 0 && wanted <= this.#free) {
      this.#free -= wanted;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const waiting: Waiting = {
        bytes: wanted,
        enter: () => {
          signal.removeEventListener("abort", leave);
          resolve();
        },
      };
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        this.#admit();
        reject(abortError(signal));
      };
      this.#waiting.push(waiting);
      signal.addEventListener("abort", leave, { once: true });
    });
  }

  /** Gives back what `take` was given for the same number. */
  give(bytes: number): void {
    this.#free += Math.min(bytes, this.#total);
    this.#admit();
  }

  #admit(): void {
    for (let next = this.#waiting[0]; next !== undefined && next.bytes <= this.#free; next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#free -= next.bytes;
      next.enter();
    }
  }
}
