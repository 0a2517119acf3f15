/**
 * The storage driver contract: what a driver is, what it must guarantee, and what the executable lends to it.
 * This file is also what authors of plugin drivers see as "milvus-backup/driver"; it has no run-time imports.
 */

import type { Checksum, ChecksumAlgorithm, ChecksumSet, Hasher } from "../base/checksum.ts";
import type { AppErrorOptions, ErrorCode } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { Secret } from "../base/secret.ts";
import type { CallOptions } from "../base/types.ts";

export type { CallOptions, Checksum, ChecksumAlgorithm, ChecksumSet, ErrorCode, Hasher, Logger, Secret };

/** The version of this contract; a plugin names the one it was written for. */
export const DRIVER_API_VERSION = 1;

/**
 * An object's name below a root path: "/"-separated, never starting or ending with "/", no empty, "." or ".." part.
 * Made by `objectKey` (storage/key.ts, or `host.objectKey` in a plugin), which refuses anything else.
 */
export type ObjectKey = string & { readonly __brand: "ObjectKey" };

export interface ObjectInfo {
  /** Relative to the root path the driver was opened on. */
  readonly key: ObjectKey;
  /** Bytes. */
  readonly size: number;
  readonly lastModified?: Date;
  /** Opaque: never taken for an MD5. Equal ETags of one service mean equal content only where the driver says so. */
  readonly etag?: string;
  /** What the service reports about the whole content without reading it; often empty, emptier in listings. */
  readonly checksums: ChecksumSet;
}

/** Inclusive start, exclusive end, in bytes: `{ start: 0, end: 10 }` is the first ten bytes. */
export interface ByteRange {
  readonly start: number;
  readonly end?: number;
}

export interface ObjectBody {
  /** The whole object, also when a range was asked for. */
  readonly info: ObjectInfo;
  /** Bytes that `stream` will give: the object's size, or the range's length after clipping. */
  readonly size: number;
  /** Ends exactly after `size` bytes or fails; the reader either drains it or cancels it. */
  readonly stream: ReadableStream<Uint8Array>;
}

/** The content of a put. It is opened once for each try, so a retry starts from the first byte. */
export interface PutBody {
  /** Bytes; known beforehand. */
  readonly size: number;
  open(signal: AbortSignal): Promise<ReadableStream<Uint8Array>>;
}

export interface PutOptions extends CallOptions {
  /** Fail with ALREADY_EXISTS instead of replacing. Only where `capabilities.ifAbsent`; UNSUPPORTED elsewhere. */
  readonly ifAbsent?: boolean;
  /** Digest of the content; a driver must store nothing when the content that arrived has another one. */
  readonly checksum?: Checksum;
}

export interface GetOptions extends CallOptions {
  /** Clipped to the object; a start beyond the end fails with INVALID_RANGE. */
  readonly range?: ByteRange;
}

export interface ListOptions extends CallOptions {
  /** Only what comes after this key in the driver's own order. Only where `capabilities.orderedList`. */
  readonly startAfter?: ObjectKey;
}

export interface DriverCapabilities {
  /** A put that fails leaves nothing visible and keeps what was there before. */
  readonly atomicPut: boolean;
  readonly ifAbsent: boolean;
  readonly rangeRead: boolean;
  /** True exactly if the driver has `copyFrom`. */
  readonly serverSideCopy: boolean;
  /** Algorithms the service computes or checks itself on a put, reported in ObjectInfo.checksums afterwards. */
  readonly checksums: readonly ChecksumAlgorithm[];
  /** True where the service guards stored bytes against decay by itself (object stores; not a plain local disk). */
  readonly durableChecksums: boolean;
  /**
   * True where `list` yields keys in one fixed order and honours `startAfter` in that order, so that a listing that broke
   * goes on where it stopped. Left out means false: a broken listing is then started again.
   */
  readonly orderedList?: boolean;
  /** A sensible number of concurrent calls. */
  readonly connections: number;
}

/**
 * One root path in one storage service. Guarantees every driver gives; each has its cases in the conformance suite:
 *
 * 1. A put is visible to get, stat and list as soon as it resolves, and replaces what was there whole.
 * 2. A put whose body ends early or runs on, or whose content has another digest than declared, fails
 *    (SHORT_BODY, CHECKSUM_MISMATCH) and stores nothing; so does one that is aborted.
 * 3. get and stat of an absent key throw NOT_FOUND; delete of one resolves.
 * 4. list(prefix) yields each object below it exactly once, through all pages, in no promised order. The prefix is ""
 *    or ends with "/", so that a sibling that merely starts alike ("a/bc" for "a/b/") is never yielded. Directory markers
 *    (zero-byte keys ending in "/") are not objects and are not yielded.
 * 5. Errors are AppErrors with a code of base/errors.ts, and `retriable` says whether the same call may succeed later.
 * 6. An aborted signal makes the call reject promptly with ABORTED and frees what it held.
 * 7. No object is ever held whole in memory; parts are, within a fixed bound.
 * 8. Keys may hold any character but control characters (spaces, "+", "%", quotes, unicode), up to 1,024 bytes of UTF-8.
 *    A text that is no key (cast, not checked) is refused with INVALID_KEY: it must never reach another root path.
 * 9. `location`, errors and log lines never hold a credential.
 *
 * Drivers do not retry, limit or log by themselves: openRoot wraps them (storage/open.ts). Only what no wrapper sees is
 * theirs to repeat: a single part of one upload or copy, where the wrapper could only begin the whole object anew.
 */
