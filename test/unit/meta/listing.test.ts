import { describe, expect, test } from "bun:test";
import { AppError } from "../../../src/base/errors.ts";
import { createBackupRepository } from "../../../src/meta/storage_repository.ts";
import type { StorageDriver } from "../../../src/storage/driver.ts";
import { objectKey } from "../../../src/storage/key.ts";
import { openMemoryRoot, putObject, signal, withMembers } from "./memory_root.ts";
import { coded, commitSample, listed } from "./repository_support.ts";

describe("list", () => {
  const states = async (root: StorageDriver): Promise<readonly string[]> =>
    (await listed(createBackupRepository(root))).map(({ name, state }) => `${name} ${state}`);

  test("tells complete, incomplete and broken backups apart and leaves foreign folders out", async () => {
    const root = await openMemoryRoot();
    await commitSample(root, "b_good");
    await commitSample(root, "c_ours_without_tree");
    await root.delete(objectKey("c_ours_without_tree/meta/full_meta.json"), { signal });
    await root.delete(objectKey("c_ours_without_tree/meta/segment_meta.json"), { signal });
    await putObject(root, "a_binlogs_only/binlogs/insert_log/1/2/3/3/0/4", "x");
    await putObject(root, "d_theirs_head_only/meta/backup_meta.json", '{"state_code":0,"name":"d","size":7}');
    await putObject(root, "e_no_json/meta/backup_meta.json", "{");
    await putObject(root, "e_no_json/meta/full_meta.json", "{}");
    await putObject(root, "f_empty_head/meta/backup_meta.json", "");
    await putObject(root, "insert_log/1/2/3/4/5", "Milvus' own");
    await putObject(root, "website/meta/tags.json", "foreign");
    await putObject(root, "a_file", "x");
    expect(await states(root)).toEqual([
      "a_binlogs_only incomplete",
      "b_good complete",
      "c_ours_without_tree broken",
      "d_theirs_head_only incomplete",
      "e_no_json broken",
      "f_empty_head broken",
    ]);
  });

  test("says why, in one line", async () => {
    const root = await openMemoryRoot();
    await putObject(root, "a/meta/backup_meta.json", '{"state_code":0,"name":"d","size":7}');
    await putObject(root, "a/meta/partition_meta.json", "{}");
    await putObject(root, "b/meta/backup_meta.json", '{"size":"x"}');
    await putObject(root, "b/meta/full_meta.json", "{}");
    expect((await listed(createBackupRepository(root))).map(({ reason }) => reason)).toEqual([
      "meta/full_meta.json is missing, and so are meta/collection_meta.json and meta/segment_meta.json",
      "meta/backup_meta.json: size must be an integer, not text",
    ]);
  });

  test("reads small objects only, whatever the number of backups", async () => {
    const inner = await openMemoryRoot();
    for (let index = 0; index < 40; index += 1) await commitSample(inner, `backup_${index}`);
    const bytes: number[] = [];
    const root = withMembers(inner, {
      get: async (key, options) => {
        const body = await inner.get(key, options);
        bytes.push(body.size);
        return body;
      },
    });
    expect((await states(root)).length).toBe(40);
    expect(bytes.length).toBe(80);
    expect(Math.max(...bytes)).toBeLessThanOrEqual(1024);
  });

  test("finds the date where a driver cannot read ranges", async () => {
    const inner = await openMemoryRoot();
    await commitSample(inner, "nightly");
    const root = withMembers(inner, {
      capabilities: { ...inner.capabilities, rangeRead: false },
      get: async (key, options) => {
        if (options.range !== undefined) throw new AppError("UNSUPPORTED", "no ranges here");
        return await inner.get(key, options);
      },
    });
    expect((await listed(createBackupRepository(root)))[0]?.createdAt).toBe("2026-01-02T03:04:05.000Z");
  });

  test("fails when the service fails, rather than calling every backup broken", async () => {
    const inner = await openMemoryRoot();
    await commitSample(inner, "nightly");
    const failing = (error: AppError): StorageDriver => withMembers(inner, { get: async () => Promise.reject(error) });
    await expect(states(failing(new AppError("UNAVAILABLE", "gone")))).rejects.toThrow("gone");
    expect(await states(failing(new AppError("ACCESS_DENIED", "no")))).toEqual(["nightly broken"]);
  });

  test("stops when it is aborted", async () => {
    const root = await openMemoryRoot();
    await commitSample(root, "nightly");
    const list = createBackupRepository(root).list({ signal: AbortSignal.abort() });
    await expect(Array.fromAsync(list)).rejects.toThrow(coded("ABORTED"));
  });
});
