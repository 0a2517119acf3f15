/**
 * A whole backup by the executable: real Milvus 2.3.5 on real MinIO, 1,000,000 rows of 128 dimensions (about 510 MB), copied
 * by the service, and through this machine with every object hashed. `bun bench/whole_backup.ts [rows] [rounds]`.
 * CPU and peak memory are those of the executable's process.
 */

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { backupConfig, minioStorage } from "../test/support/backup_config.ts";
import { startMilvus } from "../test/support/milvus.ts";
import { DataType, withData } from "../test/support/milvus_data.ts";
import { startMinio } from "../test/support/minio.ts";
import { freePort } from "../test/support/ports.ts";
import { makeWorkspace } from "../test/support/workspace.ts";

const DIM = 128;
const BATCH = 20_000;
const rows = Number(process.argv[2] ?? "1000000");
const rounds = Number(process.argv[3] ?? "3");
const executable = resolve(import.meta.dir, "../dist/milvus-backup");

interface Run {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly rssMiB: number;
  readonly objects: number;
  readonly megabytes: number;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

function peakOf(pid: number): { stop(): number } {
  let kilobytes = 0;
  const look = (): void => {
    try {
      const status = readFileSync(`/proc/${pid}/status`, "utf8");
      if (status.startsWith("Name:\tmilvus-backup")) {
        kilobytes = Math.max(kilobytes, Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0));
      }
    } catch {
      // It has ended.
    }
  };
  const timer = setInterval(look, 10);
  return {
    stop: () => {
      clearInterval(timer);
      return kilobytes / 1024;
    },
  };
}

async function measure(folder: string, args: readonly string[]): Promise<Run> {
  const started = performance.now();
  const child = Bun.spawn([executable, ...args, "--json"], { cwd: folder, stdout: "pipe", stderr: "ignore" });
  // The child's own count would include what this process held when it was forked.
  const peak = peakOf(child.pid);
  const text = await new Response(child.stdout).text();
  const rssMiB = peak.stop();
  if ((await child.exited) !== 0) throw new Error(`${args.join(" ")} failed: ${text}`);
  const seconds = (performance.now() - started) / 1000;
  const usage = child.resourceUsage();
  const { data } = JSON.parse(text) as { data: { objects?: number; size?: string } };
  return {
    seconds,
    cpuSeconds: Number(usage?.cpuTime.total ?? 0) / 1e6,
    rssMiB,
    objects: data.objects ?? 0,
    megabytes: Number(data.size ?? 0) / 1e6,
  };
}

const minio = await startMinio();
const bucketName = "a-bucket";
await minio.createBucket(bucketName);
const { host: address, port, accessKey: accessKeyID, secretKey: secretAccessKey } = minio;
const storage = { type: "minio", address, port, bucketName, rootPath: "files", accessKeyID, secretAccessKey } as const;
const milvus = await startMilvus({ version: "2.3.5", storage });
const config = backupConfig(milvus, {
  milvus: minioStorage(minio, bucketName, "files"),
  backup: minioStorage(minio, bucketName, "backup"),
});
const workspace = await makeWorkspace(config);
try {
  await withData(milvus, "default", async (data) => {
    await data.createCollection({
      name: "large",
      fields: [
        { name: "id", data_type: DataType.Int64, is_primary_key: true },
        { name: "v", data_type: DataType.FloatVector, dim: DIM },
      ],
    });
    for (let start = 0; start < rows; start += BATCH) {
      const batch = Array.from({ length: Math.min(BATCH, rows - start) }, (_, index) => ({
        id: start + index,
        v: Array.from({ length: DIM }, () => Math.random()),
      }));
      await data.insert("large", batch);
    }
    await data.flush("large");
  });
  process.stdout.write("| create | objects | MB | wall s | CPU s | peak MiB |\n|---|---|---|---|---|---|\n");
  for (const mode of ["auto", "streaming"]) {
    const runs: Run[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const name = `${mode}_${round}_${await freePort()}`;
      runs.push(await measure(workspace.folder, ["create", "-n", name, "--set", `transfer.mode=${mode}`]));
      await workspace.ok("delete", "-n", name);
    }
    const cells = [
      mode === "auto" ? "by the service" : "streaming, hashed",
      runs[0]?.objects ?? 0,
      Math.round(runs[0]?.megabytes ?? 0),
      median(runs.map((run) => run.seconds)).toFixed(2),
      median(runs.map((run) => run.cpuSeconds)).toFixed(2),
      Math.round(median(runs.map((run) => run.rssMiB))),
    ];
    process.stdout.write(`| ${cells.join(" | ")} |\n`);
  }
} finally {
  await workspace.remove();
  await milvus.stop();
  await minio.stop();
}
