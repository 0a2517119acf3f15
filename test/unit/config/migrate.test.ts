import { describe, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Environment } from "../../../src/config/environment.ts";
import { type MigratedConfig, migrateConfig } from "../../../src/config/migrate.ts";
import { driverOptions, load, refusal } from "./support.ts";

async function migrate(yaml: string, env: Environment = {}): Promise<MigratedConfig> {
  const folder = await mkdtemp(join(tmpdir(), "config-migrate-"));
  try {
    await writeFile(join(folder, "backup.yaml"), yaml);
    return await migrateConfig({ file: "backup.yaml", env, cwd: folder, executableDir: folder, driverOptions });
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Roots of their own, so that there is nothing to report. */
const QUIET = "minio: { rootPath: files, backupRootPath: backup }\n";

describe("the document", () => {
  test("writes every key that applies, in order, and nothing else", async () => {
    const { document, report, problems } = await migrate(QUIET);
    expect([report, problems]).toEqual([[], []]);
    expect(document).toStartWith(
      "configVersion: v2\nlog:\n  level: info\n  console: true\n  file:\n    path: logs/backup.log\n",
    );
    expect(document).toContain("    endpoints:\n      - localhost:2379\n");
    expect(document).toContain("      accessKeyID: minioadmin\n      secretAccessKey: minioadmin\n");
    for (const absent of ["accountName", "localPath", "accountKey", "credentialsFile", "plugins", "verify"]) {
      expect(document).not.toContain(absent);
    }
    expect(document).toContain("  # v1 had crossStorage: false");
  });

  test.each([
    ["defaults", QUIET],
    [
      "odd texts",
      "milvus: { user: '0123', password: 'yes: #no' }\nminio: { bucketName: 'true', backupRootPath: '1e5' }",
    ],
    ["IAM", "minio: { storageType: aws, useIAM: true, iamEndpoint: http://e, backupRootPath: b }"],
    ["azure", "minio: { storageType: azure, accessKeyID: a, secretAccessKey: k, backupRootPath: b }"],
    ["azure elsewhere", "minio: { storageType: azure, address: a.b, port: 1, accessKeyID: a, secretAccessKey: k }"],
    ["gcpnative", "minio: { storageType: gcpnative, gcpCredentialJSON: /k.json, backupRootPath: b }"],
    ["gcpnative beside MinIO", "minio: { address: h, backupStorageType: gcpnative, backupGcpCredentialJSON: /k.json }"],
    ["local", "minio: { storageType: local, rootPath: /d, backupRootPath: /b }"],
    ["two services", "minio: { backupStorageType: aws, backupAddress: h, backupUseSSL: true, crossStorage: true }"],
    [
      "everything else",
      "log.level: WARN\nmilvus: { tlsMode: 1, etcd.endpoints: 'a,b' }\nbackup.parallelism.copydata: 3",
    ],
  ])("means what the v1 file meant: %s", async (_name, yaml) => {
    const [before, { document, problems }] = await Promise.all([load(yaml), migrate(yaml)]);
    expect(problems).toEqual([]);
    const after = await load(document);
    expect(after.config).toEqual(before.config);
    expect(after.config.milvus.password.reveal()).toBe(before.config.milvus.password.reveal());
    expect(after.entries.map((it) => [it.key, it.value])).toEqual(before.entries.map((it) => [it.key, it.value]));
  });

  test("secrets from the environment stay out of it, those inherited from them too", async () => {
    const env = { MINIO_SECRET_KEY: "canary-key", MILVUS_PASSWORD: "canary-word", MINIO_ACCESS_KEY: "id" };
    const { document, report } = await migrate(QUIET, env);
    expect(document + report.join("\n")).not.toContain("canary");
    expect(document).toContain(
      "      # set via env BACKUP_STORAGE_AUTH_SECRET_ACCESS_KEY\n      secretAccessKey: minioadmin",
    );
    expect(document).toContain("      accessKeyID: id\n");
    expect(report).toEqual([
      "# migration report for backup.yaml",
      "warning: milvus.password came from the environment and was not written; set MILVUS_PASSWORD",
      "warning: milvus.storage.auth.secretAccessKey came from the environment and was not written; " +
        "set MILVUS_STORAGE_AUTH_SECRET_ACCESS_KEY",
      "warning: backup.storage.auth.secretAccessKey came from the environment and was not written; " +
        "set BACKUP_STORAGE_AUTH_SECRET_ACCESS_KEY",
      "environment variables of v1 that are set here and mean nothing to v2:",
      "  MINIO_ACCESS_KEY -> the variable MILVUS_STORAGE_AUTH_ACCESS_KEY_ID",
      "  MINIO_SECRET_KEY -> the variable MILVUS_STORAGE_AUTH_SECRET_ACCESS_KEY",
    ]);
  });
});

describe("the report", () => {
  test.each([
    ["http.enabled: false", "http.enabled: false has no meaning any more"],
    ["milvus.tlsMode: 2", "milvus.tlsMode: 2 without mtlsCertPath and mtlsKeyPath is used as 1"],
    ["milvus.tlsMode: 9", "milvus.tlsMode: 9 is not 0, 1 or 2"],
    ["minio.backupAddress: other", "but the two storages are different services"],
    ["minio: { storageType: gcpnative, gcpCredentialJSON: /k }", "must be the path of the service account file"],
    ["{}", "are the same folder"],
    ["milvus.tlsCertPath: /pem", '"milvus.tlsCertPath" (backup.yaml:1:21) is not read'],
  ])("%s", async (yaml, what) => {
    const { report } = await migrate(yaml);
    expect(report[0]).toBe("# migration report for backup.yaml");
    expect(report.join("\n")).toContain(`warning: `);
    expect(report.join("\n")).toContain(what);
  });

  test("says why the result would not load", async () => {
    const { report, problems } = await migrate("minio: { port: 70000, backupRootPath: b }");
    expect(problems).toHaveLength(2);
    expect(report.join("\n")).toContain("warning: migrated config is not valid v2: milvus.storage.port (minio.port, ");
  });

  test("a lost mutual TLS is a comment in the file too", async () => {
    expect((await migrate("milvus.tlsMode: 2")).document).toContain(
      "    # v1 had 2 (mutual) without mtlsCertPath and mtlsKeyPath\n    tlsMode: server\n",
    );
  });
});

test("refuses v2 files, wrong types and no file", async () => {
  const refused = async (yaml: string): Promise<string> => refusal(migrate(yaml).then(() => load(undefined)));
  expect(await refused("configVersion: v2")).toContain("already a v2 config");
  expect(await refused("minio.port: none")).toContain("is not a whole number");
  const none = { file: "", env: {}, cwd: "/", executableDir: "/", driverOptions };
  expect(await refusal(migrateConfig(none).then(() => load(undefined)))).toContain("needs a v1 file");
});
