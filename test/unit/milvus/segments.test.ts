import { describe, expect, test } from "bun:test";
import { isAppError } from "../../../src/base/errors.ts";
import {
  connectionTo,
  connectTo,
  handshakeReplies,
  RECORDED_VERSIONS,
  recordedCall,
  recordedHttp,
  signal,
  startReplay,
} from "../../support/replay_milvus.ts";
import { type HttpReply, startHttp } from "../../support/scripted_http.ts";

const ns = { database: "default", collection: "z_parts" };
const NO_IMPORT: HttpReply = { status: 404, text: "404 page not found" };
const DESCRIBE = "/v2/vectordb/segments/describe";

describe("listing segments", () => {
  for (const version of RECORDED_VERSIONS) {
    test(`${version}: ids, rows and partitions are exact, deletes of all partitions are L0 of partition -1`, async () => {
      await using server = await startReplay({
        replies: {
          ...handshakeReplies(version),
          GetPersistentSegmentInfo: recordedCall(version, "L0_after_delete", "GetPersistentSegmentInfo right after"),
        },
      });
      await using milvus = await connectTo(connectionTo(server.port));
      const segments = await milvus.listSegments(ns, signal);
      const sealed = segments.filter(({ isL0 }) => !isL0);
      const l0 = segments.filter(({ isL0 }) => isL0);
      expect(sealed.length).toBeGreaterThan(0);
      expect(sealed.every(({ rows, state, id }) => rows > 0n && state === "Flushed" && id > 2n ** 53n)).toBe(true);
      expect(l0.length).toBeGreaterThan(0);
      expect(l0.every(({ rows, partitionId }) => rows === 0n && partitionId === -1n)).toBe(true);
      expect(sealed.every(({ storageVersion }) => storageVersion === (version === "2.6.3" ? 2n : 0n))).toBe(true);
      expect(server.seen("GetPersistentSegmentInfo")[0]?.request).toMatchObject({
        collectionName: "z_parts",
        dbName: "default",
      });
    });

    test(`${version}: an absent collection is NOT_FOUND`, async () => {
      const replies = {
        ...handshakeReplies(version),
        GetPersistentSegmentInfo: recordedCall(version, "GetPersistentSegmentInfo", "absent collection"),
      };
      await using server = await startReplay({ replies });
      await using milvus = await connectTo(connectionTo(server.port));
      const error: unknown = await milvus.listSegments(ns, signal).catch((thrown: unknown) => thrown);
      expect(isAppError(error) && error.code).toBe("NOT_FOUND");
    });
  }

  test("growing, importing, dropped and empty segments are left out; sealed, flushing and L0 ones are not", async () => {
    const states = { none: 0, notExist: 1, growing: 2, sealed: 3, flushed: 4, flushing: 5, dropped: 6, importing: 7 };
    const infos = Object.values(states).map((state) => ({ segmentID: String(state), num_rows: "5", state }));
    await using server = await startReplay({
      replies: {
        ...handshakeReplies("2.6.3"),
        GetPersistentSegmentInfo: {
          message: {
            infos: [
              ...infos,
              { segmentID: "30", num_rows: "0", state: states.sealed },
              { segmentID: "40", num_rows: "0", state: states.flushed },
              { segmentID: "41", num_rows: "0", state: states.flushed, level: 1 },
              { segmentID: "61", num_rows: "0", state: states.dropped, level: 1 },
            ],
          },
        },
      },
    });
    await using milvus = await connectTo(connectionTo(server.port));
    const found = await milvus.listSegments(ns, signal);
    expect(found.map(({ id, state }) => [id, state])).toEqual([
      [3n, "Sealed"],
      [4n, "Flushed"],
      [5n, "Flushing"],
      [41n, "Flushed"],
    ]);
  });
});

