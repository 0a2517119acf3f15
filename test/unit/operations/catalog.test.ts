import { describe, expect, test } from "bun:test";
import { deleteBackup, getBackup, listBackups } from "../../../src/operations/catalog.ts";
import { coded } from "../meta/repository_support.ts";
import { contentOf, keysOf, store } from "../transfer/roots.ts";
import { books, create, openWorld, type World } from "./world.ts";

async function withBackups(...names: readonly string[]): Promise<World> {
  const world = await openWorld();
  await world.fake.store(world.fake.make(books), [1n]);
  for (const name of names) await create(world, { name });
  return world;
}

describe("listBackups", () => {
  test("is empty for an empty root, and sorted by name", async () => {
    expect(await listBackups((await openWorld()).context)).toEqual([]);
    const world = await withBackups("b", "a");
    const found = await listBackups(world.context);
    expect(found.map(({ name, state }) => [name, state])).toEqual([
      ["a", "complete"],
      ["b", "complete"],
    ]);
    expect(found[0]).toMatchObject({ milvusVersion: "v2.6.3", size: expect.any(BigInt) });
  });

  test("a broken backup hides no other", async () => {
    const world = await withBackups("a", "b");
    await store(world.backupRoot, "a/meta/backup_meta.json", new TextEncoder().encode("{"));
    expect((await listBackups(world.context)).map(({ name, state }) => [name, state])).toEqual([
      ["a", "broken"],
      ["b", "complete"],
    ]);
  });
});

describe("getBackup", () => {
  test("gives meta, manifest, and the size of the documents", async () => {
    const world = await withBackups("a");
    const details = await getBackup(world.context, "a");
    expect(details.meta.name).toBe("a");
    expect(details.manifest?.totals.objects).toBe(4);
    const keys = (await keysOf(world.backupRoot)).filter((key) => key.startsWith("a/meta/"));
    const sizes = await Promise.all(keys.map(async (key) => (await contentOf(world.backupRoot, key)).length));
    expect(details.metaSize).toBe(BigInt(sizes.reduce((sum, size) => sum + size, 0)));
  });

  test("of a name that is not there", async () => {
    const world = await withBackups("a");
    await expect(getBackup(world.context, "b")).rejects.toEqual(coded("NOT_FOUND", "b"));
  });

  test.each(["../a", "a/b", "", ".", "a\nb"])("refuses %p as a name", async (name) => {
    const world = await withBackups("a");
    await expect(getBackup(world.context, name)).rejects.toEqual(coded("USAGE"));
    await expect(deleteBackup(world.context, name)).rejects.toEqual(coded("USAGE"));
  });
});

describe("deleteBackup", () => {
  test("removes one backup and no other, not even one whose name begins alike", async () => {
    const world = await withBackups("a", "ab");
    const before = (await keysOf(world.backupRoot)).filter((key) => key.startsWith("a/")).length;
    expect(await deleteBackup(world.context, "a")).toEqual({ name: "a", objects: before });
    expect((await listBackups(world.context)).map(({ name }) => name)).toEqual(["ab"]);
    await create(world, { name: "a" });
    await expect(deleteBackup(world.context, "c")).rejects.toEqual(coded("NOT_FOUND"));
  });

  test("an object that is still there afterwards is an error", async () => {
    const world = await withBackups("a");
    const context = { ...world.context, backupRoot: world.backupRoot };
    const sticky = { ...context, backups: { ...context.backups, delete: async () => 7 } };
    await expect(deleteBackup(sticky, "a")).rejects.toEqual(coded("UNAVAILABLE", "delete it again"));
  });
});
