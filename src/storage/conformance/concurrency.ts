/** Many calls at once do not disturb each other. */

import { streamOf } from "../../base/streams.ts";
import { equal, keysBelow } from "./assert.ts";
import type { DriverCase } from "./case.ts";
import { contentBytes, holdsContent, putContent } from "./content.ts";

const AT_ONCE = 32;

export const concurrencyCases: readonly DriverCase[] = [
  {
    name: "32 concurrent puts and gets keep their contents apart",
    async run({ driver, key, signal, prefix }) {
      const objects = Array.from({ length: AT_ONCE }, (_, index) => ({ seed: index, size: 100_000 + index * 1_001 }));
      await Promise.all(objects.map((object) => putContent(driver, key(`c/${object.seed}`), object, { signal })));
      const reads = objects.map((object) => holdsContent(driver, key(`c/${object.seed}`), object, { signal }));
      const writes = objects.map((object) => putContent(driver, key(`w/${object.seed}`), object, { signal }));
      await Promise.all([...reads, ...writes]);
      equal((await keysBelow(driver, prefix, { signal })).length, AT_ONCE * 2, "objects in the listing");
    },
  },
  {
    name: "concurrent puts of one key leave one of the contents, whole",
    async run({ driver, key, signal }) {
      const contents = Array.from({ length: 8 }, (_, index) => ({ seed: index, size: 50_000 + index }));
      await Promise.all(contents.map((content) => putContent(driver, key("same"), content, { signal })));
      const size = (await driver.stat(key("same"), { signal })).size;
      await holdsContent(driver, key("same"), { seed: size - 50_000, size }, { signal });
    },
  },
  {
    name: "a body may be read from the root that it is put to",
    async run({ driver, key, signal }) {
      await putContent(driver, key("from"), { seed: 1, size: 300_000 }, { signal });
      // More copies at once than there are connections: each needs one to read and one to write.
      const copies = Array.from({ length: driver.capabilities.connections + 4 }, (_, index) => key(`to/${index}`));
      const open = async (task: AbortSignal): Promise<ReadableStream<Uint8Array>> =>
        (await driver.get(key("from"), { signal: task })).stream;
      await Promise.all(copies.map((to) => driver.put(to, { size: 300_000, open }, { signal })));
      for (const to of copies) await holdsContent(driver, to, { seed: 1, size: 300_000 }, { signal });
    },
  },
  {
    name: "a put and a delete in one directory do not disturb each other",
    async run({ driver, key, signal, prefix }) {
      for (let round = 0; round < 30; round += 1) {
        await putContent(driver, key(`dir/${round}/a`), { seed: 1, size: 10 }, { signal });
        await Promise.all([
          driver.delete(key(`dir/${round}/a`), { signal }),
          putContent(driver, key(`dir/${round}/b`), { seed: 2, size: 10 }, { signal }),
        ]);
        await holdsContent(driver, key(`dir/${round}/b`), { seed: 2, size: 10 }, { signal });
        await driver.delete(key(`dir/${round}/b`), { signal });
      }
      equal(await keysBelow(driver, prefix, { signal }), [], "listing afterwards");
    },
  },
  {
    name: "a body that is changed by its reader changes nothing in the store",
    async run({ driver, key, signal }) {
      await putContent(driver, key("mine"), { seed: 1, size: 1_000 }, { signal });
      for await (const chunk of (await driver.get(key("mine"), { signal })).stream) chunk.fill(0);
      await holdsContent(driver, key("mine"), { seed: 1, size: 1_000 }, { signal });
      const content = contentBytes(2, 0, 1_000);
      await driver.put(key("mine"), { size: 1_000, open: async () => streamOf(content) }, { signal });
      content.fill(0);
      await holdsContent(driver, key("mine"), { seed: 2, size: 1_000 }, { signal });
    },
  },
];
