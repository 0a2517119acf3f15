import { describe, expect, test } from "bun:test";
import { AppError } from "../../../src/base/errors.ts";
import { type CheckContext, type CheckReport, type CheckState, runCheck } from "../../../src/operations/check.ts";
import type { StorageDriver } from "../../../src/storage/driver.ts";
import { faultyDriver } from "../../support/faulty_driver.ts";
import { coded } from "../meta/repository_support.ts";
import { keysOf } from "../transfer/roots.ts";
import { books, openWorld, type World, type WorldOptions } from "./world.ts";

interface Checked {
  readonly world: World;
  readonly context: CheckContext;
  /** Roots and gateways that were opened and not closed again. */
  readonly open: () => number;
}

async function checkable(options: WorldOptions = {}): Promise<Checked> {
  const world = await openWorld(options);
  let open = 0;
  const counted = <T extends AsyncDisposable>(value: T): T => {
    open += 1;
    return {
      ...value,
      [Symbol.asyncDispose]: async () => {
        open -= 1;
      },
    };
  };
  const { progress, log, now, signal, sourceRoot, backupRoot, openSourceRootAt, transfer } = world.context;
  return {
    world,
    open: () => open,
    context: {
      progress,
      log,
      now,
      signal,
      connectMilvus: async () => counted(world.milvus),
      openSourceRoot: async () => counted(sourceRoot),
      openSourceRootAt: async (path) => counted(await openSourceRootAt(path)),
      openBackupRoot: async () => counted(backupRoot),
      transferMode: transfer.mode,
    },
  };
}

const states = (report: CheckReport) => Object.fromEntries(report.steps.map((step) => [step.name, step.state]));
const messageOf = (report: CheckReport, name: string): string =>
  report.steps.find((step) => step.name === name)?.message ?? "";

const ALL_OK: Readonly<Record<string, CheckState>> = {
  Milvus: "ok",
  "Milvus root path": "ok",
  "backup root path": "ok",
  "data of Milvus": "ok",
  "garbage collection pause": "ok",
  transfer: "ok",
};

describe("runCheck", () => {
  test("proves each step, writes nothing that stays, and closes what it opened", async () => {
    const { world, context, open } = await checkable();
    const segment = await world.fake.store(world.fake.make(books), [1n]);
    const report = await runCheck(context);
    expect(states(report)).toEqual(ALL_OK);
    expect(report.failure).toBeUndefined();
    expect(report.milvusVersion).toBe("v2.6.3");
    expect(messageOf(report, "data of Milvus")).toContain(`segment ${segment.id} of default.books (1 rows)`);
    expect(messageOf(report, "transfer")).toContain("by the storage service itself");
    expect(await keysOf(world.backupRoot)).toEqual([]);
    expect(world.fake.gc).toMatchObject({ pauses: 1, resumes: 1 });
    expect(open()).toBe(0);
  });

  test("a Milvus without rows cannot prove its root path, which is a warning", async () => {
    const { context } = await checkable();
    const report = await runCheck(context);
    expect(states(report)).toEqual({ ...ALL_OK, "data of Milvus": "warning" });
    expect(report.failure).toBeUndefined();
  });

  test("a wrong root path is a failure that names the right one", async () => {
    const { world, context } = await checkable({ configuredRoot: "file" });
    await world.fake.store(world.fake.make(books), [1n]);
    const report = await runCheck(context);
    expect(states(report)).toEqual({ ...ALL_OK, "data of Milvus": "failed" });
    expect(messageOf(report, "data of Milvus")).toContain('under the root path "files"');
    expect(report.failure).toEqual(coded("DATA_MISSING"));
    expect(report.steps.find((step) => step.state === "failed")?.code).toBe("DATA_MISSING");
  });

  test("a Milvus that does not answer fails its step, and those that need it are skipped", async () => {
    const { context, open } = await checkable();
    const report = await runCheck({
      ...context,
      connectMilvus: async () => {
        throw new AppError("UNAVAILABLE", "nobody answers");
      },
    });
    expect(states(report)).toEqual({
      ...ALL_OK,
      Milvus: "failed",
      "data of Milvus": "skipped",
      "garbage collection pause": "skipped",
    });
    expect(report.failure).toEqual(coded("UNAVAILABLE", "nobody answers"));
    expect(report.milvusVersion).toBeUndefined();
    expect(open()).toBe(0);
  });

  test("a backup root that takes no objects fails its step, named", async () => {
    const refuse = (root: StorageDriver): StorageDriver =>
      faultyDriver(root, {
        call: (call) => (call === "put" ? new AppError("ACCESS_DENIED", "no right to put") : undefined),
      });
    const { context, open } = await checkable({ backup: refuse });
    const report = await runCheck(context);
    expect(states(report)).toMatchObject({ "backup root path": "failed", transfer: "skipped" });
    expect(messageOf(report, "backup root path")).toContain("no right to put");
    expect(report.failure).toEqual(coded("ACCESS_DENIED"));
    expect(open()).toBe(0);
  });

  test("the first failure decides", async () => {
    const { context } = await checkable();
    const fail = (code: "ACCESS_DENIED" | "UNAVAILABLE") => async () => {
      throw new AppError(code, "on purpose");
    };
    const report = await runCheck({
      ...context,
      openSourceRoot: fail("ACCESS_DENIED"),
      openBackupRoot: fail("UNAVAILABLE"),
    });
    expect(report.failure).toEqual(coded("ACCESS_DENIED"));
    expect(report.steps.filter((step) => step.state === "failed")).toHaveLength(2);
  });

  test("garbage collection that cannot be paused is a warning with its reason", async () => {
    const { world, context } = await checkable();
    world.fake.gc.refusal = "404";
    const report = await runCheck(context);
    expect(states(report)["garbage collection pause"]).toBe("warning");
    expect(messageOf(report, "garbage collection pause")).toContain("(404)");
  });

  test("direct transfer between two services is refused, streaming is told", async () => {
    const { context } = await checkable({ backups: "own bucket" });
    expect(messageOf(await runCheck(context), "transfer")).toContain("stream through this machine");
    const direct = await runCheck({ ...context, transferMode: "direct" });
    expect(states(direct).transfer).toBe("failed");
    expect(direct.failure).toEqual(coded("CONFIG_INVALID", "transfer.mode is direct"));
  });

  test("an interruption ends it", async () => {
    const { world, context } = await checkable();
    world.fake.script = () => world.stop.abort(new AppError("ABORTED", "interrupted by SIGINT"));
    await expect(runCheck(context)).rejects.toEqual(coded("ABORTED", "interrupted by SIGINT"));
  });
});
