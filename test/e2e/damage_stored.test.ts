/** What was damaged in a stored backup is found before Milvus sees any of it, wherever the backup lies. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { backupConfig, localStorage, minioStorage, type StorageSection } from "../support/backup_config.ts";
import { openBucket, type TestBucket } from "../support/bucket.ts";
import {
  COLLECTION,
  DATABASE,
  dropCollection,
  filesBelow,
  MILVUS_BUCKET,
  MILVUS_ROOT,
  OBJECTS,
  ROWS,
  seed,
  serverState,
  sharedMilvusOnMinio,
  unseed,
} from "../support/damage_bench.ts";
import type { MilvusServer } from "../support/milvus.ts";
import { sharedMinio } from "../support/minio.ts";
import { sharedMilvus } from "../support/shared_servers.ts";
import { makeWorkspace, type Workspace } from "../support/workspace.ts";

/** The objects of one backup root, beside the code that is tested. */
interface Store {
  keys(prefix: string): Promise<readonly string[]>;
  get(key: string): Promise<Buffer>;
  put(key: string, body: Uint8Array): Promise<void>;
  remove(key: string): Promise<void>;
}

function folderStore(folder: string): Store {
  const path = (key: string): string => join(folder, key);
  return {
    keys: async (prefix) => [...(await filesBelow(folder)).keys()].filter((key) => key.startsWith(prefix)),
    get: (key) => readFile(path(key)),
    async put(key, body) {
      await mkdir(dirname(path(key)), { recursive: true });
      await writeFile(path(key), body);
    },
    remove: (key) => rm(path(key)),
  };
}

function bucketStore(bucket: TestBucket, rootPath: string): Store {
  return {
    keys: async (prefix) =>
      [...(await bucket.list(`${rootPath}/${prefix}`)).keys()].map((key) => key.slice(rootPath.length + 1)),
    get: (key) => bucket.get(`${rootPath}/${key}`),
    put: (key, body) => bucket.put(`${rootPath}/${key}`, body),
    remove: (key) => bucket.delete(`${rootPath}/${key}`),
  };
}

interface Place {
  readonly server: MilvusServer;
  readonly milvus: StorageSection;
  readonly backup: StorageSection;
  readonly store: Store;
  /** Objects that a restore has put aside for Milvus, and not removed. */
  readonly staged: () => Promise<readonly string[]>;
}

let local: MilvusServer;
let onMinio: MilvusServer;
let bucket: TestBucket;
let workspace: Workspace;

beforeAll(async () => {
  local = await sharedMilvus("2.3.5");
  onMinio = await sharedMilvusOnMinio();
  bucket = await openBucket(await sharedMinio(), MILVUS_BUCKET);
  await Promise.all([seed(local), seed(onMinio)]);
  workspace = await makeWorkspace("");
}, 180_000);
afterAll(async () => {
  bucket.close();
  await Promise.all([unseed(local), unseed(onMinio)]);
  await workspace.remove();
}, 180_000);

const PLACES: Readonly<Record<string, () => Promise<Place>>> = {
  "a backup on the local disk that Milvus reads in place": async () => {
    const folder = join(workspace.folder, "backups");
    return {
      server: local,
      milvus: localStorage(local.localRoot),
      backup: localStorage(folder),
      store: folderStore(folder),
      staged: async () =>
        [...(await filesBelow(local.localRoot)).keys()].filter((key) => key.startsWith("restore-temp")),
    };
  },
  "a backup in Milvus' own bucket": async () => ({
    server: onMinio,
    milvus: minioStorage(await sharedMinio(), MILVUS_BUCKET, MILVUS_ROOT),
    backup: minioStorage(await sharedMinio(), MILVUS_BUCKET, "stored"),
    store: bucketStore(bucket, "stored"),
    staged: async () => [...(await bucket.list(`${MILVUS_ROOT}/restore-temp`)).keys()],
  }),
  "a backup on the local disk that is staged to Milvus' bucket": async () => {
    const folder = join(workspace.folder, "carried");
    return {
      server: onMinio,
      milvus: minioStorage(await sharedMinio(), MILVUS_BUCKET, MILVUS_ROOT),
      backup: localStorage(folder),
      store: folderStore(folder),
      staged: async () => [...(await bucket.list(`${MILVUS_ROOT}/restore-temp`)).keys()],
    };
  },
};

