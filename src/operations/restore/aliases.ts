/** Aliases of a restored collection. */

import type { Namespace } from "../../base/types.ts";
import { formatNamespace } from "../../meta/namespace.ts";
import type { MilvusContext } from "../context.ts";
import type { RestoreTarget } from "./targets.ts";

/** An alias points at one collection of its database: it is set only where it is free, and only under the old name. */
export async function restoreAliases(context: MilvusContext, { meta, source, target }: RestoreTarget): Promise<void> {
  if (meta.aliases.length === 0) return;
  const renamed = formatNamespace(source) !== formatNamespace(target);
  const present = await context.milvus.describeCollection(target, context.signal).then(
    ({ aliases }) => aliases,
    // Setting them says what is wrong.
    (): readonly string[] => [],
  );
  for (const alias of meta.aliases.filter((name) => !present.includes(name))) {
    const reason = renamed ? "the collection was given another name" : await tryAlias(context, target, alias);
    if (reason === undefined) continue;
    context.progress.report({
      type: "warning",
      code: "ALIAS_NOT_RESTORED",
      message: `${formatNamespace(target)}: alias ${alias} was not set: ${reason}`,
    });
  }
}

/** @returns why the alias could not be set; undefined when it is */
async function tryAlias(context: MilvusContext, target: Namespace, alias: string): Promise<string | undefined> {
  try {
    await context.milvus.createAlias(target, alias, context.signal);
    return undefined;
  } catch (error) {
    // The collection is in its place already: an interruption here costs it the alias, and no more.
    return error instanceof Error ? error.message : String(error);
  }
}
