import { describe, expect, test } from "bun:test";
import { AppError, toAppError } from "../../../src/base/errors.ts";
import { createLogger, silentLogger } from "../../../src/base/log.ts";
import type { StorageDriver } from "../../../src/storage/driver.ts";
import { redactor } from "../../../src/storage/redact.ts";
import { limitedDriver } from "../../../src/storage/wrappers/limited.ts";
import { loggedDriver } from "../../../src/storage/wrappers/logged.ts";
import { readonlyDriver } from "../../../src/storage/wrappers/readonly.ts";
import { unwrap, wrapDriver } from "../../../src/storage/wrappers/wrapped.ts";
import { slowDriver } from "../../support/slow_driver.ts";
import { call, getText, key, keysOf, memoryRoot, never, putText, textBody } from "./support.ts";

describe("wrapDriver", () => {
  test("passes everything through that it does not change", async () => {
    const root = await memoryRoot();
    const outer = wrapDriver(
      wrapDriver(root, () => ({})),
      () => ({}),
    );
    for (const member of ["name", "location", "backendId", "spaceId", "capabilities"] as const) {
      expect(outer[member]).toBe(root[member]);
    }
    expect(outer.nativePath("a")).toBe(root.nativePath("a"));
    await putText(outer, "a", "x");
    expect(await keysOf(root)).toEqual(["a"]);
    expect(unwrap(outer)).toBe(root);
    expect(unwrap(root)).toBe(root);
  });

  test("has copyFrom only where the inner driver has it, and hands it the unwrapped source", async () => {
    const root = await memoryRoot();
    await putText(root, "a", "x");
    let source: StorageDriver | undefined;
    const watched: StorageDriver = {
      ...root,
      async copyFrom(from, info, to, options) {
        source = from;
        return (await root.copyFrom?.(from, info, to, options)) ?? info;
      },
    };
    const outer = wrapDriver(
      wrapDriver(watched, () => ({})),
      () => ({}),
    );
    await outer.copyFrom?.(
      wrapDriver(root, () => ({})),
      await root.stat(key("a"), call),
      key("b"),
      call,
    );
    expect(source).toBe(root);
    const { copyFrom: _, ...without } = root;
    expect("copyFrom" in wrapDriver(without, (calls) => ({ copyFrom: calls.copyFrom }))).toBe(false);
  });

  test("disposes the inner driver", async () => {
    let disposed = 0;
    const root = { ...(await memoryRoot()), [Symbol.asyncDispose]: async () => void disposed++ };
    {
      await using _ = wrapDriver(root, () => ({}));
    }
    expect(disposed).toBe(1);
  });
});

describe("readonlyDriver", () => {
  test("refuses what would change the root and lets reading through", async () => {
    const root = await memoryRoot();
    await putText(root, "a", "text");
    const driver = readonlyDriver(root);
    const info = await driver.stat(key("a"), call);
    const refused = { code: "READ_ONLY", retriable: false };
    await expect(driver.put(key("b"), textBody("x"), call)).rejects.toMatchObject(refused);
    await expect(driver.delete(key("a"), call)).rejects.toMatchObject(refused);
    await expect(driver.copyFrom?.(root, info, key("b"), call)).rejects.toMatchObject(refused);
    expect(await getText(driver, "a")).toBe("text");
    expect(await keysOf(driver)).toEqual(["a"]);
  });

  test("may be copied from", async () => {
    const root = await memoryRoot();
    await putText(root, "a", "text");
    const source = readonlyDriver(root);
    await wrapDriver(root, () => ({})).copyFrom?.(source, await source.stat(key("a"), call), key("b"), call);
    expect(await getText(root, "b")).toBe("text");
  });
});

