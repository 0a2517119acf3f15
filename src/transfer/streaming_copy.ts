/** A copy through this program: read, hash, store, compare. */

import type { Checksum, ChecksumAlgorithm, ChecksumSet } from "../base/checksum.ts";
import { AppError } from "../base/errors.ts";
import type { ObjectInfo } from "../storage/driver.ts";
import { contentEtag } from "./content_etag.ts";
import { digestObject, requireComputable } from "./digest_object.ts";
import { HashedBody, withCheapest } from "./hashed_body.ts";
import type { CopyOptions, CopyPlan, CopyResult, CopyTask, Evidence } from "./plan.ts";
import { withdraw } from "./withdraw.ts";

/**
 * Evidence: the SHA-256 of the bytes that went through (level "size" without `expected`: size). See copyObject for errors.
 *
 * What is removed after a failure: a put that failed on a driver with atomicPut has stored nothing and kept what lay under
 * the key before, so nothing is touched; elsewhere, and once a put has replaced the object, what is there is removed.
 */
export async function copyStreaming(
  plan: Pick<CopyPlan, "from" | "to">,
  task: CopyTask,
  options: CopyOptions,
): Promise<CopyResult> {
  const result = (await copyOnce(plan, task, options)) ?? (await copyOnce(plan, task, options));
  if (result !== undefined) return result;
  throw new AppError(
    "CHECKSUM_MISMATCH",
    `${task.source.key} arrives with another content each time it is read: the network or the service damages it`,
  );
}

/** @returns undefined when what was read is not what the source holds; nothing of it is left then */
async function copyOnce(
  plan: Pick<CopyPlan, "from" | "to">,
  task: CopyTask,
  options: CopyOptions,
): Promise<CopyResult | undefined> {
  const body = hashedBody(plan, task, options);
  let target: ObjectInfo;
  try {
    target = await plan.to.put(task.targetKey, body, { signal: options.signal });
  } catch (error) {
    const cause = body.failure ?? error;
    throw plan.to.capabilities.atomicPut ? cause : await withdraw(plan.to, task.targetKey, cause);
  } finally {
    body.close();
  }
  try {
    const digests = body.digests ?? (await digestsOfUnread(body, task, options));
    const evidence = await proveStored(plan, task, { target, digests }, options);
    if (await wasReadRight(plan, task, { target, digests }, options)) {
      return { task, target, via: "streaming", evidence };
    }
    await plan.to.delete(task.targetKey, { signal: options.signal });
    options.progress.report({ type: "bytes", bytes: -target.size });
    return undefined;
  } catch (error) {
    throw await withdraw(plan.to, task.targetKey, error);
  }
}

/** Plans between whose services equal contents have different ETags (encryption, another kind of ETag). */
const differentEtags = new WeakSet<object>();

/**
 * Services that report no checksum mostly still have the content's MD5 as its ETag, on both sides: a bit that flipped on
 * the way from the source shows there, without any hashing of ours. Only a source that reads differently a second time
 * proves it, as there are services with other ETags.
 */
async function wasReadRight(
  plan: Pick<CopyPlan, "from" | "to">,
  task: CopyTask,
  stored: { readonly target: ObjectInfo; readonly digests: ChecksumSet },
  options: CopyOptions,
): Promise<boolean> {
  const etags = [task.source, stored.target].map((info) => contentEtag(info));
  if (etags.some((etag) => etag === undefined || etag.includes("-")) || etags[0] === etags[1]) return true;
  const ours = stored.digests.sha256;
  if (task.expected !== undefined || ours === undefined || differentEtags.has(plan)) return true;
  const again = await digestObject(plan.from, task.source.key, { algorithm: "sha256", signal: options.signal });
  if (again.checksum.value !== ours) return false;
  differentEtags.add(plan);
  return true;
}

