/** Failures below HTTP: names, connections, certificates. */

import type { Row } from "./errors.ts";

const UNREACHABLE: Row = { code: "UNAVAILABLE", what: "{endpoint} cannot be reached" };
const REFUSED: Row = {
  code: "UNAVAILABLE",
  what: "{endpoint} refuses connections",
  remedy: "check accountName, address and port",
};
const CERTIFICATE: Row = {
  code: "CONFIG_INVALID",
  what: "the certificate of {endpoint} is not trusted",
  remedy: "set caCertPath to the authority that issued it",
};
const NO_TLS: Row = {
  code: "CONFIG_INVALID",
  what: "{endpoint} does not speak TLS",
  remedy: "correct port or blobEndpoint",
};

/** Codes that Bun and Node put on their errors. */
const BY_CODE: Readonly<Record<string, Row>> = {
  ECONNREFUSED: REFUSED,
  ConnectionRefused: REFUSED,
  ENOTFOUND: {
    code: "UNAVAILABLE",
    what: "the host name of {endpoint} is unknown",
    remedy: "check accountName and address",
  },
  EAI_AGAIN: { code: "UNAVAILABLE", what: "the host name of {endpoint} cannot be looked up now" },
  EHOSTUNREACH: UNREACHABLE,
  ENETUNREACH: UNREACHABLE,
  ETIMEDOUT: UNREACHABLE,
  EPROTO: NO_TLS,
  DEPTH_ZERO_SELF_SIGNED_CERT: CERTIFICATE,
  SELF_SIGNED_CERT_IN_CHAIN: CERTIFICATE,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: CERTIFICATE,
  UNABLE_TO_GET_ISSUER_CERT: CERTIFICATE,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: CERTIFICATE,
  CERT_HAS_EXPIRED: { ...CERTIFICATE, what: "the certificate of {endpoint} has expired", remedy: "renew it" },
  ERR_TLS_CERT_ALTNAME_INVALID: {
    ...CERTIFICATE,
    what: "the certificate of {endpoint} is for another host name",
    remedy: "correct address or blobEndpoint",
  },
};

const LOST: Row = { code: "UNAVAILABLE", what: "the connection to {endpoint} broke" };

/** @param code what the error carries, which may be one of the SDK's own; its message may then name the network's */
export function networkRow(code: string, message: string): Row {
  const known = BY_CODE[code] ?? Object.entries(BY_CODE).find(([name]) => message.includes(name))?.[1];
  return known ?? LOST;
}
