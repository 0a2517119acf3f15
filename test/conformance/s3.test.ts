import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { definition } from "../../drivers/s3/mod.ts";
import { createHasher } from "../../src/base/checksum.ts";
import { isAppError } from "../../src/base/errors.ts";
import { silentLogger } from "../../src/base/log.ts";
import { Secret } from "../../src/base/secret.ts";
import { streamOf } from "../../src/base/streams.ts";
import type { ObjectInfo, ObjectKey, PutBody, StorageDriver } from "../../src/storage/driver.ts";
import { createDriverHost } from "../../src/storage/host.ts";
import { objectKey } from "../../src/storage/key.ts";
import { openRoot } from "../../src/storage/open.ts";
import { type RawOptions, validateOptions } from "../../src/storage/options.ts";
import { DriverRegistry } from "../../src/storage/registry.ts";
import { makeCerts } from "../support/certs.ts";
import { type MinioServer, sharedMinio, startMinio } from "../support/minio.ts";
import { describeStorageDriver } from "./storage_driver.ts";

const MIB = 1024 ** 2;
const signal = new AbortController().signal;
const BUCKET = "conformance";
const SMALL_PARTS = { partSizeMiB: 8, multipartCopyThresholdMiB: 8 };

async function optionsFor(minio: MinioServer, bucketName: string, more: RawOptions = {}): Promise<RawOptions> {
  await minio.createBucket(bucketName);
  return {
    address: minio.host,
    port: minio.port,
    bucketName,
    "auth.accessKeyID": minio.accessKey,
    "auth.secretAccessKey": new Secret(minio.secretKey),
    ...more,
  };
}

async function open(bucketName: string, rootPath: string, more: RawOptions = {}): Promise<StorageDriver> {
  return openBare(rootPath, await optionsFor(await sharedMinio(), bucketName, more));
}

function openBare(rootPath: string, options: RawOptions, provider = "minio"): Promise<StorageDriver> {
  return definition.open(validateOptions(definition.options, options, "driver s3"), {
    rootPath,
    provider,
    host: createDriverHost(),
    log: silentLogger,
    signal,
  });
}

beforeAll(async () => {
  await sharedMinio();
}, 60_000);

const secrets = ["test-secret-key"];

describeStorageDriver("s3 on MinIO", () => open(BUCKET, "files/root"), {
  openOther: () => open("conformance-other", "elsewhere"),
  secrets,
});

describeStorageDriver(
  "s3 on MinIO, at the top of a bucket, in small parts",
  () => open("small-parts", "", SMALL_PARTS),
  {
    openOther: () => open(BUCKET, "files/other", SMALL_PARTS),
    secrets,
  },
);

describeStorageDriver("s3 on MinIO, known as no particular provider", async () => {
  const options = await optionsFor(await sharedMinio(), "generic");
  return openBare("files", options, "s3");
});

describeStorageDriver(
  "s3 on MinIO in all wrappers",
  async () => {
    const registry = new DriverRegistry().register(definition);
    const options = await optionsFor(await sharedMinio(), BUCKET);
    return openRoot(registry, { driver: "minio", rootPath: "/wrapped/root/", options }, { log: silentLogger, signal });
  },
  { secrets },
);

/** Content made on the way; neighbouring chunks differ, and so do parts. */
function longBody(size: number): PutBody & { sha256(): string } {
  const chunk = (at: number): Uint8Array => {
    const content = new Uint8Array(Math.min(65_536, size - at));
    return content.fill((at / 65_536) % 251);
  };
  const open = async (): Promise<ReadableStream<Uint8Array>> => {
    let at = 0;
    return new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          controller.enqueue(chunk(at));
          at += 65_536;
          if (at >= size) controller.close();
        },
      },
      { highWaterMark: 0 },
    );
  };
  const sha256 = (): string => {
    const hasher = createHasher("sha256");
    for (let at = 0; at < size; at += 65_536) hasher.update(chunk(at));
    return hasher.digest().value;
  };
  return { size, open, sha256 };
}

async function sha256Of(driver: StorageDriver, key: ObjectKey): Promise<string> {
  const hasher = createHasher("sha256");
  for await (const chunk of (await driver.get(key, { signal })).stream) hasher.update(chunk);
  return hasher.digest().value;
}

function copy(to: StorageDriver, from: StorageDriver, info: ObjectInfo, key: ObjectKey): Promise<ObjectInfo> {
  if (to.copyFrom === undefined) throw new Error("the s3 driver copies inside the service");
  return to.copyFrom(from, info, key, { signal });
}

