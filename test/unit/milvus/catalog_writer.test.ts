import { describe, expect, test } from "bun:test";
import { hasCode } from "../../../src/base/errors.ts";
import type { CollectionSchema, FieldSchema } from "../../../src/meta/types.ts";
import { toSchema } from "../../../src/milvus/convert.ts";
import type { WireCollectionSchema } from "../../../src/milvus/messages.ts";
import { loadMilvusProto } from "../../../src/milvus/proto.ts";
import {
  connectionTo,
  connectTo,
  handshakeReplies,
  RECORDED_VERSIONS,
  recordedCall,
  type SeenCall,
  signal,
  startReplay,
} from "../../support/replay_milvus.ts";

const ns = { database: "db_two", collection: "made" };
const OK = { message: {} };

function field(id: bigint, name: string, dataType: number, more: Partial<FieldSchema> = {}): FieldSchema {
  return {
    fieldId: id,
    name,
    isPrimaryKey: false,
    description: "",
    dataType,
    typeParams: [],
    indexParams: [],
    autoId: false,
    elementType: 0,
    isDynamic: false,
    isPartitionKey: false,
    nullable: false,
    isFunctionOutput: false,
    ...more,
  };
}

function schemaOf(fields: readonly FieldSchema[], more: Partial<CollectionSchema> = {}): CollectionSchema {
  return {
    name: "source",
    description: "",
    autoId: false,
    fields,
    enableDynamicField: false,
    properties: [],
    functions: [],
    structArrayFields: [],
    ...more,
  };
}

async function schemaSent(call: SeenCall | undefined, type = "CollectionSchema"): Promise<object> {
  const proto = await loadMilvusProto();
  const bytes = call?.request.schema;
  if (!(bytes instanceof Uint8Array)) throw new Error("no schema was sent");
  return proto.type(`milvus.proto.schema.${type}`).decode(bytes);
}

describe("creating a collection", () => {
  for (const version of RECORDED_VERSIONS) {
    const cases = {
      "2.4.23": ["z_parts", "z_types"],
      "2.5.8": ["z_bm25", "z_nullable"],
      "2.6.3": ["z_struct", "z_added", "z_bm25"],
    };
    for (const name of cases[version]) {
      test(`what ${version} described as ${name} is sent back unchanged, under the new name`, async () => {
        await using server = await startReplay({
          replies: {
            ...handshakeReplies(version),
            DescribeCollection: recordedCall(version, "DescribeCollection", name),
            CreateCollection: OK,
          },
        });
        await using milvus = await connectTo(connectionTo(server.port));
        const { schema, properties } = await milvus.describeCollection(ns, signal);
        await milvus.createCollection(
          { namespace: ns, schema, shards: 2, consistencyLevel: 2, properties, partitions: 3 },
          signal,
        );
        const [call] = server.seen("CreateCollection");
        expect(call?.request).toMatchObject({
          collection_name: "made",
          db_name: "db_two",
          shards_num: 2,
          consistency_level: 2,
          num_partitions: "3",
          properties: [...properties],
        });
        const sent = toSchema((await schemaSent(call)) as WireCollectionSchema);
        expect(sent).toEqual({ ...schema, name: "made" });
      });
    }
  }

  test("the dynamic field is left to the server, the order and the exact ids of the others stay", async () => {
    await using server = await startReplay({ replies: { ...handshakeReplies("2.6.3"), CreateCollection: OK } });
    await using milvus = await connectTo(connectionTo(server.port));
    const schema = schemaOf(
      [
        field(9007199254740993n, "late", 5, { nullable: true, defaultValue: new Uint8Array([0x10, 0x05]) }),
        field(100n, "id", 5, { isPrimaryKey: true, isClusteringKey: true }),
        field(102n, "$meta", 23, { isDynamic: true }),
        field(103n, "unheard_of", 31),
      ],
      { enableDynamicField: true },
    );
    await milvus.createCollection(
      { namespace: ns, schema, shards: 1, consistencyLevel: 0, properties: [], partitions: 0 },
      signal,
    );
    const sent = (await schemaSent(server.seen("CreateCollection")[0])) as WireCollectionSchema;
    expect(sent.enable_dynamic_field).toBe(true);
    expect(sent.fields.map((item) => [item.fieldID, item.name, item.data_type])).toEqual([
      ["9007199254740993", "late", 5],
      ["100", "id", 5],
      ["103", "unheard_of", 31],
    ]);
    expect(Buffer.from(sent.fields[0]?.default_value ?? []).toString("hex")).toBe("1005");
    expect(sent.fields[1]?.is_clustering_key).toBe(true);
  });

  test("another collection of that name is ALREADY_EXISTS, as is a database", async () => {
    for (const version of RECORDED_VERSIONS) {
      await using server = await startReplay({
        replies: {
          ...handshakeReplies(version),
          CreateCollection: recordedCall(version, "CreateCollection", "exists, other schema"),
          CreateDatabase: recordedCall(version, "CreateDatabase", "already exists"),
        },
      });
      await using milvus = await connectTo(connectionTo(server.port));
      const request = {
        namespace: ns,
        schema: schemaOf([]),
        shards: 1,
        consistencyLevel: 0,
        properties: [],
        partitions: 0,
      };
      const first: unknown = await milvus.createCollection(request, signal).catch((error: unknown) => error);
      expect(hasCode(first, "ALREADY_EXISTS")).toBe(true);
      const second: unknown = await milvus.createDatabase("db_two", [], signal).catch((error: unknown) => error);
      expect(hasCode(second, "ALREADY_EXISTS")).toBe(true);
    }
  });
});

