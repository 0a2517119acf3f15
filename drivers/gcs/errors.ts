/** What the service or the network answers, as errors with permanent codes and a remedy. */

import { AppError, type ErrorCode, hasCode, isAppError } from "../../src/base/errors.ts";
import type { ExchangeErrors } from "../../src/storage/http_reply.ts";

export type Operation = "get" | "stat" | "put" | "delete" | "list" | "copy";

/** What was attempted: enough to name it and to say what is missing. Holds no credential. */
export interface Attempt {
  readonly operation: Operation;
  /** Name in the bucket, or the prefix of a listing. */
  readonly target: string;
  readonly bucket: string;
  /** "https://storage.googleapis.com" */
  readonly endpoint: string;
}

interface Row {
  readonly code: ErrorCode;
  readonly what: string;
  readonly remedy?: string;
  readonly retriable?: boolean;
}

const NO_OBJECT: Row = { code: "NOT_FOUND", what: "no such object" };
const NO_SOURCE: Row = { code: "NOT_FOUND", what: "the source object is gone" };
const NO_BUCKET: Row = {
  code: "NOT_FOUND",
  what: "bucket {bucket} does not exist",
  remedy: "correct bucketName or create the bucket; it is never created by this program",
};
const UNKNOWN_CALLER: Row = {
  code: "ACCESS_DENIED",
  what: "the service does not accept the credentials",
  remedy: "check auth.type and auth.credentialsFile, and the clock of this machine",
};
const DENIED: Row = { code: "ACCESS_DENIED", what: "access denied", remedy: "grant {action} on bucket {bucket}" };
const BUSY: Row = { code: "THROTTLED", what: "the service asks to slow down" };
const DOWN: Row = { code: "UNAVAILABLE", what: "the service failed" };
const EXISTS: Row = { code: "ALREADY_EXISTS", what: "the object exists" };
const CHANGED: Row = { code: "CHECKSUM_MISMATCH", what: "the source object has changed since it was listed" };
const DAMAGED: Row = { code: "CHECKSUM_MISMATCH", what: "the content was damaged on its way", retriable: true };
const NOT_HERE: Row = { code: "UNSUPPORTED", what: "the service does not have this function" };

const BY_STATUS: Readonly<Record<number, Row>> = {
  401: UNKNOWN_CALLER,
  403: DENIED,
  404: NO_OBJECT,
  405: NOT_HERE,
  408: DOWN,
  409: DOWN,
  410: { code: "UNAVAILABLE", what: "the service has lost this upload" },
  413: { code: "UNSUPPORTED", what: "the service refuses an object of this size" },
  416: { code: "INVALID_RANGE", what: "the range lies beyond the end of the object" },
  429: BUSY,
  501: NOT_HERE,
};

