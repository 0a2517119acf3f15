import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { crc32c, crc32cHex } from "../../../../src/base/crc32c.ts";
import { streamOf } from "../../../../src/base/streams.ts";
import { objectKey } from "../../../../src/storage/key.ts";
import { gcsRefusal } from "../../../support/fake_gcs.ts";
import { bodyOf, contentOf, failureOf, fake, MIB, never, openOn, readAll, serve } from "./support.ts";

const signal = never;
const key = objectKey("x");
const isChunk = (line: string): boolean => line.startsWith("PUT ") && line.includes("upload_id");
const isBegin = (line: string): boolean => line.includes("uploadType=resumable") && !line.includes("upload_id");

describe("a put in one request", () => {
  test("tells the CRC32C before the content and reports what the service has", async () => {
    await using service = fake();
    const driver = await openOn(service.port);
    const content = contentOf(70_000);
    const info = await driver.put(key, bodyOf(content), { signal });
    expect(info).toMatchObject({ key, size: 70_000, checksums: { crc32c: crc32cHex(crc32c(content)) } });
    expect(info.checksums.md5).toBe(createHash("md5").update(content).digest("hex"));
    expect(await driver.stat(key, { signal })).toEqual(info);
    expect(service.seen[0]).toStartWith("POST /upload/storage/v1/b/bucket/o?uploadType=multipart");
  });

  test("content that was damaged on its way is refused by the service", async () => {
    const refuses = gcsRefusal(400, "invalid", 'Provided CRC32C "a" doesn\'t match calculated CRC32C "b".');
    await using service = serve(() => refuses.clone());
    const failure = await failureOf((await openOn(service.port)).put(key, bodyOf("x"), { signal }));
    expect(failure).toMatchObject({ code: "CHECKSUM_MISMATCH", retriable: true });
  });

  test("an object that the service stored otherwise is removed, if it is still that one", async () => {
    await using service = serve((line) =>
      line.startsWith("DELETE")
        ? new Response(null, { status: 204 })
        : Response.json({ name: "files/x", size: "1", generation: "42", crc32c: "AAAAAA==" }),
    );
    const failure = await failureOf((await openOn(service.port)).put(key, bodyOf("x"), { signal }));
    expect(failure).toMatchObject({ code: "CHECKSUM_MISMATCH", retriable: true });
    expect(service.seen[1]).toBe("DELETE /storage/v1/b/bucket/o/files%2Fx?ifGenerationMatch=42");
  });

  test("an answer that is cut is no success", async () => {
    await using service = serve(() => new Response('{"name":"files/x","si'));
    const failure = await failureOf((await openOn(service.port)).put(key, bodyOf("x"), { signal }));
    expect(failure).toMatchObject({ code: "UNAVAILABLE", retriable: true });
  });

  test("a declared CRC32C is checked, one that cannot be is refused", async () => {
    await using service = fake();
    const driver = await openOn(service.port);
    const put = (algorithm: "crc32c" | "crc64nvme", value: string): Promise<unknown> =>
      driver.put(key, bodyOf("123456789"), { signal, checksum: { algorithm, value } });
    await put("crc32c", "e3069283");
    expect((await failureOf(put("crc32c", "e3069284"))).code).toBe("CHECKSUM_MISMATCH");
    expect((await failureOf(put("crc64nvme", "00"))).code).toBe("UNSUPPORTED");
    expect(service.seen).toHaveLength(1);
  });
});

