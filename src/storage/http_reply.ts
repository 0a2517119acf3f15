/** One HTTP exchange of a driver: its clock, its tie to the caller's signal, and the reading of its answer. */

import { abortError } from "../base/errors.ts";

/** The driver's own words for an exchange that breaks off or falls silent. */
export interface ExchangeErrors {
  readonly network: (thrown: unknown) => Error;
  readonly silence: (waitedMs: number) => Error;
}

export interface BodyHooks {
  readonly onChunk: (chunk: Uint8Array) => void;
  /** After the last chunk. */
  readonly onEnd: () => void;
  /** May put a failure in other words. */
  readonly onError: (error: Error) => Error;
}

/** An answer with a status of 200 to 299. Exactly one of text, bytes, stream and discard is called. */
export class Reply {
  readonly #response: Response;
  readonly #watch: Watch;
  readonly #method: string;

  constructor(response: Response, watch: Watch, method: string) {
    this.#response = response;
    this.#watch = watch;
    this.#method = method;
  }

  get status(): number {
    return this.#response.status;
  }

  header(name: string): string | undefined {
    return this.#response.headers.get(name) ?? undefined;
  }

  async text(): Promise<string> {
    return this.#finish(this.#response.text());
  }

  async bytes(): Promise<Uint8Array> {
    return this.#finish(this.#response.bytes());
  }

  /** Ends the exchange whose answer has nothing to read. */
  async discard(): Promise<void> {
    // A body that is left unread would keep its connection from being used again.
    if (this.#method === "HEAD" || this.#response.status === 204 || this.header("content-length") === "0") {
      this.#watch.end();
    } else await this.bytes();
  }

  /** Ends the exchange and drops what was not read, with its connection. */
  cancel(): void {
    this.#watch.end();
    void this.#response.body?.cancel().catch(() => {});
  }

  /**
   * The body, each read bounded by the limit for silence; a reader that takes its time is no silence.
   * What the hooks throw fails the stream.
   */
  stream(hooks: BodyHooks): ReadableStream<Uint8Array> {
    const reader = (this.#response.body ?? new Response("").body)?.getReader();
    this.#watch.pause();
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          try {
            this.#watch.resume();
            const next = await reader?.read();
            this.#watch.pause();
            if (next === undefined || next.done) {
              hooks.onEnd();
              this.#watch.end();
              controller.close();
              return;
            }
            hooks.onChunk(next.value);
            controller.enqueue(next.value);
          } catch (error) {
            this.#watch.end();
            void reader?.cancel().catch(() => {});
            throw hooks.onError(this.#watch.explain(error));
          }
        },
        cancel: (reason) => {
          this.#watch.end();
          return reader?.cancel(reason);
        },
      },
      { highWaterMark: 0 },
    );
  }

  async #finish<T>(reading: Promise<T>): Promise<T> {
    try {
      return await reading;
    } catch (error) {
      throw this.#watch.explain(error);
    } finally {
      this.#watch.end();
    }
  }
}

/** One exchange's clock and its tie to the caller's signal. */
export class Watch {
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #errors: ExchangeErrors;
  #limitMs: number;
  #timer: Timer | undefined;
  #silent = false;
  readonly #onAbort = (): void => this.#stop.abort(abortError(this.#signal));
  readonly #onSilence = (): void => {
    this.#silent = true;
    this.#stop.abort(this.#errors.silence(this.#limitMs));
  };

  constructor(errors: ExchangeErrors, limitMs: number, signal: AbortSignal) {
    this.#errors = errors;
    this.#limitMs = limitMs;
    this.#signal = signal;
    signal.addEventListener("abort", this.#onAbort);
    this.resume();
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  pause(): void {
    clearTimeout(this.#timer);
  }

  resume(): void {
    this.#timer = setTimeout(this.#onSilence, this.#limitMs);
  }

  /** From here on the limit is for silence alone. */
  relax(limitMs: number): void {
    this.#limitMs = limitMs;
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#signal.removeEventListener("abort", this.#onAbort);
  }

  explain(thrown: unknown): Error {
    if (this.#signal.aborted) return abortError(this.#signal);
    return this.#silent ? this.#errors.silence(this.#limitMs) : this.#errors.network(thrown);
  }
}
