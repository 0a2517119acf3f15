/**
 * A gRPC server on a loopback socket that answers what it is told: bytes recorded from real Milvus servers
 * (test/fixtures/recordings), messages made up for a test, errors, or nothing at all. Calls it was not told about are
 * UNIMPLEMENTED, as on a server that does not have them.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as grpc from "@grpc/grpc-js";
import { silentLogger } from "../../src/base/log.ts";
import { Secret } from "../../src/base/secret.ts";
import type { MilvusConnection } from "../../src/milvus/connection.ts";
import type { MilvusGateway } from "../../src/milvus/gateway.ts";
import { type ConnectOptions, connectMilvus } from "../../src/milvus/grpc_gateway.ts";
import type { MethodName } from "../../src/milvus/messages.ts";
import { loadMilvusProto } from "../../src/milvus/proto.ts";

export type RecordedVersion = "2.4.23" | "2.5.8" | "2.6.3";
export const RECORDED_VERSIONS: readonly RecordedVersion[] = ["2.4.23", "2.5.8", "2.6.3"];

/** A recorded gRPC call; request and response are base64. */
export interface RecordedCall {
  readonly case: string;
  readonly method: MethodName;
  readonly code: number;
  readonly details: string;
  readonly request: string;
  readonly response: string;
}

/** A recorded HTTP call; request and response are the exact texts. */
export interface RecordedHttp {
  readonly case: string;
  readonly method: string;
  readonly path: string;
  readonly request: string;
  readonly status: number;
  readonly response: string;
}

/** @param name the beginning of the case's name; the first that fits is taken */
export function recordedCall(version: RecordedVersion, file: string, name: string): RecordedCall {
  const found = recordings(version, file).find((record) => record.case.startsWith(name));
  if (found === undefined || !("code" in found)) throw new Error(`no recorded call ${version} ${file} ${name}`);
  return found;
}

export function recordedHttp(version: RecordedVersion, file: string, name: string): RecordedHttp {
  const found = recordings(version, file).find((record) => record.case.startsWith(name));
  if (found === undefined || !("status" in found)) throw new Error(`no recorded request ${version} ${file} ${name}`);
  return found;
}

function recordings(version: RecordedVersion, file: string): readonly (RecordedCall | RecordedHttp)[] {
  const path = join(import.meta.dir, "..", "fixtures", "recordings", version, `${file}.json`);
  return JSON.parse(readFileSync(path, "utf8")) as readonly (RecordedCall | RecordedHttp)[];
}

/** What a call is answered with: recorded bytes, a made-up message, a gRPC error, or silence. */
export type Reply =
  | RecordedCall
  | { readonly message: object; readonly afterMs?: number }
  | { readonly grpcCode: number; readonly details: string }
  | "silence";
/** One reply for every call, or one after the other, the last for all later ones. */
export type Replies = Partial<Record<MethodName, Reply | readonly Reply[]>>;

export interface SeenCall {
  readonly method: MethodName;
  readonly metadata: Readonly<Record<string, string>>;
  /** Decoded with today's definitions. */
  readonly request: Readonly<Record<string, unknown>>;
  /** Whether its client had given it up when a made-up message answered it. */
  cancelled: boolean;
}

export interface ReplayServer extends AsyncDisposable {
  readonly port: number;
  /** Every call so far, in order. */
  readonly calls: readonly SeenCall[];
  seen(method: MethodName): readonly SeenCall[];
}

export interface ReplayOptions {
  readonly replies: Replies;
  readonly credentials?: grpc.ServerCredentials;
  readonly port?: number;
}

