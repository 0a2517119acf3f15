/** From resolved values to the typed configuration and its entries. */

import { Secret } from "../base/secret.ts";
import type { Config, ConfigEntry, StorageConfig } from "./config.ts";
import type { KeySpec } from "./keys.ts";
import { maskedText } from "./mask.ts";
import { type Found, isExplicit } from "./raw.ts";
import type { Resolved } from "./resolved.ts";
import { V2_KEYS } from "./schema_v2.ts";
import { STORAGE_NAMES, sectionPath } from "./storage_keys.ts";
import type { Section } from "./storage_section.ts";
import type { Sections } from "./storage_sections.ts";

export interface BuildInput {
  readonly resolved: Resolved;
  readonly milvusStorage: StorageConfig;
  readonly backupStorage: StorageConfig;
  readonly storages: Config["storages"];
  /** Absolute. */
  readonly plugins: readonly string[];
}

export function buildConfig({ resolved, milvusStorage, backupStorage, storages, plugins }: BuildInput): Config {
  const { text, int, flag } = {
    text: (key: string) => resolved.text(key),
    int: (key: string) => resolved.int(key),
    flag: (key: string) => resolved.flag(key),
  };
  return {
    log: {
      level: resolved.choice("log.level", ["debug", "info", "warn", "error"]),
      console: flag("log.console"),
      file: {
        path: text("log.file.path"),
        // 0 has always meant the default size.
        maxSizeMiB: int("log.file.maxSizeMiB") || 300,
        maxDays: int("log.file.maxDays"),
        maxBackups: int("log.file.maxBackups"),
      },
    },
    server: { debugMode: flag("server.debugMode"), swaggerBasePath: text("server.swaggerBasePath") },
    milvus: {
      user: text("milvus.user"),
      password: new Secret(text("milvus.password")),
      grpc: {
        address: text("milvus.grpc.address"),
        port: int("milvus.grpc.port"),
        tlsMode: resolved.choice("milvus.grpc.tlsMode", ["disabled", "server", "mutual"]),
        caCertPath: text("milvus.grpc.caCertPath"),
        serverName: text("milvus.grpc.serverName"),
        mtlsCertPath: text("milvus.grpc.mtlsCertPath"),
        mtlsKeyPath: text("milvus.grpc.mtlsKeyPath"),
      },
      rest: { endpoint: text("milvus.rest.endpoint") },
      management: { endpoint: text("milvus.management.endpoint") },
      replicate: { rpcChannelName: text("milvus.replicate.rpcChannelName") },
      etcd: { endpoints: resolved.list("milvus.etcd.endpoints"), rootPath: text("milvus.etcd.rootPath") },
      storage: milvusStorage,
    },
    backup: {
      storage: backupStorage,
      concurrency: {
        collections: int("backup.concurrency.collections"),
        segments: int("backup.concurrency.segments"),
      },
      pauseGC: flag("backup.pauseGC"),
    },
    storages,
    restore: {
      concurrency: {
        collections: int("restore.concurrency.collections"),
        importJobs: int("restore.concurrency.importJobs"),
      },
      maxSegmentsPerImportJob: int("restore.maxSegmentsPerImportJob"),
      keepTempFiles: flag("restore.keepTempFiles"),
    },
    transfer: {
      mode: resolved.choice("transfer.mode", ["auto", "direct", "streaming"]),
      concurrency: int("transfer.concurrency"),
      multipartCopyThresholdMiB: int("transfer.multipartCopyThresholdMiB"),
      verify: resolved.choice("transfer.verify", ["digest", "read-back", "size"]),
    },
    zillizCloud: { endpoint: text("zillizCloud.endpoint"), apiKey: new Secret(text("zillizCloud.apiKey")) },
    plugins,
  };
}

/**
 * One entry for each key of the schema in table order, and one for each option of a driver's own that is set; then what
 * is set of the named storages.
 */
export function buildEntries(resolved: Resolved, sections: Sections): readonly ConfigEntry[] {
  const both = [sections.milvus, sections.backup];
  const entries = V2_KEYS.flatMap((spec): ConfigEntry[] => {
    const section = both.find((it) => spec.key.startsWith(`${sectionPath(it.side)}.`));
    if (section === undefined) return [entry(spec, resolved.found(spec.key))];
    const name = spec.key.slice(`${sectionPath(section.side)}.`.length);
    const found = section.values.get(name);
    const own = name === STORAGE_NAMES.at(-1) ? ownEntries(section) : [];
    return found === undefined ? own : [entry(section.keys.get(name) ?? spec, found), ...own];
  });
  return [...entries, ...sections.profiles.flatMap(explicitEntries)];
}

function explicitEntries({ keys, values }: Section): ConfigEntry[] {
  return [...keys].flatMap(([name, spec]) => {
    const found = values.get(name);
    return found !== undefined && isExplicit(found) ? [entry(spec, found)] : [];
  });
}

function ownEntries(section: Section): ConfigEntry[] {
  return [...section.keys].flatMap(([name, spec]) => {
    const found = section.values.get(name);
    if (STORAGE_NAMES.includes(name) || found === undefined || !isExplicit(found)) return [];
    return [entry(spec, found)];
  });
}

function entry(spec: KeySpec, found: Found): ConfigEntry {
  const text = typeof found.value === "object" ? found.value.join(",") : String(found.value);
  return {
    key: spec.key,
    display: spec.display,
    value: spec.secret === true ? maskedText(text) : text,
    source: found.origin.source,
    sourceKey: found.origin.name.toLowerCase(),
  };
}
