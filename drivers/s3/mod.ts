/** The `s3` driver: one root path in a bucket of an S3-compatible service. README.md has the how and why. */

import { AppError } from "../../src/base/errors.ts";
import type { DriverContext, DriverDefinition, OptionValues, StorageDriver } from "../../src/storage/driver.ts";
import { copyObject } from "./copy.ts";
import { listDirectories, listObjects } from "./list.ts";
import { deleteObject, getObject, statObject } from "./objects.ts";
import { OPTIONS, readSettings } from "./options.ts";
import { PROVIDERS } from "./providers.ts";
import { putObject } from "./put.ts";
import { createRoot, type Root } from "./root.ts";

const NAME = "s3";
const roots = new WeakMap<StorageDriver, Root>();

export const definition: DriverDefinition = {
  apiVersion: 1,
  name: NAME,
  aliases: Object.keys(PROVIDERS).filter((name) => name !== NAME),
  description: "Amazon S3, MinIO and other services that speak its protocol.",
  options: OPTIONS,
  open: openS3,
};

async function openS3(options: OptionValues, context: DriverContext): Promise<StorageDriver> {
  const settings = await readSettings(options, context);
  const root = createRoot(settings, context.log);
  const { bucket, endpoint, provider, rootPrefix } = settings;
  const backendId = `${NAME}:${endpoint.id}`;
  const driver: StorageDriver = {
    name: NAME,
    location: `s3://${bucket}/${rootPrefix.slice(0, -1)}`.replace(/\/$/, ""),
    backendId,
    spaceId: `${backendId}/${bucket}`,
    capabilities: {
      atomicPut: true,
      ifAbsent: provider.ifAbsent,
      rangeRead: true,
      serverSideCopy: true,
      // Asked anew each time: a service that refuses checksum headers is noticed at the first upload.
      get checksums() {
        return root.check.current === "crc32" ? (["crc32"] as const) : [];
      },
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
    [Symbol.asyncDispose]: () => root.control.close(),
  };
  roots.set(driver, root);
  return driver;
}
