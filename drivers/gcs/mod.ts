/** The `gcs` driver: one root path in a bucket of Google Cloud Storage. README.md has the how and why. */

import { AppError } from "../../src/base/errors.ts";
import type { DriverContext, DriverDefinition, OptionValues, StorageDriver } from "../../src/storage/driver.ts";
import { copyObject } from "./copy.ts";
import { listDirectories, listObjects } from "./list.ts";
import { deleteObject, getObject, statObject } from "./objects.ts";
import { OPTIONS, readSettings } from "./options.ts";
import { putObject } from "./put.ts";
import { createRoot, type Root } from "./root.ts";

const NAME = "gcs";
const roots = new WeakMap<StorageDriver, Root>();

export const definition: DriverDefinition = {
  apiVersion: 1,
  name: NAME,
  // The Go tool's word; its "gcp" is Cloud Storage by the S3 protocol.
  aliases: ["gcpnative"],
  description: "Google Cloud Storage by its own interface.",
  options: OPTIONS,
  open: openGcs,
};

async function openGcs(options: OptionValues, context: DriverContext): Promise<StorageDriver> {
  const settings = await readSettings(options, context);
  const root = createRoot(settings, context.log);
  const { bucket, origin, rootPrefix } = settings;
  const backendId = `${NAME}:${origin}`;
  const driver: StorageDriver = {
    name: NAME,
    location: `gs://${bucket}/${rootPrefix.slice(0, -1)}`.replace(/\/$/, ""),
    backendId,
    spaceId: `${backendId}/${bucket}`,
    capabilities: {
      atomicPut: true,
      ifAbsent: true,
      rangeRead: true,
      serverSideCopy: true,
      checksums: ["crc32c", "md5"],
      durableChecksums: true,
      orderedList: true,
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
        throw new AppError("UNSUPPORTED", `${source.location} is not in the same service as ${this.location}`);
      }
      return copyObject(root, { root: other, info: from }, to, call);
    },
    nativePath: (key) => (key === "" ? rootPrefix.slice(0, -1) : root.nativePrefix(key)),
    [Symbol.asyncDispose]: async () => {},
  };
  roots.set(driver, root);
  return driver;
}
