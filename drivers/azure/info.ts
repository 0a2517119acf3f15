/** ObjectInfo from what the SDK reports. */

import type { ObjectInfo, ObjectKey } from "../../src/storage/driver.ts";

/** The members that answers and listings have in common. */
export interface Reported {
  readonly etag?: string | undefined;
  readonly lastModified?: Date | undefined;
  /** Of the whole content. */
  readonly contentMD5?: Uint8Array | undefined;
}

/** @param size of the whole object, which a range's answer gives elsewhere */
export function infoOf(key: ObjectKey, size: number, { etag, lastModified, contentMD5 }: Reported): ObjectInfo {
  return {
    key,
    size,
    // Absent where the uploader sent blocks and no digest of the whole.
    checksums: contentMD5?.length === 16 ? { md5: Buffer.from(contentMD5).toString("hex") } : {},
    ...(etag === undefined || etag === "" ? {} : { etag: unquote(etag) }),
    ...(lastModified === undefined ? {} : { lastModified }),
  };
}

/** Accounts with a hierarchical namespace show directories as empty blobs with this metadata (Azure's reference). */
export function isDirectory(metadata: Readonly<Record<string, string>> | undefined): boolean {
  return Object.entries(metadata ?? {}).some(
    ([name, value]) => name.toLowerCase() === "hdi_isfolder" && value === "true",
  );
}

/** Answers quote ETags, listings do not. */
function unquote(etag: string): string {
  return etag.length > 1 && etag.startsWith('"') && etag.endsWith('"') ? etag.slice(1, -1) : etag;
}
