/** A copy inside the service, and what the service can say for it. */

import { type Checksum, type ChecksumAlgorithm, COMPUTABLE_CHECKSUMS } from "../base/checksum.ts";
import { hasCode } from "../base/errors.ts";
import type { ObjectInfo, ObjectKey, StorageDriver } from "../storage/driver.ts";
import { contentEtag } from "./content_etag.ts";
import { digestObject } from "./digest_object.ts";
import type { CopyOptions, CopyPlan, CopyResult, CopyTask, Evidence } from "./plan.ts";
import { requireEqual, requireSize, sourceChanged } from "./streaming_copy.ts";
import { withdraw } from "./withdraw.ts";

type Roots = Pick<CopyPlan, "from" | "to">;

/** True where the target's service can copy from the source by itself. */
export function isDirectPossible({ from, to }: Roots): boolean {
  return to.copyFrom !== undefined && to.backendId === from.backendId;
}

/**
 * Whether a plan lets the service copy. In mode "auto" only where the service guards its bytes and can vouch for them: a
 * plain disk cannot, so copies between local roots stream through a hash and the manifest gets a digest of each object.
 */
export function goesDirect({ from, to, mode }: Pick<CopyPlan, "from" | "to" | "mode">): boolean {
  if (mode === "streaming" || !isDirectPossible({ from, to })) return false;
  return mode === "direct" || to.capabilities.durableChecksums;
}

/**
 * @param onRefused called with the service's UNSUPPORTED or ACCESS_DENIED instead of throwing it
 * @returns undefined when the service refused
 */
export async function copyDirect(
  roots: Roots,
  task: CopyTask,
  options: CopyOptions & { readonly onRefused?: (error: unknown) => void },
): Promise<CopyResult | undefined> {
  const { from, to } = roots;
  let target: ObjectInfo | undefined;
  try {
    target = await to.copyFrom?.(from, task.source, task.targetKey, { signal: options.signal });
  } catch (error) {
    if (options.onRefused !== undefined && hasCode(error, "UNSUPPORTED", "ACCESS_DENIED")) {
      options.onRefused(error);
      return undefined;
    }
    throw to.capabilities.atomicPut ? error : await withdraw(to, task.targetKey, error);
  }
  if (target === undefined) return undefined;
  try {
    requireSize(task, target.size);
    const evidence =
      task.expected === undefined
        ? (evidenceOf(task, task.source, target) ?? (await evidenceByAsking(roots, task, options)))
        : await evidenceOfExpected(to, task, { target, expected: task.expected }, options);
    options.progress.report({ type: "bytes", bytes: target.size });
    return { task, target, via: "direct", evidence };
  } catch (error) {
    throw await withdraw(to, task.targetKey, error);
  }
}

/** @throws CHECKSUM_MISMATCH when both sides report one algorithm with different digests */
function evidenceOf(task: CopyTask, source: ObjectInfo, target: ObjectInfo): Evidence | undefined {
  let checksum: Checksum | undefined;
  for (const algorithm of Object.keys(target.checksums) as ChecksumAlgorithm[]) {
    const value = source.checksums[algorithm];
    const actual = target.checksums[algorithm];
    if (value === undefined || actual === undefined) continue;
    requireEqual(task, { algorithm, value }, actual);
    checksum ??= { algorithm, value };
  }
  const etag = contentEtag(source);
  const sameEtag = etag !== undefined && etag === contentEtag(target) ? etag : undefined;
  // With the contents equal, the copy's checksum is the source's too. Unlike the ETag it holds wherever the copy is carried.
  if (sameEtag !== undefined) checksum ??= computableOf(target);
  if (checksum === undefined && sameEtag === undefined) return undefined;
  return {
    kind: "service",
    ...(checksum === undefined ? {} : { checksum }),
    ...(sameEtag === undefined ? {} : { etag: sameEtag }),
  };
}

function computableOf({ checksums }: ObjectInfo): Checksum | undefined {
  for (const algorithm of COMPUTABLE_CHECKSUMS) {
    const value = checksums[algorithm];
    if (value !== undefined) return { algorithm, value };
  }
  return undefined;
}

/** Listings and copy answers often carry no checksums, stat does; one or two calls more, only for objects that need them. */
async function evidenceByAsking({ from, to }: Roots, task: CopyTask, options: CopyOptions): Promise<Evidence> {
  const stored = await statIfAllowed(to, task.targetKey, options);
  if (stored !== undefined) {
    requireSize(task, stored.size);
    const speaks = stored.etag !== undefined || Object.keys(stored.checksums).length > 0;
    const source =
      speaks && options.verify !== "size" ? await statIfAllowed(from, task.source.key, options) : undefined;
    if (source !== undefined) {
      if (source.size !== task.source.size) throw sourceChanged(task, source.size);
      const evidence = evidenceOf(task, source, stored);
      if (evidence !== undefined) return evidence;
    }
  }
  if (options.verify !== "read-back") return { kind: "size" };
  const hash = { algorithm: "sha256", signal: options.signal } as const;
  const { checksum } = await digestObject(from, task.source.key, hash);
  requireEqual(task, checksum, (await digestObject(to, task.targetKey, hash)).checksum.value);
  return { kind: "digest", checksum };
}

async function evidenceOfExpected(
  to: StorageDriver,
  task: CopyTask,
  claim: { readonly target: ObjectInfo; readonly expected: Checksum },
  options: CopyOptions,
): Promise<Evidence> {
  const { expected, target } = claim;
  const reported = target.checksums[expected.algorithm];
  if (reported !== undefined) {
    requireEqual(task, expected, reported);
    return { kind: "service", checksum: expected };
  }
  const read = await digestObject(to, task.targetKey, { algorithm: expected.algorithm, signal: options.signal });
  requireEqual(task, expected, read.checksum.value);
  return { kind: "digest", checksum: expected };
}

/** Rights to stat are not needed to copy; without them there is less evidence, not a failure. */
async function statIfAllowed(
  driver: StorageDriver,
  key: ObjectKey,
  { signal }: CopyOptions,
): Promise<ObjectInfo | undefined> {
  try {
    return await driver.stat(key, { signal });
  } catch (error) {
    if (hasCode(error, "ACCESS_DENIED", "UNSUPPORTED")) return undefined;
    throw error;
  }
}
