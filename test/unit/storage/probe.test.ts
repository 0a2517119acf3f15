import { describe, expect, test } from "bun:test";
import { AppError } from "../../../src/base/errors.ts";
import { sleep } from "../../../src/base/retry.ts";
import type { StorageDriver } from "../../../src/storage/driver.ts";
import { type ProbeReport, probeDriver } from "../../../src/storage/probe.ts";
import { type DriverCalls, wrapDriver } from "../../../src/storage/wrappers/wrapped.ts";
import { call, key, keysOf, memoryRoot, never, putText } from "./support.ts";

const options = { signal: never, now: () => new Date() };
const stepsOf = (report: ProbeReport): string[] => report.steps.map(({ step, ok }) => (ok ? step : `${step} failed`));

/** A root with one object, changed. */
async function rootWith(change: (calls: DriverCalls) => Partial<DriverCalls> = () => ({})): Promise<StorageDriver> {
  const root = await memoryRoot();
  await putText(root, "kept/object", "some text");
  return wrapDriver(root, change);
}

async function* failing(): AsyncGenerator<never> {
  yield await Promise.reject(new AppError("ACCESS_DENIED", "a link, which is not followed"));
}

describe("probeDriver", () => {
  test("tries everything on a root that works and leaves nothing behind", async () => {
    const root = await rootWith();
    const report = await probeDriver(root, { ...options, write: true });
    expect(stepsOf(report)).toEqual([
      ...["list", "stat", "read", "range", "put", "get back", "listed", "overwrite", "prefix siblings"],
      ...["ifAbsent", "copy", "delete"],
    ]);
    expect(report).toMatchObject({ ok: true, location: root.location });
    expect(report.steps[0]?.message).toBe("1 object seen");
    expect(await keysOf(root)).toEqual(["kept/object"]);
  });

  test("read-only, changes nothing and does not even try to", async () => {
    const changes: string[] = [];
    const root = await rootWith(() => ({
      put: async () => Promise.reject(changes.push("put")),
      delete: async () => void changes.push("delete"),
      copyFrom: async () => Promise.reject(changes.push("copy")),
    }));
    const report = await probeDriver(root, { ...options, write: false });
    expect(stepsOf(report)).toEqual(["list", "stat", "read", "range"]);
    expect(changes).toEqual([]);
  });

  test("looks only below the prefix it is given", async () => {
    const root = await rootWith((calls) => ({
      list: (prefix, given) => (prefix === "kept/" ? calls.list(prefix, given) : failing()),
    }));
    expect(stepsOf(await probeDriver(root, { ...options, write: false, prefix: "kept/" }))).toEqual([
      ...["list", "stat", "read", "range"],
    ]);
    expect(stepsOf(await probeDriver(root, { ...options, write: false }))).toEqual(["list failed"]);
  });

  test("an empty root is no failure", async () => {
    const report = await probeDriver(await memoryRoot(), { ...options, write: false });
    expect(report.ok).toBe(true);
    expect(stepsOf(report)).toEqual(["list", "stat"]);
  });

  test("says what is not allowed and stops there", async () => {
    const denied = async () => Promise.reject(new AppError("ACCESS_DENIED", "no PutObject here"));
    const report = await probeDriver(await rootWith(() => ({ put: denied })), { ...options, write: true });
    expect(report.ok).toBe(false);
    expect(stepsOf(report).at(-1)).toBe("put failed");
    expect(report.steps.at(-1)?.message).toBe("no PutObject here");
  });

  test("writes nothing where not even reading works", async () => {
    let puts = 0;
    const root = await rootWith((calls) => ({
      get: async () => Promise.reject(new AppError("ACCESS_DENIED", "no GetObject here")),
      put: async (...args) => {
        puts += 1;
        return calls.put(...args);
      },
    }));
    const report = await probeDriver(root, { ...options, write: true });
    expect(stepsOf(report)).toEqual(["list", "stat", "read failed", "range failed"]);
    expect(puts).toBe(0);
  });

  test("notices a root that stores something else than it was given", async () => {
    const root = await rootWith((calls) => ({
      put: (name, body, { signal }) =>
        calls.put(name, { ...body, open: async () => new Blob(["x".repeat(body.size)]).stream() }, { signal }),
    }));
    const report = await probeDriver(root, { ...options, write: true });
    expect(stepsOf(report).at(-1)).toBe("get back failed");
    expect(await keysOf(root)).toEqual(["kept/object"]);
  });

  test("notices a listing that takes siblings for content of a prefix", async () => {
    const root = await rootWith((calls) => ({
      list: (prefix, given) => calls.list(prefix.replace(/b\/$/, ""), given),
    }));
    const report = await probeDriver(root, { ...options, write: true });
    expect(stepsOf(report).at(-1)).toBe("prefix siblings failed");
    expect(await keysOf(root)).toEqual(["kept/object"]);
  });

  test("reads no more of a listing than it is told", async () => {
    let listed = 0;
    const root = await rootWith((calls) => ({
      async *list(prefix, given) {
        for await (const info of calls.list(prefix, given)) {
          listed += 1;
          yield info;
        }
      },
    }));
    for (let index = 0; index < 20; index += 1) await putText(root, `more/${index}`, "x");
    await probeDriver(root, { ...options, write: false, maxObjects: 5 });
    expect(listed).toBe(5);
  });

  test("gives up after its time, with a report", async () => {
    const root = await rootWith(() => ({ stat: async (_, { signal }) => Promise.reject(await sleep(60_000, signal)) }));
    const report = await probeDriver(root, { ...options, write: false, timeoutMs: 20 });
    expect(report.steps[1]).toMatchObject({ step: "stat", ok: false, message: "the probe was not done after 20 ms" });
  });

  test("throws ABORTED when the caller's signal fires, and still cleans up", async () => {
    const abort = new AbortController();
    const root = await rootWith((calls) => ({
      async copyFrom(...args) {
        const info = await calls.copyFrom(...args);
        abort.abort();
        return info;
      },
    }));
    const probing = probeDriver(root, { ...options, signal: abort.signal, write: true });
    await expect(probing).rejects.toMatchObject({ code: "ABORTED" });
    expect(await keysOf(root)).toEqual(["kept/object"]);
    expect((await root.stat(key("kept/object"), call)).size).toBe(9);
  });
});
