/** Milvus's two ways of saying no (gRPC status, status inside the answer) in this program's error codes. */

import { AppError, type ErrorCode, isAppError } from "../base/errors.ts";
import type { WireStatus } from "./messages.ts";

/** gRPC status codes that are told apart here (grpc.io/grpc/core, statuscodes). */
export const GRPC = {
  CANCELLED: 1,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  UNIMPLEMENTED: 12,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
} as const;

/** Codes of `status.code` (Milvus pkg/util/merr), and of the older `status.error_code` that servers before 2.3 use alone. */
export const SERVER_CODE = {
  rateLimit: 8,
  collectionNotFound: 100,
  collectionNotLoaded: 101,
  indexNotFound: 700,
  databaseNotFound: 800,
  importFailed: 2100,
} as const;
const LEGACY = { permissionDenied: 3, collectionNotExists: 4, indexNotExist: 25, rateLimit: 49 } as const;

/** Where a call went, for messages. */
export interface CallSite {
  readonly method: string;
  /** host:port. */
  readonly address: string;
  readonly tls: boolean;
  readonly deadlineMs: number;
}

/** `status.code` of the answer an error came from, 0 when only the older error_code was set; undefined for other errors. */
export function serverCode(error: unknown): number | undefined {
  const code = isAppError(error) ? error.details.serverCode : undefined;
  return typeof code === "number" ? code : undefined;
}

/** The server's own text of the answer an error came from, else "". */
export function serverReason(error: unknown): string {
  const reason = isAppError(error) ? error.details.reason : undefined;
  return typeof reason === "string" ? reason : "";
}

export function isIndexNotFound(error: unknown): boolean {
  return (
    serverCode(error) === SERVER_CODE.indexNotFound ||
    (isAppError(error) && error.details.legacyCode === LEGACY.indexNotExist)
  );
}

export function isNotLoaded(error: unknown): boolean {
  return serverCode(error) === SERVER_CODE.collectionNotLoaded || /not (been )?loaded/i.test(serverReason(error));
}

/** An error unless the status says success in both of its fields; no status at all is taken for none sent. */
export function statusError(status: WireStatus | null, site: CallSite): AppError | undefined {
  if (status === null || (status.code === 0 && status.error_code === 0)) return undefined;
  const reason = oneLine(status.reason || status.detail || `code ${status.code}`);
  const details = { serverCode: status.code, legacyCode: status.error_code, reason, call: site.method };
  const text = `Milvus ${site.address} refused ${site.method}: ${reason}`;
  const code = codeOf(status);
  return new AppError(code, code === "ACCESS_DENIED" ? `${text}; ${ACCESS_REMEDY}` : text, { details });
}

const ACCESS_REMEDY = "check milvus.user and milvus.password, and that the user has the privilege";

function codeOf(status: WireStatus): ErrorCode {
  const text = `${status.reason} ${status.detail}`;
  if (status.code === SERVER_CODE.rateLimit || status.error_code === LEGACY.rateLimit) return "THROTTLED";
  if (/rate limit exceeded/i.test(text)) return "THROTTLED";
  if (status.error_code === LEGACY.permissionDenied || /permission deny|permission denied/i.test(text)) {
    return "ACCESS_DENIED";
  }
  if (status.code === SERVER_CODE.collectionNotFound || status.code === SERVER_CODE.databaseNotFound)
    return "NOT_FOUND";
  if (status.error_code === LEGACY.collectionNotExists) return "NOT_FOUND";
  if (/can't find collection|(collection|database) not found\b/i.test(text)) return "NOT_FOUND";
  if (/database already exist|create duplicate collection/i.test(text)) return "ALREADY_EXISTS";
  return "MILVUS_ERROR";
}

/** @param error what grpc-js gave: `code` and `details` of the gRPC status. */
export function transportError(error: Error, site: CallSite): AppError {
  const code = "code" in error && typeof error.code === "number" ? error.code : -1;
  const told = "details" in error && typeof error.details === "string" ? error.details : error.message;
  const reason = oneLine(told || error.message);
  const options = { cause: error, details: { grpcCode: code, reason, call: site.method } };
  const where = `Milvus ${site.address}`;
  switch (code) {
    case GRPC.UNAUTHENTICATED:
    case GRPC.PERMISSION_DENIED:
      return new AppError("ACCESS_DENIED", `${where} denied ${site.method}: ${reason}; ${ACCESS_REMEDY}`, options);
    case GRPC.UNIMPLEMENTED:
      return new AppError("UNSUPPORTED", `${where} does not have the call ${site.method}: ${reason}`, options);
    case GRPC.RESOURCE_EXHAUSTED:
      return new AppError("THROTTLED", `${where} is too busy for ${site.method}: ${reason}`, options);
    case GRPC.DEADLINE_EXCEEDED:
      return new AppError(
        "UNAVAILABLE",
        `${where} did not answer ${site.method} within ${site.deadlineMs / 1000} s; check that it is running and that ` +
          "milvus.grpc.address and milvus.grpc.port lead to it",
        { ...options, retriable: false },
      );
    case GRPC.UNAVAILABLE:
      return unavailable(reason, where, site, options);
    default:
      return new AppError("MILVUS_ERROR", `${where} failed ${site.method}: ${reason}`, options);
  }
}

function unavailable(
  reason: string,
  where: string,
  site: CallSite,
  options: { cause: Error; details: Readonly<Record<string, string | number>> },
): AppError {
  if (site.tls && /certificat|handshake|self.signed|altname|\bTLS|\bSSL|wrong version|bad record/i.test(reason)) {
    return new AppError(
      "UNAVAILABLE",
      `no trusted connection to ${where}: ${connectFailure(reason)}; check milvus.grpc.caCertPath, serverName, mtlsCertPath, ` +
        "mtlsKeyPath, and that the server speaks TLS",
      { ...options, retriable: false },
    );
  }
  return new AppError(
    "UNAVAILABLE",
    `cannot reach ${where}: ${connectFailure(reason)}; check milvus.grpc.address, milvus.grpc.port and milvus.grpc.tlsMode, and that ` +
      "Milvus is running",
    options,
  );
}

/** What grpc-js wraps around the one thing that a person can use. */
function connectFailure(reason: string): string {
  const core = /Last error: (?:Error: )?(.*?)\.?\s*Resolution note:/.exec(reason)?.[1] ?? reason;
  return core.replace(/\s*\(\d{4}-\d\d-\d\dT[\d:.]+Z\)/, "");
}

/** True when the request cannot have reached the server, so that repeating it is safe whatever it does. */
export function wasNotSent(error: unknown): boolean {
  if (!isAppError(error)) return false;
  if (error.code === "THROTTLED") return true;
  return error.code === "UNAVAILABLE" && /no connection established|name resolution failed/i.test(serverReason(error));
}

function oneLine(text: string): string {
  return text.replaceAll(/\s*[\r\n]+\s*/g, " ").trim();
}
