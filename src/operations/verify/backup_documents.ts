/** The documents of a committed backup, or why there is none to look at. */

import { AppError } from "../../base/errors.ts";
import { safeBackupName } from "../../meta/backup_name.ts";
import { type Inspection, inspectDocuments } from "../../meta/inspect.ts";
import { summarizeBackup } from "../../meta/state.ts";
import type { BackupRootContext } from "../context.ts";

/**
 * Damage is in the findings, not thrown.
 * @throws NOT_FOUND, BACKUP_INCOMPLETE (begun and never committed), UNSUPPORTED (a manifest of a newer format)
 */
export async function inspectBackup(
  { backupRoot, signal }: Pick<BackupRootContext, "backupRoot" | "signal">,
  name: string,
): Promise<Inspection> {
  const summary = await summarizeBackup(backupRoot, safeBackupName(name), { signal });
  if (summary === undefined) {
    throw new AppError(
      "NOT_FOUND",
      `there is no backup ${name} in ${backupRoot.location}; \`list\` shows those there are`,
      { details: { name } },
    );
  }
  if (summary.state === "incomplete") {
    throw new AppError(
      "BACKUP_INCOMPLETE",
      `backup ${name} is incomplete: ${summary.reason ?? "no reason known"}; \`delete -n ${name}\` removes what is there`,
      { details: { name } },
    );
  }
  return await inspectDocuments(backupRoot, name, { signal });
}
