import { describe, expect, test } from "bun:test";
import type { Namespace } from "../../../src/base/types.ts";
import { filterFromSelectors, matches, namesDatabase, parseFilter, unmatched } from "../../../src/meta/filter.ts";
import { formatNamespace, parseNamespace } from "../../../src/meta/namespace.ts";
import { IDENTITY, mapTargets, parseRename, parseSuffix, targetMapping } from "../../../src/meta/rename.ts";

const usage = (text: string) => expect.objectContaining({ code: "USAGE", message: expect.stringContaining(text) });

describe("--filter", () => {
  const chosen = (text: string) =>
    Object.fromEntries(
      [...parseFilter(text).databases].map(([db, names]) => [db, names === "all" ? "all" : [...names]]),
    );

  test("a whole database, a collection, one of the default database, a database alone", () => {
    expect(chosen("a.*,b.c,d,e.")).toEqual({ a: "all", b: ["c"], default: ["d"], e: [] });
  });

  test.each(["db.*,db.a", "db.a,db.*", "db.*,db.", "db.,db.*"])("%s is the whole database, in any order", (text) => {
    expect(chosen(text)).toEqual({ db: "all" });
  });

  test.each(["db.a,db.", "db.,db.a"])("%s takes the collection: a later rule takes nothing away", (text) => {
    expect(chosen(text)).toEqual({ db: ["a"] });
  });

  test.each(["", "*", "*.*", "a,", ",a", "a b", "a, b", "a-b", "a.b.c", ".a", "ü", "a\n"])(
    "%j is refused, the piece named",
    (text) => {
      const wrong = text.split(",").find((piece) => !/^\w+$/.test(piece) || piece.includes("\n")) ?? text;
      expect(() => parseFilter(text)).toThrow(usage(JSON.stringify(wrong)));
    },
  );

  test("takes what it names and nothing else", () => {
    const filter = parseFilter("a.*,b.c,e.");
    const taken = ["a.x", "b.c", "b.d", "e.x", "x"].filter((name) => matches(filter, parseNamespace(name)));
    expect(taken).toEqual(["a.x", "b.c"]);
    expect(["a", "b", "e", "default"].map((name) => namesDatabase(filter, name))).toEqual([true, true, true, false]);
    expect(matches(undefined, parseNamespace("x"))).toBe(true);
    expect(namesDatabase(undefined, "x")).toBe(true);
  });

  test("tells which rules matched nothing", () => {
    const filter = parseFilter("a.*,b.c,b.d,e.,f.");
    expect(unmatched(filter, { databases: ["f"], collections: ["b.c"].map(parseNamespace) })).toEqual([
      "a.*",
      "b.d",
      "e.",
    ]);
    expect(unmatched(filter, { collections: ["a.x", "b.c", "b.d", "e.x", "f.x"].map(parseNamespace) })).toEqual([]);
  });
});

describe("the older selectors", () => {
  const chosen = (selectors: Parameters<typeof filterFromSelectors>[0]) => filterFromSelectors(selectors)?.databases;

  test("become the same filter", () => {
    expect(chosen({ collections: "a,db.b" })).toEqual(parseFilter("a,db.b").databases);
    expect(chosen({ databases: "x,y" })).toEqual(parseFilter("x.*,y.*").databases);
    expect(chosen({ databaseCollections: '{"x":["a","b"],"y":[],"":["c"]}' })).toEqual(
      parseFilter("x.a,x.b,y.*,c").databases,
    );
    expect(chosen({ filter: "a" })).toEqual(parseFilter("a").databases);
    expect(chosen({})).toBeUndefined();
    expect(chosen({ filter: "", collections: "" })).toBeUndefined();
  });

  test.each([
    [{ filter: "a", collections: "b" }, "--filter and --colls exclude each other"],
    [{ databases: "a", databaseCollections: "{}" }, "--databases and --database_collections exclude each other"],
    [{ collections: "a,,b" }, '""'],
    [{ collections: "a.b.c" }, '"a.b.c"'],
    [{ databases: "a.b" }, '"a.b"'],
    [{ databases: "a," }, '""'],
    [{ databaseCollections: "a" }, "not JSON"],
    [{ databaseCollections: "[]" }, "[]"],
    [{ databaseCollections: '{"x":"a"}' }, '"x"'],
    [{ databaseCollections: '{"x":[1]}' }, '"x"'],
    [{ databaseCollections: '{"x":[""]}' }, '"x"'],
  ])("%j is refused", (selectors, message) => {
    expect(() => filterFromSelectors(selectors)).toThrow(usage(message));
  });
});

