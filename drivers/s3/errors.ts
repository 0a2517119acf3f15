/** What a service or the network answers, as errors with permanent codes and a remedy. */

import { AppError, type ErrorCode } from "../../src/base/errors.ts";
import { childText, parseXml } from "./xml.ts";

export type Operation = "get" | "stat" | "put" | "delete" | "list" | "copy";

/** What was attempted: enough to name it and to say what is missing. Holds no credential. */
export interface Attempt {
  readonly operation: Operation;
  /** Key in the bucket, or the prefix of a listing. */
  readonly target: string;
  readonly bucket: string;
  /** "http://127.0.0.1:9000" */
  readonly endpoint: string;
  /** Region the request was signed for. */
  readonly region: string;
}

/** A service's refusal, as far as it could be read. */
export interface Refusal {
  readonly status: number;
  /** S3 error code ("NoSuchKey"); undefined for HEAD answers and for servers that are not S3. */
  readonly code?: string | undefined;
  readonly message?: string | undefined;
  /** Region the service says the bucket is in. */
  readonly region?: string | undefined;
}

interface Row {
  readonly code: ErrorCode;
  readonly what: string;
  /** What to do next; `{action}`, `{bucket}`, `{region}`, `{endpoint}` are replaced. */
  readonly remedy?: string;
  readonly retriable?: boolean;
}

const denied = (what: string, remedy: string): Row => ({ code: "ACCESS_DENIED", what, remedy });
const CHECK_RIGHTS = denied("access denied", "check {action} for this prefix");
const NO_KEY: Row = { code: "NOT_FOUND", what: "no such object" };
const NO_SOURCE: Row = { code: "NOT_FOUND", what: "the source object is gone" };
const NO_BUCKET: Row = {
  code: "NOT_FOUND",
  what: "bucket {bucket} does not exist",
  remedy: "correct bucketName or create the bucket; it is never created by this program",
};
const WRONG_REGION: Row = {
  code: "CONFIG_INVALID",
  what: "bucket {bucket} is not in region {region}",
  remedy: "set region to the bucket's own{found}",
};
const BUSY: Row = { code: "THROTTLED", what: "the service asks to slow down" };
const DOWN: Row = { code: "UNAVAILABLE", what: "the service failed" };
const TOO_LARGE: Row = { code: "UNSUPPORTED", what: "the service refuses an object or part of this size" };
const NO_SPACE: Row = { code: "NO_SPACE", what: "the service has no space left", remedy: "free or add space" };
const DAMAGED: Row = { code: "CHECKSUM_MISMATCH", what: "the content was damaged on its way", retriable: true };
const CHANGED: Row = { code: "CHECKSUM_MISMATCH", what: "the source object has changed since it was listed" };
const EXISTS: Row = { code: "ALREADY_EXISTS", what: "the object exists" };

const BY_CODE: Readonly<Record<string, Row>> = {
  NoSuchKey: NO_KEY,
  NoSuchBucket: NO_BUCKET,
  NoSuchUpload: { code: "UNAVAILABLE", what: "the service has lost this multipart upload" },
  AccessDenied: CHECK_RIGHTS,
  AllAccessDisabled: CHECK_RIGHTS,
  InvalidAccessKeyId: denied("the access key is unknown", "correct auth.accessKeyID"),
  SignatureDoesNotMatch: denied("the signature is wrong", "correct auth.secretAccessKey, and check region and address"),
  InvalidToken: denied("the session token is invalid", "correct auth.sessionToken"),
  ExpiredToken: denied("the session token has expired", "renew auth.sessionToken, or use auth.type iam"),
  RequestTimeTooSkewed: denied(
    "this machine's clock and the service's differ by more than 15 minutes",
    "set the clock (NTP)",
  ),
  RequestExpired: denied("this machine's clock and the service's differ", "set the clock (NTP)"),
  PermanentRedirect: WRONG_REGION,
  TemporaryRedirect: DOWN,
  AuthorizationHeaderMalformed: WRONG_REGION,
  AuthorizationQueryParametersError: WRONG_REGION,
  IllegalLocationConstraintException: WRONG_REGION,
  SlowDown: BUSY,
  SlowDownRead: BUSY,
  SlowDownWrite: BUSY,
  Throttling: BUSY,
  ThrottlingException: BUSY,
  TooManyRequests: BUSY,
  RequestLimitExceeded: BUSY,
  BandwidthLimitExceeded: BUSY,
  InternalError: DOWN,
  ServiceUnavailable: DOWN,
  RequestTimeout: DOWN,
  OperationAborted: DOWN,
  ConditionalRequestConflict: DOWN,
  XMinioServerNotInitialized: DOWN,
  XMinioStorageFull: NO_SPACE,
  QuotaExceeded: NO_SPACE,
  XMinioAdminBucketQuotaExceeded: NO_SPACE,
  EntityTooLarge: TOO_LARGE,
  EntityTooSmall: TOO_LARGE,
  MaxPartSizeExceeded: TOO_LARGE,
  NotImplemented: { code: "UNSUPPORTED", what: "the service does not have this function" },
  MethodNotAllowed: { code: "UNSUPPORTED", what: "the service does not allow this here" },
  InvalidRange: { code: "INVALID_RANGE", what: "the range lies beyond the end of the object" },
  BadDigest: DAMAGED,
  XAmzContentChecksumMismatch: DAMAGED,
  XAmzContentSHA256Mismatch: DAMAGED,
  IncompleteBody: { code: "SHORT_BODY", what: "the service received fewer bytes than declared", retriable: true },
  KeyTooLongError: { code: "INVALID_KEY", what: "the service refuses a key of this length" },
  InvalidBucketName: { code: "CONFIG_INVALID", what: "bucketName {bucket} is not a bucket name" },
  InvalidObjectState: denied("the object is archived", "restore it from its storage class first"),
};

