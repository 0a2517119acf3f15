import { describe, expect, test } from "bun:test";
import { partSizes } from "../../../../drivers/s3/multipart.ts";
import { BodyReader } from "../../../../src/storage/body_reader.ts";
import { ByteBudget } from "../../../../src/storage/byte_budget.ts";
import { failureOf, never } from "./support.ts";

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

describe("partSizes", () => {
  test("cuts an object into parts of the preferred size and a rest", () => {
    expect(partSizes(20 * MIB + 1, 8 * MIB, 10_000)).toEqual([8 * MIB, 8 * MIB, 4 * MIB + 1]);
    expect(partSizes(16 * MIB, 8 * MIB, 10_000)).toEqual([8 * MIB, 8 * MIB]);
    expect(partSizes(0, 8 * MIB, 10_000)).toEqual([0]);
  });

  test("makes parts larger where there would be more than the provider takes", () => {
    for (const [size, most] of [
      [5 * 1024 * GIB, 10_000],
      [500 * GIB, 10_000],
      [100 * GIB + 7, 1000],
    ] as const) {
      const sizes = partSizes(size, 16 * MIB, most);
      expect(sizes.length).toBeLessThanOrEqual(most);
      expect(sizes.reduce((sum, it) => sum + it, 0)).toBe(size);
      expect(sizes.every((it) => it > 0 && it <= 5 * GIB)).toBe(true);
    }
  });
});

describe("BodyReader", () => {
  const content = Uint8Array.from({ length: 10_000 }, (_, index) => index % 251);
  const cutInto = (lengths: readonly number[]): ReadableStream<Uint8Array> =>
    new ReadableStream({
      start(controller) {
        let at = 0;
        for (const length of lengths) {
          controller.enqueue(content.slice(at, at + length));
          at += length;
        }
        controller.close();
      },
    });
  const open = (lengths: readonly number[], size = content.length): Promise<BodyReader> =>
    BodyReader.open({ size, open: async () => cutInto(lengths) }, { what: "it", signal: never });

  for (const lengths of [
    [10_000],
    [1, 9_999],
    [4_000, 4_000, 2_000],
    [3_999, 1, 0, 4_001, 1_999],
    Array(100).fill(100),
  ]) {
    test(`gives pieces of the wanted size from chunks of ${lengths.slice(0, 5).join(", ")}`, async () => {
      const reader = await open(lengths);
      const pieces = [await reader.next(4_000), await reader.next(4_000), await reader.next(2_000)];
      expect(Buffer.concat(pieces)).toEqual(Buffer.from(content));
      await reader.close();
    });
  }

  test("gives back memory of its own and leaves the source's chunks alone", async () => {
    const reader = await open([6_000, 4_000]);
    const borrowed = await reader.next(6_000);
    const made = await open([3_000, 7_000]).then((other) => other.next(10_000).finally(() => other.close()));
    reader.free(borrowed);
    expect(borrowed.length).toBe(6_000);
    reader.free(made);
    expect(made.length).toBe(10_000);
    const own = await open([3_000, 7_000]);
    const piece = await own.next(10_000);
    own.free(piece);
    expect(piece.length).toBe(0);
    await reader.close();
  });

  test("cancels the source when it is closed early", async () => {
    let cancelled = false;
    const source = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(content),
      cancel: () => {
        cancelled = true;
      },
    });
    const reader = await BodyReader.open({ size: 1e9, open: async () => source }, { what: "it", signal: never });
    await reader.next(5);
    await reader.close();
    expect(cancelled).toBe(true);
  });
});

describe("ByteBudget", () => {
  test("lets in what fits, then first come first served", async () => {
    const budget = new ByteBudget(10);
    const order: string[] = [];
    await budget.take(6, never);
    const large = budget.take(8, never).then(() => order.push("large"));
    const small = budget.take(2, never).then(() => order.push("small"));
    await Bun.sleep(1);
    expect(order).toEqual([]);
    budget.give(6);
    await Promise.all([large, small]);
    expect(order).toEqual(["large", "small"]);
  });

  test("lets in alone what is larger than the whole", async () => {
    const budget = new ByteBudget(10);
    await budget.take(1_000, never);
    let entered = false;
    const waiting = budget.take(1, never).then(() => {
      entered = true;
    });
    await Bun.sleep(1);
    expect(entered).toBe(false);
    budget.give(1_000);
    await waiting;
    expect(entered).toBe(true);
  });

  test("forgets who waits when the signal fires, and lets the next one in", async () => {
    const budget = new ByteBudget(10);
    await budget.take(5, never);
    const stop = new AbortController();
    const leaving = failureOf(budget.take(10, stop.signal));
    const next = budget.take(5, never);
    stop.abort();
    expect((await leaving).code).toBe("ABORTED");
    await next;
    budget.give(5);
    budget.give(5);
    await budget.take(10, never);
    expect((await failureOf(budget.take(1, AbortSignal.abort()))).code).toBe("ABORTED");
  });
});
