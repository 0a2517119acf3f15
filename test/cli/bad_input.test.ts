/** Commands x faults x exit status: what is wrong is refused in one line, and nothing is touched. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { checksumOf } from "../../src/base/checksum.ts";
import { type CliOptions, cli } from "../support/in_process_cli.ts";
import { books, create, openWorld, type World } from "../unit/operations/world.ts";
import { contentOf, keysOf } from "../unit/transfer/roots.ts";

const MEGABYTE = 1_000_000;
const COMMANDS = [
  "check",
  "config migrate",
  "config show",
  "create",
  "delete",
  "drivers",
  "drivers test",
  "get",
  "list",
  "restore",
] as const;

/** A folder with the backup root in it; a path out of the root would land beside it. */
let folder: string;
let world: World;
let before: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "milvus-backup-bad-"));
  world = await openWorld({ backups: "own bucket" });
  await world.fake.store(world.fake.make(books), [1n, 2n]);
  await create(world);
  for (const key of await keysOf(world.backupRoot)) {
    const path = join(folder, "outer", "backups", key);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, await contentOf(world.backupRoot, key));
  }
  before = await treeDigest(folder);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** Names and contents of everything below a folder, as one digest. */
async function treeDigest(path: string): Promise<string> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const lines = await Promise.all(
    entries.map(async (entry) => {
      const name = join(entry.parentPath, entry.name);
      return entry.isFile() ? `${name} ${checksumOf("sha256", await readFile(name)).value}` : `${name}/`;
    }),
  );
  return lines.sort().join("\n");
}

function config(more = ""): string {
  return [
    "configVersion: v2",
    'log: { level: error, file: { path: "" } }',
    `milvus: { storage: { provider: memory, store: ${world.stores.milvus}, rootPath: files } }`,
    `backup: { storage: { provider: local, rootPath: ${join(folder, "outer", "backups")} } }`,
    more,
    "",
  ].join("\n");
}

