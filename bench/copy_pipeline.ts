/**
 * What the copy pipeline's checks cost, beside the same driver's plain get -> put without any checksum.
 * `bun bench/copy_pipeline.ts [rounds]`: each figure is the median of runs in processes of their own, alternated A B A B.
 * "service at once" is test/support/s3_null_server.ts, which shows the cost that a real service's slowness hides.
 */

import { readFile } from "node:fs/promises";
import { definition } from "../drivers/s3/mod.ts";
import { silentLogger } from "../src/base/log.ts";
import { mapConcurrent, Semaphore } from "../src/base/pool.ts";
import type { ObjectInfo, StorageDriver } from "../src/storage/driver.ts";
import { objectKey } from "../src/storage/key.ts";
import { openRoot } from "../src/storage/open.ts";
import { DriverRegistry } from "../src/storage/registry.ts";
import { runCopyPlan } from "../src/transfer/pipeline.ts";
import type { CopyTask } from "../src/transfer/plan.ts";
import { silentProgress } from "../src/transfer/progress.ts";
import { startMinio } from "../test/support/minio.ts";
import { openBare } from "../test/support/open_bare.ts";

type Kind = "checked" | "plain" | "direct";

interface Job {
  readonly kind: Kind;
  readonly port: number;
  readonly objects: number;
  readonly size: number;
}

interface Figures {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly rssMiB: number;
}

const CONCURRENCY = 16;
const MIB = 1024 ** 2;
const signal = new AbortController().signal;
const keyOf = (size: number, index: number) => objectKey(`insert_log/449577000000000001/${size}/${index}`);

function optionsOf(port: number, bucketName: string, checksum: "auto" | "none") {
  return {
    address: "127.0.0.1",
    port,
    bucketName,
    checksum,
    "auth.accessKeyID": "test-access-key",
    "auth.secretAccessKey": "test-secret-key",
  };
}

/** Runs one copy in this process and prints its figures. */
async function runJob(job: Job): Promise<void> {
  const sources = function* (): Generator<ObjectInfo> {
    for (let index = 0; index < job.objects; index += 1) {
      const etag = job.kind === "direct" ? { etag: "0123456789abcdef0123456789abcdef" } : {};
      yield { key: keyOf(job.size, index), size: job.size, checksums: {}, ...etag };
    }
  };
  await using from = await openForJob(job, "source");
  await using to = await openForJob(job, "target");
  const cpu = process.cpuUsage();
  const started = performance.now();
  const count =
    job.kind === "plain" ? await copyPlain(from, to, sources()) : await copyChecked(from, to, job, sources());
  if (count !== job.objects) throw new Error(`${count} of ${job.objects} objects were copied`);
  const used = process.cpuUsage(cpu);
  const figures: Figures = {
    seconds: (performance.now() - started) / 1000,
    cpuSeconds: (used.user + used.system) / 1e6,
    rssMiB: await peakRssMiB(),
  };
  process.stdout.write(JSON.stringify(figures));
}

/** Of this process alone: on Linux getrusage counts what its parent had used before it was started. */
async function peakRssMiB(): Promise<number> {
  const status = await readFile("/proc/self/status", "utf8").catch(() => "");
  const highWater = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
  return Number(highWater ?? process.resourceUsage().maxRSS) / 1024;
}

/** Checked copies go through everything an operation has around a driver, plain ones through the driver alone. */
async function openForJob(job: Job, bucket: string): Promise<StorageDriver> {
  const rootPath = "files";
  if (job.kind === "plain") return openBare(definition, { rootPath, options: optionsOf(job.port, bucket, "none") });
  const registry = new DriverRegistry().register(definition);
  const root = { driver: "minio", rootPath, options: optionsOf(job.port, bucket, "auto") };
  return openRoot(registry, root, { log: silentLogger, signal });
}

async function copyPlain(from: StorageDriver, to: StorageDriver, sources: Iterable<ObjectInfo>): Promise<number> {
  let count = 0;
  for await (const _ of mapConcurrent(sources, { concurrency: CONCURRENCY, signal }, (source, stop) =>
    to.put(
      source.key,
      { size: source.size, open: async (opened) => (await from.get(source.key, { signal: opened })).stream },
      { signal: stop },
    ),
  )) {
    count += 1;
  }
  return count;
}

async function copyChecked(
  from: StorageDriver,
  to: StorageDriver,
  job: Job,
  sources: Iterable<ObjectInfo>,
): Promise<number> {
  const tasks = function* (): Generator<CopyTask> {
    for (const source of sources) yield { source, targetKey: source.key, label: "bench" };
  };
  const options = {
    signal,
    slots: new Semaphore(job.kind === "direct" ? 128 : CONCURRENCY),
    concurrency: job.kind === "direct" ? 128 : CONCURRENCY,
    verify: "digest",
    progress: silentProgress,
  } as const;
  let count = 0;
  const mode = job.kind === "direct" ? "direct" : "streaming";
  for await (const result of runCopyPlan({ from, to, mode, tasks }, options)) {
    const expected = mode === "direct" ? "service" : "digest";
    if (result.evidence.kind !== expected) throw new Error(`evidence is ${result.evidence.kind}`);
    count += 1;
  }
  return count;
}

