/**
 * A reverse proxy before an S3 service that breaks what a test tells it to, and remembers every request. Objects of tests
 * are small: requests and answers are held whole. One request a connection.
 */

import { createServer, type Socket } from "node:net";
import { encodeHead, exchange, headerOf, readRequest, type WireMessage } from "./http_wire.ts";
import { freePort } from "./ports.ts";

export interface SeenRequest {
  readonly method: string;
  /** Decoded, without query: "/bucket/key". */
  readonly path: string;
  readonly query: URLSearchParams;
  /** By lower-case name. */
  readonly header: (name: string) => string | undefined;
}

export interface LoggedRequest extends SeenRequest {
  /** What was answered; undefined when the connection was closed instead, or nothing was answered yet. */
  status?: number;
}

/** What happens to a request. Offsets in bodies count from 0. */
export type Fault =
  /** Answered without asking the service. */
  | { readonly kind: "reply"; readonly status: number; readonly body?: string }
  /** The connection is closed without an answer, before or after the service did as asked. */
  | { readonly kind: "reset"; readonly served?: boolean }
  | { readonly kind: "delay"; readonly ms: number }
  /** The head promises the whole body, the connection ends after so many bytes. */
  | { readonly kind: "cut"; readonly after: number }
  /** Only so many bytes, and a head that fits them. */
  | { readonly kind: "shorten"; readonly to: number }
  | { readonly kind: "flip"; readonly where: "request" | "answer" }
  | { readonly kind: "rewrite"; readonly body: (text: string) => string };

export interface Rule {
  readonly when: (request: SeenRequest) => boolean;
  readonly fault: Fault;
  /** Matches that pass first. */
  readonly skip?: number;
  /** Matches that are hit; all when left out. */
  readonly times?: number;
}

export interface Hold {
  /** Resolves when a request waits; rejects after half a minute. */
  readonly reached: Promise<SeenRequest>;
  /** Lets it, and all later ones, go on, unless their clients have gone: then the service never hears of them. */
  release(): void;
}

export interface FaultProxy extends AsyncDisposable {
  readonly host: "127.0.0.1";
  readonly port: number;
  readonly log: readonly LoggedRequest[];
  /** Replaces all rules, lets go what is held, forgets the log. */
  reset(rules?: readonly Rule[]): void;
  /** Requests that match wait, after `skip` of them, and until released; with `afterBytes` in the middle of the answer's body. */
  hold(when: Rule["when"], options?: { readonly skip?: number; readonly afterBytes?: number }): Hold;
}

interface Holding {
  readonly when: Rule["when"];
  skip: number;
  readonly afterBytes: number | undefined;
  readonly reach: (request: SeenRequest) => void;
  readonly released: Promise<void>;
}

const HOLD_MS = 30_000;

