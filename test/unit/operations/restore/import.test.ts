import { describe, expect, test } from "bun:test";
import { AppError } from "../../../../src/base/errors.ts";
import { collectionMeta } from "../../../../src/meta/codec_backup.ts";
import { partitionMeta, segmentMeta } from "../../../../src/meta/codec_segments.ts";
import { deltaLogKey, insertLogKey } from "../../../../src/meta/layout.ts";
import type { CollectionMeta, SegmentMeta } from "../../../../src/meta/types.ts";
import { type ImportStages, planImports, runImports } from "../../../../src/operations/restore/import.ts";
import type { StoredObjects } from "../../../../src/operations/restore/stored_objects.ts";
import type { ProgressEvent } from "../../../../src/transfer/progress.ts";
import { coded } from "../../meta/repository_support.ts";
import { never } from "../../transfer/roots.ts";
import { books, openWorld, type World } from "../world.ts";

const COLLECTION = 460000000000000001n;
const PARTITION = 460000000000000002n;

function segment(id: bigint, more: Partial<SegmentMeta> = {}): SegmentMeta {
  return {
    ...segmentMeta.zero,
    segmentId: id,
    collectionId: COLLECTION,
    partitionId: PARTITION,
    rows: 1n,
    groupId: id,
    vChannel: "v0",
    ...more,
  };
}

const l0 = (id: bigint, more: Partial<SegmentMeta> = {}): SegmentMeta => segment(id, { isL0: true, rows: 0n, ...more });

function collection(segments: readonly SegmentMeta[], all: readonly SegmentMeta[] = []): CollectionMeta {
  const partition = {
    ...partitionMeta.zero,
    partitionId: PARTITION,
    partitionName: "_default",
    collectionId: COLLECTION,
    segments,
  };
  return { ...collectionMeta.zero, collectionId: COLLECTION, partitions: [partition], l0Segments: all };
}

/** One insert log for each data segment, one delta log for each L0 segment and for those named. */
function objectsOf(meta: CollectionMeta, withDeltas: readonly bigint[] = []): StoredObjects {
  const entries = new Map();
  const add = (key: string): void => void entries.set(key, { key, size: 1, evidence: { kind: "size" } });
  for (const it of [...meta.partitions.flatMap((partition) => partition.segments), ...meta.l0Segments]) {
    if (!it.isL0) add(insertLogKey(it, 100n, 1n));
    if (it.isL0 || withDeltas.includes(it.segmentId)) add(deltaLogKey(it, 2n));
  }
  return entries;
}

const LIMITS = { maxGroups: 16, l0Together: true };
const shape = (stages: ImportStages) =>
  stages.map((jobs) => jobs.map(({ partition, l0: deletes, groups }) => [partition, deletes, groups.length]));

