import { describe, expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { objectKey } from "../../../../src/storage/key.ts";
import { gcsRefusal } from "../../../support/fake_gcs.ts";
import { bodyOf, contentOf, failureOf, fake, MIB, never, openOn, readAll, serve } from "./support.ts";

const signal = never;
const key = objectKey("a/b c+%ü");

describe("get", () => {
  test.each([10, 3 * MIB])("compares the content of %d bytes with the service's CRC32C", async (size) => {
    await using service = fake();
    const driver = await openOn(service.port);
    await driver.put(key, bodyOf(contentOf(size)), { signal });
    expect(await readAll((await driver.get(key, { signal })).stream)).toEqual(contentOf(size));
    service.damage("bucket", `files/${key}`);
    const reading = async (): Promise<unknown> => readAll((await driver.get(key, { signal })).stream);
    expect(await failureOf(reading())).toMatchObject({ code: "CHECKSUM_MISMATCH", retriable: true });
  });

  test("takes an object with a Content-Encoding as it is stored", async () => {
    const stored = gzipSync("some text");
    await using service = serve((_, __, request) => {
      const asStored = request.headers.get("accept-encoding") === "gzip";
      const headers = { "content-encoding": "gzip", "x-goog-stored-content-length": String(stored.length) };
      return asStored ? new Response(stored, { headers }) : new Response("some text");
    });
    const body = await (await openOn(service.port)).get(key, { signal });
    expect(body.size).toBe(stored.length);
    expect(Buffer.from(await readAll(body.stream)).equals(stored)).toBe(true);
  });

  test("refuses content that the service has unpacked or packed on its way", async () => {
    const headers = { "x-goog-stored-content-length": "5" };
    await using service = serve(() => new Response("some text", { headers }));
    const driver = await openOn(service.port);
    expect(await failureOf(driver.get(key, { signal }))).toMatchObject({ code: "SHORT_BODY", retriable: true });
  });

  test("fails with SHORT_BODY when the connection ends early", async () => {
    for (const announced of [100, 2 * MIB]) {
      const server = Bun.listen({
        hostname: "127.0.0.1",
        port: 0,
        socket: {
          data(socket) {
            socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${announced}\r\n\r\nonly this`);
            socket.end();
          },
        },
      });
      const driver = await openOn(server.port);
      const reading = async (): Promise<unknown> => readAll((await driver.get(key, { signal })).stream);
      expect(await failureOf(reading())).toMatchObject({ code: "SHORT_BODY", retriable: true });
      server.stop(true);
    }
  });

  test("a service that stays silent is UNAVAILABLE after the time limit", async () => {
    await using service = serve(() => new Promise<Response>(() => {}));
    const driver = await openOn(service.port, { requestTimeoutSeconds: 1 });
    const failure = await failureOf(driver.get(key, { signal }));
    expect(failure).toMatchObject({ code: "UNAVAILABLE", retriable: true });
    expect(failure.message).toContain("within 1 s");
  });
});

describe("refusals", () => {
  const rows: readonly (readonly [Response, string, boolean, RegExp])[] = [
    [gcsRefusal(404, "notFound", "No such object: bucket/files/x"), "NOT_FOUND", false, /no such object/],
    [gcsRefusal(404, "notFound", "The specified bucket does not exist."), "NOT_FOUND", false, /bucket bucket does not/],
    [gcsRefusal(401, "authError"), "ACCESS_DENIED", false, /auth\.credentialsFile/],
    [gcsRefusal(403, "forbidden", "no access"), "ACCESS_DENIED", false, /grant storage\.objects\.get on bucket bucket/],
    [gcsRefusal(403, "userRateLimitExceeded"), "THROTTLED", true, /slow down/],
    [gcsRefusal(429, "rateLimitExceeded"), "THROTTLED", true, /slow down/],
    [gcsRefusal(408, "uploadBrokenConnection"), "UNAVAILABLE", true, /failed/],
    [gcsRefusal(500, "backendError"), "UNAVAILABLE", true, /failed/],
    [new Response("<html>Bad Gateway</html>", { status: 502 }), "UNAVAILABLE", true, /502/],
    [gcsRefusal(416, "requestedRangeNotSatisfiable"), "INVALID_RANGE", false, /beyond the end/],
    [new Response("", { status: 302, headers: { location: "/login" } }), "CONFIG_INVALID", false, /correct address/],
    [gcsRefusal(400, "invalid", "what is\nthis"), "UNSUPPORTED", false, /refused: what is this \(400 invalid\)/],
  ];
  for (const [answer, code, retriable, message] of rows) {
    test(`${answer.status} that says ${message.source} is ${code}`, async () => {
      await using service = serve(() => answer.clone());
      const failure = await failureOf((await openOn(service.port)).stat(key, { signal }));
      expect(failure).toMatchObject({ code, retriable });
      expect(failure.message).toMatch(message);
    });
  }

  test("a bucket that does not exist is no deleted object", async () => {
    await using service = fake();
    const driver = await openOn(service.port, { bucketName: "no-such-bucket" });
    expect((await failureOf(driver.delete(key, { signal }))).message).toContain("bucket no-such-bucket does not exist");
    expect((await failureOf(driver.put(key, bodyOf("x"), { signal }))).code).toBe("NOT_FOUND");
    await driver[Symbol.asyncDispose]();
  });

  test("a closed port is named", async () => {
    const server = serve(() => new Response(""));
    await server[Symbol.asyncDispose]();
    const failure = await failureOf((await openOn(server.port)).stat(key, { signal }));
    expect(failure).toMatchObject({ code: "UNAVAILABLE", retriable: true });
    expect(failure.message).toContain("refuses connections; check address and port");
  });
});
