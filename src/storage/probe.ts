/** Tries a live root path step by step, so that `check` can name what will not work before a backup needs it. */

import { checksumOf } from "../base/checksum.ts";
import { AppError, hasCode, toAppError } from "../base/errors.ts";
import { readAll, streamOf } from "../base/streams.ts";
import type { ObjectInfo, ObjectKey, PutBody, StorageDriver } from "./driver.ts";
import { objectKey } from "./key.ts";

export type ProbeStepName =
  | "list"
  | "stat"
  | "read"
  | "range"
  | "put"
  | "get back"
  | "listed"
  | "overwrite"
  | "ifAbsent"
  | "prefix siblings"
  | "copy"
  | "delete";

export interface ProbeStep {
  readonly step: ProbeStepName;
  readonly ok: boolean;
  readonly ms: number;
  /** Why it failed, or what was found; without credentials. */
  readonly message?: string;
  /** What a failed step threw, for its code. */
  readonly error?: AppError;
}

export interface ProbeReport {
  readonly ok: boolean;
  readonly location: string;
  /** In the order in which they were tried; the first failure of a writing probe ends it. */
  readonly steps: readonly ProbeStep[];
}

export interface ProbeOptions {
  readonly signal: AbortSignal;
  /** False: nothing is written, not even tried. */
  readonly write: boolean;
  /** Where a listing is tried and an object is read: a folder ending with "/"; the whole root path when left out. */
  readonly prefix?: string;
  /** Entries read of the listing; 100 when left out. */
  readonly maxObjects?: number;
  /** For the whole probe; 60 seconds when left out. */
  readonly timeoutMs?: number;
  readonly now: () => Date;
}

const MAX_READ_BYTES = 1024 * 1024;
const PROBE_BYTES = 1024;
const CLEAN_UP_MS = 15_000;

/**
 * Everything it writes is below `.milvus-backup-probe-<uuid>/` and removed again, whatever happens.
 * @returns a report; failures of the root are in it, not thrown
 * @throws ABORTED when the caller's signal fires
 */
export async function probeDriver(driver: StorageDriver, options: ProbeOptions): Promise<ProbeReport> {
  const timeoutMs = options.timeoutMs ?? 60_000;
  const limit = AbortSignal.timeout(timeoutMs);
  const signal = AbortSignal.any([options.signal, limit]);
  const steps: ProbeStep[] = [];
  const step = async (name: ProbeStepName, work: () => Promise<string | undefined>): Promise<boolean> => {
    const started = options.now().getTime();
    let message: string | undefined;
    let error: AppError | undefined;
    try {
      message = await work();
    } catch (cause) {
      if (options.signal.aborted) throw cause;
      error = limit.aborted
        ? new AppError("UNAVAILABLE", `the probe was not done after ${timeoutMs} ms`, { cause })
        : toAppError(cause);
      message = error.message;
    }
    const ok = error === undefined;
    const ms = Math.max(0, options.now().getTime() - started);
    steps.push({
      step: name,
      ok,
      ms,
      ...(message === undefined ? {} : { message }),
      ...(error === undefined ? {} : { error }),
    });
    return ok;
  };
  await probeReading(driver, { ...options, signal }, step);
  if (options.write && steps.every((it) => it.ok)) await probeWriting(driver, signal, step);
  return { ok: steps.every((it) => it.ok), location: driver.location, steps };
}

type Step = (name: ProbeStepName, work: () => Promise<string | undefined>) => Promise<boolean>;

async function probeReading(driver: StorageDriver, options: ProbeOptions, step: Step): Promise<void> {
  const { signal } = options;
  let smallest: ObjectInfo | undefined;
  const listed = await step("list", async () => {
    const maxObjects = options.maxObjects ?? 100;
    let count = 0;
    for await (const info of driver.list(options.prefix ?? "", { signal })) {
      if (info.size > 0 && (smallest === undefined || info.size < smallest.size)) smallest = info;
      count += 1;
      if (count >= maxObjects) break;
    }
    return `${count} object${count === 1 ? "" : "s"} seen`;
  });
  if (!listed) return;
  const sample: ObjectInfo | undefined = smallest;
  if (sample === undefined) {
    // An empty root: what can be tried is that an absent object is called absent, and not forbidden.
    await step("stat", async () => {
      const absent = objectKey(`.milvus-backup-probe-${crypto.randomUUID()}`);
      await expectCode("NOT_FOUND", driver.stat(absent, { signal }));
      return "no object to read";
    });
    return;
  }
  await step("stat", async () => {
    const { size } = await driver.stat(sample.key, { signal });
    if (size !== sample.size) throw wrong(`${sample.key} has ${size} bytes, the listing said ${sample.size}`);
    return undefined;
  });
  if (sample.size <= MAX_READ_BYTES) {
    await step("read", async () => {
      const body = await driver.get(sample.key, { signal });
      return `${(await readAll(body.stream, MAX_READ_BYTES)).length} bytes of ${sample.key}`;
    });
  }
  if (!driver.capabilities.rangeRead) return;
  await step("range", async () => {
    const end = Math.min(sample.size, MAX_READ_BYTES);
    const body = await driver.get(sample.key, { signal, range: { start: 0, end } });
    const { length } = await readAll(body.stream, MAX_READ_BYTES);
    if (length !== end) throw wrong(`${length} bytes came of ${end} asked for`);
    return undefined;
  });
}

