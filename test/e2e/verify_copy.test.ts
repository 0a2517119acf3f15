import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { FIXTURES, filesOf } from "../format/fixtures.ts";
import { localStorage, minioStorage } from "../support/backup_config.ts";
import { openBucket, type TestBucket } from "../support/bucket.ts";
import { type MinioServer, startMinio } from "../support/minio.ts";
import { startCli } from "../support/run_cli.ts";
import { auditBackup } from "../support/stored_backup.ts";
import { type Envelope, makeWorkspace, type Workspace } from "../support/workspace.ts";

// Backups that milvus-backup's Go tool made; no Milvus is needed to check or carry them.
const [, , FIXTURE] = FIXTURES;
const { name: NAME } = FIXTURE;
const ROOT = "backups";

interface Finding {
  readonly kind: string;
  readonly key: string;
}

interface Verified {
  readonly findings: readonly Finding[];
  readonly objects: number;
  readonly manifest: boolean;
  readonly read: { readonly objects: number; readonly size: string };
  readonly proven: { readonly digest: number; readonly service: number; readonly size: number };
}

let minio: MinioServer;
let other: MinioServer;
let bucket: TestBucket;
let second: TestBucket;
let far: TestBucket;
let workspace: Workspace;
let disk: string;
let logs: readonly string[];

beforeAll(async () => {
  [minio, other] = await Promise.all([startMinio(), startMinio()]);
  bucket = await openBucket(minio, "verify-copy");
  second = await openBucket(minio, "verify-copy-second");
  far = await openBucket(other, "verify-copy-far");
  workspace = await makeWorkspace("");
  disk = join(workspace.folder, "disk");
  await workspace.writeConfig({
    configVersion: "v2",
    log: { file: { path: "" } },
    milvus: { storage: minioStorage(minio, "verify-copy", "files") },
    backup: { storage: { rootPath: ROOT } },
    storages: {
      disk: localStorage(disk),
      second: minioStorage(minio, "verify-copy-second", ROOT),
      far: minioStorage(other, "verify-copy-far", ROOT),
    },
  });
  const files = await filesOf(FIXTURE);
  await Promise.all([...files].map(([path, content]) => bucket.put(`${ROOT}/${NAME}/${path}`, content)));
  logs = [...files.keys()].filter((path) => path.startsWith("binlogs/")).sort();
}, 120_000);

afterAll(async () => {
  for (const it of [bucket, second, far]) it.close();
  await Promise.all([minio.stop(), other.stop(), workspace.remove()]);
}, 30_000);

type Run = Envelope<Verified> & { readonly status: number | null };

const verify = (name: string, ...flags: string[]): Promise<Run> => workspace.json("verify", "-n", name, ...flags);

async function found(name: string, ...flags: string[]): Promise<readonly string[]> {
  const { status, ok, data } = await verify(name, ...flags);
  expect([status, ok]).toEqual(data.findings.length === 0 ? [0, true] : [8, false]);
  return data.findings.map(({ kind, key }) => `${kind} ${key}`).sort();
}

/** Path relative to the backup -> content, base64. */
async function contents(from: TestBucket, name: string): Promise<Record<string, string>> {
  const prefix = `${ROOT}/${name}/`;
  const keys = [...(await from.list(prefix)).keys()].sort();
  const pairs = keys.map(async (key) => [key.slice(prefix.length), (await from.get(key)).toString("base64")] as const);
  return Object.fromEntries(await Promise.all(pairs));
}

async function contentsOnDisk(name: string): Promise<Record<string, string>> {
  const folder = join(disk, name);
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const paths = files.map((entry) => join(entry.parentPath, entry.name)).sort();
  const pairs = paths.map(async (path) => [path.slice(folder.length + 1), await readFile(path, "base64")] as const);
  return Object.fromEntries(await Promise.all(pairs));
}

