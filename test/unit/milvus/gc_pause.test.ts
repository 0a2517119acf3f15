import { describe, expect, test } from "bun:test";
import { isAppError } from "../../../src/base/errors.ts";
import { createLogger, silentLogger } from "../../../src/base/log.ts";
import { createGcControl, type GcTiming } from "../../../src/milvus/gc_pause.ts";
import { createManagementClient } from "../../../src/milvus/http_clients.ts";
import { connectionTo, RECORDED_VERSIONS, recordedHttp, signal } from "../../support/replay_milvus.ts";
import { type HttpReply, type ScriptedHttp, startHttp } from "../../support/scripted_http.ts";

const OK: HttpReply = { status: 200, text: '{"msg": "OK"}' };
const PAUSE = "/management/datacoord/garbage_collection/pause?pause_seconds=3600&collection_id=0";
const RESUME = "/management/datacoord/garbage_collection/resume";

function controlOf(url: string, timing: Partial<GcTiming> = {}, log = silentLogger) {
  const management = createManagementClient(connectionTo(1, { management: url }), undefined);
  return createGcControl({ management, log, timing: { renewMs: 60_000, timeoutMs: 500, ...timing } });
}

function paths(http: ScriptedHttp): readonly string[] {
  return http.requests.map(({ path }) => path);
}

function collect(): { readonly lines: string[]; readonly log: typeof silentLogger } {
  const lines: string[] = [];
  return { lines, log: createLogger({ level: "warn", write: (line) => lines.push(line) }) };
}

describe("a pause of garbage collection", () => {
  for (const version of RECORDED_VERSIONS) {
    test(`${version}: is taken, and resumed exactly once however often it is disposed`, async () => {
      const pause = recordedHttp(version, "management", "pause cluster");
      const resume = recordedHttp(version, "management", "resume");
      await using http = startHttp(({ path }) =>
        path === RESUME
          ? { status: resume.status, text: resume.response }
          : { status: pause.status, text: pause.response },
      );
      const lease = await controlOf(http.url).pauseGc(signal);
      expect(lease).toMatchObject({ paused: true });
      expect(lease.reason).toBeUndefined();
      await Promise.all([lease[Symbol.asyncDispose](), lease[Symbol.asyncDispose]()]);
      await lease[Symbol.asyncDispose]();
      expect(paths(http)).toEqual([PAUSE, RESUME]);
      expect(http.requests.every(({ method }) => method === "GET")).toBe(true);
    });
  }

  test("is renewed while it is held, and no longer", async () => {
    await using http = startHttp(() => OK);
    const lease = await controlOf(http.url, { renewMs: 20 }).pauseGc(signal);
    while (http.requests.length < 4) await Bun.sleep(5);
    await lease[Symbol.asyncDispose]();
    const count = http.requests.length;
    expect(
      paths(http)
        .slice(0, -1)
        .every((path) => path === PAUSE),
    ).toBe(true);
    expect(paths(http).at(-1)).toBe(RESUME);
    await Bun.sleep(80);
    expect(http.requests).toHaveLength(count);
  });

  test("is resumed after a renewal that is still on its way, not before", async () => {
    await using http = startHttp(({ path }, count) => (path === PAUSE && count > 1 ? "silence" : OK));
    const lease = await controlOf(http.url, { renewMs: 10, timeoutMs: 5_000 }).pauseGc(signal);
    while (http.requests.length < 2) await Bun.sleep(1);
    const start = performance.now();
    await lease[Symbol.asyncDispose]();
    expect(performance.now() - start).toBeLessThan(2_000);
    expect(paths(http).at(-1)).toBe(RESUME);
    expect(paths(http).filter((path) => path === RESUME)).toHaveLength(1);
  });

  test("that cannot be renewed is told, and still resumed", async () => {
    const { lines, log } = collect();
    await using http = startHttp(({ path }, count) => (path === PAUSE && count > 1 ? { status: 500, text: "no" } : OK));
    const lease = await controlOf(http.url, { renewMs: 10 }, log).pauseGc(signal);
    while (lines.length === 0) await Bun.sleep(1);
    await lease[Symbol.asyncDispose]();
    expect(lines[0]).toContain("was not renewed");
    expect(paths(http).at(-1)).toBe(RESUME);
  });

  test("that cannot be resumed is told, bounded in time", async () => {
    const { lines, log } = collect();
    await using http = startHttp(({ path }) => (path === RESUME ? "silence" : OK));
    const lease = await controlOf(http.url, { timeoutMs: 50 }, log).pauseGc(signal);
    const start = performance.now();
    await lease[Symbol.asyncDispose]();
    expect(performance.now() - start).toBeLessThan(2_000);
    expect(lines.join("\n")).toContain("was not resumed");
  });

  test("is resumed also when the operation's own signal has fired", async () => {
    await using http = startHttp(() => OK);
    const abort = new AbortController();
    const lease = await controlOf(http.url).pauseGc(abort.signal);
    abort.abort();
    await lease[Symbol.asyncDispose]();
    expect(paths(http)).toEqual([PAUSE, RESUME]);
  });
});

describe("a server that cannot be asked to pause", () => {
  const answers: readonly (readonly [string, HttpReply, string])[] = [
    ["has no such path (404)", { status: 404, text: "404 page not found" }, "404"],
    [
      "fails with what is not JSON",
      { status: 500, text: '{"msg": "failed to pause garbage collection, parsing "": x"}' },
      "failed to pause",
    ],
    ["is something else", { status: 200, text: "<html>hello</html>" }, "not Milvus's JSON"],
    ["says something else", { status: 200, text: '{"msg":"not now"}' }, "not now"],
    ["does not answer", "silence", "no answer within"],
  ];
  for (const [what, reply, reason] of answers) {
    test(`${what}: the lease says so, and disposing it asks for nothing`, async () => {
      await using http = startHttp(() => reply);
      const lease = await controlOf(http.url, { timeoutMs: 100 }).pauseGc(signal);
      expect(lease.paused).toBe(false);
      expect(lease.reason).toContain(reason);
      await lease[Symbol.asyncDispose]();
      expect(paths(http)).toEqual([PAUSE]);
    });
  }

  test("is not there: the lease names the address and the key to check", async () => {
    const lease = await controlOf("http://127.0.0.1:1").pauseGc(signal);
    expect(lease.paused).toBe(false);
    expect(lease.reason).toContain("http://127.0.0.1:1");
    expect(lease.reason).toContain("milvus.management.endpoint");
  });

  test("an abort while asking is an abort", async () => {
    await using http = startHttp(() => "silence");
    const abort = new AbortController();
    const asking = controlOf(http.url, { timeoutMs: 5_000 })
      .pauseGc(abort.signal)
      .catch((thrown: unknown) => thrown);
    while (http.requests.length === 0) await Bun.sleep(1);
    abort.abort();
    const error: unknown = await asking;
    expect(isAppError(error) && error.code).toBe("ABORTED");
  });
});
