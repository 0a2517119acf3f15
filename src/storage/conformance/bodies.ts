/** Guarantee 1: what was put is there, whole, as soon as the put resolves. */

import { equal, holds, keysBelow } from "./assert.ts";
import type { DriverCase } from "./case.ts";
import { contentBytes, holdsContent, LARGE_BYTES, putContent } from "./content.ts";

export const bodyCases: readonly DriverCase[] = [
  {
    name: "an empty object is stored and read back",
    run: ({ driver, key, signal, prefix }) => storedAndListed(driver, key("empty"), 0, { signal }, prefix),
  },
  {
    name: "one byte is stored and read back",
    run: ({ driver, key, signal, prefix }) => storedAndListed(driver, key("one"), 1, { signal }, prefix),
  },
  {
    name: "an object larger than one part is stored and read back",
    run: ({ driver, key, signal, prefix }) => storedAndListed(driver, key("large"), LARGE_BYTES, { signal }, prefix),
  },
  {
    name: "bytes that are not UTF-8 come back as they were",
    async run({ driver, key, signal }) {
      const content = contentBytes(3, 0, 100_000);
      holds(
        !Buffer.from(content).equals(Buffer.from(new TextDecoder().decode(content))),
        "the content of this case must not survive a text conversion",
      );
      await putContent(driver, key("bytes"), { seed: 3, size: 100_000 }, { signal });
      await holdsContent(driver, key("bytes"), { seed: 3, size: 100_000 }, { signal });
    },
  },
  {
    name: "a put replaces a longer object by a shorter one and the other way round",
    async run({ driver, key, signal, prefix }) {
      for (const [seed, size] of [
        [1, 5_000],
        [2, 70_000],
        [3, 10],
        [4, 0],
        [5, 1],
      ] as const) {
        await putContent(driver, key("again"), { seed, size }, { signal });
        await holdsContent(driver, key("again"), { seed, size }, { signal });
      }
      equal(await keysBelow(driver, prefix, { signal }), [key("again")], "listing after five puts of one key");
    },
  },
  {
    name: "a reader that cancels frees the body and the next one gets it whole",
    async run({ driver, key, signal }) {
      await putContent(driver, key("cancelled"), { seed: 6, size: 3_000_000 }, { signal });
      // More often than any driver has connections: a body that is not freed would block the last gets.
      for (let round = 0; round < driver.capabilities.connections + 8; round += 1) {
        const body = await driver.get(key("cancelled"), { signal });
        const reader = body.stream.getReader();
        await reader.read();
        await reader.cancel();
      }
      await holdsContent(driver, key("cancelled"), { seed: 6, size: 3_000_000 }, { signal });
    },
  },
];

async function storedAndListed(
  driver: Parameters<typeof holdsContent>[0],
  key: Parameters<typeof holdsContent>[1],
  size: number,
  options: Parameters<typeof holdsContent>[3],
  prefix: string,
): Promise<void> {
  const stored = await putContent(driver, key, { seed: 1, size }, options);
  equal({ key: stored.key, size: stored.size }, { key, size }, "what put reports");
  await holdsContent(driver, key, { seed: 1, size }, options);
  const listed = [];
  for await (const info of driver.list(prefix, options)) listed.push({ key: info.key, size: info.size });
  equal(listed, [{ key, size }], "listing after the put");
}
