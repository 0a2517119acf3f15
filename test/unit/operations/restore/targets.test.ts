import { describe, expect, test } from "bun:test";
import { backupMeta, collectionMeta } from "../../../../src/meta/codec_backup.ts";
import { parseFilter } from "../../../../src/meta/filter.ts";
import { formatNamespace } from "../../../../src/meta/namespace.ts";
import { IDENTITY, parseRename, parseSuffix } from "../../../../src/meta/rename.ts";
import type { BackupMeta } from "../../../../src/meta/types.ts";
import { checkTargets, planTargets } from "../../../../src/operations/restore/targets.ts";
import { coded } from "../../meta/repository_support.ts";
import { never } from "../../transfer/roots.ts";
import { openWorld } from "../world.ts";

function backupOf(names: readonly string[], databases: readonly string[] = []): BackupMeta {
  const collections = names.map((name, index) => {
    const [databaseName = "", collectionName = ""] = name.split(".");
    return { ...collectionMeta.zero, collectionId: BigInt(index + 1), databaseName, collectionName };
  });
  const named = new Set([...databases, ...collections.map((it) => it.databaseName).filter((name) => name !== "")]);
  return {
    ...backupMeta.zero,
    name: "nightly",
    collections,
    databases: [...named].map((name) => ({ name, id: 0n, properties: [] })),
  };
}

type Choice = Parameters<typeof planTargets>[1];

function plan(backup: BackupMeta, choice: Partial<Choice> = {}) {
  const { collections, databases } = planTargets(backup, { mapping: IDENTITY, ...choice });
  return { pairs: collections.map((it) => `${formatNamespace(it.source)}>${formatNamespace(it.target)}`), databases };
}

describe("planTargets", () => {
  const backup = backupOf(["default.a", "default.b", "shop.a"], ["empty"]);

  test("everything keeps its name, and databases recorded empty are made", () => {
    expect(plan(backup)).toEqual({
      pairs: ["default.a>default.a", "default.b>default.b", "shop.a>shop.a"],
      databases: ["default", "empty", "shop"],
    });
  });

  test("a very old backup says nothing for the default database", () => {
    expect(plan(backupOf([".a"])).pairs).toEqual(["default.a>default.a"]);
  });

  test("the selection is by old names, the filter by new ones", () => {
    const mapping = parseRename("shop.*:store.*");
    expect(plan(backup, { mapping, selection: parseFilter("shop.*") })).toEqual({
      pairs: ["shop.a>store.a"],
      databases: ["store"],
    });
    expect(plan(backup, { mapping, filter: parseFilter("store.a,a") }).pairs).toEqual([
      "default.a>default.a",
      "shop.a>store.a",
    ]);
  });

  test("a database that all its collections leave is not made", () => {
    expect(plan(backupOf(["shop.a"]), { mapping: parseRename("shop.a:default.a") }).databases).toEqual(["default"]);
  });

  test("a database alone can be chosen", () => {
    expect(plan(backup, { filter: parseFilter("empty.") })).toEqual({ pairs: [], databases: ["empty"] });
  });

  test("two onto one are refused, also when one of them keeps its name", () => {
    expect(() => plan(backup, { mapping: parseRename("a:b") })).toThrow("default.b");
    expect(() => plan(backupOf(["default.a", "default.a_x"]), { mapping: parseRename("a:a_x") })).toThrow(
      "would both be restored",
    );
    expect(plan(backup, { mapping: parseSuffix("_x") }).pairs).toHaveLength(3);
  });

  test("two onto one of which the filter leaves none are no conflict", () => {
    expect(plan(backup, { mapping: parseRename("a:b"), filter: parseFilter("shop.a") }).pairs).toEqual([
      "shop.a>shop.a",
    ]);
  });

  test("many names are not all listed in the message", () => {
    const many = backupOf(Array.from({ length: 30 }, (_, index) => `default.c${index}`));
    expect(() => plan(many, { filter: parseFilter("x") })).toThrow(/choose from: (default\.c\d+, ){10}\.\.\.$/);
  });
});

describe("checkTargets", () => {
  test("tells which exist, when that is allowed", async () => {
    const world = await openWorld();
    world.fake.make({ database: "default", collection: "a" });
    const { collections } = planTargets(backupOf(["default.a", "default.b"]), { mapping: IDENTITY });
    const existing = await checkTargets(
      world.milvus,
      collections,
      { replaceExisting: true, intoExisting: false },
      never,
    );
    expect([...existing].map((it) => it.target.collection)).toEqual(["a"]);
    await expect(
      checkTargets(world.milvus, collections, { replaceExisting: false, intoExisting: false }, never),
    ).rejects.toEqual(coded("ALREADY_EXISTS", "default.a"));
    await expect(
      checkTargets(world.milvus, collections, { replaceExisting: false, intoExisting: true }, never),
    ).rejects.toEqual(coded("NOT_FOUND", "default.b"));
  });
});
