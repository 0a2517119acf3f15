/** Server-side copies: of any size, over anything, between two roots of one service. */

import type { ObjectInfo, ObjectKey, StorageDriver } from "../driver.ts";
import { equal, failsWith, holds, isAbsent, within } from "./assert.ts";
import type { CaseContext, DriverCase } from "./case.ts";
import { holdsContent, LARGE_BYTES, putContent } from "./content.ts";

export const copyCases: readonly DriverCase[] = [
  copyCase("an empty object is copied inside the service", (context, copy) => copied(context, copy, 0)),
  copyCase("an object larger than one part is copied inside the service", (context, copy) =>
    copied(context, copy, LARGE_BYTES),
  ),
  copyCase("a copy replaces what was there and odd names are copied too", async ({ driver, key, signal }, copy) => {
    for (const name of ["a b+c%20", "ünï/日本語", "q?&=#'\""]) {
      await putContent(driver, key(`from ${name}`), { seed: 1, size: 500 }, { signal });
      await putContent(driver, key(`to ${name}`), { seed: 2, size: 9_000 }, { signal });
      const info = await driver.stat(key(`from ${name}`), { signal });
      await copy(driver, info, key(`to ${name}`));
      await holdsContent(driver, key(`to ${name}`), { seed: 1, size: 500 }, { signal });
      await holdsContent(driver, key(`from ${name}`), { seed: 1, size: 500 }, { signal });
    }
  }),
  copyCase("an object is copied from another root of the service", async (context, copy) => {
    const { driver, key, signal } = context;
    const other = await context.openOther();
    equal(other.backendId, driver.backendId, "backendId of the other root");
    await putContent(other, key("other/from"), { seed: 5, size: 40_000 }, { signal });
    try {
      await copy(other, await other.stat(key("other/from"), { signal }), key("to"));
      await holdsContent(driver, key("to"), { seed: 5, size: 40_000 }, { signal });
    } finally {
      await other.delete(key("other/from"), { signal });
    }
  }),
  copyCase("a copy of an absent object is NOT_FOUND and stores nothing", async ({ driver, key, signal }, copy) => {
    const info: ObjectInfo = { key: key("absent"), size: 10, checksums: {} };
    await failsWith(() => copy(driver, info, key("to")), ["NOT_FOUND"], "the copy of an absent object");
    await isAbsent(driver, key("to"), { signal });
  }),
  copyCase("a copy under a signal that fires ends promptly, done or ABORTED", async (context) => {
    const { driver, key, signal } = context;
    await putContent(driver, key("from"), { seed: 1, size: LARGE_BYTES }, { signal });
    const info = await driver.stat(key("from"), { signal });
    const abort = new AbortController();
    const copying = driver.copyFrom?.(driver, info, key("to"), { signal: AbortSignal.any([signal, abort.signal]) });
    holds(copying !== undefined, "the driver has no copyFrom");
    abort.abort();
    const done = await within(
      5_000,
      copying.then(
        () => true,
        () => false,
      ),
      "the copy after the abort",
    );
    if (done) await holdsContent(driver, key("to"), { seed: 1, size: LARGE_BYTES }, { signal });
    else await isAbsent(driver, key("to"), { signal });
  }),
];

type Copy = (source: StorageDriver, from: ObjectInfo, to: ObjectKey) => Promise<ObjectInfo>;

/** Where the driver does not copy, the case is that it does not pretend to. */
function copyCase(name: string, run: (context: CaseContext, copy: Copy) => Promise<void>): DriverCase {
  return {
    name,
    async run(context) {
      const { driver, signal } = context;
      if (!driver.capabilities.serverSideCopy) return equal(driver.copyFrom, undefined, "copyFrom");
      await run(context, async (source, from, to) => {
        holds(driver.copyFrom !== undefined, "capabilities.serverSideCopy is true and there is no copyFrom");
        return driver.copyFrom(source, from, to, { signal });
      });
    },
  };
}

async function copied({ driver, key, signal }: CaseContext, copy: Copy, size: number): Promise<void> {
  await putContent(driver, key("from"), { seed: 3, size }, { signal });
  const info = await copy(driver, await driver.stat(key("from"), { signal }), key("dir/to"));
  equal({ key: info.key, size: info.size }, { key: key("dir/to"), size }, "what copyFrom reports");
  await holdsContent(driver, key("dir/to"), { seed: 3, size }, { signal });
}
