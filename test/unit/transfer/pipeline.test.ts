import { describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { definition as local } from "../../../drivers/local/mod.ts";
import { checksumOf } from "../../../src/base/checksum.ts";
import { AppError } from "../../../src/base/errors.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { Semaphore } from "../../../src/base/pool.ts";
import type { ObjectInfo, StorageDriver } from "../../../src/storage/driver.ts";
import { createDriverHost } from "../../../src/storage/host.ts";
import { objectKey } from "../../../src/storage/key.ts";
import { runCopyPlan } from "../../../src/transfer/pipeline.ts";
import type { CopyOptions, CopyPlan, CopyResult, CopyTask } from "../../../src/transfer/plan.ts";
import {
  changed,
  failureOf,
  keysOf,
  memoryRoot,
  never,
  optionsFor,
  sample,
  store,
  taskFor,
  warningsIn,
} from "./roots.ts";

async function run(plan: CopyPlan, options: CopyOptions): Promise<CopyResult[]> {
  const results: CopyResult[] = [];
  for await (const result of runCopyPlan(plan, options)) results.push(result);
  return results;
}

/** A root with objects o/0, o/1, ... of one byte more each, and an empty root of another backend. */
async function roots(count: number) {
  const from = await memoryRoot();
  const to = await memoryRoot();
  const sources: ObjectInfo[] = [];
  for (let index = 0; index < count; index += 1) sources.push(await store(from, `o/${index}`, sample(index)));
  return { from, to, mode: "auto" as const, tasks: () => sources.map((source) => taskFor(source)) };
}

/** Puts wait a moment; `running` tells how many are under way. */
function slow(driver: StorageDriver, fail?: (key: string) => boolean) {
  const state = { running: 0, most: 0, started: 0 };
  const to = changed(driver, (calls) => ({
    put: async (key, body, options) => {
      state.running += 1;
      state.started += 1;
      state.most = Math.max(state.most, state.running);
      try {
        await Bun.sleep(2);
        options.signal.throwIfAborted();
        if (fail?.(key) === true) throw new AppError("NO_SPACE", "full");
        return await calls.put(key, body, options);
      } finally {
        state.running -= 1;
      }
    },
  }));
  return { to, state };
}

describe("a copy plan", () => {
  test("copies every task and reports each object", async () => {
    const plan = await roots(50);
    const options = optionsFor();
    const results = await run(plan, options);
    expect(results.map((result) => result.task.source.key).sort()).toEqual(
      plan
        .tasks()
        .map((task) => task.source.key)
        .sort(),
    );
    for (const { task, evidence } of results) {
      const checksum = checksumOf("sha256", sample(task.source.size));
      expect(evidence).toEqual({ kind: "digest", checksum });
    }
    const objects = options.events.filter((event) => event.type === "object");
    expect(objects).toHaveLength(50);
    expect(objects[0]).toMatchObject({ type: "object", via: "streaming" });
    expect((await keysOf(plan.to)).length).toBe(50);
  });

  test("without tasks yields nothing", async () => {
    const plan = await roots(0);
    expect(await run(plan, optionsFor())).toEqual([]);
  });

  test("pulls tasks only as places get free", async () => {
    const plan = await roots(1);
    const [task] = plan.tasks();
    if (task === undefined) throw new Error("no task");
    let pulled = 0;
    let done = 0;
    let ahead = 0;
    const tasks = async function* (): AsyncGenerator<CopyTask> {
      while (pulled < 100_000) {
        pulled += 1;
        yield { ...task, targetKey: objectKey("same") };
      }
    };
    for await (const _ of runCopyPlan(
      { ...plan, from: plan.from, to: plan.from, tasks },
      optionsFor({ concurrency: 4 }),
    )) {
      done += 1;
      ahead = Math.max(ahead, pulled - done);
    }
    expect(done).toBe(100_000);
    expect(ahead).toBeLessThanOrEqual(6);
  });

  test("stays within its own limit and within the slots that it shares with other plans", async () => {
    const first = await roots(20);
    const second = await roots(20);
    const { to, state } = slow(await memoryRoot());
    const slots = new Semaphore(5);
    await Promise.all([
      run({ ...first, to }, optionsFor({ concurrency: 4, slots })),
      run({ ...second, to }, optionsFor({ concurrency: 4, slots })),
    ]);
    expect(state.most).toBe(5);
    const alone = slow(await memoryRoot());
    await run({ ...first, to: alone.to }, optionsFor({ concurrency: 3, slots }));
    expect(alone.state.most).toBe(3);
  });

  test("stops at the first failure with nothing left running", async () => {
    const plan = await roots(100);
    const { to, state } = slow(plan.to, (key) => key.endsWith("o/10"));
    const error = await failureOf(run({ ...plan, to }, optionsFor({ concurrency: 4 })));
    expect(error).toMatchObject({ code: "NO_SPACE", details: { key: "o/10" } });
    expect(state.running).toBe(0);
    expect(state.started).toBeLessThan(20);
    const stored = await keysOf(plan.to);
    await Bun.sleep(10);
    expect(await keysOf(plan.to)).toEqual(stored);
  });

  test("ends what runs when its caller stops early", async () => {
    const plan = await roots(100);
    const { to, state } = slow(plan.to);
    for await (const _ of runCopyPlan({ ...plan, to }, optionsFor({ concurrency: 4 }))) break;
    expect(state.running).toBe(0);
    expect(state.started).toBeLessThan(12);
  });

  test("ends with ABORTED when the signal fires", async () => {
    const plan = await roots(100);
    const { to, state } = slow(plan.to);
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 10);
    const error = await failureOf(run({ ...plan, to }, optionsFor({ concurrency: 2, signal: stop.signal })));
    expect(error.code).toBe("ABORTED");
    expect(state.running).toBe(0);
  });

  test("passes on a failure of the task list and ends what runs", async () => {
    const plan = await roots(4);
    const { to, state } = slow(plan.to);
    const tasks = async function* (): AsyncGenerator<CopyTask> {
      yield* plan.tasks();
      throw new AppError("UNAVAILABLE", "listing broke");
    };
    const error = await failureOf(run({ ...plan, to, tasks }, optionsFor()));
    expect(error).toMatchObject({ code: "UNAVAILABLE", message: "listing broke" });
    expect(state.running).toBe(0);
  });

  test("holds no more memory for many objects than for few", async () => {
    const plan = await roots(1);
    const [task] = plan.tasks();
    if (task === undefined) throw new Error("no task");
    const measure = async (count: number): Promise<number> => {
      const tasks = function* (): Generator<CopyTask> {
        for (let index = 0; index < count; index += 1) yield { ...task, targetKey: objectKey("same") };
      };
      for await (const _ of runCopyPlan({ ...plan, to: plan.from, tasks }, optionsFor({ progress: { report() {} } })));
      Bun.gc(true);
      return process.memoryUsage().heapUsed;
    };
    const few = await measure(2000);
    const many = await measure(40_000);
    expect(many - few).toBeLessThan(4_000_000);
  });
});

