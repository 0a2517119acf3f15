import { describe, expect, test } from "bun:test";
import type { ObjectInfo, StorageDriver } from "../../../../src/storage/driver.ts";
import { objectKey } from "../../../../src/storage/key.ts";
import { bodyOf, contentOf, failureOf, fake, MIB, never, openOn, readAll, serve } from "./support.ts";

const signal = never;
const source = objectKey("from");
const target = objectKey("to/x y");

function copy(to: StorageDriver, from: StorageDriver, info: ObjectInfo): Promise<ObjectInfo> {
  if (to.copyFrom === undefined) throw new Error("the gcs driver copies inside the service");
  return to.copyFrom(from, info, target, { signal });
}

describe("copyFrom", () => {
  test("calls until the service is done, insisting on the listed generation each time", async () => {
    await using service = fake({ rewriteBytes: MIB });
    const from = await openOn(service.port, { bucketName: "other" });
    const to = await openOn(service.port);
    const content = contentOf(3 * MIB + 5);
    const info = await from.put(source, bodyOf(content), { signal });
    const copied = await copy(to, from, info);
    expect(copied).toMatchObject({ key: target, size: content.length, checksums: info.checksums });
    expect(await readAll((await to.get(target, { signal })).stream)).toEqual(content);
    const calls = service.seen.filter((line) => line.includes("/rewriteTo/"));
    expect(calls).toHaveLength(4);
    expect(calls[0]).toStartWith("POST /storage/v1/b/other/o/files%2Ffrom/rewriteTo/b/bucket/o/files%2Fto%2Fx%20y?");
    for (const call of calls) expect(call).toContain(`ifSourceGenerationMatch=${info.etag}`);
    const tokens = calls.map((call) => new URL(`http://x${call.slice(5)}`).searchParams.get("rewriteToken"));
    expect(tokens).toEqual([null, `${MIB}`, `${2 * MIB}`, `${3 * MIB}`]);
  });

  test("a source that changed since it was listed is not copied", async () => {
    await using service = fake();
    const driver = await openOn(service.port);
    const before = await driver.put(source, bodyOf("first"), { signal });
    await driver.put(source, bodyOf("other"), { signal });
    expect(await failureOf(copy(driver, driver, before))).toMatchObject({
      code: "CHECKSUM_MISMATCH",
      retriable: false,
    });
    expect((await failureOf(driver.stat(target, { signal }))).code).toBe("NOT_FOUND");
  });

  const listed: ObjectInfo = { key: source, size: 3, etag: "1", checksums: { crc32c: "e3069283" } };
  const done = (resource: unknown): Response =>
    Response.json({ kind: "storage#rewriteResponse", done: true, resource });
  const copies: readonly (readonly [string, unknown, string])[] = [
    ["another checksum", { size: "3", generation: "9", crc32c: "AAAAAA==" }, "CHECKSUM_MISMATCH"],
    ["another size", { size: "4", generation: "9", crc32c: "4waSgw==" }, "SHORT_BODY"],
  ];
  test.each(copies)("a copy with %s is removed", async (_, resource, code) => {
    await using service = serve((line) =>
      line.startsWith("DELETE") ? new Response(null, { status: 204 }) : done(resource),
    );
    const driver = await openOn(service.port);
    expect(await failureOf(copy(driver, driver, listed))).toMatchObject({ code, retriable: true });
    expect(service.seen[1]).toBe("DELETE /storage/v1/b/bucket/o/files%2Fto%2Fx%20y?ifGenerationMatch=9");
  });

  const unusable: readonly (readonly [string, () => Response])[] = [
    ["is cut", () => new Response('{"kind":"storage#rewrite')],
    ["is not done and gives no token", () => Response.json({ kind: "storage#rewriteResponse", done: false })],
    ["describes no copy", () => done(undefined)],
    ["is something else", () => Response.json({ rewriteToken: "1" })],
  ];
  test.each(unusable)("an answer that %s is no copy", async (_, answer) => {
    await using service = serve(answer);
    const driver = await openOn(service.port);
    expect(await failureOf(copy(driver, driver, listed))).toMatchObject({ code: "UNAVAILABLE", retriable: true });
  });
});
