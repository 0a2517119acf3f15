/** One question to a token service, and the token in its answer. */

import { AppError } from "../../src/base/errors.ts";
import { clip } from "./errors.ts";

const TIMEOUT_MS = 15_000;

/** What a token grants: reading and writing objects, no administration. */
export const SCOPE = "https://www.googleapis.com/auth/devstorage.read_write";

export interface Token {
  readonly value: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

export interface TokenRequest {
  readonly url: string;
  readonly method?: "GET" | "POST";
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as a form. */
  readonly form?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  /** What to do when the service refuses: "renew the key". */
  readonly remedy: string;
  /** What to do when it cannot be reached at all, where that says something. */
  readonly whenUnreachable?: string;
}

/** An answer's JSON. Texts of the other side are shown only from the fields that OAuth has for them. @throws ACCESS_DENIED, UNAVAILABLE */
export async function askTokenService(request: TokenRequest): Promise<Readonly<Record<string, unknown>>> {
  const { status, text } = await send(request);
  const answer = asRecord(text);
  if (status >= 200 && status < 300 && answer !== undefined) return answer;
  const host = hostOf(request.url);
  if (status >= 500 || status === 429 || status === 408 || status < 300) {
    throw new AppError("UNAVAILABLE", `${host} gives no token now (${status})`);
  }
  const said = [answer?.error, answer?.error_description].filter((it) => typeof it === "string").map(String);
  const why = hideSecrets(clip([`${status}`, ...said].join(" ")), request);
  throw new AppError("ACCESS_DENIED", `${host} gives no token (${why}); ${request.remedy}`, {
    details: { status, endpoint: host },
  });
}

/** The token of an answer {"access_token": ..., "expires_in": seconds}. @throws UNAVAILABLE */
export function tokenOf(answer: Readonly<Record<string, unknown>>, url: string): Token {
  const { access_token: value, expires_in: seconds } = answer;
  if (typeof value !== "string" || value === "") {
    throw new AppError("UNAVAILABLE", `the answer of ${hostOf(url)} holds no token`);
  }
  return { value, expiresAt: Date.now() + (typeof seconds === "number" ? seconds : 3600) * 1000 };
}

async function send(request: TokenRequest): Promise<{ readonly status: number; readonly text: string }> {
  const { url, form, json, headers } = request;
  const body =
    form !== undefined ? new URLSearchParams(form).toString() : json === undefined ? "" : JSON.stringify(json);
  const type = form !== undefined ? "application/x-www-form-urlencoded" : "application/json";
  try {
    const response = await fetch(url, {
      method: request.method ?? "POST",
      headers: { accept: "application/json", ...(body === "" ? {} : { "content-type": type }), ...headers },
      ...(body === "" ? {} : { body }),
      redirect: "manual",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    return { status: response.status, text: await response.text() };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? ` (${String(error.code)})` : "";
    const remedy = request.whenUnreachable === undefined ? "" : `; ${request.whenUnreachable}`;
    const text = `${hostOf(url)}, which gives tokens, cannot be reached${code}${remedy}`;
    throw new AppError("UNAVAILABLE", text, { cause: error });
  }
}

function asRecord(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === "object" && parsed !== null ? (parsed as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** A service may repeat what it was sent. */
function hideSecrets(text: string, { form }: TokenRequest): string {
  const secrets = ["assertion", "refresh_token", "client_secret", "subject_token"].map((name) => form?.[name] ?? "");
  return secrets.filter((secret) => secret !== "").reduce((hidden, secret) => hidden.replaceAll(secret, "***"), text);
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : url;
}
