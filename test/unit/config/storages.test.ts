import { describe, expect, test } from "bun:test";
import { Secret } from "../../../src/base/secret.ts";
import { storageNamed } from "../../../src/config/storage_profiles.ts";
import { coded } from "../meta/repository_support.ts";
import { entry, load, loadV2, refusal } from "./support.ts";

const DISK = "storages: { disk: { provider: local, rootPath: /mnt/disk } }\n";
const CLOUD = [
  "storages:",
  "  cloud:",
  "    provider: aws",
  "    address: s3.example",
  "    bucketName: far",
  "    rootPath: /nightly/",
  "    auth: { accessKeyID: AK, secretAccessKey: very-secret }",
  "",
].join("\n");

describe("storages", () => {
  test("are none by default, also in a v1 file", async () => {
    expect((await load(undefined)).config.storages).toEqual({});
    expect((await load("milvus: { address: a }\n")).config.storages).toEqual({});
  });

  test("each becomes a storage as backup.storage does", async () => {
    const { config, warnings } = await loadV2(`${CLOUD}  disk: { provider: local, rootPath: /mnt/disk }\n`);
    expect(warnings).toEqual([]);
    expect(Object.keys(config.storages)).toEqual(["cloud", "disk"]);
    expect(config.storages.disk).toEqual({ provider: "local", rootPath: "/mnt/disk", options: {} });
    const { cloud } = config.storages;
    expect(cloud).toMatchObject({ provider: "aws", rootPath: "nightly" });
    expect(cloud?.options).toMatchObject({ address: "s3.example", bucketName: "far", "auth.accessKeyID": "AK" });
    const secret = cloud?.options["auth.secretAccessKey"];
    expect(secret instanceof Secret && secret.reveal()).toBe("very-secret");
  });

  test("take nothing from milvus.storage and backup.storage", async () => {
    const others = "{ provider: minio, address: m.example, region: r, useSSL: true, bucketName: b, caCertPath: /ca }";
    const { config } = await loadV2(
      `milvus: { storage: ${others} }\nbackup: { storage: ${others} }\nstorages: { other: { provider: minio } }\n`,
    );
    expect(config.storages.other?.options).toMatchObject({ address: "localhost", bucketName: "a-bucket" });
    expect(config.storages.other?.options).not.toHaveProperty("region");
    expect(config.storages.other?.options).not.toHaveProperty("caCertPath");
    expect(config.storages.other?.options.useSSL).toBe(false);
  });

  test("a secret may come from a variable or from the file that its sibling names", async () => {
    const secretOf = async (env: Record<string, string>, set: readonly string[] = []): Promise<unknown> => {
      const { config } = await loadV2(CLOUD, { env, set });
      const secret = config.storages.cloud?.options["auth.secretAccessKey"];
      return secret instanceof Secret ? secret.reveal() : secret;
    };
    expect(await secretOf({ STORAGES_CLOUD_AUTH_SECRET_ACCESS_KEY: "from-env" })).toBe("from-env");
    expect(await secretOf({}, ["storages.cloud.auth.secretAccessKey=from-flag"])).toBe("from-flag");
    const { config } = await loadV2(CLOUD, { env: { STORAGES_CLOUD_AUTH_ACCESS_KEY_ID_FILE: "backup.yaml" } });
    expect(String(config.storages.cloud?.options["auth.accessKeyID"])).toStartWith("configVersion: v2");
  });

  test("are shown, secrets masked, and only what is set of them", async () => {
    const loaded = await loadV2(CLOUD);
    const shown = loaded.entries.filter(({ key }) => key.startsWith("storages."));
    expect(shown.map(({ key }) => key)).toEqual([
      "storages.cloud.provider",
      "storages.cloud.address",
      "storages.cloud.bucketName",
      "storages.cloud.rootPath",
      "storages.cloud.auth.accessKeyID",
      "storages.cloud.auth.secretAccessKey",
    ]);
    expect(entry(loaded, "storages.cloud.auth.secretAccessKey")).toMatchObject({
      value: "ve****et",
      source: "config",
      display: "Storages.cloud.Auth.SecretAccessKey",
    });
  });

  test("may be made by --set alone, in any letter case", async () => {
    const set = ["storages.Disk.provider=local", "storages.DISK.rootPath=/x"];
    expect((await loadV2("", { set })).config.storages.disk?.rootPath).toBe("/x");
  });

  test("an empty `storages:` is none", async () => {
    expect((await loadV2("storages:\n")).config.storages).toEqual({});
  });
});

describe("refused", () => {
  test.each([
    ["storages: { disk: { rootPath: /x } }", "storages.disk.provider: is required"],
    ["storages: { disk: { provider: locl } }", 'storages.disk.provider (backup.yaml:2:31): invalid value "locl"'],
    ["storages: { disk: { provider: local, rootPth: /x } }", 'did you mean "storages.disk.rootPath"?'],
    ["storages: { disk: { provider: local, rootPath: '' } }", "storages.disk.rootPath"],
    ["storages: { far: { provider: aws, address: 'http://a' } }", 'must not contain "://"'],
    ["storages: { far: { provider: aws, auth: { accountKey: k } } }", "storages.far.auth.accountKey"],
    ["storages: { disk: /mnt }", "storages.disk"],
    ["storages: { my-disk: { provider: local } }", "storages.my-disk"],
    ["storages: { backup: { provider: local } }", "is a taken name (backup.storage has it)"],
    ["storages: { milvus: { provider: local } }", "is a taken name (milvus.storage has it)"],
    ["storages: { disk: { provider: minio, rootPath: files/insert_log } }", "storages.disk.rootPath"],
  ])("%s", async (yaml, message) => {
    expect(await refusal(loadV2(`${yaml}\n`))).toContain(message);
  });

  test("a v1 file has none: its keys are ignored, said aloud", async () => {
    const { config, warnings } = await load(DISK);
    expect(config.storages).toEqual({});
    expect(warnings.join("\n")).toContain('"storages.disk.provider"');
  });
});

describe("storageNamed", () => {
  test("gives the named one, and backup.storage for backup or nothing", async () => {
    const { config } = await loadV2(DISK);
    expect(storageNamed(config, "Disk").rootPath).toBe("/mnt/disk");
    expect(storageNamed(config, "backup")).toBe(config.backup.storage);
    expect(storageNamed(config)).toBe(config.backup.storage);
  });

  test("names those there are when there is none of that name", async () => {
    const { config } = await loadV2(DISK);
    expect(() => storageNamed(config, "dsk")).toThrow(coded("CONFIG_INVALID", "there are disk, and backup"));
    const { config: none } = await loadV2("");
    expect(() => storageNamed(none, "disk")).toThrow(coded("CONFIG_INVALID", "has no `storages:`"));
  });
});
