/** The driver suite under `bun test`; plugin authors import it as "milvus-backup/conformance". */

import { describe, test } from "bun:test";
import { driverCases } from "../../src/storage/conformance/cases.ts";
import { checkSkips, runDriverCase, type SuiteTarget } from "../../src/storage/conformance/run.ts";
import type { StorageDriver } from "../../src/storage/driver.ts";

export interface SuiteOptions extends Omit<SuiteTarget, "open"> {
  /** Milliseconds for one case; 30 seconds when left out. */
  readonly timeoutMs?: number;
}

/**
 * One test per case, each on a driver of its own.
 * @throws RangeError for a skip that names no case
 */
export function describeStorageDriver(
  name: string,
  open: () => Promise<StorageDriver>,
  options: SuiteOptions = {},
): void {
  checkSkips(options.skip ?? {});
  const { timeoutMs = 30_000, ...rest } = options;
  describe(`storage driver ${name}`, () => {
    for (const driverCase of driverCases) {
      const reason = options.skip?.[driverCase.name];
      const run = (): Promise<void> => runDriverCase(driverCase, { ...rest, open }, new AbortController().signal);
      if (reason === undefined) test(driverCase.name, run, timeoutMs);
      else test.skip(`${driverCase.name} (${reason})`, run);
    }
  });
}
