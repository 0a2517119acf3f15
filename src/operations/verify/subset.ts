/** A part of a backup's objects, so that many short runs read everything. */

import { checksumOf } from "../../base/checksum.ts";
import { AppError } from "../../base/errors.ts";

/** The `part`-th (from 1) of `of` parts. */
export interface Subset {
  readonly part: number;
  readonly of: number;
}

const MAX_PARTS = 10_000;
const encoder = new TextEncoder();

/** "3/30". @throws USAGE */
export function parseSubset(text: string): Subset {
  const [, part, of] = /^(\d{1,5})\/(\d{1,5})$/.exec(text)?.map(Number) ?? [];
  if (part !== undefined && of !== undefined && part >= 1 && part <= of && of <= MAX_PARTS) return { part, of };
  throw new AppError(
    "USAGE",
    `--subset ${JSON.stringify(text)} is not n/m with n from 1 to m and m up to ${MAX_PARTS}; for example 3/30`,
  );
}

/** Whether an object belongs to the part: by the CRC32 of its key relative to the backup, so always to the same one. */
export function isInSubset(key: string, { part, of }: Subset): boolean {
  return Number.parseInt(checksumOf("crc32", encoder.encode(key)).value, 16) % of === part - 1;
}
