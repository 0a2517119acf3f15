import { describe, expect, test } from "bun:test";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { checksumOf } from "../../../src/base/checksum.ts";
import type { StorageDriver } from "../../../src/storage/driver.ts";
import { objectKey } from "../../../src/storage/key.ts";
import type { CollectionManifestRef, Manifest, ManifestEntry } from "../../../src/transfer/manifest.ts";
import { decodeManifest, encodeManifest } from "../../../src/transfer/manifest_document.ts";
import { decodeEntry, encodeEntry, expectedChecksum, manifestEntry } from "../../../src/transfer/manifest_entry.ts";
import { loadCollectionManifest, readCollectionManifest } from "../../../src/transfer/manifest_reader.ts";
import { CollectionManifestWriter } from "../../../src/transfer/manifest_writer.ts";
import { changed, contentOf, failureOf, keysOf, memoryRoot, never, reporting, sample, store } from "./roots.ts";

const COLLECTION = "449577000000000001";
const at = `binlogs/insert_log/${COLLECTION}/449577000000000002/449577000000000003/449577000000000003/100/`;
const call = { signal: never };

function entry(index: number): ManifestEntry {
  const checksum = checksumOf("sha256", new TextEncoder().encode(String(index)));
  return {
    key: objectKey(`${at}${449577000000000100n + BigInt(index)}`),
    size: index,
    evidence: { kind: "digest", checksum },
  };
}

async function write(driver: StorageDriver, entries: readonly ManifestEntry[], runLimit?: number) {
  await using writer = new CollectionManifestWriter(COLLECTION, runLimit === undefined ? {} : { runLimit });
  for (const item of entries) writer.addEntry(item);
  return await writer.write(driver, "nightly/", call);
}

async function read(driver: StorageDriver, ref: CollectionManifestRef, keepLimit = 8_000_000) {
  const entries: ManifestEntry[] = [];
  for await (const item of readCollectionManifest(driver, "nightly/", ref, { ...call, keepLimit })) entries.push(item);
  return entries;
}

const checksum = { algorithm: "sha256", value: "ab".repeat(32) } as const;
const etag = "cd".repeat(16);
const entries: readonly (readonly [string, ManifestEntry])[] = [
  ["digest", { key: objectKey("a"), size: 3, evidence: { kind: "digest", checksum }, etag: "ff-3" }],
  ["service checksum", { key: objectKey("a"), size: 0, evidence: { kind: "service", checksum }, etag: "ff-3" }],
  ["equal ETags", { key: objectKey("a"), size: 1, evidence: { kind: "service", etag }, etag }],
  ["both", { key: objectKey("a"), size: 1, evidence: { kind: "service", etag, checksum }, etag }],
  ["size", { key: objectKey('q"uo\\te é 🙂'), size: 2 ** 53 - 1, evidence: { kind: "size" } }],
];

