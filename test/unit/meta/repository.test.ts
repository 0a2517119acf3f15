import { describe, expect, test } from "bun:test";
import { createBackupRepository } from "../../../src/meta/storage_repository.ts";
import { objectKey } from "../../../src/storage/key.ts";
import type { Manifest } from "../../../src/transfer/manifest.ts";
import { keysOf, openMemoryRoot, putObject, signal, textOf } from "./memory_root.ts";
import { coded, commitSample, damage, listed } from "./repository_support.ts";
import { sampleBackup, sampleManifest } from "./sample_backup.ts";

describe("a committed backup", () => {
  test("is read as it was written, with its manifest and the digests of its documents", async () => {
    const root = await openMemoryRoot();
    await commitSample(root, "nightly");
    const backups = createBackupRepository(root);
    expect(await backups.read("nightly", { signal })).toEqual(sampleBackup("nightly"));
    const manifest = await backups.readManifest("nightly", { signal });
    expect(manifest?.documents.map(({ key }) => key)).toEqual([
      "meta/collection_meta.json",
      "meta/partition_meta.json",
      "meta/segment_meta.json",
      "meta/extra_meta.json",
      "meta/full_meta.json",
    ]);
    const others: Manifest | undefined = manifest === undefined ? undefined : { ...manifest, documents: [] };
    expect(others).toEqual(sampleManifest(sampleBackup("nightly")));
  });

  test("is read as it was written, or refused, whatever bit of its documents flips", async () => {
    const root = await openMemoryRoot();
    await commitSample(root, "nightly");
    const backups = createBackupRepository(root);
    const read = async () => [
      await backups.read("nightly", { signal }),
      await backups.readManifest("nightly", { signal }),
    ];
    const whole = await read();
    const outcomes = { refused: 0, same: 0 };
    for (const key of await keysOf(root, "nightly/meta/")) {
      const content = new TextEncoder().encode(await textOf(root, key));
      // Lists of objects are checked when a collection's objects are.
      if (key.endsWith(".jsonl")) continue;
      for (let at = 0; at < content.length; at += 1) {
        await putObject(root, key, content.with(at, (content[at] ?? 0) ^ 1));
        const found = await read().catch(() => undefined);
        if (found !== undefined) expect(found).toEqual(whole);
        outcomes[found === undefined ? "refused" : "same"] += 1;
      }
      await putObject(root, key, content);
    }
    // What stays the same are names of values in backup_meta.json that are at their default.
    expect(outcomes.same).toBeLessThan(40);
    expect(outcomes.refused).toBeGreaterThan(4500);
  });

  test("whose head tells another size than its other documents is refused", async () => {
    const root = await openMemoryRoot();
    await commitSample(root, "nightly");
    const head = await textOf(root, "nightly/meta/backup_meta.json");
    expect(head).toContain('"size":300');
    await putObject(root, "nightly/meta/backup_meta.json", head.replace('"size":300', '"size":301'));
    await expect(createBackupRepository(root).read("nightly", { signal })).rejects.toThrow(
      coded("CHECKSUM_MISMATCH", "disagree on size"),
    );
  });

  test("is listed with its facts, and its owner record is gone", async () => {
    const root = await openMemoryRoot();
    await commitSample(root, "nightly");
    expect(await listed(createBackupRepository(root))).toEqual([
      {
        name: "nightly",
        state: "complete",
        id: "0f4c1d9e-7a52-4a43-9d0c-3c9b1f0c1a11",
        size: 300n,
        milvusVersion: "v2.6.11",
        createdAt: "2026-01-02T03:04:05.000Z",
      },
    ]);
    expect(await keysOf(root)).not.toContain("nightly/meta/owner.json");
  });

  test("goes by its folder's name when someone renamed it", async () => {
    const root = await openMemoryRoot();
    await commitSample(root, "nightly");
    for (const key of await keysOf(root))
      await putObject(root, key.replace("nightly", "moved-1"), await textOf(root, key));
    const { name } = await createBackupRepository(root).read("moved-1", { signal });
    expect(name).toBe("moved-1");
  });

  test.each(["collection_meta", "partition_meta", "segment_meta", "extra_meta", "full_meta"])(
    "with a flipped bit in %s.json is refused, the document named",
    async (document) => {
      const root = await openMemoryRoot();
      await commitSample(root, "nightly");
      await damage(root, `nightly/meta/${document}.json`);
      const read = createBackupRepository(root).read("nightly", { signal });
      await expect(read).rejects.toThrow(coded("CHECKSUM_MISMATCH", `nightly/meta/${document}.json`));
    },
  );

  test.each(["collection_meta", "extra_meta", "full_meta", "manifest"])(
    "without %s.json is refused, the document named",
    async (document) => {
      const root = await openMemoryRoot();
      await commitSample(root, "nightly");
      await root.delete(objectKey(`nightly/meta/${document}.json`), { signal });
      const read = createBackupRepository(root).read("nightly", { signal });
      await expect(read).rejects.toThrow(coded("BACKUP_INCOMPLETE", `meta/${document}.json is missing`));
    },
  );

  test("with a damaged manifest is refused", async () => {
    const root = await openMemoryRoot();
    await commitSample(root, "nightly");
    await damage(root, "nightly/meta/manifest.json");
    const read = createBackupRepository(root).readManifest("nightly", { signal });
    await expect(read).rejects.toThrow(coded("CHECKSUM_MISMATCH", "nightly/meta/manifest.json"));
  });
});

describe("read", () => {
  test("tells a backup that is not there from one that is not finished", async () => {
    const root = await openMemoryRoot();
    await putObject(root, "half/meta/full_meta.json", "{}");
    await putObject(root, "head/meta/backup_meta.json", '{"state_code":0,"name":"head","size":7}');
    const backups = createBackupRepository(root);
    await expect(backups.read("none", { signal })).rejects.toThrow(coded("NOT_FOUND", "there is no backup none"));
    await expect(backups.read("half", { signal })).rejects.toThrow(
      coded("BACKUP_INCOMPLETE", "backup_meta.json is missing"),
    );
    await expect(backups.read("head", { signal })).rejects.toThrow(
      coded("BACKUP_INCOMPLETE", "full_meta.json is missing"),
    );
    expect(await backups.readManifest("none", { signal })).toBeUndefined();
  });

  test.each(["../x", "", "a/b", "x".repeat(300), "a\nb"])("refuses the name %j", async (name) => {
    const backups = createBackupRepository(await openMemoryRoot());
    await expect(backups.read(name, { signal })).rejects.toThrow(coded("USAGE"));
    await expect(backups.readManifest(name, { signal })).rejects.toThrow(coded("USAGE"));
    await expect(backups.delete(name, { signal })).rejects.toThrow(coded("USAGE"));
    await expect(backups.begin(name, { signal })).rejects.toThrow(coded("USAGE"));
  });
});
