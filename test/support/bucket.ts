/** A bucket as a test sees and alters it, beside the code that is tested. */

import type { MinioServer } from "./minio.ts";

export interface TestBucket {
  readonly name: string;
  /** Key -> "size etag", below a prefix. */
  list(prefix?: string): Promise<ReadonlyMap<string, string>>;
  get(key: string): Promise<Buffer>;
  put(key: string, body: Uint8Array): Promise<void>;
  delete(key: string): Promise<void>;
  /** Unfinished multipart uploads of one key. */
  uploads(key: string): Promise<number>;
  close(): void;
}

/** Opens a bucket of a running MinIO and makes it where it is missing. */
export async function openBucket(minio: MinioServer, name: string): Promise<TestBucket> {
  await minio.createBucket(name);
  const sdk = await import("@aws-sdk/client-s3");
  const client = new sdk.S3Client({
    endpoint: minio.url,
    region: "us-east-1",
    forcePathStyle: true,
    credentials: { accessKeyId: minio.accessKey, secretAccessKey: minio.secretKey },
  });
  const Bucket = name;
  return {
    name,
    async list(prefix = "") {
      const found = new Map<string, string>();
      for await (const page of sdk.paginateListObjectsV2({ client }, { Bucket, Prefix: prefix })) {
        for (const { Key = "", Size, ETag } of page.Contents ?? []) found.set(Key, `${Size} ${ETag}`);
      }
      return found;
    },
    async get(key) {
      const { Body } = await client.send(new sdk.GetObjectCommand({ Bucket, Key: key }));
      return Buffer.from((await Body?.transformToByteArray()) ?? []);
    },
    async put(key, body) {
      await client.send(new sdk.PutObjectCommand({ Bucket, Key: key, Body: body }));
    },
    async delete(key) {
      await client.send(new sdk.DeleteObjectCommand({ Bucket, Key: key }));
    },
    async uploads(key) {
      const { Uploads = [] } = await client.send(new sdk.ListMultipartUploadsCommand({ Bucket, Prefix: key }));
      return Uploads.length;
    },
    close: () => client.destroy(),
  };
}

/** Deletes everything below a prefix. */
export async function emptyBucket(bucket: TestBucket, prefix: string): Promise<void> {
  await Promise.all([...(await bucket.list(prefix)).keys()].map((key) => bucket.delete(key)));
}

/** Carries everything below a prefix into another bucket, perhaps of another service, as any copy tool would. */
export async function carry(from: TestBucket, to: TestBucket, prefix: string): Promise<number> {
  const keys = [...(await from.list(prefix)).keys()];
  await Promise.all(keys.map(async (key) => to.put(key, await from.get(key))));
  return keys.length;
}