const BY_STATUS: Readonly<Record<number, Row>> = {
  301: WRONG_REGION,
  307: DOWN,
  401: CHECK_RIGHTS,
  403: CHECK_RIGHTS,
  405: { code: "UNSUPPORTED", what: "the service does not allow this here" },
  408: DOWN,
  409: DOWN,
  411: { code: "UNSUPPORTED", what: "the service wants another kind of body" },
  412: EXISTS,
  413: TOO_LARGE,
  416: { code: "INVALID_RANGE", what: "the range lies beyond the end of the object" },
  425: BUSY,
  429: BUSY,
  501: { code: "UNSUPPORTED", what: "the service does not have this function" },
  507: NO_SPACE,
};

const ACTIONS: Readonly<Record<Operation, string>> = {
  get: "s3:GetObject",
  stat: "s3:GetObject",
  put: "s3:PutObject",
  delete: "s3:DeleteObject",
  list: "s3:ListBucket",
  copy: "s3:GetObject on the source and s3:PutObject",
};

/** Reads a refusal's body, which may be XML, a proxy's HTML or nothing. */
export function readRefusal(status: number, body: string, regionHeader?: string | null): Refusal {
  const region = regionHeader ?? undefined;
  if (!body.includes("<Error")) return { status, message: body, region };
  try {
    const error = parseXml(body);
    return {
      status,
      code: childText(error, "Code"),
      message: childText(error, "Message"),
      region: region ?? childText(error, "Region"),
    };
  } catch {
    return { status, region };
  }
}

/**
 * The error for a refusal; the caller's context names the call and the key ("s3 s3://bucket/backup: put x: access denied
 * (403 AccessDenied); check ..."). Texts of the service are used only where no row knows the code.
 */
export function refusalError(attempt: Attempt, refusal: Refusal, cause?: unknown): AppError {
  const row = rowFor(attempt, refusal);
  const named = [refusal.status, refusal.code].filter((part) => part !== undefined).join(" ");
  const remedy = row.remedy === undefined ? "" : `; ${row.remedy}`;
  const text = `${row.what} (${named})${remedy}`;
  return new AppError(row.code, fill(text, attempt, refusal), {
    ...(row.retriable === undefined ? {} : { retriable: row.retriable }),
    ...(cause === undefined ? {} : { cause }),
    details: {
      operation: attempt.operation,
      target: attempt.target,
      bucket: attempt.bucket,
      status: refusal.status,
      ...(refusal.code === undefined ? {} : { serviceCode: refusal.code }),
    },
  });
}

function rowFor(attempt: Attempt, refusal: Refusal): Row {
  const { status, code } = refusal;
  if (status === 412 && attempt.operation === "copy") return CHANGED;
  if (refusal.region !== undefined && refusal.region !== attempt.region && [301, 307, 400].includes(status)) {
    return WRONG_REGION;
  }
  const known = (code === undefined ? undefined : BY_CODE[code]) ?? (status === 404 ? NO_KEY : undefined);
  if (known === NO_KEY && attempt.operation === "copy") return NO_SOURCE;
  if (known !== undefined) return known;
  if (/HTTP request to an HTTPS server|plain HTTP request was sent to HTTPS/i.test(refusal.message ?? "")) {
    return { code: "CONFIG_INVALID", what: "{endpoint} speaks TLS", remedy: "set useSSL to true" };
  }
  if (BY_STATUS[status] !== undefined) return BY_STATUS[status];
  if (status >= 500) return DOWN;
  return { code: "UNSUPPORTED", what: `refused${refusal.message ? `: ${clip(refusal.message)}` : ""}` };
}

function fill(text: string, attempt: Attempt, refusal: Refusal): string {
  const values: Readonly<Record<string, string>> = {
    action: ACTIONS[attempt.operation],
    bucket: attempt.bucket,
    region: attempt.region,
    endpoint: attempt.endpoint,
    found: refusal.region === undefined ? "" : `, ${refusal.region}`,
  };
  return text.replace(/\{(action|bucket|region|endpoint|found)\}/g, (_, name: string) => values[name] ?? "");
}

function clip(message: string): string {
  const line = message.replace(/\s+/g, " ").trim();
  return line.length > 160 ? `${line.slice(0, 160)}...` : line;
}