/** What is done to one object; returns what the refusal must say beside its key. */
type Damage = (store: Store, key: string, content: Buffer) => Promise<string>;

function flippedIn(content: Buffer, at: number): Buffer {
  const copy = Buffer.from(content);
  copy[at] = (copy[at] ?? 0) ^ 0x01;
  return copy;
}

const DAMAGES: Readonly<Record<string, Damage>> = {
  "a flipped bit in the middle": async (store, key, content) => {
    await store.put(key, flippedIn(content, content.length >> 1));
    return "";
  },
  "a flipped bit in the last byte": async (store, key, content) => {
    await store.put(key, flippedIn(content, content.length - 1));
    return "";
  },
  "a missing object": async (store, key) => {
    await store.remove(key);
    return "is absent";
  },
  "a truncated object": async (store, key, content) => {
    await store.put(key, content.subarray(0, content.length - 1));
    return `${content.length} are recorded`;
  },
  "an empty object": async (store, key, content) => {
    await store.put(key, new Uint8Array(0));
    return `${content.length} are recorded`;
  },
  "a longer object": async (store, key, content) => {
    await store.put(key, Buffer.concat([content, Buffer.from("x")]));
    return `${content.length} are recorded`;
  },
};

for (const [where, makePlace] of Object.entries(PLACES)) {
  describe(where, () => {
    let place: Place;
    const restore = (...more: string[]) =>
      workspace.json<{ collections: { rows_restored: string }[] }>(
        "restore",
        "-n",
        "good",
        "--suffix",
        "_copy",
        ...more,
      );

    beforeAll(async () => {
      place = await makePlace();
      await workspace.writeConfig(backupConfig(place.server, place));
      const made = await workspace.json<{ objects: number }>("create", "-n", "good", "-d", DATABASE);
      expect(made.error).toBeUndefined();
      expect(await place.store.keys("good/binlogs/")).toHaveLength(OBJECTS);
    }, 180_000);

    /** Damages, expects the refusal and that the server saw nothing, repairs. */
    async function expectRefused(key: string, damage: Damage, named = key): Promise<string> {
      const before = await serverState(place.server);
      const content = await place.store.get(key);
      const words = await damage(place.store, key, content);
      const { status, error } = await restore();
      expect(error?.message).toContain(named.slice("good/".length));
      expect(error?.message).toContain(words);
      expect({ status, exit: error?.exit_status }).toEqual({ status: 8, exit: 8 });
      expect(await serverState(place.server)).toEqual(before);
      expect(await place.store.keys("good/")).not.toBeEmpty();
      expect(await place.staged()).toEqual([]);
      await place.store.put(key, content);
      return error?.code ?? "";
    }

    for (const [what, damage] of Object.entries(DAMAGES)) {
      test(`${what} is refused`, async () => {
        const keys = await place.store.keys("good/binlogs/");
        // A vector's log file, in the middle: what a restore would read late or not at all.
        const key = keys.filter((candidate) => candidate.split("/").at(-2) === "101")[1] ?? "";
        const code = await expectRefused(key, damage);
        expect(code).toBe(what === "a missing object" ? "DATA_MISSING" : "CHECKSUM_MISMATCH");
      }, 180_000);
    }

    test("an object too many in a segment's folder is refused", async () => {
      const [key = ""] = await place.store.keys("good/binlogs/");
      const extra = `${dirname(key)}/9999999`;
      await expectRefused(
        key,
        async (store, _key, content) => {
          await store.put(extra, content);
          return "is not in the manifest";
        },
        extra,
      );
      await place.store.remove(extra);
    }, 180_000);

    test("every document is protected, byte for byte", async () => {
      const before = await serverState(place.server);
      const documents = await place.store.keys("good/meta/");
      expect(documents.length).toBeGreaterThanOrEqual(8);
      for (const key of documents) {
        const content = await place.store.get(key);
        // Of the head's values; in its other places a bit may change a name that nobody looks for.
        const middle = key.endsWith("/backup_meta.json") ? content.indexOf('"id":"') + 8 : content.length >> 1;
        for (const at of place.server === local ? [0, middle, content.length - 2] : [middle]) {
          await place.store.put(key, flippedIn(content, at));
          const { status, error } = await restore();
          expect(`${key} ${at}: ${status} ${error?.message}`).toMatch(/: (?:8|3) /);
        }
        await place.store.put(key, content);
      }
      expect(await serverState(place.server)).toEqual(before);
    }, 180_000);

    test("what was repaired is restored", async () => {
      const { data, error } = await restore();
      expect(error).toBeUndefined();
      expect(data.collections).toMatchObject([{ rows_restored: String(ROWS) }]);
      expect(await place.staged()).toEqual([]);
      await dropCollection(place.server, `${COLLECTION}_copy`);
    }, 180_000);
  });
}

