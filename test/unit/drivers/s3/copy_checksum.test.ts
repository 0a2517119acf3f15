import { describe, expect, test } from "bun:test";
import { crc32, crc32Base64, crc32Hex } from "../../../../drivers/s3/crc32.ts";
import type { ObjectInfo, StorageDriver } from "../../../../src/storage/driver.ts";
import { objectKey } from "../../../../src/storage/key.ts";
import { failureOf, never, openTestRoot, refusal, type Scripted, serve, type TestRoot, xml } from "./support.ts";

const MIB = 1024 ** 2;
const CRC = { "x-amz-checksum-crc32": "NhCmhg==" };
const COPIED = "<CopyObjectResult><ETag>e</ETag></CopyObjectResult>";
const TOLD = "<CopyObjectResult><ETag>e</ETag><ChecksumCRC32>NhCmhg==</ChecksumCRC32></CopyObjectResult>";
const aws: TestRoot = {
  provider: "aws",
  options: { addressingStyle: "path", region: "us-east-1", multipartCopyThresholdMiB: 16 },
};

function copy(driver: StorageDriver, size = 3): Promise<ObjectInfo> {
  if (driver.copyFrom === undefined) throw new Error("the s3 driver copies inside the service");
  const source = { key: objectKey("from"), size, etag: "e", checksums: {} };
  return driver.copyFrom(driver, source, objectKey("to"), { signal: never });
}

/** "PUT", "HEAD", ... of each request, with a "+" where it asks for a checksum of a copy. */
function asked(service: Scripted): string[] {
  return service.requests.map((it) => `${it.method}${it.headers.has("x-amz-checksum-algorithm") ? "+" : ""}`);
}

function head(headers: Readonly<Record<string, string>>): Response {
  return new Response(null, { headers: { "content-length": "3", etag: '"e"', ...headers } });
}

describe("a copy inside the service", () => {
  test("asks for a CRC32 and reports the one that the answer tells", async () => {
    await using service = serve(() => xml(TOLD));
    const driver = await openTestRoot(service.port);
    expect((await copy(driver)).checksums).toEqual({ crc32: "3610a686" });
    expect(asked(service)).toEqual(["PUT+"]);
    expect(service.requests[0]?.headers.get("x-amz-checksum-algorithm")).toBe("CRC32");
  });

  test("looks at the copy where the answer tells none", async () => {
    await using service = serve((request) => (request.method === "HEAD" ? head(CRC) : xml(COPIED)));
    const driver = await openTestRoot(service.port);
    for (const _ of [1, 2]) {
      expect(await copy(driver)).toMatchObject({ etag: "e", checksums: { crc32: "3610a686" } });
    }
    expect(asked(service)).toEqual(["PUT+", "HEAD", "PUT+", "HEAD"]);
  });

  test.each([
    ["the service computes none", () => head({})],
    ["the rights do not allow to look", () => new Response(null, { status: 403 })],
  ] as const)("is neither asked for one nor looked at again when %s", async (_, answer) => {
    await using service = serve((request) => (request.method === "HEAD" ? answer() : xml(COPIED)));
    const driver = await openTestRoot(service.port);
    for (const _ of [1, 2]) expect(await copy(driver)).toMatchObject({ size: 3, etag: "e", checksums: {} });
    expect(asked(service)).toEqual(["PUT+", "HEAD", "PUT"]);
  });

  test("goes on without where the service refuses to be asked, and remembers", async () => {
    for (const answer of [refusal(501, "NotImplemented"), refusal(400, "InvalidArgument")]) {
      await using service = serve((request) =>
        request.headers.has("x-amz-checksum-algorithm") ? answer : xml(COPIED),
      );
      const driver = await openTestRoot(service.port);
      for (const _ of [1, 2]) expect((await copy(driver)).etag).toBe("e");
      expect(asked(service)).toEqual(["PUT+", "PUT", "PUT"]);
    }
  });

  test("takes a refusal that stays for one of something else, and asks again", async () => {
    await using service = serve(() => refusal(400, "InvalidRequest"));
    const driver = await openTestRoot(service.port);
    for (const _ of [1, 2]) expect((await failureOf(copy(driver))).message).toContain("InvalidRequest");
    expect(asked(service)).toEqual(["PUT+", "PUT", "PUT+", "PUT"]);
  });

  test("asks for none where the provider is not known to compute one or checksums are switched off", async () => {
    await using service = serve(() => xml(COPIED));
    for (const root of [{ provider: "s3" }, { provider: "minio", options: { checksum: "none" } }]) {
      await copy(await openTestRoot(service.port, root));
    }
    expect(asked(service)).toEqual(["PUT", "PUT"]);
  });
});

