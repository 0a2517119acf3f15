import { describe, expect, test } from "bun:test";
import { type AppError, hasCode, isAppError } from "../../../src/base/errors.ts";
import { silentLogger } from "../../../src/base/log.ts";
import type { MilvusConnection } from "../../../src/milvus/connection.ts";
import { type GrpcChannel, openGrpcChannel } from "../../../src/milvus/grpc_channel.ts";
import {
  connectionTo,
  QUICK,
  RECORDED_VERSIONS,
  type Reply,
  recordedCall,
  signal,
  startReplay,
} from "../../support/replay_milvus.ts";

const BUSY = { grpcCode: 14, details: "transport is closing" } as const;
const LIMITED = { message: { status: { code: 8, error_code: 49, reason: "rate limit exceeded[rate=0.1]" } } };
const SEGMENTS = { collectionName: "c" };
const IMPORT = { collection_name: "c", partition_name: "p", files: ["a/", ""], options: [] };

async function withChannel(connection: MilvusConnection, work: (channel: GrpcChannel) => Promise<void>): Promise<void> {
  const channel = await openGrpcChannel(connection, { log: silentLogger, tls: undefined, ...QUICK });
  try {
    await work(channel);
  } finally {
    channel.close();
  }
}

async function errorOf(work: Promise<unknown>): Promise<AppError> {
  const error: unknown = await work.then(
    () => new Error("nothing was thrown"),
    (thrown: unknown) => thrown,
  );
  if (!isAppError(error)) throw error;
  return error;
}

async function answering(reply: Reply | readonly Reply[]): Promise<AppError> {
  await using server = await startReplay({ replies: { GetPersistentSegmentInfo: reply } });
  let error: AppError | undefined;
  await withChannel(connectionTo(server.port), async (channel) => {
    error = await errorOf(channel.call("GetPersistentSegmentInfo", SEGMENTS, { signal }));
  });
  if (error === undefined) throw new Error("no call was made");
  return error;
}

describe("what goes with a call", () => {
  test("credentials go as base64 of user:password, the database and the identifier as metadata", async () => {
    await using server = await startReplay({
      replies: { GetPersistentSegmentInfo: { message: {} }, ListDatabases: { message: {} } },
    });
    await withChannel(connectionTo(server.port, { user: "root", password: "Mil:vus" }), async (channel) => {
      await channel.call("ListDatabases", {}, { signal });
      channel.identify("470618014425546754");
      await channel.call("GetPersistentSegmentInfo", SEGMENTS, { signal, database: "db_two" });
    });
    const [list, segments] = server.calls;
    expect(atob(list?.metadata.authorization ?? "")).toBe("root:Mil:vus");
    expect(list?.metadata).not.toHaveProperty("dbname");
    expect(list?.metadata).not.toHaveProperty("identifier");
    expect(segments?.metadata).toMatchObject({ dbname: "db_two", identifier: "470618014425546754" });
    expect(segments?.request.dbName).toBe("db_two");
  });

  test("without user and password no authorization is sent", async () => {
    await using server = await startReplay({ replies: { GetVersion: { message: { version: "v2.3.5" } } } });
    await withChannel(connectionTo(server.port), async (channel) => {
      expect((await channel.call("GetVersion", {}, { signal })).version).toBe("v2.3.5");
    });
    expect(server.calls[0]?.metadata).not.toHaveProperty("authorization");
  });

  test("bytes of an answer come as they were sent", async () => {
    const recorded = recordedCall("2.6.3", "DescribeCollection", "z_struct");
    await using server = await startReplay({ replies: { DescribeCollection: recorded } });
    await withChannel(connectionTo(server.port), async (channel) => {
      const { bytes } = await channel.callForBytes("DescribeCollection", { collection_name: "z_struct" }, { signal });
      expect(Buffer.from(bytes).toString("base64")).toBe(recorded.response);
    });
  });
});

