/** What `verify` finds. */

import { AppError } from "../../base/errors.ts";

/** What is wrong with one document or object. */
export interface BackupFinding {
  /**
   * missing, extra     it is not there; it is there and nothing knows it
   * size, digest       its content is another one
   * unreadable         a document that is none
   * inconsistent       a document that contradicts itself or another one
   */
  readonly kind: "missing" | "extra" | "size" | "digest" | "unreadable" | "inconsistent";
  /** Relative to the backup. */
  readonly key: string;
  /** "has 10 bytes, 12 are recorded" */
  readonly message: string;
  /** "db.coll", where it belongs to one. */
  readonly collection?: string;
}

/** Findings that an error message names; the report has all. */
const NAMED = 3;

/** @returns DATA_MISSING when nothing but absent objects was found, else CHECKSUM_MISMATCH */
export function damaged(backup: string, findings: readonly BackupFinding[], then = ""): AppError {
  const named = findings.slice(0, NAMED).map(({ key, message }) => `${key}: ${message}`);
  const more = findings.length > NAMED ? `; and ${findings.length - NAMED} more` : "";
  const code = findings.every(({ kind }) => kind === "missing") ? "DATA_MISSING" : "CHECKSUM_MISMATCH";
  const count = findings.length === 1 ? "1 finding" : `${findings.length} findings`;
  return new AppError(code, `backup ${backup} is damaged (${count})${then}: ${named.join("; ")}${more}`, {
    details: { backup, findings: findings.length, key: findings[0]?.key ?? "" },
  });
}
