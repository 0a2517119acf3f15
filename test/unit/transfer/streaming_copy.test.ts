import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { checksumOf } from "../../../src/base/checksum.ts";
import { AppError } from "../../../src/base/errors.ts";
import { streamOf } from "../../../src/base/streams.ts";
import type { StorageDriver } from "../../../src/storage/driver.ts";
import { objectKey } from "../../../src/storage/key.ts";
import { retryingDriver } from "../../../src/storage/wrappers/retrying.ts";
import { copyObject } from "../../../src/transfer/copier.ts";
import {
  bytesReported,
  changed,
  chunked,
  contentOf,
  failureOf,
  flipped,
  keysOf,
  memoryRoot,
  optionsFor,
  reporting,
  sample,
  store,
  taskFor,
  withBodies,
} from "./roots.ts";

const content = sample(300_000);
const sha256 = checksumOf("sha256", content);
const quick = { policy: { attempts: 6, baseDelayMs: 1, maxDelayMs: 1 } };

async function roots() {
  const from = await memoryRoot();
  const to = await memoryRoot();
  const source = await store(from, "a/1", content);
  return { from, to, source, mode: "auto" as const };
}

describe("a streaming copy", () => {
  test("stores the content, hashes it and reports every byte", async () => {
    const plan = await roots();
    const options = optionsFor();
    const result = await copyObject(plan, taskFor(plan.source), options);
    expect(result.via).toBe("streaming");
    expect(result.evidence).toEqual({ kind: "digest", checksum: sha256 });
    expect(await contentOf(plan.to, "copy/a/1")).toEqual(content);
    expect(bytesReported(options.events)).toBe(content.length);
  });

  test("gives equal digests for any size, cut into chunks of any size", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 5000 }), fc.integer({ min: 1, max: 1200 }), async (bytes, size) => {
        const from = await memoryRoot();
        const to = await memoryRoot();
        const source = await store(from, "x", bytes);
        const cut = withBodies(from, (whole) => chunked(whole, size));
        const result = await copyObject({ from: cut, to, mode: "auto" }, taskFor(source), optionsFor());
        expect(result.evidence).toEqual({ kind: "digest", checksum: checksumOf("sha256", bytes) });
        expect(await contentOf(to, "copy/x")).toEqual(bytes);
      }),
      { numRuns: 60 },
    );
  });

  describe("between services whose ETags are the content's MD5", () => {
    const silent = (driver: StorageDriver): StorageDriver => reporting(driver, { checksums: {} });
    const md5 = (bytes: Uint8Array): string => new Bun.CryptoHasher("md5").update(bytes).digest("hex");
    /** A target that says of each object what a service without encryption says. */
    const withMd5 = (driver: StorageDriver): StorageDriver =>
      changed(driver, (calls) => ({
        put: async (key, body, options) => ({
          ...(await calls.put(key, body, options)),
          etag: md5(await contentOf(driver, key)),
        }),
      }));

    test.each([1, 2])("a bit that flips in read %p of the source is found, and the object read again", async (nth) => {
      const plan = await roots();
      const source = { ...plan.source, etag: nth === 1 ? md5(content) : "0".repeat(32) };
      const from = withBodies(silent(plan.from), (whole, at) => streamOf(at === nth ? flipped(whole) : whole));
      const options = optionsFor();
      await copyObject({ ...plan, from, to: withMd5(plan.to) }, taskFor(source), options);
      expect(await contentOf(plan.to, "copy/a/1")).toEqual(content);
      expect(bytesReported(options.events)).toBe(content.length);
    });

    test("bits that flip at every read are refused, and nothing of it stays", async () => {
      const plan = await roots();
      const source = { ...plan.source, etag: md5(content) };
      const from = withBodies(silent(plan.from), (whole, at) => streamOf(flipped(whole, at)));
      const failure = await failureOf(
        copyObject({ ...plan, from, to: withMd5(plan.to) }, taskFor(source), optionsFor()),
      );
      expect(failure.code).toBe("CHECKSUM_MISMATCH");
      expect(failure.message).toContain("another content each time");
      expect(await keysOf(plan.to)).toEqual([]);
    });

    test("ETags of another kind are found out with one more read, once a plan", async () => {
      const plan = await roots();
      let reads = 0;
      const from = withBodies(silent(plan.from), (whole) => {
        reads += 1;
        return streamOf(whole);
      });
      const source = { ...plan.source, etag: "0".repeat(32) };
      const opaque = { ...plan, from, to: withMd5(plan.to) };
      for (const expected of [2, 3, 4]) {
        await copyObject(opaque, taskFor(source), optionsFor());
        expect(reads).toBe(expected);
      }
    });
  });

  test("passes empty chunks over", async () => {
    const plan = await roots();
    const from = withBodies(plan.from, (whole) => {
      const parts = [new Uint8Array(0), whole.slice(0, 10), new Uint8Array(0), whole.slice(10), new Uint8Array(0)];
      return new ReadableStream({
        start(controller) {
          for (const part of parts) controller.enqueue(part);
          controller.close();
        },
      });
    });
    await copyObject({ ...plan, from }, taskFor(plan.source), optionsFor());
    expect(await contentOf(plan.to, "copy/a/1")).toEqual(content);
  });

  test("refuses a byte that flipped on the way when the source's service reports a checksum", async () => {
    const plan = await roots();
    const from = withBodies(plan.from, (whole) => streamOf(flipped(whole)));
    const error = await failureOf(copyObject({ ...plan, from }, taskFor(plan.source), optionsFor()));
    expect(error).toMatchObject({
      code: "CHECKSUM_MISMATCH",
      details: { label: "default.books segment 7", key: "a/1" },
    });
    expect(await keysOf(plan.to)).toEqual([]);
  });

  test("is cured by another try, which hashes and counts from the first byte", async () => {
    const plan = await roots();
    const from = withBodies(plan.from, (whole, nth) => chunked(nth === 1 ? flipped(whole) : whole, 1000));
    const options = optionsFor();
    const to = retryingDriver(plan.to, quick);
    const result = await copyObject({ ...plan, from, to }, taskFor(plan.source), options);
    expect(result.evidence).toEqual({ kind: "digest", checksum: sha256 });
    expect(options.events.some((event) => event.type === "bytes" && event.bytes === -content.length)).toBe(true);
    expect(bytesReported(options.events)).toBe(content.length);
  });

  test("does not try a rotten source more than twice", async () => {
    const plan = await roots();
    let opened = 0;
    const from = withBodies(plan.from, (whole) => {
      opened += 1;
      return streamOf(flipped(whole));
    });
    const to = retryingDriver(plan.to, quick);
    const error = await failureOf(copyObject({ ...plan, from, to }, taskFor(plan.source), optionsFor()));
    expect(error.code).toBe("CHECKSUM_MISMATCH");
    expect(opened).toBe(2);
  });

  test("does not multiply the source's own retries", async () => {
    const plan = await roots();
    let opened = 0;
    const from = changed(plan.from, () => ({
      get: async () => {
        opened += 1;
        throw new AppError("UNAVAILABLE", "connection refused");
      },
    }));
    const to = retryingDriver(plan.to, quick);
    const error = await failureOf(copyObject({ ...plan, from, to }, taskFor(plan.source), optionsFor()));
    expect(error.code).toBe("UNAVAILABLE");
    expect(opened).toBe(1);
  });

  test.each([
    ["ends early", content.slice(0, -1)],
    ["runs on", new Uint8Array([...content, 0])],
    ["is empty", new Uint8Array(0)],
  ])("refuses a body that %s", async (_, body) => {
    const plan = await roots();
    const from = withBodies(plan.from, () => chunked(body, 4096));
    const error = await failureOf(copyObject({ ...plan, from }, taskFor(plan.source), optionsFor()));
    expect(error.code).toBe("SHORT_BODY");
    expect(await keysOf(plan.to)).toEqual([]);
  });

  test("refuses a source that changed since it was listed", async () => {
    const plan = await roots();
    await store(plan.from, "a/1", sample(10));
    const error = await failureOf(copyObject(plan, taskFor(plan.source), optionsFor()));
    expect(error).toMatchObject({ code: "SHORT_BODY", details: { expected: content.length, actual: 10 } });
    expect(error.message).toContain("the source changed");
    expect(await keysOf(plan.to)).toEqual([]);
  });

  test("names the object whose source vanished", async () => {
    const plan = await roots();
    await plan.from.delete(plan.source.key, optionsFor());
    const error = await failureOf(copyObject(plan, taskFor(plan.source), optionsFor()));
    expect(error).toMatchObject({ code: "NOT_FOUND", details: { key: "a/1", target: "copy/a/1" } });
    expect(error.message).toStartWith("default.books segment 7: copy of a/1: ");
  });

  test("of an empty object notices a source that vanished, also when the target never opens the body", async () => {
    const plan = await roots();
    const source = await store(plan.from, "empty", new Uint8Array(0));
    const to = changed(plan.to, (calls) => ({
      put: (key, body, options) =>
        calls.put(key, { size: body.size, open: async () => streamOf(new Uint8Array(0)) }, options),
    }));
    const good = await copyObject({ ...plan, to }, taskFor(source), optionsFor());
    expect(good.evidence).toEqual({ kind: "digest", checksum: checksumOf("sha256", new Uint8Array(0)) });
    await plan.from.delete(source.key, optionsFor());
    const error = await failureOf(copyObject({ ...plan, to }, taskFor(source), optionsFor()));
    expect(error.code).toBe("NOT_FOUND");
    expect(await keysOf(plan.to)).toEqual([]);
  });
});