describe("limitedDriver", () => {
  test("bounds calls, and gets until their bodies end", async () => {
    const slow = slowDriver(await memoryRoot(), 2);
    const driver = limitedDriver(slow.driver, { concurrency: 3 });
    const names = Array.from({ length: 12 }, (_, index) => `k${index}`);
    await Promise.all(names.map((name) => putText(driver, name, "some text")));
    const texts = await Promise.all(names.map((name) => getText(driver, name)));
    expect(new Set(texts)).toEqual(new Set(["some text"]));
    expect(slow.peak()).toEqual({ gets: 3, others: 3 });
  });

  test("a get holds its place until its body is read, cancelled, or its signal fires", async () => {
    const root = await memoryRoot();
    await putText(root, "a", "text");
    const driver = limitedDriver(root, { concurrency: 1 });
    const abort = new AbortController();
    const endings: ((stream: ReadableStream<Uint8Array>) => Promise<unknown>)[] = [
      (stream) => new Response(stream).text(),
      (stream) => stream.cancel(),
      async () => abort.abort(),
    ];
    for (const end of endings) {
      const signal = AbortSignal.any([abort.signal]);
      const held = await driver.get(key("a"), { signal });
      let entered = false;
      const waiting = driver.get(key("a"), call).then((body) => {
        entered = true;
        return body.stream.cancel();
      });
      await new Promise((resolve) => setTimeout(resolve, 2));
      expect(entered).toBe(false);
      await end(held.stream);
      await waiting;
    }
  });

  test("a failed get gives its place back", async () => {
    const driver = limitedDriver(await memoryRoot(), { concurrency: 1 });
    for (let round = 0; round < 3; round += 1) {
      await expect(driver.get(key("absent"), call)).rejects.toMatchObject({ code: "NOT_FOUND" });
    }
  });

  test("a copy through one root does not wait for itself", async () => {
    const driver = limitedDriver(await memoryRoot(), { concurrency: 1 });
    await putText(driver, "a", "text");
    const open = async (signal: AbortSignal) => (await driver.get(key("a"), { signal })).stream;
    await Promise.all(["b", "c", "d"].map((name) => driver.put(key(name), { size: 4, open }, call)));
    expect(await keysOf(driver)).toEqual(["a", "b", "c", "d"]);
  });

  test("a listing lets its reader make calls, however few there may be", async () => {
    const driver = limitedDriver(await memoryRoot(), { concurrency: 1 });
    for (const name of ["a", "b", "c"]) await putText(driver, name, "x");
    for await (const info of driver.list("", call)) await driver.delete(info.key, call);
    expect(await keysOf(driver)).toEqual([]);
  });

  test("bounds the bytes a second of all bodies together", async () => {
    const driver = limitedDriver(await memoryRoot(), { concurrency: 4, bytesPerSecond: 1_000_000 });
    const started = performance.now();
    await putText(driver, "a", "x".repeat(15_000));
    await Promise.all([getText(driver, "a"), getText(driver, "a"), getText(driver, "a")]);
    // The first chunk passes at once, the three gets pay for what went before: 45,000 bytes at a million a second.
    expect(performance.now() - started).toBeGreaterThanOrEqual(40);
  });

  test("an abort ends the wait for a place", async () => {
    const root = await memoryRoot();
    await putText(root, "a", "text");
    const driver = limitedDriver(root, { concurrency: 1 });
    const held = await driver.get(key("a"), call);
    const abort = new AbortController();
    const waiting = driver.get(key("a"), { signal: abort.signal });
    abort.abort();
    await expect(waiting).rejects.toMatchObject({ code: "ABORTED" });
    await held.stream.cancel();
  });
});

