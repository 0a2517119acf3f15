/** Which segments a collection has and which files they consist of. */

import { AppError } from "../base/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import type { SegmentLogs, SegmentReader } from "./gateway.ts";
import type { GrpcChannel } from "./grpc_channel.ts";
import type { RestClient } from "./http_clients.ts";

/** common.SegmentState of segments whose files are, or are about to be, complete in the object storage. */
const PERSISTENT: ReadonlySet<string> = new Set(["Sealed", "Flushing", "Flushed"]);
const L0 = 1;
const SEGMENTS_PER_REQUEST = 100;
const DESCRIBE_PATH = "/v2/vectordb/segments/describe";

export interface SegmentReaderOptions {
  readonly channel: GrpcChannel;
  readonly rest: RestClient;
  readonly segmentDescribe: boolean;
}

export function createSegmentReader({ channel, rest, segmentDescribe }: SegmentReaderOptions): SegmentReader {
  return {
    listSegments: async ({ database, collection }, signal) => {
      const answer = await channel.call(
        "GetPersistentSegmentInfo",
        { collectionName: collection },
        { database, signal },
      );
      return answer.infos
        .map((info) => ({
          id: BigInt(info.segmentID),
          collectionId: BigInt(info.collectionID),
          partitionId: BigInt(info.partitionID),
          rows: BigInt(info.num_rows),
          state: channel.proto.enumName("milvus.proto.common.SegmentState", info.state),
          isL0: info.level === L0,
          storageVersion: BigInt(info.storage_version),
        }))
        .filter(({ state, rows, isL0 }) => PERSISTENT.has(state) && (isL0 || rows > 0n));
    },

    segmentLogs: async ({ database }, collectionId, segmentIds, signal) => {
      if (!segmentDescribe) {
        throw new AppError(
          "UNSUPPORTED",
          `Milvus ${channel.address} cannot list a segment's files (needs 2.5.8 or newer)`,
        );
      }
      const found: SegmentLogs[] = [];
      for (let start = 0; start < segmentIds.length; start += SEGMENTS_PER_REQUEST) {
        const batch = segmentIds.slice(start, start + SEGMENTS_PER_REQUEST);
        const data = await rest.post(DESCRIBE_PATH, { dbName: database, collectionId, segmentIds: batch }, { signal });
        found.push(...readSegments(data, batch, rest.endpoint));
      }
      return found;
    },
  };
}

/** In the order of `ids`, whatever order the server answers in. */
function readSegments(data: JsonObject, ids: readonly bigint[], endpoint: string): readonly SegmentLogs[] {
  const byId = new Map<bigint, SegmentLogs>();
  for (const info of arrayOf(data.segmentInfos)) {
    const id = isJsonObject(info) ? info.segmentID : undefined;
    if (!isJsonObject(info) || typeof id !== "bigint") throw unreadable(endpoint);
    byId.set(id, {
      segmentId: id,
      vChannel: typeof info.vChannel === "string" ? info.vChannel : "",
      insertLogs: readLogs(info.insertLogs, endpoint),
      deltaLogs: readLogs(info.deltaLogs, endpoint),
    });
  }
  return ids.map((id) => {
    const segment = byId.get(id);
    if (segment === undefined) throw new AppError("NOT_FOUND", `${endpoint} does not know segment ${id}`);
    return segment;
  });
}

function readLogs(logs: JsonValue | undefined, endpoint: string): SegmentLogs["insertLogs"] {
  return arrayOf(logs).map((log) => {
    if (!isJsonObject(log)) throw unreadable(endpoint);
    const { fieldID: fieldId = 0n, logIDs } = log;
    const logIds = arrayOf(logIDs);
    if (typeof fieldId !== "bigint" || !logIds.every((id) => typeof id === "bigint")) throw unreadable(endpoint);
    return { fieldId, logIds };
  });
}

/** Go writes an absent list as null. */
function arrayOf(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? value : [];
}

function unreadable(endpoint: string): AppError {
  return new AppError("MILVUS_ERROR", `${endpoint}${DESCRIBE_PATH} answered in a form this version does not know`);
}
