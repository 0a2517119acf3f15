import { type MilvusServer, startMilvus } from "./milvus.ts";
import type { MinioServer } from "./minio.ts";
import { sharedMinio } from "./minio.ts";
import { shared } from "./shared_servers.ts";

/** Starts a Milvus that keeps its data in a bucket. It makes the bucket itself. */
export function startMilvusOn(minio: MinioServer, bucketName: string, rootPath: string): Promise<MilvusServer> {
  const { host: address, port, accessKey: accessKeyID, secretKey: secretAccessKey } = minio;
  const storage = { type: "minio", address, port, bucketName, rootPath, accessKeyID, secretAccessKey } as const;
  return startMilvus({ version: "2.3.5", storage });
}

/** One Milvus for all test files of a run, in the shared MinIO: bucket "bucket-a", root path "files". */
export function sharedMilvusOnMinio(): Promise<MilvusServer> {
  return shared("milvus-on-minio", async () => startMilvusOn(await sharedMinio(), "bucket-a", "files"));
}
