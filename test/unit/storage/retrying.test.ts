import { describe, expect, test } from "bun:test";
import { AppError, type ErrorCode } from "../../../src/base/errors.ts";
import { streamOf } from "../../../src/base/streams.ts";
import type { ObjectInfo, StorageDriver } from "../../../src/storage/driver.ts";
import { retryingDriver } from "../../../src/storage/wrappers/retrying.ts";
import { wrapDriver } from "../../../src/storage/wrappers/wrapped.ts";
import { type FaultScript, faultyDriver, unavailable } from "../../support/faulty_driver.ts";
import { call, getText, key, keysOf, memoryRoot, putText, quick, textBody } from "./support.ts";

/** The first `times` calls of each kind fail with this code. */
const failing = (code: ErrorCode, times: number): FaultScript => ({
  call: (_, count) => (count <= times ? new AppError(code, "on purpose") : undefined),
});

const retrying = (inner: StorageDriver, script: FaultScript = {}): StorageDriver =>
  retryingDriver(faultyDriver(inner, script), { policy: quick });

describe("calls", () => {
  test("are made again while the service is unavailable", async () => {
    const driver = retrying(await memoryRoot(), failing("UNAVAILABLE", 3));
    await putText(driver, "a", "text");
    expect((await driver.stat(key("a"), call)).size).toBe(4);
    expect(await getText(driver, "a")).toBe("text");
    await driver.copyFrom?.(driver, await driver.stat(key("a"), call), key("b"), call);
    await driver.delete(key("a"), call);
    expect(await keysOf(driver)).toEqual(["b"]);
  });

  test("are not made again after an error that stays", async () => {
    for (const code of ["ACCESS_DENIED", "NOT_FOUND", "NO_SPACE", "CHECKSUM_MISMATCH"] as const) {
      const driver = retrying(await memoryRoot(), failing(code, 1));
      await expect(driver.put(key("a"), textBody("x"), call)).rejects.toMatchObject({ code });
      await expect(driver.stat(key("a"), call)).rejects.toMatchObject({ code });
      // The second try of the same call would have come through.
      await expect(driver.stat(key("a"), call)).rejects.toMatchObject({
        code: "NOT_FOUND",
        message: expect.stringMatching("no such"),
      });
    }
  });

  test("fail with the service's error when it stays unavailable", async () => {
    const driver = retrying(await memoryRoot(), failing("THROTTLED", 99));
    await expect(driver.delete(key("a"), call)).rejects.toMatchObject({ code: "THROTTLED" });
  });
});

describe("put", () => {
  test("opens its body anew for each try", async () => {
    let opened = 0;
    const root = await memoryRoot();
    // Reads the body before it fails, as a lost connection would.
    const broken = wrapDriver(root, (calls) => ({
      async put(name, body, options) {
        const info = await calls.put(name, body, options);
        if (opened < 3) throw unavailable("lost");
        return info;
      },
    }));
    const driver = retryingDriver(broken, { policy: quick });
    const body = {
      size: 3,
      open: async () => {
        opened += 1;
        return streamOf(new TextEncoder().encode("abc"));
      },
    };
    await driver.put(key("a"), body, call);
    expect(opened).toBe(3);
    expect(await getText(root, "a")).toBe("abc");
  });

  test("gives a body that is always short three tries, not all", async () => {
    let opened = 0;
    const driver = retryingDriver(await memoryRoot(), { policy: { ...quick, attempts: 50 } });
    const body = {
      size: 10,
      open: async () => {
        opened += 1;
        return streamOf(new Uint8Array(9));
      },
    };
    await expect(driver.put(key("a"), body, call)).rejects.toMatchObject({ code: "SHORT_BODY" });
    expect(opened).toBe(3);
  });

  test("with ifAbsent takes its own object for its success when the answer got lost", async () => {
    const root = await memoryRoot();
    const driver = retrying(root, { loseAnswer: (count) => count === 1 });
    const info = await driver.put(key("lock"), textBody("mine"), { ...call, ifAbsent: true });
    expect(info.size).toBe(4);
  });

  test("with ifAbsent does not take somebody else's object for its own", async () => {
    const root = await memoryRoot();
    await putText(root, "lock", "them");
    const driver = retrying(root, failing("UNAVAILABLE", 1));
    const put = driver.put(key("lock"), textBody("mine"), { ...call, ifAbsent: true });
    await expect(put).rejects.toMatchObject({ code: "ALREADY_EXISTS" });
    expect(await getText(root, "lock")).toBe("them");
  });

  test("with ifAbsent does not read an object of another size, and lets go of it", async () => {
    const root = await memoryRoot();
    await putText(root, "lock", "somebody else's");
    const seen = { read: 0, cancelled: 0 };
    const watched = wrapDriver(faultyDriver(root, failing("UNAVAILABLE", 1)), (calls) => ({
      async get(name, options) {
        const body = await calls.get(name, options);
        const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
          seen.read += 1;
          controller.close();
        };
        const cancel = (): void => {
          seen.cancelled += 1;
        };
        return { ...body, stream: new ReadableStream<Uint8Array>({ pull, cancel }, { highWaterMark: 0 }) };
      },
    }));
    const put = retryingDriver(watched, { policy: quick }).put(key("lock"), textBody("mine"), {
      ...call,
      ifAbsent: true,
    });
    await expect(put).rejects.toMatchObject({ code: "ALREADY_EXISTS" });
    expect(seen).toEqual({ read: 0, cancelled: 1 });
  });
});

