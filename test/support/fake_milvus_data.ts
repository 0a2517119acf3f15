/** The log files of the fake Milvus: real bytes, and a table of what they hold. */

import { checksumOf } from "../../src/base/checksum.ts";
import { AppError } from "../../src/base/errors.ts";
import { readAll, streamOf } from "../../src/base/streams.ts";
import { parseSourceLogKey, sourceLogPrefixes } from "../../src/meta/layout.ts";
import type { StorageDriver } from "../../src/storage/driver.ts";
import { objectKey } from "../../src/storage/key.ts";
import { fieldLog, jsonDeltaLog } from "../unit/binlog/make_logs.ts";

export interface FakeRow {
  readonly pk: bigint;
  readonly ts: bigint;
}

/** A segment that is stored: which files it declares. */
export interface FakeSegment {
  readonly id: bigint;
  readonly collectionId: bigint;
  /** -1 for deletes of all partitions. */
  readonly partitionId: bigint;
  readonly rows: readonly FakeRow[];
  readonly isL0: boolean;
  readonly vChannel: string;
  readonly insertLogs: Map<bigint, bigint[]>;
  readonly deltaLogs: bigint[];
}

export const PK_FIELD = 100n;
const TIMESTAMP_FIELD = 1n;
const never = new AbortController().signal;

/** Digest of a log file -> what is in it; whatever reaches Milvus with one other bit is unknown to it. */
const contents = new Map<string, readonly FakeRow[]>();

/** Writes one file for each field, and declares it. */
export async function writeRows(
  root: StorageDriver,
  segment: FakeSegment,
  log: { readonly fieldIds: readonly bigint[]; readonly nextId: () => bigint; readonly rows: readonly FakeRow[] },
): Promise<void> {
  const { insert } = sourceLogPrefixes({ ...segment, segmentId: segment.id });
  for (const fieldId of log.fieldIds) {
    const logId = log.nextId();
    const values = log.rows.map((row) => (fieldId === TIMESTAMP_FIELD ? row.ts : row.pk));
    const content = fieldLog(values);
    if (fieldId === PK_FIELD) contents.set(digestOf(content), log.rows);
    await put(root, `${insert}${fieldId}/${logId}`, content);
    segment.insertLogs.set(fieldId, [...(segment.insertLogs.get(fieldId) ?? []), logId]);
  }
}

/** Writes one delta log, and declares it. */
export async function writeDeletes(
  root: StorageDriver,
  segment: FakeSegment,
  log: { readonly logId: bigint; readonly deletes: readonly FakeRow[] },
): Promise<void> {
  const content = jsonDeltaLog(log.deletes.map(({ pk, ts }) => [pk, ts] as const));
  contents.set(digestOf(content), log.deletes);
  await put(root, `${sourceLogPrefixes({ ...segment, segmentId: segment.id }).delta}${log.logId}`, content);
  segment.deltaLogs.push(log.logId);
}

/**
 * What an import finds below a folder: rows of the primary keys' files, or deletes. A folder that is not there holds
 * nothing, as for Milvus.
 * @throws MILVUS_ERROR for a file whose content nobody wrote
 */
export async function readFolder(
  bucket: StorageDriver,
  folder: string,
  kind: "insert" | "delta",
): Promise<readonly FakeRow[]> {
  const rows: FakeRow[] = [];
  for await (const { key } of bucket.list(folder, { signal: never })) {
    const log = parseSourceLogKey(withoutGroup(key));
    if (log?.kind !== kind) throw new AppError("MILVUS_ERROR", `${key} is no log file`);
    if (log.kind === "insert" && log.fieldId !== PK_FIELD) continue;
    const { stream } = await bucket.get(key, { signal: never });
    const found = contents.get(digestOf(await readAll(stream, 1 << 30)));
    if (found === undefined) throw new AppError("MILVUS_ERROR", `${key} cannot be decoded`);
    rows.push(...found);
  }
  return rows;
}

/** Rows that no delete hits: a delete hits what was written before it. */
export function surviving(rows: readonly FakeRow[], deletes: readonly FakeRow[]): readonly FakeRow[] {
  return rows.filter((row) => !deletes.some(({ pk, ts }) => pk === row.pk && ts > row.ts));
}

/** A backup puts a group between partition and segment: one number more than Milvus' own keys have. */
function withoutGroup(key: string): string {
  const [, kind = "", rest = ""] = /(insert_log|delta_log)\/(.+)$/.exec(key) ?? [];
  const ids = rest.split("/");
  if (ids.length > (kind === "insert_log" ? 5 : 4)) ids.splice(2, 1);
  return `${kind}/${ids.join("/")}`;
}

function digestOf(content: Uint8Array): string {
  return checksumOf("sha256", content).value;
}

async function put(root: StorageDriver, key: string, content: Uint8Array): Promise<void> {
  await root.put(objectKey(key), { size: content.length, open: async () => streamOf(content) }, { signal: never });
}
