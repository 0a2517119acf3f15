import { describe, expect, test } from "bun:test";
import { isAppError } from "../../../src/base/errors.ts";
import { loadMilvusProto } from "../../../src/milvus/proto.ts";
import {
  connectionTo,
  connectTo,
  handshakeReplies,
  QUICK,
  RECORDED_VERSIONS,
  recordedCall,
  signal,
  startReplay,
} from "../../support/replay_milvus.ts";

const ns = { database: "default", collection: "z_types" };

for (const version of RECORDED_VERSIONS) {
  describe(`flush as ${version} answers`, () => {
    const flushed = recordedCall(version, "Flush", "one collection");
    const states = [
      recordedCall(version, "GetFlushState", "as the tool does"),
      recordedCall(version, "GetFlushState", "no collection name"),
    ];

    test("positions are the exact bytes; the highest is the timestamp; it waits until all is flushed", async () => {
      await using server = await startReplay({
        replies: { ...handshakeReplies(version), Flush: flushed, GetFlushState: states },
      });
      await using milvus = await connectTo(connectionTo(server.port));
      const result = await milvus.flush(ns, signal);

      const proto = await loadMilvusProto();
      const position = proto.type("milvus.proto.msg.MsgPosition");
      const entries = Object.entries(result.channelCheckpoints);
      expect(entries).toHaveLength(1);
      const read = entries.map(([name, text]) => {
        expect(flushed.response.length).toBeGreaterThan(0);
        expect(Buffer.from(flushed.response, "base64").includes(Buffer.from(text, "base64"))).toBe(true);
        return {
          name,
          ...(position.decode(Buffer.from(text, "base64")) as { channel_name: string; timestamp: string }),
        };
      });
      expect(read.every(({ name, channel_name }) => name === channel_name)).toBe(true);
      expect(result.timestamp).toBe(BigInt(read[0]?.timestamp ?? "0"));
      expect(result.timestamp > 2n ** 53n).toBe(true);
      expect(result.sealTime > 1_700_000_000n).toBe(true);

      expect(server.seen("GetFlushState")).toHaveLength(2);
      const asked = server.seen("GetFlushState")[0]?.request;
      expect(asked).toMatchObject({ collection_name: "z_types", db_name: "default" });
      expect(BigInt(String(asked?.flush_ts)) > 2n ** 53n).toBe(true);
    });

    test("the limit of one flush in ten seconds is waited for", async () => {
      const limited = recordedCall(version, "Flush", "the same again at once");
      await using server = await startReplay({
        replies: { ...handshakeReplies(version), Flush: [limited, limited, flushed], GetFlushState: states },
      });
      await using milvus = await connectTo(connectionTo(server.port));
      expect((await milvus.flush(ns, signal)).timestamp > 0n).toBe(true);
      expect(server.seen("Flush")).toHaveLength(3);
    });
  });
}

describe("flush", () => {
  test("a server without timestamps and positions (2.2) is asked by segments", async () => {
    await using server = await startReplay({
      replies: {
        ...handshakeReplies("2.4.23"),
        Flush: {
          message: { status: {}, coll_segIDs: { z_types: { data: ["11", "12"] } }, coll_seal_times: { z_types: "9" } },
        },
        GetFlushState: { message: { flushed: true } },
      },
    });
    await using milvus = await connectTo(connectionTo(server.port));
    expect(await milvus.flush(ns, signal)).toEqual({ channelCheckpoints: {}, timestamp: 0n, sealTime: 9n });
    expect(server.seen("GetFlushState")[0]?.request).toMatchObject({ segmentIDs: ["11", "12"], flush_ts: "0" });
  });

  test("the wait is bounded", async () => {
    await using server = await startReplay({
      replies: {
        ...handshakeReplies("2.6.3"),
        Flush: recordedCall("2.6.3", "Flush", "one collection"),
        GetFlushState: recordedCall("2.6.3", "GetFlushState", "as the tool does"),
      },
    });
    const flush = { throttle: { attempts: 1, baseDelayMs: 1, maxDelayMs: 1 }, pollMs: 5, timeoutMs: 40 };
    await using milvus = await connectTo(connectionTo(server.port), { timing: { ...QUICK, flush } });
    const error: unknown = await milvus.flush(ns, signal).catch((thrown: unknown) => thrown);
    expect(isAppError(error) && error.code).toBe("UNAVAILABLE");
    expect(String(error)).toContain("default.z_types");
    expect(server.seen("GetFlushState").length).toBeGreaterThan(1);
  });

  test("the wait ends with the signal", async () => {
    await using server = await startReplay({
      replies: {
        ...handshakeReplies("2.6.3"),
        Flush: recordedCall("2.6.3", "Flush", "one collection"),
        GetFlushState: recordedCall("2.6.3", "GetFlushState", "as the tool does"),
      },
    });
    await using milvus = await connectTo(connectionTo(server.port));
    const abort = new AbortController();
    const running = milvus.flush(ns, abort.signal).catch((thrown: unknown) => thrown);
    while (server.seen("GetFlushState").length === 0) await Bun.sleep(1);
    abort.abort();
    const error: unknown = await running;
    expect(isAppError(error) && error.code).toBe("ABORTED");
  });
});
