/** Shared primitive types. */

/** A Milvus id, hybrid timestamp or row count: 64 bits, never through a JavaScript number. */
export type Int64 = bigint;

/** A collection's full name; `database` is never empty (Milvus calls the first one "default"). */
export interface Namespace {
  readonly database: string;
  readonly collection: string;
}

export interface CallOptions {
  readonly signal: AbortSignal;
}