/** Ends at the first failure, as the later steps build on the earlier ones. */
async function probeWriting(driver: StorageDriver, signal: AbortSignal, step: Step): Promise<void> {
  const prefix = `.milvus-backup-probe-${crypto.randomUUID()}/`;
  const key = (name: string): ObjectKey => objectKey(prefix + name);
  const content = (fill: number, size = PROBE_BYTES): Uint8Array => new Uint8Array(size).fill(fill);
  const written = [key("a/b"), key("a/bc"), key("once"), key("copy")];
  const put = (name: string, bytes: Uint8Array, ifAbsent = false): Promise<ObjectInfo> =>
    driver.put(key(name), bodyOf(bytes), { signal, ifAbsent, checksum: checksumOf("sha256", bytes) });
  const holds = async (name: string, bytes: Uint8Array): Promise<undefined> => {
    const found = await readAll((await driver.get(key(name), { signal })).stream, MAX_READ_BYTES);
    if (Buffer.compare(found, bytes) !== 0) throw wrong(`${key(name)} does not hold what was put`);
  };
  const keysBelow = async (below: string): Promise<string> => {
    const keys: string[] = [];
    for await (const info of driver.list(prefix + below, { signal })) keys.push(info.key.slice(prefix.length));
    return keys.sort().join(" ");
  };
  const lists = async (below: string, expected: string): Promise<undefined> => {
    const found = await keysBelow(below);
    if (found !== expected) throw wrong(`the listing of ${prefix}${below} shows "${found}" instead of "${expected}"`);
  };

  const tries: [ProbeStepName, () => Promise<undefined>][] = [
    ["put", async () => void (await put("a/b", content(1)))],
    ["get back", () => holds("a/b", content(1))],
    ["listed", () => lists("", "a/b")],
    [
      "overwrite",
      async () => {
        await put("a/b", content(2, 10));
        await holds("a/b", content(2, 10));
      },
    ],
    [
      "prefix siblings",
      async () => {
        await put("a/bc", content(3));
        await lists("a/b/", "");
        await lists("a/", "a/b a/bc");
      },
    ],
  ];
  if (driver.capabilities.ifAbsent) {
    tries.push([
      "ifAbsent",
      async () => {
        await put("once", content(4), true);
        await expectCode("ALREADY_EXISTS", put("once", content(5), true));
        await holds("once", content(4));
      },
    ]);
  }
  if (driver.capabilities.serverSideCopy) {
    tries.push([
      "copy",
      async () => {
        await driver.copyFrom?.(driver, await driver.stat(key("a/bc"), { signal }), key("copy"), { signal });
        await holds("copy", content(3));
      },
    ]);
  }
  tries.push([
    "delete",
    async () => {
      for (const name of written) await driver.delete(name, { signal });
      await lists("", "");
    },
  ]);
  try {
    for (const [name, work] of tries) if (!(await step(name, work))) return;
  } finally {
    // Under a signal of its own: what was written goes also after an abort or a timeout.
    const cleaning = AbortSignal.timeout(CLEAN_UP_MS);
    await Promise.allSettled(written.map((name) => driver.delete(name, { signal: cleaning })));
  }
}

async function expectCode(code: "NOT_FOUND" | "ALREADY_EXISTS", call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (hasCode(error, code)) return;
    throw error;
  }
  throw wrong(`expected ${code}, the call succeeded`);
}

function bodyOf(bytes: Uint8Array): PutBody {
  return { size: bytes.length, open: async () => streamOf(bytes) };
}

function wrong(what: string): AppError {
  return new AppError("UNSUPPORTED", what);
}
