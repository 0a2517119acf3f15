import { describe, expect, test } from "bun:test";
import { checksumOf } from "../../../src/base/checksum.ts";
import { AppError } from "../../../src/base/errors.ts";
import { streamOf } from "../../../src/base/streams.ts";
import type { StorageDriver } from "../../../src/storage/driver.ts";
import { objectKey } from "../../../src/storage/key.ts";
import { copyObject } from "../../../src/transfer/copier.ts";
import { decodeEntry, encodeEntry, manifestEntry } from "../../../src/transfer/manifest_entry.ts";
import type { TransferMode } from "../../../src/transfer/plan.ts";
import {
  bytesReported,
  changed,
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
  warningsIn,
  withBodies,
} from "./roots.ts";

const content = sample(70_000);
const sha256 = checksumOf("sha256", content);
const etag = checksumOf("md5", content).value;
let names = 0;

/** Two roots of one service that says `says` of every object; without it the memory driver's checksums. */
async function roots(says?: { readonly etag?: string }) {
  const name = `direct-${++names}`;
  const plainFrom = await memoryRoot(name, "milvus");
  const plainTo = await memoryRoot(name, "backup");
  const stored = await store(plainFrom, "a/1", content);
  const from = says === undefined ? plainFrom : reporting(plainFrom, { checksums: {}, ...says });
  const to = says === undefined ? plainTo : reporting(plainTo, { checksums: {}, ...says });
  const source = says === undefined ? stored : await from.stat(stored.key, optionsFor());
  return { from, to, source, plainFrom, plainTo, mode: "auto" as TransferMode };
}

/** Counts calls; a call in `refuse` fails. */
function watched(driver: StorageDriver, calls: string[], refuse: Readonly<Record<string, AppError>> = {}) {
  const note = <A extends unknown[], R>(name: string, call: (...args: A) => Promise<R>) => {
    return (...args: A): Promise<R> => {
      calls.push(name);
      const error = refuse[name];
      return error === undefined ? call(...args) : Promise.reject(error);
    };
  };
  return changed(driver, (inner) => ({
    stat: note("stat", inner.stat),
    get: note("get", inner.get),
    put: note("put", inner.put),
    copyFrom: note("copyFrom", inner.copyFrom),
  }));
}

