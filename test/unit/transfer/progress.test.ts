import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type ProgressEvent, ProgressTracker } from "../../../src/transfer/progress.ts";

function tracker() {
  const clock = { now: 0 };
  const it = new ProgressTracker(() => clock.now);
  const after = (milliseconds: number, ...events: ProgressEvent[]) => {
    clock.now += milliseconds;
    for (const event of events) it.report(event);
    return it.snapshot();
  };
  return { it, after };
}

const bytes = (count: number): ProgressEvent => ({ type: "bytes", bytes: count });
const totals = (objects: number, size: number, final = true): ProgressEvent => ({
  type: "totals",
  totals: { objects, bytes: size },
  final,
});
const object: ProgressEvent = { type: "object", key: "a", size: 1, via: "streaming" };

describe("a progress tracker", () => {
  test("starts with nothing claimed", () => {
    expect(tracker().it.snapshot()).toEqual({
      bytesDone: 0,
      objectsDone: 0,
      totalsFinal: false,
      jobs: { count: 0, percent: 0 },
      warnings: 0,
      done: false,
    });
  });

  test("counts bytes, objects and warnings, and names the phase", () => {
    const { after } = tracker();
    const shown = after(
      0,
      { type: "phase", phase: "copy", scope: "default.books" },
      totals(10, 1000),
      bytes(250),
      object,
      { type: "warning", code: "X", message: "x" },
    );
    expect(shown).toMatchObject({
      phase: "copy",
      scope: "default.books",
      bytesDone: 250,
      bytesTotal: 1000,
      objectsDone: 1,
      objectsTotal: 10,
      fraction: 0.25,
      warnings: 1,
    });
    expect(after(0, { type: "phase", phase: "commit" })).not.toHaveProperty("scope");
  });

  test("gives no fraction and no time left until the totals are final", () => {
    const { after } = tracker();
    after(0, totals(10, 1000, false), bytes(1));
    const open = after(1000, bytes(500));
    expect(open).not.toHaveProperty("fraction");
    expect(open).not.toHaveProperty("secondsLeft");
    expect(after(0, totals(20, 2000)).fraction).toBeCloseTo(501 / 2000);
  });

  test("keeps what it showed when a retry takes bytes back", () => {
    const { after } = tracker();
    expect(after(0, totals(1, 1000), bytes(600)).bytesDone).toBe(600);
    const back = after(10, bytes(-600));
    expect(back.bytesDone).toBe(600);
    expect(back.fraction).toBe(0.6);
    expect(after(10, bytes(700)).bytesDone).toBe(700);
  });

  test("is complete only when done", () => {
    const { after } = tracker();
    expect(after(0, totals(1, 1000), bytes(1000), object).fraction).toBe(0.999);
    expect(after(0, { type: "done", totals: { objects: 1, bytes: 1000 }, seconds: 1 })).toMatchObject({
      fraction: 1,
      bytesDone: 1000,
      objectsDone: 1,
      done: true,
    });
  });

  test("follows objects where there are no bytes", () => {
    const { after } = tracker();
    expect(after(0, totals(4, 0), object).fraction).toBe(0.25);
    expect(after(0, totals(0, 0)).fraction).toBe(0.25);
  });

  test("measures a steady rate and the time left", () => {
    const { after } = tracker();
    after(0, totals(1, 100_000), bytes(0));
    let shown = after(0);
    for (let second = 0; second < 20; second += 1) shown = after(1000, bytes(1000));
    expect(shown.bytesPerSecond).toBe(1000);
    expect(shown.secondsLeft).toBe(80);
  });

  test("smooths a rate that changes and lets it sink when nothing moves", () => {
    const { after } = tracker();
    after(0, totals(1, 1_000_000), bytes(0));
    for (let second = 0; second < 10; second += 1) after(1000, bytes(1000));
    const faster = after(1000, bytes(5000)).bytesPerSecond ?? 0;
    expect(faster).toBeGreaterThan(1000);
    expect(faster).toBeLessThan(3000);
    for (let second = 0; second < 60; second += 1) after(1000);
    expect(after(0).bytesPerSecond).toBe(0);
    expect(after(0)).not.toHaveProperty("secondsLeft");
  });

  test("gives the mean of the import jobs, none of which runs backwards", () => {
    const { after } = tracker();
    const job = (id: string, percent: number): ProgressEvent => ({
      type: "job",
      id,
      scope: "default.books",
      percent,
      state: "Importing",
    });
    expect(after(0, job("1", 50), job("2", 100)).jobs).toEqual({ count: 2, percent: 75 });
    expect(after(0, job("1", 40)).jobs.percent).toBe(75);
  });

  test("never runs backwards and never shows more than there is, whatever happens", () => {
    const event = fc.oneof(
      fc.integer({ min: -500, max: 1000 }).map(bytes),
      fc.constant(object),
      fc
        .record({ objects: fc.nat(50), bytes: fc.nat(20_000), final: fc.boolean() })
        .map(({ objects, bytes: size, final }) => totals(objects, size, final)),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(2000), event), { maxLength: 60 }), (steps) => {
        const { after } = tracker();
        let before = after(0);
        for (const [wait, step] of steps) {
          const now = after(wait, step);
          expect(now.bytesDone).toBeGreaterThanOrEqual(before.bytesDone);
          expect(now.objectsDone).toBeGreaterThanOrEqual(before.objectsDone);
          expect(now.fraction ?? 0).toBeLessThan(1);
          if (now.fraction !== undefined && before.fraction !== undefined) {
            expect(now.fraction).toBeGreaterThanOrEqual(before.fraction);
          }
          expect(now.bytesTotal ?? Number.POSITIVE_INFINITY).toBeGreaterThanOrEqual(now.bytesDone);
          expect(now.objectsTotal ?? Number.POSITIVE_INFINITY).toBeGreaterThanOrEqual(now.objectsDone);
          before = now;
        }
      }),
    );
  });
});
