import { describe, expect, test } from "bun:test";
import { Secret } from "../../../src/base/secret.ts";
import type { StorageConfig } from "../../../src/config/config.ts";
import { entry, load, loadV2, refusal } from "./support.ts";

/** Options with secrets revealed. */
function plain(storage: StorageConfig): Record<string, unknown> {
  const entries = Object.entries(storage.options);
  return Object.fromEntries(entries.map(([name, it]) => [name, it instanceof Secret ? `secret:${it.reveal()}` : it]));
}

describe("what a driver is given", () => {
  test("the MinIO defaults, only names of its table, secrets wrapped", async () => {
    const { config } = await load(undefined);
    expect(config.milvus.storage.provider).toBe("minio");
    expect(config.milvus.storage.rootPath).toBe("files");
    expect(plain(config.milvus.storage)).toEqual({
      address: "localhost",
      port: 9000,
      useSSL: false,
      bucketName: "a-bucket",
      "auth.type": "static",
      "auth.accessKeyID": "minioadmin",
      "auth.secretAccessKey": "secret:minioadmin",
      addressingStyle: "auto",
      multipartCopyThresholdMiB: 500,
    });
    expect(config.backup.storage).toMatchObject({ ...config.milvus.storage, rootPath: "backup" });
  });

  test("transfer's threshold unless the section has its own", async () => {
    const { config } = await loadV2(
      "transfer.multipartCopyThresholdMiB: 7\nbackup.storage.multipartCopyThresholdMiB: 9",
    );
    expect(config.milvus.storage.options.multipartCopyThresholdMiB).toBe(7);
    expect(config.backup.storage.options.multipartCopyThresholdMiB).toBe(9);
  });

  test("a driver's own options, directly or below options:, from the file, --set and variables", async () => {
    const loaded = await loadV2(
      "backup.storage: { provider: ftp, host: h, options: { passive: false, mode: text }, rootPath: /r/ }",
      { env: { BACKUP_STORAGE_SECRET_KEY: "k" }, set: ["backup.storage.port=ftp"] },
    );
    expect(loaded.config.backup.storage.rootPath).toBe("/r/");
    expect(plain(loaded.config.backup.storage)).toEqual({
      host: "h",
      port: "ftp",
      passive: false,
      mode: "Text",
      secretKey: "secret:k",
    });
    expect(entry(loaded, "backup.storage.mode")).toMatchObject({
      display: "Backup.Storage.Mode",
      value: "Text",
      sourceKey: "backup.storage.options.mode",
    });
    expect(entry(loaded, "backup.storage.secretKey").value).toBe("****");
  });

  test("its types, names and required options are checked", async () => {
    const message = await refusal(
      loadV2("backup.storage: { provider: ftp, passive: 7, mode: x, hsot: h, region: r, options: { pasive: 1 } }"),
    );
    for (const part of [
      'backup.storage.passive (backup.yaml:2:43): "7" is neither true nor false',
      "want one of: Binary, Text",
      'backup.storage.hsot (backup.yaml:2:61): is not a known key; did you mean "backup.storage.host"?',
      'backup.storage.region (backup.yaml:2:72): is not an option of driver "ftp"',
      'did you mean "backup.storage.options.passive"?',
      'backup.storage.host: is required by driver "ftp": Server.',
    ]) {
      expect(message).toContain(part);
    }
  });

  test("plugins are loaded, as absolute paths, before their options are read", async () => {
    const seen: string[] = [];
    const tables = new Map([["late", { host: { type: "string", description: "x" } } as const]]);
    let isLoaded = false;
    const { config } = await loadV2("plugins: [./late.ts, /p/x.ts]\nbackup.storage: { provider: late, host: h }", {
      loadPlugins: async (files) => {
        seen.push(...files);
        isLoaded = true;
      },
      driverOptions: (name) => (isLoaded ? tables.get(name) : undefined) ?? (name === "minio" ? {} : undefined),
    });
    expect(seen[0]).toEndWith("/late.ts");
    expect(seen).toEqual([...config.plugins]);
    expect(seen[0]?.startsWith("/")).toBe(true);
    expect(config.backup.storage).toEqual({ provider: "late", rootPath: "backup", options: { host: "h" } });
  });

  test("roots lose the slashes at their ends; a directory stays as given", async () => {
    const { config } = await loadV2(
      "milvus.storage.rootPath: /files//\nbackup.storage: { provider: local, rootPath: ./b/ }",
    );
    expect([config.milvus.storage.rootPath, config.backup.storage.rootPath]).toEqual(["files", "./b/"]);
    expect(config.backup.storage.options).toEqual({});
  });
});