describe("a manifest line", () => {
  test.each(entries)("with %s comes back as it was", (_, item) => {
    const line = encodeEntry(item);
    expect(line).not.toContain("\n");
    expect(decodeEntry(line, "here")).toEqual(item);
  });

  test("has this form", () => {
    expect(encodeEntry({ ...entry(1), key: objectKey("binlogs/x"), etag: "e" })).toBe(
      '{"key":"binlogs/x","size":1,"evidence":"digest","checksum":"sha256:6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b","etag":"e"}',
    );
  });

  test("with unknown keys is read", () => {
    expect(decodeEntry('{"key":"a","size":1,"evidence":"size","later":{"x":1}}', "here").size).toBe(1);
  });

  test.each([
    ["", "no JSON"],
    ["[]", "no JSON object"],
    ['{"size":1,"evidence":"size"}', '"key"'],
    ['{"key":"a","size":-1,"evidence":"size"}', '"size"'],
    ['{"key":"a","size":1.5,"evidence":"size"}', '"size"'],
    ['{"key":"a","size":1,"evidence":"digest"}', '"checksum"'],
    ['{"key":"a","size":1,"evidence":"digest","checksum":"sha999:00"}', '"checksum"'],
    ['{"key":"a","size":1,"evidence":"guess"}', '"evidence"'],
    ['{"key":"a","size":1,"evidence":"service-etag"}', '"evidence"'],
    ['{"key":"a","size":1,"evidence":"size","etag":7}', '"etag"'],
  ])("like %s is refused by name", async (line, word) => {
    const error = await failureOf(Promise.resolve().then(() => decodeEntry(line, "line 9 of m.jsonl")));
    expect(error.code).toBe("BACKUP_INCOMPLETE");
    expect(error.message).toStartWith("line 9 of m.jsonl");
    expect(error.message).toContain(word);
  });

  test("names a key that leads out of the backup", async () => {
    const error = await failureOf(
      Promise.resolve().then(() => decodeEntry('{"key":"../a","size":1,"evidence":"size"}', "here")),
    );
    expect(error.code).toBe("INVALID_KEY");
  });

  test("of a finished copy is relative to the backup and keeps the ETag without quotes", () => {
    const target = { key: objectKey("nightly/binlogs/x"), size: 5, etag: '"e"', checksums: {} };
    const source = { key: objectKey("files/x"), size: 5, checksums: {} };
    const task = { source, targetKey: target.key, label: "" };
    expect(manifestEntry("nightly/", { task, target, via: "direct", evidence: { kind: "size" } })).toEqual({
      key: objectKey("binlogs/x"),
      size: 5,
      evidence: { kind: "size" },
      etag: "e",
    });
  });

  test("gives the digest that a later copy must have, where it can be computed", () => {
    expect(expectedChecksum(entry(1))).toEqual(checksumOf("sha256", new TextEncoder().encode("1")));
    expect(expectedChecksum({ ...entry(1), evidence: { kind: "size" } })).toBeUndefined();
    expect(expectedChecksum({ ...entry(1), evidence: { kind: "service", etag } })).toBeUndefined();
    const foreign = { algorithm: "crc64nvme", value: "00" } as const;
    expect(expectedChecksum({ ...entry(1), evidence: { kind: "service", checksum: foreign } })).toBeUndefined();
  });
});