describe("s3 on MinIO, large objects", () => {
  const size = 40 * MIB + 12_345;
  const body = longBody(size);
  const key = objectKey("large/a b+%ü");

  test("an upload in parts has the content's digest, and MinIO's CRC32 over all parts is ours", async () => {
    const driver = await open(BUCKET, "large", { partSizeMiB: 16 });
    const info = await driver.put(key, body, { signal, checksum: { algorithm: "sha256", value: body.sha256() } });
    const crc = createHasher("crc32");
    for await (const chunk of await body.open(signal)) crc.update(chunk);
    expect(info.checksums).toEqual({ crc32: crc.digest().value });
    expect(info.etag).toEndWith("-3");
    expect(await driver.stat(key, { signal })).toMatchObject({ size, checksums: info.checksums, etag: info.etag });
    expect(await sha256Of(driver, key)).toBe(body.sha256());
  }, 60_000);

  test("a copy in parts from another bucket has the source's digest, and its ETag because the parts are the same", async () => {
    const from = await open(BUCKET, "large", { partSizeMiB: 16 });
    const to = await open("conformance-other", "copies", SMALL_PARTS);
    const info = await from.put(key, body, { signal });
    const copied = await copy(to, from, info, objectKey("copy +%ü"));
    expect(copied).toMatchObject({ size, etag: info.etag });
    expect(await sha256Of(to, copied.key)).toBe(body.sha256());
  }, 60_000);

  test("a copy in parts of an object that was uploaded whole has the source's digest", async () => {
    const from = await open(BUCKET, "large", { partSizeMiB: 64 });
    const to = await open(BUCKET, "copies", SMALL_PARTS);
    const info = await from.put(key, body, { signal });
    expect(info.etag).not.toContain("-");
    const copied = await copy(to, from, info, objectKey("from-whole"));
    expect(copied.etag).toEndWith("-6");
    expect(await sha256Of(to, copied.key)).toBe(body.sha256());
  }, 60_000);

  test("a copy in one piece reports the CRC32 of its content, and so does a stat of it later", async () => {
    const driver = await open(BUCKET, "copied-crc32");
    for (const length of [0, 1, 70_000, 3 * MIB]) {
      const content = longBody(length);
      const crc = createHasher("crc32");
      for await (const chunk of await content.open(signal)) crc.update(chunk);
      const checksums = { crc32: crc.digest().value };
      const info = await driver.put(objectKey(`from-${length}`), content, { signal });
      const copied = await copy(driver, driver, info, objectKey(`to-${length}`));
      expect(copied).toMatchObject({ size: length, etag: info.etag, checksums });
      expect((await driver.stat(copied.key, { signal })).checksums).toEqual(checksums);
    }
  });

  test("a copy in parts goes on without a CRC32 where copied parts have none", async () => {
    const options = await optionsFor(await sharedMinio(), BUCKET, { ...SMALL_PARTS, addressingStyle: "path" });
    const driver = await openBare("copied-parts", options, "aws");
    const info = await driver.put(key, body, { signal });
    for (const to of ["first", "second"]) {
      expect(await copy(driver, driver, info, objectKey(to))).toMatchObject({ size, etag: info.etag, checksums: {} });
    }
    expect(await sha256Of(driver, objectKey("second"))).toBe(body.sha256());
  }, 60_000);

  test("a source that changed since it was listed is not copied, in one piece or in parts", async () => {
    for (const length of [10, 20 * MIB]) {
      const driver = await open(BUCKET, "changed", SMALL_PARTS);
      const source = objectKey(`source-${length}`);
      const before = await driver.put(source, longBody(length), { signal });
      await driver.put(
        source,
        { size: length, open: async () => streamOf(new Uint8Array(length).fill(9)) },
        { signal },
      );
      const copying = copy(driver, driver, before, objectKey("never"));
      expect(await copying.then(() => "copied", codeOf)).toBe("CHECKSUM_MISMATCH");
      expect(await driver.stat(objectKey("never"), { signal }).then(() => "there", codeOf)).toBe("NOT_FOUND");
    }
  }, 60_000);

  test("ifAbsent holds for uploads in parts too", async () => {
    const driver = await open(BUCKET, "absent", SMALL_PARTS);
    const target = objectKey("once");
    await driver.put(target, longBody(9 * MIB), { signal, ifAbsent: true });
    const again = driver.put(target, longBody(10 * MIB), { signal, ifAbsent: true });
    expect(await again.then(() => "stored", codeOf)).toBe("ALREADY_EXISTS");
    expect((await driver.stat(target, { signal })).size).toBe(9 * MIB);
  }, 60_000);
});

