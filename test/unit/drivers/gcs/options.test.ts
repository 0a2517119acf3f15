import { describe, expect, test } from "bun:test";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { definition } from "../../../../drivers/gcs/mod.ts";
import type { OptionValues } from "../../../../src/storage/driver.ts";
import { objectKey } from "../../../../src/storage/key.ts";
import { makeCerts } from "../../../support/certs.ts";
import { failureOf, never, openOn, serve } from "./support.ts";

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

describe("TLS", () => {
  test("trusts the authority in caCertPath and no other, unless told to accept any", async () => {
    const folder = await mkdtemp(join(tmpdir(), "milvus-backup-gcs-tls-"));
    const { caPath, serverCertPath, serverKeyPath } = makeCerts(folder);
    const server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      tls: { cert: await readFile(serverCertPath, "utf8"), key: await readFile(serverKeyPath, "utf8") },
      fetch: () => Response.json({ size: "1" }),
    });
    const stat = async (options: OptionValues): Promise<number> =>
      (await (await openOn(server.port ?? 0, options)).stat(objectKey("x"), { signal: never })).size;
    try {
      expect(await stat({ useSSL: true, caCertPath: caPath })).toBe(1);
      expect(await stat({ useSSL: true, insecureSkipVerify: true })).toBe(1);
      const untrusted = await failureOf(stat({ useSSL: true }));
      expect(untrusted.code).toBe("CONFIG_INVALID");
      expect(untrusted.message).toContain("set caCertPath");
    } finally {
      await server.stop(true);
      await rm(folder, { recursive: true, force: true });
    }
  });

  test("towards a server without it is named", async () => {
    await using service = serve(() => Response.json({ size: "1" }));
    const driver = await openOn(service.port, { useSSL: true });
    const failure = await failureOf(driver.stat(objectKey("x"), { signal: never }));
    expect(failure.code).toBe("CONFIG_INVALID");
    expect(failure.message).toContain("set useSSL to false");
  });
});
