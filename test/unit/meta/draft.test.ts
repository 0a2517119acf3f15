import { describe, expect, test } from "bun:test";
import { AppError } from "../../../src/base/errors.ts";
import { createBackupRepository } from "../../../src/meta/storage_repository.ts";
import { keysOf, openMemoryRoot, putObject, signal, textOf, withMembers } from "./memory_root.ts";
import { coded, commitSample, damage, listed } from "./repository_support.ts";
import { putSampleObjects, sampleBackup, sampleManifest } from "./sample_backup.ts";

describe("commit", () => {
  test("writes backup_meta.json last of all, after everything was read back", async () => {
    const inner = await openMemoryRoot();
    const calls: string[] = [];
    const root = withMembers(inner, {
      put: async (key, body, options) => {
        calls.push(`put ${key.split("/").at(-1)}`);
        return await inner.put(key, body, options);
      },
      get: async (key, options) => {
        calls.push(`get ${key.split("/").at(-1)}`);
        return await inner.get(key, options);
      },
      delete: async (key, options) => {
        calls.push(`delete ${key.split("/").at(-1)}`);
        await inner.delete(key, options);
      },
    });
    const meta = sampleBackup("nightly");
    await using draft = await createBackupRepository(root).begin("nightly", { signal });
    await putSampleObjects(inner, meta);
    calls.length = 0;
    await draft.commit(meta, sampleManifest(meta), { signal });
    const documents = [
      "collection_meta.json",
      "partition_meta.json",
      "segment_meta.json",
      "extra_meta.json",
      "full_meta.json",
    ];
    expect(calls).toEqual([
      "get owner.json",
      ...documents.map((name) => `put ${name}`),
      "put manifest.json",
      ...[...documents, "manifest.json"].map((name) => `get ${name}`),
      "delete owner.json",
      "put backup_meta.json",
    ]);
  });

  test("needs no right to delete: the owner record stays and the backup is complete", async () => {
    const inner = await openMemoryRoot();
    const root = withMembers(inner, {
      delete: async () => Promise.reject(new AppError("ACCESS_DENIED", "nothing may be deleted here")),
    });
    await commitSample(root, "nightly");
    expect(await keysOf(inner)).toContain("nightly/meta/owner.json");
    const repository = createBackupRepository(inner);
    expect((await listed(repository)).map(({ state }) => state)).toEqual(["complete"]);
    expect((await repository.read("nightly", { signal })).name).toBe("nightly");
  });

  test("that meets a document stored wrongly fails and leaves the backup incomplete", async () => {
    const inner = await openMemoryRoot();
    const root = withMembers(inner, {
      put: async (key, body, options) => {
        const info = await inner.put(key, body, options);
        if (key.endsWith("segment_meta.json")) await damage(inner, key);
        return info;
      },
    });
    await expect(commitSample(root, "nightly")).rejects.toThrow(coded("CHECKSUM_MISMATCH", "segment_meta.json"));
    expect((await listed(createBackupRepository(root))).map(({ state }) => state)).toEqual(["incomplete"]);
  });

  test.each(["collection_meta.json", "full_meta.json", "manifest.json", "backup_meta.json"])(
    "that is cut off at %s leaves a backup that is listed as incomplete, refused and deletable",
    async (document) => {
      const inner = await openMemoryRoot();
      const root = withMembers(inner, {
        put: async (key, body, options) => {
          if (key.endsWith(document)) throw new AppError("UNAVAILABLE", "the power went out");
          return await inner.put(key, body, options);
        },
      });
      await expect(commitSample(root, "nightly")).rejects.toThrow("the power went out");
      const backups = createBackupRepository(inner);
      const [summary] = await listed(backups);
      expect(summary?.state).toBe("incomplete");
      expect(summary?.reason).toContain("backup_meta.json is missing");
      await expect(backups.read("nightly", { signal })).rejects.toThrow(
        coded("BACKUP_INCOMPLETE", "delete -n nightly"),
      );
      expect(await backups.delete("nightly", { signal })).toBeGreaterThan(0);
      expect(await keysOf(inner)).toEqual([]);
    },
  );

  test("is refused when the backup was deleted meanwhile, or another program began it anew", async () => {
    const root = await openMemoryRoot();
    const backups = createBackupRepository(root);
    const meta = sampleBackup("nightly");
    await using first = await backups.begin("nightly", { signal });
    await backups.delete("nightly", { signal });
    await expect(first.commit(meta, sampleManifest(meta), { signal })).rejects.toThrow(
      coded("BACKUP_INCOMPLETE", "deleted"),
    );
    await using second = await backups.begin("nightly", { signal });
    await expect(first.commit(meta, sampleManifest(meta), { signal })).rejects.toThrow(
      coded("BACKUP_INCOMPLETE", "deleted"),
    );
    await putSampleObjects(root, meta);
    await second.commit(meta, sampleManifest(meta), { signal });
  });

  test("is refused when a collection's manifest was not written, and when it comes twice", async () => {
    const root = await openMemoryRoot();
    const meta = sampleBackup("nightly");
    await using draft = await createBackupRepository(root).begin("nightly", { signal });
    await expect(draft.commit(meta, sampleManifest(meta), { signal })).rejects.toThrow(
      "449577000000000001.jsonl was not written",
    );
    await putSampleObjects(root, meta);
    await draft.commit(meta, sampleManifest(meta), { signal });
    await expect(draft.commit(meta, sampleManifest(meta), { signal })).rejects.toThrow("committed already");
  });
});

