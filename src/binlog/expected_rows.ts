/**
 * How many rows a collection must have after its restore: the rows of its segments minus the rows that deletes remove.
 * Segments that no delete can hit are not read. A budget bounds what is read; beyond it the answer is a range.
 */

import { AppError, hasCode, withContext } from "../base/errors.ts";
import { createDeleteSet, type DeleteSet } from "./deletes.ts";
import { visitDeltaLog } from "./delta_log.ts";
import { holdsField, type KeyColumn, primaryKeyPages, TIMESTAMP_FIELD, timestampPages } from "./insert_log.ts";
import { countDeletedRows, type RowChunk } from "./surviving_rows.ts";

export interface LogObject {
  /** What `read` is asked for, such as "binlogs/delta_log/1/2/3/3/4"; ends with the log id. */
  readonly key: string;
  /** In bytes, where it is known: lets the budget refuse the log before it is read. */
  readonly size?: bigint;
}

/** The logs of one field (storage version 0 and 1) or of one column group (2 and newer). */
export interface LogGroup {
  readonly fieldId: bigint;
  readonly logs: readonly LogObject[];
}

export interface SegmentShape {
  readonly segmentId: bigint;
  readonly partitionId: bigint;
  /** "" when unknown: then L0 deletes of every channel are looked at. */
  readonly vChannel: string;
  /** As the backup's meta says. */
  readonly rows: bigint;
  readonly storageVersion: bigint;
  readonly insertLogs: readonly LogGroup[];
  readonly deltaLogs: readonly LogObject[];
}

export interface L0Shape {
  /** -1: deletes of all partitions. */
  readonly partitionId: bigint;
  /** "" when unknown: then the deletes count for every channel. */
  readonly vChannel: string;
  readonly deltaLogs: readonly LogObject[];
}

export interface ExpectedRowsInput {
  readonly primaryKey: KeyColumn;
  readonly segments: readonly SegmentShape[];
  readonly l0: readonly L0Shape[];
  /** The whole object. Called for one key at a time; for none when nothing was deleted. */
  read(key: string): Promise<Uint8Array>;
  /** Bytes to read at most, over all logs together. Without it there is no limit. */
  readonly maxBytes?: number;
}

export interface ExpectedRows {
  /** Rows after the deletes; the most there can be when `exact` is false. */
  readonly rows: bigint;
  /** The fewest there can be; equal to `rows` when `exact` is true. */
  readonly min: bigint;
  /** Rows that deletes remove for certain. */
  readonly deleted: bigint;
  readonly exact: boolean;
  /** Why it is not exact, a sentence for each log or segment that was not read. */
  readonly notes: readonly string[];
  /** Segments whose logs, where read, hold another number of rows than the meta says; `rows` goes by the logs. */
  readonly differing: readonly { readonly segmentId: bigint; readonly promised: bigint; readonly found: bigint }[];
}

/** @throws SHORT_BODY or CHECKSUM_MISMATCH for a damaged log, DATA_MISSING for logs that are not listed, and what `read` throws */
export async function expectedRows(input: ExpectedRowsInput): Promise<ExpectedRows> {
  const reader = budgetedReader(input);
  const notes: string[] = [];
  const differing: { segmentId: bigint; promised: bigint; found: bigint }[] = [];
  const segments = input.segments.filter((segment) => segment.rows > 0n);
  const l0 = await readL0(input, segments, reader, notes);
  let total = 0n;
  let deleted = 0n;
  let undecided = 0n;
  for (const segment of segments) {
    const count = await unlessUnsupported(notes, `segment ${segment.segmentId}`, async () => {
      const own = createDeleteSet(input.primaryKey.type);
      await addDeletes(own, segment.deltaLogs, reader);
      const sets = [...l0.filter((set) => applies(set, segment)).map((set) => set.deletes), own];
      if (sets.includes(undefined)) return undefined;
      const some = sets.filter((set) => set !== undefined && set.size > 0) as DeleteSet[];
      if (some.length === 0) return { rows: segment.rows, deleted: 0n };
      return countDeletedRows(await rowChunks(segment, input.primaryKey, reader), some);
    });
    total += count?.rows ?? segment.rows;
    deleted += count?.deleted ?? 0n;
    if (count === undefined) undecided += segment.rows;
    else if (count.rows !== segment.rows) {
      differing.push({ segmentId: segment.segmentId, promised: segment.rows, found: count.rows });
    }
  }
  const rows = total - deleted;
  return { rows, min: rows - undecided, deleted, exact: undecided === 0n, notes, differing };
}

/** Deletes of one partition (or of all) and one channel; `deletes` is undefined when they could not be read. */
interface L0Deletes {
  readonly partitionId: bigint;
  readonly vChannel: string;
  readonly deletes: DeleteSet | undefined;
}

function applies(l0: Pick<L0Shape, "partitionId" | "vChannel">, segment: SegmentShape): boolean {
  const partition = l0.partitionId === -1n || l0.partitionId === segment.partitionId;
  // A key always goes to the same channel, so an unknown one only costs time.
  return partition && (l0.vChannel === segment.vChannel || l0.vChannel === "" || segment.vChannel === "");
}

