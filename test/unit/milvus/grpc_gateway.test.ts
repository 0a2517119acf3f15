import { describe, expect, test } from "bun:test";
import { type AppError, isAppError } from "../../../src/base/errors.ts";
import { createLogger } from "../../../src/base/log.ts";
import {
  connectionTo,
  connectTo,
  handshakeReplies,
  recordedCall,
  signal,
  startReplay,
} from "../../support/replay_milvus.ts";
import { startHttp } from "../../support/scripted_http.ts";

const UNKNOWN_JOB = '{"code":2100,"message":"import job does not exist, jobID=0: importing data failed"}';

async function errorOf(work: Promise<unknown>): Promise<AppError> {
  const error: unknown = await work.catch((thrown: unknown) => thrown);
  if (!isAppError(error)) throw new Error("no error");
  return error;
}

describe("connecting", () => {
  test("introduces itself, keeps the identifier, reads version and features", async () => {
    await using server = await startReplay({
      replies: { ...handshakeReplies("2.5.8"), ShowCollections: { message: { collection_names: ["a"] } } },
    });
    await using milvus = await connectTo(connectionTo(server.port, { user: "root", password: "Milvus" }), {
      toolVersion: "1.2.3",
    });
    expect(milvus.address).toBe(`127.0.0.1:${server.port}`);
    expect(milvus.server.version).toBe("2.5.8");
    expect(milvus.server.supports("databases")).toBe(true);
    expect(milvus.server.supports("segmentDescribe")).toBe(true);
    expect(milvus.server.supports("flushAll")).toBe(false);
    expect(server.seen("Connect")[0]?.request.client_info).toMatchObject({
      sdk_type: "milvus-backup",
      sdk_version: "1.2.3",
      user: "root",
    });
    expect(server.seen("GetVersion")).toHaveLength(0);
    expect(await milvus.listCollections("default", signal)).toEqual(["a"]);
    expect(server.seen("ShowCollections")[0]?.metadata.identifier).toBe("470618014452285443");
  });

  test("a server without Connect and databases (before 2.2.9) has one database", async () => {
    await using server = await startReplay({ replies: { GetVersion: { message: { version: "v2.2.8" } } } });
    await using milvus = await connectTo(connectionTo(server.port));
    expect(milvus.server.version).toBe("v2.2.8");
    expect(milvus.server.supports("databases")).toBe(false);
    expect(await milvus.listDatabases(signal)).toEqual(["default"]);
    expect(await milvus.describeDatabase("default", signal)).toEqual({ name: "default", id: 0n, properties: [] });
    expect(milvus.importVersion).toBe("v1");
  });

  test("build tags that are no version leave it to GetVersion", async () => {
    await using server = await startReplay({
      replies: {
        Connect: { message: { server_info: { build_tags: "master-20260226-abc" } } },
        ListDatabases: { message: {} },
        GetVersion: { message: { version: "2.6-20260404-31fb3fc" } },
      },
    });
    await using milvus = await connectTo(connectionTo(server.port));
    expect(milvus.server.version).toBe("2.6-20260404-31fb3fc");
    expect(milvus.server.supports("flushAll")).toBe(true);
  });

  test("wrong credentials end it at once", async () => {
    await using server = await startReplay({
      replies: { ...handshakeReplies("2.6.3"), Connect: recordedCall("2.6.3", "Connect", "wrong password") },
    });
    expect((await errorOf(connectTo(connectionTo(server.port, { user: "root", password: "no" })))).code).toBe(
      "ACCESS_DENIED",
    );
    expect(server.calls).toHaveLength(1);
  });

  test("databases that may not be listed end it as well", async () => {
    await using server = await startReplay({
      replies: {
        ...handshakeReplies("2.6.3"),
        ListDatabases: { message: { status: { code: 65535, reason: "etcdserver: invalid auth token" } } },
      },
    });
    expect((await errorOf(connectTo(connectionTo(server.port)))).code).toBe("MILVUS_ERROR");
  });

  test("nobody there is UNAVAILABLE within moments", async () => {
    const start = performance.now();
    const error = await errorOf(connectTo(connectionTo(1)));
    expect(error.code).toBe("UNAVAILABLE");
    expect(error.message).toContain("127.0.0.1:1");
    expect(performance.now() - start).toBeLessThan(5_000);
  });

  test("an unreadable certificate file is CONFIG_INVALID with key and path", async () => {
    const error = await errorOf(
      connectTo(connectionTo(1, { grpc: { tlsMode: "server", caCertPath: "/nonexistent/ca.pem" } })),
    );
    expect(error.code).toBe("CONFIG_INVALID");
    expect(error.message).toContain("milvus.grpc.caCertPath");
    expect(error.message).toContain("/nonexistent/ca.pem");
    const missing = await errorOf(connectTo(connectionTo(1, { grpc: { tlsMode: "mutual" } })));
    expect(missing.message).toContain("milvus.grpc.mtlsCertPath is not set");
  });
});

describe("the way of importing", () => {
  test("REST where its routes answer", async () => {
    await using http = startHttp(() => ({ status: 200, text: UNKNOWN_JOB }));
    await using server = await startReplay({ replies: handshakeReplies("2.4.23") });
    await using milvus = await connectTo(connectionTo(server.port, { rest: http.url }));
    expect(milvus.importVersion).toBe("v2");
    expect(milvus.server.supports("importV2")).toBe(true);
  });

  test("gRPC where they do not, which is told", async () => {
    const lines: string[] = [];
    await using http = startHttp(() => ({ status: 404, text: "404 page not found" }));
    await using server = await startReplay({ replies: handshakeReplies("2.4.23") });
    const log = createLogger({ level: "warn", write: (line) => lines.push(line) });
    await using milvus = await connectTo(connectionTo(server.port, { rest: http.url }), { log });
    expect(milvus.importVersion).toBe("v1");
    expect(milvus.server.supports("importV2")).toBe(false);
    expect(lines).toHaveLength(1);
  });

  test("an older server is not even asked", async () => {
    await using http = startHttp(() => ({ status: 200, text: UNKNOWN_JOB }));
    await using server = await startReplay({
      replies: { ListDatabases: { message: {} }, GetVersion: { message: { version: "v2.3.5-lite" } } },
    });
    await using milvus = await connectTo(connectionTo(server.port, { rest: http.url }));
    expect(milvus.importVersion).toBe("v1");
    expect(http.requests).toHaveLength(0);
  });
});
