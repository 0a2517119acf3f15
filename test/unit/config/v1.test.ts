import { describe, expect, test } from "bun:test";
import { Secret } from "../../../src/base/secret.ts";
import type { StorageConfig } from "../../../src/config/config.ts";
import { V1_KEYS } from "../../../src/config/schema_v1.ts";
import { entry, load, refusal } from "./support.ts";

/** The file of the documents, word for word. */
const DOCUMENTED = `milvus:
  address: milvus_A
  port: 19530
  authorizationEnabled: false
  tlsMode: 0            # 0 close, 1 one-way, 2 two-way
  user: "root"
  password: "Milvus"
minio:
  storageType: "minio"  # local, minio, s3, aws, gcp, ali(aliyun), azure, tc(tencent)
  # cloudProvider: "minio"   deprecated, storageType replaces it
  address: localhost
  port: 9000
  accessKeyID: minioadmin
  secretAccessKey: minioadmin
  useSSL: false
  useIAM: false
  iamEndpoint: ""
  bucketName: "bucket_A"
  rootPath: "files_A"
  # azure only:
  backupAccessKeyID: minioadmin
  backupSecretAccessKey: minioadmin
  backupBucketName: "bucket_A"
  backupRootPath: "backup"
`;

function secret(storage: StorageConfig, name: string): string | undefined {
  const value = storage.options[name];
  return value instanceof Secret ? value.reveal() : undefined;
}

describe("the documented v1 file", () => {
  test("gives what it says", async () => {
    const { config, warnings } = await load(DOCUMENTED);
    expect(config.milvus.grpc).toMatchObject({ address: "milvus_A", port: 19530, tlsMode: "disabled" });
    expect([config.milvus.user, config.milvus.password.reveal()]).toEqual(["root", "Milvus"]);
    for (const storage of [config.milvus.storage, config.backup.storage]) {
      expect(storage.provider).toBe("minio");
      expect(storage.options).toMatchObject({
        address: "localhost",
        port: 9000,
        useSSL: false,
        bucketName: "bucket_A",
        "auth.type": "static",
        "auth.accessKeyID": "minioadmin",
      });
      expect(secret(storage, "auth.secretAccessKey")).toBe("minioadmin");
    }
    expect([config.milvus.storage.rootPath, config.backup.storage.rootPath]).toEqual(["files_A", "backup"]);
    expect(config.transfer).toEqual({
      mode: "auto",
      concurrency: 128,
      multipartCopyThresholdMiB: 500,
      verify: "digest",
    });
    expect(warnings).toEqual([
      "backup.yaml is a v1 configuration (no configVersion: v2) and was translated in memory; " +
        "`milvus-backup config migrate` writes it as v2",
    ]);
  });

  test("every value keeps its true source", async () => {
    const env = { MINIO_BUCKET_NAME: "bucket_E" };
    const loaded = await load(DOCUMENTED, { env, set: ["minio.rootPath=files_S"] });
    expect(entry(loaded, "milvus.grpc.address")).toMatchObject({ source: "config", sourceKey: "milvus.address" });
    expect(entry(loaded, "milvus.storage.bucketName")).toMatchObject({
      value: "bucket_E",
      source: "env",
      sourceKey: "minio_bucket_name",
    });
    expect(entry(loaded, "milvus.storage.rootPath")).toMatchObject({ source: "override", sourceKey: "minio.rootpath" });
    expect(entry(loaded, "backup.storage.bucketName")).toMatchObject({ sourceKey: "minio.backupbucketname" });
    expect(entry(loaded, "backup.storage.port")).toMatchObject({ value: "9000", source: "default", sourceKey: "" });
    expect(entry(loaded, "log.level")).toMatchObject({ source: "default", sourceKey: "" });
  });
});

