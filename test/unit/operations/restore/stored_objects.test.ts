import { describe, expect, test } from "bun:test";
import { deltaLogKey, insertLogKey } from "../../../../src/meta/layout.ts";
import type { BackupMeta, CollectionMeta } from "../../../../src/meta/types.ts";
import { declaredObjects, verifyStored } from "../../../../src/operations/restore/stored_objects.ts";
import type { Manifest } from "../../../../src/transfer/manifest.ts";
import { coded } from "../../meta/repository_support.ts";
import { contentOf, flipped, keysOf, never, store } from "../../transfer/roots.ts";
import { books, create, openWorld, restore, type World, warnings } from "../world.ts";

interface Stored {
  readonly world: World;
  readonly meta: BackupMeta;
  readonly manifest: Manifest | undefined;
  readonly collection: CollectionMeta;
}

async function stored(): Promise<Stored> {
  const world = await openWorld({ backups: "own bucket" });
  const segment = await world.fake.store(world.fake.make(books), [1n, 2n]);
  await world.fake.deleteFrom(segment, [1n]);
  const { meta } = await create(world);
  const manifest = await world.context.backups.readManifest("nightly", { signal: never });
  const [collection] = meta.collections;
  if (collection === undefined) throw new Error("no collection");
  return { world, meta, manifest, collection };
}

const declared = ({ world, ...backup }: Stored) => declaredObjects(world.backupRoot, backup, backup.collection, never);

const changed = (
  collection: CollectionMeta,
  change: (logs: CollectionMeta["partitions"][number]["segments"][number]) => object,
) => ({
  ...collection,
  partitions: collection.partitions.map((partition) => ({
    ...partition,
    segments: partition.segments.map((segment) => ({ ...segment, ...change(segment) })),
  })),
});

describe("declaredObjects", () => {
  test("the manifest's digests, where there is a manifest", async () => {
    const it = await stored();
    const objects = await declared(it);
    const segment = it.collection.partitions[0]?.segments[0];
    if (segment === undefined) throw new Error("no segment");
    const keys = [
      ...segment.insertLogs.map(({ fieldId, binlogs }) => insertLogKey(segment, fieldId, binlogs[0]?.logId ?? 0n)),
      ...segment.deltaLogs.map(({ binlogs }) => deltaLogKey(segment, binlogs[0]?.logId ?? 0n)),
    ];
    expect([...objects.keys()].sort()).toEqual([...keys].sort());
    expect([...objects.values()].map((entry) => entry.evidence.kind)).toEqual([
      "digest",
      "digest",
      "digest",
      "digest",
      "digest",
    ]);
  });

  test("sizes only, for a backup of another tool", async () => {
    const it = await stored();
    const objects = await declared({ ...it, manifest: undefined });
    expect([...objects.values()].map((entry) => entry.evidence)).toEqual(Array(5).fill({ kind: "size" }));
  });

  test("a file that only the meta knows, one that only the manifest knows, and another size are refused", async () => {
    const it = await stored();
    const without = changed(it.collection, (segment) => ({ insertLogs: segment.insertLogs.slice(1) }));
    const more = changed(it.collection, (segment) => ({
      insertLogs: [...segment.insertLogs, { fieldId: 109n, binlogs: [{ logPath: "", logSize: 1n, logId: 5n }] }],
    }));
    const resized = changed(it.collection, (segment) => ({
      deltaLogs: segment.deltaLogs.map((field) => ({
        ...field,
        binlogs: field.binlogs.map((log) => ({ ...log, logSize: 1n })),
      })),
    }));
    for (const collection of [without, more, resized]) {
      await expect(declared({ ...it, collection })).rejects.toEqual(
        coded("BACKUP_INCOMPLETE", "meta and manifest disagree on binlogs/"),
      );
    }
  });

  test("a manifest without the collection is refused", async () => {
    const it = await stored();
    if (it.manifest === undefined) throw new Error("no manifest");
    await expect(declared({ ...it, manifest: { ...it.manifest, collections: [] } })).rejects.toEqual(
      coded("BACKUP_INCOMPLETE", "its manifest lacks this collection"),
    );
  });

  test("a segment with rows and no files is refused", async () => {
    const it = await stored();
    const collection = changed(it.collection, () => ({ insertLogs: [] }));
    await expect(declared({ ...it, collection })).rejects.toEqual(coded("DATA_MISSING", "has 2 rows and no log files"));
  });
});

describe("verifyStored", () => {
  const verify = async (it: Stored, level: "list" | "data") =>
    await verifyStored(
      it.world.context,
      { backupName: "nightly", collectionId: it.collection.collectionId, objects: await declared(it) },
      { level, concurrency: 4 },
    );

  test.each(["list", "data"] as const)("passes over a whole backup (%s)", async (level) => {
    await verify(await stored(), level);
  });

  test("names what is damaged", async () => {
    const it = await stored();
    const key = (await keysOf(it.world.backupRoot)).find((name) => name.includes("insert_log")) ?? "";
    await store(it.world.backupRoot, key, flipped(await contentOf(it.world.backupRoot, key)));
    await expect(verify(it, "data")).rejects.toEqual(
      expect.objectContaining({
        code: "CHECKSUM_MISMATCH",
        message: expect.stringContaining(key.replace("nightly/", "")),
      }),
    );
  });

  test("shows five findings of many", async () => {
    const it = await stored();
    const keys = (await keysOf(it.world.backupRoot)).filter((name) => name.includes("binlogs"));
    for (const key of keys) await store(it.world.backupRoot, `${key}7`, new Uint8Array(1));
    await store(it.world.backupRoot, `${keys[0]}8`, new Uint8Array(1));
    await expect(verify(it, "list")).rejects.toEqual(coded("CHECKSUM_MISMATCH", "; and more"));
  });
});

test("a backup without a manifest is restored, said aloud", async () => {
  const { world } = await stored();
  const backups = { ...world.context.backups, readManifest: async () => undefined };
  world.fake.collections = [];
  const report = await restore({ ...world, context: { ...world.context, backups } });
  expect(report.collections[0]?.rows?.restored).toBe(1n);
  expect(warnings(world)).toEqual(["NO_MANIFEST"]);
});
