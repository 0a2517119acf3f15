import { describe, expect, test } from "bun:test";
import { definition } from "../../../../drivers/azure/mod.ts";
import { isAppError } from "../../../../src/base/errors.ts";
import { Secret } from "../../../../src/base/secret.ts";
import { readAll, streamOf } from "../../../../src/base/streams.ts";
import type { PutBody, StorageDriver } from "../../../../src/storage/driver.ts";
import { objectKey } from "../../../../src/storage/key.ts";
import { openBare } from "../../../support/open_bare.ts";
import { serve, serveRaw } from "../s3/support.ts";

const KEY = Buffer.from("a key that nobody may see").toString("base64");
const signal = new AbortController().signal;
const key = objectKey("a/b");
const INFO = { key, size: 5, checksums: {}, etag: "0x1" };
const MIB = 1024 ** 2;

function open(port: number, options: Record<string, string | number> = {}): Promise<StorageDriver> {
  const account = { blobEndpoint: `http://127.0.0.1:${port}/acct`, accountName: "acct", bucketName: "box" };
  return openBare(definition, {
    rootPath: "root",
    options: { ...account, "auth.accountKey": new Secret(KEY), requestTimeoutSeconds: 1, ...options },
  });
}

function refused(status: number, code: string): Response {
  const body = `<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>said by the service\nRequestId:1</Message></Error>`;
  return new Response(body, { status, headers: { "content-type": "application/xml", "x-ms-error-code": code } });
}

function bodyOf(content: Uint8Array): PutBody {
  return { size: content.length, open: async () => streamOf(content) };
}

async function failureOf(call: Promise<unknown> | undefined): Promise<string> {
  try {
    await call;
  } catch (error) {
    if (!isAppError(error)) throw error;
    expect(Bun.inspect(error, { depth: 10 })).not.toMatch(/SharedKey|sig=|nobody may see/);
    expect(error.message).not.toContain("\n");
    return `${error.code}${error.retriable ? " retriable" : ""}: ${error.message}`;
  }
  throw new Error("it was expected to fail");
}

describe("refusals", () => {
  test.each([
    [503, "ServerBusy", "THROTTLED retriable: the service asks to slow down (503 ServerBusy)"],
    [500, "InternalError", "UNAVAILABLE retriable: the service failed (500 InternalError)"],
    [500, "OperationTimedOut", "UNAVAILABLE retriable: the service failed"],
    [502, "Whatever", "UNAVAILABLE retriable: the service failed (502 Whatever)"],
    [
      403,
      "AuthorizationPermissionMismatch",
      "ACCESS_DENIED: access denied (403 AuthorizationPermissionMismatch); check the right to write",
    ],
    [403, "AuthenticationFailed", "ACCESS_DENIED: the service does not accept the credentials"],
    [404, "ContainerNotFound", "NOT_FOUND: container box does not exist"],
    [400, "Md5Mismatch", "CHECKSUM_MISMATCH retriable: the content was damaged on its way"],
    [409, "BlobImmutableDueToPolicy", "ACCESS_DENIED: a policy keeps this object"],
    [409, "BlobAlreadyExists", "ALREADY_EXISTS: the object exists"],
    [412, "ConditionNotMet", "ALREADY_EXISTS: the object exists"],
    [400, "InvalidBlobOrBlock", "UNSUPPORTED: another program left unfinished blocks"],
    [400, "SomethingNew", "UNSUPPORTED: refused: said by the service (400 SomethingNew)"],
  ])("%d %s of a put is told, and the SDK asks once", async (status, code, expected) => {
    await using service = serve(() => refused(status, code));
    const driver = await open(service.port);
    expect(await failureOf(driver.put(key, bodyOf(new Uint8Array(5)), { signal }))).toStartWith(expected);
    expect(service.seen).toEqual(["PUT /acct/box/root/a/b"]);
  });

  test.each([
    [404, "CannotVerifyCopySource", "NOT_FOUND: the source object is gone"],
    [403, "CannotVerifyCopySource", "ACCESS_DENIED: the service may not read the source"],
    [412, "SourceConditionNotMet", "CHECKSUM_MISMATCH: the source object has changed"],
    [501, "NotImplemented", "UNSUPPORTED: the service does not have this function"],
  ])("%d %s of a copy is told", async (status, code, expected) => {
    await using service = serve(() => refused(status, code));
    const driver = await open(service.port, { multipartCopyThresholdMiB: 1 });
    for (const size of [5, 3 * MIB]) {
      const copying = driver.copyFrom?.(driver, { ...INFO, size }, objectKey("to"), { signal });
      expect(await failureOf(copying)).toStartWith(expected);
    }
    expect(service.requests[0]?.headers.get("x-ms-source-if-match")).toBe('"0x1"');
    expect(service.requests[0]?.headers.get("x-ms-copy-source")).toMatch(/^http.*\/box\/root\/a\/b\?.*sig=/);
  });

  test("a delete of an absent object is done, a delete in an absent container is not", async () => {
    let code = "BlobNotFound";
    await using service = serve(() => refused(404, code));
    const driver = await open(service.port);
    await driver.delete(key, { signal });
    code = "ContainerNotFound";
    expect(await failureOf(driver.delete(key, { signal }))).toStartWith("NOT_FOUND: container box");
  });
});