describe("a resumable put", () => {
  const content = contentOf(20 * MIB + 77);

  test("sends chunks in order, and the CRC32C of the whole beside the last", async () => {
    await using service = fake();
    const driver = await openOn(service.port);
    const info = await driver.put(key, bodyOf(content), { signal });
    expect(info).toMatchObject({ size: content.length, checksums: { crc32c: crc32cHex(crc32c(content)) } });
    const ranges = service.headers.map((headers) => headers.get("content-range"));
    expect(ranges).toEqual([
      null,
      `bytes 0-${8 * MIB - 1}/${content.length}`,
      `bytes ${8 * MIB}-${16 * MIB - 1}/${content.length}`,
      `bytes ${16 * MIB}-${content.length - 1}/${content.length}`,
    ]);
    expect(service.headers.map((headers) => headers.has("x-goog-hash"))).toEqual([false, false, false, true]);
    expect(await readAll((await driver.get(key, { signal })).stream)).toEqual(content);
  });

  test("the service's refusal of the whole content is a mismatch that may be tried again", async () => {
    await using service = fake({
      after: (line, answer) =>
        isChunk(line) && answer.ok ? gcsRefusal(400, "invalid", "CRC32C doesn't match") : answer,
    });
    const driver = await openOn(service.port);
    expect(await failureOf(driver.put(key, bodyOf(content), { signal }))).toMatchObject({
      code: "CHECKSUM_MISMATCH",
      retriable: true,
    });
  });

  /** Fails the n-th chunk: before the service has it, or after. */
  const interruptions: readonly (readonly [string, number, "before" | "after", () => Response])[] = [
    ["a 503 before the first chunk", 0, "before", () => gcsRefusal(503, "backendError")],
    ["a 503 before the second chunk", 1, "before", () => gcsRefusal(503, "backendError")],
    ["a lost answer to a chunk", 1, "after", () => gcsRefusal(503, "backendError")],
    ["a lost answer to the last chunk", 2, "after", () => gcsRefusal(502, "backendError")],
    ["a 429", 0, "before", () => gcsRefusal(429, "rateLimitExceeded")],
  ];
  for (const [what, failing, when, answer] of interruptions) {
    test(`goes on where the service is after ${what}`, async () => {
      let chunks = 0;
      let failed = 0;
      const isFailing = (line: string): boolean => isChunk(line) && chunks++ === failing && failed++ === 0;
      await using service = fake(
        when === "before"
          ? { before: (line) => (isFailing(line) ? answer() : undefined) }
          : { after: (line, done) => (isFailing(line) ? answer() : done) },
      );
      const driver = await openOn(service.port);
      let opened = 0;
      const body = {
        size: content.length,
        open: async () => {
          opened += 1;
          return streamOf(content);
        },
      };
      await driver.put(key, body, { signal });
      expect(failed).toBe(1);
      expect(opened).toBe(1);
      expect(await readAll((await driver.get(key, { signal })).stream)).toEqual(content);
    });
  }

  test("sends the rest of a chunk that the service took in part", async () => {
    const received: Uint8Array[] = [];
    const has = (): number => received.reduce((sum, part) => sum + part.length, 0);
    await using service = serve(async (line, _, request) => {
      if (isBegin(line)) return new Response("", { headers: { location: `${request.url}&upload_id=1` } });
      const body = await request.bytes();
      expect(request.headers.get("content-range")).toStartWith(`bytes ${has()}-`);
      // The first chunk arrives in thirds of 256 KiB multiples.
      received.push(has() < 8 * MIB ? body.slice(0, 3 * MIB) : body);
      if (has() < content.length) return new Response("", { status: 308, headers: { range: `bytes=0-${has() - 1}` } });
      return Response.json({ size: String(content.length), generation: "1" });
    });
    await (await openOn(service.port)).put(key, bodyOf(content), { signal });
    expect(Buffer.concat(received).equals(Buffer.from(content))).toBe(true);
  });

  const lost: readonly (readonly [string, () => Response])[] = [
    ["is gone (404)", () => gcsRefusal(404, "notFound")],
    ["is gone (410)", () => gcsRefusal(410, "gone")],
    ["has less than before", () => new Response("", { status: 308 })],
    ["has more than was sent", () => new Response("", { status: 308, headers: { range: `bytes=0-${19 * MIB}` } })],
    ["answers nonsense", () => new Response("", { status: 308, headers: { range: "bytes=5-9" } })],
  ];
  test.each(lost)("fails, retriable, when the upload %s", async (_, answer) => {
    let chunks = 0;
    await using service = fake({ before: (line) => (isChunk(line) && chunks++ === 1 ? answer() : undefined) });
    const driver = await openOn(service.port);
    expect(await failureOf(driver.put(key, bodyOf(content), { signal }))).toMatchObject({
      code: "UNAVAILABLE",
      retriable: true,
    });
    expect((await failureOf(driver.stat(key, { signal }))).code).toBe("NOT_FOUND");
  });

  test("gives up on a service that keeps failing, and abandons the upload", async () => {
    await using service = fake({ before: (line) => (isChunk(line) ? gcsRefusal(503, "backendError") : undefined) });
    const driver = await openOn(service.port);
    expect((await failureOf(driver.put(key, bodyOf(content), { signal }))).code).toBe("UNAVAILABLE");
    expect(service.sessions.size).toBe(0);
    // The chunk once, then four questions how far it has got.
    expect(service.seen.filter(isChunk)).toHaveLength(5);
  });

  test("fails when the service takes no more bytes", async () => {
    await using service = fake({ before: (line) => (isChunk(line) ? new Response("", { status: 308 }) : undefined) });
    const driver = await openOn(service.port);
    const failure = await failureOf(driver.put(key, bodyOf(content), { signal }));
    expect(failure).toMatchObject({ code: "UNAVAILABLE", retriable: true });
    expect(failure.message).toContain("takes no more bytes");
  });

  test("a body that ends early, another digest, and an abort abandon the upload", async () => {
    await using service = fake();
    const driver = await openOn(service.port);
    const short = bodyOf(content, content.length + 1);
    expect((await failureOf(driver.put(key, short, { signal }))).code).toBe("SHORT_BODY");
    const checksum = { algorithm: "sha256", value: "00" } as const;
    expect((await failureOf(driver.put(key, bodyOf(content), { signal, checksum }))).code).toBe("CHECKSUM_MISMATCH");
    const abort = new AbortController();
    const hanging = { size: content.length, open: async () => hangingAfter(content.subarray(0, 9 * MIB)) };
    const putting = driver.put(key, hanging, { signal: abort.signal });
    setTimeout(() => abort.abort(), 100);
    expect((await failureOf(putting)).code).toBe("ABORTED");
    expect(service.seen.filter(isBegin)).toHaveLength(3);
    expect(service.sessions.size).toBe(0);
  });

  test("ifAbsent holds", async () => {
    await using service = fake();
    const driver = await openOn(service.port);
    await driver.put(key, bodyOf(content), { signal, ifAbsent: true });
    const again = driver.put(key, bodyOf(contentOf(9 * MIB)), { signal, ifAbsent: true });
    expect((await failureOf(again)).code).toBe("ALREADY_EXISTS");
    expect((await driver.stat(key, { signal })).size).toBe(content.length);
  });

  test("an upload is sent to no other host", async () => {
    await using service = serve(
      () => new Response("", { headers: { location: "http://127.0.0.2:9/upload?upload_id=1" } }),
    );
    const failure = await failureOf((await openOn(service.port)).put(key, bodyOf(content), { signal }));
    expect(failure.code).toBe("CONFIG_INVALID");
    expect(failure.message).not.toContain("upload_id");
  });
});

function hangingAfter(content: Uint8Array): ReadableStream<Uint8Array> {
  return new ReadableStream({ start: (controller) => controller.enqueue(content) });
}
