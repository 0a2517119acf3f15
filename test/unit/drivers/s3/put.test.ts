import { describe, expect, test } from "bun:test";
import { crc32, crc32Base64 } from "../../../../drivers/s3/crc32.ts";
import { checksumOf } from "../../../../src/base/checksum.ts";
import { createLogger } from "../../../../src/base/log.ts";
import type { PutBody } from "../../../../src/storage/driver.ts";
import { objectKey } from "../../../../src/storage/key.ts";
import { bodyOf, failureOf, never, openTestRoot, refusal, type Scripted, serve, xml } from "./support.ts";

const KEY = objectKey("a/b");
const signal = never;
const MIB = 1024 ** 2;
const done = (): Response => new Response(null, { headers: { etag: '"e"' } });

/** A body in chunks of 64 KiB, without holding it; "stall" never goes on after half of it. */
function longBody(size: number, options: { readonly given?: number; readonly stall?: boolean } = {}): PutBody {
  const given = options.given ?? size;
  return {
    size,
    open: async () => {
      let at = 0;
      return new ReadableStream<Uint8Array>(
        {
          pull(controller) {
            if (options.stall === true && at >= given / 2) return new Promise<void>(() => {});
            const length = Math.min(65_536, given - at);
            if (length > 0) controller.enqueue(new Uint8Array(length).fill(at / 65_536));
            at += length;
            if (at >= given) controller.close();
            return undefined;
          },
        },
        { highWaterMark: 0 },
      );
    },
  };
}

