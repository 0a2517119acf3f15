import { describe, expect, test } from "bun:test";
import { objectKey } from "../../../../src/storage/key.ts";
import { bodyOf, collect, failureOf, fake, never, openOn, serve } from "./support.ts";

const signal = never;
const page = (more: Record<string, unknown>): Response => Response.json({ kind: "storage#objects", ...more });
const entry = (name: string): Record<string, string> => ({
  name,
  size: "1",
  generation: "7",
  updated: "2026-01-01T00:00:00Z",
});

async function keysOf(port: number, prefix = ""): Promise<string[]> {
  const driver = await openOn(port);
  return (await collect(driver.list(prefix, { signal }))).map((info) => info.key);
}

describe("list", () => {
  test("follows page tokens, asks below the root path, and leaves out directory markers", async () => {
    await using service = serve((_, index) =>
      index === 0
        ? page({ items: [entry("files/x/a"), entry("files/x/d/")], nextPageToken: "t/1=+" })
        : page({ items: [entry("files/x/b")] }),
    );
    expect(await keysOf(service.port, "x/")).toEqual(["x/a", "x/b"]);
    const asked = service.seen.map((line) => new URL(`http://x${line.slice(4)}`));
    expect(asked.map((url) => url.pathname)).toEqual(["/storage/v1/b/bucket/o", "/storage/v1/b/bucket/o"]);
    expect(asked.map((url) => url.searchParams.get("prefix"))).toEqual(["files/x/", "files/x/"]);
    expect(asked.map((url) => url.searchParams.get("pageToken"))).toEqual([null, "t/1=+"]);
  });

  test("goes on over pages without entries", async () => {
    await using service = serve((_, index) =>
      page(index < 3 ? { nextPageToken: `${index}` } : { items: [entry("files/a")] }),
    );
    expect(await keysOf(service.port)).toEqual(["a"]);
  });

  test("gives size, generation as ETag, time and both checksums in hex", async () => {
    const item = { ...entry("files/a"), size: "9", crc32c: "4waSgw==", md5Hash: "JfnnlDI7RTiF9RgfG2JNCw==" };
    await using service = serve(() => page({ items: [item] }));
    const driver = await openOn(service.port);
    expect(await collect(driver.list("", { signal }))).toEqual([
      {
        key: objectKey("a"),
        size: 9,
        etag: "7",
        lastModified: new Date("2026-01-01T00:00:00Z"),
        checksums: { crc32c: "e3069283", md5: "25f9e794323b453885f5181f1b624d0b" },
      },
    ]);
  });

  test("starts after a key, in the order of UTF-8 bytes, also where the service starts at it or ignores it", async () => {
    await using service = fake({ pageSize: 2 });
    const driver = await openOn(service.port);
    const names = ["a", "b", "b c", "b/x", "é", "\u{ffee}", "\u{1f600}"];
    for (const name of names) await driver.put(objectKey(name), bodyOf("x"), { signal });
    for (const [index, name] of names.entries()) {
      const rest = await collect(driver.list("", { signal, startAfter: objectKey(name) }));
      expect(rest.map((info): string => info.key)).toEqual(names.slice(index + 1));
    }
    await using deaf = serve(() => page({ items: [entry("files/a"), entry("files/b")] }));
    const other = await openOn(deaf.port);
    const rest = await collect(other.list("", { signal, startAfter: objectKey("a") }));
    expect(rest.map((info): string => info.key)).toEqual(["b"]);
  });

  const broken: readonly (readonly [string, () => Response])[] = [
    ["is cut", () => new Response('{"kind":"storage#objects","items":[{"na')],
    ["is nothing", () => new Response("")],
    ["is of another kind", () => Response.json({ items: [] })],
    ["is no object", () => Response.json([])],
    ["names no object", () => page({ items: [{ size: "1" }] })],
    ["gives no size", () => page({ items: [{ name: "files/a" }] })],
    ["has items that are no list", () => page({ items: "files/a" })],
    ["gives the same token again", () => page({ nextPageToken: "again" })],
  ];
  test.each(broken)("fails when a page %s", async (_, answer) => {
    await using service = serve(answer);
    expect(await failureOf(keysOf(service.port))).toMatchObject({ code: "UNAVAILABLE", retriable: true });
  });

  test("gives directories over pages, each once", async () => {
    await using service = serve((_, index) =>
      page({ prefixes: [`files/x/d${index}/`], ...(index < 2 ? { nextPageToken: `${index}` } : {}) }),
    );
    const driver = await openOn(service.port);
    expect(await collect(driver.listDirectories("x/", { signal }))).toEqual(["d0", "d1", "d2"]);
    expect(service.seen[0]).toContain("delimiter=%2F");
  });
});
