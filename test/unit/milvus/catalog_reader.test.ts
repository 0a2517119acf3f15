import { describe, expect, test } from "bun:test";
import { hasCode } from "../../../src/base/errors.ts";
import type { MilvusGateway } from "../../../src/milvus/gateway.ts";
import { loadMilvusProto } from "../../../src/milvus/proto.ts";
import {
  connectionTo,
  connectTo,
  handshakeReplies,
  RECORDED_VERSIONS,
  type RecordedVersion,
  type ReplayServer,
  type Replies,
  recordedCall,
  signal,
  startReplay,
} from "../../support/replay_milvus.ts";

const ns = { database: "default", collection: "z_parts" };

async function withReplies(
  version: RecordedVersion,
  replies: Replies,
  work: (milvus: MilvusGateway, server: ReplayServer) => Promise<void>,
): Promise<void> {
  await using server = await startReplay({ replies: { ...handshakeReplies(version), ...replies } });
  await using milvus = await connectTo(connectionTo(server.port));
  await work(milvus, server);
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return await work.then(
    () => "no error",
    (error: { readonly code: string }) => error.code,
  );
}

for (const version of RECORDED_VERSIONS) {
  describe(`a catalog as ${version} answers`, () => {
    test("a described collection has its ids, channels, aliases and properties exactly", async () => {
      const recorded = recordedCall(version, "DescribeCollection", "z_parts");
      await withReplies(version, { DescribeCollection: recorded }, async (milvus, server) => {
        const found = await milvus.describeCollection(ns, signal);
        expect(found.name).toBe("z_parts");
        expect(found.databaseName).toBe("default");
        expect(found.id > 2n ** 53n).toBe(true);
        expect(found.createdTimestamp > 2n ** 53n).toBe(true);
        expect(found.shards).toBe(2);
        expect(found.consistencyLevel).toBe(0);
        expect([...found.aliases].sort()).toEqual(["z_alias", "z_alias2"]);
        expect(found.virtualChannels).toHaveLength(2);
        expect(found.properties).toContainEqual({ key: "collection.ttl.seconds", value: "315360000" });
        expect(found.schema.enableDynamicField).toBe(true);
        expect(found.external).toBe(false);
        expect(Buffer.from(found.raw).toString("base64")).toBe(recorded.response);
        expect(server.seen("DescribeCollection")[0]?.request).toMatchObject({
          db_name: "default",
          collection_name: "z_parts",
        });
        expect(server.seen("DescribeCollection")[0]?.metadata.dbname).toBe("default");
      });
    });

    test("a stored description reads the same as a fresh one", async () => {
      await withReplies(
        version,
        { DescribeCollection: recordedCall(version, "DescribeCollection", "z_types") },
        async (milvus) => {
          const found = await milvus.describeCollection({ ...ns, collection: "z_types" }, signal);
          expect(milvus.decodeDescription(found.raw)).toEqual(found);
        },
      );
    });

    test("partition keys, arrays and automatic ids are read", async () => {
      await withReplies(
        version,
        { DescribeCollection: recordedCall(version, "DescribeCollection", "z_types") },
        async (milvus) => {
          const { fields } = (await milvus.describeCollection(ns, signal)).schema;
          expect(fields.filter((field) => field.isPartitionKey)).toHaveLength(1);
          expect(fields.some((field) => field.dataType === 22 && field.elementType !== 0)).toBe(true);
          expect(fields.find((field) => field.isPrimaryKey)?.dataType).toBe(21);
        },
      );
      await withReplies(
        version,
        { DescribeCollection: recordedCall(version, "DescribeCollection", "z_auto") },
        async (milvus) => {
          const { fields } = (await milvus.describeCollection(ns, signal)).schema;
          expect(fields.find((field) => field.isPrimaryKey)?.autoId).toBe(true);
          expect(fields.filter((field) => field.isClusteringKey)).toHaveLength(1);
        },
      );
    });

    test("an absent collection and an absent database are NOT_FOUND", async () => {
      for (const name of ["absent", "absent db"]) {
        await withReplies(
          version,
          { DescribeCollection: recordedCall(version, "DescribeCollection", name) },
          async (milvus) => {
            expect(await codeOf(milvus.describeCollection({ ...ns, collection: "nope" }, signal))).toBe("NOT_FOUND");
          },
        );
      }
    });

    test("a collection is there, is not there, or its database is not there", async () => {
      for (const [name, expected] of [
        ["present", true],
        ["absent", false],
        ["absent db", false],
      ] as const) {
        await withReplies(version, { HasCollection: recordedCall(version, "HasCollection", name) }, async (milvus) => {
          expect(await milvus.hasCollection(ns, signal)).toBe(expected);
        });
      }
    });

    test("no index is an empty list, an absent collection is not", async () => {
      await withReplies(
        version,
        { DescribeIndex: recordedCall(version, "DescribeIndex", "z_auto") },
        async (milvus) => {
          expect(await milvus.listIndexes(ns, signal)).toEqual([]);
        },
      );
      await withReplies(
        version,
        { DescribeIndex: recordedCall(version, "DescribeIndex", "absent collection") },
        async (milvus) => {
          expect(await codeOf(milvus.listIndexes(ns, signal))).toBe("NOT_FOUND");
        },
      );
    });

    test("indexes have their parameters and exact ids", async () => {
      await withReplies(
        version,
        { DescribeIndex: recordedCall(version, "DescribeIndex", "z_parts") },
        async (milvus) => {
          const index = (await milvus.listIndexes(ns, signal)).find(({ fieldName }) => fieldName === "v");
          expect(index).toMatchObject({
            indexName: "v_hnsw",
            indexType: "HNSW",
            params: { M: "8", efConstruction: "64", metric_type: "COSINE", index_type: "HNSW" },
          });
          expect((index?.indexId ?? 0n) > 2n ** 53n).toBe(true);
        },
      );
    });

    test("load states, by state and by progress", async () => {
      for (const [name, expected] of [
        ["GetLoadState loaded", "Loaded"],
        ["GetLoadState not loaded", "NotLoad"],
      ] as const) {
        await withReplies(
          version,
          { GetLoadState: recordedCall(version, "GetLoadingProgress", name) },
          async (milvus) => {
            expect(await milvus.loadState(ns, signal)).toBe(expected);
          },
        );
      }
      await withReplies(
        version,
        { GetLoadState: recordedCall(version, "GetLoadingProgress", "GetLoadState absent") },
        async (milvus) => {
          expect(await codeOf(milvus.loadState(ns, signal))).toBe("NOT_FOUND");
        },
      );
      for (const [name, expected] of [
        ["z_parts", "Loaded"],
        ["z_types", "NotLoad"],
      ] as const) {
        await withReplies(
          version,
          { GetLoadingProgress: recordedCall(version, "GetLoadingProgress", name) },
          async (milvus) => {
            expect(await milvus.loadState(ns, signal)).toBe(expected);
          },
        );
      }
    });

    test("databases, collections and partitions are listed", async () => {
      const replies: Replies = {
        ShowCollections: recordedCall(version, "ShowCollections", "dbname metadata default"),
        ShowPartitions: recordedCall(version, "ShowPartitions", "z_parts"),
        DescribeDatabase: recordedCall(version, "DescribeDatabase", 'db_name="db_two"'),
      };
      await withReplies(version, replies, async (milvus) => {
        expect([...(await milvus.listDatabases(signal))].sort()).toEqual(["db_two", "default"]);
        expect(await milvus.listCollections("default", signal)).toContain("z_parts");
        const partitions = await milvus.listPartitions(ns, signal);
        expect(partitions.map(({ name }) => name).sort()).toEqual(["_default", "p2024", "p2025"]);
        expect(partitions.every(({ id }) => id > 2n ** 53n)).toBe(true);
        const database = await milvus.describeDatabase("db_two", signal);
        expect(database.name).toBe("db_two");
        expect(database.id > 0n).toBe(true);
      });
    });
  });
}

