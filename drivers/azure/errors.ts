/** What the service or the network answers, as errors with permanent codes and a remedy. */

import { AppError, type ErrorCode, isAppError } from "../../src/base/errors.ts";
import { networkRow } from "./network_errors.ts";

export type Operation = "get" | "stat" | "put" | "delete" | "list" | "copy";

/** What was attempted: enough to name it and to say what is missing. Holds no credential. */
export interface Attempt {
  readonly operation: Operation;
  /** Blob in the container, or the prefix of a listing. */
  readonly target: string;
  readonly container: string;
  /** "https://account.blob.core.windows.net" */
  readonly endpoint: string;
}

export interface Row {
  readonly code: ErrorCode;
  readonly what: string;
  /** What to do next; `{container}`, `{endpoint}`, `{right}` are replaced, in `what` too. */
  readonly remedy?: string;
  readonly retriable?: boolean;
}

const denied = (what: string, remedy: string): Row => ({ code: "ACCESS_DENIED", what, remedy });
const CHECK_RIGHTS = denied("access denied", "check {right} on container {container}");
const BAD_KEY = denied(
  "the service does not accept the credentials",
  "correct accountName and the auth keys, and check this machine's clock",
);
const NO_OBJECT: Row = { code: "NOT_FOUND", what: "no such object" };
const NO_SOURCE: Row = { code: "NOT_FOUND", what: "the source object is gone" };
const NO_CONTAINER: Row = {
  code: "NOT_FOUND",
  what: "container {container} does not exist",
  remedy: "correct bucketName or create the container; it is never created by this program",
};
const EXISTS: Row = { code: "ALREADY_EXISTS", what: "the object exists" };
const CHANGED: Row = { code: "CHECKSUM_MISMATCH", what: "the source object has changed since it was listed" };
const BUSY: Row = { code: "THROTTLED", what: "the service asks to slow down" };
const DOWN: Row = { code: "UNAVAILABLE", what: "the service failed" };
const DAMAGED: Row = { code: "CHECKSUM_MISMATCH", what: "the content was damaged on its way", retriable: true };
const NO_FUNCTION: Row = { code: "UNSUPPORTED", what: "the service does not have this function" };
const BAD_RANGE: Row = { code: "INVALID_RANGE", what: "the range lies beyond the end of the object" };
const TOO_LARGE: Row = { code: "UNSUPPORTED", what: "the service refuses an object or part of this size" };
const FOREIGN_BLOCKS: Row = {
  code: "UNSUPPORTED",
  what: "another program left unfinished blocks under this name",
  remedy: "they go away a week after it stopped; until then use another backup name",
};
const LEASED = denied("the object or container is leased by somebody", "break the lease");
const IMMUTABLE = denied(
  "a policy keeps this object as it is",
  "change the container's immutability policy or legal hold",
);

const BY_CODE: Readonly<Record<string, Row>> = {
  BlobNotFound: NO_OBJECT,
  ResourceNotFound: NO_OBJECT,
  ContainerNotFound: NO_CONTAINER,
  ContainerBeingDeleted: NO_CONTAINER,
  ContainerDisabled: NO_CONTAINER,
  AuthenticationFailed: BAD_KEY,
  InvalidAuthenticationInfo: BAD_KEY,
  AccountIsDisabled: denied("the storage account is disabled", "enable it"),
  KeyBasedAuthenticationNotPermitted: denied("the account takes no keys", "use auth.type default"),
  PublicAccessNotPermitted: CHECK_RIGHTS,
  AuthorizationFailure: denied("access denied", "check {right}, the auth keys and the account's firewall"),
  BlobAlreadyExists: EXISTS,
  BlobArchived: denied("the object is archived", "restore it from its access tier first"),
  BlobBeingRehydrated: denied("the object is archived", "wait until it is restored from its access tier"),
  BlobImmutableDueToPolicy: IMMUTABLE,
  SnapshotsPresent: denied("the object has snapshots", "delete them first; this program leaves them alone"),
  LeaseIdMissing: LEASED,
  LeaseAlreadyPresent: LEASED,
  ServerBusy: BUSY,
  TooManyRequests: BUSY,
  IngressIsThrottled: BUSY,
  EgressIsThrottled: BUSY,
  OperationTimedOut: DOWN,
  InternalError: DOWN,
  Md5Mismatch: DAMAGED,
  Crc64Mismatch: DAMAGED,
  RequestBodyTooLarge: TOO_LARGE,
  BlockCountExceedsLimit: TOO_LARGE,
  BlockListTooLong: TOO_LARGE,
  InvalidRange: BAD_RANGE,
  InvalidBlobOrBlock: FOREIGN_BLOCKS,
  InvalidBlobType: { code: "UNSUPPORTED", what: "the object is a page or append blob", remedy: "use another name" },
  InvalidBlockList: { code: "UNAVAILABLE", what: "the service has lost blocks of this upload" },
  InvalidResourceName: {
    code: "CONFIG_INVALID",
    what: "{container} is not a container's name, or the object's name is refused",
  },
  NotImplemented: NO_FUNCTION,
  APINotImplemented: NO_FUNCTION,
  AccountBeingCreated: DOWN,
};