describe("--rename", () => {
  const mapped = (rename: string, ...names: string[]) =>
    names.map((name) => formatNamespace(parseRename(rename).mapTarget(parseNamespace(name))));

  test("a pair that names the collection goes before its database's; the rest keeps its name", () => {
    expect(mapped("db1.*:db2.*,db1.a:db3.b,c:d", "db1.a", "db1.x", "c", "default.c", "e")).toEqual([
      "db3.b",
      "db2.x",
      "default.d",
      "default.d",
      "default.e",
    ]);
  });

  test.each(["db1.*:db2.*", "db1.:db2."])("%s moves the database and everything in it", (rename) => {
    expect(mapped(rename, "db1.a", "db2.a", "a")).toEqual(["db2.a", "db2.a", "default.a"]);
    expect(["db1", "db3"].map((name) => parseRename(rename).mapDatabase(name))).toEqual(["db2", "db3"]);
  });

  test("two collections may change places", () => {
    expect(mapped("a:b,b:a", "a", "b")).toEqual(["default.b", "default.a"]);
  });

  test.each([
    ["a", "a pair is"],
    ["a:b:c", "a pair is"],
    ["a:b,", "a pair is"],
    ["a:db.b", "has the shape coll"],
    ["db.a:b", "has the shape db.coll"],
    ["db.*:db2.", "has the shape db.*"],
    ["db.*:*", "has the shape db.*"],
    ["db.:db2.*", "has the shape db."],
    ["a-b:c", "write"],
    ["a:", "has the shape coll"],
    [":a", "write"],
    ["a:b,a:c", "already says where default.a goes"],
    ["a:b,default.a:db.c", "already says where default.a goes"],
    ["db.*:x.*,db.:y.", "already says where db goes"],
    ["a:c,b:c", "already goes to default.c"],
  ])("%s is refused", (rename, message) => {
    expect(() => parseRename(rename)).toThrow(usage(message));
  });

  test("tells which pairs matched nothing", () => {
    const rename = parseRename("a:b,db1.*:db2.*,db3.:db4.,x.c:x.d");
    expect(rename.unmatched({ databases: ["db3"], collections: [parseNamespace("a")] })).toEqual([
      "db1.*:db2.*",
      "x.c:x.d",
    ]);
  });

  test("refuses to restore two collections as one", () => {
    const sources: Namespace[] = ["a", "b"].map(parseNamespace);
    expect(() => mapTargets(parseRename("a:b"), sources)).toThrow(usage("would both be restored as default.b"));
    expect(mapTargets(parseRename("a:c"), sources).map(({ target }) => formatNamespace(target))).toEqual([
      "default.c",
      "default.b",
    ]);
  });
});

describe("--suffix", () => {
  test("goes behind every collection's name, databases keep theirs", () => {
    const mapping = parseSuffix("_new");
    expect(mapping.mapTarget({ database: "d", collection: "c" })).toEqual({ database: "d", collection: "c_new" });
    expect(mapping.mapDatabase("d")).toBe("d");
    expect(IDENTITY.mapTarget({ database: "d", collection: "c" })).toEqual({ database: "d", collection: "c" });
  });

  test.each(["-new", "a b", "é", "."])("%j is refused", (suffix) => {
    expect(() => parseSuffix(suffix)).toThrow(usage(JSON.stringify(suffix)));
  });

  test("does not go with --rename", () => {
    expect(() => targetMapping({ rename: "a:b", suffix: "x" })).toThrow(usage("--rename and --suffix"));
    expect(formatNamespace(targetMapping({ suffix: "x" }).mapTarget(parseNamespace("a")))).toBe("default.ax");
    expect(formatNamespace(targetMapping({ rename: "a:b" }).mapTarget(parseNamespace("a")))).toBe("default.b");
    expect(formatNamespace(targetMapping({}).mapTarget(parseNamespace("a")))).toBe("default.a");
  });
});
