/** Credentials files as Google writes them: a service account's key, a user's refresh token, a workload identity. */

import { createPrivateKey, sign } from "node:crypto";
import { readFile } from "node:fs/promises";
import { AppError } from "../../src/base/errors.ts";
import { externalAccountToken } from "./external_account.ts";
import { askTokenService, SCOPE, type Token, tokenOf } from "./token_request.ts";

const GOOGLE_TOKENS = "https://oauth2.googleapis.com/token";
const LIFETIME_SECONDS = 3600;

/** One field of a file. @throws CONFIG_INVALID when it is absent or no text */
export type Field = (name: string) => string;

/**
 * How to get tokens with the file. Its contents never appear in an error.
 * @throws CONFIG_INVALID for a file that cannot be read or lacks a field, UNSUPPORTED for a kind that is not known
 */
export async function readCredentialsFile(path: string, onlyServiceAccount: boolean): Promise<() => Promise<Token>> {
  const content = await contentOf(path);
  const field: Field = (name) => {
    const value = content[name];
    if (typeof value === "string" && value !== "") return value;
    throw invalid(path, `lacks the field ${name}`);
  };
  const type = typeof content.type === "string" ? content.type : "";
  if (type === "service_account") return () => serviceAccountToken(field, content.token_uri, path);
  if (onlyServiceAccount) throw invalid(path, "is not a service account's key; for other kinds use auth.type default");
  if (type === "authorized_user") return () => refreshedToken(field, content.token_uri);
  if (type === "external_account") return () => externalAccountToken(field, content, path);
  throw new AppError(
    "UNSUPPORTED",
    `auth.credentialsFile ${path} is of type ${JSON.stringify(type)}, which is not known`,
  );
}

/** A signed claim to be the account, exchanged for a token (RFC 7523). */
async function serviceAccountToken(field: Field, tokenUri: unknown, path: string): Promise<Token> {
  const url = typeof tokenUri === "string" && tokenUri !== "" ? tokenUri : GOOGLE_TOKENS;
  const issuedAt = Math.floor(Date.now() / 1000);
  const header = { alg: "RS256", typ: "JWT", kid: field("private_key_id") };
  const claims = {
    iss: field("client_email"),
    scope: SCOPE,
    aud: url,
    iat: issuedAt,
    exp: issuedAt + LIFETIME_SECONDS,
  };
  const unsigned = `${base64url(header)}.${base64url(claims)}`;
  const assertion = `${unsigned}.${signature(unsigned, field("private_key"), path)}`;
  const answer = await askTokenService({
    url,
    form: { grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer", assertion },
    remedy: "check that the key in auth.credentialsFile is not revoked and that this machine's clock is right",
  });
  return tokenOf(answer, url);
}

/** The file that `gcloud auth application-default login` writes. */
async function refreshedToken(field: Field, tokenUri: unknown): Promise<Token> {
  const url = typeof tokenUri === "string" && tokenUri !== "" ? tokenUri : GOOGLE_TOKENS;
  const answer = await askTokenService({
    url,
    form: {
      grant_type: "refresh_token",
      client_id: field("client_id"),
      client_secret: field("client_secret"),
      refresh_token: field("refresh_token"),
    },
    remedy: "log in again: gcloud auth application-default login",
  });
  return tokenOf(answer, url);
}

async function contentOf(path: string): Promise<Readonly<Record<string, unknown>>> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    throw new AppError("CONFIG_INVALID", `auth.credentialsFile ${path} cannot be read`, { cause: error });
  }
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null) return parsed as Record<string, unknown>;
  } catch {
    // The parser's error quotes the file, which holds a key.
  }
  throw invalid(path, "is not a JSON object");
}

function signature(text: string, privateKey: string, path: string): string {
  try {
    return sign("sha256", Buffer.from(text), createPrivateKey(privateKey)).toString("base64url");
  } catch {
    throw invalid(path, "holds a private_key that is no PEM key");
  }
}

function base64url(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function invalid(path: string, what: string): AppError {
  return new AppError("CONFIG_INVALID", `auth.credentialsFile ${path} ${what}`);
}
