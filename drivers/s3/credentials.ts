/** Where the keys come from, kept until shortly before they expire. */

import { AppError } from "../../src/base/errors.ts";
import { instanceCredentials } from "./instance_metadata.ts";
import type { Auth } from "./options.ts";
import type { Credentials } from "./sign.ts";

export interface ExpiringCredentials extends Credentials {
  readonly expiration?: Date | undefined;
}

/** Gives the keys at once where they are known, and a promise only while they are fetched. */
export type CredentialSource = () => Credentials | Promise<Credentials>;

// Fresh keys are asked for this long before the old ones end, so that none expires on its way.
const RENEW_BEFORE_MS = 5 * 60_000;
// Some providers give the same keys until they end; meanwhile these are used, and fresh ones asked for this seldom.
const ASK_EVERY_MS = 5_000;

/** @param chain the SDK's provider chain; asked only for auth without keys and without an endpoint */
export function credentialSource(auth: Auth, chain: () => Promise<ExpiringCredentials>): CredentialSource {
  if (auth.type === "static") {
    const { accessKeyId, secretAccessKey, sessionToken } = auth;
    const credentials: Credentials = {
      accessKeyId,
      secretAccessKey: secretAccessKey.reveal(),
      ...(sessionToken === undefined ? {} : { sessionToken: sessionToken.reveal() }),
    };
    return () => credentials;
  }
  const { endpoint } = auth;
  return renewing(endpoint === undefined ? chain : () => instanceCredentials(endpoint), Date.now);
}

/**
 * Fetches when there is nothing or too little time left; callers that come meanwhile share the one fetch. Keys that are still
 * valid stay in use while their provider has no better ones, or cannot be asked.
 */
export function renewing(fetchKeys: () => Promise<ExpiringCredentials>, now: () => number): CredentialSource {
  let known: ExpiringCredentials | undefined;
  let asked = -Infinity;
  let pending: Promise<Credentials> | undefined;
  const leftMs = (): number => (known?.expiration?.getTime() ?? Infinity) - now();
  const fetchOnce = async (): Promise<Credentials> => {
    asked = now();
    try {
      known = await fetchKeys();
      return known;
    } catch (error) {
      if (known !== undefined && leftMs() > 0) return known;
      // The chain names each place it looked at; none of that is a key.
      const why = error instanceof Error ? error.message : String(error);
      throw new AppError(
        "ACCESS_DENIED",
        `no credentials found (${why}); set auth.type static or give this machine a role`,
        { cause: error },
      );
    }
  };
  return () => {
    if (known !== undefined) {
      const left = leftMs();
      if (left > RENEW_BEFORE_MS) return known;
      if (left > 0 && pending === undefined && now() - asked < ASK_EVERY_MS) return known;
    }
    pending ??= fetchOnce().finally(() => {
      pending = undefined;
    });
    return pending;
  };
}