describe("a direct copy", () => {
  test("rests on the checksum that the service reports on both sides", async () => {
    const plan = await roots();
    const options = optionsFor();
    const result = await copyObject(plan, taskFor(plan.source), options);
    expect(result.via).toBe("direct");
    expect(result.evidence).toEqual({ kind: "service", checksum: checksumOf("crc32", content) });
    expect(await contentOf(plan.to, "copy/a/1")).toEqual(content);
    expect(bytesReported(options.events)).toBe(content.length);
  });

  test("rests on equal single-part ETags without a further call", async () => {
    const plan = await roots({ etag: `"${etag}"` });
    const calls: string[] = [];
    const from = watched(plan.from, calls);
    const to = watched(plan.to, calls);
    const result = await copyObject({ ...plan, from, to }, taskFor(plan.source), optionsFor());
    expect(result.evidence).toEqual({ kind: "service", etag });
    expect(calls).toEqual(["copyFrom"]);
  });

  test("records the checksum of the copy beside equal ETags, so that it can be proven where its ETag is another", async () => {
    const plan = await roots({ etag: `${etag}-3` });
    const { value: crc32 } = checksumOf("crc32", content);
    const calls: string[] = [];
    const from = watched(plan.from, calls);
    const to = watched(reporting(plan.plainTo, { etag: `${etag}-3`, checksums: { crc64nvme: "00", crc32 } }), calls);
    const result = await copyObject({ ...plan, from, to }, taskFor(plan.source), optionsFor());
    const evidence = { kind: "service", checksum: { algorithm: "crc32", value: crc32 }, etag: `${etag}-3` } as const;
    expect(result.evidence).toEqual(evidence);
    expect(calls).toEqual(["copyFrom"]);
    const line = encodeEntry(manifestEntry("copy/", result));
    expect(decodeEntry(line, "it")).toEqual({
      key: objectKey("a/1"),
      size: content.length,
      evidence,
      etag: `${etag}-3`,
    });
  });

  test("does not take the copy's checksum for the source's where their ETags prove nothing", async () => {
    const plan = await roots({ etag: "1-2" });
    const to = reporting(plan.plainTo, { etag: "1-2", checksums: { crc32: checksumOf("crc32", content).value } });
    const result = await copyObject({ ...plan, to }, taskFor(plan.source), optionsFor());
    expect(result.evidence).toEqual({ kind: "size" });
  });

  test("rests on equal ETags of parts, which come only of equal parts", async () => {
    const plan = await roots({ etag: `${etag}-3` });
    const result = await copyObject(plan, taskFor(plan.source), optionsFor());
    expect(result.evidence).toEqual({ kind: "service", etag: `${etag}-3` });
  });

  test("does not take different ETags for different contents", async () => {
    const plan = await roots({ etag: `${etag}-3` });
    const to = reporting(plan.plainTo, { checksums: {}, etag });
    const result = await copyObject({ ...plan, to }, taskFor(plan.source), optionsFor());
    expect(result.evidence).toEqual({ kind: "size" });
  });

  test("does not take an opaque ETag for the content's", async () => {
    const plan = await roots({ etag: "0x8DB5A1B2C3D4E5F" });
    const result = await copyObject(plan, taskFor(plan.source), optionsFor());
    expect(result.evidence).toEqual({ kind: "size" });
  });

  test("asks both sides for checksums that listing and copy did not carry", async () => {
    const plan = await roots();
    const bare = { ...plan.source, checksums: {}, etag: "1-2" };
    const to = changed(plan.to, (calls) => ({
      copyFrom: async (...args) => ({ ...(await calls.copyFrom(...args)), checksums: {} }),
    }));
    const result = await copyObject({ ...plan, to }, taskFor(bare), optionsFor());
    expect(result.evidence).toEqual({ kind: "service", checksum: checksumOf("crc32", content) });
  });

  test("needs no right to stat", async () => {
    const plan = await roots({ etag: "1-2" });
    const denied = { stat: new AppError("ACCESS_DENIED", "no") };
    const from = watched(plan.from, [], denied);
    const to = watched(plan.to, [], denied);
    const result = await copyObject({ ...plan, from, to }, taskFor(plan.source), optionsFor());
    expect(result.evidence).toEqual({ kind: "size" });
  });

  test("is removed when the service reports different checksums", async () => {
    const plan = await roots();
    const to = reporting(plan.to, { checksums: { crc32: "00000000" } });
    const error = await failureOf(copyObject({ ...plan, to }, taskFor(plan.source), optionsFor()));
    expect(error.code).toBe("CHECKSUM_MISMATCH");
    expect(await keysOf(plan.to)).toEqual([]);
  });

  test("is removed when the target has another size", async () => {
    const plan = await roots({ etag: "1-2" });
    const to = changed(plan.to, (calls) => ({
      stat: async (key, options) => ({ ...(await calls.stat(key, options)), size: 3 }),
    }));
    const error = await failureOf(copyObject({ ...plan, to }, taskFor(plan.source), optionsFor({ verify: "size" })));
    expect(error.code).toBe("CHECKSUM_MISMATCH");
    expect(await keysOf(plan.to)).toEqual([]);
  });

  test("is removed when the source changed since it was listed", async () => {
    const plan = await roots();
    const error = await failureOf(copyObject(plan, taskFor({ ...plan.source, size: 9, checksums: {} }), optionsFor()));
    expect(error.code).toBe("CHECKSUM_MISMATCH");
    expect(await keysOf(plan.to)).toEqual([]);
  });

  test("names the object whose source vanished", async () => {
    const plan = await roots();
    await plan.from.delete(plan.source.key, optionsFor());
    const error = await failureOf(copyObject(plan, taskFor(plan.source), optionsFor()));
    expect(error).toMatchObject({ code: "NOT_FOUND", details: { label: "default.books segment 7", key: "a/1" } });
  });

  test("that failed halfway is removed where puts are not atomic", async () => {
    const plan = await roots();
    const to = changed(
      plan.to,
      (calls) => ({
        copyFrom: async (...args) => {
          await calls.copyFrom(...args);
          throw new AppError("NO_SPACE", "disk full");
        },
      }),
      { atomicPut: false },
    );
    const error = await failureOf(copyObject({ ...plan, to }, taskFor(plan.source), optionsFor()));
    expect(error.code).toBe("NO_SPACE");
    expect(await keysOf(plan.to)).toEqual([]);
  });
});

describe("read-back of a direct copy", () => {
  test("hashes both sides where the evidence would be size only", async () => {
    const plan = await roots({ etag: "1-2" });
    const result = await copyObject(plan, taskFor(plan.source), optionsFor({ verify: "read-back" }));
    expect(result.evidence).toEqual({ kind: "digest", checksum: sha256 });
  });

  test("removes a target with another content", async () => {
    const plan = await roots({ etag: "1-2" });
    const to = withBodies(plan.to, (whole) => streamOf(flipped(whole)));
    const options = optionsFor({ verify: "read-back" });
    const error = await failureOf(copyObject({ ...plan, to }, taskFor(plan.source), options));
    expect(error.code).toBe("CHECKSUM_MISMATCH");
    expect(await keysOf(plan.to)).toEqual([]);
  });

  test("reads nothing where the service vouches", async () => {
    const plan = await roots({ etag });
    const calls: string[] = [];
    const to = watched(plan.to, calls);
    await copyObject({ ...plan, to }, taskFor(plan.source), optionsFor({ verify: "read-back" }));
    expect(calls).toEqual(["copyFrom"]);
  });
});