export async function startFaultProxy(upstream: { readonly host: string; readonly port: number }): Promise<FaultProxy> {
  const log: LoggedRequest[] = [];
  const sockets = new Set<Socket>();
  let rules: { readonly rule: Rule; matches: number }[] = [];
  let holdings: Holding[] = [];
  let releases: (() => void)[] = [];

  const faultsFor = (request: SeenRequest): readonly Fault[] =>
    rules.flatMap((entry) => {
      if (!entry.rule.when(request)) return [];
      entry.matches += 1;
      const hit = entry.matches - (entry.rule.skip ?? 0);
      return hit >= 1 && hit <= (entry.rule.times ?? Number.POSITIVE_INFINITY) ? [entry.rule.fault] : [];
    });
  const holdingFor = (request: SeenRequest): Holding | undefined =>
    holdings.find((entry) => {
      if (!entry.when(request)) return false;
      entry.skip -= 1;
      return entry.skip < 0;
    });

  const serve = async (socket: Socket): Promise<void> => {
    const message = await readRequest(socket);
    if (message === undefined) return;
    const request = describe(message);
    const entry: LoggedRequest = { ...request };
    log.push(entry);
    const faults = faultsFor(request);
    const holding = holdingFor(request);
    if (holding !== undefined && holding.afterBytes === undefined) {
      let gone = false;
      socket.once("end", () => {
        gone = true;
      });
      await waitIn(holding, request);
      if (gone || socket.destroyed) return;
    }
    const answer = await answerOf(upstream, message, faults);
    if (answer === undefined) return void socket.destroy();
    entry.status = Number(answer.start.split(" ")[1]);
    const body = request.method === "HEAD" ? Buffer.alloc(0) : answer.body;
    const cut = faults.find((fault) => fault.kind === "cut");
    socket.write(encodeHead(answer, lengthHeader(request, answer)));
    if (holding?.afterBytes !== undefined && body.length > holding.afterBytes) {
      socket.write(body.subarray(0, holding.afterBytes));
      await waitIn(holding, request);
      socket.end(body.subarray(holding.afterBytes));
    } else if (cut === undefined) socket.end(body);
    else socket.write(body.subarray(0, cut.after), () => socket.destroySoon());
  };

  const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    // A client that was killed, or that gave up, is what many tests are about.
    socket.on("error", () => socket.destroy());
    serve(socket).catch(() => socket.destroy());
  });
  const port = await freePort();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });

  const letGo = (): void => {
    holdings = [];
    for (const release of releases) release();
    releases = [];
  };
  return {
    host: "127.0.0.1",
    port,
    log,
    reset(next = []) {
      letGo();
      rules = next.map((rule) => ({ rule, matches: 0 }));
      log.length = 0;
    },
    hold(when, { skip = 0, afterBytes } = {}) {
      const reached = Promise.withResolvers<SeenRequest>();
      const timer = setTimeout(() => reached.reject(new Error("no request came that was to be held")), HOLD_MS);
      const released = Promise.withResolvers<void>();
      const reach = (request: SeenRequest): void => {
        clearTimeout(timer);
        reached.resolve(request);
      };
      holdings.push({ when, skip, afterBytes, reach, released: released.promise });
      releases.push(released.resolve);
      return { reached: reached.promise, release: letGo };
    },
    async [Symbol.asyncDispose]() {
      letGo();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

async function waitIn(holding: Holding, request: SeenRequest): Promise<void> {
  holding.reach(request);
  await holding.released;
}

function describe(message: WireMessage): SeenRequest {
  const [method = "", target = ""] = message.start.split(" ");
  const url = new URL(target, "http://proxy");
  return {
    method,
    path: decodeURIComponent(url.pathname),
    query: url.searchParams,
    header: (name) => headerOf(message, name),
  };
}

function lengthHeader(request: SeenRequest, answer: WireMessage): string | undefined {
  if (request.method === "HEAD") return headerOf(answer, "content-length");
  return answer.start.includes(" 204 ") ? undefined : String(answer.body.length);
}

/** What the client gets; undefined for a closed connection. */
async function answerOf(
  upstream: { readonly host: string; readonly port: number },
  message: WireMessage,
  faults: readonly Fault[],
): Promise<WireMessage | undefined> {
  let request = message;
  for (const fault of faults) {
    if (fault.kind === "delay") await Bun.sleep(fault.ms);
    if (fault.kind === "reply") return reply(fault.status, fault.body ?? "");
    if (fault.kind === "reset" && fault.served !== true) return undefined;
    if (fault.kind === "flip" && fault.where === "request") request = flipped(request);
  }
  let answer: WireMessage | undefined = await exchange(upstream, request).catch(() => undefined);
  // A service that is down refuses connections; closing ours comes nearest.
  if (answer === undefined) return undefined;
  for (const fault of faults) {
    if (fault.kind === "reset") return undefined;
    if (fault.kind === "flip" && fault.where === "answer") answer = flipped(answer);
    if (fault.kind === "shorten") answer = { ...answer, body: answer.body.subarray(0, fault.to) };
    if (fault.kind === "rewrite") answer = { ...answer, body: Buffer.from(fault.body(answer.body.toString("utf8"))) };
  }
  return answer;
}

function reply(status: number, body: string): WireMessage {
  return {
    start: `HTTP/1.1 ${status} Scripted`,
    headers: [["Content-Type", "application/xml"]],
    body: Buffer.from(body),
  };
}

/** Another bit each time, as a bad cable would. */
function flipped(message: WireMessage): WireMessage {
  const body = Buffer.from(message.body);
  const index = Math.floor(Math.random() * body.length);
  if (body.length > 0) body[index] = (body[index] ?? 0) ^ (1 << Math.floor(Math.random() * 8));
  return { ...message, body };
}

/** The body of a refusal as S3 writes it. */
export function s3Error(code: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>scripted</Message></Error>`;
}