describe("v1 rules", () => {
  test("every variable of v1 is read", async () => {
    for (const spec of V1_KEYS.filter((it) => it.env !== undefined && !it.key.includes("cpCredential"))) {
      const text = spec.type === "boolean" ? String(spec.default !== true) : spec.type === "integer" ? "1" : "http://x";
      const set = spec.env?.endsWith("ADDRESS") === true && spec.env !== "BACKUP_GC_PAUSE_ADDRESS" ? "host" : text;
      const iam = spec.env?.includes("IAM_ENDPOINT") === true ? "minio: { useIAM: true }" : "{}";
      const loaded = await load(iam, { env: { [spec.env ?? ""]: set } });
      expect([spec.env, entry(loaded, spec.v2).source]).toEqual([spec.env, "env"]);
    }
  });

  test("an unset backup root is Milvus' own, with a warning; an empty one gives way to backup", async () => {
    const same = await load("{}");
    expect(same.config.backup.storage.rootPath).toBe("files");
    expect(same.warnings.join("\n")).toContain('are the same folder ("files")');
    expect((await load("minio: { rootPath: '' }")).config.backup.storage.rootPath).toBe("backup");
  });

  test("backup keys inherit one by one", async () => {
    const { config } = await load(
      "minio: { address: a, port: 1, useSSL: true, token: t, region: r, backupAddress: b, backupRootPath: x }",
    );
    expect(config.backup.storage.options).toMatchObject({ address: "b", port: 1, useSSL: true, region: "r" });
    expect(secret(config.backup.storage, "auth.sessionToken")).toBe("t");
  });

  test.each([
    ["0", "disabled", ""],
    ["1", "server", ""],
    ["2", "server", "is used as 1"],
    ["2\n  mtlsCertPath: c\n  mtlsKeyPath: k", "mutual", ""],
    ["7", "disabled", "is not 0, 1 or 2"],
  ])("tlsMode %p is %s", async (mode, word, warning) => {
    const loaded = await load(`milvus:\n  tlsMode: ${mode}\nminio.backupRootPath: b`);
    expect(loaded.config.milvus.grpc.tlsMode as string).toBe(word);
    expect(loaded.warnings.slice(1).join("\n")).toContain(warning);
    expect(loaded.warnings).toHaveLength(warning === "" ? 1 : 2);
  });

  test("the storage type has three names, the newest first, and synonyms", async () => {
    const provider = async (yaml: string) => (await load(yaml)).config.milvus.storage.provider;
    expect(await provider("minio.cloudProvider: aws")).toBe("aws");
    expect(await provider("minio: { cloudProvider: aws, storageType: Ali }")).toBe("aliyun");
    expect(await provider("minio: { storageType: aws }\nstorage: { storageType: tc }")).toBe("tencent");
  });

  test("IAM, azure and local credentials", async () => {
    const iam = await load("minio: { useIAM: true, iamEndpoint: http://e, accessKeyID: a }");
    expect(iam.config.milvus.storage.options).toMatchObject({ "auth.type": "iam", "auth.endpoint": "http://e" });
    const azure = await load("minio: { storageType: azure, accessKeyID: account, secretAccessKey: keykey }");
    expect(entry(azure, "milvus.storage.accountName").value).toBe("account");
    expect(entry(azure, "backup.storage.auth.accountKey").value).toBe("ke****ey");
    const local = await load("minio: { storageType: local, rootPath: /d, backupRootPath: /b }");
    expect(local.config.backup.storage).toEqual({ provider: "local", rootPath: "/b", options: {} });
  });

  test("gcpnative is at Google unless another address is written", async () => {
    const yaml = "minio: { storageType: gcpnative, gcpCredentialJSON: /key.json";
    const google = await load(`${yaml} }`);
    for (const side of ["milvus", "backup"]) {
      expect(entry(google, `${side}.storage.address`).value).toBe("storage.googleapis.com");
      expect(entry(google, `${side}.storage.useSSL`).value).toBe("true");
    }
    const own = await load(`${yaml}, address: gcs.internal, port: 8080 }`);
    for (const side of ["milvus", "backup"]) {
      expect(entry(own, `${side}.storage.address`).value).toBe("gcs.internal");
      expect(entry(own, `${side}.storage.port`).value).toBe("8080");
    }
  });

  test("a service account is a path, never its content", async () => {
    const yaml = "minio: { storageType: gcpnative, gcpCredentialJSON: /key.json }";
    expect(entry(await load(yaml), "backup.storage.auth.credentialsFile").value).toBe("/key.json");
    const content = 'minio: { storageType: gcpnative, gcpCredentialJSON: \'{"private_key": "canary"}\' }';
    const message = await refusal(load(content));
    expect(message).toContain("must be the path");
    expect(message).not.toContain("canary");
  });

  test("the rest of the mapping", async () => {
    const { config, warnings } = await load(`
log: { level: debug, console: false, file: { filename: l, maxSize: 1, maxDays: 2, maxBackups: 3 } }
http: { enabled: false, debugMode: true, swaggerBasePath: /x }
cloud: { address: "https://c", apikey: key }
milvus: { etcd: { endpoints: "a:1, b:2,", rootPath: e }, rpcChannelName: r, serverName: s, caCertPath: ca }
minio: { crossStorage: true, multipartCopyThresholdMiB: 9, backupRootPath: b }
backup:
  parallelism: { copydata: 1, backupCollection: 2, backupSegment: 3, restoreCollection: 4, importJob: 5 }
  keepTempFiles: true
  gcPause: { enable: false, address: "http://m:9091" }
`);
    expect(config.log).toEqual({
      level: "debug",
      console: false,
      file: { path: "l", maxSizeMiB: 1, maxDays: 2, maxBackups: 3 },
    });
    expect(config.server).toEqual({ debugMode: true, swaggerBasePath: "/x" });
    expect([config.zillizCloud.endpoint, config.zillizCloud.apiKey.reveal()]).toEqual(["https://c", "key"]);
    expect(config.milvus.etcd).toEqual({ endpoints: ["a:1", "b:2"], rootPath: "e" });
    expect(config.milvus.replicate.rpcChannelName).toBe("r");
    expect(config.milvus.grpc).toMatchObject({ serverName: "s", caCertPath: "ca" });
    expect(config.transfer).toMatchObject({ mode: "streaming", concurrency: 1, multipartCopyThresholdMiB: 9 });
    expect(config.backup.concurrency).toEqual({ collections: 2, segments: 3 });
    expect(config.restore).toMatchObject({ concurrency: { collections: 4, importJobs: 5 }, keepTempFiles: true });
    expect([config.backup.pauseGC, config.milvus.management.endpoint]).toEqual([false, "http://m:9091"]);
    expect(warnings.join("\n")).toContain("http.enabled: false has no meaning any more");
  });

  test("etcd endpoints may be a list", async () => {
    expect((await load("milvus: { etcd: { endpoints: [a, b] } }")).config.milvus.etcd.endpoints).toEqual(["a", "b"]);
  });

  test("problems name the v1 key and its place", async () => {
    expect(await refusal(load("minio: { port: none }"))).toContain('minio.port (backup.yaml:1:16): "none" is not');
    expect(await refusal(load("minio: { bucketName: '' }"))).toContain(
      "milvus.storage.bucketName (minio.bucketName, backup.yaml:1:22): is required",
    );
    expect(await refusal(load("minio: { port: 70000 }"))).toContain("65535");
    expect(await refusal(load("log.level: loud"))).toContain("log.level (backup.yaml:1:12): invalid value");
    expect((await load("log.level: WARN")).config.log.level).toBe("warn");
    const kubernetes = { MILVUS_PORT: "tcp://10.0.0.1:19530" };
    expect(await refusal(load("{}", { env: kubernetes }))).toContain("enableServiceLinks: false");
  });

  test("an empty file, comments alone and configVersion: V1 are v1", async () => {
    for (const yaml of ["", "# nothing\n", "configVersion: V1\n", "configVersion:\n"]) {
      expect((await load(yaml)).warnings[0]).toContain("is a v1 configuration");
    }
  });
});
