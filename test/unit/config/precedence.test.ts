import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig } from "../../../src/config/load.ts";
import { driverOptions, entry, load, loadV2, refusal } from "./support.ts";

describe("precedence", () => {
  const yaml = "milvus: { user: from-file, grpc: { port: 1 } }";

  test("default, then file, then environment, then --set", async () => {
    const env = { MILVUS_USER: "from-env" };
    const set = ["milvus.user=from-set"];
    const seen = [];
    for (const options of [{}, { env }, { env, set }]) {
      const loaded = await loadV2(yaml, options);
      seen.push([
        loaded.config.milvus.user,
        entry(loaded, "milvus.user").source,
        entry(loaded, "milvus.user").sourceKey,
      ]);
    }
    expect(seen).toEqual([
      ["from-file", "config", "milvus.user"],
      ["from-env", "env", "milvus_user"],
      ["from-set", "override", "milvus.user"],
    ]);
    expect(entry(await load(undefined), "milvus.user")).toMatchObject({ value: "", source: "default", sourceKey: "" });
  });

  test("an empty variable counts as set", async () => {
    const loaded = await loadV2(yaml, { env: { MILVUS_USER: "" } });
    expect(entry(loaded, "milvus.user")).toMatchObject({ value: "", source: "env" });
    const env = { MILVUS_STORAGE_AUTH_SECRET_ACCESS_KEY: "" };
    expect(await refusal(load(undefined, { env }))).toContain(
      "milvus.storage.auth.secretAccessKey (environment variable MILVUS_STORAGE_AUTH_SECRET_ACCESS_KEY): is required",
    );
  });

  test("only credentials have variables", async () => {
    const loaded = await load(undefined, { env: { LOG_LEVEL: "debug", MILVUS_GRPC_PORT: "5" } });
    expect(loaded.config.log.level).toBe("info");
    expect(loaded.config.milvus.grpc.port).toBe(19530);
  });

  test("null and empty sections mean not set", async () => {
    const loaded = await loadV2("log:\nmilvus:\n  user: ~\n  grpc: {}\n  storage:\n    rootPath: null");
    expect(loaded.config.milvus.user).toBe("");
    expect(loaded.config.milvus.storage.rootPath).toBe("files");
  });
});

describe("--set", () => {
  const user = async (...set: string[]): Promise<string> => (await load(undefined, { set })).config.milvus.user;

  test("splits as CSV, at the first =, in any letter case", async () => {
    const set = ["MILVUS.User=a=b,milvus.grpc.PORT=7", '"milvus.etcd.endpoints=a:2379, b:2379,"', "log.level=WARNING"];
    const { config } = await load(undefined, { set });
    expect(config.milvus.user).toBe("a=b");
    expect(config.milvus.grpc.port).toBe(7);
    expect(config.milvus.etcd.endpoints).toEqual(["a:2379", "b:2379"]);
    expect(config.log.level).toBe("warn");
  });

  test("takes variable names, key spellings first, the last flag of one spelling", async () => {
    expect(await user("milvus_user=x")).toBe("x");
    expect(await user("milvus.user=a,MILVUS_USER=b")).toBe("a");
    expect(await user("milvus.user=a", "milvus.user=b")).toBe("b");
    expect(await user('"milvus.user=say ""hi"", you"')).toBe('say "hi", you');
    expect(await user("milvus.user=")).toBe("");
    expect(await user("")).toBe("");
  });

  test("refuses a part without =, without quoting it", async () => {
    const message = await refusal(load(undefined, { set: ["milvus.password=abc,defgh"] }));
    expect(message).toContain("--set flag 1, part 2: invalid --set format, want KEY=VALUE");
    expect(message).not.toContain("defgh");
  });

  test("does not quote a part that may be the rest of a password", async () => {
    const message = await refusal(load(undefined, { set: ["milvus.password=abc,defgh=ijk"] }));
    expect(message).toContain("--set flag 1, part 2: names an unknown key");
    expect(message).not.toMatch(/defgh|ijk/);
  });

  test("refuses unknown keys with the nearest", async () => {
    expect(await refusal(load(undefined, { set: ["milvus.grpc.prt=1"] }))).toBe(
      'configuration: --set milvus.grpc.prt: is not a known key; did you mean "milvus.grpc.port"?',
    );
    expect(await refusal(load(undefined, { set: ["configVersion=v1"] }))).toContain("is set in a file only");
    expect(await refusal(load(undefined, { set: ["minio.address=x"] }))).toContain(
      "in v2 write milvus.storage.address",
    );
  });

  test.each([" 7", "7 ", "0x7", "7.0", "", "1_0"])("wants plain decimals, not %p", async (text) => {
    expect(await refusal(load(undefined, { set: [`milvus.grpc.port=${text}`] }))).toContain("is not a whole number");
  });
});

