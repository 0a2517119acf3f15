/** Unary calls to a Milvus server over one gRPC connection: credentials, deadlines, retries, errors. */

import { isIP } from "node:net";
import { checkServerIdentity } from "node:tls";
import type * as Grpc from "@grpc/grpc-js";
import { AppError, abortError, hasCode, throwIfAborted } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { DEFAULT_RETRY, type RetryPolicy, retry } from "../base/retry.ts";
import { hostPort, type MilvusConnection, type TlsSettings } from "./connection.ts";
import { type CallSite, statusError, transportError, wasNotSent } from "./grpc_errors.ts";
import type { MethodName, MilvusMethods, WireStatus } from "./messages.ts";
import { loadMilvusProto, type MilvusProto, type ProtoMethod } from "./proto.ts";

export const DEFAULT_DEADLINE_MS = 30_000;
/** About a minute and a half, for servers that limit how often a call may be made. */
export const DEFAULT_THROTTLE: RetryPolicy = { attempts: 12, baseDelayMs: 1_000, maxDelayMs: 10_000 };

export interface GrpcCallOptions {
  readonly signal: AbortSignal;
  /** For calls about something inside a database. */
  readonly database?: string;
  /** Of one try; defaults to 30 s. */
  readonly deadlineMs?: number;
  /** False: the call must not happen twice, so it is repeated only when it cannot have reached the server. */
  readonly repeatable?: boolean;
  /** False: the server must not see the call cancelled, so an abort takes effect only when its answer has come. */
  readonly cancellable?: boolean;
  /** How long to insist when the server says "rate limit exceeded". */
  readonly throttle?: RetryPolicy;
  /** How long to insist when the server cannot be reached. */
  readonly retry?: RetryPolicy;
}

export interface GrpcChannel {
  /** host:port. */
  readonly address: string;
  readonly proto: MilvusProto;
  /**
   * One call; its answer's status has been checked (both fields of it).
   * @throws ACCESS_DENIED, UNSUPPORTED, NOT_FOUND, UNAVAILABLE, THROTTLED, MILVUS_ERROR, ABORTED; the server's code and
   *   reason are in details (serverCode, reason)
   */
  call<M extends MethodName>(
    method: M,
    request: MilvusMethods[M]["request"],
    options: GrpcCallOptions,
  ): Promise<MilvusMethods[M]["response"]>;
  /** As `call`, with the answer's bytes as they came. */
  callForBytes<M extends MethodName>(
    method: M,
    request: MilvusMethods[M]["request"],
    options: GrpcCallOptions,
  ): Promise<{ readonly response: MilvusMethods[M]["response"]; readonly bytes: Uint8Array }>;
  /** Sends this identifier (from Connect) with every later call. */
  identify(identifier: string): void;
  close(): void;
}

export interface GrpcChannelOptions {
  readonly log: Logger;
  readonly tls: TlsSettings | undefined;
  readonly throttle?: RetryPolicy;
  readonly retry?: RetryPolicy;
  readonly deadlineMs?: number;
}