/** A service that copies parts; `part` answers UploadPartCopy. */
function parts(part: (number: number, uploadId: string | null) => Response): Scripted {
  let uploads = 0;
  return serve((request) => {
    const { searchParams } = new URL(request.url);
    if (request.method === "HEAD") return head({ "content-length": `${40 * MIB}`, ...CRC });
    if (request.method === "DELETE") return new Response(null, { status: 204 });
    if (request.method === "PUT") return part(Number(searchParams.get("partNumber")), searchParams.get("uploadId"));
    if (!searchParams.has("uploads")) {
      return xml("<CompleteMultipartUploadResult><ETag>done-3</ETag></CompleteMultipartUploadResult>");
    }
    uploads += 1;
    const id = `${request.headers.get("x-amz-checksum-type") ?? "plain"}-${uploads}`;
    return xml(`<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`);
  });
}

describe("a copy in parts inside the service", () => {
  test("begins with a CRC32 over the whole, and completes with what the parts' CRC32s make", async () => {
    const contents = [16, 16, 8].map((size, index) => new Uint8Array(size * MIB).fill(index + 1));
    await using service = parts((number) => {
      const crc = crc32Base64(crc32(contents[number - 1] ?? new Uint8Array(0)));
      return xml(`<CopyPartResult><ETag>p${number}</ETag><ChecksumCRC32>${crc}</ChecksumCRC32></CopyPartResult>`);
    });
    const copied = await copy(await openTestRoot(service.port, aws), 40 * MIB);
    expect(copied.checksums).toEqual({ crc32: "3610a686" });
    const [begin, complete] = service.requests.filter((it) => it.method === "POST");
    expect(begin?.headers.get("x-amz-checksum-algorithm")).toBe("CRC32");
    expect(begin?.headers.get("x-amz-checksum-type")).toBe("FULL_OBJECT");
    const whole = crc32(Buffer.concat(contents));
    expect(Buffer.from(complete?.headers.get("x-amz-checksum-crc32") ?? "", "base64").toString("hex")).toBe(
      crc32Hex(whole),
    );
  });

  test("abandons an upload whose parts are refused for the checksum, and begins again without, once", async () => {
    await using service = parts((number, uploadId) =>
      uploadId?.startsWith("FULL")
        ? refusal(400, "InvalidArgument")
        : xml(`<CopyPartResult><ETag>p${number}</ETag></CopyPartResult>`),
    );
    const driver = await openTestRoot(service.port, aws);
    for (const _ of [1, 2]) expect((await copy(driver, 40 * MIB)).size).toBe(40 * MIB);
    const deleted = service.seen.filter((it) => it.startsWith("DELETE"));
    expect(deleted).toEqual([expect.stringContaining("uploadId=FULL_OBJECT-1")]);
    const begun = service.requests.filter((it) => it.method === "POST" && it.url.includes("uploads"));
    expect(begun.map((it) => it.headers.get("x-amz-checksum-type"))).toEqual(["FULL_OBJECT", null, null]);
  });

  test("asks MinIO for none, which refuses copied parts of an upload that declared one", async () => {
    await using service = parts((number) => xml(`<CopyPartResult><ETag>p${number}</ETag></CopyPartResult>`));
    await copy(await openTestRoot(service.port, { options: { multipartCopyThresholdMiB: 16 } }), 40 * MIB);
    expect(asked(service).includes("POST+")).toBe(false);
  });
});
