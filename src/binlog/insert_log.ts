/**
 * Insert logs: the primary-key column and the row timestamps of a segment. Storage version 1 has one envelope per field
 * and log; versions 2 and 3 have a bare parquet file per column group and log, in which columns carry their field id.
 */

import { AppError } from "../base/errors.ts";
import type { KeyType, PrimaryKeys } from "./deletes.ts";
import { isEnvelope, readEnvelope } from "./envelope.ts";
import { type ColumnSelector, openParquet, type ParquetFile } from "./parquet.ts";

/** Field id of the row timestamps in every collection; 0 is the row id. */
export const TIMESTAMP_FIELD = 1n;

export interface KeyColumn {
  readonly fieldId: bigint;
  readonly type: KeyType;
}

/** The parquet files of a log: those inside its envelope, or the log itself. @throws SHORT_BODY, CHECKSUM_MISMATCH, UNSUPPORTED */
export async function openPayloads(content: Uint8Array): Promise<readonly ParquetFile[]> {
  if (isParquet(content)) return [await openParquet(content)];
  const { extras, payloads } = readEnvelope(content);
  const files: ParquetFile[] = [];
  for (const payload of payloads) {
    // Milvus notes the encrypted data key under this name when the database has an encryption zone.
    if (!isParquet(payload) && "edek" in extras) {
      throw new AppError("UNSUPPORTED", "the log is encrypted; its rows cannot be looked at without Milvus's key");
    }
    files.push(await openParquet(payload));
  }
  return files;
}

/** True when the log can hold the field: an envelope holds one field (which, only its key tells), a column group several. */
export async function holdsField(content: Uint8Array, fieldId: bigint): Promise<boolean> {
  return isEnvelope(content) || (await openParquet(content)).has({ fieldId });
}

/** Primary keys in row order, a parquet page at a time. @throws SHORT_BODY, CHECKSUM_MISMATCH, UNSUPPORTED */
export async function* primaryKeyPages(content: Uint8Array, column: KeyColumn): AsyncGenerator<PrimaryKeys> {
  const selector = selectorFor(content, column.fieldId);
  for (const file of await openPayloads(content)) {
    yield* column.type === "int64" ? file.int64Pages(selector) : file.textPages(selector);
  }
}

/** Row timestamps (unsigned) in row order, a parquet page at a time. @throws as primaryKeyPages */
export async function* timestampPages(content: Uint8Array): AsyncGenerator<BigUint64Array> {
  const selector = selectorFor(content, TIMESTAMP_FIELD);
  for (const file of await openPayloads(content)) {
    for (const page of file.int64Pages(selector)) yield new BigUint64Array(page.buffer, page.byteOffset, page.length);
  }
}

/** All primary keys of a log. @throws as primaryKeyPages */
export async function readPrimaryKeys(content: Uint8Array, column: KeyColumn): Promise<readonly (bigint | string)[]> {
  const keys: (bigint | string)[] = [];
  for await (const page of primaryKeyPages(content, column)) for (const key of page) keys.push(key);
  return keys;
}

/** All row timestamps of a log. @throws as primaryKeyPages */
export async function readTimestamps(content: Uint8Array): Promise<readonly bigint[]> {
  const timestamps: bigint[] = [];
  for await (const page of timestampPages(content)) for (const timestamp of page) timestamps.push(timestamp);
  return timestamps;
}

function selectorFor(content: Uint8Array, fieldId: bigint): ColumnSelector {
  return isParquet(content) ? { fieldId } : { position: 0 };
}

function isParquet(content: Uint8Array): boolean {
  return content.length >= 4 && Buffer.from(content.buffer, content.byteOffset, 4).toString("latin1") === "PAR1";
}