/** Connects lazily: nothing is sent before the first call. */
export async function openGrpcChannel(config: MilvusConnection, options: GrpcChannelOptions): Promise<GrpcChannel> {
  const [{ grpc }, proto] = await Promise.all([import("./libraries.ts"), loadMilvusProto()]);
  const address = hostPort(config.grpc.address, config.grpc.port);
  const client = new grpc.Client(address, credentials(grpc, options.tls), channelOptions(options.tls));
  let identifier = "";

  const metadataFor = (database: string | undefined): Grpc.Metadata => {
    const metadata = new grpc.Metadata();
    const password = config.password.reveal();
    if (config.user !== "" || password !== "") {
      metadata.set("authorization", Buffer.from(`${config.user}:${password}`).toString("base64"));
    }
    if (database !== undefined) metadata.set("dbname", database);
    if (identifier !== "") metadata.set("identifier", identifier);
    return metadata;
  };

  const once = (method: ProtoMethod, body: Buffer, site: CallSite, call: GrpcCallOptions): Promise<Buffer> => {
    throwIfAborted(call.signal);
    return new Promise((resolve, reject) => {
      const metadata = metadataFor(call.database);
      const deadline = Date.now() + site.deadlineMs;
      const running = client.makeUnaryRequest(
        method.path,
        same,
        same,
        body,
        metadata,
        { deadline },
        (error, answer) => {
          call.signal.removeEventListener("abort", stop);
          if (error !== null) reject(call.signal.aborted ? abortError(call.signal) : transportError(error, site));
          else if (answer === undefined)
            reject(new AppError("MILVUS_ERROR", `Milvus ${address} sent no answer to ${site.method}`));
          else resolve(answer);
        },
      );
      const stop = (): void => running.cancel();
      if (call.cancellable ?? true) call.signal.addEventListener("abort", stop, { once: true });
    });
  };

  const callForBytes = async <M extends MethodName>(
    name: M,
    request: MilvusMethods[M]["request"],
    call: GrpcCallOptions,
  ): Promise<{ response: MilvusMethods[M]["response"]; bytes: Uint8Array }> => {
    const method = proto.method(name);
    const deadlineMs = call.deadlineMs ?? options.deadlineMs ?? DEFAULT_DEADLINE_MS;
    const site: CallSite = { method: name, address, tls: options.tls !== undefined, deadlineMs };
    const body = Buffer.from(method.request.encode(withDatabase(request, method, call.database)));
    const mayRepeat = call.repeatable ?? true;
    const attempt = async () => {
      const bytes = await once(method, body, site, call);
      const response = decode(method, bytes, site);
      const refused = statusError(statusOf(response, method), site);
      if (refused !== undefined) throw refused;
      // The table in messages.ts says which message each call answers with; the definitions cannot say it to the compiler.
      return { response: response as MilvusMethods[M]["response"], bytes: new Uint8Array(bytes) };
    };
    const reached = () =>
      retry(attempt, {
        signal: call.signal,
        policy: call.retry ?? options.retry ?? DEFAULT_RETRY,
        retriable: (error) => hasCode(error, "UNAVAILABLE") && isRetriable(error) && (mayRepeat || wasNotSent(error)),
        onRetry: (error, tries, delayMs) =>
          options.log.debug("calling Milvus again", {
            call: name,
            tries,
            delayMs: Math.round(delayMs),
            error: textOf(error),
          }),
      });
    return await retry(reached, {
      signal: call.signal,
      policy: call.throttle ?? options.throttle ?? DEFAULT_THROTTLE,
      retriable: (error) => hasCode(error, "THROTTLED"),
      onRetry: (_error, _tries, delayMs) =>
        options.log.info("Milvus limits the rate of this call, waiting", { call: name, delayMs: Math.round(delayMs) }),
    });
  };

  return {
    address,
    proto,
    call: async (method, request, call) => (await callForBytes(method, request, call)).response,
    callForBytes,
    identify: (value) => {
      identifier = value;
    },
    close: () => client.close(),
  };
}

function same(bytes: Buffer): Buffer {
  return bytes;
}

function isRetriable(error: unknown): boolean {
  return error instanceof AppError && error.retriable;
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The request's own database field wins over the metadata on every server, so both are set where the message has one. */
function withDatabase(request: object, method: ProtoMethod, database: string | undefined): object {
  if (database === undefined) return request;
  const field = ["db_name", "dbName"].find((name) => method.request.hasField(name));
  return field === undefined || Object.hasOwn(request, field) ? request : { ...request, [field]: database };
}

function decode(method: ProtoMethod, bytes: Uint8Array, site: CallSite): object {
  try {
    return method.response.decode(bytes);
  } catch (cause) {
    throw new AppError("MILVUS_ERROR", `Milvus ${site.address} answered ${site.method} with something unreadable`, {
      cause,
    });
  }
}

function statusOf(response: object, method: ProtoMethod): WireStatus | null {
  if (method.response.name === ".milvus.proto.common.Status") return response as WireStatus;
  return "status" in response ? (response.status as WireStatus | null) : null;
}

function channelOptions(tls: TlsSettings | undefined): Grpc.ChannelOptions {
  return {
    "grpc.max_receive_message_length": -1,
    "grpc.max_send_message_length": -1,
    "grpc.keepalive_time_ms": 30_000,
    "grpc.keepalive_timeout_ms": 10_000,
    "grpc.keepalive_permit_without_calls": 1,
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 3_000,
    // Retries are ours: they know which calls may be repeated.
    "grpc.enable_retries": 0,
    "grpc.use_local_subchannel_pool": 1,
    ...(tls === undefined ? {} : { "grpc.ssl_target_name_override": targetName(tls) }),
  };
}

/** Bun refuses an IP address as TLS server name, so a made-up name goes on the wire and the address is checked by us. */
function targetName(tls: TlsSettings): string {
  return isIP(tls.identity) === 0 ? tls.identity : "milvus.invalid";
}

function credentials(grpc: typeof Grpc, tls: TlsSettings | undefined): Grpc.ChannelCredentials {
  if (tls === undefined) return grpc.credentials.createInsecure();
  return grpc.credentials.createSsl(tls.ca ?? null, tls.client?.key ?? null, tls.client?.cert ?? null, {
    checkServerIdentity: (_name, certificate) => checkServerIdentity(tls.identity, certificate),
  });
}