/** As standard error shows what would move the cursor or end the line. */
function shown(text: string): string {
  const escaped = (character: string): string =>
    character === "\n" ? "\\n" : `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return text.replaceAll(/\p{Cc}/gu, escaped);
}

/** Rows with a short title in front: an argument of a megabyte is none. */
function titled<T extends readonly unknown[]>(rows: readonly T[]): [string, ...T][] {
  return rows.map((row) => [JSON.stringify(row[0]).slice(0, 70), ...row]);
}

/** Runs it plain and with --json; both agree, standard output holds no result, and nothing has changed anywhere. */
async function refused(argv: readonly string[], status: number, options: CliOptions = {}): Promise<string> {
  const calls = world.fake.collections.length;
  let around = "";
  const given = {
    config: config(),
    milvus: world.milvus,
    inspect: async (cwd: string) => {
      around = (await readdir(cwd)).join();
    },
    ...options,
  };
  const plain = await cli(argv, given);
  expect([plain.status, plain.stdout]).toEqual([status, ""]);
  const lines = plain.stderr.split("\n").filter((line) => line.startsWith("error: "));
  expect(lines).toHaveLength(1);
  expect(plain.stderr.length).toBeLessThan(10_000);
  expect(plain.stderr).not.toMatch(/\p{Cc}(?<!\n)/u);
  const json = await cli(["--json", ...argv], given);
  const { ok, error } = JSON.parse(json.stdout);
  expect([json.status, ok, error.exit_status]).toEqual([status, false, status]);
  // The working directory is another one each time.
  const placeless = (text: string): string => text.replaceAll(/milvus-backup-cli-\w{6}/g, "cwd");
  expect(lines.map(placeless)).toEqual([placeless(shown(`error: ${error.message} (${error.code})`))]);
  expect(around).toBe(given.config === undefined ? "" : "backup.yaml");
  expect(await treeDigest(folder)).toBe(before);
  expect(world.fake.collections.length).toBe(calls);
  return plain.stderr;
}

describe.each(COMMANDS)("%s", (command) => {
  const words = command.split(" ");
  const name = ["delete", "get", "restore"].includes(command) ? ["-n", "nightly"] : [];

  test.each([
    ["an unexpected argument", ["extra"]],
    ["an unexpected empty argument", [""]],
    ["an unexpected argument behind --", ["--", "extra"]],
    ["an argument with a line end", ["a\nb"]],
    ["an argument that is a path", ["../x"]],
    ["an argument that is a dash", ["-"]],
    ["an argument of a megabyte", ["x".repeat(MEGABYTE)]],
    ["an unknown flag", ["--frob"]],
    ["an unknown flag with a value", ["--frob=1"]],
    ["an unknown flag of a megabyte", [`--${"f".repeat(MEGABYTE)}`]],
    ["an unknown flag that is not ASCII", ["--größe"]],
    ["an unknown letter", ["-z"]],
    ["a misspelt flag", ["--confg", "x"]],
    ["a flag without its value", ["--set"]],
    ["a truth that is none", ["--json=maybe"]],
  ])("refuses %s", async (_, more) => {
    await refused([...words, ...name, ...more], 2);
  });
});

describe("a misspelt word", () => {
  const rows: readonly (readonly [readonly string[], string])[] = [
    [["lst"], "did you mean list?"],
    [["creat", "-n", "x"], "did you mean create?"],
    [["drivers", "tets"], "unexpected argument"],
    [["config"], "config migrate or config show"],
    [["config", "shwo"], "config migrate or config show"],
    [["get", "--nme", "x"], "did you mean --name?"],
    [["restore", "-n", "x", "--rebuild-indx"], "did you mean --rebuild_index?"],
    [["delete", "-n", "x", "--filter", "y"], "create and restore have it"],
    [["l0compact", "-n", "x"], "this version does not have the command l0compact"],
    [["migrate"], "this version does not have the command migrate"],
    [["server", "-p", "8080"], "this version does not have the command server"],
    [["restore", "secondary", "-n", "x"], "this version does not have the command restore secondary"],
    [["--config", "x"], "there is no command"],
    [["x".repeat(MEGABYTE)], "unknown command"],
    [["\u001b[2Jlist"], "unknown command"],
    [[""], "unknown command"],
    [["../x"], "unknown command"],
  ];
  test.each(titled(rows))("%s is answered", async (_, argv, answer) => {
    expect(await refused(argv, 2)).toContain(answer);
  });
});

/** Status for create (a new name), and for commands that take an existing one. */
const NAMES: readonly (readonly [string, string, number, number])[] = [
  ["empty", "", 2, 2],
  ["a path upwards", "../x", 2, 2],
  ["a path to a sibling", "../outer/backups/nightly", 2, 2],
  ["an absolute path", "/etc", 2, 2],
  ["a path downwards", "a/b", 2, 2],
  ["a path with a backslash", "a\\b", 2, 2],
  ["the folder itself", ".", 2, 2],
  ["the folder above", "..", 2, 2],
  ["a line end", "a\nb", 2, 2],
  ["a terminal code", "\u001b[2Ja", 2, 2],
  ["a dash", "-", 2, 5],
  ["a space", "a b", 2, 5],
  ["not ASCII", "größe", 2, 5],
  ["a digit first", "1a", 2, 5],
  ["300 characters", "x".repeat(300), 2, 2],
  ["a megabyte", "x".repeat(MEGABYTE), 2, 2],
  ["one that looks like a flag", "-x", 2, 5],
];

describe("a backup name", () => {
  for (const [what, name, forNew, forExisting] of NAMES) {
    test.each(["create", "delete", "get", "restore"])(`that is ${what} is refused by %s`, async (command) => {
      await refused([command, `--name=${name}`], command === "create" ? forNew : forExisting);
    });
  }

  test.each(["delete", "get", "restore"])("is needed by %s", async (command) => {
    expect(await refused([command], 2)).toContain("backup name is required");
  });
});

const HOSTILE = ["../x", "a/b", "a\nb", "-", "*", "*.*", "a b", "ä", "a,", ",", "a.b.c", `${"a".repeat(MEGABYTE)}!`];

describe("a value", () => {
  const restore = ["restore", "-n", "nightly"];

  test.each(titled(HOSTILE.map((value) => [value])))("%s is no filter", async (_, value) => {
    await refused(["create", "-n", "new", `--filter=${value}`], 2);
    await refused([...restore, `--filter=${value}`], 2);
  });

  const suffixes = ["../x", "a/b", "a\nb", "-", "a b", "ä", `${"a".repeat(MEGABYTE)}!`];
  test.each(titled(suffixes.map((value) => [value])))("%s is no suffix", async (_, value) => {
    await refused([...restore, `--suffix=${value}`], 2);
  });

  const renames = [
    "a",
    "a:",
    ":b",
    "a:b:c",
    "a.*:b",
    "a:b,a:c",
    "a:c,b:c",
    "../x:y",
    "a:../y",
    "a:b\n",
    "ä:b",
    `${"a".repeat(MEGABYTE)}:!`,
  ];
  test.each(titled(renames.map((value) => [value])))("%s is no rename", async (_, value) => {
    await refused([...restore, `--rename=${value}`], 2);
  });

  const choices = ["{", "[]", "null", "1", '{"a":1}', '{"a":[""]}', '{"a":[1]}', "x".repeat(MEGABYTE)];
  test.each(titled(choices.map((value) => [value])))("%s is no choice of collections by database", async (_, value) => {
    await refused(["create", "-n", "new", `--database_collections=${value}`], 2);
    await refused([...restore, "-a", value], 2);
  });

  test.each([
    [["create", "-n", "new", "--strategy", "bulk"]],
    [["create", "-n", "new", "--strategy", "snapshot"]],
    [["create", "-n", "new", "--format", "snapshot"]],
    [["create", "-n", "new", "--format", "x"]],
    [["create", "-n", "new", "--rbac"]],
    [["create", "-n", "new", "--backup_index_extra"]],
    [["create", "-n", "new", "-d", "a.b"]],
    [["create", "-n", "new", "-c", "a.b.c"]],
    [["restore", "-n", "nightly", "--rbac"]],
    [["restore", "-n", "nightly", "--verify", "maybe"]],
    [["restore", "-n", "nightly", "--stall-minutes", "0"]],
    [["restore", "-n", "nightly", "--stall-minutes", "1.5"]],
    [["restore", "-n", "nightly", "--stall-minutes", "0x10"]],
    [["restore", "-n", "nightly", "--stall-minutes", "9".repeat(400)]],
    [["list", "-c", "books"]],
    [["list", "--collection=books"]],
    [["get", "-n", "nightly", "--detail=maybe"]],
  ])("%j is refused", async (argv) => {
    await refused(argv, 2);
  });

  test.each([
    [["create", "-n", "new", "--filter", "a", "-c", "b"]],
    [["create", "-n", "new", "-c", "a", "-d", "b"]],
    [["create", "-n", "new", "--strategy", "skip_flush", "--meta_only"]],
    [["create", "-n", "new", "--force", "--meta_only"]],
    [["restore", "-n", "nightly", "-s", "_x", "-r", "a:b"]],
    [["restore", "-n", "nightly", "--filter", "a", "-c", "b"]],
    [["restore", "-n", "nightly", "-c", "a", "-a", "{}"]],
    [["restore", "-n", "nightly", "--drop_exist_collection", "--skip_create_collection"]],
    [["restore", "-n", "nightly", "--rebuild_index", "--restore_index=false"]],
  ])("%j contradicts itself", async (argv) => {
    await refused(argv, 2);
  });

  const absent: readonly (readonly [readonly string[], number])[] = [
    [["create", "-n", "new", "--filter", "boks"], 5],
    [["create", "-n", "new", "--filter", "shop.*"], 5],
    [["create", "-n", "new", "-c", "a".repeat(MEGABYTE)], 5],
    [["create", "-n", "nightly"], 4],
    [["restore", "-n", "nightly", "--filter", "boks"], 5],
    [["restore", "-n", "nightly", "--rename", "boks:b"], 5],
    [["restore", "-n", "nightly"], 4],
    [["restore", "-n", "nightly", "-s", "_x", "--skip_create_collection"], 5],
  ];
  test.each(titled(absent))("%s names what is not there, or is there already", async (_, argv, status) => {
    await refused(argv, status);
  });
});

describe("--config and --set", () => {
  test.each(titled([["nowhere.yaml"], ["../nowhere.yaml"], ["."], ["a\nb"], ["-"], ["x".repeat(MEGABYTE)], ["ä"]]))(
    "--config %s is refused",
    async (_, file) => {
      for (const command of ["list", "check", "config show"])
        await refused([...command.split(" "), `--config=${file}`], 2);
    },
  );

  test.each(
    titled([
      ["x"],
      ["=1"],
      ["milvus.grpc.port"],
      ["milvus.grpc.port=abc"],
      ["milvus.grpc.port=70000"],
      ["transfer.concurrency=-1"],
      ["transfer.mode=sideways"],
      ["log.level=loud"],
      ["backup.storage.provider=nothing"],
      [`transfer.mode=${"x".repeat(MEGABYTE)}`],
    ]),
  )("--set %s is refused", async (_, set) => {
    await refused(["list", `--set=${set}`], 2);
  });
});

describe("a configuration file", () => {
  const files: readonly (readonly [string, string])[] = [
    ["broken YAML", "configVersion: v2\nmilvus: {"],
    ["a list", "- a\n- b\n"],
    ["a text", "hello"],
    ["another version", "configVersion: v9\n"],
    ["a misspelt key", "configVersion: v2\nmilvus: { grpc: { prot: 1 } }\n"],
    ["a number that is none", "configVersion: v2\nmilvus: { grpc: { port: abc } }\n"],
    ["a truth that is none", "configVersion: v2\nbackup: { pauseGC: maybe }\n"],
    ["a provider that nobody knows", "configVersion: v2\nmilvus: { storage: { provider: floppy } }\n"],
    ["a folder where a value belongs", "configVersion: v2\ntransfer: { mode: { a: 1 } }\n"],
    ["a key twice", "configVersion: v2\nlog: { level: info }\nlog: { level: warn }\n"],
    ["bytes that are no text", "configVersion: v2\n\u0000\u0001\u0002"],
    ["v1: a number that is none", "milvus: { port: abc }\n"],
    ["v1: a storage that nobody knows", "minio: { storageType: floppy }\n"],
    ["v1: broken YAML", "milvus:\n\taddress: x\n"],
  ];

  test.each(files)("%s is refused by every command that reads it", async (_, text) => {
    for (const argv of [
      ["check"],
      ["config", "show"],
      ["create", "-n", "new"],
      ["delete", "-n", "nightly"],
      ["get", "-n", "nightly"],
      ["list"],
      ["restore", "-n", "nightly"],
    ]) {
      await refused(argv, 2, { config: text });
    }
  });
});