describe("uploads", () => {
  test("carry the MD5 of what they send, and If-None-Match for ifAbsent", async () => {
    await using service = serve(() => new Response(null, { status: 201, headers: { etag: '"0x2"' } }));
    const driver = await open(service.port, { partSizeMiB: 4 });
    const small = new TextEncoder().encode("hello");
    expect(await driver.put(key, bodyOf(small), { signal, ifAbsent: true })).toMatchObject({ size: 5, etag: "0x2" });
    await driver.put(key, bodyOf(new Uint8Array(5 * MIB)), { signal, ifAbsent: true });
    const [whole, ...blocks] = service.requests;
    expect(whole?.headers.get("content-md5")).toBe("XUFAKrxLKna5cZ2REBfFkg==");
    expect(whole?.headers.get("if-none-match")).toBe("*");
    const commit = blocks.find((request) => request.url.includes("comp=blocklist"));
    const staged = blocks.filter((request) => request !== commit);
    expect(staged.map((block) => block.headers.has("content-md5"))).toEqual([true, true]);
    expect(commit?.headers.get("if-none-match")).toBe("*");
    expect(commit?.headers.get("x-ms-blob-content-md5")).not.toBeNull();
  });

  test("a block that is refused leaves nothing committed", async () => {
    await using service = serve((request) =>
      request.url.includes("comp=block&") ? refused(400, "Md5Mismatch") : new Response(null, { status: 201 }),
    );
    const driver = await open(service.port, { partSizeMiB: 4 });
    const failure = await failureOf(driver.put(key, bodyOf(new Uint8Array(9 * MIB)), { signal }));
    expect(failure).toStartWith("CHECKSUM_MISMATCH retriable");
    expect(service.seen.filter((request) => request.includes("blocklist"))).toEqual([]);
  });
});

const HEAD =
  'HTTP/1.1 200 OK\r\netag: "0x1"\r\nlast-modified: Sat, 01 Nov 2025 10:00:00 GMT\r\ncontent-length: 10\r\n\r\n';

describe("bodies", () => {
  test("one that ends early fails, and is asked for once", async () => {
    let count = 0;
    await using service = serveRaw(() => {
      count += 1;
      return { bytes: `${HEAD}short`, close: true };
    });
    const driver = await open(service.port);
    const body = await driver.get(key, { signal });
    expect(await failureOf(readAll(body.stream, 100))).toStartWith("SHORT_BODY retriable: root/a/b");
    expect(count).toBe(1);
  });

  test("one that falls silent fails within the limit", async () => {
    await using service = serveRaw(() => ({ bytes: `${HEAD}short`, close: false }));
    const driver = await open(service.port);
    const started = performance.now();
    const reading = driver.get(key, { signal }).then((body) => readAll(body.stream, 100));
    expect(await failureOf(reading)).toStartWith("UNAVAILABLE retriable: no answer");
    expect(performance.now() - started).toBeLessThan(5000);
  });

  test("one that is aborted half way rejects promptly", async () => {
    await using service = serveRaw(() => ({ bytes: `${HEAD}short`, close: false }));
    const driver = await open(service.port, { requestTimeoutSeconds: 60 });
    const abort = new AbortController();
    const body = await driver.get(key, { signal: abort.signal });
    setTimeout(() => abort.abort(), 50);
    expect(await failureOf(readAll(body.stream, 100))).toStartWith("ABORTED");
  });

  test("a service that ignores ranges is noticed", async () => {
    await using service = serveRaw(() => ({ bytes: `${HEAD}0123456789`, close: false }));
    const driver = await open(service.port);
    const reading = driver.get(key, { signal, range: { start: 5, end: 7 } });
    expect(await failureOf(reading)).toStartWith("UNSUPPORTED: the service does not give ranges");
  });
});

describe("silence and strange answers", () => {
  test("a service that never answers is left within the limit, by every call", async () => {
    await using service = serveRaw(() => ({ bytes: "", close: false }));
    const driver = await open(service.port);
    const calls = [
      driver.stat(key, { signal }),
      driver.get(key, { signal }),
      driver.put(key, bodyOf(new Uint8Array(5)), { signal }),
      driver.delete(key, { signal }),
      driver.list("", { signal })[Symbol.asyncIterator]().next(),
    ];
    for (const call of calls.map(failureOf)) expect(await call).toContain("within 1 s");
  });

  const page = (marker: string): Response =>
    new Response(
      `<?xml version="1.0" encoding="utf-8"?><EnumerationResults ContainerName="box"><Blobs><Blob><Name>root/x</Name><Properties><Content-Length>1</Content-Length><Etag>0x1</Etag></Properties></Blob></Blobs><NextMarker>${marker}</NextMarker></EnumerationResults>`,
      { headers: { "content-type": "application/xml" } },
    );

  test("a listing that goes round in circles, is cut, or is no listing fails", async () => {
    const answers = [
      () => page("same"),
      () =>
        new Response('<?xml version="1.0"?><EnumerationResults><Blobs><Blob><Na', {
          headers: { "content-type": "application/xml" },
        }),
      () => new Response("<html>a proxy</html>", { headers: { "content-type": "text/html" } }),
      () => new Response("", { headers: { "content-type": "application/xml" } }),
    ];
    for (const answer of answers) {
      await using service = serve(answer);
      const driver = await open(service.port);
      const listing = async (): Promise<void> => {
        for await (const _ of driver.list("", { signal }));
      };
      expect(await failureOf(listing())).toStartWith("UNAVAILABLE retriable");
    }
  });

  test("pages are followed to the last", async () => {
    await using service = serve((request) => page(request.url.includes("marker=") ? "" : "next"));
    const driver = await open(service.port);
    const keys: string[] = [];
    for await (const info of driver.list("", { signal })) keys.push(info.key);
    expect(keys).toEqual(["x", "x"]);
    expect(service.seen.length).toBe(2);
  });
});