describe("s3 on MinIO, what goes wrong", () => {
  const cases: readonly (readonly [string, RawOptions, string, RegExp])[] = [
    ["an unknown access key", { "auth.accessKeyID": "somebody-else" }, "ACCESS_DENIED", /auth\.accessKeyID/],
    [
      "a wrong secret",
      { "auth.secretAccessKey": new Secret("not-the-secret-at-all") },
      "ACCESS_DENIED",
      /auth\.secretAccessKey/,
    ],
    [
      "a bucket that does not exist",
      { bucketName: "no-such-bucket" },
      "NOT_FOUND",
      /bucket no-such-bucket does not exist/,
    ],
    ["TLS to a server without it", { useSSL: true }, "CONFIG_INVALID", /useSSL/],
  ];
  for (const [what, more, code, message] of cases) {
    test(`${what} is named`, async () => {
      const options = await optionsFor(await sharedMinio(), BUCKET);
      const driver = await openBare("files", { ...options, ...more });
      const failure = await driver.put(objectKey("x"), longBody(3), { signal }).then(
        () => new Error("it was stored"),
        (error: Error) => error,
      );
      expect(`${codeOf(failure)} ${failure.message}`).toMatch(code);
      expect(failure.message).toMatch(message);
      expect(Bun.inspect(failure, { depth: 8 })).not.toMatch(/test-secret-key|not-the-secret-at-all/);
    });
  }

  test("an upload in parts that fails leaves no parts behind", async () => {
    const driver = await open(BUCKET, "unfinished", SMALL_PARTS);
    const short = { ...longBody(20 * MIB), size: 30 * MIB };
    expect(await driver.put(objectKey("x"), short, { signal }).then(() => "stored", codeOf)).toBe("SHORT_BODY");
    const { S3Client, ListMultipartUploadsCommand } = await import("@aws-sdk/client-s3");
    const minio = await sharedMinio();
    const client = new S3Client({
      endpoint: minio.url,
      region: "us-east-1",
      forcePathStyle: true,
      credentials: { accessKeyId: minio.accessKey, secretAccessKey: minio.secretKey },
    });
    const left = await client.send(new ListMultipartUploadsCommand({ Bucket: BUCKET, Prefix: "unfinished/x" }));
    client.destroy();
    expect(left.Uploads ?? []).toEqual([]);
  });
});

describe("s3 on MinIO with TLS", () => {
  let folder = "";
  let minio: MinioServer | undefined;
  let options: RawOptions = {};
  let caPath = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "milvus-backup-s3-tls-"));
    const certs = makeCerts(folder);
    caPath = certs.caPath;
    const tls = { certPath: certs.serverCertPath, keyPath: certs.serverKeyPath, caPath };
    minio = await startMinio({ tls });
    options = { ...(await optionsFor(minio, "secure", SMALL_PARTS)), useSSL: true };
  }, 60_000);
  afterAll(async () => {
    await minio?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  test("both halves of the driver trust the authority in caCertPath", async () => {
    await using driver = await openBare("files", { ...options, caCertPath: caPath });
    const body = longBody(9 * MIB);
    await driver.put(objectKey("large"), body, { signal });
    expect(await sha256Of(driver, objectKey("large"))).toBe(body.sha256());
  });

  test("a certificate of an unknown authority is refused, unless insecureSkipVerify says otherwise", async () => {
    await using careful = await openBare("files", options);
    for (const size of [3, 9 * MIB]) {
      const failure = await careful.put(objectKey("x"), longBody(size), { signal }).then(
        () => new Error("it was stored"),
        (error: Error) => error,
      );
      expect(codeOf(failure)).toBe("CONFIG_INVALID");
      expect(failure.message).toContain("caCertPath");
    }
    await using careless = await openBare("files", { ...options, insecureSkipVerify: true });
    for (const size of [3, 9 * MIB]) {
      expect((await careless.put(objectKey("x"), longBody(size), { signal })).size).toBe(size);
    }
  });

  test("plain HTTP to it is named", async () => {
    await using driver = await openBare("files", { ...options, useSSL: false });
    for (const size of [3, 9 * MIB]) {
      const failure = await driver.put(objectKey("x"), longBody(size), { signal }).then(
        () => new Error("it was stored"),
        (error: Error) => error,
      );
      expect(codeOf(failure)).toBe("CONFIG_INVALID");
      expect(failure.message).toContain("set useSSL to true");
    }
  });
});

function codeOf(error: unknown): string {
  return isAppError(error) ? error.code : String(error);
}