describe("a target that is not as it should be", () => {
  test("is removed when its service reports another checksum", async () => {
    const plan = await roots();
    const to = reporting(plan.to, { checksums: { crc32: "00000000" } });
    const error = await failureOf(copyObject({ ...plan, to }, taskFor(plan.source), optionsFor()));
    expect(error.code).toBe("CHECKSUM_MISMATCH");
    expect(await keysOf(plan.to)).toEqual([]);
  });

  test("is removed when it has another size", async () => {
    const plan = await roots();
    const to = changed(plan.to, (calls) => ({
      put: async (key, body, options) => ({ ...(await calls.put(key, body, options)), size: 1 }),
    }));
    const error = await failureOf(copyObject({ ...plan, to }, taskFor(plan.source), optionsFor()));
    expect(error).toMatchObject({ code: "CHECKSUM_MISMATCH", details: { expected: content.length, actual: 1 } });
    expect(await keysOf(plan.to)).toEqual([]);
  });

  test("is removed when it was stored without reading the body to its end", async () => {
    const plan = await roots();
    const to = changed(plan.to, (calls) => ({
      put: (key, body, options) => calls.put(key, { size: body.size, open: async () => streamOf(content) }, options),
    }));
    const error = await failureOf(copyObject({ ...plan, to }, taskFor(plan.source), optionsFor()));
    expect(error.code).toBe("SHORT_BODY");
    expect(await keysOf(plan.to)).toEqual([]);
  });

  test("is removed when reading it back gives another content", async () => {
    const plan = await roots();
    const silent = reporting(plan.to, { checksums: {} });
    const rotten = withBodies(silent, (whole) => streamOf(flipped(whole)));
    const options = optionsFor({ verify: "read-back" });
    const error = await failureOf(copyObject({ ...plan, to: rotten }, taskFor(plan.source), options));
    expect(error.code).toBe("CHECKSUM_MISMATCH");
    expect(await keysOf(plan.to)).toEqual([]);
    const good = await copyObject({ ...plan, to: silent }, taskFor(plan.source), options);
    expect(good.evidence).toEqual({ kind: "digest", checksum: sha256 });
  });

  test("is not read back where the service has confirmed the checksum", async () => {
    const plan = await roots();
    const to = changed(plan.to, () => ({ get: () => Promise.reject(new Error("not to be read")) }));
    const result = await copyObject({ ...plan, to }, taskFor(plan.source), optionsFor({ verify: "read-back" }));
    expect(result.evidence.kind).toBe("digest");
  });

  test("is named when it cannot be removed", async () => {
    const plan = await roots();
    const to = changed(reporting(plan.to, { checksums: { crc32: "00000000" } }), () => ({
      delete: () => Promise.reject(new AppError("ACCESS_DENIED", "no right to delete")),
    }));
    const error = await failureOf(copyObject({ ...plan, to }, taskFor(plan.source), optionsFor()));
    expect(error).toMatchObject({ code: "CHECKSUM_MISMATCH", details: { left: "copy/a/1" } });
    expect(error.message).toContain("delete copy/a/1 by hand (no right to delete)");
  });

  test("that gives up without ending the body does not keep the source open", async () => {
    const plan = await roots();
    let cancelled = 0;
    const from = withBodies(
      plan.from,
      () =>
        new ReadableStream({
          cancel() {
            cancelled += 1;
          },
        }),
    );
    const to = changed(plan.to, () => ({
      put: async (_, body, { signal }) => {
        await body.open(signal);
        throw new AppError("NO_SPACE", "full");
      },
    }));
    const error = await failureOf(copyObject({ ...plan, from, to }, taskFor(plan.source), optionsFor()));
    expect(error.code).toBe("NO_SPACE");
    expect(cancelled).toBe(1);
  });

  test("keeps what lay there before a put that failed as a whole, and loses it where puts are not atomic", async () => {
    const plan = await roots();
    await store(plan.to, "copy/a/1", sample(5));
    const from = withBodies(plan.from, (whole) => streamOf(flipped(whole)));
    await failureOf(copyObject({ ...plan, from }, taskFor(plan.source), optionsFor()));
    expect(await contentOf(plan.to, "copy/a/1")).toEqual(sample(5));
    const torn = changed(plan.to, () => ({}), { atomicPut: false });
    await failureOf(copyObject({ ...plan, from, to: torn }, taskFor(plan.source), optionsFor()));
    expect(await keysOf(plan.to)).toEqual([]);
  });
});

