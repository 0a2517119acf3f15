/** What a server holds: databases, collections, partitions, indexes, load states, row counts. */

import { AppError, hasCode } from "../base/errors.ts";
import type { Namespace } from "../base/types.ts";
import type { LoadState } from "../meta/types.ts";
import { toDescription, toIndex, toKeyValues } from "./convert.ts";
import type { CatalogReader, CollectionDescription } from "./gateway.ts";
import type { GrpcChannel } from "./grpc_channel.ts";
import { isIndexNotFound, isNotLoaded, serverReason } from "./grpc_errors.ts";
import type { WireDescribeCollection } from "./messages.ts";
import type { MilvusProto } from "./proto.ts";

/** common.LoadState */
const LOAD_STATES: readonly LoadState[] = ["NotExist", "NotLoad", "Loading", "Loaded"];
const STRONG = 0;
const COUNT_DEADLINE_MS = 120_000;

export interface CatalogReaderOptions {
  readonly channel: GrpcChannel;
  /** The server knows databases at all. */
  readonly databases: boolean;
  /** It can describe them. */
  readonly describeDatabase: boolean;
}

export function createCatalogReader({ channel, databases, describeDatabase }: CatalogReaderOptions): CatalogReader {
  const within = ({ database }: Namespace, signal: AbortSignal) => ({ database, signal });
  const named = ({ collection }: Namespace) => ({ collection_name: collection });

  const loadState = async (namespace: Namespace, signal: AbortSignal): Promise<LoadState> => {
    try {
      const { state } = await channel.call("GetLoadState", named(namespace), within(namespace, signal));
      if (state === 0) {
        throw new AppError("NOT_FOUND", `collection ${label(namespace)} does not exist on Milvus ${channel.address}`);
      }
      return LOAD_STATES[state] ?? String(state);
    } catch (error) {
      // Servers before 2.2.9 do not have it.
      if (!hasCode(error, "UNSUPPORTED")) throw error;
      return await loadingProgressState(channel, namespace, signal);
    }
  };

  return {
    loadState,

    listDatabases: async (signal) => {
      if (!databases) return ["default"];
      return [...(await channel.call("ListDatabases", {}, { signal })).db_names];
    },

    describeDatabase: async (name, signal) => {
      if (!describeDatabase) return { name, id: 0n, properties: [] };
      const answer = await channel.call("DescribeDatabase", { db_name: name }, { signal });
      return { name, id: BigInt(answer.dbID), properties: toKeyValues(answer.properties) };
    },

    listCollections: async (database, signal) => {
      const answer = await channel.call("ShowCollections", {}, { database, signal });
      return [...answer.collection_names];
    },

    hasCollection: async (namespace, signal) => {
      try {
        return (await channel.call("HasCollection", named(namespace), within(namespace, signal))).value;
      } catch (error) {
        if (hasCode(error, "NOT_FOUND")) return false;
        throw error;
      }
    },

    describeCollection: async (namespace, signal) => {
      const { response, bytes } = await channel.callForBytes(
        "DescribeCollection",
        named(namespace),
        within(namespace, signal),
      );
      const description = toDescription(response, bytes);
      return description.databaseName === "" ? { ...description, databaseName: namespace.database } : description;
    },

    decodeDescription: (raw) => decodeDescription(channel.proto, raw),

    listPartitions: async (namespace, signal) => {
      const answer = await channel.call("ShowPartitions", named(namespace), within(namespace, signal));
      return answer.partition_names.map((name, index) => {
        const id = answer.partitionIDs[index];
        if (id === undefined) {
          throw new AppError(
            "MILVUS_ERROR",
            `Milvus ${channel.address} names partitions of ${label(namespace)} without ids`,
          );
        }
        return { id: BigInt(id), name };
      });
    },

    listIndexes: async (namespace, signal) => {
      try {
        const answer = await channel.call("DescribeIndex", named(namespace), within(namespace, signal));
        return answer.index_descriptions.map(toIndex);
      } catch (error) {
        if (isIndexNotFound(error)) return [];
        throw error;
      }
    },

    countLoadedRows: async (namespace, signal) => {
      if ((await loadState(namespace, signal)) !== "Loaded") return undefined;
      try {
        const answer = await channel.call(
          "Query",
          {
            ...named(namespace),
            expr: "",
            output_fields: ["count(*)"],
            consistency_level: STRONG,
            // The timestamp is what decides on servers before 2.2.9: 0 is strong.
            guarantee_timestamp: "0",
          },
          { ...within(namespace, signal), deadlineMs: COUNT_DEADLINE_MS },
        );
        const count = answer.fields_data[0]?.scalars?.long_data?.data[0];
        return count === undefined ? undefined : BigInt(count);
      } catch (error) {
        // 2.2 knows no count(*) and asks for an expression; a collection may be released meanwhile.
        if (/query expression is empty/i.test(serverReason(error)) || isNotLoaded(error)) return undefined;
        throw error;
      }
    },

    statisticsRowCount: async (namespace, signal) => {
      const answer = await channel.call("GetCollectionStatistics", named(namespace), within(namespace, signal));
      const rows = answer.stats.find(({ key }) => key === "row_count")?.value ?? "";
      if (!/^\d+$/.test(rows)) {
        throw new AppError("MILVUS_ERROR", `Milvus ${channel.address} gives no row_count for ${label(namespace)}`);
      }
      return BigInt(rows);
    },
  };
}

/** Reads a stored DescribeCollectionResponse. @throws MILVUS_ERROR when the bytes are something else */
export function decodeDescription(proto: MilvusProto, raw: Uint8Array): CollectionDescription {
  try {
    const answer = proto.type("milvus.proto.milvus.DescribeCollectionResponse").decode(raw);
    return toDescription(answer as WireDescribeCollection, raw);
  } catch (cause) {
    throw new AppError("MILVUS_ERROR", "a stored collection description cannot be read", { cause });
  }
}

async function loadingProgressState(
  channel: GrpcChannel,
  namespace: Namespace,
  signal: AbortSignal,
): Promise<LoadState> {
  try {
    const request = { collection_name: namespace.collection };
    const { progress } = await channel.call("GetLoadingProgress", request, { database: namespace.database, signal });
    if (progress === "100") return "Loaded";
    return progress === "0" ? "NotLoad" : "Loading";
  } catch (error) {
    if (isNotLoaded(error)) return "NotLoad";
    throw error;
  }
}

function label({ database, collection }: Namespace): string {
  return `${database}.${collection}`;
}
