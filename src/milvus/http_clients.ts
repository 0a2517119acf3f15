/** Plain HTTP to a Milvus server: its REST API (import jobs, segment files) and its management port (garbage collection). */

import { isIP } from "node:net";
import { checkServerIdentity, type PeerCertificate } from "node:tls";
import { AppError, abortError, type ErrorCode, hasCode, throwIfAborted } from "../base/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue, parseJson, stringifyJson } from "../base/json.ts";
import { DEFAULT_RETRY, type RetryPolicy, retry } from "../base/retry.ts";
import { hostPort, type MilvusConnection, type TlsSettings } from "./connection.ts";
import { SERVER_CODE } from "./grpc_errors.ts";

/** The Go tool's limit for one request; imports of many files are checked by the server before it answers. */
const REST_TIMEOUT_MS = 120_000;
const SHOWN_TEXT = 300;

export interface HttpCallOptions {
  readonly signal: AbortSignal;
  readonly timeoutMs?: number;
  /** False: repeated only when no connection could be made. */
  readonly repeatable?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The REST API v2; int64 in both directions are bare numbers, here bigint. */
export interface RestClient {
  /** Scheme, host and port, for messages. */
  readonly endpoint: string;
  /**
   * `data` of the answer, after its HTTP status and its `code` were checked.
   * @throws ACCESS_DENIED, UNSUPPORTED (404: the server does not have it), NOT_FOUND, THROTTLED, UNAVAILABLE, MILVUS_ERROR
   */
  post(path: string, body: object, options: HttpCallOptions): Promise<JsonObject>;
}

export interface ManagementClient {
  readonly endpoint: string;
  /** The answer as JSON. @throws as RestClient.post */
  get(path: string, options: HttpCallOptions): Promise<JsonObject>;
}

/** Bearer user:password is sent exactly when one of them is set. */
export function createRestClient(
  config: MilvusConnection,
  tls: TlsSettings | undefined,
  policy: RetryPolicy = DEFAULT_RETRY,
): RestClient {
  const scheme = tls === undefined ? "http" : "https";
  const base = parseEndpoint(
    "milvus.rest.endpoint",
    config.rest.endpoint || `${scheme}://${hostPort(config.grpc.address, config.grpc.port)}`,
  );
  const endpoint = shown(base);
  return {
    endpoint,
    post: (path, body, options) =>
      retry(
        async () => {
          const password = config.password.reveal();
          const headers: Record<string, string> = { "content-type": "application/json", ...options.headers };
          if (config.user !== "" || password !== "") headers.authorization = `Bearer ${config.user}:${password}`;
          const request = { method: "POST", headers, body: stringifyJson(body), ...tlsFor(base, tls, config) };
          const answer = await send(base, path, request, { ...options, key: "milvus.rest.endpoint" });
          return dataOf(answer, `${endpoint}${path}`);
        },
        {
          signal: options.signal,
          policy,
          retriable: (error) =>
            hasCode(error, "THROTTLED") || (isTransient(error) && (options.repeatable ?? true)) || isRefused(error),
        },
      ),
  };
}

/** The management port has no authorization and follows its own endpoint's scheme. */
export function createManagementClient(config: MilvusConnection, tls: TlsSettings | undefined): ManagementClient {
  const base = parseEndpoint("milvus.management.endpoint", config.management.endpoint);
  return {
    endpoint: shown(base),
    get: async (path, options) => {
      const request = { method: "GET", ...tlsFor(base, tls, config) };
      return objectOf(
        await send(base, path, request, { ...options, key: "milvus.management.endpoint" }),
        shown(base) + path,
      );
    },
  };
}

function parseEndpoint(key: string, text: string): URL {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw new AppError("CONFIG_INVALID", `${key}: expected http://host:port or https://host:port`);
  }
  return url;
}

/** Without what an address may carry of user and password. */
function shown(url: URL): string {
  return url.origin + (url.pathname === "/" ? "" : url.pathname.replace(/\/$/, ""));
}

interface SendOptions extends HttpCallOptions {
  /** The configuration key that says where this goes. */
  readonly key: string;
}

