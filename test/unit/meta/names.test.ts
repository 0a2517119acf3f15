import { describe, expect, test } from "bun:test";
import {
  defaultBackupName,
  isSafeBackupName,
  safeBackupName,
  validateBackupName,
} from "../../../src/meta/backup_name.ts";
import {
  deltaImportPrefix,
  deltaLogKey,
  documentKey,
  groupIdOf,
  insertImportPrefix,
  insertLogKey,
  parseSourceLogKey,
  sourceLogPrefixes,
} from "../../../src/meta/layout.ts";
import { namespaceOf, parseNamespace } from "../../../src/meta/namespace.ts";

describe("names of new backups", () => {
  test.each(["nightly", "_a", "B_2026", "x".repeat(128)])("%s may be used", (name) => {
    expect(validateBackupName(name)).toBe(name);
  });

  test.each([
    ["", "it is empty"],
    ["a b", "it holds whitespace"],
    ["a\u00a0b", "it holds whitespace"],
    ["x".repeat(129), "129 bytes"],
    ["é".repeat(65), "130 bytes"],
    ["1a", "first character"],
    ["-a", "first character"],
    ["a-b", 'it holds "-"'],
    ["a/b", 'it holds "/"'],
    ["aé", 'it holds "é"'],
    ["a..", 'it holds "."'],
    ["delta_log", "Milvus keeps its own data"],
  ])("%j is refused with its reason", (name, reason) => {
    expect(() => validateBackupName(name)).toThrow(
      expect.objectContaining({ code: "USAGE", message: expect.stringContaining(reason) }),
    );
  });

  test("the default one says the moment in UTC, nanoseconds without padding", () => {
    expect(defaultBackupName(new Date("2026-01-02T03:04:05.006Z"))).toBe("backup_2026_01_02_03_04_05_6000000");
    expect(defaultBackupName(new Date("1970-01-01T00:01:40Z"))).toBe("backup_1970_01_01_00_01_40_0");
    expect(validateBackupName(defaultBackupName(new Date()))).toStartWith("backup_");
  });
});

describe("names of existing folders", () => {
  test.each(["my-backup", "2026.01", "with space", "ü", "x".repeat(255)])("%s is safe", (name) => {
    expect(safeBackupName(name)).toBe(name);
  });

  test.each(["", ".", "..", "a/b", "../a", "a\\b", "a\nb", "a\u0000", "x".repeat(256), "ü".repeat(128)])(
    "%j is not",
    (name) => {
      expect(isSafeBackupName(name)).toBe(false);
      expect(() => safeBackupName(name)).toThrow(expect.objectContaining({ code: "USAGE" }));
    },
  );
});

describe("keys inside a backup", () => {
  const segment = { collectionId: 449577000000000001n, partitionId: 2n, groupId: 3n, segmentId: 3n };
  const deletes = { ...segment, partitionId: -1n, groupId: 0n };

  test("insert logs lie below their group and segment", () => {
    expect<string>(insertLogKey(segment, 0n, 449577000000000020n)).toBe(
      "binlogs/insert_log/449577000000000001/2/3/3/0/449577000000000020",
    );
    expect(insertImportPrefix(segment)).toBe("binlogs/insert_log/449577000000000001/2/3/");
  });

  test("delta logs too, but deletes of all partitions have no group", () => {
    expect<string>(deltaLogKey(segment, 7n)).toBe("binlogs/delta_log/449577000000000001/2/3/3/7");
    expect<string>(deltaLogKey(deletes, 7n)).toBe("binlogs/delta_log/449577000000000001/-1/3/7");
    expect(deltaImportPrefix(segment)).toBe("binlogs/delta_log/449577000000000001/2/3/");
    expect(deltaImportPrefix(deletes)).toBe("binlogs/delta_log/449577000000000001/-1/3/");
  });

  test("a segment's group is its own id, or none for all partitions", () => {
    expect([groupIdOf(2n, 3n), groupIdOf(-1n, 3n)]).toEqual([3n, 0n]);
  });

  test("documents lie below the backup's folder", () => {
    expect<string>(documentKey("nightly", "meta/full_meta.json")).toBe("nightly/meta/full_meta.json");
  });
});

describe("keys of a Milvus root path", () => {
  test("insert and delta logs are told by their ids, below any path", () => {
    expect(parseSourceLogKey("insert_log/1/2/449577000000000003/0/449577000000000005")).toEqual({
      kind: "insert",
      collectionId: 1n,
      partitionId: 2n,
      segmentId: 449577000000000003n,
      fieldId: 0n,
      logId: 449577000000000005n,
    });
    expect(parseSourceLogKey("files/x/delta_log/1/-1/3/5")).toEqual({
      kind: "delta",
      collectionId: 1n,
      partitionId: -1n,
      segmentId: 3n,
      logId: 5n,
    });
  });

  test.each([
    "stats_log/1/2/3/4/5",
    "insert_log/1/2/3/4",
    "insert_log/1/-1/3/4/5",
    "xinsert_log/1/2/3/4/5",
    "delta_log/1/2/3/x",
    "",
  ])("%s is neither", (key) => {
    expect(parseSourceLogKey(key)).toBeUndefined();
  });

  test("a segment has one folder for inserts and one for deletes", () => {
    expect(sourceLogPrefixes({ collectionId: 1n, partitionId: -1n, segmentId: 3n })).toEqual({
      insert: "insert_log/1/-1/3/",
      delta: "delta_log/1/-1/3/",
    });
  });
});

describe("names of collections", () => {
  test("the database defaults to default", () => {
    expect(parseNamespace("c")).toEqual({ database: "default", collection: "c" });
    expect(parseNamespace("d.c")).toEqual({ database: "d", collection: "c" });
    expect(parseNamespace(".c")).toEqual({ database: "default", collection: "c" });
    expect(namespaceOf({ databaseName: "", collectionName: "c" })).toEqual({ database: "default", collection: "c" });
  });

  test.each(["", "d.", "a.b.c", "."])("%j names none", (text) => {
    expect(() => parseNamespace(text)).toThrow(expect.objectContaining({ code: "USAGE" }));
  });
});
