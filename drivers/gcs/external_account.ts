/**
 * Workload identity federation: a token of somebody else (a Kubernetes cluster, an identity provider) that lies in a file or
 * behind a URL, exchanged for Google's (RFC 8693), and where the file asks for it for that of a service account.
 */

import { readFile } from "node:fs/promises";
import { AppError } from "../../src/base/errors.ts";
import type { Field } from "./credentials_file.ts";
import { askTokenService, SCOPE, type Token, tokenOf } from "./token_request.ts";

const REMEDY = "check the workload identity pool, its provider and the file's audience";

interface Source {
  readonly file?: unknown;
  readonly url?: unknown;
  readonly headers?: unknown;
  readonly format?: { readonly type?: unknown; readonly subject_token_field_name?: unknown };
}

/** @throws UNSUPPORTED for sources that are programs, certificates or another cloud's keys */
export async function externalAccountToken(
  field: Field,
  content: Readonly<Record<string, unknown>>,
  path: string,
): Promise<Token> {
  const url = field("token_url");
  const impersonation = content.service_account_impersonation_url;
  const answer = await askTokenService({
    url,
    form: {
      grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
      requested_token_type: "urn:ietf:params:oauth:token-type:access_token",
      audience: field("audience"),
      scope: typeof impersonation === "string" ? "https://www.googleapis.com/auth/cloud-platform" : SCOPE,
      subject_token_type: field("subject_token_type"),
      subject_token: await subjectToken((content.credential_source ?? {}) as Source, path),
    },
    remedy: REMEDY,
  });
  const federated = tokenOf(answer, url);
  return typeof impersonation === "string" ? impersonated(impersonation, federated) : federated;
}

async function subjectToken(source: Source, path: string): Promise<string> {
  const text = await sourceText(source, path);
  if (source.format?.type !== "json") return text.trim();
  const parsed: unknown = JSON.parse(text);
  const name = String(source.format.subject_token_field_name);
  const value = typeof parsed === "object" && parsed !== null ? (parsed as Record<string, unknown>)[name] : undefined;
  if (typeof value === "string") return value;
  throw new AppError("ACCESS_DENIED", `the token source of ${path} gives no ${name}; ${REMEDY}`);
}

async function sourceText({ file, url, headers }: Source, path: string): Promise<string> {
  if (typeof file === "string") {
    return readFile(file, "utf8").catch((error: unknown) => {
      throw new AppError("ACCESS_DENIED", `${file}, which ${path} names, cannot be read`, { cause: error });
    });
  }
  if (typeof url !== "string") {
    throw new AppError("UNSUPPORTED", `the credential_source of ${path} is neither a file nor a URL`);
  }
  const answer = await fetch(url, {
    headers: (headers ?? {}) as Record<string, string>,
    redirect: "manual",
    signal: AbortSignal.timeout(15_000),
  }).catch((error: unknown) => {
    throw new AppError("UNAVAILABLE", `${url}, which ${path} names, cannot be reached`, { cause: error });
  });
  if (!answer.ok) throw new AppError("ACCESS_DENIED", `${url}, which ${path} names, answers ${answer.status}`);
  return answer.text();
}

async function impersonated(url: string, federated: Token): Promise<Token> {
  const answer = await askTokenService({
    url,
    headers: { authorization: `Bearer ${federated.value}` },
    json: { scope: [SCOPE], lifetime: "3600s" },
    remedy: "grant roles/iam.workloadIdentityUser on the service account",
  });
  const { accessToken: value, expireTime } = answer;
  if (typeof value !== "string" || typeof expireTime !== "string") {
    throw new AppError("UNAVAILABLE", "the answer to an impersonation holds no token");
  }
  return { value, expiresAt: Date.parse(expireTime) };
}
