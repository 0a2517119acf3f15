/** Databases that a restore makes, and takes back when it fails before anything is in them. */

import type { BackupMeta } from "../../meta/types.ts";
import type { MilvusContext } from "../context.ts";

const CLEANUP_MS = 30_000;

/** Makes those of `needed` that are not there. @param created gets each name when its database is made */
export async function createDatabases(
  context: MilvusContext,
  meta: BackupMeta,
  work: { readonly needed: readonly string[]; readonly created: Set<string> },
): Promise<void> {
  const existing = new Set(await context.milvus.listDatabases(context.signal));
  for (const name of work.needed.filter((it) => !existing.has(it))) {
    // Properties belong to the database of the same name; one that is renamed on the way starts without them.
    const properties = meta.databases.find((database) => database.name === name)?.properties ?? [];
    await context.milvus.createDatabase(name, properties, context.signal);
    work.created.add(name);
  }
}

/** Best effort, after a failure: drops the empty ones and takes them from `created`; what could not be dropped is named. */
export async function dropEmptyDatabases(context: MilvusContext, created: Set<string>): Promise<void> {
  // The operation's signal may have fired; cleaning up has its own bound.
  const signal = AbortSignal.timeout(CLEANUP_MS);
  for (const name of [...created]) {
    try {
      if ((await context.milvus.listCollections(name, signal)).length > 0) continue;
      await context.milvus.dropDatabase(name, signal);
      created.delete(name);
    } catch (error) {
      context.progress.report({
        type: "warning",
        code: "LEFTOVER_DATABASE",
        message:
          `database ${name}, which this restore made, could not be dropped and is to be dropped by hand: ` +
          `${error instanceof Error ? error.message : String(error)}`,
      });
    }
  }
}
