import type { AzuriteServer } from "./azurite.ts";
import type { MilvusServer } from "./milvus.ts";
import type { MinioServer } from "./minio.ts";

/** The section `milvus.storage` or `backup.storage` of a v2 file. */
export type StorageSection = Readonly<Record<string, unknown>>;

/** A v2 configuration file for a running server; `rest` adds keys or replaces whole sections. */
export function backupConfig(
  server: MilvusServer,
  storage: { readonly milvus: StorageSection; readonly backup: StorageSection },
  rest: { readonly milvus?: Readonly<Record<string, unknown>>; readonly [section: string]: unknown } = {},
): object {
  return {
    configVersion: "v2",
    log: { file: { path: "" } },
    ...rest,
    milvus: {
      grpc: { address: server.host, port: server.port },
      management: { endpoint: `http://${server.host}:${server.managementPort}` },
      ...(server.auth ? { user: "root", password: "Milvus" } : {}),
      ...rest.milvus,
      storage: storage.milvus,
    },
    backup: { storage: storage.backup },
  };
}

export function localStorage(folder: string): StorageSection {
  return { provider: "local", rootPath: folder };
}

export function minioStorage(minio: MinioServer, bucketName: string, rootPath: string): StorageSection {
  return {
    provider: "minio",
    address: minio.host,
    port: minio.port,
    bucketName,
    rootPath,
    auth: { type: "static", accessKeyID: minio.accessKey, secretAccessKey: minio.secretKey },
  };
}

/** @param auth other credentials than the account's key */
export function azureStorage(
  azurite: AzuriteServer,
  root: { readonly bucketName: string; readonly rootPath: string },
  auth: StorageSection = { type: "sharedKey", accountKey: azurite.accountKey },
): StorageSection {
  return { provider: "azure", blobEndpoint: azurite.url, accountName: azurite.accountName, ...root, auth };
}
