import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { builtinDrivers } from "../drivers/all.ts";
import { withGeneratedTables } from "../scripts/config_docs.ts";
import type { LoadedConfig } from "../src/config/config.ts";
import { loadConfig } from "../src/config/load.ts";
import { V2_KEYS } from "../src/config/schema_v2.ts";
import { configTable } from "../src/config/show.ts";
import { storageKeys } from "../src/config/storage_keys.ts";
import type { OptionTable } from "../src/storage/driver.ts";
import { validateOptions } from "../src/storage/options.ts";

const FOLDER = join(import.meta.dir, "../configs");
const FILES = readdirSync(FOLDER).filter((name) => name.endsWith(".yaml"));

function driverOptions(provider: string): OptionTable | undefined {
  return builtinDrivers.find((it) => it.name === provider || it.aliases?.includes(provider))?.options;
}

function load(file: string): Promise<LoadedConfig> {
  return loadConfig({ file, set: [], env: {}, cwd: FOLDER, executableDir: FOLDER, driverOptions });
}

describe("every file of configs/", () => {
  test("is there", () => {
    expect(FILES.sort()).toEqual([
      "backup-azure.yaml",
      "backup-gcp.yaml",
      "backup-iam.yaml",
      "backup-local-milvus.yaml",
      "backup-local.yaml",
      "backup-minio.yaml",
      "backup-s3.yaml",
      "backup-v1.yaml",
      "backup.yaml",
    ]);
  });

  test.each(FILES)("%s loads, shows, and its drivers take its options", async (file) => {
    const loaded = await load(file);
    const { config, entries, warnings } = loaded;
    expect(configTable(entries).split("\n").length).toBeGreaterThan(70);
    for (const storage of [config.milvus.storage, config.backup.storage]) {
      const table = driverOptions(storage.provider);
      expect(table).toBeDefined();
      validateOptions(table ?? {}, storage.options, storage.provider);
    }
    // v1: that it is one.
    expect(warnings.length).toBe(file === "backup-v1.yaml" ? 1 : 0);
  });

  test.each(FILES)("%s is listed in the README", (file) => {
    expect(readFileSync(join(FOLDER, "README.md"), "utf8")).toContain(`[${file}](${file})`);
  });
});

describe("backup.yaml", () => {
  test("writes every key, or names it in a comment", () => {
    const text = readFileSync(join(FOLDER, "backup.yaml"), "utf8");
    const options = Object.keys(driverOptions("minio") ?? {});
    const milvusKeys = V2_KEYS.filter((it) => !it.key.startsWith("backup.storage.")).map((it) => it.key);
    for (const key of [...milvusKeys, ...options]) {
      const name = key.split(".").at(-1) ?? "";
      expect([key, new RegExp(`^ *(# )?${name}:`, "m").test(text)]).toEqual([key, true]);
    }
  });

  test("says what no file at all says, so that its defaults are true", async () => {
    const [written, none] = await Promise.all([load("backup.yaml"), load("")]);
    expect(written.config).toEqual(none.config);
    const secrets = (loaded: LoadedConfig) => loaded.entries.map((it) => [it.key, it.value]);
    expect(secrets(written).filter(([key]) => V2_KEYS.some((it) => it.key === key))).toEqual(secrets(none));
    const omitted = written.entries.filter((it) => it.source === "default").map((it) => it.key);
    const inapplicable = ["accountName", "localPath", "auth.accountKey", "auth.credentialsFile", "auth.endpoint"];
    expect(omitted.sort()).toEqual(
      ["milvus", "backup"].flatMap((side) => inapplicable.map((name) => `${side}.storage.${name}`)).sort(),
    );
    expect(storageKeys("milvus").length).toBe(18);
  });
});

test("the tables of configs/README.md are those of the schema (run scripts/config_docs.ts)", () => {
  const text = readFileSync(join(FOLDER, "README.md"), "utf8");
  expect(withGeneratedTables(text)).toBe(text);
});
