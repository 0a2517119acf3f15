/** The objects of one collection from one backup root to another, and a look at what arrived. */

import type { Semaphore } from "../../base/pool.ts";
import type { ObjectInfo } from "../../storage/driver.ts";
import { joinKey, relativeKey } from "../../storage/key.ts";
import { goesDirect } from "../../transfer/direct_copy.ts";
import type { ManifestEntry } from "../../transfer/manifest.ts";
import { expectedChecksum } from "../../transfer/manifest_entry.ts";
import { runCopyPlan } from "../../transfer/pipeline.ts";
import type { CopyTask, CopyVia, Evidence } from "../../transfer/plan.ts";
import { silentProgress } from "../../transfer/progress.ts";
import { verifyObjects } from "../../transfer/verify.ts";
import type { CopyBackupContext } from "../copy_backup.ts";
import type { CollectionObjects } from "../verify/collection_objects.ts";
import { type BackupFinding, damaged } from "../verify/finding.ts";
import { logPrefixes } from "../verify/strays.ts";

export interface ObjectsCopy extends CollectionObjects {
  readonly name: string;
  readonly targetName: string;
  readonly collectionId: bigint;
  readonly slots: Semaphore;
}

/** How the objects travelled and what vouches for the copies; filled as they are proved. */
export interface CopyTally {
  readonly via: Record<CopyVia, number>;
  readonly evidence: Record<Evidence["kind"], number>;
}

/** @throws CHECKSUM_MISMATCH or DATA_MISSING naming what is wrong, in the source or in the copy */
export async function copyObjects(context: CopyBackupContext, copy: ObjectsCopy, tally: CopyTally): Promise<void> {
  const { from, to, transfer, signal, progress } = context;
  const listed = await listSource(context, copy);
  progress.report({ type: "phase", phase: "copy", scope: copy.collection });
  const plan = { from, to, mode: transfer.mode, tasks: () => tasks(context, copy, listed) };
  const options = { signal, slots: copy.slots, progress, concurrency: transfer.concurrency, verify: transfer.verify };
  for await (const { via, evidence } of runCopyPlan(plan, options)) {
    tally.via[via] += 1;
    tally.evidence[evidence.kind] += 1;
  }
  await verifyCopy(context, copy);
}

/** What lies in the source, which must be what its documents name: a damaged backup is not multiplied. */
async function listSource(context: CopyBackupContext, copy: ObjectsCopy): Promise<ReadonlyMap<string, ObjectInfo>> {
  const { from, signal } = context;
  const { collection, objects, name } = copy;
  const listed = new Map<string, ObjectInfo>();
  const findings: BackupFinding[] = [];
  for (const prefix of logPrefixes(copy.collectionId)) {
    for await (const info of from.list(`${name}/${prefix}`, { signal })) {
      const key = relativeKey(info.key, `${name}/`);
      listed.set(key, info);
      const size = objects.get(key)?.size;
      if (size === undefined) {
        findings.push({ kind: "extra", key, message: `is not in the backup's documents`, collection });
      } else if (size !== info.size) {
        findings.push({ kind: "size", key, message: `has ${info.size} bytes, ${size} are recorded`, collection });
      }
    }
  }
  for (const key of objects.keys()) {
    if (!listed.has(key))
      findings.push({ kind: "missing", key, message: `is absent from ${from.location}`, collection });
  }
  if (findings.length > 0) throw damaged(name, findings, ", and is not copied");
  return listed;
}

function* tasks(
  context: CopyBackupContext,
  copy: ObjectsCopy,
  listed: ReadonlyMap<string, ObjectInfo>,
): Generator<CopyTask> {
  const direct = goesDirect({ from: context.from, to: context.to, mode: context.transfer.mode });
  for (const entry of copy.objects.values()) {
    const source = listed.get(entry.key);
    if (source === undefined) continue;
    const expected = direct && isUntouched(context, entry, source) ? undefined : expectedChecksum(entry);
    yield {
      source,
      targetKey: joinKey(copy.targetName, entry.key),
      label: copy.collection,
      ...(expected === undefined ? {} : { expected }),
    };
  }
}

/**
 * A service that guards its bytes still gives the ETag of the day of the backup: the content is the one that was hashed
 * then, and the service's own word for its copy of it is enough. Anything else is compared with the recorded digest.
 */
function isUntouched({ from }: CopyBackupContext, entry: ManifestEntry, source: ObjectInfo): boolean {
  return (
    from.capabilities.durableChecksums && entry.etag !== undefined && source.etag?.replaceAll('"', "") === entry.etag
  );
}

/** One listing of the target: every object there, with its size, and nothing else. */
async function verifyCopy(context: CopyBackupContext, copy: ObjectsCopy): Promise<void> {
  const { to, signal, progress, transfer } = context;
  progress.report({ type: "phase", phase: "verify", scope: copy.collection });
  const findings: BackupFinding[] = [];
  const check = verifyObjects(to, copy.objects.values(), {
    directory: `${copy.targetName}/`,
    prefixes: logPrefixes(copy.collectionId),
    level: "list",
    concurrency: transfer.concurrency,
    signal,
    progress: silentProgress,
    // The contents were proved while they were copied, and another service gives other ETags.
    reads: () => false,
  });
  for await (const finding of check) findings.push({ ...finding, collection: copy.collection });
  if (findings.length > 0) throw damaged(copy.targetName, findings, ` in ${to.location} after the copy`);
}
