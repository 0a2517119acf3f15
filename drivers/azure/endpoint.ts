/** Where the blob service of a storage account is. */

import { AppError } from "../../src/base/errors.ts";

/** The service suffix of the public cloud. */
const PUBLIC_SUFFIX = "core.windows.net";

export interface EndpointOptions {
  readonly accountName: string;
  /** Service suffix ("core.windows.net", "core.chinacloudapi.cn"); "" for the public cloud's. */
  readonly address: string;
  /** 0 for 443. */
  readonly port: number;
  /** A whole URL that replaces the three above; "" for none. */
  readonly blobEndpoint: string;
}

/**
 * URL of the account's blob service without "/" at its end: "https://account.blob.core.windows.net", or for an emulator
 * "http://127.0.0.1:10000/devstoreaccount1". Always https unless `blobEndpoint` says otherwise.
 * @throws CONFIG_INVALID naming the option
 */
export function serviceUrl({ accountName, address, port, blobEndpoint }: EndpointOptions): string {
  if (blobEndpoint !== "") return checkedUrl(blobEndpoint);
  if (!/^[a-z0-9-]+$/i.test(accountName)) {
    throw invalid(
      accountName === "" ? "accountName is missing" : `accountName ${accountName} is not an account's name`,
    );
  }
  if (/[/:@?#\s]/.test(address)) {
    throw invalid(
      `address ${address} is more than a service suffix such as ${PUBLIC_SUFFIX}; for a URL set blobEndpoint`,
    );
  }
  const suffix = address.replace(/^blob\./, "") || PUBLIC_SUFFIX;
  return `https://${accountName.toLowerCase()}.blob.${suffix.toLowerCase()}${[0, 443].includes(port) ? "" : `:${port}`}`;
}

function checkedUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw invalid("blobEndpoint is not a URL such as https://account.blob.core.windows.net");
  }
  // Not repeated in the message: what follows "?" is mostly a signature.
  if (url.search !== "" || url.hash !== "" || url.username !== "") {
    throw invalid("blobEndpoint holds more than scheme, host, port and path; a signature belongs into auth.sasToken");
  }
  return `${url.origin}${url.pathname}`.replace(/\/+$/, "");
}

/** Of the account in a URL like serviceUrl's: its first label, or the path of an emulator; "" when it names none. */
export function accountOf(serviceUrl: string): string {
  const { hostname, pathname } = new URL(serviceUrl);
  if (pathname !== "/") return pathname.split("/")[1] ?? "";
  return /^([a-z0-9-]+)\.blob\./i.exec(hostname)?.[1] ?? "";
}

function invalid(message: string): AppError {
  return new AppError("CONFIG_INVALID", message);
}