describe("loggedDriver", () => {
  const password = "p@ss word/12345";
  const redact = redactor([password]);

  async function logged(change: Parameters<typeof wrapDriver>[1] = () => ({})) {
    const lines: string[] = [];
    const log = createLogger({ level: "debug", write: (line) => void lines.push(line) });
    const root = await memoryRoot();
    return { root, lines, driver: loggedDriver(wrapDriver(root, change), { log, redact }) };
  }

  test("writes one line per call with driver, key and time", async () => {
    const { driver, lines } = await logged();
    await putText(driver, "a", "x");
    await getText(driver, "a");
    await driver.stat(key("a"), call);
    await keysOf(driver);
    await driver.delete(key("a"), call);
    await expect(driver.stat(key("a"), call)).rejects.toThrow();
    expect(lines.map((line) => line.replace(/^\S+ DEBUG /, "").replace(/ms=\d+/, "ms=_"))).toEqual([
      "put driver=memory key=a ms=_",
      "get driver=memory key=a ms=_",
      "stat driver=memory key=a ms=_",
      'list driver=memory key="" ms=_ entries=1',
      "delete driver=memory key=a ms=_",
      "stat driver=memory key=a ms=_ code=NOT_FOUND",
    ]);
  });

  test("adds driver, location and key to every error and keeps its code", async () => {
    const inner = new AppError("THROTTLED", "slow down", { details: { status: 503 } });
    const fail = async () => Promise.reject(inner);
    const failList = async function* () {
      throw inner;
      // biome-ignore lint/correctness/noUnreachable: makes the generator one of entries
      yield { key: key("never"), size: 0, checksums: {} };
    };
    const { driver, root } = await logged(() => ({ stat: fail, put: fail, delete: fail, get: fail, list: failList }));
    const calls: Record<string, Promise<unknown>> = {
      stat: driver.stat(key("a/b"), call),
      put: driver.put(key("a/b"), textBody("x"), call),
      delete: driver.delete(key("a/b"), call),
      get: driver.get(key("a/b"), call),
    };
    for (const [name, promise] of Object.entries(calls)) {
      const error = toAppError(await promise.catch((it: unknown) => it));
      expect(error.message).toBe(`memory ${root.location}: ${name} a/b: slow down`);
      expect(error).toMatchObject({ code: "THROTTLED", retriable: true });
      expect(error.details).toEqual({ status: 503, driver: "memory", location: root.location, key: "a/b" });
    }
    await expect(keysOf(driver)).rejects.toThrow(`memory ${root.location}: list: slow down`);
  });

  test("says the source's context, and only that, when a put fails because its source does", async () => {
    const source = await logged();
    const target = await logged();
    await putText(source.root, "a", "text");
    const broken = loggedDriver(
      wrapDriver(source.root, (calls) => ({
        async get(name, options) {
          const body = await calls.get(name, options);
          const stream = new ReadableStream<Uint8Array>({
            pull: (it) => it.error(new AppError("UNAVAILABLE", "lost")),
          });
          return { ...body, stream };
        },
      })),
      { log: silentLogger, redact },
    );
    const open = async (signal: AbortSignal) => (await broken.get(key("a"), { signal })).stream;
    const error = await target.driver.put(key("b"), { size: 4, open }, call).catch((it: unknown) => it);
    expect(toAppError(error).message).toBe(`memory ${source.root.location}: get a: lost`);
  });

  test("takes secrets out of errors, their causes and details, and keeps the code", async () => {
    const leak = `https://user:${encodeURIComponent(password)}@host and ${password}`;
    const inner = new AppError("ACCESS_DENIED", `refused: ${leak}`, { cause: new Error(leak), details: { url: leak } });
    const { driver, lines } = await logged(() => ({ stat: async () => Promise.reject(inner) }));
    const error = await driver.stat(key("a"), call).catch((it: unknown) => it);
    expect(error).toMatchObject({ code: "ACCESS_DENIED" });
    for (
      let current: unknown = error;
      current !== undefined;
      current = current instanceof Error ? current.cause : undefined
    ) {
      expect(Bun.inspect(current)).not.toMatch(/12345/);
      expect(JSON.stringify(current)).not.toMatch(/12345/);
    }
    expect(lines.join("\n")).not.toMatch(/12345/);
  });

  test("refuses texts that are no keys before the driver sees them", async () => {
    const { driver } = await logged();
    // What a caller that casts instead of checking would do.
    const cast = "../up" as ReturnType<typeof key>;
    await expect(driver.stat(cast, { signal: never })).rejects.toMatchObject({ code: "INVALID_KEY" });
    await expect(Array.fromAsync(driver.list("no-slash", call))).rejects.toMatchObject({ code: "INVALID_KEY" });
  });
});
