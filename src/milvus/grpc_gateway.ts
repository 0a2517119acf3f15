/** MilvusGateway on a real server: the handshake, and the roles put together. */

import { hostname } from "node:os";
import { hasCode } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { RetryPolicy } from "../base/retry.ts";
import { createCatalogReader } from "./catalog_reader.ts";
import { createCatalogWriter } from "./catalog_writer.ts";
import { type MilvusConnection, readTlsSettings } from "./connection.ts";
import { type Feature, featuresOf, parseExactVersion, parseServerVersion } from "./features.ts";
import { createFlusher, type FlushTiming } from "./flush.ts";
import type { MilvusGateway } from "./gateway.ts";
import { createGcControl, type GcTiming } from "./gc_pause.ts";
import { type GrpcChannel, openGrpcChannel } from "./grpc_channel.ts";
import { createManagementClient, createRestClient } from "./http_clients.ts";
import { createGrpcImporter } from "./import_v1.ts";
import { createRestImporter, hasRestImport } from "./import_v2.ts";
import { createSegmentReader } from "./segments.ts";

/** For the first call a wrong address should be told quickly; about three seconds. */
const CONNECT_RETRY: RetryPolicy = { attempts: 4, baseDelayMs: 300, maxDelayMs: 2_000 };
const CONNECT_DEADLINE_MS = 10_000;

export interface ConnectOptions {
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Told to the server as client version. */
  readonly toolVersion: string;
  /** Tests shorten the waits. */
  readonly timing?: {
    readonly connect?: RetryPolicy;
    readonly retry?: RetryPolicy;
    readonly throttle?: RetryPolicy;
    readonly deadlineMs?: number;
    readonly flush?: FlushTiming;
    readonly gc?: GcTiming;
  };
}

/**
 * Connects, logs in and finds out what the server has. Dispose the gateway to close its connection.
 * @throws CONFIG_INVALID, UNAVAILABLE, ACCESS_DENIED
 */
export async function connectMilvus(config: MilvusConnection, options: ConnectOptions): Promise<MilvusGateway> {
  const { log, timing = {} } = options;
  const tls = await readTlsSettings(config.grpc);
  const rest = createRestClient(config, tls, timing.retry);
  const management = createManagementClient(config, tls);
  const channel = await openGrpcChannel(config, { log, tls, ...timing });
  try {
    const { version, features } = await handshake(channel, config, options);
    // Only worth asking where it can be; a REST port that does not answer leaves the way over gRPC.
    if (features.has("importV2") && !(await hasRestImport(rest, options.signal))) {
      log.warn("Milvus's REST API does not answer, import jobs go over gRPC", { endpoint: rest.endpoint });
      features.delete("importV2");
    }
    return {
      address: channel.address,
      server: { version, supports: (feature) => features.has(feature) },
      ...createCatalogReader({
        channel,
        databases: features.has("databases"),
        describeDatabase: features.has("describeDatabase"),
      }),
      ...createCatalogWriter(channel),
      ...createFlusher(channel, timing.flush),
      ...createSegmentReader({ channel, rest, segmentDescribe: features.has("segmentDescribe") }),
      ...(features.has("importV2") ? createRestImporter(rest) : createGrpcImporter(channel)),
      ...createGcControl({ management, log, ...(timing.gc === undefined ? {} : { timing: timing.gc }) }),
      [Symbol.asyncDispose]: async () => channel.close(),
    };
  } catch (error) {
    channel.close();
    throw error;
  }
}

async function handshake(
  channel: GrpcChannel,
  config: MilvusConnection,
  options: ConnectOptions,
): Promise<{ version: string; features: Set<Feature> }> {
  const call = {
    signal: options.signal,
    deadlineMs: options.timing?.deadlineMs ?? CONNECT_DEADLINE_MS,
    retry: options.timing?.connect ?? CONNECT_RETRY,
  };
  let buildTags = "";
  await unlessUnsupported(async () => {
    const clientInfo = {
      sdk_type: "milvus-backup",
      sdk_version: options.toolVersion,
      local_time: new Date().toISOString(),
      user: config.user,
      host: hostname(),
    };
    const answer = await channel.call("Connect", { client_info: clientInfo }, call);
    buildTags = answer.server_info?.build_tags ?? "";
    if (answer.identifier !== "0") channel.identify(answer.identifier);
  });
  const databases = await unlessUnsupported(() => channel.call("ListDatabases", {}, call));
  const version =
    parseExactVersion(buildTags) === undefined ? (await channel.call("GetVersion", {}, call)).version : buildTags;
  const features = new Set(featuresOf(parseServerVersion(buildTags, version)));
  if (databases !== undefined) features.add("databases");
  return { version, features };
}

/** Undefined when the server does not have the call. */
async function unlessUnsupported<T>(call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await call();
  } catch (error) {
    if (hasCode(error, "UNSUPPORTED")) return undefined;
    throw error;
  }
}
