/** Opens a driver as its definition does, without the wrappers of openRoot. */

import { silentLogger } from "../../src/base/log.ts";
import type { DriverDefinition, StorageDriver } from "../../src/storage/driver.ts";
import { createDriverHost } from "../../src/storage/host.ts";
import { type RawOptions, validateOptions } from "../../src/storage/options.ts";

export function openBare(
  definition: DriverDefinition,
  root: { readonly rootPath: string; readonly options?: RawOptions },
): Promise<StorageDriver> {
  const values = validateOptions(definition.options, root.options ?? {}, `driver ${definition.name}`);
  return definition.open(values, {
    rootPath: root.rootPath,
    provider: definition.name,
    host: createDriverHost(),
    log: silentLogger,
    signal: new AbortController().signal,
  });
}
