import { describe, expect, test } from "bun:test";
import type { ObjectInfo } from "../../../../src/storage/driver.ts";
import { objectKey } from "../../../../src/storage/key.ts";
import { failureOf, never, openTestRoot, refusal, type Scripted, serve, type TestRoot, xml } from "./support.ts";

const signal = never;
const MIB = 1024 ** 2;
const result = (name: string, etag = "e"): Response => xml(`<${name}><ETag>&quot;${etag}&quot;</ETag></${name}>`);
const source = (more: Partial<ObjectInfo> = {}): ObjectInfo => ({
  key: objectKey("a b/+%ü"),
  size: 3,
  etag: "e",
  checksums: {},
  ...more,
});

async function copyOn(service: Scripted, info: ObjectInfo, root: TestRoot = {}): Promise<ObjectInfo> {
  const driver = await openTestRoot(service.port, root);
  const from = await openTestRoot(service.port, { rootPath: "old/root", options: { bucketName: "other" } });
  return (await driver.copyFrom?.(from, info, objectKey("to"), { signal })) ?? Promise.reject(new Error("no copyFrom"));
}

describe("copyFrom", () => {
  test("names the source by bucket and encoded key, and insists on its ETag", async () => {
    await using service = serve(() => result("CopyObjectResult"));
    const copied = await copyOn(service, source(), { provider: "s3" });
    expect(copied).toMatchObject({ key: objectKey("to"), size: 3, etag: "e" });
    expect(service.seen).toEqual(["PUT /bucket/files/to"]);
    expect(service.requests[0]?.headers.get("x-amz-copy-source")).toBe("/other/old/root/a%20b/%2B%25%C3%BC");
    expect(service.requests[0]?.headers.get("x-amz-copy-source-if-match")).toBe('"e"');
  });

  test("takes an error in an answer with status 200 for a failure", async () => {
    await using service = serve(() => xml("<Error><Code>InternalError</Code><Message>m</Message></Error>"));
    expect(await failureOf(copyOn(service, source()))).toMatchObject({ code: "UNAVAILABLE", retriable: true });
    await using slow = serve(() => xml("<Error><Code>SlowDown</Code></Error>"));
    expect(await failureOf(copyOn(slow, source()))).toMatchObject({ code: "THROTTLED", retriable: true });
  });

  test("takes an answer that ends early, is empty or is something else for a failure", async () => {
    for (const answer of [xml("<CopyObjectResult><ETag>e"), new Response(""), xml("<Other/>")]) {
      await using service = serve(() => answer);
      expect(await failureOf(copyOn(service, source()))).toMatchObject({ code: "UNAVAILABLE", retriable: true });
    }
  });

  test("of a source without an ETag looks at the copy's size", async () => {
    const { etag: _, ...bare } = source();
    await using service = serve((request) =>
      request.method === "HEAD"
        ? new Response(null, { headers: { "content-length": "2" } })
        : result("CopyObjectResult"),
    );
    expect(await failureOf(copyOn(service, bare))).toMatchObject({ code: "SHORT_BODY", retriable: true });
  });

  test("that the rights do not allow is told from one the service cannot do", async () => {
    await using denied = serve(() => refusal(403, "AccessDenied"));
    expect((await failureOf(copyOn(denied, source()))).code).toBe("ACCESS_DENIED");
    await using unable = serve(() => refusal(501, "NotImplemented"));
    expect((await failureOf(copyOn(unable, source()))).code).toBe("UNSUPPORTED");
    await using gone = serve(() => refusal(404, "NoSuchKey"));
    expect((await failureOf(copyOn(gone, source()))).code).toBe("NOT_FOUND");
  });

  test("from another service is refused before anything is sent", async () => {
    await using service = serve(() => result("CopyObjectResult"));
    const driver = await openTestRoot(service.port);
    const elsewhere = await openTestRoot(service.port, { options: { region: "elsewhere" } });
    const copying = driver.copyFrom?.(elsewhere, source(), objectKey("to"), { signal });
    expect((await failureOf(Promise.resolve(copying))).code).toBe("UNSUPPORTED");
    expect(service.seen).toEqual([]);
  });
});

