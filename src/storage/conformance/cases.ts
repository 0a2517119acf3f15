/** The driver suite: every guarantee of StorageDriver as a case. A driver is done when all of them pass. */

import { abortCases } from "./aborts.ts";
import { bodyCases } from "./bodies.ts";
import type { DriverCase } from "./case.ts";
import { concurrencyCases } from "./concurrency.ts";
import { copyCases } from "./copying.ts";
import { descriptionCases } from "./description.ts";
import { failureCases } from "./failures.ts";
import { keyCases } from "./keys.ts";
import { listingCases } from "./listing.ts";
import { rangeCases } from "./ranges.ts";

export const driverCases: readonly DriverCase[] = [
  ...descriptionCases,
  ...bodyCases,
  ...failureCases,
  ...abortCases,
  ...rangeCases,
  ...keyCases,
  ...listingCases,
  ...concurrencyCases,
  ...copyCases,
];
