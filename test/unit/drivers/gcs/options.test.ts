import { describe, expect, test } from "bun:test";
import { definition } from "../../../../drivers/gcs/mod.ts";
import type { OptionValues } from "../../../../src/storage/driver.ts";
import { failureOf, openOn } from "./support.ts";

describe("options", () => {
  test("the driver has the Go tool's name too, and leaves it the S3 protocol's", () => {
    expect([definition.name, ...(definition.aliases ?? [])]).toEqual(["gcs", "gcpnative"]);
  });

  const places: readonly (readonly [OptionValues, string])[] = [
    [{ address: "" }, "gcs:https://storage.googleapis.com"],
    [{ address: "storage.googleapis.com", port: 80, useSSL: false }, "gcs:https://storage.googleapis.com"],
    [{ address: "b.storage.googleapis.com", port: 443, useSSL: true }, "gcs:https://storage.googleapis.com"],
    [{ address: "127.0.0.1", port: 9023 }, "gcs:http://127.0.0.1:9023"],
    [{ address: "gcs.internal", port: 443, useSSL: true }, "gcs:https://gcs.internal"],
    [{ address: "::1", port: 80 }, "gcs:http://[::1]"],
  ];
  test.each(places)("%o is %s", async (options, id) => {
    const driver = await openOn(0, options);
    expect(driver.backendId).toBe(id);
    expect(driver.spaceId).toBe(`${id}/bucket`);
    expect(driver.location).toBe("gs://bucket/files");
    expect(driver.nativePath("a")).toBe("files/a");
  });

  const wrong: readonly (readonly [OptionValues, string])[] = [
    [{ address: "https://storage.googleapis.com" }, "is not a host"],
    [{ address: "localhost:9023" }, "holds a port"],
    [{ "auth.type": "serviceAccount" }, "auth.credentialsFile is missing"],
    [{ caCertPath: "/no/such/ca.pem" }, "/no/such/ca.pem cannot be read"],
    [{ partSizeMiB: 4 }, "partSizeMiB is 4, must lie between 8 and 512"],
  ];
  test.each(wrong)("%o is refused", async (options, message) => {
    const failure = await failureOf(openOn(1, options));
    expect(failure.code).toBe("CONFIG_INVALID");
    expect(failure.message).toContain(message);
  });
});
