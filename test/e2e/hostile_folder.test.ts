/** The executable minds nothing that lies around where it is started, and needs nothing that may be missing there. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmod, chown, mkdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { backupConfig, localStorage, minioStorage } from "../support/backup_config.ts";
import {
  DATABASE,
  filesBelow,
  MILVUS_BUCKET,
  MILVUS_ROOT,
  OBJECTS,
  seed,
  sharedMilvusOnMinio,
  unseed,
} from "../support/damage_bench.ts";
import type { MilvusServer } from "../support/milvus.ts";
import { type MinioServer, sharedMinio } from "../support/minio.ts";
import { runCli } from "../support/run_cli.ts";
import { makeWorkspace, type Workspace } from "../support/workspace.ts";

const NOBODY = 65534;
/** Packages that the executable holds itself. */
const PACKAGES = [
  "clipanion",
  "yaml",
  "@aws-sdk/client-s3",
  "@smithy/node-http-handler",
  "@grpc/grpc-js",
  "protobufjs",
];

let server: MilvusServer;
let minio: MinioServer;
let workspace: Workspace;
beforeAll(async () => {
  server = await sharedMilvusOnMinio();
  minio = await sharedMinio();
  await minio.createBucket("hostile");
  await seed(server);
  workspace = await makeWorkspace(
    backupConfig(server, {
      milvus: minioStorage(minio, MILVUS_BUCKET, MILVUS_ROOT),
      backup: minioStorage(minio, "hostile", "b"),
    }),
  );
}, 180_000);
afterAll(async () => {
  await unseed(server);
  await workspace.remove();
});

describe("a working directory full of traps", () => {
  let hostile = "";
  const sprung = async () => [...(await filesBelow(hostile)).keys()].filter((file) => file.startsWith("sprung"));

  beforeAll(async () => {
    hostile = join(workspace.folder, "hostile");
    const trap = (name: string) =>
      `require("node:fs").writeFileSync(${JSON.stringify(join(hostile, "sprung-"))} + ${JSON.stringify(name)}, "");\n`;
    const files: Record<string, string> = {
      "bunfig.toml": 'preload = ["./evil.ts"]\n[run]\nbun = true\n[define]\n"process.env.PATH" = "\'evil-path\'"\n',
      "evil.ts": trap("preload"),
      ".env": [
        "MILVUS_USER=evil-user",
        "MILVUS_PASSWORD=evil-password",
        "MILVUS_STORAGE_AUTH_ACCESS_KEY_ID=evil-key",
        "BACKUP_STORAGE_AUTH_SECRET_ACCESS_KEY=evil-secret",
        "AWS_ACCESS_KEY_ID=evil-aws",
        "AWS_SECRET_ACCESS_KEY=evil-aws-secret",
        "HTTP_PROXY=http://127.0.0.1:1",
        "MILVUSCONF=/evil",
        "",
      ].join("\n"),
      "package.json": '{"name": "evil", "type": "commonjs", "imports": {"#x": "./evil.ts"}, "main": "./evil.ts"}',
      "tsconfig.json": '{"compilerOptions": {"paths": {"clipanion": ["./mapped.ts"], "zod": ["./mapped.ts"]}}}',
      "mapped.ts": trap("paths"),
      "tsconfig.base.json": "{ not JSON",
    };
    for (const name of PACKAGES) {
      files[`node_modules/${name}/package.json`] = JSON.stringify({ name, version: "99.0.0", main: "index.js" });
      files[`node_modules/${name}/index.js`] = trap(name.replaceAll("/", "_"));
    }
    for (const [name, content] of Object.entries(files)) {
      await mkdir(join(hostile, name, ".."), { recursive: true });
      await writeFile(join(hostile, name), content);
    }
    for (const name of [".env.local", ".env.production", ".env.development"]) {
      await writeFile(join(hostile, name), files[".env"] ?? "");
    }
  });

  const run = (...args: string[]) =>
    workspace.run([...args, "--config", join(workspace.folder, "configs", "backup.yaml")], { cwd: hostile });

  test("springs under plain Bun: the traps are real", async () => {
    await writeFile(
      join(hostile, "victim.ts"),
      'console.log(process.env.MILVUS_USER); require("clipanion"); require("yaml");\n',
    );
    const { stdout } = await runCli(["victim.ts"], { executable: process.execPath, cwd: hostile });
    expect(stdout).toContain("evil-user");
    const found = (await sprung()).sort();
    for (const name of [...found, "victim.ts"]) await rm(join(hostile, name));
    expect(found).toEqual(["sprung-paths", "sprung-preload", "sprung-yaml"]);
  });

  test("runs no code of it, whatever part of the executable loads", async () => {
    const version = await workspace.run(["--version"], { cwd: hostile });
    expect(version.status).toBe(0);
    expect(version.stdout).toStartWith("milvus-backup ");
    for (const args of [
      ["config", "show"],
      ["check"],
      ["create", "-n", "h", "-d", DATABASE],
      ["list"],
      ["get", "-n", "h"],
    ]) {
      const { status, stderr } = await run(...args);
      expect(`${args[0]} ${status} ${status === 0 ? "" : stderr}`).toBe(`${args[0]} 0 `);
    }
    expect(await sprung()).toEqual([]);
    expect((await run("delete", "-n", "h")).status).toBe(0);
  }, 180_000);

  test("takes no value of its .env over, and does take those of the environment", async () => {
    const shown = await run("config", "show", "--json");
    expect(shown.status).toBe(0);
    expect(shown.stdout + shown.stderr).not.toContain("evil");
    const config = join(workspace.folder, "configs", "backup.yaml");
    const real = await workspace.run(["config", "show", "--json", "--config", config], {
      cwd: hostile,
      env: { MILVUS_USER: "someone" },
    });
    expect(real.stdout).toContain("someone");
  });
});

