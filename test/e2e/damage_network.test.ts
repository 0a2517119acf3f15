/** A service or a network that misbehaves: every object of a backup is right, or there is no backup. */

import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { backupConfig, localStorage, minioStorage, type StorageSection } from "../support/backup_config.ts";
import { openBucket, type TestBucket } from "../support/bucket.ts";
import {
  COLLECTION,
  DATABASE,
  dropCollection,
  MILVUS_BUCKET,
  MILVUS_ROOT,
  OBJECTS,
  ROWS,
  seed,
  serverState,
  sharedMilvusOnMinio,
  sourceObjects,
  through,
  unseed,
} from "../support/damage_bench.ts";
import {
  type Fault,
  type FaultProxy,
  type Rule,
  type SeenRequest,
  s3Error,
  startFaultProxy,
} from "../support/fault_proxy.ts";
import type { MilvusServer } from "../support/milvus.ts";
import { sharedMinio } from "../support/minio.ts";
import { type Envelope, makeWorkspace, type Workspace } from "../support/workspace.ts";

const BACKUPS = "network";
const OTHER_BUCKET = "damage-network";

let server: MilvusServer;
let proxy: FaultProxy;
let bucket: TestBucket;
let workspace: Workspace;
let milvus: StorageSection;
let sameBucket: StorageSection;

beforeAll(async () => {
  server = await sharedMilvusOnMinio();
  const minio = await sharedMinio();
  bucket = await openBucket(minio, MILVUS_BUCKET);
  await minio.createBucket(OTHER_BUCKET);
  proxy = await startFaultProxy(minio);
  milvus = through(proxy.port, minioStorage(minio, MILVUS_BUCKET, MILVUS_ROOT));
  sameBucket = through(proxy.port, minioStorage(minio, MILVUS_BUCKET, BACKUPS));
  workspace = await makeWorkspace("");
  await seed(server);
}, 180_000);
afterEach(() => proxy.reset());
afterAll(async () => {
  await proxy[Symbol.asyncDispose]();
  await unseed(server);
  bucket.close();
  await workspace.remove();
}, 180_000);

const isGet = (request: SeenRequest) => request.method === "GET" && request.path.includes("/insert_log/");
const isPut = (request: SeenRequest) =>
  request.method === "PUT" && request.path.includes("/binlogs/") && request.header("x-amz-copy-source") === undefined;
const isCopy = (request: SeenRequest) => request.header("x-amz-copy-source") !== undefined;
const isLogList = (request: SeenRequest) =>
  request.query.get("list-type") === "2" && request.query.get("prefix")?.includes("insert_log/") === true;
const busy: Fault = { kind: "reply", status: 503, body: s3Error("SlowDown") };

/** Whatever else happened: `create` and `check` send nothing but reads to Milvus' own root path. */
function expectSourceUntouched(): void {
  const writes = proxy.log.filter(
    ({ method, path }) => method !== "GET" && method !== "HEAD" && path.startsWith(`/${MILVUS_BUCKET}/${MILVUS_ROOT}`),
  );
  expect(writes.map(({ method, path }) => `${method} ${path}`)).toEqual([]);
  expect(proxy.log.length).toBeGreaterThan(0);
}

/** Every object of the backup holds what its source holds, read past the proxy; there are as many. */
async function expectEveryObjectRight(name: string): Promise<void> {
  const prefix = `${BACKUPS}/${name}/binlogs/`;
  const copied = [...(await bucket.list(prefix)).keys()];
  expect(copied).toHaveLength(OBJECTS);
  for (const key of copied) {
    // The backup puts the segment's id before itself, as its group.
    const [kind, collection, partition, , ...rest] = key.slice(prefix.length).split("/");
    const source = await bucket.get([MILVUS_ROOT, kind, collection, partition, ...rest].join("/"));
    expect(Buffer.compare(await bucket.get(key), source)).toBe(0);
  }
}

