/** Access tokens: fetched when needed, kept until shortly before they expire, fetched anew when the service refuses one. */

import { abortError, throwIfAborted } from "../../src/base/errors.ts";
import { readCredentialsFile } from "./credentials_file.ts";
import { metadataToken } from "./metadata_server.ts";
import type { Auth } from "./options.ts";
import type { Token } from "./token_request.ts";

export interface TokenSource {
  /** "" where no credentials are sent. Given at once where it is known. @throws ACCESS_DENIED, UNAVAILABLE, CONFIG_INVALID */
  get(signal: AbortSignal): string | Promise<string>;
  /** The service refused this token; the next `get` fetches another one. */
  drop(refused: string): void;
}

// A fresh token is asked for this long before the old one ends, so that none expires on its way.
const RENEW_BEFORE_MS = 4 * 60_000;

export function tokenSource(auth: Auth): TokenSource {
  switch (auth.type) {
    case "none":
      return { get: () => "", drop: () => {} };
    case "metadata":
      return new RenewedTokens(() => metadataToken(auth.endpoint));
    case "file":
      // Read anew each time: keys are replaced in place, as Kubernetes does with mounted secrets.
      return new RenewedTokens(async () => (await readCredentialsFile(auth.path, auth.onlyServiceAccount))());
  }
}

export class RenewedTokens implements TokenSource {
  readonly #fetch: () => Promise<Token>;
  readonly #now: () => number;
  #known: Token | undefined;
  #pending: Promise<string> | undefined;

  constructor(fetchToken: () => Promise<Token>, now: () => number = Date.now) {
    this.#fetch = fetchToken;
    this.#now = now;
  }

  get(signal: AbortSignal): string | Promise<string> {
    if (this.#known !== undefined && this.#known.expiresAt - this.#now() > RENEW_BEFORE_MS) return this.#known.value;
    // Callers that come meanwhile share the one fetch; none of them may end it for the others.
    this.#pending ??= this.#fetch()
      .then((fresh) => {
        this.#known = fresh;
        return fresh.value;
      })
      .finally(() => {
        this.#pending = undefined;
      });
    return unlessAborted(this.#pending, signal);
  }

  drop(refused: string): void {
    if (this.#known?.value === refused) this.#known = undefined;
  }
}

async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  throwIfAborted(signal);
  const aborted = Promise.withResolvers<never>();
  const stop = (): void => aborted.reject(abortError(signal));
  signal.addEventListener("abort", stop, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
