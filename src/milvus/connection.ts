/** How to reach a Milvus server: the configuration's part, the address, and what TLS needs, read once. */

import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import { AppError } from "../base/errors.ts";
import type { Config } from "../config/config.ts";

/** The part of the configuration a gateway is made from. */
export type MilvusConnection = Pick<Config["milvus"], "user" | "password" | "grpc" | "rest" | "management">;

/** PEM texts and the name the server's certificate must carry. */
export interface TlsSettings {
  /** Undefined: the certificate authorities of the system. */
  readonly ca?: Buffer;
  /** Client certificate and key; together or not at all. */
  readonly client?: { readonly cert: Buffer; readonly key: Buffer };
  /** Host name or IP address the server's certificate must be made out to. */
  readonly identity: string;
}

/** "host:port" for messages and targets; IPv6 addresses in brackets. */
export function hostPort(address: string, port: number): string {
  return isIP(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`;
}

/** Undefined when TLS is off. @throws CONFIG_INVALID naming the key and the file that cannot be read */
export async function readTlsSettings(grpc: MilvusConnection["grpc"]): Promise<TlsSettings | undefined> {
  if (grpc.tlsMode === "disabled") return undefined;
  const identity = grpc.serverName === "" ? grpc.address : grpc.serverName;
  const ca = grpc.caCertPath === "" ? {} : { ca: await readPem("caCertPath", grpc.caCertPath) };
  if (grpc.tlsMode === "server") return { ...ca, identity };
  return {
    ...ca,
    identity,
    client: {
      cert: await readPem("mtlsCertPath", grpc.mtlsCertPath),
      key: await readPem("mtlsKeyPath", grpc.mtlsKeyPath),
    },
  };
}

async function readPem(key: string, path: string): Promise<Buffer> {
  if (path === "") {
    throw new AppError("CONFIG_INVALID", `milvus.grpc.tlsMode is mutual, but milvus.grpc.${key} is not set`);
  }
  try {
    return await readFile(path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new AppError("CONFIG_INVALID", `milvus.grpc.${key}: cannot read ${path}: ${reason}`, { cause });
  }
}
