import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type MilvusServer, startMilvus } from "../support/milvus.ts";
import { withData } from "../support/milvus_data.ts";
import { type CollectionDump, compareCollections, dumpCollection, dumpCollections } from "../support/milvus_dump.ts";
import { makeZoo, type ZooCollection } from "../support/milvus_zoo.ts";
import { pymilvusRows } from "../support/pymilvus.ts";

// What the other tests judge by must itself be right.
describe.each(["2.3.5", "2.2.16"] as const)("the zoo and its checker on Milvus %s", (version) => {
  let server: MilvusServer;
  let zoo: readonly ZooCollection[];
  let dumps: readonly CollectionDump[];

  beforeAll(async () => {
    server = await startMilvus({ version, storage: { type: "local" } });
    zoo = await makeZoo(server);
    dumps = await dumpCollections(server, zoo);
  }, 120_000);
  afterAll(() => server.stop());

  function dumpOf(name: string): CollectionDump {
    const dump = dumps[zoo.findIndex((collection) => collection.name === name)];
    if (!dump) throw new Error(`the zoo has no ${name}`);
    return dump;
  }

  test("every collection has the rows that were made, deletes counted off", () => {
    expect(dumps.map(({ rows }) => rows.length)).toEqual(zoo.map(({ rows }) => rows));
  });

  test("pymilvus reads the same rows", async () => {
    const names = ["zoo_parts", "zoo_types", "zoo_ids"];
    await Promise.all(names.map((name) => withData(server, "default", (data) => data.load(name))));
    const seen = await Promise.all(names.map((name) => pymilvusRows(server, "default", name)));
    names.forEach((name, at) => {
      const expected = dumpOf(name).rows.map(({ $partition: _partition, $meta, j, ...row }) => ({
        ...row,
        ...(j === undefined ? {} : { j: JSON.parse(String(j)) }),
        ...($meta === undefined ? {} : JSON.parse(String($meta))),
      }));
      expect(seen[at]).toEqual(expected);
    });
  }, 60_000);

  test("a row that was deleted, altered or moved is found", async () => {
    const before = dumpOf("zoo_ids");
    const deleted = String(before.rows[7]?.id);
    await withData(server, "default", (data) => data.delete("zoo_ids", `id in [${deleted}]`));
    const after = await dumpCollection(server, "default", "zoo_ids");
    expect(after.rows).toEqual(before.rows.filter(({ id }) => id !== deleted));
    expect(compareCollections(before, after)[0]).toBe("rows: 100 became 99 entries");

    const [first, ...rest] = before.rows;
    const moved = { ...before, rows: [{ ...first, $partition: "other" }, ...rest] };
    expect(compareCollections(before, moved)).toEqual(['rows.0.$partition: "_default" became "other"']);
    expect(compareCollections(before, before)).toEqual([]);
  }, 60_000);
});
