import { describe, expect, test } from "bun:test";
import type { ConfigEntry } from "../../../src/config/config.ts";
import { maskedText } from "../../../src/config/mask.ts";
import { configTable } from "../../../src/config/show.ts";
import { load } from "./support.ts";

const entries: readonly ConfigEntry[] = [
  { key: "log.level", display: "Log.Level", value: "info", source: "config", sourceKey: "log.level" },
  { key: "log.file.maxSizeMiB", display: "Log.File.MaxSizeMiB", value: "300", source: "default", sourceKey: "" },
  { key: "a", display: "A", value: "x\ny\u001b[31m", source: "override", sourceKey: "a" },
];

describe("configTable", () => {
  test("pads to the widest cell plus two and leaves the last column as it is", () => {
    expect(configTable(entries).split("\n")).toEqual([
      "PARAMETER            VALUE           SOURCE    SOURCE_KEY",
      "---------            -----           ------    ----------",
      "Log.Level            info            config    log.level",
      "Log.File.MaxSizeMiB  300             default   ",
      "A                    x\\ny\\u001b[31m  override  a",
    ]);
  });

  test("has the 70 rows of the Go tool in its order, and our two", async () => {
    const { entries: all } = await load(undefined);
    const ours = ["Transfer.Verify", "Plugins"];
    const theirs = all.map((it) => it.display).filter((it) => !ours.includes(it));
    expect(all).toHaveLength(72);
    expect(theirs).toHaveLength(70);
    expect(theirs.slice(0, 3)).toEqual(["Log.Level", "Log.Console", "Log.File.Path"]);
    expect(theirs.indexOf("Backup.Storage.Provider")).toBe(theirs.indexOf("Milvus.Storage.Auth.Endpoint") + 1);
    expect(theirs.slice(-2)).toEqual(["Cloud.Endpoint", "Cloud.APIKey"]);
  });
});

test.each([
  ["", ""],
  ["a", "****"],
  ["abcd", "****"],
  ["abcde", "ab****de"],
  ["minioadmin", "mi****in"],
  ["Milvus", "Mi****us"],
  ["пароль", "па****ль"],
])("maskedText(%p) is %p", (secret, masked) => {
  expect(maskedText(secret)).toBe(masked);
});
