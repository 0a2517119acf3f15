import { describe, expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { crc32, crc32Base64 } from "../../../../drivers/s3/crc32.ts";
import { readAll } from "../../../../src/base/streams.ts";
import { objectKey } from "../../../../src/storage/key.ts";
import { retryingDriver } from "../../../../src/storage/wrappers/retrying.ts";
import { bodyOf, failureOf, never, openTestRoot, refusal, serve, serveRaw } from "./support.ts";

const KEY = objectKey("a/b");
const signal = never;
const head = (length: number | undefined, more = ""): string =>
  `HTTP/1.1 200 OK\r\n${length === undefined ? "" : `Content-Length: ${length}\r\n`}${more}\r\n`;

describe("get", () => {
  test("gives an object stored with Content-Encoding as it is stored", async () => {
    const packed = gzipSync("x".repeat(10_000));
    await using service = serve(() => new Response(packed, { headers: { "content-encoding": "gzip" } }));
    const driver = await openTestRoot(service.port);
    const body = await driver.get(KEY, { signal });
    expect(body.size).toBe(packed.length);
    expect(await readAll(body.stream, 1e6)).toEqual(new Uint8Array(packed));
    expect(service.requests[0]?.headers.get("accept-encoding")).toBe("identity");
  });

  for (const [size, name] of [
    [100, "small"],
    [3_000_000, "large"],
  ] as const) {
    test(`of a ${name} object whose connection closes early fails with a retriable error`, async () => {
      await using service = serveRaw(() => ({ bytes: `${head(size)}abc`, close: true }));
      const driver = await openTestRoot(service.port);
      const reading = driver.get(KEY, { signal }).then((body) => readAll(body.stream, 1e7));
      expect(await failureOf(reading)).toMatchObject({ code: "SHORT_BODY", retriable: true });
    });
  }

  test("of an answer without a length fails instead of guessing", async () => {
    await using service = serveRaw(() => ({ bytes: `${head(undefined, "Connection: close\r\n")}abc`, close: true }));
    const driver = await openTestRoot(service.port);
    expect(await failureOf(driver.get(KEY, { signal }))).toMatchObject({ code: "SHORT_BODY", retriable: true });
  });

  for (const size of [10, 3_000_000]) {
    test(`checks the CRC32 that the service reports over ${size} bytes`, async () => {
      const content = new Uint8Array(size).fill(7);
      const wrong = { "x-amz-checksum-crc32": crc32Base64(crc32(content) ^ 1), "x-amz-checksum-type": "FULL_OBJECT" };
      await using service = serve(() => new Response(content, { headers: wrong }));
      const driver = await openTestRoot(service.port);
      const reading = driver.get(KEY, { signal }).then((body) => readAll(body.stream, 1e7));
      expect(await failureOf(reading)).toMatchObject({ code: "CHECKSUM_MISMATCH", retriable: true });
    });
  }

  test("does not take a checksum made of parts for one of the content", async () => {
    const composite = {
      "x-amz-checksum-crc32": "AAAAAA==-3",
      "x-amz-checksum-sha256": "AAAA",
      "x-amz-checksum-type": "COMPOSITE",
    };
    await using service = serve(() => new Response("abc", { headers: composite }));
    const driver = await openTestRoot(service.port);
    const body = await driver.get(KEY, { signal });
    expect(body.info.checksums).toEqual({});
    expect(await readAll(body.stream, 10)).toHaveLength(3);
  });

  test("of a range fails where the service ignores ranges", async () => {
    await using service = serve(() => new Response("whole"));
    const driver = await openTestRoot(service.port);
    expect(await failureOf(driver.get(KEY, { signal, range: { start: 1, end: 3 } }))).toMatchObject({
      code: "UNSUPPORTED",
    });
  });

  test("stops waiting for a silent service after the configured time", async () => {
    await using service = serveRaw(() => ({ bytes: "", close: false }));
    const driver = await openTestRoot(service.port, { options: { requestTimeoutSeconds: 1 } });
    const failure = await failureOf(driver.get(KEY, { signal }));
    expect(failure).toMatchObject({ code: "UNAVAILABLE", retriable: true });
    expect(failure.message).toContain("within 1 s");
  });

  test("fails when a body falls silent, but leaves a slow reader alone", async () => {
    await using service = serveRaw(() => ({ bytes: `${head(3_000_000)}${"x".repeat(1000)}`, close: false }));
    const driver = await openTestRoot(service.port, { options: { requestTimeoutSeconds: 1 } });
    const reader = (await driver.get(KEY, { signal })).stream.getReader();
    await Bun.sleep(1200);
    expect((await reader.read()).value?.length).toBe(1000);
    expect(await failureOf(reader.read())).toMatchObject({ code: "UNAVAILABLE", retriable: true });
  });

  test("ends at once when the signal fires, before and during the body", async () => {
    await using silent = serveRaw(() => ({ bytes: "", close: false }));
    await using stalled = serveRaw(() => ({ bytes: `${head(3_000_000)}abc`, close: false }));
    for (const port of [silent.port, stalled.port]) {
      const driver = await openTestRoot(port);
      const stop = new AbortController();
      const reading = driver.get(KEY, { signal: stop.signal }).then((body) => readAll(body.stream, 1e7));
      setTimeout(() => stop.abort(), 30);
      const started = performance.now();
      expect(await failureOf(reading)).toMatchObject({ code: "ABORTED" });
      expect(performance.now() - started).toBeLessThan(1000);
    }
  });
});

describe("stat", () => {
  test("reports size, ETag, time and the checksums of the whole content in hex", async () => {
    await using service = serve(
      () =>
        new Response(null, {
          headers: {
            "content-length": "5",
            etag: '"abc"',
            "last-modified": "Thu, 01 Jan 2026 00:00:00 GMT",
            "x-amz-checksum-crc32": "NhCmhg==",
            "x-amz-checksum-crc64nvme": "AAAAAAAAAAE=",
          },
        }),
    );
    const driver = await openTestRoot(service.port);
    expect(await driver.stat(KEY, { signal })).toEqual({
      key: KEY,
      size: 5,
      etag: "abc",
      lastModified: new Date("2026-01-01T00:00:00Z"),
      checksums: { crc32: "3610a686", crc64nvme: "0000000000000001" },
    });
    expect(service.requests[0]?.headers.get("x-amz-checksum-mode")).toBe("ENABLED");
    expect(service.seen).toEqual(["HEAD /bucket/files/a/b"]);
  });
});

describe("delete", () => {
  for (const status of [200, 204, 404]) {
    test(`takes ${status} for done`, async () => {
      await using service = serve(() => (status === 404 ? refusal(404, "NoSuchKey") : new Response(null, { status })));
      const driver = await openTestRoot(service.port);
      expect(await driver.delete(KEY, { signal })).toBeUndefined();
    });
  }

  test("of a key in an absent bucket fails", async () => {
    await using service = serve(() => refusal(404, "NoSuchBucket"));
    const driver = await openTestRoot(service.port);
    const failure = await failureOf(driver.delete(KEY, { signal }));
    expect(failure.code).toBe("NOT_FOUND");
    expect(failure.message).toContain("bucket bucket does not exist");
  });
});

describe("a service in trouble", () => {
  test("that answers 503 once and a broken connection once is tried again by the retry wrapper", async () => {
    const answers = [
      refusal(503, "SlowDown"),
      refusal(500, "InternalError"),
      new Response(null, { headers: { etag: '"e"' } }),
    ];
    await using service = serve((_, index) => answers[index] ?? refusal(500, "InternalError"));
    const driver = retryingDriver(await openTestRoot(service.port), {
      policy: { attempts: 4, baseDelayMs: 1, maxDelayMs: 2 },
    });
    expect((await driver.put(KEY, bodyOf("abc"), { signal })).etag).toBe("e");
    expect(service.seen).toEqual(Array(3).fill("PUT /bucket/files/a/b"));
  });

  test("that is not there is named with its address", async () => {
    const gone = serve(() => new Response());
    const { port } = gone;
    await gone[Symbol.asyncDispose]();
    const driver = await openTestRoot(port);
    const failure = await failureOf(driver.stat(KEY, { signal }));
    expect(failure).toMatchObject({ code: "UNAVAILABLE", retriable: true });
    expect(failure.message).toContain(`http://127.0.0.1:${port} refuses connections`);
  });

  test("that does not speak TLS is told from one that is down", async () => {
    await using service = serve(() => new Response());
    const driver = await openTestRoot(service.port, { options: { useSSL: true } });
    const failure = await failureOf(driver.stat(KEY, { signal }));
    expect(failure.code).toBe("CONFIG_INVALID");
    expect(failure.message).toContain("useSSL");
  });

  test("that redirects is not followed: the signature is for one host", async () => {
    await using service = serve(
      () =>
        new Response(null, {
          status: 301,
          headers: { location: "http://127.0.0.1:1/", "x-amz-bucket-region": "eu-west-1" },
        }),
    );
    const driver = await openTestRoot(service.port);
    const failure = await failureOf(driver.get(KEY, { signal }));
    expect(failure.code).toBe("CONFIG_INVALID");
    expect(failure.message).toContain("eu-west-1");
    expect(service.seen.length).toBe(1);
  });
});
