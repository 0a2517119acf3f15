/** Guarantee 6: an aborted signal ends every call promptly with ABORTED. */

import type { CallOptions } from "../driver.ts";
import { collect, failsWith, holds, within } from "./assert.ts";
import type { DriverCase } from "./case.ts";
import { contentBody, holdsContent, LARGE_BYTES, putContent } from "./content.ts";

const PROMPT_MS = 5_000;

export const abortCases: readonly DriverCase[] = [
  {
    name: "every call rejects with ABORTED under a signal that has fired and changes nothing",
    async run({ driver, key, signal, prefix }) {
      await putContent(driver, key("kept"), { seed: 1, size: 10 }, { signal });
      const info = await driver.stat(key("kept"), { signal });
      const fired: CallOptions = { signal: AbortSignal.abort() };
      const calls: Record<string, () => Promise<unknown>> = {
        stat: () => driver.stat(key("kept"), fired),
        get: () => driver.get(key("kept"), fired),
        put: () => driver.put(key("kept"), contentBody(2, 20), fired),
        delete: () => driver.delete(key("kept"), fired),
        list: () => collect(driver.list(prefix, fired)),
        listDirectories: () => collect(driver.listDirectories("", fired)),
        copyFrom: async () => driver.copyFrom?.(driver, info, key("copy"), fired),
      };
      if (driver.copyFrom === undefined) delete calls.copyFrom;
      for (const [name, call] of Object.entries(calls)) {
        await failsWith(() => within(PROMPT_MS, call(), name), ["ABORTED"], `${name} under a fired signal`);
      }
      await holdsContent(driver, key("kept"), { seed: 1, size: 10 }, { signal });
    },
  },
  {
    name: "a body fails with ABORTED when the signal fires while it is read",
    async run({ driver, key, signal }) {
      await putContent(driver, key("large"), { seed: 1, size: LARGE_BYTES }, { signal });
      const abort = new AbortController();
      const body = await driver.get(key("large"), { signal: AbortSignal.any([signal, abort.signal]) });
      const reader = body.stream.getReader();
      await reader.read();
      abort.abort();
      const readOn = async (): Promise<void> => {
        for (;;) if ((await reader.read()).done) return;
      };
      await failsWith(() => within(PROMPT_MS, readOn(), "reading on"), ["ABORTED"], "the body after the abort");
    },
  },
  {
    name: "a listing fails with ABORTED when the signal fires between two entries",
    async run({ driver, key, signal, prefix }) {
      for (const name of ["a", "b", "c", "d"]) await putContent(driver, key(name), { seed: 1, size: 1 }, { signal });
      const abort = new AbortController();
      const listing = driver.list(prefix, { signal: AbortSignal.any([signal, abort.signal]) })[Symbol.asyncIterator]();
      holds((await listing.next()).done !== true, "the listing is empty");
      abort.abort();
      const readOn = async (): Promise<void> => {
        for (;;) if ((await listing.next()).done === true) return;
      };
      await failsWith(() => within(PROMPT_MS, readOn(), "listing on"), ["ABORTED"], "the listing after the abort");
    },
  },
];