describe("errors", () => {
  for (const version of RECORDED_VERSIONS) {
    test(`${version}: missing and wrong credentials are ACCESS_DENIED and say what to check, without the password`, async () => {
      for (const name of ["no authorization metadata", "wrong password"]) {
        await using server = await startReplay({ replies: { Connect: recordedCall(version, "Connect", name) } });
        await withChannel(connectionTo(server.port, { user: "root", password: "s3cr3t-word" }), async (channel) => {
          const error = await errorOf(channel.call("Connect", { client_info: {} }, { signal }));
          expect(error.code).toBe("ACCESS_DENIED");
          expect(error.message).toContain("milvus.user");
          expect(`${error.message} ${JSON.stringify(error)} ${Bun.inspect(error)}`).not.toContain("s3cr3t-word");
        });
      }
    });
  }

  test("a call the server does not have is UNSUPPORTED", async () => {
    await using server = await startReplay({ replies: {} });
    await withChannel(connectionTo(server.port), async (channel) => {
      expect((await errorOf(channel.call("ListDatabases", {}, { signal }))).code).toBe("UNSUPPORTED");
    });
  });

  test("either field of a status is enough to refuse", async () => {
    const old = await answering({ message: { status: { code: 0, error_code: 1, reason: "bad thing" } } });
    expect(old.code).toBe("MILVUS_ERROR");
    expect(old.details).toMatchObject({ serverCode: 0, legacyCode: 1, reason: "bad thing" });
    const recent = await answering({ message: { status: { code: 65535, error_code: 0, reason: "bad thing" } } });
    expect(recent.details).toMatchObject({ serverCode: 65535, reason: "bad thing" });
    expect(recent.message).toContain("GetPersistentSegmentInfo");
  });

  test("what is not found is told by code, old code and text", async () => {
    for (const status of [
      { code: 100, error_code: 1, reason: "x" },
      { code: 800, error_code: 1, reason: "x" },
      { code: 0, error_code: 4, reason: "x" },
      { code: 0, error_code: 1, reason: "can't find collection default:nope" },
      { code: 65535, error_code: 1, reason: "database not found[database=nope]" },
    ]) {
      expect((await answering({ message: { status } })).code).toBe("NOT_FOUND");
    }
    expect((await answering({ message: { status: { code: 1, reason: "partition not found" } } })).code).toBe(
      "MILVUS_ERROR",
    );
  });

  test("denied privileges are ACCESS_DENIED, as gRPC error and as status", async () => {
    expect((await answering({ grpcCode: 7, details: "PrivilegeFlush: permission deny to u1" })).code).toBe(
      "ACCESS_DENIED",
    );
    expect((await answering({ message: { status: { error_code: 3, reason: "no" } } })).code).toBe("ACCESS_DENIED");
  });

  test("an unreadable answer is an error, not an empty answer", async () => {
    const broken: Reply = {
      case: "",
      method: "GetPersistentSegmentInfo",
      code: 0,
      details: "",
      request: "",
      response: "Cv//",
    };
    expect((await answering(broken)).message).toContain("unreadable");
  });

  test("a server that is not there is UNAVAILABLE with its address", async () => {
    await withChannel(connectionTo(1), async (channel) => {
      const error = await errorOf(channel.call("GetVersion", {}, { signal }));
      expect(error.code).toBe("UNAVAILABLE");
      expect(error.message).toStartWith(
        "cannot reach Milvus 127.0.0.1:1: connect ECONNREFUSED 127.0.0.1:1; check milvus.grpc.address, ",
      );
    });
  });
});

describe("time", () => {
  test("a call that is not answered ends at its deadline and is not repeated", async () => {
    await using server = await startReplay({ replies: { GetVersion: "silence" } });
    await withChannel(connectionTo(server.port), async (channel) => {
      const error = await errorOf(channel.call("GetVersion", {}, { signal, deadlineMs: 50 }));
      expect(error.code).toBe("UNAVAILABLE");
      expect(error.retriable).toBe(false);
      expect(error.message).toContain("within 0.05 s");
    });
    expect(server.calls).toHaveLength(1);
  });

  test("an abort ends a running call at once", async () => {
    await using server = await startReplay({ replies: { GetVersion: "silence" } });
    await withChannel(connectionTo(server.port), async (channel) => {
      const abort = new AbortController();
      const call = errorOf(channel.call("GetVersion", {}, { signal: abort.signal }));
      while (server.calls.length === 0) await Bun.sleep(1);
      const start = performance.now();
      abort.abort();
      expect((await call).code).toBe("ABORTED");
      expect(performance.now() - start).toBeLessThan(500);
    });
  });

  test("a call that may not be cancelled is answered before an abort takes effect", async () => {
    const slow = { message: { version: "v1" }, afterMs: 100 };
    await using server = await startReplay({ replies: { GetVersion: slow } });
    await withChannel(connectionTo(server.port), async (channel) => {
      const abort = new AbortController();
      const call = channel.call("GetVersion", {}, { signal: abort.signal, cancellable: false });
      while (server.calls.length === 0) await Bun.sleep(1);
      abort.abort();
      expect((await call).version).toBe("v1");
      expect(server.calls.map(({ cancelled }) => cancelled)).toEqual([false]);
      const other = errorOf(channel.call("GetVersion", {}, { signal: AbortSignal.timeout(20) }));
      expect((await other).code).toBe("ABORTED");
      while (server.calls[1]?.cancelled !== true) await Bun.sleep(1);
    });
  });

  test("an aborted signal makes no call", async () => {
    await using server = await startReplay({ replies: { GetVersion: { message: {} } } });
    await withChannel(connectionTo(server.port), async (channel) => {
      expect((await errorOf(channel.call("GetVersion", {}, { signal: AbortSignal.abort() }))).code).toBe("ABORTED");
    });
    expect(server.calls).toHaveLength(0);
  });
});

