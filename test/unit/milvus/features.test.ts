import { describe, expect, test } from "bun:test";
import {
  type Feature,
  featuresOf,
  firstLineWith,
  parseExactVersion,
  parseServerVersion,
  SCHEMA_FEATURES,
} from "../../../src/milvus/features.ts";

const has = (text: string, feature: Feature): boolean => featuresOf(parseServerVersion(text)).has(feature);

describe("server versions", () => {
  const table: readonly (readonly [string, string | undefined])[] = [
    ["v2.3.5-lite", "2.3.5"],
    ["2.5.8", "2.5.8"],
    ["v2.4.0.1-gpu-beta", "2.4.0"],
    ["v2.6.0-rc1", "2.6.0"],
    ["2.6-20260404-31fb3fc", "2.6.9999"],
    ["Zilliz Cloud Vector Database(Compatible with Milvus 2.6)", "2.6.9999"],
    ["Milvus v2.4.15 enterprise", "2.4.15"],
    ["master-20260226-abc", undefined],
    ["unknown-20260226-abc", undefined],
    ["", undefined],
  ];
  for (const [text, version] of table) {
    test(`${JSON.stringify(text)} is ${version ?? "unknown"}`, () => {
      expect(parseServerVersion(text)?.join(".")).toBe(version);
    });
  }

  test("an exact version wins over one that is only mentioned before it", () => {
    expect(parseServerVersion("2.6-20260404-31fb3fc", "v2.5.3")?.join(".")).toBe("2.5.3");
    expect(parseServerVersion("master-1", "build for Milvus 2.5")?.join(".")).toBe("2.5.9999");
  });

  test("only a whole version counts as exact", () => {
    expect(parseExactVersion("v2.3.5-lite")).toEqual([2, 3, 5]);
    expect(parseExactVersion("2.6-20260404-31fb3fc")).toBeUndefined();
    expect(parseExactVersion("2.5.8x")).toBeUndefined();
  });
});

describe("features", () => {
  const firsts: readonly (readonly [Feature, string, string])[] = [
    ["describeDatabase", "2.4.2", "2.4.3"],
    ["segmentDescribe", "2.5.7", "2.5.8"],
    ["multiL0InOneJob", "2.6.4", "2.6.5"],
    ["collectionGcControl", "2.6.7", "2.6.8"],
    ["functionRuntimeCheck", "2.6.7", "2.6.8"],
    ["flushAll", "2.6.10", "2.6.11"],
    ["importV2", "2.3.9999", "2.4.0"],
    ["addField", "2.5.9999", "2.6.0"],
    ["arrayFields", "2.2.16", "2.3.0"],
    ["defaultValues", "2.2.16", "2.3.0"],
    ["severalVectorFields", "2.3.22", "2.4.0"],
    ["shortFloatVectors", "2.3.22", "2.4.0"],
    ["sparseVectors", "2.3.22", "2.4.0"],
    ["nullableFields", "2.4.23", "2.5.0"],
    ["functions", "2.4.23", "2.5.0"],
    ["structArrays", "2.5.9999", "2.6.0"],
    ["newerDataTypes", "2.5.9999", "2.6.0"],
    ["deleteSegments", "2.3.22", "2.4.0"],
    ["storageV2", "2.5.9999", "2.6.0"],
  ];
  for (const [feature, before, since] of firsts) {
    test(`${feature} begins with ${since}`, () => {
      expect(has(before, feature)).toBe(false);
      expect(has(since, feature)).toBe(true);
      expect(has("3.0.0", feature)).toBe(true);
    });
  }

  test("pre-releases count as their release", () => {
    expect(has("v2.6.0-rc1", "addField")).toBe(true);
  });

  test("a newest build of a line has what the line has", () => {
    expect(has("2.6-20260404-31fb3fc", "flushAll")).toBe(true);
    expect(has("2.5-20260404-31fb3fc", "flushAll")).toBe(false);
  });

  test("an unknown version has nothing with a slower way around it, and all that has none is left to the server", () => {
    const found = featuresOf(undefined);
    expect(SCHEMA_FEATURES.every((feature) => found.has(feature))).toBe(true);
    expect([...found].filter((feature) => !(SCHEMA_FEATURES as readonly Feature[]).includes(feature))).toEqual([
      "flushDeletes",
      "addField",
    ]);
  });

  test("messages name the line a feature came with", () => {
    expect(firstLineWith("describeDatabase")).toBe("2.4");
    expect(firstLineWith("storageV2")).toBe("2.6");
  });

  test("databases are never taken from the version", () => {
    expect(has("3.0.0", "databases")).toBe(false);
  });
});
