import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { definition } from "../../drivers/azure/mod.ts";
import { checksumOf } from "../../src/base/checksum.ts";
import { isAppError } from "../../src/base/errors.ts";
import { silentLogger } from "../../src/base/log.ts";
import { Secret } from "../../src/base/secret.ts";
import { readAll, streamOf } from "../../src/base/streams.ts";
import type { ObjectKey, PutBody, StorageDriver } from "../../src/storage/driver.ts";
import { objectKey } from "../../src/storage/key.ts";
import { openRoot } from "../../src/storage/open.ts";
import type { RawOptions } from "../../src/storage/options.ts";
import { DriverRegistry } from "../../src/storage/registry.ts";
import { type AzuriteServer, serviceClient, sharedAzurite, startAzurite } from "../support/azurite.ts";
import { makeCerts } from "../support/certs.ts";
import { openBare } from "../support/open_bare.ts";
import { describeStorageDriver } from "./storage_driver.ts";

const MIB = 1024 ** 2;
const signal = new AbortController().signal;
const SMALL_PARTS = { partSizeMiB: 4 };

async function optionsFor(azurite: AzuriteServer, bucketName: string, more: RawOptions = {}): Promise<RawOptions> {
  await azurite.createContainer(bucketName);
  return {
    blobEndpoint: azurite.url,
    accountName: azurite.accountName,
    bucketName,
    "auth.accountKey": new Secret(azurite.accountKey),
    ...more,
  };
}

async function open(bucketName: string, rootPath: string, more: RawOptions = {}): Promise<StorageDriver> {
  return openBare(definition, { rootPath, options: await optionsFor(await sharedAzurite(), bucketName, more) });
}

beforeAll(async () => {
  await sharedAzurite();
}, 60_000);

describeStorageDriver("azure on Azurite", () => open("conformance", "files/root", SMALL_PARTS), {
  openOther: () => open("conformance-other", "elsewhere"),
  // The test account's key, and what a signed address holds.
  secrets: [Buffer.from("the key of a test account, 32 b!").toString("base64"), "sig="],
  skip: {
    "odd keys are stored, read, listed and deleted under their exact name":
      'the service takes "\\" for "/", so such names are refused; all others are tested below',
  },
  timeoutMs: 60_000,
});

function bodyOf(content: Uint8Array): PutBody {
  return { size: content.length, open: async () => streamOf(content) };
}

function pattern(size: number, seed = 1): Uint8Array {
  return new Uint8Array(size).map((_, at) => (at * 31 + (at >> 13) + seed) & 255);
}

async function contentOf(driver: StorageDriver, key: ObjectKey): Promise<Uint8Array> {
  return readAll((await driver.get(key, { signal })).stream, 64 * MIB);
}

async function keysOf(driver: StorageDriver): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of driver.list("", { signal })) keys.push(key);
  return keys.sort();
}

describe("azure on Azurite, names", () => {
  const ODD = ["with space", " ends ", "a+b", "100%", "%2F", "%25zz", "a=b&c=d", "q?m", "hash#tag", "semi;colon:x,y"];
  const MORE = [
    "at@$!",
    "quote\"s'",
    "<a>&amp;",
    "[b]{c}",
    "~^|",
    "star*",
    "`t`",
    "日本語",
    "emoji 😀",
    "e\u0301",
    "\u00e9",
  ];

  test("odd names are exact, at the top of a container", async () => {
    const driver = await open("odd-names", "");
    const keys = [...ODD, ...MORE].flatMap((part) => [objectKey(part), objectKey(`${part} dir/${part}`)]);
    for (const [index, key] of keys.entries()) await driver.put(key, bodyOf(pattern(20, index)), { signal });
    expect(await keysOf(driver)).toEqual([...keys].sort());
    for (const [index, key] of keys.entries()) expect(await contentOf(driver, key)).toEqual(pattern(20, index));
    const directories: string[] = [];
    for await (const name of driver.listDirectories("", { signal })) directories.push(name);
    expect(directories.sort()).toEqual([...ODD, ...MORE].map((part) => `${part} dir`).sort());
    for (const key of keys) await driver.delete(key, { signal });
    expect(await keysOf(driver)).toEqual([]);
  }, 60_000);

  test('a name with "\\" is refused, because the service would store it under another one', async () => {
    const driver = await open("odd-names", "slashes");
    const key = objectKey("back\\slash");
    for (const call of [
      driver.put(key, bodyOf(pattern(3)), { signal }),
      driver.stat(key, { signal }),
      driver.get(key, { signal }),
      driver.delete(key, { signal }),
    ]) {
      expect(await failure(call)).toMatchObject({ code: "INVALID_KEY" });
    }
    expect(await keysOf(driver)).toEqual([]);
  });
});

