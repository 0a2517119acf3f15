/** The connection strings that the Azure portal shows: "DefaultEndpointsProtocol=https;AccountName=...;AccountKey=...". */

import { AppError } from "../../src/base/errors.ts";
import { Secret } from "../../src/base/secret.ts";
import { accountOf, serviceUrl } from "./endpoint.ts";

export interface Connection {
  readonly url: string;
  readonly accountName: string;
  /** One of both. */
  readonly accountKey?: Secret;
  readonly sasToken?: Secret;
}

/** @throws CONFIG_INVALID, never repeating the text */
export function parseConnectionString(text: string): Connection {
  const fields = new Map<string, string>();
  for (const part of text.split(";")) {
    const at = part.indexOf("=");
    if (at > 0) fields.set(part.slice(0, at).trim().toLowerCase(), part.slice(at + 1).trim());
  }
  const field = (name: string): string => fields.get(name.toLowerCase()) ?? "";
  const accountKey = field("AccountKey");
  const sasToken = field("SharedAccessSignature").replace(/^\?/, "");
  if (accountKey === "" && sasToken === "") {
    throw invalid("has neither AccountKey nor SharedAccessSignature; copy it anew from the portal");
  }
  const named = field("AccountName");
  if (named === "" && field("BlobEndpoint") === "") throw invalid("has neither AccountName nor BlobEndpoint");
  if (field("DefaultEndpointsProtocol").toLowerCase() === "http" && field("BlobEndpoint") === "") {
    throw invalid("asks for http, which is not spoken; write https, or a BlobEndpoint");
  }
  const url = serviceUrl({
    accountName: named,
    address: field("EndpointSuffix"),
    port: 0,
    blobEndpoint: field("BlobEndpoint"),
  });
  const accountName = named || accountOf(url);
  if (accountKey === "") return { url, accountName, sasToken: new Secret(sasToken) };
  if (accountName === "") throw invalid("has no AccountName");
  return { url, accountName, accountKey: new Secret(accountKey) };
}

function invalid(what: string): AppError {
  return new AppError("CONFIG_INVALID", `auth.connectionString ${what}`);
}