const BY_STATUS: Readonly<Record<number, Row>> = {
  401: BAD_KEY,
  403: CHECK_RIGHTS,
  404: NO_OBJECT,
  408: DOWN,
  412: EXISTS,
  413: TOO_LARGE,
  416: BAD_RANGE,
  429: BUSY,
  501: NO_FUNCTION,
  503: BUSY,
  507: { code: "NO_SPACE", what: "the account is full" },
};

const RIGHTS: Readonly<Record<Operation, string>> = {
  get: "the right to read (Storage Blob Data Reader, SAS permission r)",
  stat: "the right to read (Storage Blob Data Reader, SAS permission r)",
  put: "the right to write (Storage Blob Data Contributor, SAS permissions cw)",
  delete: "the right to delete (Storage Blob Data Contributor, SAS permission d)",
  list: "the right to list (Storage Blob Data Reader, SAS permission l)",
  copy: "the rights to read the source and to write (Storage Blob Data Contributor, SAS permissions rcw)",
};

/**
 * The error for whatever the SDK threw. Its own error is never kept as cause: its request carries signatures.
 * @param thrown an AppError passes through
 */
export function serviceError(attempt: Attempt, thrown: unknown): AppError {
  if (isAppError(thrown)) return thrown;
  const { name, status, code, message } = facts(thrown);
  const row = rowFor(attempt, { name, status, code, message });
  const named = [status, code].filter((part) => part !== undefined && part !== "").join(" ");
  const text = `${row.what}${named === "" ? "" : ` (${named})`}${row.remedy === undefined ? "" : `; ${row.remedy}`}`;
  return new AppError(row.code, fill(text, attempt), {
    ...(row.retriable === undefined ? {} : { retriable: row.retriable }),
    details: {
      operation: attempt.operation,
      target: attempt.target,
      container: attempt.container,
      ...(status === undefined ? {} : { status }),
      ...(code === "" ? {} : { serviceCode: code }),
    },
  });
}

/** @param waitedMs how long nothing came */
export function silenceError({ endpoint, operation, target }: Attempt, waitedMs: number): AppError {
  const seconds = Math.round(waitedMs / 100) / 10;
  return new AppError("UNAVAILABLE", `no answer from ${endpoint} within ${seconds} s`, {
    details: { operation, target },
  });
}

interface Facts {
  readonly name: string;
  readonly status: number | undefined;
  /** The service's or the network's code; "" for none. */
  readonly code: string;
  readonly message: string;
}

function facts(thrown: unknown): Facts {
  if (!(thrown instanceof Error)) return { name: "", status: undefined, code: "", message: String(thrown) };
  const { code, statusCode } = thrown as { code?: unknown; statusCode?: unknown };
  return {
    name: thrown.name,
    status: typeof statusCode === "number" ? statusCode : undefined,
    code: typeof code === "string" ? code : "",
    message: thrown.message,
  };
}

function rowFor(attempt: Attempt, { name, status, code, message }: Facts): Row {
  if (status === undefined)
    return /Credential|Authentication/.test(name) ? noCredential(message) : networkRow(code, message);
  if (status < 400) return { code: "UNAVAILABLE", what: "the service's answer is cut or of another kind" };
  if (attempt.operation === "copy") {
    if (code === "CannotVerifyCopySource") return status === 404 ? NO_SOURCE : sourceDenied(status);
    if (code === "SourceConditionNotMet" || status === 412) return CHANGED;
    if (code !== "ContainerNotFound" && status === 404) return NO_SOURCE;
  }
  const row = BY_CODE[code] ?? BY_STATUS[status];
  if (row !== undefined) return row;
  if (status >= 500) return DOWN;
  return { code: "UNSUPPORTED", what: `refused: ${firstLine(message)}` };
}

function sourceDenied(status: number): Row {
  if (status === 412) return CHANGED;
  return status >= 500
    ? DOWN
    : denied("the service may not read the source", "check {right}, and the source account's firewall");
}

function noCredential(message: string): Row {
  return denied(
    `auth.type default found no credential: ${firstLine(message)}`,
    "sign in, or give this machine an identity",
  );
}

/** Texts of the SDK and the service carry request ids and, for denied signatures, what was signed: only the start is shown. */
function firstLine(message: string): string {
  const line = (message.split("\n")[0] ?? "").replace(/\s+/g, " ").trim();
  return line.length > 200 ? `${line.slice(0, 200)}...` : line;
}

function fill(text: string, attempt: Attempt): string {
  const values: Readonly<Record<string, string>> = {
    right: RIGHTS[attempt.operation],
    container: attempt.container,
    endpoint: attempt.endpoint,
  };
  return text.replace(/\{(right|container|endpoint)\}/g, (_, name: string) => values[name] ?? "");
}