describe("an expected digest", () => {
  test("is compared before the last byte is let through", async () => {
    const plan = await roots();
    let received = 0;
    const to = changed(plan.to, (calls) => ({
      put: (key, body, options) =>
        calls.put(
          key,
          {
            size: body.size,
            open: async (signal) =>
              (await body.open(signal)).pipeThrough(
                new TransformStream<Uint8Array, Uint8Array>({
                  transform(chunk, controller) {
                    received += chunk.length;
                    controller.enqueue(chunk);
                  },
                }),
              ),
          },
          options,
        ),
    }));
    const from = withBodies(plan.from, (whole) => chunked(whole, 1000));
    const task = taskFor(plan.source, { expected: { algorithm: "sha256", value: "0".repeat(64) } });
    const error = await failureOf(copyObject({ ...plan, from, to }, task, optionsFor()));
    expect(error).toMatchObject({
      code: "CHECKSUM_MISMATCH",
      details: { expected: `sha256:${"0".repeat(64)}`, actual: `sha256:${sha256.value}` },
    });
    expect(received).toBeGreaterThan(0);
    expect(received).toBeLessThan(content.length);
    expect(await keysOf(plan.to)).toEqual([]);
  });

  test.each(["crc32", "md5", "sha1", "sha256"] as const)("may be %s", async (algorithm) => {
    const plan = await roots();
    const expected = checksumOf(algorithm, content);
    const result = await copyObject(plan, taskFor(plan.source, { expected }), optionsFor());
    expect(result.evidence).toEqual({ kind: "digest", checksum: sha256 });
    const wrong = { algorithm, value: checksumOf(algorithm, sample(3)).value };
    const error = await failureOf(copyObject(plan, taskFor(plan.source, { expected: wrong }), optionsFor()));
    expect(error.code).toBe("CHECKSUM_MISMATCH");
  });

  test("is compared at level size too, and is then the evidence", async () => {
    const plan = await roots();
    const expected = checksumOf("crc32", content);
    const options = optionsFor({ verify: "size" });
    expect((await copyObject(plan, taskFor(plan.source), options)).evidence).toEqual({ kind: "size" });
    const result = await copyObject(plan, taskFor(plan.source, { expected }), options);
    expect(result.evidence).toEqual({ kind: "digest", checksum: expected });
  });

  test("of an algorithm that is not computed here is refused before anything is stored", async () => {
    const plan = await roots();
    const task = taskFor(plan.source, { expected: { algorithm: "crc64nvme", value: "00" } });
    const error = await failureOf(copyObject(plan, task, optionsFor()));
    expect(error.code).toBe("UNSUPPORTED");
    expect(await keysOf(plan.to)).toEqual([]);
  });
});

