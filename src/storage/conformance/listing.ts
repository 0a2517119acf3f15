/** Guarantee 4: each object once, through all pages, also while others write. */

import { forEachConcurrent } from "../../base/pool.ts";
import type { ObjectKey, StorageDriver } from "../driver.ts";
import { collect, equal, holds, keysBelow } from "./assert.ts";
import type { DriverCase } from "./case.ts";
import { putContent } from "./content.ts";

/** More than one page of any service. */
const MANY = 1_050;

export const listingCases: readonly DriverCase[] = [
  {
    name: "more than 1,000 keys are each listed once",
    async run({ driver, key, signal, prefix }) {
      const keys = Array.from({ length: MANY }, (_, index) => key(manyName(index)));
      await putAll(driver, keys, signal);
      equal(await keysBelow(driver, prefix, { signal }), [...keys].sort(), `listing of ${MANY} keys`);
      const directories = await collect(driver.listDirectories(prefix, { signal }));
      equal(directories.sort(), ["d0", "d1", "d2"], "directories, each once");
      if (driver.capabilities.orderedList === true) await goesOnBehind(driver, prefix, signal);
      await deleteAll(driver, keys, signal);
      equal(await keysBelow(driver, prefix, { signal }), [], "listing after all were deleted");
    },
  },
  {
    name: "a listing while others write yields what was there before, once",
    async run({ driver, key, signal, prefix }) {
      const before = Array.from({ length: 40 }, (_, index) => key(`before/${index}`));
      await putAll(driver, before, signal);
      let writing = true;
      const writer = (async () => {
        for (let index = 0; writing && index < 500; index += 1) {
          await putContent(driver, key(`during/${index}`), { seed: 1, size: 10 }, { signal });
          await driver.delete(key(`during/${Math.max(index - 3, 0)}`), { signal });
        }
      })();
      try {
        for (let round = 0; round < 5; round += 1) {
          const listed = await keysBelow(driver, prefix, { signal });
          equal(new Set(listed).size, listed.length, "keys listed twice");
          const found = listed.filter((it) => it.startsWith(`${prefix}before/`));
          equal(found, [...before].sort(), "keys that were there all the time");
        }
      } finally {
        writing = false;
        await writer;
      }
    },
  },
  {
    name: "what a listing yields may be deleted while it runs",
    async run({ driver, key, signal, prefix }) {
      const keys = Array.from({ length: 60 }, (_, index) => key(`d${index % 4}/o${index}`));
      await putAll(driver, keys, signal);
      const seen: string[] = [];
      for await (const info of driver.list(prefix, { signal })) {
        seen.push(info.key);
        await driver.delete(info.key, { signal });
      }
      equal(seen.sort(), [...keys].sort(), "keys listed while they were deleted");
      equal(await keysBelow(driver, prefix, { signal }), [], "listing afterwards");
    },
  },
  {
    name: "an absent prefix lists nothing",
    async run({ driver, key, signal }) {
      equal(await keysBelow(driver, `${key("nothing/here")}/`, { signal }), [], "objects");
      equal(await collect(driver.listDirectories(`${key("nothing/here")}/`, { signal })), [], "directories");
    },
  },
  {
    name: "directories are shown once each and only those directly below that hold objects",
    async run({ driver, key, signal, prefix }) {
      for (const name of ["top", "a/1", "a/2", "b/deep/er/1", "c d+e/1"]) {
        await putContent(driver, key(name), { seed: 1, size: 1 }, { signal });
      }
      const directories = async (below: string): Promise<string[]> =>
        (await collect(driver.listDirectories(below, { signal }))).sort();
      equal(await directories(prefix), ["a", "b", "c d+e"], "directories of the case's prefix");
      equal(await directories(`${key("b")}/`), ["deep"], "directories of b/");
      equal(await directories(`${key("a")}/`), [], "directories of a/");
      holds((await directories("")).includes(prefix.slice(0, -1)), "directories of the root lack the case's own");
      await driver.delete(key("b/deep/er/1"), { signal });
      equal(await directories(prefix), ["a", "c d+e"], "directories after b/ lost its only object");
    },
  },
];

function manyName(index: number): string {
  return index % 2 === 0 ? `flat ${index}` : `d${index % 3}/${index}`;
}

/** Behind any key comes the rest, in the same order. */
async function goesOnBehind(driver: StorageDriver, prefix: string, signal: AbortSignal): Promise<void> {
  const keysOf = async (startAfter?: ObjectKey): Promise<ObjectKey[]> =>
    (await collect(driver.list(prefix, { signal, ...(startAfter === undefined ? {} : { startAfter }) }))).map(
      (it) => it.key,
    );
  const all = await keysOf();
  for (const index of [0, 1, 499, 999, 1_000, MANY - 2, MANY - 1]) {
    equal(await keysOf(all[index]), all.slice(index + 1), `listing after entry ${index}`);
  }
}

function putAll(driver: StorageDriver, keys: readonly ObjectKey[], signal: AbortSignal): Promise<void> {
  return forEachConcurrent(keys, { concurrency: 16, signal }, async (key, task) => {
    await putContent(driver, key, { seed: 1, size: 10 }, { signal: task });
  });
}

function deleteAll(driver: StorageDriver, keys: readonly ObjectKey[], signal: AbortSignal): Promise<void> {
  return forEachConcurrent(keys, { concurrency: 16, signal }, (key, task) => driver.delete(key, { signal: task }));
}