export interface StorageDriver extends AsyncDisposable {
  /** Registration name: "s3". */
  readonly name: string;
  /** For people, without credentials: "s3://bucket/files". */
  readonly location: string;
  /** Two roots with equal ids can be copied between by the service itself. */
  readonly backendId: string;
  /**
   * Equal <=> a client that is given `nativePath` of one root finds the same object through the other: one service and one
   * bucket (s3: backendId and bucket; local: one file system seen under the same paths, so not when `localPath` maps them).
   */
  readonly spaceId: string;
  readonly capabilities: DriverCapabilities;
  stat(key: ObjectKey, options: CallOptions): Promise<ObjectInfo>;
  list(prefix: string, options: ListOptions): AsyncIterable<ObjectInfo>;
  /** First path parts directly below `prefix` that hold objects ("" or "/"-ended prefix), each once, without "/". */
  listDirectories(prefix: string, options: CallOptions): AsyncIterable<string>;
  get(key: ObjectKey, options: GetOptions): Promise<ObjectBody>;
  put(key: ObjectKey, body: PutBody, options: PutOptions): Promise<ObjectInfo>;
  delete(key: ObjectKey, options: CallOptions): Promise<void>;
  /**
   * Copy inside the service, of any size. `source` has this driver's backendId and may be another root or bucket.
   * Fails with UNSUPPORTED when the service will not do it, NOT_FOUND when the source object is gone.
   */
  copyFrom?(source: StorageDriver, from: ObjectInfo, to: ObjectKey, options: CallOptions): Promise<ObjectInfo>;
  /** The name that other clients of the same bucket (Milvus import) use: the root path and the key. `key` may be "". */
  nativePath(key: string): string;
}

export type OptionType = "string" | "integer" | "boolean" | "secret" | "enum";

/** One option of a driver, as data: validation, help, documentation and redaction all come from it. */
export interface OptionSpec {
  readonly type: OptionType;
  /** One sentence. */
  readonly description: string;
  readonly required?: boolean;
  readonly default?: string | number | boolean;
  /** For enum: the canonical spellings. */
  readonly choices?: readonly string[];
}

/** Option names are the configuration keys below `storage:` ("bucketName", "auth.accessKeyID"). */
export type OptionTable = Readonly<Record<string, OptionSpec>>;

/** Validated option values: secrets arrive wrapped, absent optional ones are left out. */
export type OptionValues = Readonly<Record<string, string | number | boolean | Secret | undefined>>;

export interface DriverContext {
  /** "" or "/"-separated without leading and trailing "/" (a local driver's is a directory and may be absolute). */
  readonly rootPath: string;
  /** Registration name or alias the configuration used ("minio" for the s3 driver). */
  readonly provider: string;
  readonly host: DriverHost;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

export interface DriverDefinition {
  readonly apiVersion: typeof DRIVER_API_VERSION;
  /** Lower-case letters, digits and "-". */
  readonly name: string;
  readonly aliases?: readonly string[];
  /** One sentence for the `drivers` command. */
  readonly description: string;
  readonly options: OptionTable;
  /**
   * What a root path is: a key prefix (the default; openRoot strips and checks it), or a directory of the file system,
   * handed over as it was configured.
   */
  readonly rootPathIs?: "prefix" | "directory";
  open(options: OptionValues, context: DriverContext): Promise<StorageDriver>;
}

/** What a plugin file exports as its default: a function that gets the host and returns the definition. */
export type DriverPlugin = (host: DriverHost) => DriverDefinition;

/** What the executable lends to a driver, so that a plugin file needs nothing but types from here. */
export interface DriverHost {
  readonly apiVersion: typeof DRIVER_API_VERSION;
  error(code: ErrorCode, message: string, options?: AppErrorOptions): Error;
  createHasher(algorithm: ChecksumAlgorithm): Hasher;
  /** @throws INVALID_KEY */
  objectKey(text: string): ObjectKey;
  /** Passes `size` bytes through and fails with SHORT_BODY on any other length. */
  expectSize(source: ReadableStream<Uint8Array>, size: number, what: string): ReadableStream<Uint8Array>;
}