describe("a backup of the Go tool, as it came", () => {
  test("holds at every level, and what it lacks is said", async () => {
    for (const level of ["meta", "list", "data"]) {
      const { status, data, warnings } = await verify(NAME, "--level", level);
      expect([status, data.findings, data.manifest, data.objects]).toEqual([0, [], false, logs.length]);
      expect(warnings.map(({ code }) => code)).toEqual(["NO_MANIFEST"]);
    }
  }, 60_000);

  test("is carried to a disk byte for byte, hashed on the way", async () => {
    const { status, data } = await workspace.json("copy", "-n", NAME, "--to", "disk", "--as", "foreign");
    expect([status, data]).toMatchObject([
      0,
      { manifest: false, evidence: { digest: logs.length, service: 0, size: 0 } },
    ]);
    expect(await contentsOnDisk("foreign")).toEqual(await contents(bucket, NAME));
  }, 60_000);

  test("gets a manifest, and keeps its own documents as they are", async () => {
    const before = await contents(bucket, NAME);
    await workspace.ok("verify", "-n", NAME, "--record");
    const after = await contents(bucket, NAME);
    const added = Object.keys(after).filter((key) => !(key in before));
    expect(Object.fromEntries(Object.keys(before).map((key) => [key, after[key] ?? ""]))).toEqual(before);
    expect(added.every((key) => /^meta\/manifest(\.json$|s\/)/.test(key))).toBe(true);
    const { data, warnings } = await verify(NAME, "--level", "data");
    expect([data.findings, data.manifest, data.proven, warnings]).toEqual([
      [],
      true,
      { digest: logs.length, service: 0, size: 0 },
      [],
    ]);
    expect((await workspace.run(["verify", "-n", NAME, "--record"])).status).toBe(4);
  }, 60_000);
});

describe("a backup that travels", () => {
  test("from one service to a disk to another service, and is the same there", async () => {
    await workspace.ok("copy", "-n", NAME, "--to", "disk");
    const audit = await auditBackup(join(disk, NAME));
    expect(audit).toEqual({ objects: logs.length, problems: [] });
    await workspace.ok("copy", "-n", NAME, "--from", "disk", "--to", "far");
    const [here, there] = await Promise.all([contents(bucket, NAME), contents(far, NAME)]);
    expect(there).toEqual(here);
    expect(there["meta/full_meta.json"]).toBe(
      Buffer.from((await filesOf(FIXTURE)).get("meta/full_meta.json") ?? []).toString("base64"),
    );
    const { status, data } = await verify(NAME, "--storage", "far", "--level", "data");
    expect([status, data.proven.digest]).toEqual([0, logs.length]);
  }, 60_000);

  test("and comes home under another name", async () => {
    await workspace.ok("copy", "-n", NAME, "--from", "far", "--to", "backup", "--as", "home");
    expect(await contents(bucket, "home")).toEqual(await contents(bucket, NAME));
    expect(await found("home", "--level", "data")).toEqual([]);
    const { data } = await workspace.json<{ backups: { name: string; state: string }[] }>("list");
    expect(data.backups.map(({ name, state }) => `${name} ${state}`)).toEqual(["home complete", `${NAME} complete`]);
  }, 60_000);

  test("inside one service is copied by the service", async () => {
    const { status, data } = await workspace.json("copy", "-n", NAME, "--to", "second");
    expect([status, data]).toMatchObject([
      0,
      { copied_by: { direct: logs.length, streaming: 0 }, evidence: { digest: 0, service: logs.length, size: 0 } },
    ]);
    expect(await contents(second, NAME)).toEqual(await contents(bucket, NAME));
    expect(await found(NAME, "--storage", "second", "--level", "data")).toEqual([]);
  }, 60_000);

  test("a name that is taken ends in status 4 and stays as it is", async () => {
    const before = await contentsOnDisk(NAME);
    expect((await workspace.run(["copy", "-n", NAME, "--to", "disk"])).status).toBe(4);
    expect(await contentsOnDisk(NAME)).toEqual(before);
  }, 60_000);

  test("a bit that rots on the disk stops it, and the target is incomplete", async () => {
    const [key = ""] = logs;
    await workspace.ok("copy", "-n", NAME, "--to", "disk", "--as", "rotten");
    const path = join(disk, "rotten", key);
    const content = await readFile(path);
    content[content.length >> 1] = (content[content.length >> 1] ?? 0) ^ 1;
    await writeFile(path, content);
    expect(await found("rotten", "--storage", "disk")).toEqual([]);
    expect(await found("rotten", "--storage", "disk", "--level", "data")).toEqual([`digest ${key}`]);
    const { status, error } = await workspace.json("copy", "-n", "rotten", "--from", "disk", "--to", "far");
    expect([status, error?.code]).toEqual([8, "CHECKSUM_MISMATCH"]);
    expect(error?.message).toContain(key);
    expect((await far.list(`${ROOT}/rotten/meta/backup_meta.json`)).size).toBe(0);
  }, 60_000);
});