function hashedBody(plan: Pick<CopyPlan, "from" | "to">, task: CopyTask, options: CopyOptions): HashedBody {
  const { source, expected } = task;
  return new HashedBody({
    size: source.size,
    what: source.key,
    algorithms: algorithmsFor(plan, task, options),
    ...(expected === undefined ? {} : { expected }),
    compareSource: options.verify !== "size",
    async open(signal) {
      const { info, stream } = await plan.from.get(source.key, { signal });
      if (info.size !== source.size) {
        await stream.cancel();
        throw sourceChanged(task, info.size);
      }
      return { stream, checksums: info.checksums };
    },
    onBytes: (bytes) => options.progress.report({ type: "bytes", bytes }),
  });
}

function algorithmsFor(plan: Pick<CopyPlan, "to">, task: CopyTask, options: CopyOptions): readonly ChecksumAlgorithm[] {
  const algorithms: ChecksumAlgorithm[] = options.verify === "size" ? [] : ["sha256"];
  if (task.expected !== undefined && !algorithms.includes(task.expected.algorithm)) {
    requireComputable(task.expected.algorithm);
    algorithms.push(task.expected.algorithm);
  }
  if (options.verify === "size") return algorithms;
  const reported = plan.to.capabilities.checksums;
  // CRC32 costs a tenth of SHA-256, and it is the one that services report for any way of uploading.
  return reported.includes("crc32") ? [...algorithms, "crc32"] : withCheapest(algorithms, reported);
}

/** A driver may store an empty object without opening its body; the source must be seen all the same. */
async function digestsOfUnread(body: HashedBody, task: CopyTask, options: CopyOptions): Promise<ChecksumSet> {
  if (task.source.size === 0) {
    for await (const _ of await body.open(options.signal)) {
      // An empty content has no chunks; a longer one fails in the stream.
    }
  }
  if (body.digests !== undefined) return body.digests;
  throw new AppError("SHORT_BODY", `${task.targetKey} was stored before its content was read to the end`);
}

async function proveStored(
  plan: Pick<CopyPlan, "to">,
  task: CopyTask,
  stored: { readonly target: ObjectInfo; readonly digests: ChecksumSet },
  options: CopyOptions,
): Promise<Evidence> {
  const { target, digests } = stored;
  requireSize(task, target.size);
  let confirmed = false;
  for (const [algorithm, value] of Object.entries(target.checksums) as [ChecksumAlgorithm, string][]) {
    const ours = digests[algorithm];
    if (ours === undefined) continue;
    requireEqual(task, { algorithm, value: ours }, value);
    confirmed = true;
  }
  const algorithm = options.verify === "size" ? task.expected?.algorithm : "sha256";
  const value = algorithm === undefined ? undefined : digests[algorithm];
  if (algorithm === undefined || value === undefined) return { kind: "size" };
  const checksum: Checksum = { algorithm, value };
  if (options.verify === "read-back" && !confirmed) {
    const read = await digestObject(plan.to, task.targetKey, { algorithm, signal: options.signal });
    requireEqual(task, checksum, read.checksum.value);
  }
  return { kind: "digest", checksum };
}

/** @throws CHECKSUM_MISMATCH when what was stored has another length than what was to be copied */
export function requireSize(task: CopyTask, actual: number): void {
  if (actual === task.source.size) return;
  throw new AppError(
    "CHECKSUM_MISMATCH",
    `${task.targetKey} was stored with ${actual} bytes, its source has ${task.source.size}`,
    { details: { expected: task.source.size, actual } },
  );
}

/** @throws CHECKSUM_MISMATCH */
export function requireEqual(task: CopyTask, expected: Checksum, actual: string): void {
  if (actual === expected.value) return;
  const { algorithm, value } = expected;
  throw new AppError(
    "CHECKSUM_MISMATCH",
    `${task.targetKey}: the ${algorithm} of what was stored is ${actual}, not ${value}`,
    { details: { expected: `${algorithm}:${value}`, actual: `${algorithm}:${actual}` } },
  );
}

/** @returns SHORT_BODY: the object is not the one that was listed */
export function sourceChanged(task: CopyTask, size: number): AppError {
  return new AppError(
    "SHORT_BODY",
    `the source changed: listed with ${task.source.size} bytes, now ${size}; run again while nothing writes there`,
    { details: { expected: task.source.size, actual: size } },
  );
}