describe("repetition", () => {
  test("an unavailable server is asked again until it answers", async () => {
    await using server = await startReplay({ replies: { GetVersion: [BUSY, BUSY, { message: { version: "v1" } }] } });
    await withChannel(connectionTo(server.port), async (channel) => {
      expect((await channel.call("GetVersion", {}, { signal })).version).toBe("v1");
    });
    expect(server.calls).toHaveLength(3);
  });

  test("and given up after its tries", async () => {
    await using server = await startReplay({ replies: { GetVersion: BUSY } });
    await withChannel(connectionTo(server.port), async (channel) => {
      expect((await errorOf(channel.call("GetVersion", {}, { signal }))).code).toBe("UNAVAILABLE");
    });
    expect(server.calls).toHaveLength(4);
  });

  test("an import whose fate is unknown is never sent twice", async () => {
    await using server = await startReplay({ replies: { Import: [BUSY, { message: { tasks: ["1"] } }] } });
    await withChannel(connectionTo(server.port), async (channel) => {
      const error = await errorOf(channel.call("Import", IMPORT, { signal, repeatable: false }));
      expect(error.code).toBe("UNAVAILABLE");
    });
    expect(server.calls).toHaveLength(1);
  });

  test("an import that cannot have arrived is sent again", async () => {
    const probe = await startReplay({ replies: {} });
    const { port } = probe;
    await probe[Symbol.asyncDispose]();
    const patient = { ...QUICK, retry: { attempts: 20, baseDelayMs: 100, maxDelayMs: 100 } };
    const channel = await openGrpcChannel(connectionTo(port), { log: silentLogger, tls: undefined, ...patient });
    const started = channel.call("Import", IMPORT, { signal, repeatable: false });
    await Bun.sleep(50);
    await using server = await startReplay({ port, replies: { Import: { message: { tasks: ["7"] } } } });
    expect((await started).tasks).toEqual(["7"]);
    expect(server.calls).toHaveLength(1);
    channel.close();
  });

  test("a rate limit is waited for, also by calls that must not happen twice", async () => {
    const refused = { message: { status: { code: 8, reason: "rate limit exceeded[rate=0.1]" } } };
    await using server = await startReplay({ replies: { Import: [refused, refused, { message: { tasks: ["1"] } }] } });
    await withChannel(connectionTo(server.port), async (channel) => {
      expect((await channel.call("Import", IMPORT, { signal, repeatable: false })).tasks).toEqual(["1"]);
    });
    expect(server.calls).toHaveLength(3);
  });

  test("a rate limit that stays ends as THROTTLED", async () => {
    const error = await answering(LIMITED);
    expect(hasCode(error, "THROTTLED")).toBe(true);
    expect(error.message).toContain("rate limit exceeded");
  });

  test("RESOURCE_EXHAUSTED is a rate limit", async () => {
    await using server = await startReplay({
      replies: { GetVersion: [{ grpcCode: 8, details: "busy" }, { message: {} }] },
    });
    await withChannel(connectionTo(server.port), async (channel) => {
      await channel.call("GetVersion", {}, { signal });
    });
    expect(server.calls).toHaveLength(2);
  });
});
