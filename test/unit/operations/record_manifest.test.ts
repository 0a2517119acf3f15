import { describe, expect, test } from "bun:test";
import { recordBackupManifest } from "../../../src/operations/record_manifest.ts";
import { verifyBackup } from "../../../src/operations/verify.ts";
import { objectKey } from "../../../src/storage/key.ts";
import { FIXTURES, rootWith } from "../../format/fixtures.ts";
import { coded } from "../meta/repository_support.ts";
import { bytesReported, contentOf, failureOf, flipped, keysOf, store, warningsIn } from "../transfer/roots.ts";
import { carry, emptyDisk, inMemory, logKeys, type Stored, stored } from "./stored.ts";

const [FIXTURE] = FIXTURES;

const record = (context: Stored, name: string) =>
  recordBackupManifest(context, { name, concurrency: 4, tool: "milvus-backup test" });

const dataLevel = (context: Stored, name: string) => verifyBackup(context, { name, level: "data", concurrency: 4 });

describe("a manifest for a backup of the Go tool", () => {
  test.each(FIXTURES.map((fixture) => [fixture.version, fixture] as const))(
    "of Milvus %s: every object has a digest, nothing else has changed",
    async (_, fixture) => {
      const context = stored(await rootWith(fixture));
      const before = await keysOf(context.backupRoot);
      const contents = await Promise.all(before.map((key) => contentOf(context.backupRoot, key)));
      const { totals, documents, collections } = await record(context, fixture.name);
      expect([documents, totals.objects]).toEqual([5, (await logKeys(context, fixture.name)).length]);
      expect(bytesReported(context.events)).toBe(totals.bytes);
      const added = (await keysOf(context.backupRoot)).filter((key) => !before.includes(key));
      expect(added).toHaveLength(1 + collections);
      expect(added.every((key) => /\/meta\/(manifest\.json|manifests\/\d+\.jsonl)$/.test(key))).toBe(true);
      expect(await Promise.all(before.map((key) => contentOf(context.backupRoot, key)))).toEqual(contents);

      context.events.length = 0;
      const { findings, proven, hasManifest } = await dataLevel(context, fixture.name);
      expect([findings, proven, hasManifest]).toEqual([[], { digest: totals.objects, service: 0, size: 0 }, true]);
      expect(warningsIn(context.events)).toEqual([]);
      expect((await context.backups.read(fixture.name, context)).name).toBe(fixture.name);
    },
  );

  test("finds from then on what nothing found before", async () => {
    const context = stored(await rootWith(FIXTURE));
    await record(context, FIXTURE.name);
    const [log] = await logKeys(context, FIXTURE.name);
    for (const path of [log, "meta/backup_meta.json", "meta/segment_meta.json"]) {
      const key = `${FIXTURE.name}/${path}`;
      const content = await contentOf(context.backupRoot, key);
      await store(context.backupRoot, key, flipped(content));
      const { findings } = await dataLevel(context, FIXTURE.name);
      expect(findings.map((finding) => `${finding.kind} ${finding.key}`)).toContain(`digest ${path}`);
      await store(context.backupRoot, key, content);
    }
  });

  test("that was lost, or whose recording was interrupted, is a finding and can be recorded again", async () => {
    const context = stored(await rootWith(FIXTURE));
    await record(context, FIXTURE.name);
    const key = objectKey(`${FIXTURE.name}/meta/manifest.json`);
    const first = await contentOf(context.backupRoot, key);
    await context.backupRoot.delete(key, context);
    const { findings } = await dataLevel(context, FIXTURE.name);
    expect(findings.map((finding) => `${finding.kind} ${finding.key}`)).toEqual(["missing meta/manifest.json"]);
    await record(context, FIXTURE.name);
    expect(await contentOf(context.backupRoot, key)).toEqual(first);
  });

  test("is refused where there is one", async () => {
    const context = stored(await rootWith(FIXTURE));
    await record(context, FIXTURE.name);
    await expect(record(context, FIXTURE.name)).rejects.toEqual(coded("ALREADY_EXISTS", "has a manifest already"));
    await expect(record(await inMemory(), "nightly")).rejects.toEqual(coded("ALREADY_EXISTS"));
  });

  test("is not written for a backup that is damaged, and the damage is named", async () => {
    const context = stored(await rootWith(FIXTURE));
    const [log] = await logKeys(context, FIXTURE.name);
    await store(context.backupRoot, `${FIXTURE.name}/${log}`, new Uint8Array(3));
    const before = await keysOf(context.backupRoot);
    const failure = await failureOf(record(context, FIXTURE.name));
    expect(failure).toMatchObject({ code: "CHECKSUM_MISMATCH", findings: [{ kind: "size", key: log }] });
    expect(failure.message).toContain("nothing was recorded");
    expect(await keysOf(context.backupRoot)).toEqual(before);
  });

  test("on a disk no ETag is recorded, and the recorded backup is copied by its digests", async () => {
    const context = stored(await rootWith(FIXTURE));
    await using disk = await emptyDisk();
    const names = { name: FIXTURE.name, targetName: FIXTURE.name };
    await carry(context, disk, names);
    await record(disk, FIXTURE.name);
    const manifests = (await keysOf(disk.backupRoot)).filter((key) => key.endsWith(".jsonl"));
    for (const key of manifests) {
      expect(new TextDecoder().decode(await contentOf(disk.backupRoot, key))).not.toContain("etag");
    }
    const [log] = await logKeys(disk, FIXTURE.name);
    const key = `${FIXTURE.name}/${log}`;
    await store(disk.backupRoot, key, flipped(await contentOf(disk.backupRoot, key)));
    await using other = await emptyDisk();
    await expect(carry(disk, other, names)).rejects.toEqual(coded("CHECKSUM_MISMATCH", log));
  });
});
