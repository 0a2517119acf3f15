/** From configuration to a driver with everything around it: the whole call policy, in its one written order. */

import { AppError, isAppError, withContext } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { DEFAULT_RETRY, type RetryPolicy } from "../base/retry.ts";
import { driverProblems } from "./definition.ts";
import type { DriverDefinition, StorageDriver } from "./driver.ts";
import { createDriverHost } from "./host.ts";
import { objectKey } from "./key.ts";
import { type RawOptions, secretsOf, validateOptions } from "./options.ts";
import { redactError, redactedLogger, redactor } from "./redact.ts";
import type { DriverRegistry } from "./registry.ts";
import { limitedDriver } from "./wrappers/limited.ts";
import { loggedDriver } from "./wrappers/logged.ts";
import { readonlyDriver } from "./wrappers/readonly.ts";
import { retryingDriver } from "./wrappers/retrying.ts";

/** A root path as it was configured. */
export interface RootSpec {
  /** Registration name or alias. */
  readonly driver: string;
  readonly rootPath: string;
  readonly options: RawOptions;
}

export interface OpenOptions {
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Refuse every call that would change the root path. */
  readonly readonly?: boolean;
  /** Concurrent calls; the driver's own `capabilities.connections` when left out. */
  readonly concurrency?: number;
  readonly retry?: RetryPolicy;
  /** Over all bodies of this root path; no limit when left out. */
  readonly bytesPerSecond?: number;
}

/**
 * @throws DRIVER_UNKNOWN, CONFIG_INVALID (options, root path), PLUGIN_INVALID (a driver that lacks members), and what the
 * driver's own open throws.
 */
export async function openRoot(registry: DriverRegistry, root: RootSpec, options: OpenOptions): Promise<StorageDriver> {
  const definition = registry.lookup(root.driver);
  const values = validateOptions(definition.options, root.options, `driver ${definition.name}`);
  const redact = redactor(secretsOf(values));
  const log = redactedLogger(options.log, redact);
  const context = {
    rootPath: definition.rootPathIs === "directory" ? root.rootPath : prefixOf(root.rootPath),
    provider: root.driver.toLowerCase(),
    host: createDriverHost(),
    log,
    signal: options.signal,
  };
  const driver = await definition.open(values, context).catch((error: unknown) => {
    throw withContext(redactError(error, redact), `driver ${definition.name}`, { driver: definition.name });
  });
  checkDriver(driver, definition);

  const guarded = options.readonly === true ? readonlyDriver(driver) : driver;
  const limited = limitedDriver(guarded, {
    concurrency: options.concurrency ?? driver.capabilities.connections,
    ...(options.bytesPerSecond === undefined ? {} : { bytesPerSecond: options.bytesPerSecond }),
  });
  const retrying = retryingDriver(limited, {
    policy: options.retry ?? DEFAULT_RETRY,
    onRetry: (error, attempt, delayMs) =>
      log.warn("storage call failed, will be tried again", {
        driver: driver.name,
        attempt,
        delayMs: Math.round(delayMs),
        code: isAppError(error) ? error.code : undefined,
        error: error instanceof Error ? error.message : String(error),
      }),
  });
  return loggedDriver(retrying, { log, redact });
}

function checkDriver(driver: StorageDriver, definition: DriverDefinition): void {
  const problems = driverProblems(driver, definition);
  if (problems.length === 0) return;
  throw new AppError("PLUGIN_INVALID", `driver ${definition.name} is refused: ${problems.join("; ")}`, {
    details: { driver: definition.name },
  });
}

/** As Milvus joins paths: empty and "." parts vanish; "" is the whole bucket. @throws CONFIG_INVALID */
function prefixOf(rootPath: string): string {
  const parts = rootPath.split("/").filter((part) => part !== "" && part !== ".");
  try {
    return parts.length === 0 ? "" : objectKey(parts.join("/"));
  } catch (error) {
    throw new AppError("CONFIG_INVALID", `rootPath ${JSON.stringify(rootPath)} cannot be used as a key prefix`, {
      cause: error,
    });
  }
}
