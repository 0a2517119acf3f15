/**
 * A filled collection into the place people query. Whatever fails on the way, what was there before is there again or is named.
 */

import { checksumOf } from "../../base/checksum.ts";
import { AppError, hasCode, withContext } from "../../base/errors.ts";
import { sleep } from "../../base/retry.ts";
import type { Namespace } from "../../base/types.ts";
import { formatNamespace } from "../../meta/namespace.ts";
import type { MilvusContext } from "../context.ts";

/** Milvus allows names of 255 characters. */
const MAX_NAME = 255;
const CLEANUP_MS = 30_000;
/** A rename whose answer was lost is carried out within a moment or not at all. */
const SETTLE_LOOKS = 6;
/** Somebody who interrupts waits for the end. */
const ABORTED_LOOKS = 2;
const SETTLE_MS = 500;

/** A name beside the target's, of bounded length. */
export function sideName(target: Namespace, suffix: string): Namespace {
  const { database, collection } = target;
  if (collection.length + suffix.length <= MAX_NAME) return { database, collection: `${collection}${suffix}` };
  // Long names that begin alike must not meet when they are cut.
  const { value } = checksumOf("crc32", new TextEncoder().encode(collection));
  const room = MAX_NAME - suffix.length - value.length - 1;
  return { database, collection: `${collection.slice(0, room)}_${value}${suffix}` };
}

/** Where a run fills a collection before it gets its name. @param id of the run */
export function restoringName(target: Namespace, id: string): Namespace {
  return sideName(target, `_restoring_${id}`);
}

/**
 * The old collection steps aside by name and is dropped only when the new one answers in its place. Its aliases serve the
 * old one until each moves over in one step: nobody who queries through them meets a gap.
 */
export async function takePlace(
  context: MilvusContext,
  move: { readonly filled: Namespace; readonly target: Namespace; readonly replace: boolean; readonly id: string },
): Promise<void> {
  const { milvus, signal } = context;
  const { filled, target } = move;
  if (!move.replace) {
    if (await milvus.hasCollection(target, signal)) {
      throw new AppError("ALREADY_EXISTS", "somebody else made a collection of this name while it was being restored");
    }
    await rename(context, filled, target);
    return;
  }
  const aside = sideName(target, `_replaced_${move.id}`);
  try {
    await rename(context, target, aside);
    await rename(context, filled, target);
  } catch (error) {
    await putBack(context, aside, target);
    throw error;
  }
  try {
    const { aliases } = await milvus.describeCollection(aside, signal);
    for (const alias of aliases) await milvus.alterAlias(target, alias, signal);
  } catch (error) {
    throw withContext(
      error,
      `its aliases could not be moved to it; what it replaced is kept as ${formatNamespace(aside)}`,
    );
  }
  await dropQuietly(context, aside);
}

/** A rename whose answer was lost may have been carried out: then it counts. @throws the rename's error */
async function rename(context: MilvusContext, from: Namespace, to: Namespace): Promise<void> {
  try {
    await context.milvus.renameCollection(from, to, context.signal);
  } catch (error) {
    const looks = hasCode(error, "ABORTED") ? ABORTED_LOOKS : hasCode(error, "UNAVAILABLE") ? SETTLE_LOOKS : 0;
    if (!(await wasRenamed(context, { from, to, looks }))) throw error;
  }
}

async function wasRenamed(
  { milvus }: MilvusContext,
  { from, to, looks }: { readonly from: Namespace; readonly to: Namespace; readonly looks: number },
): Promise<boolean> {
  const signal = AbortSignal.timeout(CLEANUP_MS);
  for (let look = 0; look < looks; look += 1) {
    if (look > 0) await sleep(SETTLE_MS, signal);
    try {
      if ((await milvus.hasCollection(to, signal)) && !(await milvus.hasCollection(from, signal))) return true;
    } catch {
      // Nothing is known then; the rename's own error is what is reported.
    }
  }
  return false;
}

/** A rename that failed may have been carried out all the same: what is where is asked, not assumed. */
async function putBack(context: MilvusContext, aside: Namespace, target: Namespace): Promise<void> {
  const { milvus } = context;
  const signal = AbortSignal.timeout(CLEANUP_MS);
  try {
    if (!(await milvus.hasCollection(aside, signal))) return;
    if (await milvus.hasCollection(target, signal)) throw new AppError("ALREADY_EXISTS", "the name is taken");
    await milvus.renameCollection(aside, target, signal);
  } catch (error) {
    context.progress.report({
      type: "warning",
      code: "LEFTOVER_COLLECTION",
      message:
        `what ${formatNamespace(target)} was before is called ${formatNamespace(aside)} now and is to be renamed by hand: ` +
        `${error instanceof Error ? error.message : String(error)}`,
    });
  }
}

/** Best effort; what could not be dropped is named. */
export async function dropQuietly(context: MilvusContext, namespace: Namespace): Promise<void> {
  try {
    // The operation's signal may have fired; cleaning up has its own bound.
    await context.milvus.dropCollection(namespace, AbortSignal.timeout(CLEANUP_MS));
  } catch (error) {
    context.progress.report({
      type: "warning",
      code: "LEFTOVER_COLLECTION",
      message: `${formatNamespace(namespace)} could not be dropped and is to be dropped by hand: ${error instanceof Error ? error.message : String(error)}`,
    });
  }
}
