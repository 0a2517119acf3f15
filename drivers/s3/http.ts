/**
 * Signed requests over Bun's fetch: time limits, abort, refusals as errors. For the calls made once an object, where the
 * AWS SDK costs several times the CPU (bench/s3_requests.ts has the figures).
 */

import { type AppError, throwIfAborted } from "../../src/base/errors.ts";
import { Reply, Watch } from "../../src/storage/http_reply.ts";
import type { CredentialSource } from "./credentials.ts";
import { encodeQuery } from "./encode.ts";
import { type Attempt, type Operation, readRefusal, refusalError } from "./errors.ts";
import { exchangeErrors } from "./network_errors.ts";
import type { Settings } from "./options.ts";
import { type Credentials, hideCredentials, Signer } from "./sign.ts";

export interface Call {
  readonly operation: Operation;
  readonly method: "GET" | "HEAD" | "PUT" | "DELETE";
  /** In the bucket; "" for the bucket itself. */
  readonly key: string;
  /** What errors name instead of `key`: the prefix of a listing. */
  readonly target?: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Lower-case names. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** Bytes the service has to take in or copy before it can answer; it gets time for them. */
  readonly bytes?: number;
  readonly signal: AbortSignal;
}

// Slower than any link worth using: what a body may take longer than the plain limit for silence.
const SLOWEST_BYTES_PER_MS = 256;

export class Http {
  readonly #settings: Settings;
  readonly #credentials: CredentialSource;
  readonly #signer: Signer;
  #lastUsed: Credentials | undefined;
  readonly #tls: { readonly tls?: Settings["tls"] };

  constructor(settings: Settings, credentials: CredentialSource) {
    this.#settings = settings;
    this.#credentials = credentials;
    this.#signer = new Signer(settings.endpoint.region);
    this.#tls = Object.keys(settings.tls).length === 0 ? {} : { tls: settings.tls };
  }

  /** @throws AppError for a status outside 200 to 299, for a broken or silent connection, and ABORTED */
  async send(call: Call): Promise<Reply> {
    throwIfAborted(call.signal);
    const { endpoint, timeoutMs } = this.#settings;
    const attempt = this.attempt(call.operation, call.target ?? call.key);
    const known = this.#credentials();
    const credentials = known instanceof Promise ? await known : known;
    this.#lastUsed = credentials;
    const path = endpoint.pathOf(call.key);
    const query = call.query === undefined ? "" : encodeQuery(call.query);
    const headers = this.#signer.sign(
      { method: call.method, host: endpoint.host, path, query, headers: call.headers ?? {} },
      credentials,
      Date.now(),
    );
    const watch = new Watch(exchangeErrors(attempt), timeoutMs + (call.bytes ?? 0) / SLOWEST_BYTES_PER_MS, call.signal);
    try {
      const response = await fetch(`${endpoint.origin}${path}${query === "" ? "" : `?${query}`}`, {
        method: call.method,
        headers,
        // Typed for any buffer; what fetch's type rules out is a shared one, which no body here is.
        ...(call.body === undefined ? {} : { body: call.body as Uint8Array<ArrayBuffer> }),
        signal: watch.signal,
        redirect: "manual",
        // Stored bytes are wanted, also of objects with a Content-Encoding.
        decompress: false,
        ...this.#tls,
      });
      watch.relax(timeoutMs);
      if (response.status >= 200 && response.status < 300) return new Reply(response, watch, call.method);
      const body = call.method === "HEAD" ? "" : await response.text();
      throw this.refused(attempt, {
        status: response.status,
        body,
        region: response.headers.get("x-amz-bucket-region") ?? undefined,
      });
    } catch (error) {
      watch.end();
      throw watch.explain(error);
    }
  }

  /** The error for a refusal's body, whatever of the request that body repeats. */
  refused(
    attempt: Attempt,
    answer: { readonly status: number; readonly body: string; readonly region: string | undefined },
  ): AppError {
    const body = this.#lastUsed === undefined ? answer.body : hideCredentials(answer.body, this.#lastUsed);
    return refusalError(attempt, readRefusal(answer.status, body, answer.region));
  }

  attempt(operation: Operation, target: string): Attempt {
    const { endpoint, bucket } = this.#settings;
    return { operation, target, bucket, endpoint: endpoint.url, region: endpoint.region };
  }
}
