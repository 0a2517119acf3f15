/** Range reads: exact bytes, clipped ends, refused starts. */

import type { ByteRange } from "../driver.ts";
import { equal, failsWith } from "./assert.ts";
import type { DriverCase } from "./case.ts";
import { LARGE_BYTES, putContent, sameContent } from "./content.ts";

export const rangeCases: readonly DriverCase[] = [
  {
    name: "ranges at the start, in the middle, at the end and past the end give exactly their bytes",
    run: ({ driver, key, signal }) => readRanges({ driver, key, signal }, 1_000),
  },
  {
    name: "ranges of an object larger than one part give exactly their bytes",
    run: ({ driver, key, signal }) => readRanges({ driver, key, signal }, LARGE_BYTES),
  },
  {
    name: "a range that starts beyond the end is INVALID_RANGE",
    async run({ driver, key, signal }) {
      if (!driver.capabilities.rangeRead) return;
      await putContent(driver, key("ranged"), { seed: 1, size: 100 }, { signal });
      for (const range of [{ start: 100 }, { start: 101 }, { start: 5_000, end: 6_000 }]) {
        const what = `get from ${range.start} of 100 bytes`;
        const error = await failsWith(() => driver.get(key("ranged"), { signal, range }), ["INVALID_RANGE"], what);
        equal(error.retriable, false, "retriable of INVALID_RANGE");
      }
    },
  },
];

async function readRanges(
  { driver, key, signal }: Pick<Parameters<DriverCase["run"]>[0], "driver" | "key" | "signal">,
  size: number,
): Promise<void> {
  const object = key("ranged");
  await putContent(driver, object, { seed: 9, size }, { signal });
  const ranges: readonly ByteRange[] = [
    { start: 0 },
    { start: 0, end: 1 },
    { start: 0, end: size },
    { start: 1, end: size - 1 },
    { start: Math.floor(size / 2), end: Math.floor(size / 2) + 100 },
    { start: size - 1 },
    { start: size - 10, end: size },
    { start: size - 10, end: size + 10_000 },
  ];
  if (!driver.capabilities.rangeRead) {
    const [range] = ranges;
    await failsWith(() => driver.get(object, { signal, ...(range && { range }) }), ["UNSUPPORTED"], "a range read");
    return;
  }
  for (const range of ranges) {
    const what = `range ${range.start} to ${range.end ?? "the end"} of ${size} bytes`;
    const end = Math.min(range.end ?? size, size);
    const body = await driver.get(object, { signal, range });
    equal({ size: body.size, whole: body.info.size }, { size: end - range.start, whole: size }, what);
    await sameContent(body.stream, { seed: 9, start: range.start, end }, what);
  }
}