describe("azure on Azurite, uploads and copies", () => {
  const content = pattern(9 * MIB + 77);
  const md5 = checksumOf("md5", content).value;

  test("an upload in blocks keeps the MD5 of the whole, an upload in one request the one the service computed", async () => {
    const driver = await open("uploads", "blocks", SMALL_PARTS);
    const inBlocks = objectKey("large ü");
    const info = await driver.put(inBlocks, bodyOf(content), { signal });
    expect(info.checksums).toEqual({});
    expect(await driver.stat(inBlocks, { signal })).toMatchObject({
      size: content.length,
      checksums: { md5 },
      etag: info.etag,
    });
    const blocks = await serviceClient(await sharedAzurite())
      .getContainerClient("uploads")
      .getBlockBlobClient(`blocks/${inBlocks}`)
      .getBlockList("all");
    expect(blocks.committedBlocks?.map((block) => block.size)).toEqual([4 * MIB, 4 * MIB, MIB + 77]);
    expect(blocks.uncommittedBlocks ?? []).toEqual([]);
    const whole = await open("uploads", "blocks", { partSizeMiB: 16 });
    expect(await whole.put(objectKey("whole"), bodyOf(content), { signal })).toMatchObject({ checksums: { md5 } });
    expect(checksumOf("md5", await contentOf(driver, inBlocks)).value).toBe(md5);
  }, 60_000);

  test("a body got names the object's ETag and time, also of a range", async () => {
    const driver = await open("uploads", "etags");
    const key = objectKey("x");
    const { etag } = await driver.put(key, bodyOf(pattern(100)), { signal });
    const whole = await driver.get(key, { signal });
    const part = await driver.get(key, { signal, range: { start: 10, end: 20 } });
    for (const body of [whole, part]) {
      expect(body.info).toMatchObject({ size: 100, etag });
      expect(body.info.lastModified).toBeInstanceOf(Date);
      expect(body.info.checksums).toEqual({ md5: checksumOf("md5", pattern(100)).value });
    }
    expect(await readAll(whole.stream, 100)).toEqual(pattern(100));
    expect(await readAll(part.stream, 100)).toEqual(pattern(100).subarray(10, 20));
  });

  test("ifAbsent holds for uploads in blocks too", async () => {
    const driver = await open("uploads", "absent", SMALL_PARTS);
    const key = objectKey("once");
    await driver.put(key, bodyOf(content), { signal, ifAbsent: true });
    const again = driver.put(key, bodyOf(pattern(5 * MIB)), { signal, ifAbsent: true });
    expect(await failure(again)).toMatchObject({ code: "ALREADY_EXISTS" });
    expect((await driver.stat(key, { signal })).size).toBe(content.length);
  }, 60_000);

  test("a source that changed since it was listed is not copied", async () => {
    const driver = await open("copies", "changed");
    const key = objectKey("source");
    const before = await driver.put(key, bodyOf(pattern(10, 1)), { signal });
    await driver.put(key, bodyOf(pattern(10, 2)), { signal });
    const copying = driver.copyFrom?.(driver, before, objectKey("never"), { signal });
    expect(await failure(copying)).toMatchObject({ code: "CHECKSUM_MISMATCH" });
    expect(await failure(driver.stat(objectKey("never"), { signal }))).toMatchObject({ code: "NOT_FOUND" });
  });

  test("a copy in blocks from another container has the source's content", async () => {
    const from = await open("uploads", "large", SMALL_PARTS);
    const to = await open("copies", "large", { multipartCopyThresholdMiB: 4 });
    const source = await from.put(objectKey("source +%ü"), bodyOf(content), { signal });
    const copied = await to.copyFrom?.(from, source, objectKey("copy"), { signal });
    expect(copied).toMatchObject({ size: content.length, checksums: {} });
    expect(checksumOf("md5", await contentOf(to, objectKey("copy"))).value).toBe(md5);
    const gone = { ...source, key: objectKey("gone") };
    expect(await failure(to.copyFrom?.(from, gone, objectKey("never"), { signal }))).toMatchObject({
      code: "NOT_FOUND",
    });
    const other = { ...source, etag: "0x1" };
    expect(await failure(to.copyFrom?.(from, other, objectKey("never"), { signal }))).toMatchObject({
      code: "CHECKSUM_MISMATCH",
    });
    expect(await keysOf(to)).toEqual(["copy"]);
  }, 60_000);

  test("an object with Content-Encoding gzip is read as it is stored", async () => {
    const azurite = await sharedAzurite();
    const driver = await open("uploads", "encoded");
    const packed = Bun.gzipSync(new TextEncoder().encode("some text, some text"));
    const blob = serviceClient(azurite).getContainerClient("uploads").getBlockBlobClient("encoded/x");
    await blob.upload(Buffer.from(packed), packed.length, { blobHTTPHeaders: { blobContentEncoding: "gzip" } });
    expect(await contentOf(driver, objectKey("x"))).toEqual(packed);
  });

  test("a directory of an account with a hierarchical namespace is no object", async () => {
    const driver = await open("uploads", "directories");
    const container = serviceClient(await sharedAzurite()).getContainerClient("uploads");
    await container.getBlockBlobClient("directories/d").upload("", 0, { metadata: { hdi_isfolder: "true" } });
    await driver.put(objectKey("d/x"), bodyOf(pattern(3)), { signal });
    expect(await keysOf(driver)).toEqual(["d/x"]);
    expect(await failure(driver.stat(objectKey("d"), { signal }))).toMatchObject({ code: "NOT_FOUND" });
    expect(await failure(driver.get(objectKey("d"), { signal }))).toMatchObject({ code: "NOT_FOUND" });
  });
});

