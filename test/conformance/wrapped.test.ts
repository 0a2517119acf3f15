import { definition as memory } from "../../drivers/memory/mod.ts";
import { silentLogger } from "../../src/base/log.ts";
import type { DriverDefinition, StorageDriver } from "../../src/storage/driver.ts";
import { openRoot } from "../../src/storage/open.ts";
import { DriverRegistry } from "../../src/storage/registry.ts";
import { badWeather, faultyDriver } from "../support/faulty_driver.ts";
import { describeStorageDriver } from "./storage_driver.ts";

/** Tries enough that bad luck does not add up, waits too short to notice. */
const retry = { attempts: 12, baseDelayMs: 0.2, maxDelayMs: 2 };

/** The same driver, seen through something else. */
function changed(definition: DriverDefinition, change: (driver: StorageDriver) => StorageDriver): DriverDefinition {
  return { ...definition, open: async (options, context) => change(await definition.open(options, context)) };
}

function opener(definition: DriverDefinition, rootPath: string, store: string): () => Promise<StorageDriver> {
  const registry = new DriverRegistry().register(definition);
  const root = { driver: definition.name, rootPath, options: { store } };
  const options = { log: silentLogger, signal: new AbortController().signal, retry, concurrency: 8 };
  return () => openRoot(registry, root, options);
}

const faulty = changed(memory, (driver) => faultyDriver(driver, badWeather));
const unordered = changed(faulty, (driver) => ({
  ...driver,
  capabilities: { ...driver.capabilities, orderedList: false },
}));

describeStorageDriver("memory in all wrappers", opener(memory, "a/b", "wrapped"), {
  openOther: opener(memory, "c", "wrapped"),
});
describeStorageDriver("memory in bad weather", opener(faulty, "a/b", "faulty"), {
  openOther: opener(faulty, "c", "faulty"),
});
describeStorageDriver("memory in bad weather, listings without order", opener(unordered, "a/b", "unordered"), {
  openOther: opener(unordered, "c", "unordered"),
});
