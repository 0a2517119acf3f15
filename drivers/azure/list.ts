/** Listings, page by page; a page that cannot be continued is an error, for a short listing would be a short backup. */

import { throwIfAborted } from "../../src/base/errors.ts";
import type { CallOptions, ListOptions, ObjectInfo } from "../../src/storage/driver.ts";
import type { Client } from "./client.ts";
import { infoOf, isDirectory } from "./info.ts";
import { incompleteAnswer, type Root } from "./root.ts";

/** Every object below `prefix` once. */
export async function* listObjects(root: Root, prefix: string, options: ListOptions): AsyncGenerator<ObjectInfo> {
  const listing: Listing = { root, prefix: root.blobPrefix(prefix), signal: options.signal };
  for await (const segment of pages(listing, flatPage)) {
    for (const { name, properties, metadata } of segment.blobItems) {
      throwIfAborted(options.signal);
      if (name.endsWith("/") || isDirectory(metadata)) continue;
      const { contentLength } = properties;
      if (contentLength === undefined) throw incompleteAnswer(`gives no size for ${name}`);
      yield infoOf(root.relative(name), contentLength, properties);
    }
  }
}

/** First path parts below `prefix`, without "/". */
export async function* listDirectories(root: Root, prefix: string, { signal }: CallOptions): AsyncGenerator<string> {
  const listing: Listing = { root, prefix: root.blobPrefix(prefix), signal };
  let before: string | undefined;
  for await (const segment of pages(listing, directoryPage)) {
    for (const { name } of segment.blobPrefixes ?? []) {
      throwIfAborted(signal);
      // A directory whose objects lie on two pages may be named on both.
      if (name !== before) yield name.slice(listing.prefix.length).replace(/\/$/, "");
      before = name;
    }
  }
}

interface Listing {
  readonly root: Root;
  /** In the container. */
  readonly prefix: string;
  readonly signal: AbortSignal;
}

interface PageRequest {
  readonly prefix: string;
  readonly continuationToken: string | undefined;
  readonly abortSignal: AbortSignal;
}

function flatPage({ container }: Client, { prefix, continuationToken, abortSignal }: PageRequest) {
  // The metadata tells what is a directory, on accounts that have them.
  return container
    .listBlobsFlat({ prefix, includeMetadata: true, abortSignal })
    .byPage(continuationToken === undefined ? {} : { continuationToken })
    .next();
}

function directoryPage({ container }: Client, { prefix, continuationToken, abortSignal }: PageRequest) {
  return container
    .listBlobsByHierarchy("/", { prefix, abortSignal })
    .byPage(continuationToken === undefined ? {} : { continuationToken })
    .next();
}

type Page<S> = { readonly segment?: S; readonly continuationToken?: string | undefined };

async function* pages<S>(
  { root, prefix, signal }: Listing,
  request: (client: Client, page: PageRequest) => Promise<IteratorResult<Page<S>>>,
): AsyncGenerator<S> {
  let continuationToken: string | undefined;
  do {
    const { value } = await root.call({ operation: "list", target: prefix, signal }, (client, abortSignal) =>
      request(client, { prefix, continuationToken, abortSignal }),
    );
    const page = value as Page<S> | undefined;
    if (page?.segment === undefined) throw incompleteAnswer(`to list ${prefix} holds no listing`);
    yield page.segment;
    const next = page.continuationToken || undefined;
    if (next !== undefined && next === continuationToken) {
      throw incompleteAnswer(`to list ${prefix} gives the same continuation token again`);
    }
    continuationToken = next;
  } while (continuationToken !== undefined);
}
