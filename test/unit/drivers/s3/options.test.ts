import { describe, expect, test } from "bun:test";
import { definition } from "../../../../drivers/s3/mod.ts";
import type { OptionValues } from "../../../../src/storage/driver.ts";
import { failureOf, openTestRoot } from "./support.ts";

describe("the s3 driver's definition", () => {
  test("has every name and option that milvus-backup's configuration knows", () => {
    expect(definition.name).toBe("s3");
    expect(definition.aliases).toEqual(
      expect.arrayContaining(["minio", "aws", "gcp", "aliyun", "ali", "tencent", "tc", "hwc"]),
    );
    expect(Object.keys(definition.options)).toEqual(
      expect.arrayContaining([
        "address",
        "port",
        "region",
        "useSSL",
        "bucketName",
        "auth.type",
        "auth.accessKeyID",
        "auth.secretAccessKey",
        "auth.sessionToken",
        "auth.endpoint",
        "multipartCopyThresholdMiB",
      ]),
    );
    expect(definition.options.bucketName?.required).toBe(true);
    expect(definition.options["auth.secretAccessKey"]?.type).toBe("secret");
    expect(definition.options["auth.sessionToken"]?.type).toBe("secret");
  });

  const refused: readonly (readonly [string, OptionValues, string])[] = [
    ["a part size below S3's", { partSizeMiB: 4 }, "partSizeMiB"],
    ["a part size that memory does not bear", { partSizeMiB: 4096 }, "partSizeMiB"],
    ["a port out of range", { port: 70_000 }, "port"],
    ["a timeout of nothing", { requestTimeoutSeconds: 0 }, "requestTimeoutSeconds"],
    [
      "a file of authorities that is not there",
      { caCertPath: "/nonexistent/ca.pem" },
      "caCertPath /nonexistent/ca.pem",
    ],
    ["an address that is a URL", { address: "https://h" }, "address"],
  ];
  for (const [what, options, name] of refused) {
    test(`refuses ${what} when the root is opened`, async () => {
      const failure = await failureOf(openTestRoot(1, { options }));
      expect(failure.code).toBe("CONFIG_INVALID");
      expect(failure.message).toContain(name);
    });
  }
});

describe("a root", () => {
  test("is named by bucket and root path, with and without one", async () => {
    const inside = await openTestRoot(9000, { rootPath: "/files/a/" });
    expect(inside.location).toBe("s3://bucket/files/a");
    expect([inside.nativePath("x/y"), inside.nativePath("")]).toEqual(["files/a/x/y", "files/a"]);
    const top = await openTestRoot(9000, { rootPath: "" });
    expect(top.location).toBe("s3://bucket");
    expect([top.nativePath("x/y"), top.nativePath("")]).toEqual(["x/y", ""]);
  });

  test("shares its backend with other buckets and credentials of the service, its space with the bucket alone", async () => {
    const root = await openTestRoot(9000);
    const other = await openTestRoot(9000, { options: { bucketName: "other", "auth.accessKeyID": "AKOTHER" } });
    const sameBucket = await openTestRoot(9000, { rootPath: "elsewhere", provider: "s3" });
    const elsewhere = await openTestRoot(9001);
    expect(other.backendId).toBe(root.backendId);
    expect(other.spaceId).not.toBe(root.spaceId);
    expect(sameBucket.spaceId).toBe(root.spaceId);
    expect(elsewhere.backendId).not.toBe(root.backendId);
  });
});
