/**
 * From the segments that Milvus declares to the objects that hold them. Where the server names a segment's files (REST
 * segment describe) exactly those are taken; elsewhere the storage is listed, once a collection, and what is found must be
 * whole: every field present, every field with the same number of files. Nothing declared may be missing.
 */

import { AppError } from "../../base/errors.ts";
import type { Int64, Namespace } from "../../base/types.ts";
import { groupIdOf } from "../../meta/layout.ts";
import type { CollectionSchema, FieldBinlog, SegmentMeta } from "../../meta/types.ts";
import type { CollectionDescription, SegmentDescription, SegmentLogs } from "../../milvus/gateway.ts";
import type { ObjectInfo } from "../../storage/driver.ts";
import type { MilvusContext } from "../context.ts";
import { missingSegment } from "../root_path.ts";
import { type ListedLogs, type ListedSegment, listCollectionLogs } from "./listing.ts";

export interface SegmentObjects {
  readonly meta: SegmentMeta;
  readonly objects: readonly ObjectInfo[];
}

type Context = Pick<MilvusContext, "milvus" | "sourceRoot" | "openSourceRootAt" | "signal" | "progress">;

/** Every segment of a collection with its objects, in the order of `segments`. @throws DATA_MISSING */
export async function findSegmentObjects(
  context: Context,
  namespace: Namespace,
  collection: { readonly description: CollectionDescription; readonly segments: readonly SegmentDescription[] },
): Promise<readonly SegmentObjects[]> {
  const { description, segments } = collection;
  const name = `${namespace.database}.${namespace.collection}`;
  if (segments.length === 0) return [];
  const listed = await listCollectionLogs(context.sourceRoot, description.id, context.signal);
  const exact = await exactLogs(context, namespace, collection);
  const found: SegmentObjects[] = [];
  for (const segment of segments) {
    const files = listed.get(segment.id) ?? { insert: new Map(), delta: [] };
    const hasInsertLogs = files.insert.size > 0;
    if (!hasInsertLogs && !segment.isL0 && segment.rows > 0n) {
      throw await missingSegment(context, {
        collection: name,
        collectionId: description.id,
        partitionId: segment.partitionId,
        segmentId: segment.id,
        rows: segment.rows,
      });
    }
    // A sealed segment that never got a row has nothing to restore, and its deletes hit nothing.
    if (!hasInsertLogs && !segment.isL0) continue;
    const logs = exact?.get(segment.id);
    const chosen = logs === undefined ? files : pickDeclared(name, segment, files, logs);
    if (!segment.isL0 && segment.rows > 0n && countLogs(chosen) === 0) throw unnamedFiles(name, segment);
    if (segment.isL0 && chosen.delta.length === 0) throw missingDeletes(name, segment);
    if (logs === undefined && !segment.isL0) requireWholeFields(name, segment, files, description.schema);
    found.push(segmentObjects(context, segment, chosen, logs?.vChannel ?? ""));
  }
  return found;
}

async function exactLogs(
  context: Context,
  namespace: Namespace,
  collection: { readonly description: CollectionDescription; readonly segments: readonly SegmentDescription[] },
): Promise<ReadonlyMap<Int64, SegmentLogs> | undefined> {
  if (!context.milvus.server.supports("segmentDescribe")) return undefined;
  const ids = collection.segments.map((segment) => segment.id);
  try {
    const logs = await context.milvus.segmentLogs(namespace, collection.description.id, ids, context.signal);
    return new Map(logs.map((entry) => [entry.segmentId, entry]));
  } catch (error) {
    if (context.signal.aborted) throw error;
    context.progress.report({
      type: "warning",
      code: "SEGMENT_DESCRIBE_FAILED",
      message:
        `${namespace.database}.${namespace.collection}: the server did not name the segments' files ` +
        `(${error instanceof Error ? error.message : String(error)}); the storage listing is used instead`,
    });
    return undefined;
  }
}