describe("put", () => {
  test("sends the exact length and a CRC32 to a service that checks it, and reports what the service says", async () => {
    await using service = serve(async (request) => {
      const content = await request.bytes();
      const crc = crc32Base64(crc32(content));
      expect(request.headers.get("x-amz-checksum-crc32")).toBe(crc);
      expect(request.headers.get("content-length")).toBe("3");
      return new Response(null, { headers: { etag: '"e"', "x-amz-checksum-crc32": crc } });
    });
    const driver = await openTestRoot(service.port);
    expect(await driver.put(KEY, bodyOf("abc"), { signal })).toEqual({
      key: KEY,
      size: 3,
      etag: "e",
      checksums: { crc32: "352441c2" },
    });
    expect(driver.capabilities.checksums).toEqual(["crc32"]);
  });

  for (const [name, body] of [
    ["ends early", bodyOf("abc", 4)],
    ["runs on", bodyOf("abc", 2)],
    ["is not empty as declared", bodyOf("abc", 0)],
  ] as const) {
    test(`of a body that ${name} sends nothing`, async () => {
      await using service = serve(done);
      const driver = await openTestRoot(service.port);
      expect(await failureOf(driver.put(KEY, body, { signal }))).toMatchObject({ code: "SHORT_BODY", retriable: true });
      expect(service.seen).toEqual([]);
    });
  }

  test("of content that differs from the declared digest sends nothing", async () => {
    await using service = serve(done);
    const driver = await openTestRoot(service.port);
    for (const algorithm of ["crc32", "sha256", "sha1", "md5"] as const) {
      const checksum = checksumOf(algorithm, new TextEncoder().encode("other"));
      expect((await failureOf(driver.put(KEY, bodyOf("abc"), { signal, checksum }))).code).toBe("CHECKSUM_MISMATCH");
    }
    const unknown = { algorithm: "crc64nvme", value: "0" } as const;
    expect((await failureOf(driver.put(KEY, bodyOf("abc"), { signal, checksum: unknown }))).code).toBe("UNSUPPORTED");
    expect(service.seen).toEqual([]);
  });

  test("that the service stored with another CRC32 is removed and fails", async () => {
    await using service = serve((request) =>
      request.method === "PUT" ? new Response(null, { headers: { "x-amz-checksum-crc32": "AAAAAA==" } }) : done(),
    );
    const driver = await openTestRoot(service.port);
    expect(await failureOf(driver.put(KEY, bodyOf("abc"), { signal }))).toMatchObject({ code: "CHECKSUM_MISMATCH" });
    expect(service.seen).toEqual(["PUT /bucket/files/a/b", "DELETE /bucket/files/a/b"]);
  });

  test("falls back to a weaker check where the service refuses checksum headers, says so, and remembers", async () => {
    const lines: string[] = [];
    const log = createLogger({ level: "warn", write: (line) => lines.push(line) });
    await using service = serve((request) =>
      request.headers.has("x-amz-checksum-crc32") ? refusal(501, "NotImplemented") : done(),
    );
    const driver = await openTestRoot(service.port, { provider: "s3", log });
    await driver.put(KEY, bodyOf("abc"), { signal });
    await driver.put(KEY, bodyOf("abc"), { signal });
    expect(service.requests.map((it) => it.headers.get("content-md5"))).toEqual([
      null,
      "kAFQmDzST7DWlj99KOF/cg==",
      "kAFQmDzST7DWlj99KOF/cg==",
    ]);
    expect(lines).toEqual([expect.stringContaining("refuses checksum headers")]);
    expect(driver.capabilities.checksums).toEqual([]);
  });

  test("falls back twice where the service refuses Content-MD5 too", async () => {
    await using service = serve((request) =>
      request.headers.has("x-amz-checksum-crc32") || request.headers.has("content-md5")
        ? refusal(400, "InvalidArgument")
        : done(),
    );
    const driver = await openTestRoot(service.port, { provider: "s3" });
    await driver.put(KEY, bodyOf("abc"), { signal });
    await driver.put(KEY, bodyOf("abc"), { signal });
    expect(service.seen.length).toBe(4);
  });

  test("does not weaken a check that was demanded, nor one that found damage", async () => {
    await using refusing = serve(() => refusal(501, "NotImplemented"));
    const demanding = await openTestRoot(refusing.port, { options: { checksum: "crc32" } });
    expect((await failureOf(demanding.put(KEY, bodyOf("abc"), { signal }))).code).toBe("UNSUPPORTED");
    expect(refusing.seen.length).toBe(1);
    await using finding = serve(() => refusal(400, "XAmzContentChecksumMismatch"));
    const driver = await openTestRoot(finding.port);
    expect((await failureOf(driver.put(KEY, bodyOf("abc"), { signal }))).code).toBe("CHECKSUM_MISMATCH");
    expect(finding.seen.length).toBe(1);
  });

  test("throws the first refusal when a weaker check does not help, and keeps the better one", async () => {
    await using service = serve(() => refusal(400, "InvalidArgument"));
    const driver = await openTestRoot(service.port);
    expect((await failureOf(driver.put(KEY, bodyOf("abc"), { signal }))).message).toContain("InvalidArgument");
    expect(driver.capabilities.checksums).toEqual(["crc32"]);
  });

  test("that MinIO denies while it removes emptied directories beside it is asked for again; a denial that stays is one", async () => {
    await using passing = serve((_, index) => (index < 2 ? refusal(403, "AccessDenied") : done()));
    const driver = await openTestRoot(passing.port);
    expect((await driver.put(KEY, bodyOf("abc"), { signal })).etag).toBe("e");
    await using denying = serve(() => refusal(403, "AccessDenied"));
    for (const [provider, tries] of [
      ["minio", 4],
      ["aws", 1],
    ] as const) {
      const before = denying.seen.length;
      const denied = await openTestRoot(denying.port, { provider });
      expect((await failureOf(denied.put(KEY, bodyOf("abc"), { signal }))).code).toBe("ACCESS_DENIED");
      expect(denying.seen.length - before).toBe(tries);
    }
  });

  test("that must not replace anything says so, and is refused where the provider cannot", async () => {
    await using service = serve((request) =>
      request.headers.get("if-none-match") === "*" ? refusal(412, "PreconditionFailed") : done(),
    );
    const driver = await openTestRoot(service.port);
    expect((await failureOf(driver.put(KEY, bodyOf("abc"), { signal, ifAbsent: true }))).code).toBe("ALREADY_EXISTS");
    const other = await openTestRoot(service.port, { provider: "ceph" });
    expect(other.capabilities.ifAbsent).toBe(false);
    expect((await failureOf(other.put(KEY, bodyOf("abc"), { signal, ifAbsent: true }))).code).toBe("UNSUPPORTED");
  });

  test("ends at once when the signal fires while the source stalls", async () => {
    await using service = serve(done);
    const driver = await openTestRoot(service.port);
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 20);
    const putting = driver.put(KEY, longBody(MIB, { stall: true }), { signal: stop.signal });
    expect((await failureOf(putting)).code).toBe("ABORTED");
    expect(service.seen).toEqual([]);
  });
});

