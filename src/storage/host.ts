/** What the executable lends to drivers, so that a plugin file needs no import but types. */

import { createHasher } from "../base/checksum.ts";
import { AppError } from "../base/errors.ts";
import { expectSize } from "../base/streams.ts";
import { DRIVER_API_VERSION, type DriverHost } from "./driver.ts";
import { objectKey } from "./key.ts";

export function createDriverHost(): DriverHost {
  return Object.freeze({
    apiVersion: DRIVER_API_VERSION,
    error: (code, message, options) => new AppError(code, message, options),
    createHasher,
    objectKey,
    expectSize,
  } satisfies DriverHost);
}
