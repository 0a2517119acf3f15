import { describe, expect, test } from "bun:test";
import { isAppError } from "../../../src/base/errors.ts";
import type { ImportRequest, MilvusGateway } from "../../../src/milvus/gateway.ts";
import {
  connectionTo,
  connectTo,
  handshakeReplies,
  RECORDED_VERSIONS,
  type RecordedHttp,
  type ReplayServer,
  type Replies,
  recordedCall,
  recordedHttp,
  signal,
  startReplay,
} from "../../support/replay_milvus.ts";
import { type HttpReply, type ScriptedHttp, startHttp } from "../../support/scripted_http.ts";

const ns = { database: "default", collection: "r_parts" };
const UNKNOWN_JOB: HttpReply = {
  status: 200,
  text: '{"code":2100,"message":"import job does not exist, jobID=0: importing data failed"}',
};
const CREATE = "/v2/vectordb/jobs/import/create";

function request(more: Partial<ImportRequest> = {}): ImportRequest {
  return { namespace: ns, partition: "p2024", groups: [["a/1/", "d/1/"]], l0: false, storageVersion: 0n, ...more };
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.catch((thrown: unknown) => thrown);
  return isAppError(error) ? error.code : "no error";
}

async function overGrpc(
  replies: Replies,
  work: (milvus: MilvusGateway, server: ReplayServer) => Promise<void>,
): Promise<void> {
  // A server of 2.4 or newer without REST routes: imports go over gRPC.
  await using http = startHttp(() => ({ status: 404, text: "404 page not found" }));
  await using server = await startReplay({ replies: { ...handshakeReplies("2.6.3"), ...replies } });
  await using milvus = await connectTo(connectionTo(server.port, { rest: http.url }));
  await work(milvus, server);
}

async function overRest(
  reply: HttpReply | RecordedHttp,
  work: (milvus: MilvusGateway, http: ScriptedHttp) => Promise<void>,
): Promise<void> {
  const answer: HttpReply =
    typeof reply === "object" && "response" in reply ? { status: reply.status, text: reply.response } : reply;
  await using http = startHttp(({ body }) => (body === '{"jobId":"0"}' ? UNKNOWN_JOB : answer));
  await using server = await startReplay({ replies: handshakeReplies("2.6.3") });
  await using milvus = await connectTo(connectionTo(server.port, { rest: http.url, user: "root", password: "Milvus" }));
  await work(milvus, http);
}

test("over gRPC no import call is ever cancelled: Milvus 2.3.5 would crash", async () => {
  const afterMs = 60;
  const replies: Replies = {
    Import: { message: { tasks: ["7"] }, afterMs },
    GetImportState: { message: { state: 5, row_count: "1" }, afterMs },
  };
  await overGrpc(replies, async (milvus, server) => {
    expect(await milvus.startImport(request(), AbortSignal.timeout(20))).toBe("7");
    expect((await milvus.importProgress(ns, "7", AbortSignal.timeout(20))).phase).toBe("importing");
    const calls = [...server.seen("Import"), ...server.seen("GetImportState")];
    expect(calls.map(({ cancelled }) => cancelled)).toEqual([false, false]);
  });
});