describe("provider names", () => {
  test.each([
    ["MinIO", "minio"],
    ["ali", "aliyun"],
    ["alicloud", "aliyun"],
    ["Alibaba", "aliyun"],
    ["tc", "tencent"],
    ["huawei", "hwc"],
    ["ceph", "ceph"],
    ["azure", "azure"],
  ])("%s is %s", async (written, canonical) => {
    const azure = written === "azure" ? ", accountName: a, auth.accountKey: k" : "";
    const { config } = await loadV2(`backup.storage: { provider: ${written}${azure} }`);
    expect(config.backup.storage.provider).toBe(canonical);
  });

  test("an unknown one is refused alone, without the problems that follow from it", async () => {
    const message = await refusal(loadV2("backup.storage: { provider: mino, bucket: x, port: 0 }"));
    expect(message).toStartWith(
      'configuration: backup.storage.provider (backup.yaml:2:29): invalid value "mino" (did you',
    );
    expect(message).toContain("local, minio, s3, aws, gcp, gcpnative, azure, aliyun, tencent, hwc");
  });

  test("a plugin driver of that name comes before a synonym", async () => {
    const table = { host: { type: "string", description: "x" } } as const;
    const { config } = await loadV2("backup.storage: { provider: oss }", {
      driverOptions: (name) => (name === "oss" ? table : name === "minio" || name === "aliyun" ? {} : undefined),
    });
    expect(config.backup.storage.provider).toBe("oss");
  });
});

describe("inheritance", () => {
  const milvus = [
    "milvus.storage:",
    "  { provider: s3, address: h, port: 1, region: r, useSSL: true, bucketName: b, rootPath: m, milvusAddress: x,",
    "    milvusPort: 5, caCertPath: ca.pem, auth: { accessKeyID: i, secretAccessKey: s, sessionToken: t } }",
  ].join("\n");

  test("everything but paths and Milvus' own view is inherited, and shown as a default", async () => {
    const loaded = await loadV2(milvus);
    expect(loaded.config.backup.storage.options).toEqual(loaded.config.milvus.storage.options);
    expect(loaded.config.backup.storage.rootPath).toBe("backup");
    expect(entry(loaded, "backup.storage.region")).toMatchObject({ value: "r", source: "default", sourceKey: "" });
    expect(entry(loaded, "backup.storage.milvusAddress").value).toBe("");
    expect(entry(loaded, "backup.storage.milvusPort").value).toBe("0");
  });

  test("field by field", async () => {
    const { config } = await loadV2(`${milvus}\nbackup.storage: { bucketName: c, auth.secretAccessKey: z }`);
    expect(plain(config.backup.storage)).toMatchObject({
      bucketName: "c",
      "auth.accessKeyID": "i",
      "auth.secretAccessKey": "secret:z",
      caCertPath: "ca.pem",
    });
  });

  test("what a driver needs for one server is not inherited for another", async () => {
    const { config } = await loadV2(`${milvus}\nbackup.storage.address: other`);
    expect(config.backup.storage.options.caCertPath).toBeUndefined();
    expect(config.backup.storage.options.region).toBe("r");
  });

  test("another family has its own kind of credentials; what does not apply is left out", async () => {
    const toAzure = await loadV2("backup.storage: { provider: azure, accountName: a, auth.accountKey: k }");
    expect(entry(toAzure, "backup.storage.auth.type").value).toBe("sharedKey");
    const azure =
      "milvus.storage: { provider: azure, accountName: a, auth.accountKey: k }\nbackup.storage.provider: minio";
    const fromAzure = await loadV2(azure);
    expect(plain(fromAzure.config.backup.storage)).toMatchObject({ "auth.type": "static" });
    const iam = await loadV2("milvus.storage: { provider: aws, auth: { type: iam, endpoint: http://e } }");
    expect(plain(iam.config.backup.storage)).toMatchObject({ "auth.type": "iam", "auth.endpoint": "http://e" });
    expect(Object.keys(iam.config.backup.storage.options)).not.toContain("auth.secretAccessKey");
    const local = await loadV2(
      "milvus.storage: { provider: local, rootPath: /d, bucketName: '' }\nbackup.storage: { provider: minio, bucketName: b }",
    );
    expect(plain(local.config.backup.storage)).toMatchObject({ "auth.type": "static", bucketName: "b" });
  });
});

