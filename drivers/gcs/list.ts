/**
 * Listings, page by page. A page that cannot be continued or understood is an error: a listing that is silently short
 * would become a backup that is silently short.
 */

import { AppError, throwIfAborted } from "../../src/base/errors.ts";
import type { CallOptions, ListOptions, ObjectInfo } from "../../src/storage/driver.ts";
import { FIELDS, infoOf, parseResource, type Resource, textOf } from "./resource.ts";
import { objectsUrl, type Root } from "./root.ts";

const PAGE = "kind,nextPageToken";

/** Every object below `prefix` once; in the service's order, which is that of the names' UTF-8 bytes. */
export async function* listObjects(root: Root, prefix: string, options: ListOptions): AsyncGenerator<ObjectInfo> {
  const after = options.startAfter === undefined ? undefined : Buffer.from(root.nativeKey(options.startAfter));
  const query = { fields: `${PAGE},items(${FIELDS})`, startOffset: after?.toString() };
  for await (const page of pages(root, prefix, query, options)) {
    for (const item of arrayOf(root, page, "items")) {
      throwIfAborted(options.signal);
      const resource = typeof item === "object" && item !== null ? (item as Resource) : {};
      const native = textOf(resource, "name");
      if (native === undefined) throw broken(root, "holds an entry without a name");
      // startOffset is inclusive; what comes after the key is wanted.
      if (after !== undefined && Buffer.compare(Buffer.from(native), after) <= 0) continue;
      if (!native.endsWith("/")) yield infoOf(root.relative(native), resource);
    }
  }
}

/** First path parts below `prefix`, without "/". A lone directory marker counts, as the service does not tell it apart. */
export async function* listDirectories(root: Root, prefix: string, options: CallOptions): AsyncGenerator<string> {
  const start = root.nativePrefix(prefix).length;
  for await (const page of pages(root, prefix, { fields: `${PAGE},prefixes`, delimiter: "/" }, options)) {
    for (const name of arrayOf(root, page, "prefixes")) {
      throwIfAborted(options.signal);
      if (typeof name !== "string") throw broken(root, "holds a directory without a name");
      yield name.slice(start, name.endsWith("/") ? -1 : undefined);
    }
  }
}

async function* pages(
  root: Root,
  prefix: string,
  query: Readonly<Record<string, string | undefined>>,
  { signal }: CallOptions,
): AsyncGenerator<Resource> {
  const native = root.nativePrefix(prefix);
  let pageToken: string | undefined;
  do {
    const url = objectsUrl(root, { ...query, prefix: native === "" ? undefined : native, pageToken });
    const reply = await root.http.send({ operation: "list", method: "GET", url, target: native, signal });
    const page = parseResource(await reply.text(), `the listing of ${native || root.settings.bucket}`);
    if (page.kind !== "storage#objects") throw broken(root, "is none of objects");
    yield page;
    const next = textOf(page, "nextPageToken");
    if (next !== undefined && next === pageToken) throw broken(root, "gives the same page token again");
    pageToken = next;
  } while (pageToken !== undefined);
}

/** Left out where there is nothing to list. */
function arrayOf(root: Root, page: Resource, name: string): readonly unknown[] {
  const value = page[name];
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw broken(root, `has ${name} that are no list`);
  return value;
}

function broken(root: Root, what: string): AppError {
  return new AppError("UNAVAILABLE", `the listing of bucket ${root.settings.bucket} ${what}`, {
    details: { bucket: root.settings.bucket, operation: "list" },
  });
}