async function create(rules: readonly Rule[]): Promise<Envelope<unknown> & { readonly status: number | null }> {
  await workspace.run(["delete", "-n", "b"]);
  const before = await sourceObjects(bucket);
  proxy.reset(rules);
  const result = await workspace.json("create", "-n", "b", "-d", DATABASE);
  expectSourceUntouched();
  proxy.reset();
  expect(await sourceObjects(bucket)).toEqual(before);
  if (result.status === 0) await expectEveryObjectRight("b");
  else {
    const { data } = await workspace.json<{ backups: { name: string; state: string }[] }>("list");
    expect(data.backups.filter(({ state }) => state === "complete")).toEqual([]);
  }
  return result;
}

type Case = readonly [what: string, rules: readonly Rule[], outcome: string];

const STREAMING: readonly Case[] = [
  ["slow answers", [{ when: isGet, times: 5, fault: { kind: "delay", ms: 300 } }], "0"],
  [
    "SlowDown now and then, on reads and writes",
    [
      { when: isGet, times: 4, fault: busy },
      { when: isPut, times: 4, fault: busy },
    ],
    "0",
  ],
  ["SlowDown for ever", [{ when: isPut, fault: busy }], "7 THROTTLED"],
  [
    "a read that is forbidden",
    [{ when: isGet, skip: 6, fault: { kind: "reply", status: 403, body: s3Error("AccessDenied") } }],
    "6 ACCESS_DENIED",
  ],
  [
    "a write that is forbidden",
    [{ when: isPut, skip: 6, fault: { kind: "reply", status: 403, body: s3Error("AccessDenied") } }],
    "6 ACCESS_DENIED",
  ],
  ["reads that break off in the middle, some", [{ when: isGet, times: 3, fault: { kind: "cut", after: 60 } }], "0"],
  ["reads that break off in the middle, all", [{ when: isGet, fault: { kind: "cut", after: 60 } }], "8 SHORT_BODY"],
  ["reads that are short and say so", [{ when: isGet, skip: 3, fault: { kind: "shorten", to: 60 } }], "8 SHORT_BODY"],
  [
    "writes whose connection is reset before the service sees them",
    [{ when: isPut, times: 3, fault: { kind: "reset" } }],
    "0",
  ],
  ["writes whose answer is lost", [{ when: isPut, times: 3, fault: { kind: "reset", served: true } }], "0"],
  [
    "a bit that flips on the way to the service, once",
    [{ when: isPut, skip: 2, times: 1, fault: { kind: "flip", where: "request" } }],
    "0",
  ],
  [
    "bits that flip on the way to the service, always",
    [{ when: isPut, fault: { kind: "flip", where: "request" } }],
    "8 CHECKSUM_MISMATCH",
  ],
  [
    "a bit that flips on the way from the service, once",
    [{ when: isGet, skip: 2, times: 1, fault: { kind: "flip", where: "answer" } }],
    "0",
  ],
  [
    "bits that flip on the way from the service, always",
    [{ when: isGet, fault: { kind: "flip", where: "answer" } }],
    "8 CHECKSUM_MISMATCH",
  ],
  [
    "an object that is gone",
    [{ when: isGet, skip: 5, fault: { kind: "reply", status: 404, body: s3Error("NoSuchKey") } }],
    "8 DATA_MISSING",
  ],
];

const DIRECT: readonly Case[] = [
  [
    "an error in an answer of status 200, some",
    [{ when: isCopy, times: 3, fault: { kind: "reply", status: 200, body: s3Error("InternalError") } }],
    "0",
  ],
  [
    "an error in an answer of status 200, always",
    [{ when: isCopy, fault: { kind: "reply", status: 200, body: s3Error("InternalError") } }],
    "7 UNAVAILABLE",
  ],
  ["an answer of status 200 that ends early", [{ when: isCopy, times: 2, fault: { kind: "shorten", to: 70 } }], "0"],
  [
    "copies that are forbidden",
    [{ when: isCopy, fault: { kind: "reply", status: 403, body: s3Error("AccessDenied") } }],
    "0",
  ],
  [
    "copies that are not known",
    [{ when: isCopy, fault: { kind: "reply", status: 501, body: s3Error("NotImplemented") } }],
    "0",
  ],
  ["copies whose answer is lost", [{ when: isCopy, times: 3, fault: { kind: "reset", served: true } }], "0"],
  [
    "a source that changes between listing and copy",
    [{ when: isCopy, skip: 4, fault: { kind: "reply", status: 412, body: s3Error("PreconditionFailed") } }],
    "8 CHECKSUM_MISMATCH",
  ],
  [
    "a source that is gone",
    [{ when: isCopy, skip: 4, fault: { kind: "reply", status: 404, body: s3Error("NoSuchKey") } }],
    "8 DATA_MISSING",
  ],
];