describe("planImports", () => {
  test("rows come first, then the deletes of one partition, then those of all", () => {
    const meta = collection([l0(12n), segment(11n)], [l0(13n, { partitionId: -1n, groupId: 0n })]);
    const stages = planImports(meta, objectsOf(meta), LIMITS);
    expect(shape(stages)).toEqual([[["_default", false, 1]], [["_default", true, 1]], [["", true, 1]]]);
    expect(stages[1]?.[0]?.groups).toEqual([[`binlogs/delta_log/${COLLECTION}/${PARTITION}/12/`]]);
    expect(stages[2]?.[0]?.groups).toEqual([[`binlogs/delta_log/${COLLECTION}/-1/13/`]]);
  });

  test("a segment's own deletes go with its rows", () => {
    const meta = collection([segment(11n), segment(12n)]);
    const [rows] = planImports(meta, objectsOf(meta, [12n]), LIMITS);
    const folder = (kind: string, id: number): string => `binlogs/${kind}/${COLLECTION}/${PARTITION}/${id}/`;
    expect(rows?.[0]?.groups).toEqual([
      [folder("insert_log", 11)],
      [folder("insert_log", 12), folder("delta_log", 12)],
    ]);
  });

  test("segments of other channels and storage versions go into jobs of their own", () => {
    const meta = collection([
      segment(11n),
      segment(12n, { vChannel: "v1" }),
      segment(13n, { storageVersion: 2n }),
      segment(14n),
    ]);
    const [rows] = planImports(meta, objectsOf(meta), LIMITS);
    expect(rows?.map((job) => [job.groups.length, job.storageVersion])).toEqual([
      [2, 0n],
      [1, 0n],
      [1, 2n],
    ]);
  });

  test("a job holds no more segments than it may", () => {
    const meta = collection(Array.from({ length: 7 }, (_, index) => segment(BigInt(100 + index))));
    const sizes = (maxGroups: number) =>
      planImports(meta, objectsOf(meta), { ...LIMITS, maxGroups })[0]?.map((job) => job.groups.length);
    expect(sizes(3)).toEqual([3, 3, 1]);
    expect(sizes(1)).toEqual([1, 1, 1, 1, 1, 1, 1]);
  });

  test("L0 segments share a job only where the server takes several", () => {
    const meta = collection(
      [],
      [l0(12n, { partitionId: -1n, groupId: 0n }), l0(13n, { partitionId: -1n, groupId: 0n })],
    );
    const jobs = (l0Together: boolean) => planImports(meta, objectsOf(meta), { ...LIMITS, l0Together })[0]?.length;
    expect([jobs(true), jobs(false)]).toEqual([1, 2]);
  });

  test("a folder that segments of an old backup share is imported once", () => {
    const meta = collection([segment(11n, { groupId: 5n }), segment(12n, { groupId: 5n })]);
    const [rows] = planImports(meta, objectsOf(meta), { ...LIMITS, maxGroups: 1 });
    expect(rows?.map((job) => job.groups)).toEqual([[[`binlogs/insert_log/${COLLECTION}/${PARTITION}/5/`]]]);
  });

  test("segments without groups share their partition's folder, and their deletes keep their own", () => {
    const meta = collection([segment(11n, { groupId: 0n }), segment(12n, { groupId: 0n }), l0(13n, { groupId: 0n })]);
    const stages = planImports(meta, objectsOf(meta), LIMITS);
    const folder = (kind: string): string => `binlogs/${kind}/${COLLECTION}/${PARTITION}/`;
    expect(stages[0]?.map((job) => job.groups)).toEqual([[[folder("insert_log"), folder("delta_log")]]]);
    expect(stages[1]?.[0]?.groups).toEqual([[`binlogs/delta_log/${COLLECTION}/${PARTITION}/13/`]]);
  });

  test("an empty collection needs no job", () => {
    expect(planImports(collection([]), new Map(), LIMITS)).toEqual([]);
    expect(planImports(collection([segment(11n, { rows: 0n })]), new Map(), LIMITS)).toEqual([]);
  });
});

