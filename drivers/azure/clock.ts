/** One exchange's time limit and its tie to the caller's signal. */

import { type AppError, abortError } from "../../src/base/errors.ts";
import { type Attempt, serviceError, silenceError } from "./errors.ts";

export class Clock {
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #attempt: Attempt;
  readonly #limitMs: number;
  #timer: Timer | undefined;
  #silent = false;
  readonly #onAbort = (): void => this.#stop.abort(abortError(this.#signal));
  readonly #onSilence = (): void => {
    this.#silent = true;
    this.#stop.abort(silenceError(this.#attempt, this.#limitMs));
  };

  /** Runs at once. @param limitMs for the answer, or for each piece of one */
  constructor(attempt: Attempt, limitMs: number, signal: AbortSignal) {
    this.#attempt = attempt;
    this.#limitMs = limitMs;
    this.#signal = signal;
    signal.addEventListener("abort", this.#onAbort);
    if (signal.aborted) this.#onAbort();
    this.resume();
  }

  /** Fires with the caller's signal or when time is up. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  pause(): void {
    clearTimeout(this.#timer);
  }

  resume(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#onSilence, this.#limitMs);
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#signal.removeEventListener("abort", this.#onAbort);
  }

  /** The error for what the SDK threw meanwhile. */
  explain(thrown: unknown): AppError {
    if (this.#signal.aborted) return abortError(this.#signal);
    return this.#silent ? silenceError(this.#attempt, this.#limitMs) : serviceError(this.#attempt, thrown);
  }
}

/** The work's result, unless the signal fires first. Leaves no listener behind: an object has many thousand chunks. */
export async function unlessFired<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const stopped = Promise.withResolvers<never>();
  const stop = (): void => stopped.reject(signal.reason);
  if (signal.aborted) stop();
  signal.addEventListener("abort", stop);
  try {
    return await Promise.race([work, stopped.promise]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