const LISTING: readonly Case[] = [
  [
    "cut off without a word",
    [
      {
        when: isLogList,
        fault: { kind: "rewrite", body: (text) => text.replace("<IsTruncated>false</IsTruncated>", "") },
      },
    ],
    "7 UNAVAILABLE",
  ],
  [
    "truncated, without a token to go on",
    [
      {
        when: isLogList,
        fault: { kind: "rewrite", body: (text) => text.replace("<IsTruncated>false", "<IsTruncated>true") },
      },
    ],
    "7 UNAVAILABLE",
  ],
  [
    "that ends in the middle",
    [{ when: isLogList, fault: { kind: "rewrite", body: (text) => text.slice(0, text.length >> 1) } }],
    "7 UNAVAILABLE",
  ],
  ["that breaks off once", [{ when: isLogList, times: 1, fault: { kind: "cut", after: 400 } }], "0"],
  [
    "with an object left out",
    [{ when: isLogList, fault: { kind: "rewrite", body: (text) => text.replace(/<Contents>.*?<\/Contents>/s, "") } }],
    "8 DATA_MISSING",
  ],
  [
    "with a segment left out",
    [{ when: isLogList, fault: { kind: "rewrite", body: withoutFirstSegment } }],
    "8 DATA_MISSING",
  ],
  [
    "that says everything twice",
    [
      {
        when: isLogList,
        fault: { kind: "rewrite", body: (text) => text.replaceAll(/<Contents>.*?<\/Contents>/gs, "$&$&") },
      },
    ],
    "0",
  ],
  [
    "that is empty",
    [
      {
        when: isLogList,
        fault: { kind: "rewrite", body: (text) => text.replaceAll(/<Contents>.*?<\/Contents>/gs, "") },
      },
    ],
    "8 DATA_MISSING",
  ],
];

function withoutFirstSegment(text: string): string {
  const segment = /insert_log\/\d+\/\d+\/\d+\//.exec(text)?.[0] ?? "no segment";
  return text.replaceAll(/<Contents>.*?<\/Contents>/gs, (entry) => (entry.includes(segment) ? "" : entry));
}

const TIMEOUT_MS = 180_000;
const outcomeOf = ({ status, error }: { status: number | null; error?: { code: string } }): string =>
  [status, error?.code].filter((part) => part !== undefined).join(" ");

describe("create, streaming", () => {
  beforeAll(() =>
    workspace.writeConfig(
      backupConfig(server, { milvus, backup: sameBucket }, { transfer: { mode: "streaming", concurrency: 4 } }),
    ),
  );
  test.each(STREAMING)(
    "%s",
    async (_what, rules, outcome) => expect(outcomeOf(await create(rules))).toBe(outcome),
    TIMEOUT_MS,
  );
});

describe("create, copied by the service", () => {
  beforeAll(() =>
    workspace.writeConfig(backupConfig(server, { milvus, backup: sameBucket }, { transfer: { concurrency: 4 } })),
  );
  test.each(DIRECT)(
    "%s",
    async (what, rules, outcome) => {
      const result = await create(rules);
      expect(outcomeOf(result)).toBe(outcome);
      const refused = result.warnings.filter(({ code }) => code === "DIRECT_COPY_REFUSED");
      expect(refused).toHaveLength(
        what === "copies that are forbidden" || what === "copies that are not known" ? 1 : 0,
      );
    },
    TIMEOUT_MS,
  );

  test.each(LISTING)(
    "a listing %s",
    async (_what, rules, outcome) => expect(outcomeOf(await create(rules))).toBe(outcome),
    TIMEOUT_MS,
  );

  test(
    "check only reads below Milvus' root path",
    async () => {
      proxy.reset();
      expect((await workspace.json("check")).error).toBeUndefined();
      expectSourceUntouched();
      expect((await bucket.list(`${BACKUPS}/.milvus-backup-probe`)).size).toBe(0);
    },
    TIMEOUT_MS,
  );
});

