/**
 * What the CRC32 of a copy costs a real MinIO: `bun bench/s3_copy_checksum.ts [objects] [bytes an object]`.
 * Copies the same objects inside the service, asking for a CRC32 and not, in turns; 16 at a time. CPU is the server's own.
 */

import { readFileSync } from "node:fs";
import { definition } from "../drivers/s3/mod.ts";
import { silentLogger } from "../src/base/log.ts";
import { forEachConcurrent } from "../src/base/pool.ts";
import { Secret } from "../src/base/secret.ts";
import { streamOf } from "../src/base/streams.ts";
import type { ObjectInfo, StorageDriver } from "../src/storage/driver.ts";
import { createDriverHost } from "../src/storage/host.ts";
import { objectKey } from "../src/storage/key.ts";
import { startMinio } from "../test/support/minio.ts";

const TICKS_PER_SECOND = 100;
const ROUNDS = 4;
const objects = Number(process.argv[2] ?? 250);
const bytes = Number(process.argv[3] ?? 2_000_000);

const signal = new AbortController().signal;
const minio = await startMinio();
try {
  await minio.createBucket("bench");
  const open = (checksum: string): Promise<StorageDriver> =>
    definition.open(
      {
        address: minio.host,
        port: minio.port,
        bucketName: "bench",
        checksum,
        "auth.accessKeyID": minio.accessKey,
        "auth.secretAccessKey": new Secret(minio.secretKey),
      },
      { rootPath: checksum, provider: "minio", host: createDriverHost(), log: silentLogger, signal },
    );
  const drivers = { with: await open("auto"), without: await open("none") };
  const sources: ObjectInfo[] = [];
  await forEachConcurrent(Array(objects).keys(), { concurrency: 8, signal }, async (index) => {
    const content = crypto.getRandomValues(new Uint8Array(65_536));
    const whole = new Uint8Array(bytes);
    for (let at = 0; at < bytes; at += content.length) whole.set(content.subarray(0, bytes - at), at);
    const body = { size: bytes, open: async () => streamOf(whole) };
    sources.push(await drivers.without.put(objectKey(`from/${index}`), body, { signal }));
  });
  process.stdout.write("| copies | checksum | seconds | MinIO CPU s |\n|---|---|---|---|\n");
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [name, to] of Object.entries(drivers)) {
      const cpu = cpuSeconds();
      const started = performance.now();
      await forEachConcurrent(sources, { concurrency: 16, signal }, async (info) => {
        const copied = await to.copyFrom?.(drivers.without, info, objectKey(`to/${round}/${info.key}`), { signal });
        if ((copied?.checksums.crc32 !== undefined) !== (name === "with")) throw new Error(`${name} is not so`);
      });
      const seconds = (performance.now() - started) / 1000;
      process.stdout.write(`| ${objects} | ${name} | ${seconds.toFixed(2)} | ${(cpuSeconds() - cpu).toFixed(2)} |\n`);
    }
  }
  await Promise.all(Object.values(drivers).map((driver) => driver[Symbol.asyncDispose]()));
} finally {
  await minio.stop();
}

/** User and system time of the server so far. */
function cpuSeconds(): number {
  const fields = readFileSync(`/proc/${minio.pid}/stat`, "latin1").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}