describe("imports over gRPC", () => {
  test("a job gets the insert and delta directories and the options of a backup", async () => {
    await overGrpc({ Import: recordedCall("2.6.3", "Import_v1", "good, index present") }, async (milvus, server) => {
      expect(milvus.importVersion).toBe("v1");
      expect(milvus.maxGroupsPerJob).toBe(1);
      expect(await milvus.startImport(request({ storageVersion: 2n }), signal)).toMatch(/^47\d{16}$/);
      await milvus.startImport(request({ groups: [["a/1/"]] }), signal);
      await milvus.startImport(request({ groups: [["d/l0/"]], l0: true, partition: "" }), signal);
      const sent = server.seen("Import").map((call) => call.request);
      expect(sent[0]).toMatchObject({
        collection_name: "r_parts",
        db_name: "default",
        partition_name: "p2024",
        files: ["a/1/", "d/1/"],
        options: [
          { key: "skip_disk_quota_check", value: "true" },
          { key: "backup", value: "true" },
          { key: "storage_version", value: "2" },
        ],
      });
      expect(sent[1]?.files).toEqual(["a/1/", ""]);
      expect(sent[1]?.options).toHaveLength(2);
      expect(sent[2]).toMatchObject({ files: ["d/l0/"], partition_name: "" });
      expect(sent[2]?.options).toEqual([
        { key: "skip_disk_quota_check", value: "true" },
        { key: "l0_import", value: "true" },
      ]);
    });
  });

  test("several groups in one job are a bug of the caller", async () => {
    await overGrpc({}, async (milvus) => {
      expect(await codeOf(milvus.startImport(request({ groups: [["a/"], ["b/"]] }), signal))).toBe("BUG");
      expect(await codeOf(milvus.startImport(request({ groups: [] }), signal))).toBe("BUG");
    });
  });

  for (const version of RECORDED_VERSIONS) {
    test(`${version}: a job goes from pending over importing to completed`, async () => {
      const changes = [1, 2, 3, 4, 5, 6].map((n) =>
        recordedCall(version, "Import_v1", `good, index present: GetImportState, state change ${n}`),
      );
      const last = recordedCall(
        version,
        "Import_v1",
        `good, index present: GetImportState, state change ${version === "2.4.23" ? 6 : 7}`,
      );
      await overGrpc({ GetImportState: [...changes, last] }, async (milvus) => {
        const seen = [];
        for (let count = 0; count < 7; count += 1) seen.push(await milvus.importProgress(ns, "1", signal));
        expect(seen[0]).toMatchObject({ phase: "pending", percent: 0, state: "ImportPending" });
        expect(seen[1]).toMatchObject({ phase: "importing", percent: 10, state: "ImportStarted" });
        expect(seen.at(-1)).toMatchObject({ phase: "completed", percent: 100, state: "ImportCompleted" });
        expect(seen.map(({ rows }) => rows ?? -1n).filter((rows) => rows > 0n).length).toBeGreaterThan(1);
        expect(seen.at(-1)?.rows).toBe({ "2.4.23": 97n, "2.5.8": 195n, "2.6.3": 98n }[version]);
      });
    });

    test(`${version}: a failed job says why`, async () => {
      const failed = recordedCall(
        version,
        "Import_v1",
        "prefix without binlogs (meta/): GetImportState, state change 3",
      );
      await overGrpc({ GetImportState: failed }, async (milvus) => {
        const progress = await milvus.importProgress(ns, "1", signal);
        expect(progress.phase).toBe("failed");
        expect(progress.reason.length).toBeGreaterThan(10);
      });
    });

    test(`${version}: an unknown job is NOT_FOUND, a missing path is refused at once`, async () => {
      const replies = {
        GetImportState: recordedCall(version, "Import_v1", "GetImportState of an unknown job"),
        Import: recordedCall(version, "Import_v1", "missing path"),
      };
      await overGrpc(replies, async (milvus) => {
        expect(await codeOf(milvus.importProgress(ns, "123", signal))).toBe("NOT_FOUND");
        const error: unknown = await milvus.startImport(request(), signal).catch((thrown: unknown) => thrown);
        expect(isAppError(error) && error.code).toBe("MILVUS_ERROR");
        expect(String(error)).toContain("no binlog to import");
      });
      await overGrpc({ Import: recordedCall(version, "Import_v1", "absent collection") }, async (milvus) => {
        expect(await codeOf(milvus.startImport(request(), signal))).toBe("NOT_FOUND");
      });
    });
  }

  test("an unknown job in the words of 2.3 and 2.2 is NOT_FOUND, other failures are not", async () => {
    for (const [reason, code] of [
      ["key not found[key=by-dev/meta/importtask/123]", "NOT_FOUND"],
      ["import task id doesn't exist", "NOT_FOUND"],
      ["key not found[key=by-dev/meta/session/1]", "MILVUS_ERROR"],
    ]) {
      const reply = { message: { status: { code: 1000, error_code: 1, reason } } };
      await overGrpc({ GetImportState: reply }, async (milvus) => {
        expect(await codeOf(milvus.importProgress(ns, "123", signal))).toBe(String(code));
      });
    }
  });

  test("a job that failed and was cleaned up is failed; persisted and flushed are not yet completed", async () => {
    for (const [state, phase] of [
      [1, "failed"],
      [7, "failed"],
      [5, "importing"],
      [8, "importing"],
      [6, "completed"],
      [99, "importing"],
    ] as const) {
      await overGrpc({ GetImportState: { message: { state, row_count: "9007199254740993" } } }, async (milvus) => {
        expect(await milvus.importProgress(ns, "1", signal)).toMatchObject({ phase, rows: 9007199254740993n });
      });
    }
  });
});

