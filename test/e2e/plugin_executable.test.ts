/** Plugin drivers, loaded by the compiled executable: the suite, a backup, a restore, and what is refused. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { backupConfig, minioStorage } from "../support/backup_config.ts";
import {
  COLLECTION,
  DATABASE,
  MILVUS_BUCKET,
  MILVUS_ROOT,
  seed,
  sharedMilvusOnMinio,
  unseed,
} from "../support/damage_bench.ts";
import type { MilvusServer } from "../support/milvus.ts";
import { compareCollections, dumpCollection } from "../support/milvus_dump.ts";
import { type MinioServer, sharedMinio } from "../support/minio.ts";
import { makeWorkspace, type Workspace } from "../support/workspace.ts";

const SCRATCH = join(import.meta.dir, "..", "conformance", "plugin_driver.ts");
const ARCHIVE = join(import.meta.dir, "..", "support", "plugin_archive_driver.ts");

interface SuiteResult {
  readonly passed: number;
  readonly failed: number;
  readonly cases: readonly { readonly name: string; readonly outcome: string; readonly message?: string }[];
}

let workspace: Workspace;
beforeAll(async () => {
  workspace = await makeWorkspace("");
});
afterAll(() => workspace.remove());

const onPlugin = (name: string, directory: string) => ({
  provider: name,
  rootPath: "some/root",
  options: { directory: join(workspace.folder, directory) },
});

/** A variant of the example driver in a folder of its own. */
async function alteredDriver(name: string, change: (source: string) => string): Promise<string> {
  const source = await readFile(SCRATCH, "utf8");
  const altered = change(source);
  expect(altered).not.toBe(source);
  const file = join(workspace.folder, name);
  await writeFile(file, altered);
  return file;
}

describe("drivers", () => {
  test("lists a plugin with its options", async () => {
    const text = await workspace.ok("drivers", "--plugin", SCRATCH);
    expect(text).toContain("scratch (also scratch-directory): ");
    expect(text).toMatch(/directory +string +required/);
    const { data } = await workspace.json<{ drivers: { name: string }[] }>(
      "drivers",
      "--plugin",
      SCRATCH,
      "--plugin",
      ARCHIVE,
    );
    expect(data.drivers.map(({ name }) => name)).toEqual(expect.arrayContaining(["local", "s3", "scratch", "archive"]));
  });

  test.each([
    ["scratch", SCRATCH],
    ["archive", ARCHIVE],
  ])(
    "test passes the plugin %p through the whole suite",
    async (name, file) => {
      await workspace.writeConfig({
        configVersion: "v2",
        log: { file: { path: "" } },
        backup: { storage: onPlugin(name, `suite-${name}`) },
      });
      const { data, error, status } = await workspace.json<SuiteResult>("drivers", "test", "--plugin", file);
      expect(data.cases.filter(({ outcome }) => outcome === "failed")).toEqual([]);
      expect(error).toBeUndefined();
      expect(status).toBe(0);
      expect(data.passed).toBeGreaterThan(40);
      expect(await readdir(join(workspace.folder, `suite-${name}`))).toEqual([]);
    },
    180_000,
  );

  const BROKEN: readonly (readonly [what: string, change: (source: string) => string, failing: RegExp])[] = [
    [
      "takes a short body for whole",
      (source) =>
        source.replace('host.expectSize(await body.open(signal), body.size, "the body")', "(await body.open(signal))"),
      /short|early|end/i,
    ],
    [
      "forgets the declared checksum",
      (source) => source.replace("hasher.digest().value !== checksum?.value", "false"),
      /checksum|digest/i,
    ],
    [
      "lists siblings that merely start alike",
      (source) =>
        source.replace("name.startsWith(root + prefix)", 'name.startsWith(root + prefix.replace(/\\/$/, ""))'),
      /sibling|prefix/i,
    ],
    [
      "ignores ifAbsent",
      (source) => source.replace("options.ifAbsent === true && before", "false && before"),
      /absent/i,
    ],
  ];
  test.each(BROKEN)(
    "test fails a plugin that %s",
    async (what, change, failing) => {
      const file = await alteredDriver(`${what.replaceAll(" ", "_")}.ts`, change);
      await workspace.writeConfig({
        configVersion: "v2",
        log: { file: { path: "" } },
        backup: { storage: onPlugin("scratch", "broken") },
      });
      const { data, error, status } = await workspace.json<SuiteResult>("drivers", "test", "--plugin", file);
      expect(`${status} ${error?.code}`).toBe("2 PLUGIN_INVALID");
      const failed = data.cases.filter(({ outcome }) => outcome === "failed");
      expect(failed.length).toBe(data.failed);
      expect(failed.map(({ name }) => name).join("; ")).toMatch(failing);
    },
    180_000,
  );

  const REFUSED: readonly (readonly [what: string, source: string, words: string])[] = [
    ["has no default export", "export const driver = 1;\n", "default export"],
    ["does not parse", "export default (host => {\n", ""],
    ["throws", 'throw new Error("no licence");\n', "no licence"],
    [
      "is written for another version",
      "export default () => ({ apiVersion: 99, name: 'x', description: 'x', options: {}, open() {} });\n",
      "apiVersion",
    ],
    [
      "takes a name that exists",
      "export default () => ({ apiVersion: 1, name: 's3', description: 'x', options: {}, async open() {} });\n",
      "s3",
    ],
  ];
  test.each(REFUSED)("a file that %s is refused by its name", async (_what, source, words) => {
    const file = join(workspace.folder, `refused-${crypto.randomUUID()}.ts`);
    await writeFile(file, source);
    const { status, error } = await workspace.json("drivers", "--plugin", file);
    expect(`${status} ${error?.code}`).toBe("2 PLUGIN_INVALID");
    expect(error?.message).toContain(file);
    expect(error?.message).toContain(words);
  });

  test("a file that is not there is named", async () => {
    const { status, error } = await workspace.json("drivers", "--plugin", "nowhere.ts");
    expect(`${status} ${error?.code}`).toBe("5 NOT_FOUND");
    expect(error?.message).toContain(join(workspace.folder, "nowhere.ts"));
  });
});