describe("runImports", () => {
  const STAGES: ImportStages = [
    [{ partition: "_default", groups: [["rows/"]], l0: false, storageVersion: 0n }],
    [{ partition: "", groups: [["deletes/"]], l0: true, storageVersion: 0n }],
  ];

  async function run(
    prepare: (world: World) => void,
    options: { readonly stages?: ImportStages; readonly stallSeconds?: number; readonly jobs?: number } = {},
  ): Promise<{
    readonly world: World;
    readonly outcome: Promise<bigint | undefined>;
    readonly events: ProgressEvent[];
  }> {
    const world = await openWorld();
    world.fake.make(books);
    prepare(world);
    const readable = {
      readFrom: "backup" as const,
      sizeOnly: 0,
      importPath: (prefix: string) => `backup/nightly/${prefix}`,
      [Symbol.asyncDispose]: async () => {},
    };
    const { stages = STAGES, stallSeconds = 3600, jobs = 4 } = options;
    const outcome = runImports(
      world.context,
      { namespace: books, stages, readable },
      { jobs, stallSeconds, pollMs: 1, clock: { movedAt: 0 } },
    );
    return { world, outcome, events: world.events };
  }

  test("a stage starts when the one before has ended", async () => {
    const { world, outcome } = await run((it) => {
      it.fake.jobState = (_job, poll) => (poll < 3 ? { phase: "importing", percent: poll * 30 } : undefined);
    });
    expect(await outcome).toBe(0n);
    const kinds = world.fake.calls.map((call) =>
      call.startsWith("startImport") ? (call.includes(" l0 ") ? "start l0" : "start rows") : "poll",
    );
    expect(kinds).toEqual(["start rows", "poll", "poll", "poll", "start l0", "poll", "poll", "poll"]);
  });

  test("progress of a job is reported when it changes", async () => {
    const { outcome, events } = await run(
      (it) => {
        it.fake.jobState = (_job, poll) => (poll < 4 ? { phase: "importing", percent: poll < 3 ? 10 : 70 } : undefined);
      },
      { stages: [STAGES[0] ?? []] },
    );
    await outcome;
    expect(events.flatMap((event) => (event.type === "job" ? [event.percent] : []))).toEqual([10, 70, 100]);
  });

  test("a job that fails is an error with the server's reason and a folder", async () => {
    const { outcome } = await run((it) => {
      it.fake.jobState = () => ({ phase: "failed", percent: 20 });
    });
    await expect(outcome).rejects.toEqual(coded("MILVUS_ERROR", "failed: scripted (folder rows/)"));
  });

  test("a job that stands still for too long is an error", async () => {
    const { outcome } = await run(
      (it) => {
        it.tick = 30_000;
        it.fake.jobState = () => ({ phase: "importing", percent: 70 });
      },
      { stallSeconds: 120 },
    );
    await expect(outcome).rejects.toEqual(coded("MILVUS_ERROR", "stands at 70 %"));
  });

  test("a job that waits while another one moves is not stalled", async () => {
    const one = STAGES[0]?.[0];
    const stages = one === undefined ? [] : [[one, one]];
    const { outcome } = await run(
      (it) => {
        it.tick = 20_000;
        it.fake.jobState = (job, poll) => {
          const second = BigInt(job) % 2n === 0n;
          if (poll > 20) return undefined;
          return second ? { phase: "pending", percent: 0 } : { phase: "importing", percent: poll * 4 };
        };
      },
      { stages, stallSeconds: 120 },
    );
    expect(await outcome).toBe(0n);
  });

  test("a job that the server does not know any more is an error with its id", async () => {
    const { outcome } = await run((it) => {
      it.fake.script = (name) => {
        if (name === "importProgress") throw new AppError("NOT_FOUND", "import job does not exist");
      };
    });
    await expect(outcome).rejects.toEqual(coded("NOT_FOUND", "import job 46"));
  });

  test("no more jobs than asked for are under way", async () => {
    const one = STAGES[0]?.[0];
    const stages = one === undefined ? [] : [Array.from({ length: 10 }, () => one)];
    let running = 0;
    let peak = 0;
    const { outcome } = await run(
      (it) => {
        it.fake.script = (name) => {
          if (name === "startImport") running += 1;
          peak = Math.max(peak, running);
        };
        it.fake.jobState = (_job, poll) => {
          if (poll < 3) return { phase: "importing", percent: 10 };
          running -= 1;
          return undefined;
        };
      },
      { stages, jobs: 3 },
    );
    await outcome;
    expect(peak).toBe(3);
  });

  test("an interruption ends the waiting", async () => {
    const { world, outcome } = await run((it) => {
      it.fake.jobState = () => ({ phase: "importing", percent: 10 });
    });
    setTimeout(() => world.stop.abort(new AppError("ABORTED", "interrupted by SIGINT")), 5);
    await expect(outcome).rejects.toEqual(coded("ABORTED", "interrupted by SIGINT"));
    expect(never.aborted).toBe(false);
  });
});