async function inChild(job: Job): Promise<Figures> {
  const child = Bun.spawn([process.execPath, import.meta.path, "run", JSON.stringify(job)], { stdout: "pipe" });
  const text = await new Response(child.stdout).text();
  if ((await child.exited) !== 0) throw new Error(`the run failed: ${JSON.stringify(job)}`);
  return JSON.parse(text) as Figures;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

function middle(runs: readonly Figures[]): Figures {
  return {
    seconds: median(runs.map((run) => run.seconds)),
    cpuSeconds: median(runs.map((run) => run.cpuSeconds)),
    rssMiB: median(runs.map((run) => run.rssMiB)),
  };
}

function printRow(name: string, job: Omit<Job, "kind">, figures: Figures, ratio?: number): void {
  const cells = [
    name,
    Math.round(job.objects / figures.seconds),
    Math.round((job.objects * job.size) / MIB / figures.seconds),
    figures.cpuSeconds.toFixed(2),
    Math.round(figures.rssMiB),
    ratio === undefined ? "" : ratio.toFixed(2),
  ];
  process.stdout.write(`| ${cells.join(" | ")} |\n`);
}

async function compare(name: string, job: Omit<Job, "kind">, rounds: number): Promise<void> {
  const checked: Figures[] = [];
  const plain: Figures[] = [];
  for (let round = 0; round < rounds; round += 1) {
    checked.push(await inChild({ ...job, kind: "checked" }));
    plain.push(await inChild({ ...job, kind: "plain" }));
  }
  printRow(`${name}, checked`, job, middle(checked), middle(plain).seconds / middle(checked).seconds);
  printRow(`${name}, plain`, job, middle(plain));
}

async function fill(port: number): Promise<void> {
  await using source = await openBare(definition, { rootPath: "files", options: optionsOf(port, "source", "auto") });
  const block = new Uint8Array(MIB);
  crypto.getRandomValues(block.subarray(0, 65_536));
  for (let offset = 65_536; offset < MIB; offset += 65_536) block.copyWithin(offset, 0, 65_536);
  const put = (size: number, index: number) =>
    source.put(
      keyOf(size, index),
      {
        size,
        open: async () => {
          let left = size;
          return new ReadableStream<Uint8Array>(
            {
              pull(controller) {
                if (left === 0) return controller.close();
                const chunk = block.slice(0, Math.min(left, MIB));
                left -= chunk.length;
                controller.enqueue(chunk);
              },
            },
            { highWaterMark: 0 },
          );
        },
      },
      { signal },
    );
  await put(1024 * MIB, 0);
  for await (const _ of mapConcurrent(Array(2000).keys(), { concurrency: CONCURRENCY, signal }, (index) =>
    put(65_536, index),
  ));
}

async function main(rounds: number): Promise<void> {
  process.stdout.write(
    "| copy | objects/s | MiB/s | CPU s | peak RSS MiB | checked : plain |\n|---|---|---|---|---|---|\n",
  );
  const silent = Bun.spawn([process.execPath, new URL("../test/support/s3_null_server.ts", import.meta.url).pathname], {
    stdout: "pipe",
    env: {},
  });
  try {
    const reader = silent.stdout.getReader();
    const port = Number.parseInt(new TextDecoder().decode((await reader.read()).value), 10);
    const small = { port, size: 65_536 };
    await compare("service at once, 2,000 x 64 KiB", { ...small, objects: 2000 }, rounds);
    await compare("service at once, 20,000 x 64 KiB", { ...small, objects: 20_000 }, rounds);
    for (const objects of [2000, 20_000, 100_000]) {
      const job = { ...small, objects };
      printRow(`service at once, ${objects} inside the service`, job, await inChild({ ...job, kind: "direct" }));
    }
  } finally {
    silent.kill();
  }
  const minio = await startMinio();
  try {
    await minio.createBucket("source");
    await minio.createBucket("target");
    await fill(minio.port);
    const one = { port: minio.port, size: 65_536, objects: 1 };
    printRow("MinIO, 1 x 64 KiB, checked", one, await inChild({ ...one, kind: "checked" }));
    await compare("MinIO, 1 x 1 GiB", { port: minio.port, size: 1024 * MIB, objects: 1 }, rounds);
    await compare("MinIO, 2,000 x 64 KiB", { port: minio.port, size: 65_536, objects: 2000 }, rounds);
  } finally {
    await minio.stop();
  }
}

if (process.argv[2] === "run") await runJob(JSON.parse(process.argv[3] ?? "") as Job);
else await main(Number(process.argv[2] ?? 5));
