/** Failures below HTTP: names, connections, certificates, silence. */

import { AppError, type ErrorCode, hasCode, isAppError } from "../../src/base/errors.ts";
import type { ExchangeErrors } from "../../src/storage/http_reply.ts";
import type { Attempt } from "./errors.ts";

interface Row {
  readonly code: ErrorCode;
  readonly what: string;
  readonly remedy?: string;
}

const UNREACHABLE: Row = { code: "UNAVAILABLE", what: "{endpoint} cannot be reached" };
const CERTIFICATE: Row = {
  code: "CONFIG_INVALID",
  what: "the certificate of {endpoint} is not trusted",
  remedy: "set caCertPath to the authority that issued it",
};

/** Codes that fetch and Node's HTTP client put on their errors. */
const BY_CODE: Readonly<Record<string, Row>> = {
  ECONNREFUSED: {
    code: "UNAVAILABLE",
    what: "{endpoint} refuses connections",
    remedy: "check address and port, and that the service runs",
  },
  ENOTFOUND: { code: "UNAVAILABLE", what: "the host name of {endpoint} is unknown", remedy: "check address" },
  EAI_AGAIN: { code: "UNAVAILABLE", what: "the host name of {endpoint} cannot be looked up now" },
  EHOSTUNREACH: UNREACHABLE,
  ENETUNREACH: UNREACHABLE,
  ETIMEDOUT: UNREACHABLE,
  EPROTO: {
    code: "CONFIG_INVALID",
    what: "{endpoint} does not speak TLS",
    remedy: "set useSSL to false, or correct port",
  },
  DEPTH_ZERO_SELF_SIGNED_CERT: CERTIFICATE,
  SELF_SIGNED_CERT_IN_CHAIN: CERTIFICATE,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: CERTIFICATE,
  UNABLE_TO_GET_ISSUER_CERT: CERTIFICATE,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: CERTIFICATE,
  CERT_HAS_EXPIRED: { ...CERTIFICATE, what: "the certificate of {endpoint} has expired", remedy: "renew it" },
  ERR_TLS_CERT_ALTNAME_INVALID: {
    ...CERTIFICATE,
    what: "the certificate of {endpoint} is for another host name",
    remedy: "correct address, or use addressingStyle path",
  },
};

const LOST: Row = { code: "UNAVAILABLE", what: "the connection to {endpoint} broke" };

/** The error for what fetch or the SDK's HTTP client threw; an AppError passes through. */
export function networkError(attempt: Attempt, thrown: unknown): AppError {
  if (isAppError(thrown)) return thrown;
  const code = codeOf(thrown);
  const row = BY_CODE[code] ?? LOST;
  const text = `${row.what}${code === "" ? "" : ` (${code})`}${row.remedy === undefined ? "" : `; ${row.remedy}`}`;
  return new AppError(row.code, text.replace("{endpoint}", attempt.endpoint), {
    cause: thrown,
    details: detailsOf(attempt),
  });
}

/** Whether the error says that a connection which worked went away. */
export function isBrokenConnection(error: unknown): boolean {
  return hasCode(error, "UNAVAILABLE") && error instanceof Error && codeOf(error.cause) === "ECONNRESET";
}

/** @param waitedMs how long nothing came */
export function silenceError(attempt: Attempt, waitedMs: number): AppError {
  const seconds = Math.round(waitedMs / 100) / 10;
  return new AppError("UNAVAILABLE", `no answer from ${attempt.endpoint} within ${seconds} s`, {
    details: detailsOf(attempt),
  });
}

function detailsOf({ operation, target, bucket, endpoint }: Attempt): Readonly<Record<string, string>> {
  return { operation, target, bucket, endpoint };
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
