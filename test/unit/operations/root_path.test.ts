import { describe, expect, test } from "bun:test";
import { definition } from "../../../drivers/memory/mod.ts";
import { AppError } from "../../../src/base/errors.ts";
import { requireSegmentInRoot } from "../../../src/operations/root_path.ts";
import type { StorageDriver } from "../../../src/storage/driver.ts";
import { openBare } from "../../support/open_bare.ts";
import { putObject, withMembers } from "../meta/memory_root.ts";
import { never } from "../transfer/roots.ts";

const segment = { collection: "default.books", collectionId: 1n, partitionId: 2n, segmentId: 3n, rows: 10n };

/** A bucket whose data lies below `dataRoot`; Milvus' root path is configured as "files". */
async function contextWith(dataRoot: string, openAs?: (root: StorageDriver) => StorageDriver) {
  const store = crypto.randomUUID();
  const open = (rootPath: string): Promise<StorageDriver> => openBare(definition, { rootPath, options: { store } });
  const bucket = await open("");
  await putObject(bucket, "another/report.txt", "x");
  await putObject(bucket, `${dataRoot}/insert_log/1/2/3/100/4`, "x");
  return {
    sourceRoot: await open("files"),
    openSourceRootAt: async (rootPath: string) => {
      const root = await open(rootPath);
      return openAs === undefined ? root : openAs(root);
    },
    signal: never,
  };
}

describe("a segment that is not below the configured root path", () => {
  test("is found below a folder of the bucket that no installation uses by default", async () => {
    const context = await contextWith("files_A");
    await expect(requireSegmentInRoot(context, segment)).rejects.toEqual(
      expect.objectContaining({
        code: "DATA_MISSING",
        message: expect.stringContaining("set milvus.storage.rootPath to that"),
        details: expect.objectContaining({ likely_root_path: "files_A" }),
      }),
    );
  });

  test("is reported without a hint where the bucket's top may not be listed", async () => {
    const denied = (): never => {
      throw new AppError("ACCESS_DENIED", "no");
    };
    const context = await contextWith("files_A", (root) => withMembers(root, { listDirectories: denied }));
    await expect(requireSegmentInRoot(context, segment)).rejects.toEqual(
      expect.objectContaining({ code: "DATA_MISSING", message: expect.stringContaining("compare milvus.storage") }),
    );
  });
});