describe("interrupted", () => {
  test.each([
    ["SIGKILL", null],
    ["SIGTERM", 143],
  ] as const)(
    "by %s the copy is incomplete, and after a delete it can be made",
    async (signal, status) => {
      const copy = ["copy", "-n", NAME, "--from", "second", "--to", "backup", "--as", "late"];
      // One object at a time, through this machine: it takes long enough to be interrupted.
      const slowly = ["--set", "transfer.concurrency=1,transfer.mode=streaming"];
      const running = startCli([...copy, ...slowly], { cwd: workspace.folder });
      await running.waitFor("copy ");
      while ((await bucket.list(`${ROOT}/late/binlogs/`)).size < 3) await Bun.sleep(5);
      running.kill(signal);
      expect((await running.result).status).toBe(status);
      const { data } = await workspace.json<{ backups: { name: string; state: string }[] }>("list");
      expect(data.backups).toContainEqual(expect.objectContaining({ name: "late", state: "incomplete" }));
      expect((await workspace.run(["verify", "-n", "late"])).status).toBe(3);
      expect((await workspace.run(copy)).status).toBe(4);
      await workspace.ok("delete", "-n", "late");
      await workspace.ok(...copy);
      expect(await found("late", "--level", "data")).toEqual([]);
      await workspace.ok("delete", "-n", "late");
    },
    60_000,
  );
});

describe("damage in the bucket", () => {
  const at = (path: string): string => `${ROOT}/home/${path}`;

  /** Does it, looks, and undoes it. */
  async function damaged(path: string, change: (content: Buffer) => Buffer | undefined, look: () => Promise<void>) {
    const content = await bucket.get(at(path));
    const changed = change(Buffer.from(content));
    if (changed === undefined) await bucket.delete(at(path));
    else await bucket.put(at(path), changed);
    try {
      await look();
    } finally {
      await bucket.put(at(path), content);
    }
  }

  const flipped = (content: Buffer): Buffer => {
    content[content.length >> 1] = (content[content.length >> 1] ?? 0) ^ 1;
    return content;
  };

  test("a flipped bit is found by the listing, through its ETag, and by reading", async () => {
    const [key = ""] = logs;
    await damaged(key, flipped, async () => {
      expect(await found("home", "--level", "meta")).toEqual([]);
      expect(await found("home", "--level", "list")).toEqual([`digest ${key}`]);
      expect(await found("home", "--level", "data")).toEqual([`digest ${key}`]);
    });
    expect(await found("home", "--level", "data")).toEqual([]);
  }, 60_000);

  test.each([
    ["missing", () => undefined],
    ["size", (content: Buffer) => content.subarray(0, content.length - 1)],
  ] as const)(
    "%s",
    async (kind, change) => {
      const key = logs.at(-1) ?? "";
      await damaged(key, change, async () => {
        expect(await found("home", "--level", "meta")).toEqual([]);
        expect(await found("home")).toEqual([`${kind} ${key}`]);
        expect(await found("home", "--level", "data")).toEqual([`${kind} ${key}`]);
      });
    },
    60_000,
  );

  test("an extra object", async () => {
    const key = `${logs[0]}9`;
    await bucket.put(at(key), new Uint8Array([1]));
    expect(await found("home", "--level", "meta")).toEqual([]);
    expect(await found("home")).toEqual([`extra ${key}`]);
    await bucket.delete(at(key));
  }, 60_000);

  test.each(["full_meta", "segment_meta", "manifest"])(
    "%s.json damaged",
    async (document) => {
      const key = `meta/${document}.json`;
      await damaged(key, flipped, async () =>
        expect(await found("home", "--level", "meta")).toContain(`digest ${key}`),
      );
      await damaged(
        key,
        () => undefined,
        async () => {
          expect(await found("home", "--level", "meta")).toEqual([`missing ${key}`]);
        },
      );
    },
    60_000,
  );

  test("without its commit marker it is incomplete: status 3", async () => {
    const path = "meta/backup_meta.json";
    await damaged(
      path,
      () => undefined,
      async () => {
        const { status, stderr } = await workspace.run(["verify", "-n", "home"]);
        expect([status, stderr]).toEqual([3, expect.stringContaining("is incomplete")]);
        expect((await workspace.run(["copy", "-n", "home", "--to", "disk"])).status).toBe(3);
      },
    );
  }, 60_000);

  test("three runs of a third each read everything once", async () => {
    const runs = await Promise.all(["1/3", "2/3", "3/3"].map((part) => verify("home", "--subset", part)));
    expect(runs.map(({ status }) => status)).toEqual([0, 0, 0]);
    expect(runs.reduce((sum, { data }) => sum + data.read.objects, 0)).toBe(logs.length);
    const whole = await verify("home", "--level", "data");
    const sizes = runs.reduce((sum, { data }) => sum + BigInt(data.read.size), 0n);
    expect(sizes).toBe(BigInt(whole.data.read.size));
  }, 60_000);
});
