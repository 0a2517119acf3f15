/** Requests with a token over Bun's fetch: time limits, abort, one renewal of a refused token, refusals as errors. */

import { type AppError, isAppError, throwIfAborted } from "../../src/base/errors.ts";
import { Reply, Watch } from "../../src/storage/http_reply.ts";
import { type Attempt, exchangeErrors, type Operation, refusalError } from "./errors.ts";
import type { Settings } from "./options.ts";
import type { TokenSource } from "./tokens.ts";

export interface Call {
  readonly operation: Operation;
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  /** With the scheme; made by `objectUrl`, `objectsUrl`, `uploadUrl`, or given by the service for an upload. */
  readonly url: string;
  /** What errors name: the object in the bucket, or the prefix of a listing. */
  readonly target: string;
  /** Lower-case names. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  /** Bytes the service has to take in or copy before it can answer; it gets time for them. */
  readonly bytes?: number;
  /** Statuses outside 200 to 299 that are an answer and no refusal. */
  readonly expected?: readonly number[];
  readonly signal: AbortSignal;
}

// Slower than any link worth using: what a body may take longer than the plain limit for silence.
const SLOWEST_BYTES_PER_MS = 256;

export class Http {
  readonly #settings: Settings;
  readonly #tokens: TokenSource;
  readonly #tls: { readonly tls?: Settings["tls"] };

  constructor(settings: Settings, tokens: TokenSource) {
    this.#settings = settings;
    this.#tokens = tokens;
    this.#tls = Object.keys(settings.tls).length === 0 ? {} : { tls: settings.tls };
  }

  /** @throws AppError for a status outside 200 to 299 and `expected`, for a broken or silent connection, and ABORTED */
  async send(call: Call): Promise<Reply> {
    throwIfAborted(call.signal);
    const token = await this.#tokens.get(call.signal);
    const first = await this.#exchange(call, token).catch((error: unknown) => {
      if (!isAppError(error) || error.details.status !== 401 || token === "") throw error;
      return undefined;
    });
    if (first !== undefined) return first;
    // A token may be withdrawn before its time; the one after it is believed.
    this.#tokens.drop(token);
    return this.#exchange(call, await this.#tokens.get(call.signal));
  }

  attempt(operation: Operation, target: string): Attempt {
    return { operation, target, bucket: this.#settings.bucket, endpoint: this.#settings.origin };
  }

  async #exchange(call: Call, token: string): Promise<Reply> {
    const { timeoutMs } = this.#settings;
    const attempt = this.attempt(call.operation, call.target);
    const watch = new Watch(exchangeErrors(attempt), timeoutMs + (call.bytes ?? 0) / SLOWEST_BYTES_PER_MS, call.signal);
    try {
      const response = await fetch(call.url, {
        method: call.method,
        headers: { ...call.headers, ...(token === "" ? {} : { authorization: `Bearer ${token}` }) },
        // Typed for any buffer; what fetch's type rules out is a shared one, which no body here is.
        ...(call.body === undefined ? {} : { body: call.body as Uint8Array<ArrayBuffer> | string }),
        signal: watch.signal,
        // 308 means "go on" to an upload.
        redirect: "manual",
        // Stored bytes are wanted, also of objects with a Content-Encoding.
        decompress: false,
        ...this.#tls,
      });
      watch.relax(timeoutMs);
      const { status } = response;
      if ((status >= 200 && status < 300) || call.expected?.includes(status) === true)
        return new Reply(response, watch, call.method);
      throw this.#refused(attempt, { status, body: await response.text(), token });
    } catch (error) {
      watch.end();
      throw watch.explain(error);
    }
  }

  #refused(
    attempt: Attempt,
    answer: { readonly status: number; readonly body: string; readonly token: string },
  ): AppError {
    const body = answer.token === "" ? answer.body : answer.body.replaceAll(answer.token, "***");
    return refusalError(attempt, answer.status, body);
  }
}