describe("between two folders of one disk", () => {
  async function folders(use: (from: StorageDriver, to: StorageDriver) => Promise<void>): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), "pipeline-"));
    const open = (name: string): Promise<StorageDriver> =>
      local.open(
        {},
        { rootPath: join(folder, name), provider: "local", host: createDriverHost(), log: silentLogger, signal: never },
      );
    try {
      await using from = await open("from");
      await using to = await open("to");
      await use(from, to);
    } finally {
      await rm(folder, { recursive: true });
    }
  }

  test("direct copies are proven by size, which is said once, and read-back hashes them", async () => {
    await folders(async (from, to) => {
      const sources = [await store(from, "a/1", sample(1000)), await store(from, "a/2", sample(0))];
      const plan: CopyPlan = { from, to, mode: "direct", tasks: () => sources.map((source) => taskFor(source)) };
      const options = optionsFor();
      const bySize = await run(plan, options);
      expect(bySize.map((result) => [result.via, result.evidence.kind])).toEqual([
        ["direct", "size"],
        ["direct", "size"],
      ]);
      expect(warningsIn(options.events)).toEqual(["SIZE_EVIDENCE_ONLY"]);
      const readBack = optionsFor({ verify: "read-back" });
      const byDigest = await run(plan, readBack);
      expect(new Set(byDigest.map((result) => result.evidence.kind))).toEqual(new Set(["digest"]));
      expect(warningsIn(readBack.events)).toEqual([]);
    });
  });

  test.each(["streaming", "auto"] as const)(
    "mode %s streams and brings digests: a disk vouches for nothing",
    async (mode) => {
      await folders(async (from, to) => {
        const content = sample(3_000_000);
        const source = await store(from, "a/1", content);
        const [result] = await run({ from, to, mode, tasks: () => [taskFor(source)] }, optionsFor());
        expect(result?.via).toBe("streaming");
        expect(result?.target).not.toHaveProperty("etag");
        expect(result?.evidence).toEqual({ kind: "digest", checksum: checksumOf("sha256", content) });
      });
    },
  );

  test("an abort in the middle leaves no file, finished or not", async () => {
    await folders(async (from, to) => {
      const source = await store(from, "a/1", sample(8_000_000));
      const stop = new AbortController();
      const options = optionsFor({ signal: stop.signal, progress: { report: () => stop.abort() } });
      const error = await failureOf(run({ from, to, mode: "streaming", tasks: () => [taskFor(source)] }, options));
      expect(error.code).toBe("ABORTED");
      expect(await keysOf(to)).toEqual([]);
    });
  });
});
