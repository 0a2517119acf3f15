import { generateKeyPairSync } from "node:crypto";

export interface ServiceAccount {
  /** PEM, to check the signatures of token requests with. */
  readonly publicKey: string;
  /** A line of the private key: what must not appear anywhere. */
  readonly secret: string;
  /** The key file's text, for tokens from this URL. */
  file(tokenUri: string): string;
}

export function makeServiceAccount(): ServiceAccount {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  return {
    publicKey,
    secret: privateKey.split("\n")[3] ?? privateKey,
    file: (tokenUri) =>
      JSON.stringify({
        type: "service_account",
        project_id: "project",
        private_key_id: "key-1",
        private_key: privateKey,
        client_email: "backup@project.iam.gserviceaccount.com",
        token_uri: tokenUri,
      }),
  };
}
