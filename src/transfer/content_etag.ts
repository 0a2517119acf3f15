/** ETags that say something about the content. */

import type { ObjectInfo } from "../storage/driver.ts";

/**
 * ETags of S3-like services that are made of the content's MD5, or ("...-3") of its parts': equal ones mean equal contents.
 * Different ones mean nothing: the parts may have been cut elsewhere, the service may encrypt. Others are opaque.
 */
const CONTENT_ETAG = /^[0-9a-f]{32}(-\d+)?$/i;

/** The ETag without its quotes, where it is made of the content. */
export function contentEtag(info: Pick<ObjectInfo, "etag">): string | undefined {
  const etag = info.etag?.replaceAll('"', "");
  return etag !== undefined && CONTENT_ETAG.test(etag) ? etag : undefined;
}