describe("gcpnative", () => {
  const GOOGLE = { address: "storage.googleapis.com", port: 443, useSSL: true };

  test("is Google's own endpoint unless another is written, beside another service too", async () => {
    const both = "milvus.storage: { provider: gcpnative, auth.credentialsFile: /k.json }";
    const { config } = await loadV2(both);
    expect(config.milvus.storage).toMatchObject({ provider: "gcpnative", options: GOOGLE });
    expect(config.backup.storage).toMatchObject({ provider: "gcpnative", options: GOOGLE });
    const beside = await loadV2("backup.storage: { provider: gcs, auth.credentialsFile: /k.json }");
    expect(plain(beside.config.milvus.storage)).toMatchObject({ address: "localhost", port: 9000 });
    expect(beside.config.backup.storage).toMatchObject({ provider: "gcpnative", options: GOOGLE });
    const emulator = await loadV2(
      "milvus.storage: { provider: gcpnative, address: e, port: 9023, useSSL: false, auth.type: none }",
    );
    expect(emulator.config.backup.storage.options).toMatchObject({ address: "e", port: 9023, useSSL: false });
  });

  test("default credentials may name a file or a metadata server, and find the file that Google's tools use", async () => {
    const written = await loadV2(
      "milvus.storage: { provider: gcpnative, auth: { type: default, credentialsFile: /f, endpoint: m } }",
    );
    expect(written.config.milvus.storage.options).toMatchObject({ "auth.credentialsFile": "/f", "auth.endpoint": "m" });
    const env = { GOOGLE_APPLICATION_CREDENTIALS: "/adc.json" };
    const found = await loadV2("milvus.storage: { provider: gcpnative, auth.type: default }", { env });
    expect(found.config.milvus.storage.options).toMatchObject({ "auth.credentialsFile": "/adc.json" });
    const file = "milvus.storage: { provider: gcpnative, auth: { type: default, credentialsFile: /own } }";
    const own = await loadV2(file, { env });
    expect(own.config.milvus.storage.options).toMatchObject({ "auth.credentialsFile": "/own" });
    const s3 = await loadV2("milvus.storage: { provider: aws, auth.type: default }", { env });
    expect(s3.config.milvus.storage.options["auth.credentialsFile"]).toBeUndefined();
  });
});

