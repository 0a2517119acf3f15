import { describe, expect, test } from "bun:test";
import { checkPrefix, directoryPrefix, joinKey, objectKey, relativeKey } from "../../../src/storage/key.ts";

const invalid = expect.objectContaining({ code: "INVALID_KEY" });

describe("objectKey", () => {
  test("lets any name through that storage can hold", () => {
    for (const text of ["a", "a/b/c", "a b+c%20", "日本語/é", "...", ".hidden", "a..b", `${"x".repeat(1024)}`]) {
      expect(objectKey(text)).toBe(objectKey(text));
      expect(String(objectKey(text))).toBe(text);
    }
  });

  test("refuses what leads elsewhere or cannot be stored", () => {
    const texts = ["", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", "a\u0000", "a\n", "\u007f"];
    for (const text of [...texts, "x".repeat(1025), "é".repeat(513)]) {
      expect(() => objectKey(text)).toThrow(invalid);
    }
  });

  test("says why in one line", () => {
    expect(() => objectKey("a\nb/../c")).toThrow('object key "a\\nb/../c" is refused: it holds a control character');
  });
});

describe("joinKey and the prefixes", () => {
  test("join parts with one slash each", () => {
    expect(String(joinKey("a/", "", "/b/c", "d"))).toBe("a/b/c/d");
    expect(() => joinKey("", "")).toThrow(invalid);
    expect(() => joinKey("a", "..")).toThrow(invalid);
  });

  test("a directory prefix ends with one slash or is empty", () => {
    expect(["", "/", "a", "a/b/", "/a/"].map(directoryPrefix)).toEqual(["", "", "a/", "a/b/", "a/"]);
  });

  test("a list prefix is empty or a key and a slash", () => {
    for (const prefix of ["", "a/", "a/b/"]) expect(() => checkPrefix(prefix)).not.toThrow();
    for (const prefix of ["a", "/", "../", "a//", "a/../"]) expect(() => checkPrefix(prefix)).toThrow(invalid);
  });
});

describe("moving keys between prefixes", () => {
  test("keeps the part below the prefix", () => {
    expect(String(relativeKey("a/b/c", "a/"))).toBe("b/c");
  });

  test("refuses a key that is not below it", () => {
    expect(() => relativeKey("ab/c", "a/")).toThrow(invalid);
    expect(() => relativeKey("a/", "a/")).toThrow(invalid);
  });
});
