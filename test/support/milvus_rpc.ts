import { readFileSync } from "node:fs";
import { checkServerIdentity } from "node:tls";
import { type ChannelCredentials, type Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { getGRPCService, LOADER_OPTIONS } from "@zilliz/milvus2-sdk-node";

/** PEM files of a client: the authority it trusts, and its own certificate for mutual TLS. */
export interface ClientTls {
  readonly caPath: string;
  readonly certPath?: string;
  readonly keyPath?: string;
}

/** What a caller needs to know of a server. */
export interface RpcTarget {
  readonly host: string;
  readonly port: number;
  /** Sends root's credentials. */
  readonly auth?: boolean;
  readonly tls?: ClientTls;
}

/** A decoded response: field names as in the .proto files, int64 as text. */
export type RpcMessage = Readonly<Record<string, unknown>>;

export interface Rpc {
  /**
   * One unary call of MilvusService.
   * @throws Error on a gRPC status or on a Milvus status other than success
   */
  call(method: string, request: object, options?: { database?: string; timeoutMs?: number }): Promise<RpcMessage>;
  close(): void;
}

const MilvusService = getGRPCService({ serviceName: "milvus.proto.milvus.MilvusService" }, LOADER_OPTIONS);

/** A bare gRPC client, so that tests see what the server says and not what src/ makes of it. */
export function openRpc(target: RpcTarget): Rpc {
  const client: Client = new MilvusService(`${target.host}:${target.port}`, channelCredentials(target), {
    "grpc.max_receive_message_length": -1,
    "grpc.max_send_message_length": -1,
    "grpc.enable_retries": 0,
    // Bun refuses an IP address as the TLS server name; the certificate is still checked against the address below.
    ...(target.tls ? { "grpc.ssl_target_name_override": "milvus.test" } : {}),
  });
  const call: Rpc["call"] = (method, request, { database, timeoutMs = 60_000 } = {}) => {
    const definition = MilvusService.service[method];
    if (!definition) throw new Error(`MilvusService has no method ${method}`);
    const metadata = new Metadata();
    if (database) metadata.set("dbname", database);
    if (target.auth) metadata.set("authorization", Buffer.from("root:Milvus").toString("base64"));
    return new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        definition.path,
        definition.requestSerialize,
        definition.responseDeserialize,
        request,
        metadata,
        { deadline: Date.now() + timeoutMs },
        (error: ServiceError | null, response?: unknown) => {
          if (error) return reject(new Error(`${method}: ${error.message}`));
          const message = response as RpcMessage;
          const refusal = refusalOf(message);
          if (refusal) return reject(new Error(`${method}: ${refusal}`));
          resolve(message);
        },
      );
    });
  };
  return { call, close: () => client.close() };
}

/** A response is a Status or holds one. */
function refusalOf(message: RpcMessage): string | undefined {
  const status = (message.status ?? message) as { error_code?: string; code?: number; reason?: string };
  const failed = (status.error_code ?? "Success") !== "Success" || (status.code ?? 0) !== 0;
  return failed ? `${status.error_code} ${status.code}: ${status.reason}` : undefined;
}

function channelCredentials({ host, tls }: RpcTarget): ChannelCredentials {
  if (!tls) return credentials.createInsecure();
  const pem = (path?: string) => (path ? readFileSync(path) : null);
  return credentials.createSsl(pem(tls.caPath), pem(tls.keyPath), pem(tls.certPath), {
    checkServerIdentity: (_name, certificate) => checkServerIdentity(host, certificate),
  });
}