const THROTTLED = ["rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "dailyLimitExceeded"];

const ACTIONS: Readonly<Record<Operation, string>> = {
  get: "storage.objects.get",
  stat: "storage.objects.get",
  put: "storage.objects.create, and storage.objects.delete to replace objects,",
  delete: "storage.objects.delete",
  list: "storage.objects.list",
  copy: "storage.objects.get on the source and storage.objects.create and .delete",
};

/** The error for a refusal; its body may be the API's JSON, plain text, a proxy's HTML or nothing. */
export function refusalError(attempt: Attempt, status: number, body: string): AppError {
  const { reason, message } = readRefusal(body);
  const row = rowFor(attempt, status, { reason, message });
  const named = reason === undefined ? `${status}` : `${status} ${reason}`;
  const remedy = row.remedy === undefined ? "" : `; ${row.remedy}`;
  const text = `${row.what} (${named})${remedy}`
    .replaceAll("{bucket}", attempt.bucket)
    .replaceAll("{endpoint}", attempt.endpoint)
    .replaceAll("{action}", ACTIONS[attempt.operation]);
  return new AppError(row.code, text, {
    ...(row.retriable === undefined ? {} : { retriable: row.retriable }),
    details: {
      operation: attempt.operation,
      target: attempt.target,
      bucket: attempt.bucket,
      status,
      ...(reason === undefined ? {} : { serviceCode: reason }),
      ...(row === NO_BUCKET ? { missing: "bucket" } : {}),
    },
  });
}

interface Refusal {
  readonly reason: string | undefined;
  readonly message: string;
}

/** {"error": {"message": ..., "errors": [{"reason": ...}]}} */
function readRefusal(body: string): Refusal {
  try {
    const parsed = JSON.parse(body) as { error?: { message?: unknown; errors?: { reason?: unknown }[] } } | null;
    const reason = parsed?.error?.errors?.[0]?.reason;
    const message = parsed?.error?.message;
    return {
      reason: typeof reason === "string" && /^\w{1,60}$/.test(reason) ? reason : undefined,
      message: typeof message === "string" ? message : "",
    };
  } catch {
    return { reason: undefined, message: body };
  }
}

function rowFor({ operation }: Attempt, status: number, { reason, message }: Refusal): Row {
  if (status === 412) return operation === "copy" ? CHANGED : operation === "put" ? EXISTS : DOWN;
  if (status === 404) {
    // A listing has no object to miss, and an upload none to find.
    if (operation === "list" || operation === "put" || /bucket does not exist/i.test(message)) return NO_BUCKET;
    return operation === "copy" ? NO_SOURCE : NO_OBJECT;
  }
  if (status === 403 && reason !== undefined && THROTTLED.includes(reason)) return BUSY;
  if (status === 400 && /(?:md5|crc32c).*(?:match|calculated)/i.test(message)) return DAMAGED;
  if (status === 400 && /HTTP request.*HTTPS/i.test(message)) {
    return { code: "CONFIG_INVALID", what: "{endpoint} speaks TLS", remedy: "set useSSL to true" };
  }
  if (status === 400 && /bucket name/i.test(message)) {
    return { code: "CONFIG_INVALID", what: "bucketName {bucket} is not a bucket name" };
  }
  if (status >= 300 && status < 400) {
    return { code: "CONFIG_INVALID", what: "{endpoint} redirects elsewhere", remedy: "correct address" };
  }
  if (status >= 500) return BY_STATUS[status] ?? DOWN;
  return BY_STATUS[status] ?? { code: "UNSUPPORTED", what: `refused${message === "" ? "" : `: ${clip(message)}`}` };
}

const CERTIFICATE = "the certificate of {endpoint} is not trusted; set caCertPath to the authority that issued it";

/** Codes that fetch puts on its errors. */
const NETWORK: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  ECONNREFUSED: ["UNAVAILABLE", "{endpoint} refuses connections; check address and port, and that the service runs"],
  ENOTFOUND: ["UNAVAILABLE", "the host name of {endpoint} is unknown; check address"],
  EPROTO: ["CONFIG_INVALID", "{endpoint} does not speak TLS; set useSSL to false, or correct port"],
  DEPTH_ZERO_SELF_SIGNED_CERT: ["CONFIG_INVALID", CERTIFICATE],
  SELF_SIGNED_CERT_IN_CHAIN: ["CONFIG_INVALID", CERTIFICATE],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: ["CONFIG_INVALID", CERTIFICATE],
  UNABLE_TO_GET_ISSUER_CERT: ["CONFIG_INVALID", CERTIFICATE],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: ["CONFIG_INVALID", CERTIFICATE],
  CERT_HAS_EXPIRED: ["CONFIG_INVALID", "the certificate of {endpoint} has expired; renew it"],
  ERR_TLS_CERT_ALTNAME_INVALID: [
    "CONFIG_INVALID",
    "the certificate of {endpoint} is for another host; correct address",
  ],
};

/** The error for what fetch threw; an AppError passes through. */
export function networkError(attempt: Attempt, thrown: unknown): AppError {
  if (isAppError(thrown)) return thrown;
  const name = codeOf(thrown);
  const [code, what] = NETWORK[name] ?? ["UNAVAILABLE", "the connection to {endpoint} broke"];
  const text = `${what.replace("{endpoint}", attempt.endpoint)}${name === "" ? "" : ` (${name})`}`;
  return new AppError(code, text, { cause: thrown, details: { ...attempt } });
}

/** Whether the error says that a connection which worked went away. */
export function isBrokenConnection(error: unknown): boolean {
  return hasCode(error, "UNAVAILABLE") && error instanceof Error && codeOf(error.cause) === "ECONNRESET";
}

export function silenceError(attempt: Attempt, waitedMs: number): AppError {
  const text = `no answer from ${attempt.endpoint} within ${Math.round(waitedMs / 100) / 10} s`;
  return new AppError("UNAVAILABLE", text, { details: { ...attempt } });
}

export function clip(message: string): string {
  const line = message.replace(/\s+/g, " ").trim();
  return line.length > 160 ? `${line.slice(0, 160)}...` : line;
}

function codeOf(thrown: unknown): string {
  if (typeof thrown !== "object" || thrown === null || !("code" in thrown)) return "";
  return typeof thrown.code === "string" ? thrown.code : "";
}

/** The words for an exchange that breaks off or falls silent. */
export function exchangeErrors(attempt: Attempt): ExchangeErrors {
  return {
    network: (thrown) => networkError(attempt, thrown),
    silence: (waitedMs) => silenceError(attempt, waitedMs),
  };
}
