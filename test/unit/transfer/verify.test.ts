import { describe, expect, test } from "bun:test";
import { checksumOf } from "../../../src/base/checksum.ts";
import { AppError } from "../../../src/base/errors.ts";
import type { StorageDriver } from "../../../src/storage/driver.ts";
import { objectKey } from "../../../src/storage/key.ts";
import type { ManifestEntry } from "../../../src/transfer/manifest.ts";
import {
  type VerifyFinding,
  type VerifyOptions,
  type VerifySummary,
  verifyObjects,
} from "../../../src/transfer/verify.ts";
import {
  bytesReported,
  changed,
  failureOf,
  flipped,
  memoryRoot,
  never,
  optionsFor,
  reporting,
  sample,
  store,
} from "./roots.ts";

const PREFIX = "binlogs/insert_log/449577000000000001/";
const content = sample(5000);
const md5 = checksumOf("md5", content).value;

type Says = { readonly etag?: string; readonly checksums?: Readonly<Record<string, string>> };

/** Ten objects o0 to o9 of a backup "b", and the entries that a manifest has of them; the service says `says` of all. */
async function backup(says: Says = {}, recorded: Partial<ManifestEntry> = {}) {
  const plain = await memoryRoot();
  const entries: ManifestEntry[] = [];
  for (let index = 0; index < 10; index += 1) {
    await store(plain, `b/${PREFIX}o${index}`, content);
    const evidence = { kind: "digest", checksum: checksumOf("sha256", content) } as const;
    entries.push({ key: objectKey(`${PREFIX}o${index}`), size: content.length, evidence, ...recorded });
  }
  const calls: string[] = [];
  const alter = { checksums: {}, ...says };
  const root = changed(reporting(plain, alter), (inner) => ({
    stat: (...args) => {
      calls.push("stat");
      return inner.stat(...args);
    },
    get: (...args) => {
      calls.push("get");
      return inner.get(...args);
    },
    list: async function* (...args) {
      calls.push("list");
      for await (const info of inner.list(...args)) yield { ...info, etag: "other", ...alter };
    },
  }));
  return { plain, root, entries, calls };
}

async function check(root: StorageDriver, entries: readonly ManifestEntry[], more: Partial<VerifyOptions> = {}) {
  const { events, progress, signal } = optionsFor();
  const findings: VerifyFinding[] = [];
  const running = verifyObjects(root, entries, {
    level: "list",
    concurrency: 4,
    progress,
    signal,
    directory: "b/",
    prefixes: [PREFIX],
    ...more,
  });
  for (;;) {
    const next = await running.next();
    if (next.done === true) return { findings, summary: next.value satisfies VerifySummary, events };
    findings.push(next.value);
  }
}

describe("verify by listing", () => {
  test("takes the ETag as recorded for proof, with one listing and nothing else", async () => {
    const { root, entries, calls } = await backup({ etag: '"e-3"' }, { etag: "e-3" });
    const { findings, summary, events } = await check(root, entries);
    expect(findings).toEqual([]);
    expect(summary).toEqual({ objects: 10, bytes: 50_000, findings: 0, proven: { digest: 0, service: 10, size: 0 } });
    expect(calls).toEqual(["list"]);
    expect(events.filter((event) => event.type === "object" && event.via === "verified")).toHaveLength(10);
  });

  test("takes the service's checksum as recorded for proof, and another one for damage", async () => {
    const { sha256 } = { sha256: checksumOf("sha256", content).value };
    const good = await backup({ checksums: { sha256 } });
    expect((await check(good.root, good.entries)).summary.proven.service).toBe(10);
    const bad = await backup({ checksums: { sha256: "00" } });
    const { findings } = await check(bad.root, bad.entries);
    expect(findings.map((finding) => finding.kind)).toEqual(Array.from({ length: 10 }, () => "digest"));
  });

  test("names what is missing, of another size, or not known", async () => {
    const { plain, root, entries } = await backup({ etag: "e" }, { etag: "e" });
    await plain.delete(objectKey(`b/${PREFIX}o3`), { signal: never });
    await store(plain, `b/${PREFIX}o4`, sample(7));
    await store(plain, `b/${PREFIX}o5.tmp`, sample(9));
    const { findings, summary } = await check(root, entries);
    expect(findings.sort((a, b) => a.key.localeCompare(b.key))).toEqual([
      { kind: "missing", key: `${PREFIX}o3`, message: `is absent from ${root.location}` },
      { kind: "size", key: `${PREFIX}o4`, message: "has 7 bytes, 5000 are recorded" },
      { kind: "extra", key: `${PREFIX}o5.tmp`, message: "is not in the manifest (9 bytes)" },
    ]);
    expect(summary.findings).toBe(3);
  });

  test("does not look at siblings that merely start alike", async () => {
    const { plain, root, entries } = await backup({ etag: "e" }, { etag: "e" });
    await store(plain, `b/binlogs/insert_log/4495770000000000012/x`, sample(1));
    expect((await check(root, entries)).findings).toEqual([]);
  });

  test("reads an object whose ETag is another one: a carried backup is right, a changed object is found", async () => {
    const { plain, root, entries, calls } = await backup({ etag: "new" }, { etag: "old" });
    await store(plain, `b/${PREFIX}o6`, flipped(content));
    const { findings, summary } = await check(root, entries);
    expect(findings).toMatchObject([{ kind: "digest", key: `${PREFIX}o6` }]);
    expect(summary.proven).toEqual({ digest: 9, service: 0, size: 0 });
    expect(calls.filter((call) => call === "get")).toHaveLength(10);
  });

  test("settles an ETag-only record by its MD5", async () => {
    const recorded = { evidence: { kind: "service", etag: md5 }, etag: md5 } as const;
    const { plain, root, entries } = await backup({ etag: "0".repeat(32) }, recorded);
    await store(plain, `b/${PREFIX}o6`, flipped(content));
    const { findings, summary } = await check(root, entries);
    expect(findings).toMatchObject([{ kind: "digest", key: `${PREFIX}o6` }]);
    expect(summary.proven.digest).toBe(9);
  });

  test.each(["list", "data"] as const)(
    "proves a copy of the service by its CRC32 when its ETag is another (%s)",
    async (level) => {
      const etag = `${md5}-3`;
      const recorded = { evidence: { kind: "service", checksum: checksumOf("crc32", content), etag }, etag } as const;
      const { plain, root, entries } = await backup({ etag: `${md5}-4` }, recorded);
      await store(plain, `b/${PREFIX}o6`, flipped(content));
      const { findings, summary, events } = await check(root, entries, { level });
      expect(findings).toMatchObject([{ kind: "digest", key: `${PREFIX}o6` }]);
      expect(summary.proven).toEqual({ digest: 9, service: 0, size: 0 });
      expect(bytesReported(events)).toBe(50_000);
    },
  );

  test("says size where nothing else is recorded or reported", async () => {
    const { root, entries, calls } = await backup({}, { evidence: { kind: "size" } });
    const { findings, summary } = await check(root, entries);
    expect(findings).toEqual([]);
    expect(summary.proven.size).toBe(10);
    expect(calls).toEqual(["list"]);
  });

  test("claims no more than the size on a plain disk, whose ETags say nothing of the content", async () => {
    const { root, entries } = await backup({ etag: "e" }, { etag: "e" });
    const { summary } = await check(
      changed(root, () => ({}), { durableChecksums: false }),
      entries,
    );
    expect(summary.proven).toEqual({ digest: 0, service: 0, size: 10 });
  });

  test("asks for entries outside the prefixes one by one", async () => {
    const { plain, root, entries } = await backup({ etag: "e" }, { etag: "e" });
    await plain.delete(objectKey(`b/${PREFIX}o2`), { signal: never });
    const { findings, summary } = await check(root, entries, { prefixes: [] });
    expect(findings).toMatchObject([{ kind: "missing", key: `${PREFIX}o2` }]);
    expect(summary.proven.service).toBe(9);
  });
});

