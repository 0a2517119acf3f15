/**
 * One debug line per call; driver name, location and key in every error; no secret in any of them. The outermost wrapper,
 * so it also refuses texts that are no keys.
 */

import { type AppError, isAppError, toAppError, withContext } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { tap } from "../../base/streams.ts";
import type { ObjectKey, StorageDriver } from "../driver.ts";
import { checkPrefix, objectKey } from "../key.ts";
import { type Redact, redactError } from "../redact.ts";
import { wrapDriver } from "./wrapped.ts";

export interface LoggedOptions {
  readonly log: Logger;
  readonly redact: Redact;
  /** Milliseconds; replaced in tests. */
  readonly now?: () => number;
}

/** An error that carries a driver already (a put that failed because its source did) keeps that one's context only. */
export function loggedDriver(inner: StorageDriver, options: LoggedOptions): StorageDriver {
  const log = options.log.with({ driver: inner.name });
  const now = options.now ?? (() => performance.now());

  const explain = (error: unknown, call: string, key: string): AppError => {
    const clean = redactError(error, options.redact);
    if ("driver" in clean.details) return clean;
    const target = key === "" ? call : `${call} ${key}`;
    return withContext(clean, `${inner.name} ${inner.location}: ${target}`, {
      driver: inner.name,
      location: inner.location,
      key,
    });
  };
  const line = (call: string, key: string, started: number, more: { code?: string; entries?: number } = {}): void =>
    log.debug(call, { key, ms: Math.round(now() - started), ...more });
  const codeOf = (error: unknown): string => (isAppError(error) ? error.code : toAppError(error).code);

  const logged = async <T>(call: string, key: ObjectKey, work: () => Promise<T>): Promise<T> => {
    objectKey(key);
    const started = now();
    try {
      const result = await work();
      line(call, key, started);
      return result;
    } catch (error) {
      line(call, key, started, { code: codeOf(error) });
      throw explain(error, call, key);
    }
  };
  const loggedEntries = async function* <T>(
    call: string,
    prefix: string,
    entries: () => AsyncIterable<T>,
  ): AsyncGenerator<T, void, undefined> {
    checkPrefix(prefix);
    const started = now();
    let count = 0;
    try {
      for await (const entry of entries()) {
        count += 1;
        yield entry;
      }
      line(call, prefix, started, { entries: count });
    } catch (error) {
      line(call, prefix, started, { entries: count, code: codeOf(error) });
      throw explain(error, call, prefix);
    }
  };

  return wrapDriver(inner, (calls) => ({
    stat: (key, call) => logged("stat", key, () => calls.stat(key, call)),
    put: (key, body, call) => logged("put", key, () => calls.put(key, body, call)),
    delete: (key, call) => logged("delete", key, () => calls.delete(key, call)),
    copyFrom: (source, from, to, call) => logged("copy", to, () => calls.copyFrom(source, from, to, call)),
    list: (prefix, call) => loggedEntries("list", prefix, () => calls.list(prefix, call)),
    listDirectories: (prefix, call) =>
      loggedEntries("listDirectories", prefix, () => calls.listDirectories(prefix, call)),
    get: (key, call) =>
      logged("get", key, async () => {
        const body = await calls.get(key, call);
        const stream = tap(body.stream, { mapError: (error) => explain(error, "get", key) });
        return { info: body.info, size: body.size, stream };
      }),
  }));
}