async function send(base: URL, path: string, request: object, options: SendOptions): Promise<string> {
  throwIfAborted(options.signal);
  const timeoutMs = options.timeoutMs ?? REST_TIMEOUT_MS;
  const target = shown(base) + path.replace(/\?.*/, "");
  const timeout = AbortSignal.timeout(timeoutMs);
  const signal = AbortSignal.any([options.signal, timeout]);
  let response: Response;
  let text: string;
  try {
    response = await fetch(base.href.replace(/\/$/, "") + path, { redirect: "manual", ...request, signal });
    text = await response.text();
  } catch (cause) {
    if (options.signal.aborted) throw abortError(options.signal);
    const late = timeout.aborted;
    const reason = late ? `no answer within ${timeoutMs / 1000} s` : reasonOf(cause);
    throw new AppError("UNAVAILABLE", `cannot reach ${target}: ${reason}; check ${options.key}`, {
      // Bun's own error carries the address with everything in it.
      cause: new Error(reason),
      retriable: !late,
      details: { reason, refused: isRefusal(cause) ? 1 : 0 },
    });
  }
  if (response.status < 300) return text;
  throw httpError(response.status, text, target, options.key);
}

function httpError(status: number, text: string, target: string, key: string): AppError {
  const reason = clip(text) || `HTTP status ${status}`;
  const details = { httpStatus: status, reason };
  if (status === 401 || status === 403) {
    return new AppError(
      "ACCESS_DENIED",
      `${target} denied access (${status}: ${reason}); check milvus.user and milvus.password`,
      { details },
    );
  }
  if (status === 404) {
    return new AppError(
      "UNSUPPORTED",
      `${target} does not exist on this server (404); check ${key} and the Milvus version`,
      { details },
    );
  }
  if (status === 429) return new AppError("THROTTLED", `${target} is too busy: ${reason}`, { details });
  if (status === 502 || status === 503 || status === 504) {
    return new AppError("UNAVAILABLE", `${target} is not available (${status}: ${reason})`, { details });
  }
  return new AppError("MILVUS_ERROR", `${target} failed (${status}: ${reason})`, { details });
}

function objectOf(text: string, target: string): JsonObject {
  let value: JsonValue | undefined;
  try {
    value = parseJson(text);
  } catch {
    value = undefined;
  }
  if (isJsonObject(value)) return value;
  throw new AppError("MILVUS_ERROR", `${target} answered something that is not Milvus's JSON: ${clip(text)}`);
}

/** REST answers 200 to failed requests as well: `code` tells. */
function dataOf(text: string, target: string): JsonObject {
  const answer = objectOf(text, target);
  const code = typeof answer.code === "bigint" ? Number(answer.code) : Number.NaN;
  // Servers of 2.4 and before say 200 for success in some answers.
  if (code === 0 || code === 200) return isJsonObject(answer.data) ? answer.data : {};
  const reason = typeof answer.message === "string" ? clip(answer.message) : clip(text);
  throw new AppError(codeOf(code, reason), `${target} refused: ${reason}`, {
    details: { serverCode: Number.isNaN(code) ? -1 : code, reason },
  });
}

/** REST adds 1800 for missing authorization to the codes of merr; 600 is an unknown segment. */
function codeOf(code: number, reason: string): ErrorCode {
  if (code === 1800 || code === 1401) return "ACCESS_DENIED";
  if (code === SERVER_CODE.rateLimit) return "THROTTLED";
  if (code === 600 || code === SERVER_CODE.collectionNotFound || code === SERVER_CODE.databaseNotFound)
    return "NOT_FOUND";
  return /import job does not exist/i.test(reason) ? "NOT_FOUND" : "MILVUS_ERROR";
}

function tlsFor(base: URL, tls: TlsSettings | undefined, config: MilvusConnection): object {
  if (base.protocol !== "https:") return {};
  const identity = config.grpc.serverName || base.hostname.replace(/^\[|\]$/g, "");
  return {
    tls: {
      ...(tls?.ca === undefined ? {} : { ca: tls.ca }),
      ...(tls?.client ?? {}),
      ...(isIP(identity) === 0 ? { serverName: identity } : {}),
      checkServerIdentity: (_name: string, certificate: PeerCertificate) => checkServerIdentity(identity, certificate),
    },
  };
}

function isTransient(error: unknown): boolean {
  return error instanceof AppError && error.code === "UNAVAILABLE" && error.retriable;
}

/** No connection came about, so nothing was sent. */
function isRefused(error: unknown): boolean {
  return isTransient(error) && error instanceof AppError && error.details.refused === 1;
}

function isRefusal(cause: unknown): boolean {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  return /ConnectionRefused|ECONNREFUSED|FailedToOpenSocket|ENOTFOUND|EAI_AGAIN/.test(code);
}

function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const code = "code" in cause && typeof cause.code === "string" ? `${cause.code}: ` : "";
  return clip(`${code}${cause.message}`);
}

function clip(text: string): string {
  const line = text.replaceAll(/\s+/g, " ").trim();
  return line.length > SHOWN_TEXT ? `${line.slice(0, SHOWN_TEXT)}...` : line;
}