describe("an expected digest of a direct copy", () => {
  test("is proven by the service's checksum of that algorithm", async () => {
    const plan = await roots();
    const calls: string[] = [];
    const result = await copyObject(
      { ...plan, to: watched(plan.to, calls) },
      taskFor(plan.source, { expected: sha256 }),
      optionsFor(),
    );
    expect(result.evidence).toEqual({ kind: "service", checksum: sha256 });
    expect(calls).toEqual(["copyFrom"]);
  });

  test("is proven by reading the target where the service reports another algorithm", async () => {
    const plan = await roots();
    const expected = checksumOf("sha1", content);
    const result = await copyObject(plan, taskFor(plan.source, { expected }), optionsFor({ verify: "size" }));
    expect(result.evidence).toEqual({ kind: "digest", checksum: expected });
  });

  test.each(["sha256", "sha1"] as const)("that differs (%s) removes the target", async (algorithm) => {
    const plan = await roots();
    const expected = checksumOf(algorithm, flipped(content));
    const error = await failureOf(copyObject(plan, taskFor(plan.source, { expected }), optionsFor()));
    expect(error).toMatchObject({ code: "CHECKSUM_MISMATCH", details: { expected: `${algorithm}:${expected.value}` } });
    expect(await keysOf(plan.to)).toEqual([]);
  });
});

describe("the route", () => {
  test("is streaming where the mode says so", async () => {
    const plan = await roots();
    const result = await copyObject({ ...plan, mode: "streaming" }, taskFor(plan.source), optionsFor());
    expect(result.via).toBe("streaming");
  });

  test("is direct only between roots of one backend, and mode direct names both when they are not", async () => {
    const { from, source } = await roots();
    const to = await memoryRoot();
    expect((await copyObject({ from, to, mode: "auto" }, taskFor(source), optionsFor())).via).toBe("streaming");
    const error = await failureOf(copyObject({ from, to, mode: "direct" }, taskFor(source), optionsFor()));
    expect(error.code).toBe("UNSUPPORTED");
    expect(error.message).toContain(from.location);
    expect(error.message).toContain(to.location);
  });

  test.each(["UNSUPPORTED", "ACCESS_DENIED"] as const)(
    "falls back to streaming when the service answers %s, with one warning, and soon stops asking",
    async (code) => {
      const plan = await roots();
      const calls: string[] = [];
      const to = watched(plan.to, calls, { copyFrom: new AppError(code, "not between these buckets") });
      const options = optionsFor();
      const one = { ...plan, to };
      for (let index = 0; index < 6; index += 1) {
        const result = await copyObject(one, taskFor(plan.source), options);
        expect(result.via).toBe("streaming");
        expect(result.evidence).toEqual({ kind: "digest", checksum: sha256 });
      }
      expect(warningsIn(options.events)).toEqual(["DIRECT_COPY_REFUSED"]);
      expect(calls.filter((call) => call === "copyFrom")).toHaveLength(3);
    },
  );

  test("keeps asking a service that refuses single objects only", async () => {
    const plan = await roots();
    let asked = 0;
    const to = changed(plan.to, (calls) => ({
      copyFrom: async (...args) => {
        asked += 1;
        if (asked % 2 === 1) throw new AppError("UNSUPPORTED", "too large");
        return calls.copyFrom(...args);
      },
    }));
    const one = { ...plan, to };
    const vias: string[] = [];
    for (let index = 0; index < 8; index += 1) {
      vias.push((await copyObject(one, taskFor(plan.source), optionsFor())).via);
    }
    expect(vias).toEqual(Array.from({ length: 4 }, () => ["streaming", "direct"]).flat());
  });

  test("does not fall back in mode direct", async () => {
    const plan = await roots();
    const to = watched(plan.to, [], { copyFrom: new AppError("ACCESS_DENIED", "no") });
    const error = await failureOf(copyObject({ ...plan, to, mode: "direct" }, taskFor(plan.source), optionsFor()));
    expect(error.code).toBe("ACCESS_DENIED");
    expect(await keysOf(plan.to)).toEqual([]);
  });

  test("does not hide a failure of another kind behind streaming", async () => {
    const plan = await roots();
    const to = watched(plan.to, [], { copyFrom: new AppError("UNAVAILABLE", "503") });
    const error = await failureOf(copyObject({ ...plan, to }, taskFor(plan.source), optionsFor()));
    expect(error.code).toBe("UNAVAILABLE");
  });
});
