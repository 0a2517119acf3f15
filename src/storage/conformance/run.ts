/** Running the driver suite: each case on a driver of its own, in a prefix of its own, with nothing left behind. */

import type { StorageDriver } from "../driver.ts";
import { joinKey } from "../key.ts";
import { collect, equal, holds, keysBelow } from "./assert.ts";
import type { CaseContext, DriverCase } from "./case.ts";
import { driverCases } from "./cases.ts";

export interface SuiteTarget {
  open(): Promise<StorageDriver>;
  /** Another root of the same service; `open` again when left out. */
  openOther?(): Promise<StorageDriver>;
  /** Credentials in use, which must not appear in any text. */
  readonly secrets?: readonly string[];
  /** Cases that do not apply, by name, each with its reason. */
  readonly skip?: Readonly<Record<string, string>>;
}

export interface CaseResult {
  readonly name: string;
  readonly outcome: "passed" | "failed" | "skipped";
  readonly ms: number;
  /** Why it failed or was skipped. */
  readonly message?: string;
}

/** @throws ConformanceError or the driver's error; RangeError for a skip that names no case */
export async function runDriverCase(driverCase: DriverCase, target: SuiteTarget, signal: AbortSignal): Promise<void> {
  const opened: StorageDriver[] = [];
  const track = async (driver: Promise<StorageDriver>): Promise<StorageDriver> => {
    opened.push(await driver);
    return driver;
  };
  try {
    const driver = await track(target.open());
    const prefix = `milvus-backup-conformance-${crypto.randomUUID()}/`;
    const context: CaseContext = {
      driver,
      openOther: () => track((target.openOther ?? target.open)()),
      prefix,
      signal,
      secrets: target.secrets ?? [],
      key: (text) => joinKey(prefix, text),
    };
    const failure = await driverCase.run(context).then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
    // The case's own failure says more than what it left behind because of it.
    for (const root of opened) {
      await cleanUp(root, prefix, signal).catch((error: unknown) => {
        if (failure === undefined) throw error;
      });
    }
    if (failure !== undefined) throw failure.error;
  } finally {
    for (const driver of opened) await driver[Symbol.asyncDispose]();
  }
}

/** The whole suite, one case after the other. @throws RangeError for a skip that names no case */
export async function runDriverSuite(
  target: SuiteTarget,
  options: { readonly signal: AbortSignal; readonly onResult?: (result: CaseResult) => void },
): Promise<readonly CaseResult[]> {
  checkSkips(target.skip ?? {});
  const results: CaseResult[] = [];
  for (const driverCase of driverCases) {
    const reason = target.skip?.[driverCase.name];
    const started = performance.now();
    const message = reason ?? (await failureOf(driverCase, target, options.signal));
    const outcome = reason !== undefined ? "skipped" : message === undefined ? "passed" : "failed";
    const ms = Math.round(performance.now() - started);
    const result = { name: driverCase.name, outcome, ms, ...(message === undefined ? {} : { message }) } as const;
    results.push(result);
    options.onResult?.(result);
    if (options.signal.aborted) break;
  }
  return results;
}

/** @throws RangeError for a name that is no case: a renamed case must not stay skipped unseen */
export function checkSkips(skip: Readonly<Record<string, string>>): void {
  for (const name of Object.keys(skip)) {
    if (!driverCases.some((driverCase) => driverCase.name === name)) throw new RangeError(`there is no case "${name}"`);
  }
}

async function failureOf(
  driverCase: DriverCase,
  target: SuiteTarget,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    await runDriverCase(driverCase, target, signal);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Removes what the case wrote, by what the listing shows, and makes sure that then nothing is shown any more. */
async function cleanUp(driver: StorageDriver, prefix: string, signal: AbortSignal): Promise<void> {
  for (const info of await collect(driver.list(prefix, { signal }))) await driver.delete(info.key, { signal });
  equal(await keysBelow(driver, prefix, { signal }), [], "objects left behind by the case");
  const directories = await collect(driver.listDirectories("", { signal }));
  holds(!directories.includes(prefix.slice(0, -1)), "the case's directory is left behind");
}