describe("secrets in files", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "config-secret-"));
    await writeFile(join(folder, "password"), "s3cret word\r\n\n");
  });
  afterAll(() => rm(folder, { recursive: true }));

  test("_FILE names a file, whose last line ends do not count", async () => {
    const env = { MILVUS_PASSWORD_FILE: join(folder, "password") };
    const loaded = await load(undefined, { env });
    expect(loaded.config.milvus.password.reveal()).toBe("s3cret word");
    expect(entry(loaded, "milvus.password")).toMatchObject({ source: "env", sourceKey: "milvus_password_file" });
  });

  test("_FILE works for the variables of v1 files", async () => {
    const loaded = await load("minio: {}", { env: { MINIO_SECRET_KEY_FILE: join(folder, "password") } });
    const secret = loaded.config.milvus.storage.options["auth.secretAccessKey"];
    expect(typeof secret === "object" ? secret.reveal() : secret).toBe("s3cret word");
  });

  test("refuses both, a missing file and an empty name", async () => {
    const both = { MILVUS_PASSWORD: "x", MILVUS_PASSWORD_FILE: join(folder, "password") };
    expect(await refusal(load(undefined, { env: both }))).toContain("MILVUS_PASSWORD is set too");
    const absent = { MILVUS_PASSWORD_FILE: join(folder, "absent") };
    expect(await refusal(load(undefined, { env: absent }))).toContain("cannot be read (ENOENT)");
    expect(await refusal(load(undefined, { env: { MILVUS_PASSWORD_FILE: "" } }))).toContain("MILVUS_PASSWORD_FILE");
  });
});

describe("where the file is looked for", () => {
  let root = "";
  const at = (file: string | undefined, env: Record<string, string> = {}) =>
    loadConfig({ file, set: [], env, cwd: join(root, "cwd"), executableDir: join(root, "link"), driverOptions });
  const put = (path: string, user: string) =>
    writeFile(join(root, path), `configVersion: v2\nmilvus: { user: ${user} }\n`);

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), "config-find-"));
    for (const folder of ["cwd/configs", "conf", "bin/configs", "cwd/folder.yaml"]) {
      await mkdir(join(root, folder), { recursive: true });
    }
    await symlink(join(root, "bin"), join(root, "link"));
  });
  afterAll(() => rm(root, { recursive: true }));

  test("nothing anywhere: names the places and how to run without", async () => {
    const message = await refusal(at(undefined, { MILVUSCONF: join(root, "conf") }));
    const places = [
      "backup.yaml",
      `${root}/conf/backup.yaml`,
      "configs/backup.yaml",
      `${root}/link/configs/backup.yaml`,
    ];
    for (const place of [...places, `${root}/bin/configs/backup.yaml`, '--config ""']) expect(message).toContain(place);
    expect(await refusal(at("other.yaml"))).toContain("no file other.yaml (tried other.yaml, configs/other.yaml");
    expect(await refusal(at("folder.yaml"))).toContain("no file folder.yaml");
  });

  test("beside the executable, then configs/, then MILVUSCONF, then the working directory win", async () => {
    const env = { MILVUSCONF: join(root, "conf") };
    const seen = [];
    for (const path of ["bin/configs/backup.yaml", "cwd/configs/backup.yaml", "conf/backup.yaml", "cwd/backup.yaml"]) {
      await put(path, path.replaceAll("/", "-"));
      const loaded = await at(undefined, env);
      seen.push([loaded.config.milvus.user, loaded.file?.slice(root.length), loaded.warnings.length]);
    }
    expect(seen).toEqual([
      ["bin-configs-backup.yaml", "/link/configs/backup.yaml", 0],
      ["cwd-configs-backup.yaml", "/cwd/configs/backup.yaml", 0],
      ["conf-backup.yaml", "/conf/backup.yaml", 0],
      ["cwd-backup.yaml", "/cwd/backup.yaml", 0],
    ]);
  });

  test("a path that does not exist falls back to the same name elsewhere, and says so", async () => {
    await put("cwd/configs/mine.yaml", "mine");
    const loaded = await at("typo/mine.yaml");
    expect(loaded.config.milvus.user).toBe("mine");
    expect(loaded.warnings).toEqual([
      "typo/mine.yaml does not exist; the configuration is read from configs/mine.yaml",
    ]);
    expect((await at("mine.yaml")).warnings).toEqual([]);
  });

  test('--config "" reads none', async () => {
    const loaded = await at("");
    expect(loaded.file).toBeUndefined();
    expect(loaded.config.milvus.user).toBe("");
  });
});
