import { describe, expect, test } from "bun:test";
import { definition } from "../../../drivers/azure/mod.ts";
import { definition as gcs } from "../../../drivers/gcs/mod.ts";
import { definition as s3 } from "../../../drivers/s3/mod.ts";
import { Secret } from "../../../src/base/secret.ts";
import type { LoadedConfig, StorageConfig } from "../../../src/config/config.ts";
import type { OptionTable } from "../../../src/storage/driver.ts";
import { validateOptions } from "../../../src/storage/options.ts";
import { entry, load, loadV2, refusal } from "./support.ts";

const KEY = Buffer.from("an account's key").toString("base64");

function driverOptions(provider: string): OptionTable | undefined {
  if (provider === "azure") return definition.options;
  return provider === "minio" ? s3.options : undefined;
}

function loadAzure(yaml: string, env: Readonly<Record<string, string>> = {}): Promise<LoadedConfig> {
  return load(yaml, { driverOptions, env });
}

/** Options with secrets revealed, which the driver must take. */
function plain({ options }: StorageConfig): Record<string, unknown> {
  validateOptions(definition.options, options, "driver azure");
  const entries = Object.entries(options);
  return Object.fromEntries(entries.map(([name, it]) => [name, it instanceof Secret ? it.reveal() : it]));
}

describe("provider azure", () => {
  test("has the public cloud's address, and neither MinIO's nor its keys", async () => {
    const { config } = await loadAzure(
      `configVersion: v2\nbackup.storage: { provider: azure, accountName: acct, auth.accountKey: "${KEY}" }`,
    );
    expect(plain(config.backup.storage)).toEqual({
      address: "core.windows.net",
      port: 443,
      accountName: "acct",
      bucketName: "a-bucket",
      "auth.type": "sharedKey",
      "auth.accountKey": KEY,
      partSizeMiB: 8,
      multipartCopyThresholdMiB: 500,
      requestTimeoutSeconds: 60,
    });
  });

  test("gives MinIO beside it none of its own address", async () => {
    const { config } = await loadAzure(
      `configVersion: v2\nmilvus.storage: { provider: azure, accountName: a, auth.accountKey: "${KEY}" }\nbackup.storage.provider: minio`,
    );
    expect(config.backup.storage.options).toMatchObject({ address: "localhost", port: 9000, useSSL: false });
  });

  test("beside Google has its own address, and Google its own", async () => {
    const azure = `provider: azure, accountName: a, auth.accountKey: "${KEY}"`;
    const google = "provider: gcpnative, auth.credentialsFile: /k.json";
    const atAzure = { address: "core.windows.net", port: 443 };
    const atGoogle = { address: "storage.googleapis.com", port: 443, useSSL: true };
    const tables = (provider: string): OptionTable | undefined =>
      provider === "gcpnative" ? gcs.options : driverOptions(provider);
    const odd = "address: odd.example, port: 7, region: r, useSSL: false";
    for (const written of ["", `, ${odd}`]) {
      const toGoogle = await loadV2(`milvus.storage: { ${azure}${written} }\nbackup.storage: { ${google} }`, {
        driverOptions: tables,
      });
      expect(toGoogle.config.backup.storage.options).toMatchObject(atGoogle);
      const toAzure = await loadV2(`milvus.storage: { ${google}${written} }\nbackup.storage: { ${azure} }`, {
        driverOptions: tables,
      });
      expect(plain(toAzure.config.backup.storage)).toMatchObject(atAzure);
    }
  });

  test("backups in another container inherit account, endpoint and credentials", async () => {
    const { config } = await loadAzure(
      "configVersion: v2\nmilvus.storage: { provider: azure, blobEndpoint: 'https://b', auth: { type: sas, sasToken: sig=1 } }\nbackup.storage.bucketName: other",
    );
    expect(plain(config.backup.storage)).toMatchObject({
      blobEndpoint: "https://b",
      bucketName: "other",
      "auth.type": "sas",
      "auth.sasToken": "sig=1",
    });
  });

  test("backups in another account inherit no signature and no endpoint", async () => {
    const message = await refusal(
      loadAzure(
        "configVersion: v2\nmilvus.storage: { provider: azure, accountName: a, auth: { type: sas, sasToken: sig=1 } }\nbackup.storage.accountName: b",
      ),
    );
    expect(message).toContain('backup.storage.auth.sasToken: is required while backup.storage.auth.type is "sas"');
    expect(message).not.toContain("milvus.storage");
    const { config } = await loadAzure(
      `configVersion: v2\nmilvus.storage: { provider: azure, blobEndpoint: 'https://b', accountName: a, auth.accountKey: "${KEY}" }\nbackup.storage.accountName: b`,
    );
    expect(Object.keys(plain(config.backup.storage))).not.toContain("blobEndpoint");
  });

  test("a connection string names the account, comes from its variable, and is masked", async () => {
    const text = `AccountName=acct;AccountKey=${KEY}`;
    const loaded = await loadAzure(
      "configVersion: v2\nmilvus.storage: { provider: azure, auth.type: connectionString }",
      { MILVUS_STORAGE_AUTH_CONNECTION_STRING: text },
    );
    expect(plain(loaded.config.milvus.storage)["auth.connectionString"]).toBe(text);
    expect(plain(loaded.config.backup.storage)["auth.connectionString"]).toBe(text);
    expect(entry(loaded, "milvus.storage.auth.connectionString").value).not.toContain(KEY);
  });

  test.each([
    ["{ provider: azure, auth.type: default }", "milvus.storage.accountName: is required"],
    ["{ provider: azure, accountName: a, auth.type: connectionString }", "auth.connectionString: is required"],
    ["{ provider: azure, accountName: a, auth: { type: default, accountKey: k } }", "does not apply when"],
  ])("%s is refused", async (storage, why) => {
    expect(await refusal(loadAzure(`configVersion: v2\nmilvus.storage: ${storage}`))).toContain(why);
  });
});

describe("a v1 file with azure", () => {
  const v1 = "minio: { storageType: azure, address: core.windows.net, port: 443, bucketName: box, accessKeyID: acct";

  test("has the account's name and key in the keys of S3", async () => {
    const { config } = await loadAzure(`${v1}, secretAccessKey: "${KEY}", backupBucketName: b, backupRootPath: r }`);
    expect(plain(config.milvus.storage)).toMatchObject({
      address: "core.windows.net",
      port: 443,
      accountName: "acct",
      "auth.type": "sharedKey",
      "auth.accountKey": KEY,
    });
    expect(plain(config.backup.storage)).toMatchObject({
      bucketName: "b",
      accountName: "acct",
      "auth.accountKey": KEY,
    });
  });

  test("is in the public cloud unless it says where", async () => {
    const { config } = await loadAzure(
      `minio: { storageType: azure, bucketName: box, accessKeyID: acct, secretAccessKey: "${KEY}" }`,
    );
    for (const { storage } of [config.milvus, config.backup]) {
      expect(plain(storage)).toMatchObject({ address: "core.windows.net", port: 443 });
    }
  });

  test("takes useIAM for whatever identity there is", async () => {
    const { config } = await loadAzure(`${v1}, useIAM: true }`);
    expect(plain(config.milvus.storage)).toMatchObject({ accountName: "acct", "auth.type": "default" });
    expect(Object.keys(config.milvus.storage.options)).not.toContain("auth.accountKey");
  });
});