describe("schemas of newer servers", () => {
  test("struct arrays come with their own fields (2.6)", async () => {
    await withReplies(
      "2.6.3",
      { DescribeCollection: recordedCall("2.6.3", "DescribeCollection", "z_struct") },
      async (milvus) => {
        const [items] = (await milvus.describeCollection(ns, signal)).schema.structArrayFields;
        expect(items?.name).toBe("items");
        expect(items?.fields.map(({ name, dataType }) => [name, dataType])).toEqual([
          ["tag", 22],
          ["n", 22],
          ["ev", 106],
        ]);
      },
    );
  });

  test("functions come with their fields (2.5 and 2.6)", async () => {
    for (const version of ["2.5.8", "2.6.3"] as const) {
      await withReplies(
        version,
        { DescribeCollection: recordedCall(version, "DescribeCollection", "z_bm25") },
        async (milvus) => {
          const { functions, fields } = (await milvus.describeCollection(ns, signal)).schema;
          expect(functions[0]).toMatchObject({ type: 1, outputFieldNames: ["sv"] });
          expect(fields.find(({ name }) => name === "sv")?.isFunctionOutput).toBe(true);
        },
      );
    }
  });

  test("default values are the exact bytes of the wire, zero values and members unknown to us included", async () => {
    const proto = await loadMilvusProto();
    const value = proto.type("milvus.proto.schema.ValueField");
    const values = [
      value.encode({ bool_data: false }),
      value.encode({ int_data: -5 }),
      value.encode({ long_data: "9223372036854775807" }),
      value.encode({ float_data: 0.1 }),
      value.encode({ double_data: 0.1 }),
      value.encode({ string_data: "" }),
      value.encode({ bytes_data: Buffer.from([0, 255]) }),
      new Uint8Array([0x9a, 0x06, 0x01, 0x78]),
    ];
    const fields = [...values, undefined].map((bytes, index) => ({
      fieldID: String(100 + index),
      name: `f${index}`,
      ...(bytes === undefined ? {} : { default_value: bytes }),
    }));
    const message = { status: {}, schema: { name: "d", fields }, collectionID: "1", collection_name: "d" };
    await withReplies("2.6.3", { DescribeCollection: { message } }, async (milvus) => {
      const found = await milvus.describeCollection(ns, signal);
      const read = found.schema.fields.map(
        ({ defaultValue }) => defaultValue && Buffer.from(defaultValue).toString("hex"),
      );
      expect(read).toEqual([...values.map((bytes) => Buffer.from(bytes).toString("hex")), undefined]);
      expect(found.schema.fields.at(-1)).not.toHaveProperty("defaultValue");
      expect(read[0]).toBe("0800");
    });
  });

  test("a field that names an external source makes the collection external", async () => {
    const message = { schema: { name: "x", fields: [{ name: "id", external_field: "id" }] }, collectionID: "1" };
    await withReplies("2.6.3", { DescribeCollection: { message } }, async (milvus) => {
      expect((await milvus.describeCollection(ns, signal)).external).toBe(true);
    });
  });

  test("data types newer than ours pass through as numbers", async () => {
    const message = { schema: { name: "x", fields: [{ name: "u", data_type: 31 }] }, collectionID: "1" };
    await withReplies("2.6.3", { DescribeCollection: { message } }, async (milvus) => {
      expect((await milvus.describeCollection(ns, signal)).schema.fields[0]?.dataType).toBe(31);
    });
  });

  test("bytes that are no description are refused", async () => {
    await withReplies("2.6.3", {}, async (milvus) => {
      expect(() => milvus.decodeDescription(new Uint8Array([0x0a, 0xff, 0xff]))).toThrow("cannot be read");
    });
  });
});