/** Answers a multipart upload; `part` may answer a part itself. */
function multipart(part: (number: number) => Response | Promise<Response> | undefined = () => undefined): Scripted {
  return serve(async (request) => {
    const { searchParams } = new URL(request.url);
    if (request.method === "DELETE") return new Response(null, { status: 204 });
    if (request.method === "POST" && searchParams.has("uploads")) {
      return xml("<InitiateMultipartUploadResult><UploadId>up</UploadId></InitiateMultipartUploadResult>");
    }
    if (request.method === "POST") {
      return xml("<CompleteMultipartUploadResult><ETag>done-3</ETag></CompleteMultipartUploadResult>");
    }
    await request.arrayBuffer();
    const number = Number(searchParams.get("partNumber"));
    return part(number) ?? new Response(null, { headers: { etag: `"part${number}"` } });
  });
}
const options = { partSizeMiB: 8 };
const count = (service: Scripted, start: string): number => service.seen.filter((it) => it.startsWith(start)).length;

describe("put above the part size", () => {
  test("uploads in parts, each checked, and completes with the CRC32 of the whole", async () => {
    await using service = multipart();
    const driver = await openTestRoot(service.port, { options });
    const info = await driver.put(KEY, longBody(20 * MIB), { signal });
    expect(info).toMatchObject({ size: 20 * MIB, etag: "done-3" });
    expect(count(service, "PUT")).toBe(3);
    const whole = new Uint8Array(20 * MIB);
    for (let at = 0; at < whole.length; at += 65_536) whole.fill(at / 65_536, at, at + 65_536);
    const complete = service.requests.find((it) => it.method === "POST" && it.url.includes("uploadId"));
    expect(complete?.headers.get("x-amz-checksum-crc32")).toBe(crc32Base64(crc32(whole)));
    expect(complete?.headers.get("x-amz-checksum-type")).toBe("FULL_OBJECT");
    expect(
      service.requests.filter((it) => it.method === "PUT").every((it) => it.headers.has("x-amz-checksum-crc32")),
    ).toBe(true);
  });

  const failing: readonly (readonly [string, PutBody, string])[] = [
    ["a body that ends early", longBody(20 * MIB, { given: 18 * MIB }), "SHORT_BODY"],
    ["a body that runs on", longBody(20 * MIB, { given: 20 * MIB + 1 }), "SHORT_BODY"],
    [
      "a source that fails",
      {
        size: 20 * MIB,
        open: async () =>
          new ReadableStream<Uint8Array>({
            start: (controller) => controller.enqueue(new Uint8Array(9 * MIB)),
            pull: () => Promise.reject(new Error("the source broke")),
          }),
      },
      "the source broke",
    ],
  ];
  for (const [name, body, expected] of failing) {
    test(`abandons the upload of ${name}`, async () => {
      await using service = multipart();
      const driver = await openTestRoot(service.port, { options });
      const failure = await driver.put(KEY, body, { signal }).then(
        () => "nothing failed",
        (error: Error & { code?: string }) => `${error.code} ${error.message}`,
      );
      expect(failure).toContain(expected);
      expect(count(service, "DELETE")).toBe(1);
      expect(service.seen.some((it) => it.startsWith("POST") && it.includes("uploadId"))).toBe(false);
    });
  }

  test("abandons the upload of content with another digest than declared", async () => {
    await using service = multipart();
    const driver = await openTestRoot(service.port, { options });
    const checksum = checksumOf("sha256", new Uint8Array(1));
    const putting = driver.put(KEY, longBody(20 * MIB), { signal, checksum });
    expect((await failureOf(putting)).code).toBe("CHECKSUM_MISMATCH");
    expect(count(service, "DELETE")).toBe(1);
    expect(service.seen.some((it) => it.startsWith("POST") && it.includes("uploadId"))).toBe(false);
  });

  test("stops reading a stalled source when a part fails for good, and abandons the upload", async () => {
    await using service = multipart((number) => (number === 1 ? refusal(500, "InternalError") : undefined));
    const driver = await openTestRoot(service.port, { options });
    const putting = driver.put(KEY, longBody(40 * MIB, { stall: true }), { signal });
    expect(await failureOf(putting)).toMatchObject({ code: "UNAVAILABLE", retriable: true });
    expect(service.seen.filter((it) => it.includes("partNumber=1&")).length).toBe(4);
    expect(count(service, "DELETE")).toBe(1);
  });

  test("sends a part that failed again by itself, with the source opened once", async () => {
    const failures = [
      refusal(500, "InternalError"),
      refusal(400, "BadDigest"),
      new Response(null, { headers: { etag: '"part2"', "x-amz-checksum-crc32": "AAAAAA==" } }),
    ];
    await using service = multipart((number) => (number === 2 ? failures.shift() : undefined));
    const driver = await openTestRoot(service.port, { options });
    let opened = 0;
    const { size, open } = longBody(20 * MIB);
    const body: PutBody = {
      size,
      open: (call) => {
        opened += 1;
        return open(call);
      },
    };
    expect((await driver.put(KEY, body, { signal })).etag).toBe("done-3");
    expect(opened).toBe(1);
    expect(service.seen.filter((it) => it.startsWith("POST") && it.includes("uploads")).length).toBe(1);
    expect(service.seen.filter((it) => it.includes("partNumber=2&")).length).toBe(4);
    expect(count(service, "PUT")).toBe(6);
    expect(count(service, "DELETE")).toBe(0);
  });

  test("does not try a part again that was refused for good, nor one of an upload that the service has lost", async () => {
    for (const answer of [refusal(403, "AccessDenied"), refusal(404, "NoSuchUpload")]) {
      await using service = multipart((number) => (number === 1 ? answer : undefined));
      const driver = await openTestRoot(service.port, { options });
      await failureOf(driver.put(KEY, longBody(20 * MIB), { signal }));
      expect(service.seen.filter((it) => it.includes("partNumber=1&")).length).toBe(1);
    }
  });

  test("ends at once when the signal fires between two tries of a part", async () => {
    const stop = new AbortController();
    await using service = multipart(() => {
      setTimeout(() => stop.abort(), 20);
      return refusal(503, "SlowDown");
    });
    const driver = await openTestRoot(service.port, { options });
    const started = performance.now();
    const putting = driver.put(KEY, longBody(9 * MIB), { signal: stop.signal });
    expect((await failureOf(putting)).code).toBe("ABORTED");
    expect(performance.now() - started).toBeLessThan(1000);
    expect(service.seen.filter((it) => it.includes("partNumber=1&")).length).toBe(1);
  });

  test("abandons the upload when the signal fires, although that signal can carry no request any more", async () => {
    const stop = new AbortController();
    await using service = multipart((number) => {
      if (number === 2) stop.abort();
      return undefined;
    });
    const driver = await openTestRoot(service.port, { options });
    expect((await failureOf(driver.put(KEY, longBody(40 * MIB), { signal: stop.signal }))).code).toBe("ABORTED");
    expect(count(service, "DELETE")).toBe(1);
  });

  test("keeps a bounded number of parts in memory over many uploads at once", async () => {
    let open = 0;
    let most = 0;
    await using service = multipart(async () => {
      most = Math.max(most, ++open);
      await Bun.sleep(5);
      open -= 1;
      return new Response(null, { headers: { etag: '"p"' } });
    });
    const driver = await openTestRoot(service.port, { options });
    await Promise.all([1, 2, 3, 4].map((it) => driver.put(objectKey(`k${it}`), longBody(40 * MIB), { signal })));
    expect(count(service, "PUT")).toBe(20);
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(8);
  });
});
