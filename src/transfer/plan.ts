/** What is to be copied, and what came of it. */

import type { Checksum } from "../base/checksum.ts";
import type { Semaphore } from "../base/pool.ts";
import type { ObjectInfo, ObjectKey, StorageDriver } from "../storage/driver.ts";
import type { ProgressReporter } from "./progress.ts";

/** auto: direct when both roots are one backend, else streaming. */
export type TransferMode = "auto" | "direct" | "streaming";

/**
 * How much proof a copy must bring:
 * digest    streamed bytes are hashed and compared with what the target service reports; direct copies bring the
 *           service's evidence (equal checksums or ETags made of the content), else are recorded as size only, said aloud;
 * read-back every object whose evidence would be size only, or whose target reports nothing, is read again and hashed;
 * size      existence and size only.
 */
export type VerifyLevel = "digest" | "read-back" | "size";

export interface CopyTask {
  readonly source: ObjectInfo;
  readonly targetKey: ObjectKey;
  /** Where the object belongs, for messages: "default.coll segment 123". */
  readonly label: string;
  /** Digest the content must have (from a manifest); a copy of anything else fails and stores nothing. */
  readonly expected?: Checksum;
}

export interface CopyTotals {
  readonly objects: number;
  readonly bytes: number;
}

export interface CopyPlan {
  readonly from: StorageDriver;
  readonly to: StorageDriver;
  readonly mode: TransferMode;
  /** Lazy: never the whole list in memory. */
  tasks(): AsyncIterable<CopyTask> | Iterable<CopyTask>;
}

/** What the claim "copied" rests on; written into the manifest, so that nobody takes a size check for a digest. */
export type Evidence =
  /** The content was read and hashed by us. */
  | { readonly kind: "digest"; readonly checksum: Checksum }
  /**
   * The service says so: its checksum of the whole content, or `etag` equal on both sides of a server-side copy. With both,
   * the checksum may be of the copy alone: the equal ETags make it the source's.
   */
  | { readonly kind: "service"; readonly checksum?: Checksum; readonly etag?: string }
  | { readonly kind: "size" };

export type CopyVia = "direct" | "streaming" | "resumed";

export interface CopyResult {
  readonly task: CopyTask;
  /** As the target's driver gave it; without its ETag where nothing guards the bytes (`durableChecksums`). */
  readonly target: ObjectInfo;
  readonly via: CopyVia;
  readonly evidence: Evidence;
}

export interface CopyOptions {
  readonly signal: AbortSignal;
  /** Shared by all plans of one operation, so that the sum of their copies is bounded. */
  readonly slots: Semaphore;
  readonly concurrency: number;
  readonly verify: VerifyLevel;
  readonly progress: ProgressReporter;
}
