/** Collections that other runs left beside the targets. */

import { AppError } from "../../base/errors.ts";
import type { Namespace } from "../../base/types.ts";
import { formatNamespace } from "../../meta/namespace.ts";
import type { MilvusContext } from "../context.ts";
import type { RestoreTargets } from "./targets.ts";

/**
 * A restore that was killed leaves its temporary collections behind; nobody else will name them.
 * @param temporary names that this run is going to make, and drop again when it fails
 * @throws ALREADY_EXISTS when one of them is there: it is another run's
 */
export async function warnOfLeftovers(
  context: MilvusContext,
  databases: RestoreTargets["databases"],
  temporary: readonly Namespace[],
): Promise<void> {
  const own = new Set(temporary.map(formatNamespace));
  const existing = new Set(await context.milvus.listDatabases(context.signal));
  for (const database of databases.filter((name) => existing.has(name))) {
    for (const collection of await context.milvus.listCollections(database, context.signal)) {
      const name = formatNamespace({ database, collection });
      if (own.has(name)) throw taken(name);
      const advice = leftoverAdvice(collection);
      if (advice === undefined) continue;
      context.progress.report({ type: "warning", code: "LEFTOVER_COLLECTION", message: `${name} ${advice}` });
    }
  }
}

function taken(name: string): AppError {
  return new AppError(
    "ALREADY_EXISTS",
    `collection ${name} exists, the temporary name of this restore: another one with the same id runs or was interrupted; ` +
      "drop the collection when none runs",
    { details: { collection: name } },
  );
}

function leftoverAdvice(name: string): string | undefined {
  switch (/_(restoring|replaced)_[0-9a-f]{12}$/.exec(name)?.[1]) {
    case "restoring":
      return "was left by a restore that was interrupted, or belongs to one that still runs; drop it when none runs";
    case "replaced":
      return "is what an interrupted restore was about to replace; rename it back, or drop it when its successor is there";
    default:
      return undefined;
  }
}
