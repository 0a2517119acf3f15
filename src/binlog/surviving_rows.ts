/**
 * Which rows of a segment its deletes remove. The rule is Milvus's own, in compaction and in import alike: a row goes
 * when its key was deleted later than the row was written. A delete at the very time of the row belongs to an upsert
 * that wrote the row, and leaves it. Each row is judged by itself: a key that is there twice counts twice.
 */

import { malformed } from "./damage.ts";
import type { DeleteSet, PrimaryKeys } from "./deletes.ts";

/** Rows of a segment, or the part of them that one log of each field holds. */
export interface RowChunk {
  primaryKeys(): AsyncIterable<PrimaryKeys>;
  /** Of the same rows in the same order; asked for only when one of the keys was deleted at some time. */
  timestamps(): AsyncIterable<BigUint64Array>;
}

export interface RowCount {
  readonly rows: bigint;
  readonly deleted: bigint;
}

/**
 * Counts rows and removed rows, one chunk after another; memory is that of one chunk's deletion times at most.
 * @throws CHECKSUM_MISMATCH when a chunk has not as many timestamps as keys
 */
export async function countDeletedRows(
  chunks: AsyncIterable<RowChunk> | Iterable<RowChunk>,
  deletes: readonly DeleteSet[],
): Promise<RowCount> {
  let rows = 0;
  let deleted = 0;
  for await (const chunk of chunks) {
    const pages: DeletedAt[] = [];
    let some = false;
    for await (const keys of chunk.primaryKeys()) {
      if (keys.length === 0) continue;
      rows += keys.length;
      const page = deletionTimes(keys, deletes);
      some ||= page.times !== undefined;
      pages.push(page);
    }
    if (some) deleted += await countRemoved(pages, chunk.timestamps());
  }
  return { rows: BigInt(rows), deleted: BigInt(deleted) };
}

/** `times` is absent when no key of the page was ever deleted; 0 stands for a key that was not. */
interface DeletedAt {
  readonly length: number;
  readonly times?: BigUint64Array;
}

function deletionTimes(keys: PrimaryKeys, deletes: readonly DeleteSet[]): DeletedAt {
  const times = new BigUint64Array(keys.length);
  let some = false;
  for (const set of deletes) if (set.mark(keys, times)) some = true;
  return some ? { length: keys.length, times } : { length: keys.length };
}

async function countRemoved(pages: readonly DeletedAt[], timestamps: AsyncIterable<BigUint64Array>): Promise<number> {
  let removed = 0;
  let index = 0;
  let row = 0;
  // Pages of the two columns do not end at the same rows.
  for await (const written of timestamps) {
    for (let i = 0; i < written.length; ) {
      const page = pages[index];
      if (page === undefined) throw malformed("segment has more row timestamps than primary keys");
      const length = Math.min(written.length - i, page.length - row);
      if (page.times !== undefined) {
        removed += countLater(page.times.subarray(row, row + length), written.subarray(i, i + length));
      }
      i += length;
      row += length;
      if (row === page.length) {
        index += 1;
        row = 0;
      }
    }
  }
  if (index !== pages.length) throw malformed("segment has fewer row timestamps than primary keys");
  return removed;
}

function countLater(deletedAt: BigUint64Array, written: BigUint64Array): number {
  let later = 0;
  for (let i = 0; i < deletedAt.length; i += 1) {
    const time = deletedAt[i] ?? 0n;
    if (time !== 0n && time > (written[i] ?? 0n)) later += 1;
  }
  return later;
}
