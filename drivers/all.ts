/** The drivers inside the executable, in the order in which `drivers` shows them. */

import type { DriverDefinition } from "../src/storage/driver.ts";
import { definition as azure } from "./azure/mod.ts";
import { definition as gcs } from "./gcs/mod.ts";
import { definition as local } from "./local/mod.ts";
import { definition as memory } from "./memory/mod.ts";
import { definition as s3 } from "./s3/mod.ts";

export const builtinDrivers: readonly DriverDefinition[] = [s3, azure, gcs, local, memory];
