import { describe, expect, test } from "bun:test";
import { AppError } from "../../../../src/base/errors.ts";
import type { Feature } from "../../../../src/milvus/features.ts";
import type { ImportProgress, MilvusGateway } from "../../../../src/milvus/gateway.ts";
import { runImports } from "../../../../src/operations/restore/import.ts";
import { importSettler, jobsAtOnce } from "../../../../src/operations/restore/settle_import.ts";
import type { ProgressEvent } from "../../../../src/transfer/progress.ts";
import { books, openWorld } from "../world.ts";

const job = { namespace: books, id: "7" };

/** A server whose job ends at the `polls`-th question. */
async function server(polls: number, features: readonly Feature[] = []) {
  const events: ProgressEvent[] = [];
  const { milvus } = await openWorld();
  let asked = 0;
  const answering: MilvusGateway = {
    ...milvus,
    server: { ...milvus.server, supports: (feature) => features.includes(feature) },
    importProgress: async (): Promise<ImportProgress> => {
      asked += 1;
      const ended = asked >= polls;
      return { phase: ended ? "completed" : "importing", percent: 50, state: "", reason: "", rows: 1n };
    },
  };
  const progress = { report: (event: ProgressEvent) => void events.push(event) };
  return { milvus: answering, progress, events, asked: () => asked };
}

describe("a job of a restore that is given up", () => {
  test("is waited for where the server cannot cancel it, which is said once for all jobs", async () => {
    const it = await server(2);
    const settle = importSettler(it);
    await Promise.all([settle(job), settle(job)]);
    expect(it.asked()).toBeGreaterThanOrEqual(2);
    expect(it.events).toEqual([expect.objectContaining({ type: "warning", code: "IMPORT_SETTLING" })]);
  });

  test("is not waited for without end: a warning names it", async () => {
    const it = await server(Number.POSITIVE_INFINITY);
    await importSettler(it, 20)(job);
    expect(it.events.at(-1)).toMatchObject({
      type: "warning",
      code: "IMPORT_ABANDONED",
      message: expect.stringContaining(`${books.database}.${books.collection}: import job 7 had not ended`),
    });
  });

  test("is left to a server that ends it by itself", async () => {
    const it = await server(2, ["importV2"]);
    await importSettler(it)(job);
    expect(it.asked()).toBe(0);
  });

  test("has ended before the failure is told", async () => {
    const it = await server(3);
    const stop = new AbortController();
    const milvus = {
      ...it.milvus,
      startImport: async () => {
        setTimeout(() => stop.abort(new AppError("ABORTED", "interrupted")), 5);
        return job.id;
      },
    };
    const readable = { importPath: (path: string) => path, readFrom: "backup" as const, sizeOnly: 0 };
    const stages = [[{ partition: "p", groups: [["a/"]], l0: false, storageVersion: 0n }]];
    const outcome = runImports(
      { ...it, milvus, signal: stop.signal, now: () => new Date(0) },
      { namespace: books, stages, readable: { ...readable, [Symbol.asyncDispose]: async () => {} } },
      { jobs: 1, stallSeconds: 60, clock: { movedAt: 0 }, pollMs: 60_000 },
    );
    await expect(outcome).rejects.toEqual(expect.objectContaining({ code: "ABORTED" }));
    expect(it.asked()).toBe(3);
  });
});

test("few jobs wait in the queue of such a server, all that are allowed go to others", async () => {
  expect(jobsAtOnce(await server(1), 768)).toBe(8);
  expect(jobsAtOnce(await server(1), 3)).toBe(3);
  expect(jobsAtOnce(await server(1, ["importV2"]), 768)).toBe(768);
});
