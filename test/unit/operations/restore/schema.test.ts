import { describe, expect, test } from "bun:test";
import { collectionMeta } from "../../../../src/meta/codec_backup.ts";
import type { CollectionMeta, CollectionSchema } from "../../../../src/meta/types.ts";
import { createIndexes, createTargetCollection, splitAddedFields } from "../../../../src/operations/restore/schema.ts";
import { BOOKS, field } from "../../../support/fake_milvus.ts";
import { coded } from "../../meta/repository_support.ts";
import { never } from "../../transfer/roots.ts";
import { books, create, openWorld, restore, type World } from "../world.ts";

const metaOf = (schema: CollectionSchema, more: Partial<CollectionMeta> = {}): CollectionMeta => ({
  ...collectionMeta.zero,
  collectionName: "books",
  schema,
  shards: 2,
  consistencyLevel: 1,
  ...more,
});

const made = (world: World) => world.fake.get(books);

describe("createTargetCollection", () => {
  test("gives schema, shards, consistency and properties", async () => {
    const world = await openWorld();
    const properties = [{ key: "collection.ttl.seconds", value: "60" }];
    await createTargetCollection(world.milvus, metaOf(BOOKS, { properties }), books, never);
    expect(made(world)).toMatchObject({ shards: 2, consistencyLevel: 1, properties });
    expect(made(world).schema.fields.map((it) => it.fieldId)).toEqual([100n, 101n]);
  });

  test("fields are made in the order of their ids, whatever order the backup lists them in", async () => {
    const world = await openWorld();
    const shuffled = { ...BOOKS, fields: BOOKS.fields.toReversed() };
    await createTargetCollection(world.milvus, metaOf(shuffled), books, never);
    expect(made(world).schema.fields.map((it) => it.name)).toEqual(["id", "vector"]);
  });

  test("fields that were added later are added again, behind the gap that the dynamic field left", async () => {
    const world = await openWorld();
    const later = field(103n, "late", { nullable: true });
    const schema = { ...BOOKS, enableDynamicField: true, fields: [...BOOKS.fields, later] };
    expect(splitAddedFields(schema).later.map((it) => it.name)).toEqual(["late"]);
    // This server has no dynamic field that takes id 102, so the ids differ and the restore refuses.
    await expect(createTargetCollection(world.milvus, metaOf(schema), books, never)).rejects.toEqual(
      coded("UNSUPPORTED", "field late has id 103 in the backup and 102 in the target"),
    );
    expect(world.fake.calls).toContain("addField default.books late");
  });

  test("ids that the new collection gives otherwise are refused", async () => {
    const world = await openWorld();
    const { milvus } = world;
    const renumbering = {
      ...milvus,
      describeCollection: async (...given: Parameters<typeof milvus.describeCollection>) => {
        const description = await milvus.describeCollection(...given);
        const fields = description.schema.fields.map((it) => ({ ...it, fieldId: it.fieldId + 1n }));
        return { ...description, schema: { ...description.schema, fields } };
      },
    };
    await expect(createTargetCollection(renumbering, metaOf(BOOKS), books, never)).rejects.toEqual(
      coded("UNSUPPORTED", "field id has id 100 in the backup and 101 in the target"),
    );
  });

  test("so are ids of fields inside a struct", async () => {
    const world = await openWorld();
    const { milvus } = world;
    const structs = (fieldId: bigint) => ({
      structArrayFields: [{ fieldId: 102n, name: "parts", description: "", fields: [field(fieldId, "size")] }],
    });
    const renumbering = {
      ...milvus,
      describeCollection: async (...given: Parameters<typeof milvus.describeCollection>) => {
        const description = await milvus.describeCollection(...given);
        return { ...description, schema: { ...description.schema, ...structs(104n) } };
      },
    };
    const schema = { ...BOOKS, ...structs(103n) };
    await expect(createTargetCollection(renumbering, metaOf(schema), books, never)).rejects.toEqual(
      coded("UNSUPPORTED", "field parts.size has id 103 in the backup and 104 in the target"),
    );
  });

  test("partitions are made, the default one is there; a partition key brings its own", async () => {
    const partitions = ["_default", "old", "new"].map((partitionName, index) => ({
      partitionId: BigInt(index),
      partitionName,
      collectionId: 1n,
      segments: [],
      size: 0n,
      loadState: "",
    }));
    const world = await openWorld();
    await createTargetCollection(world.milvus, metaOf(BOOKS, { partitions }), books, never);
    expect([...made(world).partitions.keys()]).toEqual(["_default", "old", "new"]);
    const keyed = await openWorld();
    const schema = { ...BOOKS, fields: [...BOOKS.fields, field(102n, "tenant", { isPartitionKey: true })] };
    await createTargetCollection(keyed.milvus, metaOf(schema, { partitions }), books, never);
    expect(keyed.fake.calls.filter((call) => call.startsWith("createPartition"))).toEqual([]);
  });

  test("what the server said of the collection goes before what the older format can hold", async () => {
    const world = await openWorld();
    const clustered = { ...BOOKS, fields: BOOKS.fields.map((it) => ({ ...it, isClusteringKey: it.name === "id" })) };
    world.fake.make(books, clustered);
    await create(world);
    world.fake.collections = [];
    await restore(world);
    expect(made(world).schema.fields.map((it) => it.isClusteringKey)).toEqual([true, false]);
  });
});

describe("createIndexes", () => {
  const index = (fieldName: string, indexName: string, params: Record<string, string>) => ({
    fieldName,
    indexName,
    indexType: params.index_type ?? "",
    params,
    indexId: 1n,
  });
  const schema = { ...BOOKS, fields: [...BOOKS.fields, field(102n, "json", { dataType: 23 })] };
  const meta = metaOf(schema, {
    indexes: [
      index("vector", "v", { index_type: "HNSW", metric_type: "COSINE", M: "8" }),
      index("json", 'json/"a"', { index_type: "INVERTED" }),
    ],
  });

  test("a name that Milvus made itself and would refuse is left to it", async () => {
    const world = await openWorld();
    world.fake.make(books, schema);
    expect(await createIndexes(world.milvus, meta, books, { autoIndex: false, existing: [], signal: never })).toBe(2);
    expect(made(world).indexes.map(({ indexName }) => indexName)).toEqual(["v", ""]);
  });

  test("AUTOINDEX takes the place of vector indexes only", async () => {
    const world = await openWorld();
    world.fake.make(books, schema);
    await createIndexes(world.milvus, meta, books, { autoIndex: true, existing: [], signal: never });
    expect(made(world).indexes.map(({ params }) => params)).toEqual([
      { index_type: "AUTOINDEX", metric_type: "COSINE" },
      { index_type: "INVERTED" },
    ]);
  });

  test("a field that has an index keeps it", async () => {
    const world = await openWorld();
    world.fake.make(books, schema);
    const existing = [index("vector", "mine", { index_type: "FLAT" })];
    expect(await createIndexes(world.milvus, meta, books, { autoIndex: false, existing, signal: never })).toBe(1);
  });
});
