import { describe, expect, test } from "bun:test";
import { AppError } from "../../../src/base/errors.ts";
import { createBackupRepository } from "../../../src/meta/storage_repository.ts";
import type { StorageDriver } from "../../../src/storage/driver.ts";
import { objectKey } from "../../../src/storage/key.ts";
import { keysOf, openMemoryRoot, putObject, signal, withMembers } from "./memory_root.ts";
import { coded, commitSample, listed } from "./repository_support.ts";

describe("delete", () => {
  test("takes the marker first and the documents last, and leaves siblings alone", async () => {
    const root = await openMemoryRoot();
    await commitSample(root, "nightly");
    await commitSample(root, "nightly_2");
    const sibling = await keysOf(root, "nightly_2/");
    const deleted: string[] = [];
    const count = await createBackupRepository(root).delete("nightly", {
      signal,
      onDelete: (key) => deleted.push(key),
    });
    expect(await keysOf(root)).toEqual(sibling);
    expect(count).toBe(sibling.length);
    expect(deleted.length).toBe(count);
    expect(deleted[0]).toBe("nightly/meta/backup_meta.json");
    const firstDocument = deleted.findIndex((key, index) => index > 0 && key.startsWith("nightly/meta/"));
    expect(deleted.slice(firstDocument).every((key) => key.startsWith("nightly/meta/"))).toBe(true);
  });

  test("that was interrupted leaves an incomplete backup, and goes on when it is run again", async () => {
    const inner = await openMemoryRoot();
    const total = await commitSample(inner, "nightly").then(async () => (await keysOf(inner)).length);
    for (let allowed = 1; allowed < total; allowed += 1) {
      await commitAgain(inner);
      let left = allowed;
      const root = withMembers(inner, {
        delete: async (key, options) => {
          if (left === 0) throw new AppError("UNAVAILABLE", "gone");
          left -= 1;
          await inner.delete(key, options);
        },
      });
      await expect(createBackupRepository(root).delete("nightly", { signal })).rejects.toThrow("gone");
      const backups = createBackupRepository(inner);
      expect((await listed(backups)).map(({ state }) => state)).toEqual(["incomplete"]);
      await backups.delete("nightly", { signal });
      expect(await keysOf(inner)).toEqual([]);
    }
  });

  test("works on broken and incomplete backups, and on folders with names no new backup may have", async () => {
    const root = await openMemoryRoot();
    await putObject(root, "broken/meta/backup_meta.json", "{");
    await putObject(root, "my-old.backup/binlogs/insert_log/1/2/3/3/0/4", "x");
    const backups = createBackupRepository(root);
    expect(await backups.delete("broken", { signal })).toBe(1);
    expect(await backups.delete("my-old.backup", { signal })).toBe(1);
    expect(await keysOf(root)).toEqual([]);
  });

  test("touches nothing that is no backup", async () => {
    const root = await openMemoryRoot();
    await putObject(root, "insert_log/1/2/3/4/5", "Milvus' own");
    const backups = createBackupRepository(root);
    await expect(backups.delete("insert_log", { signal })).rejects.toThrow(coded("NOT_FOUND", "nothing was deleted"));
    await expect(backups.delete("none", { signal })).rejects.toThrow(coded("NOT_FOUND", "there is no backup none"));
    expect(await keysOf(root)).toEqual(["insert_log/1/2/3/4/5"]);
  });

  test("never takes what Milvus put into the folder, where the backup root is or holds a Milvus root path", async () => {
    const root = await openMemoryRoot();
    await commitSample(root, "nightly");
    await putObject(root, "nightly/insert_log/1/2/3/4/5", "Milvus' own");
    await putObject(root, "delta_log/meta/backup_meta.json", "{}");
    await putObject(root, "delta_log/1/2/3/4", "Milvus' own");
    const before = await keysOf(root);
    const backups = createBackupRepository(root);
    for (const name of ["nightly", "delta_log"]) {
      await expect(backups.delete(name, { signal })).rejects.toThrow(coded("ACCESS_DENIED", "data of Milvus itself"));
    }
    expect(await keysOf(root)).toEqual(before);
  });

  test("takes a backup that another tool named like a folder of Milvus, when nothing else lies there", async () => {
    const root = await openMemoryRoot();
    await putObject(root, "text_log/meta/backup_meta.json", "{}");
    await putObject(root, "text_log/binlogs/insert_log/1/2/3/3/0/4", "x");
    expect(await createBackupRepository(root).delete("text_log", { signal })).toBe(2);
  });
});

async function commitAgain(root: StorageDriver): Promise<void> {
  for (const key of await keysOf(root)) await root.delete(objectKey(key), { signal });
  await commitSample(root, "nightly");
}