describe("a backup without checksums, of milvus-backup's Go tool", () => {
  const FIXTURE = join(import.meta.dir, "..", "fixtures", "backups", "2.3.5.tar.gz");
  let store: Store;
  let folder = "";
  const restore = () =>
    workspace.json<{ collections: { rows_restored: string }[] }>(
      ..."restore -n zoo_peer -c db1.zoo_db --rename".split(" "),
      `db1.zoo_db:${DATABASE}.go_copy`,
    );

  beforeAll(async () => {
    folder = join(workspace.folder, "go");
    await mkdir(folder);
    await Bun.$`tar xzf ${FIXTURE} -C ${folder}`.quiet();
    store = folderStore(join(folder, "backup"));
    await workspace.writeConfig(
      backupConfig(local, { milvus: localStorage(local.localRoot), backup: localStorage(join(folder, "backup")) }),
    );
  });

  async function someLog(): Promise<string> {
    const meta = JSON.parse(
      await readFile(join(folder, "backup/zoo_peer/meta/full_meta.json"), "utf8").then(quoteIds),
    ) as {
      collection_backups: { collection_name: string; collection_id: string }[];
    };
    const id = meta.collection_backups.find((entry) => entry.collection_name === "zoo_db")?.collection_id;
    const logs = await store.keys(`zoo_peer/binlogs/insert_log/${id}/`);
    return logs.find((key) => key.split("/").at(-2) === "101") ?? "";
  }

  test.each(Object.entries(DAMAGES).filter(([what]) => !what.includes("flipped")))(
    "%s is refused",
    async (_what, damage) => {
      const key = await someLog();
      const before = await serverState(local);
      const content = await store.get(key);
      const words = await damage(store, key, content);
      const { status, error, warnings } = await restore();
      expect(error?.message).toContain(key.slice("zoo_peer/".length));
      expect(error?.message).toContain(words);
      expect(status).toBe(8);
      expect(warnings.map(({ code }) => code)).toContain("NO_MANIFEST");
      expect(await serverState(local)).toEqual(before);
      await store.put(key, content);
    },
    180_000,
  );

  test("an object too many is refused", async () => {
    const key = await someLog();
    await store.put(`${dirname(key)}/1`, new Uint8Array(3));
    const { status, error } = await restore();
    expect(error?.message).toContain("is not in the manifest");
    expect(status).toBe(8);
    await store.remove(`${dirname(key)}/1`);
  }, 180_000);

  test("whole, it is restored, and said to carry no checksums", async () => {
    const { data, error, warnings } = await restore();
    expect(error).toBeUndefined();
    expect(data.collections).toMatchObject([{ rows_restored: "300" }]);
    expect(warnings.find(({ code }) => code === "NO_MANIFEST")?.message).toContain("no checksums");
    await dropCollection(local, "go_copy");
  }, 180_000);

  test("a document cut short is refused", async () => {
    for (const document of ["backup_meta.json", "full_meta.json"]) {
      const key = `zoo_peer/meta/${document}`;
      const content = await store.get(key);
      await truncate(join(folder, "backup", key), content.length - 3);
      const { status, error } = await restore();
      expect(`${document}: ${status} ${error?.message}`).toMatch(/: (?:8|3) /);
      expect(error?.message).toContain(document);
      await store.put(key, content);
    }
  }, 180_000);
});

/** 64-bit ids as text, which JSON.parse would round. */
function quoteIds(json: string): string {
  return json.replaceAll(/: ?(\d{16,})/g, ': "$1"');
}
