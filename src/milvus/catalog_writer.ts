/** Changes to what a server holds; each call is as idempotent as the server makes it. */

import { hasCode } from "../base/errors.ts";
import type { Namespace } from "../base/types.ts";
import { fromField, fromSchema } from "./convert.ts";
import type { CatalogWriter } from "./gateway.ts";
import type { GrpcChannel } from "./grpc_channel.ts";

/** Definitions go through the server's own log and may wait for it. */
const DEFINITION_DEADLINE_MS = 60_000;

export function createCatalogWriter(channel: GrpcChannel): CatalogWriter {
  const within = ({ database }: Namespace, signal: AbortSignal) => ({
    database,
    signal,
    deadlineMs: DEFINITION_DEADLINE_MS,
  });
  const named = ({ collection }: Namespace) => ({ collection_name: collection });
  const encode = (type: string, message: object): Uint8Array =>
    channel.proto.type(`milvus.proto.schema.${type}`).encode(message);

  return {
    createDatabase: async (name, properties, signal) => {
      await channel.call(
        "CreateDatabase",
        { db_name: name, properties: [...properties] },
        // A repetition would be told that the database exists.
        { signal, deadlineMs: DEFINITION_DEADLINE_MS, repeatable: false },
      );
    },

    dropDatabase: async (name, signal) => {
      try {
        await channel.call("DropDatabase", { db_name: name }, { signal, deadlineMs: DEFINITION_DEADLINE_MS });
      } catch (error) {
        if (!hasCode(error, "NOT_FOUND")) throw error;
      }
    },

    createCollection: async ({ namespace, schema, shards, consistencyLevel, properties, partitions }, signal) => {
      await channel.call(
        "CreateCollection",
        {
          ...named(namespace),
          schema: encode("CollectionSchema", fromSchema(schema, namespace.collection)),
          shards_num: shards,
          consistency_level: consistencyLevel,
          properties: [...properties],
          num_partitions: String(partitions),
        },
        within(namespace, signal),
      );
    },

    addField: async (namespace, field, signal) => {
      await channel.call(
        "AddCollectionField",
        { ...named(namespace), schema: encode("FieldSchema", fromField(field)) },
        { ...within(namespace, signal), repeatable: false },
      );
    },

    alterProperties: async (namespace, properties, signal) => {
      // The server refuses an empty list.
      if (properties.length === 0) return;
      await channel.call(
        "AlterCollection",
        { ...named(namespace), properties: [...properties] },
        within(namespace, signal),
      );
    },

    createPartition: async (namespace, partition, signal) => {
      await channel.call(
        "CreatePartition",
        { ...named(namespace), partition_name: partition },
        within(namespace, signal),
      );
    },

    createIndex: async (namespace, { fieldName, indexName, params }, signal) => {
      await channel.call(
        "CreateIndex",
        {
          ...named(namespace),
          field_name: fieldName,
          index_name: indexName,
          extra_params: Object.entries(params).map(([key, value]) => ({ key, value })),
        },
        within(namespace, signal),
      );
    },

    dropIndex: async (namespace, { fieldName, indexName }, signal) => {
      await channel.call(
        "DropIndex",
        { ...named(namespace), field_name: fieldName, index_name: indexName },
        within(namespace, signal),
      );
    },

    createAlias: async (namespace, alias, signal) => {
      await channel.call("CreateAlias", { ...named(namespace), alias }, within(namespace, signal));
    },

    alterAlias: async (namespace, alias, signal) => {
      await channel.call("AlterAlias", { ...named(namespace), alias }, within(namespace, signal));
    },

    loadCollection: async (namespace, signal) => {
      await channel.call("LoadCollection", named(namespace), within(namespace, signal));
    },

    releaseCollection: async (namespace, signal) => {
      await channel.call("ReleaseCollection", named(namespace), within(namespace, signal));
    },

    renameCollection: async (from, to, signal) => {
      await channel.call(
        "RenameCollection",
        {
          oldName: from.collection,
          newName: to.collection,
          // "" is the same database, also on servers that cannot move a collection to another one.
          newDBName: from.database === to.database ? "" : to.database,
        },
        { ...within(from, signal), repeatable: false },
      );
    },

    dropCollection: async (namespace, signal) => {
      try {
        await channel.call("DropCollection", named(namespace), within(namespace, signal));
      } catch (error) {
        if (!hasCode(error, "NOT_FOUND")) throw error;
      }
    },
  };
}
