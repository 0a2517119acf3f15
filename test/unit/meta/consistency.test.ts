import { describe, expect, test } from "bun:test";
import { headProblems, levelProblems, treeProblems } from "../../../src/meta/consistency.ts";
import type { BackupMeta, CollectionMeta, PartitionMeta, SegmentMeta } from "../../../src/meta/types.ts";
import { sampleBackup } from "./sample_backup.ts";

const whole = sampleBackup("nightly");

function only<T>(items: readonly T[]): T {
  const [item] = items;
  if (item === undefined) throw new Error("the sample lacks something");
  return item;
}

const collection = only(whole.collections);
const partition = only(collection.partitions);
const segment = only(partition.segments);

const withCollection = (more: Partial<CollectionMeta>): BackupMeta => ({
  ...whole,
  collections: [{ ...collection, ...more }],
});
const withPartition = (more: Partial<PartitionMeta>): BackupMeta =>
  withCollection({ partitions: [{ ...partition, ...more }] });
const withSegment = (more: Partial<SegmentMeta>): BackupMeta => withPartition({ segments: [{ ...segment, ...more }] });

describe("treeProblems", () => {
  test("of a tree that adds up are none", () => {
    expect(treeProblems(whole)).toEqual([]);
  });

  test.each([
    ["the backup's size", { ...whole, size: 1n }, "the backup has 1 bytes, its parts have 300"],
    ["a collection's size", withCollection({ size: 1n }), "has 1 bytes, its parts have 300"],
    ["a partition's size", withPartition({ size: 1n }), "has 1 bytes, its parts have 200"],
    ["a segment's size", withSegment({ size: 1n }), "has 1 bytes, its parts have 200"],
    ["a segment of another partition", withSegment({ partitionId: 7n }), "of partition 7"],
    ["a segment of another collection", withSegment({ collectionId: 7n }), "belongs to collection 7"],
    ["a partition of another collection", withPartition({ collectionId: 7n }), "belongs to collection 7"],
    ["a segment with rows and no files", withSegment({ insertLogs: [], size: 0n }), "1000 rows and no log files"],
    ["a collection twice", { ...whole, collections: [collection, collection] }, "is there twice"],
    ["a partition twice", withCollection({ partitions: [partition, partition] }), "is there twice"],
    ["a segment twice", withPartition({ segments: [segment, segment] }), "is there twice"],
  ])("%s", (_, meta, problem) => {
    expect(treeProblems(meta).join("\n")).toContain(problem);
  });

  test("sums of another tool's backup are not judged, its structure is", () => {
    const { createdBy: _, ...foreign } = withPartition({ size: 1n, segments: [segment, segment] });
    expect(treeProblems(foreign)).toEqual([expect.stringContaining("is there twice")]);
  });
});

describe("headProblems", () => {
  test.each([
    ["id", { id: "x" }],
    ["size", { size: 1n }],
    ["milvusVersion", { milvusVersion: "v9" }],
    ["name", { name: "x" }],
  ])("%s", (name, more) => {
    expect(headProblems(whole, whole)).toEqual([]);
    expect(headProblems({ ...whole, ...more }, whole)).toEqual([
      expect.stringMatching(new RegExp(`^${name} is .*, full_meta.json has `)),
    ]);
  });
});

describe("levelProblems", () => {
  test("of levels that say the same are none, whether L0 segments are named or not", () => {
    expect(levelProblems.collections(whole.collections, whole)).toEqual([]);
    expect(levelProblems.collections([{ ...collection, partitions: [], l0Segments: [] }], whole)).toEqual([
      `says something else of collection ${collection.collectionId} than full_meta.json`,
    ]);
    expect(levelProblems.collections([{ ...collection, l0Segments: [] }], whole)).toEqual([]);
    expect(levelProblems.partitions([partition], whole)).toEqual([]);
    expect(levelProblems.segments([segment], whole)).toEqual([]);
  });

  test("absent, surplus and different ones are named", () => {
    const { segmentId, collectionId } = segment;
    expect(levelProblems.segments([], whole)).toEqual([
      `lacks segment ${segmentId} of collection ${collectionId} of full_meta.json`,
    ]);
    expect(levelProblems.segments([segment, { ...segment, segmentId: 9n }], whole)).toEqual([
      `has segment 9 of collection ${collectionId}, full_meta.json has not`,
    ]);
    expect(levelProblems.segments([{ ...segment, rows: 1n }], whole)).toHaveLength(1);
    expect(levelProblems.partitions([{ ...partition, partitionName: "x" }], whole)).toHaveLength(1);
  });
});
