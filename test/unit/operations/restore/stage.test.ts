import { describe, expect, test } from "bun:test";
import { Semaphore } from "../../../../src/base/pool.ts";
import { stageObjects } from "../../../../src/operations/restore/stage.ts";
import { objectKey } from "../../../../src/storage/key.ts";
import type { ManifestEntry } from "../../../../src/transfer/manifest.ts";
import type { Evidence } from "../../../../src/transfer/plan.ts";
import { coded } from "../../meta/repository_support.ts";
import { contentOf, keysOf, sample, store } from "../../transfer/roots.ts";
import { openWorld, type World } from "../world.ts";

const KEY = objectKey("binlogs/insert_log/1/2/3/3/100/4");

async function stage(evidence: Evidence): Promise<{ world: World; staged: ReturnType<typeof stageObjects> }> {
  const world = await openWorld({ backups: "own bucket" });
  await store(world.backupRoot, `nightly/${KEY}`, sample(1000));
  const entry: ManifestEntry = { key: KEY, size: 1000, evidence };
  const work = { backupName: "nightly", objects: new Map([[KEY, entry]]), folder: "restore-temp-1", label: "it" };
  return { world, staged: stageObjects(world.context, work, { slots: new Semaphore(2), keep: false }) };
}

describe("stageObjects", () => {
  test("stages what a service vouched for with a checksum that this program does not compute", async () => {
    const { world, staged } = await stage({
      kind: "service",
      checksum: { algorithm: "crc64nvme", value: "0123456789abcdef" },
    });
    await using readable = await staged;
    const path = `${readable.importPath("binlogs/insert_log/1/2/3/")}3/100/4`;
    expect(await contentOf(world.bucket, path)).toEqual(sample(1000));
  });

  test("refuses a content whose digest is not the recorded one, and leaves nothing", async () => {
    const checksum = { algorithm: "sha256", value: "00".repeat(32) } as const;
    const { world, staged } = await stage({ kind: "digest", checksum });
    await expect(staged).rejects.toEqual(coded("CHECKSUM_MISMATCH"));
    expect(await keysOf(world.bucket)).not.toContain(`files/restore-temp-1/${KEY}`);
  });
});