describe("the other changes", () => {
  test("each call carries what it was given", async () => {
    await using server = await startReplay({
      replies: {
        ...handshakeReplies("2.6.3"),
        AddCollectionField: recordedCall("2.6.3", "AddCollectionField", "nullable Int64"),
        AlterCollection: OK,
        CreatePartition: OK,
        CreateIndex: OK,
        DropIndex: OK,
        CreateAlias: OK,
        AlterAlias: OK,
        LoadCollection: OK,
        ReleaseCollection: OK,
        RenameCollection: OK,
        DropCollection: OK,
        DropDatabase: OK,
      },
    });
    await using milvus = await connectTo(connectionTo(server.port));
    await milvus.addField(ns, field(120n, "added", 5, { nullable: true }), signal);
    await milvus.alterProperties(ns, [{ key: "collection.ttl.seconds", value: "60" }], signal);
    await milvus.alterProperties(ns, [], signal);
    await milvus.createPartition(ns, "p1", signal);
    await milvus.createIndex(
      ns,
      { fieldName: "v", indexName: "vi", params: { index_type: "FLAT", metric_type: "L2" } },
      signal,
    );
    await milvus.dropIndex(ns, { fieldName: "v", indexName: "vi" }, signal);
    await milvus.createAlias(ns, "other", signal);
    await milvus.alterAlias(ns, "moved", signal);
    await milvus.loadCollection(ns, signal);
    await milvus.releaseCollection(ns, signal);
    await milvus.renameCollection(ns, { ...ns, collection: "renamed" }, signal);
    await milvus.renameCollection(ns, { database: "default", collection: "moved" }, signal);
    await milvus.dropCollection(ns, signal);
    await milvus.dropDatabase("db_two", signal);

    expect(server.seen("DropDatabase").map(({ request }) => request)).toMatchObject([{ db_name: "db_two" }]);
    expect(await schemaSent(server.seen("AddCollectionField")[0], "FieldSchema")).toMatchObject({
      name: "added",
      nullable: true,
    });
    expect(server.seen("AlterCollection").map(({ request }) => request.properties)).toEqual([
      [{ key: "collection.ttl.seconds", value: "60" }],
    ]);
    expect(server.seen("CreatePartition")[0]?.request).toMatchObject({ collection_name: "made", partition_name: "p1" });
    expect(server.seen("CreateIndex")[0]?.request).toMatchObject({
      field_name: "v",
      index_name: "vi",
      extra_params: [
        { key: "index_type", value: "FLAT" },
        { key: "metric_type", value: "L2" },
      ],
    });
    expect(server.seen("DropIndex")[0]?.request).toMatchObject({ field_name: "v", index_name: "vi" });
    expect(server.seen("CreateAlias")[0]?.request).toMatchObject({ alias: "other", collection_name: "made" });
    expect(server.seen("AlterAlias")[0]?.request).toMatchObject({ alias: "moved", collection_name: "made" });
    expect(
      server.seen("RenameCollection").map(({ request }) => [request.oldName, request.newName, request.newDBName]),
    ).toEqual([
      ["made", "renamed", ""],
      ["made", "moved", "default"],
    ]);
    const changes = server.calls.filter(({ request }) => request.collection_name === "made");
    expect(changes.every(({ request, metadata }) => request.db_name === "db_two" && metadata.dbname === "db_two")).toBe(
      true,
    );
  });

  test("a field that the server refuses is told with the server's words", async () => {
    await using server = await startReplay({
      replies: {
        ...handshakeReplies("2.6.3"),
        AddCollectionField: recordedCall("2.6.3", "AddCollectionField", "not nullable"),
      },
    });
    await using milvus = await connectTo(connectionTo(server.port));
    await expect(milvus.addField(ns, field(1n, "af3", 5), signal)).rejects.toThrow("added field must be nullable");
  });

  test("dropping what is not there succeeds", async () => {
    const gone = { message: { error_code: 4, reason: "can't find collection: made" } };
    await using server = await startReplay({ replies: { ...handshakeReplies("2.4.23"), DropCollection: gone } });
    await using milvus = await connectTo(connectionTo(server.port));
    await milvus.dropCollection(ns, signal);
    expect(server.seen("DropCollection")).toHaveLength(1);
  });

  test("so does dropping a database that is not there; one that holds collections is refused", async () => {
    const gone = { message: { code: 800, error_code: 1, reason: "database not found[database=db_two]" } };
    const full = { message: { error_code: 1, code: 65535, reason: "database:db_two not empty" } };
    await using absent = await startReplay({ replies: { ...handshakeReplies("2.4.23"), DropDatabase: gone } });
    await using left = await connectTo(connectionTo(absent.port));
    await left.dropDatabase("db_two", signal);
    await using holding = await startReplay({ replies: { ...handshakeReplies("2.4.23"), DropDatabase: full } });
    await using right = await connectTo(connectionTo(holding.port));
    await expect(right.dropDatabase("db_two", signal)).rejects.toThrow("db_two not empty");
  });
});