describe("restore, staged through this machine", () => {
  const isStaging = (request: SeenRequest) => request.method === "PUT" && request.path.includes("/restore-temp-");
  const isRead = (request: SeenRequest) =>
    request.method === "GET" && request.path.startsWith(`/${OTHER_BUCKET}/`) && request.path.includes("/101/");
  const restore = () =>
    workspace.json<{ collections: { rows_restored: string; read_from: string }[] }>(
      "restore",
      "-n",
      "good",
      "--suffix",
      "_copy",
    );

  beforeAll(async () => {
    const backup = through(proxy.port, minioStorage(await sharedMinio(), OTHER_BUCKET, BACKUPS));
    await workspace.writeConfig(
      backupConfig(server, { milvus, backup }, { transfer: { mode: "streaming", concurrency: 4 } }),
    );
    await workspace.ok("create", "-n", "good", "-d", DATABASE);
  }, TIMEOUT_MS);

  const refused: readonly Case[] = [
    [
      "bits that flip on the way from the backup",
      [{ when: isRead, fault: { kind: "flip", where: "answer" } }],
      "8 CHECKSUM_MISMATCH",
    ],
    [
      "bits that flip on the way to Milvus' bucket",
      [{ when: isStaging, fault: { kind: "flip", where: "request" } }],
      "8 CHECKSUM_MISMATCH",
    ],
    [
      "objects of the backup that are short",
      [{ when: isRead, fault: { kind: "shorten", to: 60 } }],
      "8 CHECKSUM_MISMATCH",
    ],
    [
      "a bucket of Milvus that may not be written",
      [{ when: isStaging, fault: { kind: "reply", status: 403, body: s3Error("AccessDenied") } }],
      "6 ACCESS_DENIED",
    ],
  ];
  test.each(refused)(
    "%s: refused before Milvus sees anything",
    async (_what, rules, outcome) => {
      const before = await serverState(server);
      proxy.reset(rules);
      expect(outcomeOf(await restore())).toBe(outcome);
      expect(await serverState(server)).toEqual(before);
      expect((await bucket.list(`${MILVUS_ROOT}/restore-temp-`)).size).toBe(0);
    },
    TIMEOUT_MS,
  );

  test(
    "what goes wrong now and then is made good",
    async () => {
      proxy.reset([
        { when: isRead, times: 2, fault: { kind: "cut", after: 60 } },
        { when: isRead, skip: 2, times: 1, fault: { kind: "flip", where: "answer" } },
        { when: isStaging, times: 2, fault: busy },
        { when: isStaging, skip: 4, times: 1, fault: { kind: "flip", where: "request" } },
        { when: isStaging, skip: 6, times: 2, fault: { kind: "reset", served: true } },
      ]);
      const { data, error } = await restore();
      expect(error).toBeUndefined();
      expect(data.collections).toMatchObject([{ rows_restored: String(ROWS), read_from: "staged" }]);
      expect((await bucket.list(`${MILVUS_ROOT}/restore-temp-`)).size).toBe(0);
      await dropCollection(server, `${COLLECTION}_copy`);
    },
    TIMEOUT_MS,
  );
});

test(
  "secrets appear in nothing that is printed, whatever fails",
  async () => {
    const folder = join(workspace.folder, "elsewhere");
    await workspace.writeConfig(
      backupConfig(server, { milvus, backup: localStorage(folder) }, { log: { level: "debug", file: { path: "" } } }),
    );
    const { secretKey } = await sharedMinio();
    for (const fault of [
      busy,
      { kind: "reply", status: 403, body: s3Error("SignatureDoesNotMatch") },
      { kind: "reset" },
    ] as const) {
      proxy.reset([{ when: isGet, times: 3, fault }]);
      const { stdout, stderr } = await workspace.run([
        "create",
        "-n",
        `s${crypto.randomUUID().slice(0, 8)}`,
        "-d",
        DATABASE,
        "--json",
      ]);
      expect(`${stdout}${stderr}`).not.toContain(secretKey);
      expect(`${stdout}${stderr}`).not.toContain("AWS4-HMAC-SHA256");
      expect(stderr.length).toBeGreaterThan(0);
    }
  },
  TIMEOUT_MS,
);