describe("validation", () => {
  test.each([
    ["milvus.storage.bucketName: ''", "milvus.storage.bucketName (backup.yaml:2:28): is required"],
    ["backup.storage.address: https://s3.amazonaws.com", "write the host alone, and useSSL: true for TLS"],
    ["backup.storage.address: minio:9000", "must not hold the port"],
    ["backup.storage.accountName: ''", 'applies to provider "azure" only'],
    ["backup.storage.localPath: ''", 'applies to provider "local" only'],
    ["backup.storage.provider: azure", "backup.storage.accountName: is required"],
    ["backup.storage: { provider: azure, accountName: a }", "backup.storage.auth.accountKey: is required"],
    ["backup.storage: { provider: azure, accountName: a, auth.type: static }", "want one of: sharedKey, default"],
    ["backup.storage: { provider: gcpnative }", "backup.storage.auth.credentialsFile: is required"],
    ["backup.storage.auth.type: sharedKey", "want one of: static, iam, default"],
    ["backup.storage.auth.type: magic", 'invalid value "magic"'],
    ["backup.storage.auth.accessKeyID: ''", 'is required while backup.storage.auth.type is "static"'],
    [
      "backup.storage.auth: { type: iam, accessKeyID: a }",
      'does not apply when backup.storage.auth.type is "iam"; remove it or set auth.type: static',
    ],
    ["backup.storage.auth.accountKey: ''", 'does not apply when backup.storage.auth.type is "static"; remove it'],
    ["backup.storage.auth.endpoint: http://x", "remove it or set auth.type: iam"],
    ["backup.storage.milvusPort: 7", "needs backup.storage.milvusAddress too"],
    ["backup.storage.milvusAddress: http://x", 'must not contain "://"'],
    ["backup.storage: { provider: local, milvusAddress: x }", 'does not apply to provider "local"'],
    ["backup.storage: { provider: local, rootPath: '' }", "write the directory"],
    [
      "milvus.storage.rootPath: ../x",
      'milvus.storage.rootPath (backup.yaml:2:26): "../x" cannot be the start of object names: it holds the part ".."',
    ],
    ["backup.storage.rootPath: a/../../b", 'it holds the part ".."'],
    ['backup.storage.rootPath: "a\\tb"', "it holds a control character"],
    ["backup.storage: { provider: azure, auth.accountKey: k, accountName: a, rootPath: .. }", 'it holds the part ".."'],
    [`backup.storage.rootPath: ${"p".repeat(1025)}`, "it is longer than 1024 bytes"],
  ])("%s", async (yaml, what) => {
    expect(await refusal(loadV2(yaml))).toContain(what);
  });

  test.each([
    [
      "of a local storage is a directory",
      "backup.storage: { provider: local, rootPath: ../backups/.. }",
      "../backups/..",
    ],
    ["may be written with slashes and dots to spare", "backup.storage.rootPath: /a//./b/", "a/b"],
    ["may be the whole bucket", "backup.storage.bucketName: other\nbackup.storage.rootPath: /", ""],
  ])("a root path %s", async (_, yaml, rootPath) => {
    expect((await loadV2(yaml)).config.backup.storage.rootPath).toBe(rootPath);
  });

  test("credentials of another kind are refused from the environment too, even empty", async () => {
    const env = { BACKUP_STORAGE_AUTH_ACCOUNT_KEY: "" };
    expect(await refusal(load(undefined, { env }))).toContain("environment variable BACKUP_STORAGE_AUTH_ACCOUNT_KEY");
  });

  test("local takes what does not matter to it, with a warning", async () => {
    const { warnings } = await loadV2(
      "milvus.storage: { provider: local, rootPath: /d, port: 0, address: h, bucketName: '' }\nbackup.storage.bucketName: b\nbackup.storage.rootPath: /b",
    );
    expect(warnings).toEqual([
      'milvus.storage.address, milvus.storage.port: not used by provider "local", ignored',
      'backup.storage.bucketName: not used by provider "local", ignored',
    ]);
  });
});

describe("where the backups lie", () => {
  const roots = (milvus: string, backup: string, more = "") =>
    loadV2(`milvus.storage.rootPath: ${milvus}\nbackup.storage.rootPath: ${backup}\n${more}`);

  test.each([
    ["files", "files/insert_log"],
    ["files", "/files/insert_log/x/"],
    ["files", "files//./insert_log"],
    ["''", "delta_log"],
  ])("inside the data of Milvus is refused: %s, %s", async (milvus, backup) => {
    expect(await refusal(roots(milvus, backup))).toContain("where Milvus deletes what it does not know");
  });

  test.each([
    ["files", "files", "are the same folder"],
    ["a/files", "a", "lies inside backup.storage.rootPath"],
    ["files", "''", "lies inside backup.storage.rootPath"],
  ])("the same folder or around it is a warning: %s, %s", async (milvus, backup, what) => {
    expect((await roots(milvus, backup)).warnings.join("\n")).toContain(what);
  });

  test.each([
    ["files", "files/backup", ""],
    ["files", "files_B", ""],
    ["files", "files", "backup.storage.bucketName: other"],
    ["files", "files/insert_log", "backup.storage.address: other"],
    ["files", "files/insert_log", "backup.storage.provider: local"],
  ])("elsewhere is fine: %s, %s %s", async (milvus, backup, more) => {
    expect((await roots(milvus, backup, more)).warnings).toEqual([]);
  });

  test("relative directories are compared as what they mean", async () => {
    const yaml = "milvus.storage: { provider: local, rootPath: data }\nbackup.storage.rootPath: ./x/../data/insert_log";
    expect(await refusal(loadV2(yaml))).toContain("where Milvus deletes");
  });
});