export async function startReplay(options: ReplayOptions): Promise<ReplayServer> {
  const proto = await loadMilvusProto();
  const server = new grpc.Server();
  const calls: SeenCall[] = [];
  for (const [name, replies] of Object.entries(options.replies)) {
    const method = name as MethodName;
    const definition = proto.method(method);
    const queue: readonly Reply[] = Array.isArray(replies) ? replies : [replies];
    let next = 0;
    const bytes = (value: Buffer): Buffer => value;
    server.addService(
      {
        [method]: {
          path: definition.path,
          requestStream: false,
          responseStream: false,
          requestSerialize: bytes,
          requestDeserialize: bytes,
          responseSerialize: bytes,
          responseDeserialize: bytes,
        },
      },
      {
        [method]: (call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) => {
          const request = definition.request.decode(call.request) as Readonly<Record<string, unknown>>;
          const metadata = Object.fromEntries(
            Object.entries(call.metadata.getMap()).map(([key, value]) => [key, String(value)]),
          );
          const seen = { method, metadata, request, cancelled: false };
          calls.push(seen);
          const reply = queue[Math.min(next, queue.length - 1)];
          next += 1;
          if (reply === undefined || reply === "silence") return;
          if ("message" in reply) {
            const answer = (): void => {
              seen.cancelled = call.cancelled;
              done(null, Buffer.from(definition.response.encode(reply.message)));
            };
            if (reply.afterMs === undefined) answer();
            else setTimeout(answer, reply.afterMs);
          } else if ("grpcCode" in reply) done({ code: reply.grpcCode, details: reply.details });
          else if (reply.code !== 0) done({ code: reply.code, details: reply.details });
          else done(null, Buffer.from(reply.response, "base64"));
        },
      },
    );
  }
  const credentials = options.credentials ?? grpc.ServerCredentials.createInsecure();
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${options.port ?? 0}`, credentials, (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return {
    port,
    calls,
    seen: (method) => calls.filter((call) => call.method === method),
    [Symbol.asyncDispose]: async () => server.forceShutdown(),
  };
}

/** The answers of a handshake with a recorded server. */
export function handshakeReplies(version: RecordedVersion): Replies {
  return {
    Connect: recordedCall(version, "Connect", "ok"),
    ListDatabases: recordedCall(version, "ListDatabases", "ok"),
    GetVersion: recordedCall(version, "GetVersion", "ok"),
  };
}

/** A connection to 127.0.0.1 without credentials, with what a test changes. */
export function connectionTo(port: number, changes: Partial<ConnectionChanges> = {}): MilvusConnection {
  return {
    user: changes.user ?? "",
    password: new Secret(changes.password ?? ""),
    grpc: {
      address: "127.0.0.1",
      port,
      tlsMode: "disabled",
      caCertPath: "",
      serverName: "",
      mtlsCertPath: "",
      mtlsKeyPath: "",
      ...changes.grpc,
    },
    rest: { endpoint: changes.rest ?? "" },
    management: { endpoint: changes.management ?? "http://127.0.0.1:1" },
  };
}

export interface ConnectionChanges {
  readonly user: string;
  readonly password: string;
  readonly grpc: Partial<MilvusConnection["grpc"]>;
  readonly rest: string;
  readonly management: string;
}

/** Waits short enough for tests; nothing is retried for longer than a few milliseconds. */
export const QUICK: NonNullable<ConnectOptions["timing"]> = {
  connect: { attempts: 2, baseDelayMs: 1, maxDelayMs: 1 },
  retry: { attempts: 4, baseDelayMs: 1, maxDelayMs: 2 },
  throttle: { attempts: 4, baseDelayMs: 1, maxDelayMs: 2 },
  flush: { throttle: { attempts: 4, baseDelayMs: 1, maxDelayMs: 2 }, pollMs: 1, timeoutMs: 1_000 },
  gc: { renewMs: 60_000, timeoutMs: 1_000 },
};

export const signal: AbortSignal = new AbortController().signal;

export function connectTo(connection: MilvusConnection, options: Partial<ConnectOptions> = {}): Promise<MilvusGateway> {
  return connectMilvus(connection, { log: silentLogger, signal, toolVersion: "0.0.0", timing: QUICK, ...options });
}