describe("begin", () => {
  test("refuses a name that is taken, saying what lies there and what to do", async () => {
    const root = await openMemoryRoot();
    const backups = createBackupRepository(root);
    await commitSample(root, "done");
    await putObject(root, "half/binlogs/insert_log/1/2/3/3/0/4", "x");
    await putObject(root, "other/file", "x");
    await expect(backups.begin("done", { signal })).rejects.toThrow(
      coded("ALREADY_EXISTS", "is complete; choose another name"),
    );
    await expect(backups.begin("half", { signal })).rejects.toThrow(coded("ALREADY_EXISTS", "is incomplete"));
    await expect(backups.begin("half", { signal })).rejects.toThrow("delete -n half");
    await expect(backups.begin("other", { signal })).rejects.toThrow(coded("ALREADY_EXISTS", "no backup"));
    await expect(backups.begin("a-b", { signal })).rejects.toThrow(coded("USAGE", "a-b"));
  });

  test("is not stopped by a backup whose name merely starts alike", async () => {
    const root = await openMemoryRoot();
    await commitSample(root, "nightly_2");
    await commitSample(root, "nightly");
    expect((await listed(createBackupRepository(root))).map(({ name }) => name)).toEqual(["nightly", "nightly_2"]);
  });

  test.each([true, false])("lets one of two programs have the name (ifAbsent %p)", async (ifAbsent) => {
    const inner = await openMemoryRoot();
    const root = withMembers(inner, { capabilities: { ...inner.capabilities, ifAbsent } });
    const begun = await Promise.allSettled(
      [1, 2, 3].map(() => createBackupRepository(root).begin("nightly", { signal })),
    );
    const winners = begun.filter(({ status }) => status === "fulfilled");
    const losers = begun.filter(({ status }) => status === "rejected");
    expect([winners.length, losers.length]).toEqual([1, 2]);
    for (const loser of losers) expect(loser).toMatchObject({ reason: { code: "ALREADY_EXISTS" } });
  });

  test("makes the backup show up as incomplete, and gives the name back when nothing was written", async () => {
    const root = await openMemoryRoot();
    const backups = createBackupRepository(root, { now: () => new Date(0), token: () => "t" });
    {
      await using _draft = await backups.begin("nightly", { signal });
      expect((await listed(backups)).map(({ name, state }) => `${name} ${state}`)).toEqual(["nightly incomplete"]);
      expect(await textOf(root, "nightly/meta/owner.json")).toBe(
        '{"format_version":1,"token":"t","started_at":"1970-01-01T00:00:00.000Z"}\n',
      );
    }
    expect(await keysOf(root)).toEqual([]);
  });

  test("leaves what was written when it is abandoned later", async () => {
    const root = await openMemoryRoot();
    const backups = createBackupRepository(root);
    {
      await using draft = await backups.begin("nightly", { signal });
      await putObject(root, `${draft.directory}binlogs/insert_log/1/2/3/3/0/4`, "x");
    }
    expect(await keysOf(root)).toEqual(["nightly/binlogs/insert_log/1/2/3/3/0/4", "nightly/meta/owner.json"]);
  });

  test("meets its own record when a lost answer made the put be tried again", async () => {
    const inner = await openMemoryRoot();
    const root = withMembers(inner, {
      put: async (key, body, options) => {
        await inner.put(key, body, options);
        return await inner.put(key, body, options);
      },
    });
    await using draft = await createBackupRepository(root).begin("nightly", { signal });
    expect(draft.name).toBe("nightly");
  });
});
