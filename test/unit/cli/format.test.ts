import { describe, expect, test } from "bun:test";
import { formatBytes, formatDuration, formatTable } from "../../../src/cli/format.ts";

test.each([
  [0, "0 B"],
  [1023, "1023 B"],
  [1024, "1.0 KiB"],
  [1536, "1.5 KiB"],
  [150 * 1024, "150 KiB"],
  [2n ** 40n, "1.0 TiB"],
  [2n ** 63n, "8192 PiB"],
])("formatBytes(%p) is %p", (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test.each([
  [0, "0 s"],
  [8.2, "9 s"],
  [59.5, "1 min 0 s"],
  [65, "1 min 5 s"],
  [3725, "1 h 2 min"],
])("formatDuration(%p) is %p", (seconds, text) => {
  expect(formatDuration(seconds)).toBe(text);
});

describe("formatTable", () => {
  test("pads columns to their widest cell, the last one not", () => {
    expect(
      formatTable([
        ["a", "bb", "c"],
        ["aaa", "b", "cc"],
      ]),
    ).toBe("a    bb  c\naaa  b   cc");
  });

  test("takes rows of different lengths, and none", () => {
    expect(formatTable([["a"], ["b", "c"]])).toBe("a\nb  c");
    expect(formatTable([])).toBe("");
  });
});
