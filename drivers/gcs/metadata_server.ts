/** Tokens of the service account that a machine of Google Compute Engine, or a pod under GKE workload identity, runs as. */

import { askTokenService, SCOPE, type Token, tokenOf } from "./token_request.ts";

const PATH = "/computeMetadata/v1/instance/service-accounts/default/token";

/** @param endpoint "http://metadata.google.internal" @throws ACCESS_DENIED where there is no account, UNAVAILABLE */
export async function metadataToken(endpoint: string): Promise<Token> {
  const url = `${endpoint}${PATH}?scopes=${encodeURIComponent(SCOPE)}`;
  const answer = await askTokenService({
    url,
    method: "GET",
    headers: { "metadata-flavor": "Google" },
    whenUnreachable: "outside Google Cloud set auth.credentialsFile",
    remedy: "give this machine or pod a service account, or set auth.credentialsFile",
  });
  return tokenOf(answer, url);
}
