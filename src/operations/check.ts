/**
 * Proves, step by step, that a backup can work: Milvus answers, both root paths can be used, the Milvus root path is the
 * one Milvus writes to. Reads only on the Milvus side; on the backup side its probe objects are removed again.
 */

import { throwIfAborted, toAppError, withContext } from "../base/errors.ts";
import type { MilvusGateway } from "../milvus/gateway.ts";
import type { StorageDriver } from "../storage/driver.ts";
import { probeDriver } from "../storage/probe.ts";
import type { TransferMode } from "../transfer/plan.ts";
import type { OperationContext } from "./context.ts";
import { requireDirectIfAsked } from "./direct_mode.ts";
import { type DeclaredSegment, requireSegmentInRoot } from "./root_path.ts";

/** Collections looked at to find one segment with rows: enough to meet one, few enough to stay quick. */
const MAX_COLLECTIONS = 50;

export type CheckState = "ok" | "warning" | "failed" | "skipped";

export interface CheckStep {
  readonly name: string;
  readonly state: CheckState;
  /** What was found, or what is wrong and what to do. */
  readonly message: string;
  /** Error code of a failed step. */
  readonly code?: string;
}

export interface CheckReport {
  readonly steps: readonly CheckStep[];
  readonly milvusVersion?: string;
  /** The first failure, for the exit status. */
  readonly failure?: Error;
}

/** Ways in, each tried once; a failing one fails its step and those that need it. */
export interface CheckContext extends OperationContext {
  connectMilvus(): Promise<MilvusGateway>;
  openSourceRoot(): Promise<StorageDriver>;
  openSourceRootAt(rootPath: string): Promise<StorageDriver>;
  openBackupRoot(): Promise<StorageDriver>;
  readonly transferMode: TransferMode;
}

export async function runCheck(context: CheckContext): Promise<CheckReport> {
  const steps = new Steps(context);
  await using milvus = new Held(await steps.run("Milvus", async () => describeMilvus(await context.connectMilvus())));
  await using source = new Held(
    await steps.run("Milvus root path", () => probe(context, context.openSourceRoot(), false)),
  );
  await using backup = new Held(
    await steps.run("backup root path", () => probe(context, context.openBackupRoot(), true)),
  );
  await steps.run("data of Milvus", () => requireData(context, milvus.value, source.value));
  await steps.run("garbage collection pause", () => tryGcPause(context, milvus.value));
  await steps.run("transfer", async () => describeTransfer(context, source.value, backup.value));
  return {
    steps: steps.done,
    ...(milvus.value === undefined ? {} : { milvusVersion: milvus.value.server.version }),
    ...(steps.failure === undefined ? {} : { failure: steps.failure }),
  };
}

type Outcome<T> = { readonly value?: T; readonly state?: CheckState; readonly message: string };

class Steps {
  readonly done: CheckStep[] = [];
  failure: Error | undefined;
  readonly #context: OperationContext;

  constructor(context: OperationContext) {
    this.#context = context;
  }

  /** @returns the step's value; undefined when it failed */
  async run<T>(name: string, work: () => Promise<Outcome<T>>): Promise<T | undefined> {
    this.#context.progress.report({ type: "phase", phase: "check", scope: name });
    try {
      const outcome = await work();
      this.done.push({ name, state: outcome.state ?? "ok", message: outcome.message });
      return outcome.value;
    } catch (error) {
      throwIfAborted(this.#context.signal);
      const failure = toAppError(error);
      this.failure ??= failure;
      this.done.push({ name, state: "failed", message: failure.message, code: failure.code });
      return undefined;
    }
  }
}

/** Disposes what a step opened, if it did. */
class Held<T extends AsyncDisposable> implements AsyncDisposable {
  readonly value: T | undefined;

  constructor(value: T | undefined) {
    this.value = value;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.value?.[Symbol.asyncDispose]();
  }
}

function describeMilvus(milvus: MilvusGateway): Outcome<MilvusGateway> {
  const way = milvus.importVersion === "v2" ? "REST import (v2)" : "gRPC import (v1)";
  return { value: milvus, message: `${milvus.address} answers as ${milvus.server.version}; restores would use ${way}` };
}

async function probe(
  context: CheckContext,
  opening: Promise<StorageDriver>,
  write: boolean,
): Promise<Outcome<StorageDriver>> {
  const root = await opening;
  // What else lies in Milvus' root path (its logs, its queue) changes all the time, and no backup reads it.
  const prefix = write ? {} : { prefix: "insert_log/" };
  const report = await probeDriver(root, { signal: context.signal, write, now: context.now, ...prefix });
  const wrong = report.steps.find((step) => !step.ok);
  if (wrong !== undefined) {
    await root[Symbol.asyncDispose]();
    throw withContext(wrong.error, `${wrong.step}`);
  }
  const did = report.steps.map((step) => step.step).join(", ");
  return { value: root, message: `${root.location} (${did})` };
}

async function requireData(
  context: CheckContext,
  milvus: MilvusGateway | undefined,
  source: StorageDriver | undefined,
): Promise<Outcome<never>> {
  if (milvus === undefined || source === undefined) return { state: "skipped", message: "needs the steps before it" };
  const segment = await findDeclaredSegment(milvus, context.signal);
  if (segment === undefined) {
    return { state: "warning", message: "Milvus declares no stored rows yet, so its root path could not be proved" };
  }
  await requireSegmentInRoot(
    { sourceRoot: source, openSourceRootAt: (path) => context.openSourceRootAt(path), signal: context.signal },
    segment,
  );
  return {
    message: `segment ${segment.segmentId} of ${segment.collection} (${segment.rows} rows) lies in ${source.location}`,
  };
}

async function findDeclaredSegment(milvus: MilvusGateway, signal: AbortSignal): Promise<DeclaredSegment | undefined> {
  let looked = 0;
  for (const database of await milvus.listDatabases(signal)) {
    for (const collection of await milvus.listCollections(database, signal)) {
      if (looked >= MAX_COLLECTIONS) return undefined;
      looked += 1;
      const segments = await milvus.listSegments({ database, collection }, signal);
      const segment = segments.find(
        (candidate) => !candidate.isL0 && candidate.rows > 0n && candidate.state !== "Sealed",
      );
      if (segment === undefined) continue;
      const { id: segmentId, collectionId, partitionId, rows } = segment;
      return { collection: `${database}.${collection}`, collectionId, partitionId, segmentId, rows };
    }
  }
  return undefined;
}

async function tryGcPause(context: CheckContext, milvus: MilvusGateway | undefined): Promise<Outcome<never>> {
  if (milvus === undefined) return { state: "skipped", message: "needs Milvus" };
  await using lease = await milvus.pauseGc(context.signal);
  if (lease.paused) return { message: "can be paused and resumed" };
  return {
    state: "warning",
    message: `cannot be paused (${lease.reason ?? "no reason given"}): objects that compaction removes during a backup make it fail`,
  };
}

function describeTransfer(
  context: CheckContext,
  source: StorageDriver | undefined,
  backup: StorageDriver | undefined,
): Outcome<never> {
  if (source === undefined || backup === undefined) return { state: "skipped", message: "needs both root paths" };
  const direct = requireDirectIfAsked({ from: source, to: backup, mode: context.transferMode });
  return {
    message: direct ? "objects are copied by the storage service itself" : "objects stream through this machine",
  };
}
