/** ObjectInfo from what the service says of an object: as JSON, or in the headers beside its content. */

import { AppError } from "../../src/base/errors.ts";
import type { ChecksumSet, ObjectInfo, ObjectKey } from "../../src/storage/driver.ts";

/** The fields of an object resource that are asked for. */
export const FIELDS = "name,size,generation,updated,md5Hash,crc32c";

/** An object resource of the API, as far as it was read. */
export type Resource = Readonly<Record<string, unknown>>;

/**
 * The generation is the ETag: the service gives each content that was ever stored under a name another one, and tells it
 * with the content as well as without it. Its own ETags also change with metadata and differ between its interfaces.
 * @throws UNAVAILABLE for a resource without a size
 */
export function infoOf(key: ObjectKey, resource: Resource): ObjectInfo {
  const size = lengthOf(textOf(resource, "size"));
  if (size === undefined) throw new AppError("UNAVAILABLE", `the service does not tell the size of ${key}`);
  const generation = textOf(resource, "generation");
  const updated = textOf(resource, "updated");
  return {
    key,
    size,
    checksums: checksumsOf(textOf(resource, "crc32c"), textOf(resource, "md5Hash")),
    ...(generation === undefined ? {} : { etag: generation }),
    ...(updated === undefined ? {} : { lastModified: new Date(updated) }),
  };
}

/** @param size of the whole object */
export function infoOfHeaders(key: ObjectKey, size: number, header: (name: string) => string | undefined): ObjectInfo {
  // "crc32c=n03x6A==,md5=Ojk9c3dhfxgoKVVHYwFbHQ==", in one header or two that fetch joins.
  const hash = (name: string): string | undefined =>
    new RegExp(`(?:^|[,\\s])${name}=([A-Za-z0-9+/=]+)`).exec(header("x-goog-hash") ?? "")?.[1];
  const generation = header("x-goog-generation");
  const modified = header("last-modified");
  return {
    key,
    size,
    checksums: checksumsOf(hash("crc32c"), hash("md5")),
    ...(generation === undefined ? {} : { etag: generation }),
    ...(modified === undefined ? {} : { lastModified: new Date(modified) }),
  };
}

function checksumsOf(crc32c: string | undefined, md5: string | undefined): ChecksumSet {
  return {
    ...(crc32c === undefined ? {} : { crc32c: hexOf(crc32c) }),
    // Objects that were composed of others have none.
    ...(md5 === undefined ? {} : { md5: hexOf(md5) }),
  };
}

export function textOf(resource: Resource, name: string): string | undefined {
  const value = resource[name];
  return typeof value === "string" && value !== "" ? value : typeof value === "number" ? String(value) : undefined;
}

/** A decimal length; undefined for anything else. */
export function lengthOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** An answer that must be a JSON object. @throws UNAVAILABLE for one that was cut or is something else */
export function parseResource(text: string, what: string): Resource {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null) return parsed as Resource;
  } catch (error) {
    throw new AppError("UNAVAILABLE", `${what} is not complete JSON`, { cause: error });
  }
  throw new AppError("UNAVAILABLE", `${what} is not a JSON object`);
}

function hexOf(base64: string): string {
  return Buffer.from(base64, "base64").toString("hex");
}