describe("row counts", () => {
  const loaded = { GetLoadState: { message: { status: {}, state: 3 } } } satisfies Replies;
  const counted = (count: string): Replies => ({
    ...loaded,
    Query: { message: { status: {}, fields_data: [{ scalars: { long_data: { data: [count] } } }] } },
  });

  test("a loaded collection is counted with strong consistency", async () => {
    await withReplies("2.6.3", counted("9007199254740993"), async (milvus, server) => {
      expect(await milvus.countLoadedRows(ns, signal)).toBe(9007199254740993n);
      expect(server.seen("Query")[0]?.request).toMatchObject({ output_fields: ["count(*)"], consistency_level: 0 });
    });
  });

  test("one that is not loaded is not counted", async () => {
    await withReplies("2.6.3", { GetLoadState: { message: { status: {}, state: 1 } } }, async (milvus, server) => {
      expect(await milvus.countLoadedRows(ns, signal)).toBeUndefined();
      expect(server.seen("Query")).toHaveLength(0);
    });
  });

  test("a server that cannot count (2.2) is told apart from one that fails", async () => {
    const refusing = (reason: string): Replies => ({
      ...loaded,
      Query: { message: { status: { error_code: 1, reason } } },
    });
    await withReplies("2.4.23", refusing("query expression is empty"), async (milvus) => {
      expect(await milvus.countLoadedRows(ns, signal)).toBeUndefined();
    });
    await withReplies("2.4.23", refusing("out of memory"), async (milvus) => {
      const error: unknown = await milvus.countLoadedRows(ns, signal).catch((caught: unknown) => caught);
      expect(hasCode(error, "MILVUS_ERROR")).toBe(true);
    });
  });

  test("statistics give the stored rows", async () => {
    const message = { status: {}, stats: [{ key: "row_count", value: "1000" }] };
    await withReplies("2.6.3", { GetCollectionStatistics: { message } }, async (milvus) => {
      expect(await milvus.statisticsRowCount(ns, signal)).toBe(1000n);
    });
    await withReplies("2.6.3", { GetCollectionStatistics: { message: { status: {} } } }, async (milvus) => {
      expect(await codeOf(milvus.statisticsRowCount(ns, signal))).toBe("MILVUS_ERROR");
    });
  });
});