/** Of the listed objects exactly those that the server declares; what lies beside them was left by upload retries. */
function pickDeclared(
  name: string,
  segment: SegmentDescription,
  files: ListedSegment,
  logs: SegmentLogs,
): ListedSegment {
  const insert = new Map<Int64, readonly ListedLogs[]>();
  for (const field of logs.insertLogs) {
    const present = new Map((files.insert.get(field.fieldId) ?? []).map((log) => [log.logId, log]));
    insert.set(
      field.fieldId,
      field.logIds.map((id) => present.get(id) ?? missingLog(name, segment, `field ${field.fieldId}`, id)),
    );
  }
  const deltas = new Map(files.delta.map((log) => [log.logId, log]));
  const delta = logs.deltaLogs
    .flatMap((field) => field.logIds)
    .map((id) => deltas.get(id) ?? missingLog(name, segment, "deletes", id));
  return { insert, delta };
}

function missingLog(name: string, segment: SegmentDescription, what: string, logId: Int64): never {
  throw new AppError(
    "DATA_MISSING",
    `segment ${segment.id}, ${what}: log file ${logId} is declared by Milvus and absent from the storage`,
    { details: { collection: name, segment: segment.id.toString(), log: logId.toString() } },
  );
}

function countLogs(files: ListedSegment): number {
  return [...files.insert.values()].reduce((count, logs) => count + logs.length, 0);
}

function unnamedFiles(name: string, segment: SegmentDescription): AppError {
  return new AppError(
    "DATA_MISSING",
    `segment ${segment.id} has ${segment.rows} rows, but the server names no files of it; try again`,
    { details: { collection: name, segment: segment.id.toString() } },
  );
}

/** An L0 segment is made of deletes alone: without them the deleted rows would come back. */
function missingDeletes(name: string, segment: SegmentDescription): AppError {
  return new AppError(
    "DATA_MISSING",
    `L0 segment ${segment.id} is declared by Milvus, and no delta log of it is named or in the storage`,
    { details: { collection: name, segment: segment.id.toString() } },
  );
}

/** Without the server's list, the fields vouch for each other. */
function requireWholeFields(
  name: string,
  segment: SegmentDescription,
  files: ListedSegment,
  schema: CollectionSchema,
): void {
  const expected = Math.max(...[...files.insert.values()].map((logs) => logs.length));
  const fail = (fieldId: Int64, count: number): never => {
    throw new AppError(
      "DATA_MISSING",
      `segment ${segment.id}, field ${fieldId} has ${count} log files where other fields have ${expected}; ` +
        "files are missing, or left over from upload retries: wait for compaction and garbage collection and try again",
      { details: { collection: name, segment: segment.id.toString(), field: fieldId.toString() } },
    );
  };
  for (const [fieldId, logs] of files.insert) {
    if (logs.length !== expected) fail(fieldId, logs.length);
  }
  if (segment.storageVersion > 1n) return;
  const ROW_ID = 0n;
  const TIMESTAMP = 1n;
  // A field that was added later may lack files in older segments; such a field is always nullable.
  const required = schema.fields.filter((field) => !field.nullable).map((field) => field.fieldId);
  for (const fieldId of [ROW_ID, TIMESTAMP, ...required]) {
    if (!files.insert.has(fieldId)) fail(fieldId, 0);
  }
}

function segmentObjects(
  context: Context,
  segment: SegmentDescription,
  files: ListedSegment,
  vChannel: string,
): SegmentObjects {
  const fieldBinlog = (fieldId: Int64, logs: readonly ListedLogs[]): FieldBinlog => ({
    fieldId,
    binlogs: logs.map((log) => ({
      logPath: context.sourceRoot.nativePath(log.object.key),
      logSize: BigInt(log.object.size),
      logId: log.logId,
    })),
  });
  const insert = [...files.insert].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const objects = [...insert.flatMap(([, logs]) => logs), ...files.delta].map((log) => log.object);
  return {
    objects,
    meta: {
      segmentId: segment.id,
      collectionId: segment.collectionId,
      partitionId: segment.partitionId,
      rows: segment.rows,
      insertLogs: insert.map(([fieldId, logs]) => fieldBinlog(fieldId, logs)),
      // Also without a delete: milvus-backup writes an empty entry then.
      deltaLogs: [fieldBinlog(0n, files.delta)],
      size: objects.reduce((sum, object) => sum + BigInt(object.size), 0n),
      groupId: groupIdOf(segment.partitionId, segment.id),
      isL0: segment.isL0,
      vChannel,
      storageVersion: segment.storageVersion,
    },
  };
}