async function readL0(
  input: ExpectedRowsInput,
  segments: readonly SegmentShape[],
  read: LogReader,
  notes: string[],
): Promise<readonly L0Deletes[]> {
  const scopes = new Map<string, { readonly shape: L0Shape; readonly logs: LogObject[] }>();
  for (const shape of input.l0) {
    if (shape.deltaLogs.length === 0 || !segments.some((segment) => applies(shape, segment))) continue;
    const name = `${shape.partitionId}/${shape.vChannel}`;
    const scope = scopes.get(name) ?? { shape, logs: [] };
    scope.logs.push(...shape.deltaLogs);
    scopes.set(name, scope);
  }
  const result: L0Deletes[] = [];
  for (const { shape, logs } of scopes.values()) {
    const deletes = await unlessUnsupported(notes, `L0 deletes of partition ${shape.partitionId}`, async () => {
      const set = createDeleteSet(input.primaryKey.type);
      await addDeletes(set, logs, read);
      return set;
    });
    result.push({ partitionId: shape.partitionId, vChannel: shape.vChannel, deletes });
  }
  return result;
}

async function addDeletes(set: DeleteSet, logs: readonly LogObject[], read: LogReader): Promise<void> {
  for (const log of logs) {
    const content = await read(log);
    await naming(log, () => visitDeltaLog(content, (pk, timestamp) => set.add(pk, timestamp)));
  }
}

async function rowChunks(segment: SegmentShape, column: KeyColumn, read: LogReader): Promise<RowChunk[]> {
  const keyLogs = await logsOf(segment, column.fieldId, read);
  const together = segment.storageVersion >= 2n && (await firstHolds(keyLogs, TIMESTAMP_FIELD, read));
  const timestampLogs = together ? keyLogs : await logsOf(segment, TIMESTAMP_FIELD, read);
  if (keyLogs.length !== timestampLogs.length) {
    throw new AppError(
      "DATA_MISSING",
      `segment ${segment.segmentId}: ${keyLogs.length} logs of primary keys, ${timestampLogs.length} of row timestamps`,
    );
  }
  return keyLogs.map((keyLog, index) => {
    const timestampLog = timestampLogs[index] ?? keyLog;
    return {
      primaryKeys: () => pagesOf(keyLog, read, (content) => primaryKeyPages(content, column)),
      timestamps: () => pagesOf(timestampLog, read, timestampPages),
    };
  });
}

/** Logs that hold a field, oldest first: the n-th log of each field holds the same rows. */
async function logsOf(segment: SegmentShape, fieldId: bigint, read: LogReader): Promise<readonly LogObject[]> {
  const groups = segment.insertLogs
    .filter((group) => group.logs.length > 0 && (segment.storageVersion >= 2n || group.fieldId === fieldId))
    // Milvus puts keys and timestamps into the first group, which is mostly the only one that has to be looked at.
    .toSorted((a, b) => (a.fieldId < b.fieldId ? -1 : 1));
  for (const group of groups) {
    const logs = group.logs.toSorted((a, b) => compareLogIds(a.key, b.key));
    if (segment.storageVersion < 2n || (await firstHolds(logs, fieldId, read))) return logs;
  }
  throw new AppError("DATA_MISSING", `segment ${segment.segmentId}: no insert log of field ${fieldId} in the backup`);
}

async function firstHolds(logs: readonly LogObject[], fieldId: bigint, read: LogReader): Promise<boolean> {
  const [first] = logs;
  if (first === undefined) return false;
  const content = await read(first);
  return naming(first, () => holdsField(content, fieldId));
}

function compareLogIds(a: string, b: string): number {
  const [x = "", y = ""] = [a, b].map((key) => key.slice(key.lastIndexOf("/") + 1));
  return x.length - y.length || (x < y ? -1 : Number(x > y));
}

async function* pagesOf<T>(log: LogObject, read: LogReader, pages: (content: Uint8Array) => AsyncIterable<T>) {
  try {
    yield* pages(await read(log));
  } catch (error) {
    throw withContext(error, log.key, { key: log.key });
  }
}

async function naming<T>(log: LogObject, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw withContext(error, log.key, { key: log.key });
  }
}

/** What this version cannot read, or may not within its budget, leaves the answer open; damage does not. */
async function unlessUnsupported<T>(notes: string[], what: string, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!hasCode(error, "UNSUPPORTED")) throw error;
    notes.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

type LogReader = (log: LogObject) => Promise<Uint8Array>;

/** Keeps the last object, since keys and timestamps of a column group lie in the same one. */
function budgetedReader(input: ExpectedRowsInput): LogReader {
  let left = input.maxBytes ?? Number.POSITIVE_INFINITY;
  let last: { readonly key: string; readonly content: Uint8Array } | undefined;
  return async (log) => {
    if (last?.key === log.key) return last.content;
    if (left <= 0 || (log.size !== undefined && Number(log.size) > left)) {
      throw new AppError("UNSUPPORTED", `${log.key} was not read: the limit of ${input.maxBytes} bytes is used up`);
    }
    last = undefined;
    const content = await input.read(log.key);
    left -= content.length;
    last = { key: log.key, content };
    return content;
  };
}