describe("an abort", () => {
  test("in the middle of a copy leaves nothing and frees the source", async () => {
    const plan = await roots();
    const stop = new AbortController();
    let cancelled = 0;
    const from = withBodies(
      plan.from,
      (whole) =>
        new ReadableStream(
          {
            pull(controller) {
              controller.enqueue(whole.slice(0, 100));
              stop.abort();
            },
            cancel() {
              cancelled += 1;
            },
          },
          { highWaterMark: 0 },
        ),
    );
    const error = await failureOf(
      copyObject({ ...plan, from }, taskFor(plan.source), optionsFor({ signal: stop.signal })),
    );
    expect(error.code).toBe("ABORTED");
    expect(cancelled).toBe(1);
    expect(await keysOf(plan.to)).toEqual([]);
  });

  test("while a stored object is being proven removes it all the same", async () => {
    const plan = await roots();
    const stop = new AbortController();
    const to = changed(reporting(plan.to, { checksums: {} }), () => ({
      get: async (_, { signal }) => {
        stop.abort();
        signal.throwIfAborted();
        throw new Error("not reached");
      },
    }));
    const options = optionsFor({ verify: "read-back", signal: stop.signal });
    const error = await failureOf(copyObject({ ...plan, to }, taskFor(plan.source), options));
    expect(error.code).toBe("ABORTED");
    expect(await keysOf(plan.to)).toEqual([]);
  });

  test("before the start copies nothing", async () => {
    const plan = await roots();
    const error = await failureOf(
      copyObject(
        plan,
        taskFor(plan.source, { targetKey: objectKey("b") }),
        optionsFor({ signal: AbortSignal.abort() }),
      ),
    );
    expect(error.code).toBe("ABORTED");
    expect(await keysOf(plan.to)).toEqual([]);
  });
});
