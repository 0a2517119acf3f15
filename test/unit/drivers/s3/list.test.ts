import { describe, expect, test } from "bun:test";
import { objectKey } from "../../../../src/storage/key.ts";
import { collect, failureOf, never, openTestRoot, serve, xml } from "./support.ts";

const signal = never;
const entry = (key: string, size = 1): string =>
  `<Contents><Key>${key}</Key><Size>${size}</Size><ETag>&quot;e&quot;</ETag><LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>`;
const page = (content: string, token?: string, truncated = token !== undefined): Response =>
  xml(
    `<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><EncodingType>url</EncodingType><IsTruncated>${truncated}</IsTruncated>${token === undefined ? "" : `<NextContinuationToken>${token}</NextContinuationToken>`}${content}</ListBucketResult>`,
  );
const keysOf = async (port: number, prefix = ""): Promise<string[]> => {
  const driver = await openTestRoot(port);
  return (await collect(driver.list(prefix, { signal }))).map((info) => info.key);
};

describe("list", () => {
  test("follows the continuation tokens and asks for encoded names below the root path", async () => {
    await using service = serve((_, index) => (index === 0 ? page(entry("files/a"), "t/1=+") : page(entry("files/b"))));
    expect(await keysOf(service.port, "x/")).toEqual(["a", "b"]);
    expect(service.seen).toEqual([
      "GET /bucket?encoding-type=url&list-type=2&prefix=files%2Fx%2F",
      "GET /bucket?continuation-token=t%2F1%3D%2B&encoding-type=url&list-type=2&prefix=files%2Fx%2F",
    ]);
  });

  test("gives size, ETag and time", async () => {
    await using service = serve(() => page(entry("files/a", 7)));
    const driver = await openTestRoot(service.port);
    expect(await collect(driver.list("", { signal }))).toEqual([
      { key: objectKey("a"), size: 7, etag: "e", lastModified: new Date("2026-01-01T00:00:00Z"), checksums: {} },
    ]);
  });

  test("drops repeated entries and directory markers", async () => {
    await using service = serve((_, index) =>
      index === 0
        ? page(entry("files/d/", 0) + entry("files/a") + entry("files/a") + entry("files/b"), "1")
        : page(entry("files/b") + entry("files/c")),
    );
    expect(await keysOf(service.port)).toEqual(["a", "b", "c"]);
  });

  test("decodes names where the service encoded them, and takes them as they are where it did not", async () => {
    await using encoded = serve(() => page(entry("files/a+b%2Bc%25%C3%BC")));
    expect(await keysOf(encoded.port)).toEqual(["a b+c%ü"]);
    await using plain = serve(() =>
      xml(`<ListBucketResult><IsTruncated>false</IsTruncated>${entry("files/a+b%2B&amp;")}</ListBucketResult>`),
    );
    expect(await keysOf(plain.port)).toEqual(["a+b%2B&"]);
  });

  test("starts after a key", async () => {
    await using service = serve(() => page(""));
    const driver = await openTestRoot(service.port);
    expect(driver.capabilities.orderedList).toBe(true);
    await collect(driver.list("x/", { signal, startAfter: objectKey("x/k y") }));
    expect(service.seen[0]).toContain("start-after=files%2Fx%2Fk%20y");
  });

  const broken: Readonly<Record<string, () => Response>> = {
    "is truncated but carries no token": () => page(entry("files/a"), undefined, true),
    "gives the same continuation token again": () => page(entry("files/a"), "same"),
    "is not complete XML": () => xml(`<ListBucketResult><IsTruncated>false</IsTruncated>${entry("files/a")}`),
    "does not say whether it is complete": () => xml(`<ListBucketResult>${entry("files/a")}</ListBucketResult>`),
    "is a ListAllMyBucketsResult": () => xml("<ListAllMyBucketsResult/>"),
    "gives no size": () => page("<Contents><Key>files/a</Key></Contents>"),
  };
  for (const [what, answer] of Object.entries(broken)) {
    test(`fails when it ${what}`, async () => {
      await using service = serve(answer);
      const failure = await failureOf(keysOf(service.port));
      expect(failure.code).toBe("UNAVAILABLE");
      expect(failure.message).toContain(what);
    });
  }

  test("fails for names that cannot be keys instead of leaving them out", async () => {
    for (const name of ["files/a%2F%2Fb", "files/..%2Fb", "files/%FF", "other/a"]) {
      await using service = serve(() => page(entry(name)));
      expect((await failureOf(keysOf(service.port))).code).toBe("INVALID_KEY");
    }
  });

  test("ends at once when the signal fires", async () => {
    await using service = serve(() => new Promise<Response>(() => {}));
    const driver = await openTestRoot(service.port);
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 20);
    expect((await failureOf(collect(driver.list("", { signal: stop.signal })))).code).toBe("ABORTED");
  });
});

describe("listDirectories", () => {
  test("gives the first path parts, each once", async () => {
    const prefixes = (...names: string[]): string =>
      names.map((name) => `<CommonPrefixes><Prefix>${name}</Prefix></CommonPrefixes>`).join("");
    await using service = serve((_, index) =>
      index === 0
        ? page(entry("files/x/file") + prefixes("files/x/a%20b/", "files/x/c/"), "1")
        : page(prefixes("files/x/c/", "files/x/d/")),
    );
    const driver = await openTestRoot(service.port);
    expect(await collect(driver.listDirectories("x/", { signal }))).toEqual(["a b", "c", "d"]);
    expect(service.seen[0]).toContain("delimiter=%2F");
  });
});
