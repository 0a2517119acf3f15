/** What all wrappers share: everything they do not change passes through, and the driver inside can be found again. */

import type { StorageDriver } from "../driver.ts";

type CopyFrom = NonNullable<StorageDriver["copyFrom"]>;

/** The calls a wrapper may change. `copyFrom` is used only where the inner driver has one. */
export type DriverCalls = Pick<StorageDriver, "stat" | "list" | "listDirectories" | "get" | "put" | "delete"> & {
  readonly copyFrom: CopyFrom;
};

const innerDrivers = new WeakMap<StorageDriver, StorageDriver>();

/**
 * A driver that makes `change`'s calls instead of `inner`'s, and is `inner` in everything else.
 * @param change gets the inner calls; its `copyFrom` hands the unwrapped source driver on, because a driver knows its own kind only
 */
export function wrapDriver(inner: StorageDriver, change: (calls: DriverCalls) => Partial<DriverCalls>): StorageDriver {
  const calls: DriverCalls = {
    stat: (key, options) => inner.stat(key, options),
    list: (prefix, options) => inner.list(prefix, options),
    listDirectories: (prefix, options) => inner.listDirectories(prefix, options),
    get: (key, options) => inner.get(key, options),
    put: (key, body, options) => inner.put(key, body, options),
    delete: (key, options) => inner.delete(key, options),
    copyFrom: async (source, from, to, options) => {
      if (inner.copyFrom === undefined) throw new TypeError(`driver ${inner.name} has no copyFrom`);
      return inner.copyFrom(unwrap(source), from, to, options);
    },
  };
  const { copyFrom, ...changed } = { ...calls, ...change(calls) };
  const driver: StorageDriver = {
    name: inner.name,
    location: inner.location,
    backendId: inner.backendId,
    spaceId: inner.spaceId,
    capabilities: inner.capabilities,
    nativePath: (key) => inner.nativePath(key),
    [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
    ...changed,
    ...(inner.copyFrom === undefined ? {} : { copyFrom }),
  };
  innerDrivers.set(driver, inner);
  return driver;
}

/** The driver inside all wrappers; a driver without wrappers is given back as it is. */
export function unwrap(driver: StorageDriver): StorageDriver {
  let current = driver;
  for (let inner = innerDrivers.get(current); inner !== undefined; inner = innerDrivers.get(current)) current = inner;
  return current;
}
