/** Opens what a command asks for, from one configuration: storage roots, Milvus, logs, plugins. */

import { resolve } from "node:path";
import { hasCode } from "./base/errors.ts";
import { createLogger, type Logger } from "./base/log.ts";
import { type LogFile, openLogFile } from "./base/log_file.ts";
import type { ConfigOptions, Runtime, Session, ToolVersion, WriteLog } from "./cli/runtime.ts";
import type { Config, StorageConfig } from "./config/config.ts";
import type { DriverDefinition, OptionTable, StorageDriver } from "./storage/driver.ts";
import type { DriverRegistry } from "./storage/registry.ts";

/** Calls beside the copies (listings, documents) must not starve when few copies are allowed. */
const MIN_CONCURRENCY = 8;

export interface RuntimeInput {
  readonly tool: ToolVersion;
  readonly drivers: readonly DriverDefinition[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly executableDir: string;
  readonly signal: AbortSignal;
  readonly now: () => Date;
}

/** Everything beyond parsing arguments is imported when it is needed: `--version` and `--help` load none of it. */
export function createRuntime(input: RuntimeInput): Runtime {
  const { tool, signal, now } = input;
  return {
    tool,
    signal,
    now,
    openSession: (options) => openSession(input, options),
    migrateConfig: async (file, write) => {
      const { migrateConfig } = await import("./config/migrate.ts");
      const log = createLogger({ level: "warn", write, now });
      const registry = await registryOf(input, [], log);
      const { env, cwd, executableDir } = input;
      return await migrateConfig({ file, env, cwd, executableDir, driverOptions: (name) => optionsOf(registry, name) });
    },
    drivers: async (plugins, write) => {
      const registry = await registryOf(input, plugins, createLogger({ level: "warn", write, now }));
      return registry.definitions();
    },
    testDriver: async (session, onResult) => {
      const { runDriverSuite } = await import("./storage/conformance/run.ts");
      return await runDriverSuite({ open: () => session.openBackupRoot() }, { signal, onResult });
    },
  };
}

async function registryOf(input: RuntimeInput, plugins: readonly string[], log: Logger): Promise<DriverRegistry> {
  const [{ DriverRegistry }, { loadPlugin }] = await Promise.all([
    import("./storage/registry.ts"),
    import("./storage/plugin.ts"),
  ]);
  const registry = new DriverRegistry();
  for (const definition of input.drivers) registry.register(definition);
  for (const file of plugins) await loadPlugin(resolve(input.cwd, file), registry, { log });
  return registry;
}

async function openSession(input: RuntimeInput, options: ConfigOptions): Promise<Session> {
  const [{ loadConfig }, { createBackupRepository }, { loadPlugin }] = await Promise.all([
    import("./config/load.ts"),
    import("./meta/storage_repository.ts"),
    import("./storage/plugin.ts"),
  ]);
  const startLog = createLogger({ level: "warn", write: options.writeLog, now: input.now });
  const registry = await registryOf(input, options.plugins, startLog);
  const loaded = await loadConfig({
    file: options.file,
    set: options.set,
    env: input.env,
    cwd: input.cwd,
    executableDir: input.executableDir,
    driverOptions: (provider) => optionsOf(registry, provider),
    loadPlugins: async (files) => {
      for (const file of files) await loadPlugin(file, registry, { log: startLog });
    },
  });
  const { log, close } = openLog(input, loaded.config.log, options.writeLog);
  const openRootOf = (storage: StorageConfig, readonly: boolean): Promise<StorageDriver> =>
    openStorage(registry, storage, {
      log,
      signal: input.signal,
      readonly,
      concurrency: Math.max(loaded.config.transfer.concurrency, MIN_CONCURRENCY),
    });
  return {
    loaded,
    log,
    openBackupRoot: async ({ readonly = false, storage } = {}) => {
      const { storageNamed } = await import("./config/storage_profiles.ts");
      return await openRootOf(storageNamed(loaded.config, storage), readonly);
    },
    openMilvusRoot: ({ readonly, rootPath }) => {
      const { storage } = loaded.config.milvus;
      return openRootOf(rootPath === undefined ? storage : { ...storage, rootPath }, readonly);
    },
    backups: (root) => createBackupRepository(root, { now: input.now }),
    connectMilvus: async () => {
      const { connectMilvus } = await import("./milvus/grpc_gateway.ts");
      return await connectMilvus(loaded.config.milvus, { log, signal: input.signal, toolVersion: input.tool.version });
    },
    [Symbol.asyncDispose]: async () => close(),
  };
}

function optionsOf(registry: DriverRegistry, provider: string): OptionTable | undefined {
  try {
    return registry.lookup(provider).options;
  } catch (error) {
    // The configuration names the provider and the known ones itself.
    if (hasCode(error, "DRIVER_UNKNOWN")) return undefined;
    throw error;
  }
}

async function openStorage(
  registry: DriverRegistry,
  storage: StorageConfig,
  options: {
    readonly log: Logger;
    readonly signal: AbortSignal;
    readonly readonly: boolean;
    readonly concurrency: number;
  },
): Promise<StorageDriver> {
  const { openRoot } = await import("./storage/open.ts");
  const { provider, rootPath } = storage;
  return await openRoot(registry, { driver: provider, rootPath, options: storage.options }, options);
}

/** Standard error and, where one is configured, a file; a file that cannot be written is given up with one warning. */
function openLog(
  input: RuntimeInput,
  config: Config["log"],
  writeLog: WriteLog,
): { readonly log: Logger; readonly close: () => void } {
  let file: LogFile | undefined =
    config.file.path === ""
      ? undefined
      : openLogFile({ ...config.file, path: resolve(input.cwd, config.file.path), now: input.now });
  const write = (line: string): void => {
    if (config.console) writeLog(line);
    try {
      file?.write(line);
    } catch (error) {
      file = undefined;
      writeLog(
        `log file ${config.file.path} cannot be written: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  };
  return { log: createLogger({ level: config.level, write, now: input.now }), close: () => file?.close() };
}
