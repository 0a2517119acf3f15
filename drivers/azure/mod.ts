/** The `azure` driver: one root path in a container of Azure Blob Storage. README.md has the how and why. */

import { AppError } from "../../src/base/errors.ts";
import type { DriverContext, DriverDefinition, OptionValues, StorageDriver } from "../../src/storage/driver.ts";
import { copyObject } from "./copy.ts";
import { listDirectories, listObjects } from "./list.ts";
import { deleteObject, getObject, statObject } from "./objects.ts";
import { OPTIONS, readSettings } from "./options.ts";
import { putObject } from "./put.ts";
import { Root } from "./root.ts";

const NAME = "azure";
const roots = new WeakMap<StorageDriver, Root>();

export const definition: DriverDefinition = {
  apiVersion: 1,
  name: NAME,
  description: "Azure Blob Storage.",
  options: OPTIONS,
  open: openAzure,
};

async function openAzure(options: OptionValues, context: DriverContext): Promise<StorageDriver> {
  const settings = await readSettings(options, context.rootPath);
  const root = new Root(settings);
  const { container, rootPrefix, url } = settings;
  const backendId = `${NAME}:${url}`;
  const driver: StorageDriver = {
    name: NAME,
    location: `${url}/${container}/${rootPrefix}`.replace(/\/$/, ""),
    backendId,
    spaceId: `${backendId}/${container}`,
    capabilities: {
      atomicPut: true,
      ifAbsent: true,
      rangeRead: true,
      serverSideCopy: true,
      checksums: ["md5"],
      durableChecksums: true,
      connections: 64,
    },
    stat: (key, call) => statObject(root, key, call),
    list: (prefix, call) => listObjects(root, prefix, call),
    listDirectories: (prefix, call) => listDirectories(root, prefix, call),
    get: (key, call) => getObject(root, key, call),
    put: (key, body, call) => putObject(root, key, body, call),
    delete: (key, call) => deleteObject(root, key, call),
    async copyFrom(source, from, to, call) {
      const other = roots.get(source);
      if (other === undefined || source.backendId !== backendId) {
        throw new AppError("UNSUPPORTED", `${source.location} is not in the same storage account as ${this.location}`);
      }
      return copyObject(root, { root: other, info: from }, to, call);
    },
    nativePath: (key) => (key === "" ? rootPrefix.slice(0, -1) : root.blobPrefix(key)),
    // The SDK's connections close by themselves when idle.
    async [Symbol.asyncDispose]() {},
  };
  roots.set(driver, root);
  return driver;
}