describe("an environment without anything", () => {
  const nothing = ["-i"];
  const asNobody =
    process.getuid?.() === 0
      ? ["setpriv", "--reuid", String(NOBODY), "--regid", String(NOBODY), "--clear-groups", "--"]
      : [];

  test("no HOME, no PATH, nobody's rights, a directory that may not be written: the work goes on with one warning", async () => {
    const place = join(workspace.folder, "place");
    const backups = join(workspace.folder, "nobodys");
    await mkdir(place);
    await mkdir(backups);
    await chmod(workspace.folder, 0o755);
    if (asNobody.length > 0) await chown(backups, NOBODY, NOBODY);
    const config = join(place, "backup.yaml");
    const storage = { milvus: minioStorage(minio, MILVUS_BUCKET, MILVUS_ROOT), backup: localStorage(backups) };
    // The log file's place is the default: below the working directory.
    await writeFile(config, JSON.stringify(backupConfig(server, storage, { log: { level: "debug" } })));
    await chmod(place, 0o555);
    const run = (...args: string[]) =>
      runCli([...nothing, ...asNobody, join(workspace.folder, "milvus-backup"), ...args, "--config", config], {
        executable: "env",
        cwd: place,
      });
    try {
      const created = await run("create", "-n", "n", "-d", DATABASE, "--json");
      expect(created.stderr).not.toContain("error:");
      expect(created.status).toBe(0);
      expect(created.stderr.split("\n").filter((line) => line.includes("log file"))).toHaveLength(1);
      expect(created.stderr).toContain("log file logs/backup.log cannot be written");
      const files = [...(await filesBelow(backups)).keys()];
      expect(files.filter((file) => file.startsWith("n/binlogs/"))).toHaveLength(OBJECTS);
      if (asNobody.length > 0) expect((await stat(join(backups, files[0] ?? ""))).uid).toBe(NOBODY);
      expect((await run("list")).stdout).toContain("n\n");
      expect((await run("check")).status).toBe(0);
      expect((await run("delete", "-n", "n")).status).toBe(0);
      expect((await filesBelow(place)).size).toBe(1);
    } finally {
      await chmod(place, 0o755);
    }
  }, 180_000);

  test("a folder that nobody may read is named, with what to do", async () => {
    const secret = join(workspace.folder, "secret");
    await mkdir(secret, { mode: 0o700 });
    if (asNobody.length === 0) await chmod(secret, 0o000);
    await chmod(workspace.folder, 0o755);
    const config = join(workspace.folder, "nobody.yaml");
    const storage = {
      milvus: minioStorage(minio, MILVUS_BUCKET, MILVUS_ROOT),
      backup: localStorage(join(secret, "b")),
    };
    await writeFile(config, JSON.stringify(backupConfig(server, storage)));
    for (const args of [["list"], ["create", "-n", "n", "-d", DATABASE]]) {
      const { status, stderr } = await runCli(
        [...nothing, ...asNobody, join(workspace.folder, "milvus-backup"), ...args, "--config", config],
        { executable: "env", cwd: "/" },
      );
      expect(`${args[0]} ${status} ${stderr}`).toStartWith(`${args[0]} 6 `);
      expect(stderr).toContain(secret);
      expect(stderr).toContain("check the owner and mode");
    }
    await chmod(secret, 0o700);
  }, 180_000);
});

test("backup names that lead elsewhere are refused by every command, and nothing outside is touched", async () => {
  const outside = join(workspace.folder, "outside");
  await mkdir(join(outside, "root"), { recursive: true });
  await mkdir(join(outside, "victim", "meta"), { recursive: true });
  await writeFile(join(outside, "victim", "meta", "backup_meta.json"), "{}");
  const before = await filesBelow(outside);
  const storage = {
    milvus: minioStorage(minio, MILVUS_BUCKET, MILVUS_ROOT),
    backup: localStorage(join(outside, "root")),
  };
  await workspace.writeConfig(backupConfig(server, storage));
  const names = ["../victim", "..", ".", "a/../../victim", "/etc", "a//b", "", "a\n", "x".repeat(300), "a\\..\\b"];
  for (const name of names) {
    for (const command of ["create", "get", "delete", "restore"]) {
      const { status, error } = await workspace.json(command, "-n", name);
      expect(`${command} ${JSON.stringify(name)} ${status} ${error?.code}`).toStartWith(
        `${command} ${JSON.stringify(name)} 2 `,
      );
    }
  }
  expect(await filesBelow(outside)).toEqual(before);
}, 180_000);