describe("files of segments", () => {
  for (const version of ["2.5.8", "2.6.3"] as const) {
    test(`${version}: exact log ids in the order asked for`, async () => {
      const recorded = recordedHttp(version, "segments_describe", "several segments");
      const asked =
        recorded.request
          .match(/"segmentIds":\[([\d,]+)\]/)?.[1]
          ?.split(",")
          .map(BigInt) ?? [];
      await using http = startHttp(({ path }) =>
        path === DESCRIBE ? { status: recorded.status, text: recorded.response } : NO_IMPORT,
      );
      await using server = await startReplay({ replies: handshakeReplies(version) });
      await using milvus = await connectTo(
        connectionTo(server.port, { rest: http.url, user: "root", password: "Milvus" }),
      );
      const logs = await milvus.segmentLogs(ns, 470617900930651831n, asked, signal);
      expect(logs.map(({ segmentId }) => segmentId)).toEqual(asked);
      expect(logs.every(({ vChannel }) => vChannel.startsWith("by-dev-rootcoord-dml_"))).toBe(true);
      for (const log of logs) {
        for (const { logIds } of [...log.insertLogs, ...log.deltaLogs]) {
          expect(logIds.length).toBeGreaterThan(0);
          expect(logIds.every((id) => recorded.response.includes(String(id)))).toBe(true);
        }
      }
      expect(logs.some(({ insertLogs }) => insertLogs.length > 0)).toBe(true);
      const request = http.requests.find(({ path }) => path === DESCRIBE);
      expect(request?.body).toBe(
        `{"dbName":"default","collectionId":470617900930651831,"segmentIds":[${asked.join(",")}]}`,
      );
      expect(request?.headers.authorization).toBe("Bearer root:Milvus");
    });

    test(`${version}: an unknown segment is NOT_FOUND, missing authorization ACCESS_DENIED`, async () => {
      for (const [name, code] of [
        ["known + unknown segment", "NOT_FOUND"],
        ["no authorization header", "ACCESS_DENIED"],
        ["unknown REST path", "UNSUPPORTED"],
      ] as const) {
        const recorded = recordedHttp(version, "segments_describe", name);
        await using http = startHttp(() => ({ status: recorded.status, text: recorded.response }));
        await using server = await startReplay({ replies: handshakeReplies(version) });
        await using milvus = await connectTo(connectionTo(server.port, { rest: http.url }));
        const error: unknown = await milvus.segmentLogs(ns, 1n, [123n], signal).catch((thrown: unknown) => thrown);
        expect(isAppError(error) && error.code).toBe(code);
      }
    });
  }

  test("many segments are asked for in batches", async () => {
    await using http = startHttp(({ path, body }) => {
      if (path !== DESCRIBE) return NO_IMPORT;
      const ids = body.match(/"segmentIds":\[([\d,]*)\]/)?.[1]?.split(",") ?? [];
      const infos = ids.map((id) => `{"segmentID":${id},"insertLogs":[],"deltaLogs":null}`);
      return { status: 200, text: `{"code":0,"data":{"segmentInfos":[${infos.join(",")}]}}` };
    });
    await using server = await startReplay({ replies: handshakeReplies("2.6.3") });
    await using milvus = await connectTo(connectionTo(server.port, { rest: http.url }));
    const ids = Array.from({ length: 250 }, (_, index) => 9007199254740993n + BigInt(index));
    expect((await milvus.segmentLogs(ns, 1n, ids, signal)).map(({ segmentId }) => segmentId)).toEqual(ids);
    expect(http.requests.filter(({ path }) => path === DESCRIBE)).toHaveLength(3);
  });

  test("a server that answers fewer segments than asked for is not believed", async () => {
    await using http = startHttp(() => ({ status: 200, text: '{"code":0,"data":{"segmentInfos":[]}}' }));
    await using server = await startReplay({ replies: handshakeReplies("2.6.3") });
    await using milvus = await connectTo(connectionTo(server.port, { rest: http.url }));
    await expect(milvus.segmentLogs(ns, 1n, [7n], signal)).rejects.toThrow("does not know segment 7");
  });

  test("before 2.5.8 it is UNSUPPORTED, without a request", async () => {
    await using http = startHttp(() => NO_IMPORT);
    await using server = await startReplay({ replies: handshakeReplies("2.4.23") });
    await using milvus = await connectTo(connectionTo(server.port, { rest: http.url }));
    const error: unknown = await milvus.segmentLogs(ns, 1n, [7n], signal).catch((thrown: unknown) => thrown);
    expect(isAppError(error) && error.code).toBe("UNSUPPORTED");
    expect(http.requests.some(({ path }) => path === DESCRIBE)).toBe(false);
  });
});