describe("azure on Azurite, credentials", () => {
  const wrong: readonly (readonly [string, RawOptions, string, RegExp])[] = [
    [
      "a wrong key",
      { "auth.accountKey": new Secret(Buffer.from("quite another key").toString("base64")) },
      "ACCESS_DENIED",
      /auth keys/,
    ],
    ["a container that does not exist", { bucketName: "no-such" }, "NOT_FOUND", /container no-such does not exist/],
    ["nobody listening", { blobEndpoint: "http://127.0.0.1:1/x" }, "UNAVAILABLE", /refuses connections/],
  ];
  for (const [what, more, code, message] of wrong) {
    test(`${what} is named`, async () => {
      const options = await optionsFor(await sharedAzurite(), "credentials");
      const driver = await openBare(definition, { rootPath: "files", options: { ...options, ...more } });
      const calls = [
        () => driver.put(objectKey("x"), bodyOf(pattern(3)), { signal }),
        () => driver.delete(objectKey("x"), { signal }),
        () => driver.list("", { signal })[Symbol.asyncIterator]().next(),
      ];
      for (const call of calls) {
        const error = await failure(call());
        expect(error).toMatchObject({ code });
        expect(error?.message).toMatch(message);
        expect(Bun.inspect(error, { depth: 8 })).not.toContain("another key");
      }
    });
  }

  test("a shared access signature and both kinds of connection string work, copies included", async () => {
    const azurite = await sharedAzurite();
    const { generateAccountSASQueryParameters, AccountSASPermissions, AccountSASServices, AccountSASResourceTypes } =
      await import("@azure/storage-blob");
    const { StorageSharedKeyCredential } = await import("@azure/storage-blob");
    const sas = generateAccountSASQueryParameters(
      {
        expiresOn: new Date(Date.now() + 3_600_000),
        permissions: AccountSASPermissions.parse("rwdlc"),
        services: AccountSASServices.parse("b").toString(),
        resourceTypes: AccountSASResourceTypes.parse("co").toString(),
      },
      new StorageSharedKeyCredential(azurite.accountName, azurite.accountKey),
    ).toString();
    await azurite.createContainer("signed");
    const account = `BlobEndpoint=${azurite.url};AccountName=${azurite.accountName}`;
    const kinds: RawOptions[] = [
      { "auth.type": "sas", blobEndpoint: azurite.url, "auth.sasToken": new Secret(`?${sas}`) },
      {
        "auth.type": "connectionString",
        "auth.connectionString": new Secret(`${account};AccountKey=${azurite.accountKey}`),
      },
      {
        "auth.type": "connectionString",
        "auth.connectionString": new Secret(`BlobEndpoint=${azurite.url};SharedAccessSignature=${sas}`),
      },
    ];
    for (const [index, options] of kinds.entries()) {
      const driver = await openBare(definition, {
        rootPath: `kind-${index}`,
        options: { bucketName: "signed", ...options },
      });
      const info = await driver.put(objectKey("a"), bodyOf(pattern(30)), { signal });
      await driver.copyFrom?.(driver, info, objectKey("b"), { signal });
      expect(await contentOf(driver, objectKey("b"))).toEqual(pattern(30));
      expect(await keysOf(driver)).toEqual(["a", "b"]);
      const error = await failure(driver.stat(objectKey("absent"), { signal }));
      expect(`${driver.location}${Bun.inspect(error, { depth: 8 })}`).not.toContain("sig=");
      expect(error).toMatchObject({ code: "NOT_FOUND" });
    }
  });

  test("in all wrappers, an object is put, read and listed", async () => {
    const registry = new DriverRegistry().register(definition);
    const options = await optionsFor(await sharedAzurite(), "wrapped");
    await using root = await openRoot(
      registry,
      { driver: "azure", rootPath: "/wrapped/root/", options },
      { log: silentLogger, signal },
    );
    await root.put(objectKey("a/b"), bodyOf(pattern(50)), { signal });
    expect(await contentOf(root, objectKey("a/b"))).toEqual(pattern(50));
    expect(await keysOf(root)).toEqual(["a/b"]);
  });
});

