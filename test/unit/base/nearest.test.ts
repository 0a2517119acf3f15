import { describe, expect, test } from "bun:test";
import { didYouMean, editDistance, nearestName } from "../../../src/base/nearest.ts";

describe("nearestName", () => {
  test("finds a word with one letter wrong, missing, added or swapped", () => {
    const known = ["bucketName", "rootPath", "region"];
    for (const typed of ["bucketNome", "bucketNam", "bucketNamee", "bukcetName"]) {
      expect(nearestName(typed, known)).toBe("bucketName");
    }
  });

  test("ignores case and keeps the candidate's spelling", () => {
    expect(nearestName("BUCKETNAME", ["bucketName"])).toBe("bucketName");
  });

  test("says nothing when no candidate is close", () => {
    expect(nearestName("elephant", ["s3", "local", "memory"])).toBeUndefined();
    expect(nearestName("anything", [])).toBeUndefined();
  });

  test("prefers the closest, and the first of equals", () => {
    expect(nearestName("regiom", ["regions", "region"])).toBe("region");
    expect(nearestName("gcx", ["gcs", "gcp"])).toBe("gcs");
  });
});

describe("didYouMean", () => {
  test("is a question behind a message, or empty", () => {
    expect(didYouMean("memry", ["memory"])).toBe(' (did you mean "memory"?)');
    expect(didYouMean("zzz", ["memory"])).toBe("");
  });
});

describe("editDistance", () => {
  test("counts single edits, a swap of neighbours as one", () => {
    expect(editDistance("", "abc")).toBe(3);
    expect(editDistance("abc", "")).toBe(3);
    expect(editDistance("abc", "abc")).toBe(0);
    expect(editDistance("abcd", "acbd")).toBe(1);
    expect(editDistance("kitten", "sitting")).toBe(3);
  });
});