describe("a body that breaks", () => {
  const text = Array.from({ length: 5_000 }, (_, index) => `line ${index}\n`).join("");

  test("goes on from where it broke, however often it does while it gets on", async () => {
    const root = await memoryRoot();
    await putText(root, "a", text);
    const ranges: (number | undefined)[] = [];
    const watched = wrapDriver(
      faultyDriver(root, { cutBody: (_, size) => (size > 5_000 ? 5_000 : undefined) }),
      (calls) => ({
        get(name, options) {
          ranges.push(options.range?.start);
          return calls.get(name, options);
        },
      }),
    );
    expect(await getText(retryingDriver(watched, { policy: quick }), "a")).toBe(text);
    expect(ranges.slice(0, 4)).toEqual([undefined, 5_000, 10_000, 15_000]);
  });

  test("goes on within the range that was asked for", async () => {
    const root = await memoryRoot();
    await putText(root, "a", text);
    const driver = retrying(root, { cutBody: (_, size) => (size > 7 ? 7 : undefined) });
    const body = await driver.get(key("a"), { ...call, range: { start: 100, end: 130 } });
    expect(await new Response(body.stream).text()).toBe(text.slice(100, 130));
  });

  test("fails when it does not get on", async () => {
    const root = await memoryRoot();
    await putText(root, "a", text);
    const driver = retrying(root, { cutBody: (count) => (count === 1 ? 10 : 0) });
    await expect(getText(driver, "a")).rejects.toMatchObject({ code: "UNAVAILABLE" });
  });

  test("fails when the object is another one by then", async () => {
    const root = await memoryRoot();
    await putText(root, "a", text);
    const driver = retrying(root, { cutBody: (count) => (count === 1 ? 10 : undefined) });
    const body = await driver.get(key("a"), call);
    await putText(root, "a", text.toUpperCase());
    const error = new Response(body.stream).text();
    await expect(error).rejects.toMatchObject({
      code: "SHORT_BODY",
      retriable: true,
      message: expect.stringMatching("changed while"),
    });
  });

  test("fails where the driver reads no ranges, unless it broke before the first byte", async () => {
    const root = await memoryRoot();
    await putText(root, "a", text);
    const capabilities = { ...root.capabilities, rangeRead: false };
    const without = (cut: number): StorageDriver =>
      retrying({ ...root, capabilities }, { cutBody: (count) => (count === 1 ? cut : undefined) });
    await expect(getText(without(10), "a")).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect(await getText(without(0), "a")).toBe(text);
  });

  test("is not gone on with after a failed check of its content", async () => {
    const root = await memoryRoot();
    await putText(root, "a", text);
    let gets = 0;
    const broken = wrapDriver(root, (calls) => ({
      async get(name, options) {
        gets += 1;
        const body = await calls.get(name, options);
        const error = new AppError("CHECKSUM_MISMATCH", "decayed", { retriable: true });
        return { ...body, stream: new ReadableStream({ pull: (controller) => controller.error(error) }) };
      },
    }));
    await expect(getText(retryingDriver(broken, { policy: quick }), "a")).rejects.toMatchObject({
      code: "CHECKSUM_MISMATCH",
    });
    expect(gets).toBe(1);
  });

  test("that ends early without an error is not taken for complete", async () => {
    const root = await memoryRoot();
    await putText(root, "a", text);
    const early = wrapDriver(root, (calls) => ({
      async get(name, options) {
        const body = await calls.get(name, options);
        await body.stream.cancel();
        return { ...body, stream: streamOf(new Uint8Array()) };
      },
    }));
    await expect(getText(retryingDriver(early, { policy: quick }), "a")).rejects.toMatchObject({ code: "SHORT_BODY" });
  });
});

describe("a listing that breaks", () => {
  const names = Array.from({ length: 40 }, (_, index) => `k${String(index).padStart(2, "0")}`);

  async function listBroken(ordered: boolean, cutList: FaultScript["cutList"]): Promise<string[]> {
    const root = await memoryRoot();
    for (const name of names) await putText(root, name, "x");
    const capabilities = { ...root.capabilities, orderedList: ordered };
    return keysOf(retrying({ ...root, capabilities }, cutList === undefined ? {} : { cutList }));
  }

  test("goes on behind its last entry where the driver's order allows it", async () => {
    expect(await listBroken(true, () => 7)).toEqual(names);
  });

  test("is started again without repeating itself where there is no order", async () => {
    // It gets further each time, as a listing that breaks at random does.
    expect((await listBroken(false, (count) => count * 9)).sort()).toEqual(names);
  });

  test("fails when it does not get on", async () => {
    for (const ordered of [true, false]) {
      await expect(listBroken(ordered, (count) => (count === 1 ? 5 : 0))).rejects.toMatchObject({
        code: "UNAVAILABLE",
      });
    }
  });

  test("without order fails rather than repeat itself beyond what it remembers", async () => {
    const root = await memoryRoot();
    const many = wrapDriver({ ...root, capabilities: { ...root.capabilities, orderedList: false } }, () => ({
      async *list() {
        for (let index = 0; index <= 100_001; index += 1) {
          yield { key: key(`k${index}`), size: 0, checksums: {} } satisfies ObjectInfo;
        }
        throw unavailable("late");
      },
    }));
    const seen = new Set<string>();
    let repeated = 0;
    const listing = (async () => {
      for await (const info of retryingDriver(many, { policy: quick }).list("", call)) {
        if (seen.has(info.key)) repeated += 1;
        seen.add(info.key);
      }
    })();
    await expect(listing).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect({ seen: seen.size, repeated }).toEqual({ seen: 100_002, repeated: 0 });
  });
});