describe("a backup on a plugin driver", () => {
  let server: MilvusServer;
  let minio: MinioServer;
  beforeAll(async () => {
    server = await sharedMilvusOnMinio();
    minio = await sharedMinio();
    await seed(server);
  }, 180_000);
  afterAll(() => unseed(server));

  test("is created, listed, restored and deleted; a flipped bit in it is refused", async () => {
    await workspace.writeConfig(
      backupConfig(
        server,
        { milvus: minioStorage(minio, MILVUS_BUCKET, MILVUS_ROOT), backup: onPlugin("archive", "objects") },
        { plugins: [ARCHIVE] },
      ),
    );
    expect((await workspace.json("check")).error).toBeUndefined();
    const source = await dumpCollection(server, DATABASE, COLLECTION);
    await workspace.ok("create", "-n", "b", "-d", DATABASE);
    const { data } = await workspace.json<{ backups: unknown[] }>("list");
    expect(data.backups).toMatchObject([{ name: "b", state: "complete" }]);
    await workspace.ok("restore", "-n", "b", "--suffix", "_copy");
    const target = await dumpCollection(server, DATABASE, `${COLLECTION}_copy`);
    expect(compareCollections(source, target, ["schema", "partitions", "rows", "indexes"])).toEqual([]);

    const folder = join(workspace.folder, "objects");
    for (const file of await readdir(folder)) {
      const content = await readFile(join(folder, file));
      if (!content.subarray(0, 1024).includes("/binlogs/insert_log/")) continue;
      const last = content.length - 1;
      content[last] = (content[last] ?? 0) ^ 1;
      await writeFile(join(folder, file), content);
      break;
    }
    const refused = await workspace.json("restore", "-n", "b", "--suffix", "_other");
    expect(`${refused.status} ${refused.error?.code}`).toBe("8 CHECKSUM_MISMATCH");
    await workspace.ok("delete", "-n", "b");
    expect(await readdir(folder)).toEqual([]);
  }, 180_000);
});
