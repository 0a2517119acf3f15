/** Where requests go: scheme, host, port, region, and whether the bucket stands in the path or in the host name. */

import { isIP } from "node:net";
import { AppError } from "../../src/base/errors.ts";
import { encodeComponent, encodeKey } from "./encode.ts";
import type { Provider } from "./providers.ts";

export interface EndpointOptions {
  readonly address: string;
  /** 0 for the scheme's own. */
  readonly port: number;
  readonly region: string;
  readonly useSSL: boolean;
  /** "auto", "path" or "virtual" */
  readonly style: string;
  readonly bucket: string;
}

export interface Endpoint {
  /** Of the service, without the bucket: "https://s3.eu-west-1.amazonaws.com". */
  readonly url: string;
  /** Signing region. */
  readonly region: string;
  readonly pathStyle: boolean;
  /** The same service in the sense of backendId: scheme, host, port and region. */
  readonly id: string;
  /** As the Host header has it, with the bucket where that belongs there. */
  readonly host: string;
  /** Scheme and host that keys are appended to. */
  readonly origin: string;
  /** The encoded path of a key in the bucket; "" for the bucket itself. */
  pathOf(key: string): string;
}

/** @throws CONFIG_INVALID for an address that is a URL or carries a port, or when there is none */
export function endpointOf(options: EndpointOptions, provider: Provider): Endpoint {
  const configured = checkedAddress(options.address);
  const region = options.region || provider.regionInHost?.exec(configured)?.[1] || provider.defaultRegion;
  const global = configured === "" || provider.globalHosts?.includes(configured) === true;
  const address = global && provider.host !== undefined ? provider.host.replace("{region}", region) : configured;
  if (address === "") throw invalid("address is missing");
  const scheme = options.useSSL ? "https" : "http";
  const port = [0, options.useSSL ? 443 : 80].includes(options.port) ? "" : `:${options.port}`;
  const bare = address.includes(":") ? `[${address}]` : address;
  const pathStyle = isPathStyle(options, provider, address);
  const host = `${pathStyle ? "" : `${options.bucket}.`}${bare}${port}`;
  const base = pathStyle ? `/${encodeComponent(options.bucket)}` : "";
  return {
    url: `${scheme}://${bare}${port}`,
    region,
    pathStyle,
    id: `${scheme}://${bare}:${options.port || (options.useSSL ? 443 : 80)}#${region}`,
    host,
    origin: `${scheme}://${host}`,
    pathOf: (key) => (key === "" ? base || "/" : `${base}/${encodeKey(key)}`),
  };
}

function isPathStyle(options: EndpointOptions, provider: Provider, address: string): boolean {
  if (options.style === "path" || options.style === "virtual") return options.style === "path";
  // An address has no subdomains, and a certificate for *.host does not cover a bucket with dots.
  if (isIP(address) !== 0 || address === "localhost" || (options.useSSL && options.bucket.includes("."))) return true;
  return provider.addressing === "path";
}

function checkedAddress(text: string): string {
  const address = text.replace(/^\[(.*)\]$/, "$1");
  if (address.includes("://")) throw invalid(`address ${address} is a URL; give the host only, and set useSSL`);
  if (address.includes("/")) throw invalid(`address ${address} holds a path; give the host only`);
  if (address.includes(":") && isIP(address) !== 6) throw invalid(`address ${address} holds a port; set port instead`);
  return address;
}

function invalid(message: string): AppError {
  return new AppError("CONFIG_INVALID", `${message}`);
}