describe("imports over REST", () => {
  test("a job gets many groups, a partition and the options", async () => {
    await overRest(
      recordedHttp("2.6.3", "import_v2", "good, 2 file group(s), partition _default"),
      async (milvus, http) => {
        expect(milvus.importVersion).toBe("v2");
        expect(milvus.maxGroupsPerJob).toBeGreaterThan(256);
        const job = await milvus.startImport(
          request({ groups: [["a/1/", "d/1/"], ["a/2/"]], storageVersion: 2n }),
          signal,
        );
        expect(job).toBe("470617900930041821");
        const sent = http.requests.find(({ path }) => path === CREATE);
        expect(JSON.parse(sent?.body ?? "")).toEqual({
          dbName: "default",
          collectionName: "r_parts",
          partitionName: "p2024",
          files: [["a/1/", "d/1/"], ["a/2/"]],
          options: { skip_disk_quota_check: "true", backup: "true", storage_version: "2" },
        });
        expect(sent?.headers).toMatchObject({ authorization: "Bearer root:Milvus", "request-timeout": "600" });
      },
    );
  });

  test("deletes of all partitions name no partition", async () => {
    await overRest(recordedHttp("2.6.3", "import_v2", "all-partition L0"), async (milvus, http) => {
      await milvus.startImport(request({ groups: [["d/l0/"]], l0: true, partition: "" }), signal);
      expect(JSON.parse(http.requests.at(-1)?.body ?? "")).toEqual({
        dbName: "default",
        collectionName: "r_parts",
        files: [["d/l0/"]],
        options: { skip_disk_quota_check: "true", l0_import: "true" },
      });
    });
  });

  for (const version of RECORDED_VERSIONS) {
    test(`${version}: states, rows and failures are read`, async () => {
      const name = "good, 2 file group(s), partition _default: describe, change";
      await overRest(recordedHttp(version, "import_v2", `${name} 1`), async (milvus) => {
        expect(await milvus.importProgress(ns, "1", signal)).toMatchObject({
          phase: "pending",
          percent: 0,
          state: "Pending",
        });
      });
      await overRest(recordedHttp(version, "import_v2", `${name} 2`), async (milvus) => {
        expect(await milvus.importProgress(ns, "1", signal)).toMatchObject({
          phase: "importing",
          percent: 10,
          state: "Importing",
        });
      });
      const last = recordedHttp(version, "import_v2", `${name} ${{ "2.4.23": 6, "2.5.8": 7, "2.6.3": 9 }[version]}`);
      await overRest(last, async (milvus) => {
        const progress = await milvus.importProgress(ns, "1", signal);
        expect(progress).toMatchObject({ phase: "completed", percent: 100 });
        expect((progress.rows ?? 0n) > 0n).toBe(true);
      });
      await overRest(recordedHttp(version, "import_v2", "prefix without binlogs"), async (milvus) => {
        const progress = await milvus.importProgress(ns, "1", signal);
        expect(progress.phase).toBe("failed");
        expect(progress.reason.length).toBeGreaterThan(10);
      });
      await overRest(recordedHttp(version, "import_v2", "describe of an unknown job"), async (milvus) => {
        expect(await codeOf(milvus.importProgress(ns, "123", signal))).toBe("NOT_FOUND");
      });
      await overRest(recordedHttp(version, "import_v2", "missing path"), async (milvus) => {
        expect(await codeOf(milvus.startImport(request(), signal))).toBe("MILVUS_ERROR");
      });
    });
  }

  test("an answer without a state or a job id is an error, not a wait for ever", async () => {
    await overRest({ status: 200, text: '{"code":0,"data":{}}' }, async (milvus) => {
      expect(await codeOf(milvus.importProgress(ns, "1", signal))).toBe("MILVUS_ERROR");
      expect(await codeOf(milvus.startImport(request(), signal))).toBe("MILVUS_ERROR");
    });
  });

  test("a state that is new to us is not yet completed", async () => {
    await overRest({ status: 200, text: '{"code":0,"data":{"state":"Uncommitted","progress":99}}' }, async (milvus) => {
      expect((await milvus.importProgress(ns, "1", signal)).phase).toBe("importing");
    });
  });

  test("a job is not started again when the server failed on the way", async () => {
    await overRest({ status: 503, text: "try later" }, async (milvus, http) => {
      expect(await codeOf(milvus.startImport(request(), signal))).toBe("UNAVAILABLE");
      expect(http.requests.filter(({ path }) => path === CREATE)).toHaveLength(1);
      expect(await codeOf(milvus.importProgress(ns, "1", signal))).toBe("UNAVAILABLE");
      expect(http.requests.filter(({ path }) => path.endsWith("describe")).length).toBeGreaterThan(2);
    });
  });
});
