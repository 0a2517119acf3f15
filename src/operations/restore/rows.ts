/**
 * Whether the rows add up: what the backup promises, its deletes considered, against what the target reports. An import
 * job that skips a missing folder still completes, so its own word is not enough.
 */

import { AppError } from "../../base/errors.ts";
import { sleep } from "../../base/retry.ts";
import { readAll } from "../../base/streams.ts";
import type { Namespace } from "../../base/types.ts";
import { type ExpectedRows, expectedRows } from "../../binlog/expected_rows.ts";
import { collectionShape } from "../../binlog/shapes.ts";
import { deltaLogKey, insertLogKey } from "../../meta/layout.ts";
import type { CollectionMeta } from "../../meta/types.ts";
import { joinKey } from "../../storage/key.ts";
import type { MilvusContext } from "../context.ts";
import type { RowReport } from "./request.ts";
import { allSegments } from "./stored_objects.ts";

/** Log files are read whole, one after another; Milvus keeps them well below this. */
const MAX_LOG_BYTES = 1024 ** 3;
/** Bytes of primary keys and deletes read at most; beyond it the expectation is a range. */
const READ_BUDGET_BYTES = 4 * 1024 ** 3;
/** Milvus publishes the new segments' row counts a moment after the job has ended. */
const SETTLE_MS = 60_000;
const POLL_MS = 500;

export interface Expectation {
  readonly backedUp: bigint;
  readonly expected: ExpectedRows;
  /** Deletes of L0 segments are counted by the server only after its own compaction. */
  readonly hasL0: boolean;
}

export async function countExpected(
  context: Pick<MilvusContext, "backupRoot" | "signal">,
  backupName: string,
  meta: CollectionMeta,
): Promise<Expectation> {
  const shape = collectionShape(meta, {
    insertLog: (segment, fieldId, log) => insertLogKey(segment, fieldId, log.logId),
    deltaLog: (segment, log) => deltaLogKey(segment, log.logId),
  });
  const { signal } = context;
  const expected = await expectedRows({
    ...shape,
    maxBytes: READ_BUDGET_BYTES,
    read: async (key) => {
      const body = await context.backupRoot.get(joinKey(backupName, key), { signal });
      if (body.size <= MAX_LOG_BYTES) return await readAll(body.stream, MAX_LOG_BYTES);
      await body.stream.cancel();
      // Leaves the expectation a range.
      throw new AppError("UNSUPPORTED", `${key} has ${body.size} bytes, more than are looked at`);
    },
  });
  const segments = allSegments(meta);
  const backedUp = segments.filter((segment) => !segment.isL0).reduce((sum, segment) => sum + segment.rows, 0n);
  return { backedUp, expected, hasL0: segments.some((segment) => segment.isL0) };
}

/** Of a collection that nobody else has filled. @throws ROWS_MISMATCH */
export async function requireRows(
  context: Pick<MilvusContext, "milvus" | "signal" | "now">,
  namespace: Namespace,
  expected: Expectation,
): Promise<RowReport> {
  const deadline = context.now().getTime() + SETTLE_MS;
  while (true) {
    const restored = await context.milvus.statisticsRowCount(namespace, context.signal);
    if (isPromised(restored, expected)) return rowReport(restored, expected);
    if (context.now().getTime() >= deadline) throw mismatch(restored, expected);
    await sleep(POLL_MS, context.signal);
  }
}

/**
 * Of a collection that was there before: its own count says nothing, because others insert, delete and compact while the
 * import runs. What the import jobs say they brought is taken instead. @throws ROWS_MISMATCH
 */
export function requireImportedRows(imported: bigint, expected: Expectation): RowReport {
  if (isPromised(imported, expected)) return rowReport(imported, expected);
  throw mismatch(imported, expected);
}

function isPromised(rows: bigint, expectation: Expectation): boolean {
  return rows >= expectation.expected.min && rows <= atMost(expectation);
}

function atMost({ backedUp, expected, hasL0 }: Expectation): bigint {
  return hasL0 ? backedUp : expected.rows;
}

function rowReport(restored: bigint, { backedUp, expected }: Expectation): RowReport {
  const deleted = { min: backedUp - expected.rows, max: backedUp - expected.min, exact: expected.exact };
  return { backedUp, deleted, restored };
}

function mismatch(restored: bigint, expectation: Expectation): AppError {
  const { backedUp, expected } = expectation;
  const most = atMost(expectation);
  const promised = expected.min === most ? `${most}` : `${expected.min} to ${most}`;
  return new AppError(
    "ROWS_MISMATCH",
    `the target reports ${restored} rows where the backup promises ${promised} (${backedUp} rows, ` +
      `${backedUp - expected.rows} of them deleted)`,
    { details: { restored: restored.toString(), expected: promised } },
  );
}
