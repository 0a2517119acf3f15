/** One case of the driver suite, as data: it runs under `bun test` and inside the executable alike. */

import type { ObjectKey, StorageDriver } from "../driver.ts";

export interface CaseContext {
  /** Opened for this case alone. */
  readonly driver: StorageDriver;
  /** Another root of the same service when there is one, else the same root opened again; disposed after the case. */
  openOther(): Promise<StorageDriver>;
  /** Everything a case writes is below it: "/"-ended. */
  readonly prefix: string;
  readonly signal: AbortSignal;
  /** Texts that must not appear anywhere. */
  readonly secrets: readonly string[];
  /** A key below `prefix`. */
  key(text: string): ObjectKey;
}

export interface DriverCase {
  /** Says behaviour, unique in the suite: "short body stores nothing". */
  readonly name: string;
  run(context: CaseContext): Promise<void>;
}