describe("azure on Azurite with TLS", () => {
  let folder = "";
  let azurite: AzuriteServer | undefined;
  let options: RawOptions = {};
  let caPath = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "milvus-backup-azure-tls-"));
    const certs = makeCerts(folder);
    caPath = certs.caPath;
    azurite = await startAzurite({ tls: { certPath: certs.serverCertPath, keyPath: certs.serverKeyPath, caPath } });
    const container = serviceClient(azurite, await Bun.file(caPath).text()).getContainerClient("secure");
    await container.createIfNotExists();
    options = {
      blobEndpoint: azurite.url,
      bucketName: "secure",
      accountName: azurite.accountName,
      "auth.accountKey": new Secret(azurite.accountKey),
    };
  }, 60_000);
  afterAll(async () => {
    await azurite?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  test("the authority in caCertPath is trusted, another one is not", async () => {
    const trusting = await openBare(definition, { rootPath: "files", options: { ...options, caCertPath: caPath } });
    await trusting.put(objectKey("x"), bodyOf(pattern(9)), { signal });
    expect(await contentOf(trusting, objectKey("x"))).toEqual(pattern(9));
    const careful = await openBare(definition, { rootPath: "files", options });
    const error = await failure(careful.put(objectKey("y"), bodyOf(pattern(9)), { signal }));
    expect(error).toMatchObject({ code: "CONFIG_INVALID" });
    expect(error?.message).toContain("caCertPath");
  });
});

async function failure(call: Promise<unknown> | undefined): Promise<Error | undefined> {
  try {
    await call;
  } catch (error) {
    if (isAppError(error)) return error;
    throw error;
  }
  return undefined;
}
