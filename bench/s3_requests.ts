/**
 * What the s3 driver costs a call, beside the AWS SDK doing the same: `bun bench/s3_requests.ts [calls]`.
 * One client process against test/support/s3_null_server.ts in another; 32 calls at a time.
 */

import { Agent } from "node:http";
import * as sdk from "@aws-sdk/client-s3";
import { S3Client } from "@aws-sdk/client-s3";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { definition } from "../drivers/s3/mod.ts";
import { silentLogger } from "../src/base/log.ts";
import { Secret } from "../src/base/secret.ts";
import { readAll, streamOf } from "../src/base/streams.ts";
import type { ObjectInfo, PutBody } from "../src/storage/driver.ts";
import { createDriverHost } from "../src/storage/host.ts";
import { objectKey } from "../src/storage/key.ts";

const CONCURRENCY = 32;
const OBJECT_BYTES = 64 * 1024;
const calls = Number(process.argv[2] ?? 20_000);

const child = Bun.spawn([process.execPath, new URL("../test/support/s3_null_server.ts", import.meta.url).pathname], {
  stdout: "pipe",
  env: {},
});
const port = await firstLine(child.stdout);

const signal = new AbortController().signal;
const host = createDriverHost();
const options = {
  address: "127.0.0.1",
  port,
  bucketName: "bench",
  "auth.type": "static",
  "auth.accessKeyID": "access",
  "auth.secretAccessKey": new Secret("secret"),
};
const context = { rootPath: "files", provider: "minio", host, log: silentLogger, signal };
const driver = await definition.open(options, context);
const unchecked = await definition.open({ ...options, checksum: "none" }, context);
const client = new S3Client({
  endpoint: `http://127.0.0.1:${port}`,
  region: "us-east-1",
  forcePathStyle: true,
  credentials: { accessKeyId: "access", secretAccessKey: "secret" },
  requestChecksumCalculation: "WHEN_REQUIRED",
  responseChecksumValidation: "WHEN_REQUIRED",
  requestHandler: new NodeHttpHandler({ httpAgent: new Agent({ keepAlive: true, maxSockets: CONCURRENCY }) }),
});

const content = new Uint8Array(OBJECT_BYTES);
const body: PutBody = { size: OBJECT_BYTES, open: async () => streamOf(content) };
const keyOf = (index: number) => objectKey(`insert_log/445123456789/445123456790/445123456791/100/${index}`);
const source: ObjectInfo = {
  key: keyOf(0),
  size: OBJECT_BYTES,
  etag: "0123456789abcdef0123456789abcdef",
  checksums: {},
};
const Bucket = "bench";
const copyFrom = driver.copyFrom?.bind(driver);
const copyUnchecked = unchecked.copyFrom?.bind(unchecked);
if (copyFrom === undefined || copyUnchecked === undefined) throw new Error("the s3 driver copies inside the service");

const rows: readonly (readonly [string, number, (index: number) => Promise<unknown>])[] = [
  ["copy, driver", 1, (index) => copyUnchecked(unchecked, source, keyOf(index), { signal })],
  ["copy with a CRC32 that is looked for, driver", 1, (index) => copyFrom(driver, source, keyOf(index), { signal })],
  [
    "copy, SDK",
    0.1,
    (index) => client.send(new sdk.CopyObjectCommand({ Bucket, Key: `files/${keyOf(index)}`, CopySource: "/bench/x" })),
  ],
  ["put 64 KiB, driver", 0.5, (index) => driver.put(keyOf(index), body, { signal })],
  [
    "put 64 KiB, SDK",
    0.1,
    (index) => client.send(new sdk.PutObjectCommand({ Bucket, Key: `files/${keyOf(index)}`, Body: content })),
  ],
  [
    "get 64 KiB, driver",
    0.5,
    async (index) => readAll((await driver.get(keyOf(index), { signal })).stream, OBJECT_BYTES),
  ],
  [
    "get 64 KiB, SDK",
    0.1,
    async (index) => {
      const got = await client.send(new sdk.GetObjectCommand({ Bucket, Key: `files/${keyOf(index)}` }));
      return got.Body?.transformToByteArray();
    },
  ],
  [
    "get then put, driver",
    0.5,
    async (index) => {
      const got = await driver.get(keyOf(index), { signal });
      return driver.put(keyOf(index), { size: got.size, open: async () => got.stream }, { signal });
    },
  ],
  [
    "list 1,000 keys, driver",
    0.02,
    async () => {
      let count = 0;
      for await (const _ of driver.list("", { signal })) count += 1;
      return count;
    },
  ],
  [
    "list 1,000 keys, SDK",
    0.01,
    () => client.send(new sdk.ListObjectsV2Command({ Bucket, Prefix: "files/", EncodingType: "url" })),
  ],
];

process.stdout.write("| call | calls/s | CPU ms/call |\n|---|---|---|\n");
for (const [name, share, call] of rows) {
  const count = Math.max(CONCURRENCY, Math.round(calls * share));
  await run(Math.ceil(count / 10), call);
  const cpu = process.cpuUsage();
  const started = performance.now();
  await run(count, call);
  const seconds = (performance.now() - started) / 1000;
  const used = process.cpuUsage(cpu);
  const cpuMs = (used.user + used.system) / 1000 / count;
  process.stdout.write(`| ${name} | ${Math.round(count / seconds)} | ${cpuMs.toFixed(3)} |\n`);
}

// Large objects: what one GiB through this process costs, four at a time, and that memory does not grow with it.
process.stdout.write("\n| 256 MiB objects | MB/s | CPU s/GiB | peak MiB |\n|---|---|---|---|\n");
for (const rounds of [4, 16]) {
  const large = objectKey(`zeros-${256 * 1024 ** 2}`);
  const cpu = process.cpuUsage();
  const started = performance.now();
  let peak = 0;
  const watch = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss());
  }, 20);
  let left = rounds;
  const copyLarge = async (): Promise<void> => {
    for (; left > 0; ) {
      left -= 1;
      const got = await driver.get(large, { signal });
      await driver.put(keyOf(left), { size: got.size, open: async () => got.stream }, { signal });
    }
  };
  await Promise.all([copyLarge(), copyLarge(), copyLarge(), copyLarge()]);
  clearInterval(watch);
  const seconds = (performance.now() - started) / 1000;
  const used = process.cpuUsage(cpu);
  const gib = rounds / 4;
  process.stdout.write(
    `| get then put, driver, ${gib} GiB | ${Math.round((gib * 1073.7) / seconds)} | ${((used.user + used.system) / 1e6 / gib).toFixed(2)} | ${Math.round(peak / 1024 ** 2)} |\n`,
  );
}
client.destroy();
await driver[Symbol.asyncDispose]();
child.kill();

async function run(count: number, call: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) await call(index);
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
}

async function firstLine(stream: ReadableStream<Uint8Array>): Promise<number> {
  const reader = stream.getReader();
  const { value } = await reader.read();
  reader.releaseLock();
  return Number.parseInt(new TextDecoder().decode(value), 10);
}
