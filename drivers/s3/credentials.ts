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

/** Fetches when there is nothing or too little time left; callers that come meanwhile share the one fetch. */
export function renewing(fetchKeys: () => Promise<ExpiringCredentials>, now: () => number): CredentialSource {
  let known: ExpiringCredentials | undefined;
  let pending: Promise<Credentials> | undefined;
  return () => {
    if (known !== undefined && (known.expiration?.getTime() ?? Infinity) - now() > RENEW_BEFORE_MS) return known;
    pending ??= fetchKeys()
      .then(
        (fresh) => {
          known = fresh;
          return fresh;
        },
        (error: unknown) => {
          // The chain names each place it looked at; none of that is a key.
          const why = error instanceof Error ? error.message : String(error);
          throw new AppError(
            "ACCESS_DENIED",
            `no credentials found (${why}); set auth.type static or give this machine a role`,
            {
              cause: error,
            },
          );
        },
      )
      .finally(() => {
        pending = undefined;
      });
    return pending;
  };
}
