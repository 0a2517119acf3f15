/**
 * Listings (ListObjectsV2), page by page. A page that cannot be continued or understood is an error: a listing that is
 * silently short would become a backup that is silently short.
 */

import { AppError, throwIfAborted } from "../../src/base/errors.ts";
import type { CallOptions, ListOptions, ObjectInfo } from "../../src/storage/driver.ts";
import { decodeListed } from "./encode.ts";
import { lengthOf, unquote } from "./headers.ts";
import type { Root } from "./root.ts";
import { childrenNamed, childText, parseXml, type XmlElement } from "./xml.ts";

/** Every object below `prefix` once; in the service's order, which is that of the keys' UTF-8 bytes. */
export async function* listObjects(root: Root, prefix: string, options: ListOptions): AsyncGenerator<ObjectInfo> {
  let before = new Set<string>();
  for await (const page of pages(root, prefix, { ...options, delimiter: "" })) {
    const names = new Set<string>();
    const encoded = isEncoded(page);
    for (const entry of childrenNamed(page, "Contents")) {
      const native = nameOf(childText(entry, "Key"), encoded);
      // Seen here or at the end of the page before: some services repeat entries where pages meet.
      if (names.has(native) || before.has(native)) continue;
      names.add(native);
      throwIfAborted(options.signal);
      if (!native.endsWith("/")) yield infoOf(root, native, entry);
    }
    before = names;
  }
}

/** First path parts below `prefix`, without "/". A lone directory marker counts, as the service does not tell it apart. */
export async function* listDirectories(root: Root, prefix: string, options: CallOptions): AsyncGenerator<string> {
  const start = root.nativePrefix(prefix).length;
  let before = new Set<string>();
  for await (const page of pages(root, prefix, { ...options, delimiter: "/" })) {
    const names = new Set<string>();
    const encoded = isEncoded(page);
    for (const entry of childrenNamed(page, "CommonPrefixes")) {
      const native = nameOf(childText(entry, "Prefix"), encoded);
      if (names.has(native) || before.has(native)) continue;
      names.add(native);
      throwIfAborted(options.signal);
      yield native.slice(start, native.endsWith("/") ? -1 : undefined);
    }
    before = names;
  }
}

async function* pages(
  root: Root,
  prefix: string,
  options: ListOptions & { readonly delimiter: string },
): AsyncGenerator<XmlElement> {
  const nativePrefix = root.nativePrefix(prefix);
  let token: string | undefined;
  do {
    const page = await fetchPage(root, nativePrefix, { ...options, token });
    yield page;
    const next = childText(page, "NextContinuationToken") || undefined;
    if (childText(page, "IsTruncated")?.trim() !== "true") return;
    if (next === undefined) throw broken(root, nativePrefix, "is truncated but carries no token to go on");
    if (next === token) throw broken(root, nativePrefix, "gives the same continuation token again");
    token = next;
  } while (true);
}

async function fetchPage(
  root: Root,
  nativePrefix: string,
  options: ListOptions & { readonly delimiter: string; readonly token: string | undefined },
): Promise<XmlElement> {
  const { delimiter, token, startAfter, signal } = options;
  const reply = await root.http.send({
    operation: "list",
    method: "GET",
    key: "",
    target: nativePrefix,
    query: {
      "list-type": "2",
      "encoding-type": "url",
      ...(nativePrefix === "" ? {} : { prefix: nativePrefix }),
      ...(delimiter === "" ? {} : { delimiter }),
      ...(token === undefined ? {} : { "continuation-token": token }),
      ...(startAfter === undefined ? {} : { "start-after": root.nativeKey(startAfter) }),
    },
    headers: { "accept-encoding": "identity" },
    signal,
  });
  const body = await reply.text();
  let page: XmlElement;
  try {
    page = parseXml(body);
  } catch (error) {
    throw broken(root, nativePrefix, "is not complete XML", error);
  }
  if (page.name !== "ListBucketResult") throw broken(root, nativePrefix, `is a ${page.name}`);
  if (!/^(?:true|false)$/.test(childText(page, "IsTruncated")?.trim() ?? "")) {
    throw broken(root, nativePrefix, "does not say whether it is complete");
  }
  return page;
}

function infoOf(root: Root, native: string, entry: XmlElement): ObjectInfo {
  const size = lengthOf(childText(entry, "Size")?.trim());
  if (size === undefined) throw broken(root, native, "gives no size for this key");
  const etag = childText(entry, "ETag");
  const modified = childText(entry, "LastModified");
  return {
    key: root.relative(native),
    size,
    checksums: {},
    ...(etag === undefined || etag === "" ? {} : { etag: unquote(etag) }),
    ...(modified === undefined ? {} : { lastModified: new Date(modified) }),
  };
}

/** Names come percent-encoded where the service says so, which it does when it honours the request for it. */
function isEncoded(page: XmlElement): boolean {
  return childText(page, "EncodingType") === "url";
}

function nameOf(text: string | undefined, encoded: boolean): string {
  if (text === undefined) throw new AppError("UNAVAILABLE", "the listing holds an entry without a name");
  if (!encoded) return text;
  try {
    return decodeListed(text);
  } catch (error) {
    throw new AppError("INVALID_KEY", `the listing holds the name ${text}, which is not UTF-8; rename that object`, {
      cause: error,
    });
  }
}

function broken(root: Root, target: string, what: string, cause?: unknown): AppError {
  return new AppError("UNAVAILABLE", `the listing of ${target || root.settings.bucket} ${what}`, {
    ...(cause === undefined ? {} : { cause }),
    details: { bucket: root.settings.bucket, operation: "list" },
  });
}