/** Answers a multipart copy; what `part` gives is the answer to UploadPartCopy. */
const multipart = (part: (number: string) => Response | Promise<Response>): Scripted =>
  serve((request) => {
    const { searchParams } = new URL(request.url);
    const number = searchParams.get("partNumber");
    if (request.method === "HEAD") {
      const length = number === null ? "41943040" : "12582912";
      return new Response(null, { headers: { "content-length": length, etag: '"done-4"' } });
    }
    if (request.method === "DELETE") return new Response(null, { status: 204 });
    if (request.method === "POST" && searchParams.has("uploads")) {
      return xml("<InitiateMultipartUploadResult><UploadId>up 1</UploadId></InitiateMultipartUploadResult>");
    }
    if (request.method === "POST") return result("CompleteMultipartUploadResult", "done-4");
    return part(number ?? "");
  });

describe("copyFrom above the threshold", () => {
  const options = { multipartCopyThresholdMiB: 16 };
  const large = source({ size: 40 * MIB });

  test("copies in parts that cover the object", async () => {
    await using service = multipart(() => result("CopyPartResult"));
    expect(await copyOn(service, large, { options })).toMatchObject({ size: 40 * MIB, etag: "done-4" });
    const ranges = service.requests.map((it) => it.headers.get("x-amz-copy-source-range")).filter((it) => it !== null);
    expect(ranges.toSorted()).toEqual(["bytes=0-16777215", "bytes=16777216-33554431", "bytes=33554432-41943039"]);
  });

  test("takes the part size of a source that was uploaded in parts, so that the ETags can be compared", async () => {
    await using service = multipart(() => result("CopyPartResult"));
    await copyOn(service, source({ size: 40 * MIB, etag: `${"0".repeat(32)}-4` }), { options });
    const ranges = service.requests.map((it) => it.headers.get("x-amz-copy-source-range")).filter((it) => it !== null);
    expect(ranges.length).toBe(4);
    expect(ranges).toContain("bytes=0-12582911");
  });

  test("abandons the upload when a part fails", async () => {
    await using service = multipart((number) =>
      number === "2" ? xml("<Error><Code>AccessDenied</Code></Error>") : result("CopyPartResult"),
    );
    expect((await failureOf(copyOn(service, large, { options }))).code).toBe("ACCESS_DENIED");
    expect(service.seen.filter((it) => it.startsWith("DELETE"))).toEqual([
      "DELETE /bucket/files/to?uploadId=up%201&x-id=AbortMultipartUpload",
    ]);
    expect(service.seen.some((it) => it.startsWith("POST") && it.includes("uploadId"))).toBe(false);
  });

  test("copies a part that failed again by itself", async () => {
    const failures = [xml("<Error><Code>InternalError</Code></Error>"), refusal(503, "SlowDown")];
    await using service = multipart(
      (number) => (number === "2" ? failures.shift() : undefined) ?? result("CopyPartResult"),
    );
    expect((await copyOn(service, large, { options })).etag).toBe("done-4");
    expect(service.seen.filter((it) => it.includes("partNumber=2&")).length).toBe(3);
    expect(service.seen.filter((it) => it.startsWith("PUT")).length).toBe(5);
    expect(service.seen.some((it) => it.startsWith("DELETE"))).toBe(false);
  });

  test("abandons the upload also when the signal fires", async () => {
    const stop = new AbortController();
    await using service = multipart((number) => {
      if (number === "1") setTimeout(() => stop.abort(), 10);
      return new Promise<Response>(() => {});
    });
    const driver = await openTestRoot(service.port, { options });
    const copying = driver.copyFrom?.(driver, large, objectKey("to"), { signal: stop.signal });
    expect((await failureOf(Promise.resolve(copying))).code).toBe("ABORTED");
    expect(service.seen.filter((it) => it.startsWith("DELETE")).length).toBe(1);
  });

  test("is refused where the service cannot copy parts and the object is too large for one copy", async () => {
    await using service = serve(() => result("CopyObjectResult"));
    const huge = source({ size: 6 * 1024 * MIB });
    expect((await failureOf(copyOn(service, huge, { provider: "gcp" }))).code).toBe("UNSUPPORTED");
    expect(service.seen).toEqual([]);
  });
});