describe("a collection's manifest file", () => {
  test("comes back entry by entry, its reference telling digest and totals", async () => {
    const root = await memoryRoot();
    const items = Array.from({ length: 300 }, (_, index) => entry(index));
    const ref = await write(root, items);
    const content = await contentOf(root, `nightly/meta/manifests/${COLLECTION}.jsonl`);
    expect(ref).toEqual({
      collectionId: COLLECTION,
      key: objectKey(`meta/manifests/${COLLECTION}.jsonl`),
      checksum: checksumOf("sha256", content),
      totals: { objects: 300, bytes: (299 * 300) / 2 },
    });
    expect(await read(root, ref)).toEqual(items);
    const loaded = await loadCollectionManifest(root, "nightly/", ref, call);
    expect(loaded.size).toBe(300);
    expect(loaded.get(`${at}449577000000000107`)).toEqual(entry(7));
  });

  test("of no objects is an empty file", async () => {
    const root = await memoryRoot();
    const ref = await write(root, []);
    expect(ref.checksum).toEqual(checksumOf("sha256", new Uint8Array(0)));
    expect(await read(root, ref)).toEqual([]);
  });

  test("is the same whatever the order of the copies and however much waited in temporary files", async () => {
    const root = await memoryRoot();
    const items = Array.from({ length: 200 }, (_, index) => entry(index));
    const expected = await write(root, items);
    await fc.assert(
      fc.asyncProperty(
        fc.shuffledSubarray(items, { minLength: items.length }),
        fc.integer({ min: 1, max: 60_000 }),
        async (shuffled, runLimit) => {
          expect(await write(root, shuffled, runLimit)).toEqual(expected);
        },
      ),
      { numRuns: 15 },
    );
    expect(await read(root, expected)).toEqual(items);
  });

  test("leaves no temporary files, also after a failed upload", async () => {
    const folder = await mkdtemp(join(tmpdir(), "spool-"));
    try {
      const root = changed(await memoryRoot(), () => ({ put: () => Promise.reject(new Error("full")) }));
      const attempt = async (): Promise<void> => {
        await using writer = new CollectionManifestWriter(COLLECTION, { runLimit: 500, temporaryFolder: folder });
        for (let index = 0; index < 50; index += 1) writer.addEntry(entry(index));
        expect(await readdir(folder)).toHaveLength(1);
        await writer.write(root, "nightly/", call);
      };
      expect((await failureOf(attempt())).message).toBe("full");
      expect(await readdir(folder)).toEqual([]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test("names a temporary folder that cannot be written", async () => {
    await using writer = new CollectionManifestWriter(COLLECTION, { runLimit: 1, temporaryFolder: "/nowhere/at/all" });
    const error = await failureOf(Promise.resolve().then(() => writer.addEntry(entry(1))));
    expect(error.code).toBe("NO_SPACE");
    expect(error.message).toContain("/nowhere/at/all");
  });

  test("is withdrawn when the service reports another checksum", async () => {
    const root = await memoryRoot();
    const error = await failureOf(write(reporting(root, { checksums: { crc32: "00000000" } }), [entry(1)]));
    expect(error.code).toBe("CHECKSUM_MISMATCH");
    expect(await keysOf(root)).toEqual([]);
  });

  describe.each([
    ["kept in memory", 8_000_000],
    ["read twice", 10],
  ])("%s", (_, keepLimit) => {
    test("gives its entries", async () => {
      const root = await memoryRoot();
      const items = Array.from({ length: 40 }, (_item, index) => entry(index));
      expect(await read(root, await write(root, items), keepLimit)).toEqual(items);
    });

    test.each([
      [
        "a flipped bit",
        (content: Uint8Array) => content.with(content.length >> 1, (content[content.length >> 1] ?? 0) ^ 1),
      ],
      ["a missing end", (content: Uint8Array) => content.slice(0, -200)],
      ["a line more", (content: Uint8Array) => new Uint8Array([...content, ...content.slice(0, 50)])],
      ["nothing in it", () => new Uint8Array(0)],
    ])("is refused with %s before an entry is given", async (_damage, damage) => {
      const root = await memoryRoot();
      const ref = await write(
        root,
        Array.from({ length: 40 }, (_item, index) => entry(index)),
      );
      const key = `nightly/${ref.key}`;
      await store(root, key, damage(await contentOf(root, key)));
      const seen: ManifestEntry[] = [];
      const error = await failureOf(
        (async () => {
          for await (const item of readCollectionManifest(root, "nightly/", ref, { ...call, keepLimit }))
            seen.push(item);
        })(),
      );
      expect(error).toMatchObject({ code: "CHECKSUM_MISMATCH", details: { key } });
      expect(seen).toEqual([]);
    });
  });

  test("is refused when it is absent", async () => {
    const root = await memoryRoot();
    const ref = await write(root, [entry(1)]);
    await root.delete(objectKey(`nightly/${ref.key}`), call);
    const error = await failureOf(loadCollectionManifest(root, "nightly/", ref, call));
    expect(error.code).toBe("BACKUP_INCOMPLETE");
    expect(error.message).toContain(`nightly/${ref.key} is absent from memory://`);
  });

  test("is refused when its totals are not those of the manifest", async () => {
    const root = await memoryRoot();
    const ref = await write(root, [entry(1)]);
    const error = await failureOf(read(root, { ...ref, totals: { objects: 2, bytes: 1 } }));
    expect(error.code).toBe("BACKUP_INCOMPLETE");
  });

  test("holds a bounded amount in memory for many entries", async () => {
    const root = await memoryRoot();
    // Swallows the content: what is measured is the writer.
    const sink = changed(root, () => ({
      put: async (key, body, options) => {
        let size = 0;
        for await (const chunk of await body.open(options.signal)) size += chunk.length;
        return { key, size, checksums: {} };
      },
    }));
    await using writer = new CollectionManifestWriter(COLLECTION);
    Bun.gc(true);
    const before = process.memoryUsage().heapUsed;
    const fixed = entry(1);
    for (let index = 0; index < 200_000; index += 1) writer.addEntry({ ...fixed, key: objectKey(`${at}${index}`) });
    Bun.gc(true);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(30_000_000);
    expect((await writer.write(sink, "nightly/", call)).totals.objects).toBe(200_000);
  });
});

const manifest: Manifest = {
  formatVersion: 1,
  backupId: "4495770000000000-01",
  backupName: "nightly",
  createdBy: "milvus-backup 0.1.0 (test)",
  algorithm: "sha256",
  collections: [
    {
      collectionId: COLLECTION,
      key: objectKey(`meta/manifests/${COLLECTION}.jsonl`),
      checksum,
      totals: { objects: 3, bytes: 12 },
    },
  ],
  documents: [{ key: "meta/full_meta.json", size: 10, checksum: checksumOf("sha256", sample(10)) }],
  totals: { objects: 3, bytes: 12 },
};

describe("the root manifest", () => {
  const text = new TextDecoder().decode(encodeManifest(manifest));
  const decode = (content: string) =>
    Promise.resolve().then(() => decodeManifest(new TextEncoder().encode(content), "nightly/meta/manifest.json"));

  test("comes back as it was, 18-digit ids to the digit", async () => {
    expect(await decode(text)).toEqual(manifest);
    expect(text).toContain(`"collection_id": "${COLLECTION}"`);
  });

  test("names the SHA-256 of all its lines but the last two", () => {
    const lines = text.trimEnd().split("\n");
    const head = `${lines.slice(0, -2).join("\n")}\n`;
    expect(JSON.parse(text).self_checksum).toBe(`sha256:${checksumOf("sha256", new TextEncoder().encode(head)).value}`);
  });

  test("is refused after any single changed byte", async () => {
    const content = encodeManifest(manifest);
    for (let index = 0; index < content.length - 2; index += 1) {
      const damaged = content.with(index, (content[index] ?? 0) ^ 1);
      const error = await failureOf(Promise.resolve().then(() => decodeManifest(damaged, "m")));
      expect(["CHECKSUM_MISMATCH", "BACKUP_INCOMPLETE"]).toContain(error.code);
    }
  });

  test("is refused when it is cut off anywhere", async () => {
    for (let length = 0; length < text.length - 2; length += 7) {
      expect((await failureOf(decode(text.slice(0, length)))).code).toBe("BACKUP_INCOMPLETE");
    }
  });

  /** The document with some of its values changed and its own digest made right again. */
  const resealed = (change: (document: Record<string, unknown>) => void): string => {
    const document = JSON.parse(text) as Record<string, unknown>;
    delete document.self_checksum;
    change(document);
    const head = `${JSON.stringify(document, undefined, 2).slice(0, -2)},\n`;
    const { value } = checksumOf("sha256", new TextEncoder().encode(head));
    return `${head}  "self_checksum": "sha256:${value}"\n}\n`;
  };

  test("with unknown keys is read", async () => {
    expect(await decode(resealed((document) => Object.assign(document, { later: [1] })))).toEqual(manifest);
  });

  test("of a newer format is refused with the remedy", async () => {
    const error = await failureOf(decode(resealed((document) => Object.assign(document, { format_version: 2 }))));
    expect(error.code).toBe("UNSUPPORTED");
    expect(error.message).toContain("has format 2, this program reads up to 1: use a newer milvus-backup");
  });

  test.each([
    "format_version",
    "backup_id",
    "backup_name",
    "created_by",
    "algorithm",
    "totals",
    "documents",
    "collections",
  ])("without %s is refused by that name", async (name) => {
    const error = await failureOf(decode(resealed((document) => delete document[name])));
    expect(error.code).toBe("BACKUP_INCOMPLETE");
    expect(error.message).toStartWith("nightly/meta/manifest.json");
    expect(error.message).toContain(name === "totals" ? "object" : name);
  });

  test("without its own digest is refused", async () => {
    const document = JSON.parse(text) as Record<string, unknown>;
    delete document.self_checksum;
    const error = await failureOf(decode(JSON.stringify(document, undefined, 2)));
    expect(error.message).toContain("self_checksum");
  });

  test.each(["", "null", "[]", "not json"])("that is %p is refused", async (content) => {
    expect((await failureOf(decode(content))).code).toBe("BACKUP_INCOMPLETE");
  });
});
