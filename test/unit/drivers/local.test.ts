import { afterAll, describe, expect, test } from "bun:test";
import { mkdir, mkdtemp, readdir, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { fsError } from "../../../drivers/local/fs_errors.ts";
import { definition } from "../../../drivers/local/mod.ts";
import { newTempName, TEMP_PREFIX } from "../../../drivers/local/temp_files.ts";
import type { StorageDriver } from "../../../src/storage/driver.ts";
import { openBare } from "../../support/open_bare.ts";
import { call, getText, key, keysOf, putText, textBody } from "../storage/support.ts";

const folder = await mkdtemp(join(tmpdir(), "milvus-backup-local-unit-"));
afterAll(() => rm(folder, { recursive: true }));

let count = 0;
/** A root that does not exist yet. */
async function newRoot(): Promise<{ readonly root: string; readonly driver: StorageDriver }> {
  count += 1;
  const root = join(folder, `root ${count}`);
  return { root, driver: await openBare(definition, { rootPath: root }) };
}

const everything = async (root: string): Promise<string[]> => (await readdir(root, { recursive: true })).sort();

describe("a root path", () => {
  test("that does not exist lists nothing, and a put makes it", async () => {
    const { root, driver } = await newRoot();
    expect(await keysOf(driver)).toEqual([]);
    expect(await Array.fromAsync(driver.listDirectories("", call))).toEqual([]);
    await expect(driver.stat(key("a"), call)).rejects.toMatchObject({ code: "NOT_FOUND" });
    await driver.delete(key("a/b"), call);
    await putText(driver, "a/b", "text");
    expect(await everything(root)).toEqual(["a", "a/b"]);
  });

  test("may be a symbolic link itself", async () => {
    const { root, driver } = await newRoot();
    const target = `${root} target`;
    await mkdir(target);
    await symlink(target, root);
    await putText(driver, "a/b", "text");
    expect(await getText(driver, "a/b")).toBe("text");
    expect(await everything(target)).toEqual(["a", "a/b"]);
  });

  test("must be a directory, and must be said", async () => {
    await writeFile(join(folder, "file"), "");
    for (const rootPath of [join(folder, "file"), ""]) {
      await expect(openBare(definition, { rootPath })).rejects.toMatchObject({ code: "CONFIG_INVALID" });
    }
  });

  test("is given to Milvus as it is, or as Milvus sees it", async () => {
    const { root, driver } = await newRoot();
    expect([driver.nativePath(""), driver.nativePath("a/b")]).toEqual([root, `${root}/a/b`]);
    const mapped = await openBare(definition, { rootPath: root, options: { localPath: "/var/lib/milvus/" } });
    expect(mapped.nativePath("a/b")).toBe("/var/lib/milvus/a/b");
  });

  test("shares its space with roots that Milvus sees under the same mapping", async () => {
    const spaceOf = async (rootPath: string, localPath?: string): Promise<string> =>
      (await openBare(definition, { rootPath, options: localPath === undefined ? {} : { localPath } })).spaceId;
    const plain = await spaceOf("/srv/volume/a");
    expect(await spaceOf("/srv/volume/b", "/srv/volume/b")).toBe(plain);
    const mapped = await spaceOf("/srv/volume/a", "/var/lib/milvus/a");
    expect(await spaceOf("/srv/volume/b/c", "/var/lib/milvus/b/c")).toBe(mapped);
    expect(await spaceOf("/srv/volume/a", "/var/lib/other/a")).not.toBe(mapped);
    expect(plain).not.toBe(mapped);
  });
});

describe("symbolic links below the root", () => {
  test("are refused wherever they lead, and nothing is written through them", async () => {
    const { root, driver } = await newRoot();
    const outside = `${root} outside`;
    await mkdir(outside);
    await writeFile(join(outside, "secret"), "secret");
    await putText(driver, "dir/a", "text");
    await symlink(outside, join(root, "dir", "link"));
    await symlink(join(outside, "secret"), join(root, "dir", "file"));
    await symlink(join(root, "dir"), join(root, "inside"));
    const denied = { code: "ACCESS_DENIED", retriable: false };
    for (const name of ["dir/link/secret", "inside/a"]) {
      await expect(driver.get(key(name), call)).rejects.toMatchObject(denied);
      await expect(driver.stat(key(name), call)).rejects.toMatchObject(denied);
      await expect(driver.put(key(name), textBody("x"), call)).rejects.toMatchObject(denied);
      await expect(driver.delete(key(name), call)).rejects.toMatchObject(denied);
    }
    await expect(driver.get(key("dir/file"), call)).rejects.toMatchObject(denied);
    await expect(driver.put(key("dir/link/new/deep"), textBody("x"), call)).rejects.toMatchObject(denied);
    await expect(Array.fromAsync(driver.list("dir/link/", call))).rejects.toMatchObject(denied);
    expect(await everything(outside)).toEqual(["secret"]);
  });

  test("fail a listing, which would otherwise lack what they lead to", async () => {
    const { root, driver } = await newRoot();
    await putText(driver, "a", "text");
    await symlink(join(root, "a"), join(root, "b"));
    await expect(keysOf(driver)).rejects.toMatchObject({ code: "ACCESS_DENIED" });
  });

  test("are not copied from", async () => {
    const { root, driver } = await newRoot();
    const outside = `${root} outside`;
    await mkdir(join(outside, "x"), { recursive: true });
    await writeFile(join(outside, "x", "a"), "four");
    await mkdir(root);
    await symlink(join(outside, "x"), join(root, "link"));
    const info = { key: key("link/a"), size: 4, checksums: {} };
    const copying = driver.copyFrom?.(driver, info, key("b"), call);
    await expect(copying).rejects.toMatchObject({ code: "ACCESS_DENIED" });
  });
});

describe("a put", () => {
  test("shows nothing before it is whole, and its temporary file is no object", async () => {
    const { root, driver } = await newRoot();
    await putText(driver, "dir/old", "text");
    const half = Promise.withResolvers<void>();
    const rest = Promise.withResolvers<void>();
    const open = async (): Promise<ReadableStream<Uint8Array>> =>
      new ReadableStream({
        async start(controller) {
          controller.enqueue(new Uint8Array(5));
          half.resolve();
          await rest.promise;
          controller.enqueue(new Uint8Array(5));
          controller.close();
        },
      });
    const putting = driver.put(key("dir/new"), { size: 10, open }, call);
    await half.promise;
    await Bun.sleep(5);
    expect((await readdir(join(root, "dir"))).filter((name) => name.startsWith(TEMP_PREFIX))).toHaveLength(1);
    expect(await keysOf(driver)).toEqual(["dir/old"]);
    // Not even a delete that empties the directory takes it for abandoned.
    await driver.delete(key("dir/old"), call);
    rest.resolve();
    await putting;
    expect(await everything(root)).toEqual(["dir", "dir/new"]);
  });

  test("over a directory, or below an object, is INVALID_KEY and leaves nothing", async () => {
    const { root, driver } = await newRoot();
    await putText(driver, "a/b", "text");
    for (const name of ["a", "a/b/c", "a/b/c/d"]) {
      const put = driver.put(key(name), textBody("x"), call);
      await expect(put).rejects.toMatchObject({ code: "INVALID_KEY", retriable: false });
    }
    await expect(driver.stat(key("a"), call)).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(driver.get(key("a/b/c"), call)).rejects.toMatchObject({ code: "NOT_FOUND" });
    await driver.delete(key("a"), call);
    expect(await everything(root)).toEqual(["a", "a/b"]);
  });

  test("of a name that is too long, or kept for temporary files, is INVALID_KEY", async () => {
    const { driver } = await newRoot();
    for (const name of ["x".repeat(300), `a/${TEMP_PREFIX}b`, `${TEMP_PREFIX}a/b`]) {
      const put = driver.put(key(name), textBody("x"), call);
      await expect(put).rejects.toMatchObject({ code: "INVALID_KEY" });
    }
    expect(await keysOf(driver)).toEqual([]);
  });

  test("survives others who remove its directory as empty all the time", async () => {
    const { root, driver } = await newRoot();
    const others = await openBare(definition, { rootPath: root });
    await Promise.all(
      Array.from({ length: 8 }, async (_, worker) => {
        for (let round = 0; round < 40; round += 1) {
          const mine = worker % 2 === 0 ? driver : others;
          await putText(mine, `one/two/${worker}`, "text");
          await mine.delete(key(`one/two/${worker}`), call);
        }
      }),
    );
    expect(await everything(root)).toEqual([]);
  });
});

describe("listings", () => {
  test("go by the order of whole keys, directories among files", async () => {
    const { driver } = await newRoot();
    const names = ["a-b", "a.txt", "a/b", "a/c/d", "a0", "b"];
    for (const name of names) await putText(driver, name, "x");
    expect(await keysOf(driver)).toEqual([...names].sort());
    for (const [index, name] of [...names].sort().entries()) {
      const rest = await Array.fromAsync(driver.list("", { ...call, startAfter: key(name) }));
      expect(rest.map((info): string => info.key)).toEqual([...names].sort().slice(index + 1));
    }
  });

  test("leave out what is no file, and empty directories", async () => {
    const { root, driver } = await newRoot();
    await putText(driver, "a/b", "x");
    await mkdir(join(root, "empty", "deeper"), { recursive: true });
    expect(Bun.spawnSync(["mkfifo", join(root, "pipe")]).exitCode).toBe(0);
    expect(await keysOf(driver)).toEqual(["a/b"]);
    expect(await Array.fromAsync(driver.listDirectories("", call))).toEqual(["a"]);
    await expect(driver.get(key("pipe"), call)).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test("fail on a name that is no key rather than leave its object out", async () => {
    const { root, driver } = await newRoot();
    await putText(driver, "a", "x");
    await writeFile(join(root, "line\nfeed"), "x");
    await expect(keysOf(driver)).rejects.toMatchObject({ code: "INVALID_KEY" });
    await rm(join(root, "line\nfeed"));
    await writeFile(Buffer.concat([Buffer.from(`${root}/latin`), Buffer.from([0xe9])]), "x");
    await expect(keysOf(driver)).rejects.toMatchObject({ code: "INVALID_KEY" });
  });

  test("do not leave the root", async () => {
    const { driver } = await newRoot();
    await expect(Array.fromAsync(driver.list("../", call))).rejects.toMatchObject({ code: "INVALID_KEY" });
  });
});

describe("what a killed process left", () => {
  const foreign = (uuid: string): string => `${TEMP_PREFIX}00000000-1-${uuid}`;

  async function abandoned(path: string, ageMs: number): Promise<void> {
    await writeFile(path, "half");
    const then = new Date(Date.now() - ageMs);
    await utimes(path, then, then);
  }

  test("goes with the last object of its directory, here and in those beside it", async () => {
    const { root, driver } = await newRoot();
    await putText(driver, "backup/dir/a", "x");
    await putText(driver, "backup/dir/b", "x");
    await mkdir(join(root, "backup", "never", "finished"), { recursive: true });
    await abandoned(join(root, "backup", "dir", foreign("1")), 2 * 3_600_000);
    await abandoned(join(root, "backup", "never", "finished", foreign("2")), 2 * 3_600_000);
    expect(await keysOf(driver)).toEqual(["backup/dir/a", "backup/dir/b"]);
    for (const name of await keysOf(driver)) await driver.delete(key(name), call);
    expect(await everything(root)).toEqual([]);
  });

  test("goes at once when its process was of this host and is gone", async () => {
    const { root, driver } = await newRoot();
    const child = Bun.spawnSync([process.execPath, "-e", "console.log(process.pid)"]);
    const name = newTempName().replace(`-${process.pid}-`, `-${child.stdout.toString().trim()}-`);
    await putText(driver, "dir/a", "x");
    await abandoned(join(root, "dir", name), 0);
    await driver.delete(key("dir/a"), call);
    expect(await everything(root)).toEqual([]);
  });

  test("stays while another host may still be writing it", async () => {
    const { root, driver } = await newRoot();
    await putText(driver, "dir/a", "x");
    await abandoned(join(root, "dir", foreign("3")), 60_000);
    await driver.delete(key("dir/a"), call);
    expect(await everything(root)).toEqual(["dir", `dir/${foreign("3")}`]);
    expect(await Array.fromAsync(driver.listDirectories("", call))).toEqual([]);
  });

  test("names do not show the host", () => {
    expect(newTempName()).not.toContain(hostname());
  });
});

describe("durability and copies", () => {
  test("a copy has the content and not the source's blocks or links", async () => {
    const { root, driver } = await newRoot();
    const other = await newRoot();
    await putText(other.driver, "from", "text");
    await driver.copyFrom?.(other.driver, await other.driver.stat(key("from"), call), key("to"), call);
    expect((await stat(join(root, "to"))).nlink).toBe(1);
    await putText(other.driver, "from", "changed");
    expect(await getText(driver, "to")).toBe("text");
  });

  test("a source of another size than was said is not copied", async () => {
    const { driver } = await newRoot();
    await putText(driver, "from", "text");
    const info = { ...(await driver.stat(key("from"), call)), size: 3 };
    await expect(driver.copyFrom?.(driver, info, key("to"), call)).rejects.toMatchObject({ code: "SHORT_BODY" });
    expect(await keysOf(driver)).toEqual(["from"]);
  });

  test("a changed object has another ETag, an unchanged one keeps its own", async () => {
    const { driver } = await newRoot();
    await putText(driver, "a", "text");
    const before = await driver.stat(key("a"), call);
    expect(await driver.stat(key("a"), call)).toEqual(before);
    await putText(driver, "a", "TEXT");
    expect((await driver.stat(key("a"), call)).etag).not.toBe(before.etag);
  });
});

describe("errors of the file system", () => {
  const systemError = (code: string): Error => Object.assign(new Error(`${code}: it failed`), { code });

  test("have our codes, and say whether trying again may help", () => {
    const expected: Record<string, [string, boolean]> = {
      ENOENT: ["NOT_FOUND", false],
      ENOSPC: ["NO_SPACE", false],
      EDQUOT: ["NO_SPACE", false],
      EROFS: ["READ_ONLY", false],
      EACCES: ["ACCESS_DENIED", false],
      EPERM: ["ACCESS_DENIED", false],
      EMFILE: ["UNAVAILABLE", true],
      ESTALE: ["UNAVAILABLE", true],
      EIO: ["UNAVAILABLE", false],
      ENAMETOOLONG: ["INVALID_KEY", false],
      EUNHEARDOF: ["UNAVAILABLE", true],
    };
    for (const [code, [ours, retriable]] of Object.entries(expected)) {
      expect(fsError(systemError(code))).toMatchObject({ code: ours, retriable });
    }
  });

  test("that are none pass through", () => {
    const bug = new TypeError("x is undefined");
    expect(fsError(bug)).toBe(bug);
  });

  test("reach the caller of a put, which leaves nothing", async () => {
    const { root, driver } = await newRoot();
    const open = async (): Promise<ReadableStream<Uint8Array>> =>
      new ReadableStream({ pull: (controller) => controller.error(systemError("ENOSPC")) });
    await expect(driver.put(key("a/b"), { size: 5, open }, call)).rejects.toMatchObject({ code: "NO_SPACE" });
    expect(await everything(root)).toEqual([]);
  });
});