describe("verify by reading", () => {
  test("hashes every object and finds a flipped byte", async () => {
    const { plain, root, entries } = await backup({ etag: "e" }, { etag: "e" });
    await store(plain, `b/${PREFIX}o1`, flipped(content));
    const { findings, summary, events } = await check(root, entries, { level: "data" });
    const actual = checksumOf("sha256", flipped(content)).value;
    const recorded = checksumOf("sha256", content).value;
    expect(findings).toEqual([
      {
        kind: "digest",
        key: `${PREFIX}o1`,
        message: `its content is sha256:${actual}, recorded is sha256:${recorded}`,
      },
    ]);
    expect(summary.proven).toEqual({ digest: 9, service: 0, size: 0 });
    expect(bytesReported(events)).toBe(50_000);
  });

  test("finds missing and extra objects too", async () => {
    const { plain, root, entries } = await backup();
    await plain.delete(objectKey(`b/${PREFIX}o1`), { signal: never });
    await store(plain, `b/${PREFIX}p`, content);
    const { findings } = await check(root, entries, { level: "data" });
    expect(findings.map((finding) => finding.kind).sort()).toEqual(["extra", "missing"]);
  });

  test("reads objects of which only the size is recorded, and claims no more than that", async () => {
    const { root, entries } = await backup({}, { evidence: { kind: "size" } });
    const { summary, events } = await check(root, entries, { level: "data" });
    expect(summary.proven).toEqual({ digest: 0, service: 0, size: 10 });
    expect(bytesReported(events)).toBe(50_000);
  });

  test("does not take an encrypting service's ETag for an MD5", async () => {
    const opaque = "ab".repeat(16);
    const recorded = { evidence: { kind: "service", etag: opaque }, etag: opaque } as const;
    const { root, entries } = await backup({ etag: opaque }, recorded);
    const { findings, summary } = await check(root, entries, { level: "data" });
    expect(findings).toEqual([]);
    expect(summary.proven.service).toBe(10);
  });

  test("takes a body that ends early for damage", async () => {
    const { root, entries } = await backup();
    const cut = changed(root, (calls) => ({
      get: async (key, options) => {
        const body = await calls.get(key, options);
        await body.stream.cancel();
        return { ...body, stream: new ReadableStream({ start: (controller) => controller.close() }) };
      },
    }));
    const { findings } = await check(cut, entries.slice(0, 1), { level: "data", prefixes: [] });
    expect(findings).toMatchObject([{ kind: "digest" }]);
  });

  test("passes on a failure of the service, with the object's name", async () => {
    const { root, entries } = await backup();
    const denied = changed(root, () => ({ get: () => Promise.reject(new AppError("ACCESS_DENIED", "no")) }));
    const error = await failureOf(check(denied, entries, { level: "data" }));
    expect(error.code).toBe("ACCESS_DENIED");
    expect(error.message).toContain(`verify ${PREFIX}o`);
  });
});
