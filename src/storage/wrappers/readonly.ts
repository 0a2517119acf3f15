/** Refuses every call that would change a root path. */

import { AppError } from "../../base/errors.ts";
import type { ObjectKey, StorageDriver } from "../driver.ts";
import { wrapDriver } from "./wrapped.ts";

/** put, delete and copyFrom fail with READ_ONLY before the driver hears of them. */
export function readonlyDriver(inner: StorageDriver): StorageDriver {
  const refuse = async (call: string, key: ObjectKey): Promise<never> => {
    throw new AppError("READ_ONLY", `${call} ${key} refused: ${inner.location} was opened read-only`, {
      details: { key },
    });
  };
  return wrapDriver(inner, () => ({
    put: (key) => refuse("put", key),
    delete: (key) => refuse("delete", key),
    copyFrom: (_source, _from, to) => refuse("copy", to),
  }));
}
