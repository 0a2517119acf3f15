import { describe, expect, test } from "bun:test";
import { type AppError, isAppError } from "../../../src/base/errors.ts";
import { createManagementClient, createRestClient, type RestClient } from "../../../src/milvus/http_clients.ts";
import { connectionTo, signal } from "../../support/replay_milvus.ts";
import { type HttpReply, startHttp } from "../../support/scripted_http.ts";

const QUICK_RETRY = { attempts: 3, baseDelayMs: 1, maxDelayMs: 1 };
const PASSWORD = "s3cr3t-word";

function restTo(url: string): RestClient {
  return createRestClient(connectionTo(1, { rest: url, user: "root", password: PASSWORD }), undefined, QUICK_RETRY);
}

async function errorFor(reply: HttpReply): Promise<AppError> {
  await using http = startHttp(() => reply);
  const error: unknown = await restTo(http.url)
    .post("/v2/x", {}, { signal, timeoutMs: 300 })
    .catch((thrown: unknown) => thrown);
  if (!isAppError(error)) throw new Error("no error");
  expect(`${error.message} ${JSON.stringify(error.details)} ${Bun.inspect(error)}`).not.toContain(PASSWORD);
  return error;
}

describe("where requests go", () => {
  test("without an endpoint to the gRPC address, https exactly with TLS", () => {
    const plain = connectionTo(19530);
    expect(createRestClient(plain, undefined).endpoint).toBe("http://127.0.0.1:19530");
    expect(createRestClient(plain, { identity: "127.0.0.1" }).endpoint).toBe("https://127.0.0.1:19530");
    const six = connectionTo(19530, { grpc: { address: "::1" } });
    expect(createRestClient(six, undefined).endpoint).toBe("http://[::1]:19530");
  });

  test("an endpoint with a path is kept, credentials in it are never shown", async () => {
    await using http = startHttp(() => ({ status: 200, text: '{"code":0,"data":{"a":1}}' }));
    const rest = createRestClient(connectionTo(1, { rest: `${http.url.replace("//", "//u:pw@")}/milvus/` }), undefined);
    expect(rest.endpoint).toBe(`${http.url}/milvus`);
    expect(await rest.post("/v2/x", {}, { signal })).toEqual({ a: 1n });
    expect(http.requests[0]?.path).toBe("/milvus/v2/x");
  });

  test("what is no address is CONFIG_INVALID with its key, not with its value", () => {
    for (const make of [
      () => createRestClient(connectionTo(1, { rest: "root:pw@host" }), undefined),
      () => createManagementClient(connectionTo(1, { management: "ftp://root:pw@host" }), undefined),
    ]) {
      let error: unknown;
      try {
        make();
      } catch (thrown) {
        error = thrown;
      }
      expect(isAppError(error) && error.code).toBe("CONFIG_INVALID");
      expect(String(error)).toMatch(/milvus\.(rest|management)\.endpoint/);
      expect(String(error)).not.toContain("pw");
    }
  });
});

describe("what goes and comes", () => {
  test("ids keep all their digits both ways", async () => {
    await using http = startHttp(() => ({ status: 200, text: '{"code":0,"data":{"id":9007199254740993}}' }));
    const data = await restTo(http.url).post("/v2/x", { id: 470617900930651831n }, { signal });
    expect(data.id).toBe(9007199254740993n);
    expect(http.requests[0]?.body).toBe('{"id":470617900930651831}');
    expect(http.requests[0]?.headers.authorization).toBe(`Bearer root:${PASSWORD}`);
  });

  test("without credentials none are sent", async () => {
    await using http = startHttp(() => ({ status: 200, text: '{"code":0}' }));
    const rest = createRestClient(connectionTo(1, { rest: http.url }), undefined);
    expect(await rest.post("/v2/x", {}, { signal })).toEqual({});
    expect(http.requests[0]?.headers).not.toHaveProperty("authorization");
  });
});

describe("errors", () => {
  const table: readonly (readonly [HttpReply, string, string])[] = [
    [{ status: 401, text: '{"code":1800,"message":"user hasn\'t authenticated"}' }, "ACCESS_DENIED", "milvus.user"],
    [{ status: 404, text: "404 page not found" }, "UNSUPPORTED", "milvus.rest.endpoint"],
    [{ status: 301, text: "moved" }, "MILVUS_ERROR", "301"],
    [{ status: 429, text: "slow down" }, "THROTTLED", "slow down"],
    [{ status: 503, text: "" }, "UNAVAILABLE", "503"],
    [{ status: 500, text: "boom" }, "MILVUS_ERROR", "boom"],
    [
      { status: 200, text: '{"code":100,"message":"collection not found[database=default]"}' },
      "NOT_FOUND",
      "collection not found",
    ],
    [{ status: 200, text: '{"code":800,"message":"database not found"}' }, "NOT_FOUND", "database not found"],
    [{ status: 200, text: '{"code":8,"message":"rate limit exceeded[rate=0.1]"}' }, "THROTTLED", "rate limit"],
    [{ status: 200, text: '{"code":1801,"message":"bad body"}' }, "MILVUS_ERROR", "bad body"],
    [{ status: 200, text: '{"message":"no code"}' }, "MILVUS_ERROR", "no code"],
    [{ status: 200, text: "<html>" }, "MILVUS_ERROR", "not Milvus's JSON"],
    ["silence", "UNAVAILABLE", "no answer within 0.3 s"],
  ];
  for (const [reply, code, words] of table) {
    const name = reply === "silence" ? reply : `${reply.status} ${reply.text}`;
    test(`${name} is ${code}`, async () => {
      const error = await errorFor(reply);
      expect(error.code).toBe(code as AppError["code"]);
      expect(error.message).toContain(words);
    });
  }

  test("long answers are cut", async () => {
    expect((await errorFor({ status: 500, text: "x".repeat(5_000) })).message.length).toBeLessThan(500);
  });

  test("a refused connection names the address and the key", async () => {
    const error: unknown = await restTo("http://127.0.0.1:1")
      .post("/v2/x", {}, { signal })
      .catch((thrown: unknown) => thrown);
    expect(isAppError(error) && error.code).toBe("UNAVAILABLE");
    expect(String(error)).toContain("http://127.0.0.1:1/v2/x");
    expect(String(error)).toContain("milvus.rest.endpoint");
  });

  test("an abort is an abort", async () => {
    await using http = startHttp(() => "silence");
    const abort = new AbortController();
    const asking = restTo(http.url)
      .post("/v2/x", {}, { signal: abort.signal })
      .catch((thrown: unknown) => thrown);
    while (http.requests.length === 0) await Bun.sleep(1);
    abort.abort();
    const error: unknown = await asking;
    expect(isAppError(error) && error.code).toBe("ABORTED");
  });
});
