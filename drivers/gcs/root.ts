/** What the calls of one opened root share. */

import type { Logger } from "../../src/base/log.ts";
import { Semaphore } from "../../src/base/pool.ts";
import type { ObjectKey } from "../../src/storage/driver.ts";
import { objectKey, relativeKey } from "../../src/storage/key.ts";
import { Http } from "./http.ts";
import type { Settings } from "./options.ts";
import { tokenSource } from "./tokens.ts";

export interface Root {
  readonly settings: Settings;
  readonly http: Http;
  /** One permit for each part-sized buffer that uploads hold. */
  readonly buffers: Semaphore;
  readonly log: Logger;
  /** Below the root path -> in the bucket. @throws INVALID_KEY for what no key can be, whatever its type says */
  nativeKey(key: string): string;
  /** The same for the prefix of a listing, "" or ending with "/". */
  nativePrefix(prefix: string): string;
  /** In the bucket -> below the root path. @throws INVALID_KEY */
  relative(nativeKey: string): ObjectKey;
}

// An upload sends one chunk after the other, as the protocol wants it; with 8 MiB chunks these are 128 MiB.
const PARTS_IN_MEMORY = 16;

export function createRoot(settings: Settings, log: Logger): Root {
  const { rootPrefix } = settings;
  return {
    settings,
    http: new Http(settings, tokenSource(settings.auth)),
    buffers: new Semaphore(PARTS_IN_MEMORY),
    log,
    nativeKey: (key) => `${rootPrefix}${objectKey(key)}`,
    nativePrefix: (prefix) => `${rootPrefix}${prefix}`,
    relative: (nativeKey) => (rootPrefix === "" ? objectKey(nativeKey) : relativeKey(nativeKey, rootPrefix)),
  };
}

type Query = Readonly<Record<string, string | undefined>>;

/** One object of the root's bucket. */
export function objectUrl({ settings }: Root, native: string, query: Query = {}): string {
  return `${settings.origin}/storage/v1/b/${escaped(settings.bucket)}/o/${escaped(native)}${queryOf(query)}`;
}

/** The bucket's list of objects. */
export function objectsUrl({ settings }: Root, query: Query): string {
  return `${settings.origin}/storage/v1/b/${escaped(settings.bucket)}/o${queryOf(query)}`;
}

export function uploadUrl({ settings }: Root, query: Query): string {
  return `${settings.origin}/upload/storage/v1/b/${escaped(settings.bucket)}/o${queryOf(query)}`;
}

/** Where the service copies from one object to another. */
export function rewriteUrl(
  source: Root,
  from: string,
  target: Root,
  to: { readonly native: string; readonly query: Query },
): string {
  const path = `/rewriteTo/b/${escaped(target.settings.bucket)}/o/${escaped(to.native)}`;
  return `${objectUrl(source, from)}${path}${queryOf(to.query)}`;
}

function queryOf(query: Query): string {
  const parts = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : `${name}=${escaped(value)}`,
  );
  return parts.length === 0 ? "" : `?${parts.join("&")}`;
}

/** Everything but A-Z a-z 0-9 - . _ ~, so also "/": an object's name is one segment of the path. */
function escaped(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}
