import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseDocument } from "yaml";
import { freePort } from "./ports.ts";

/** The Milvus servers that scripts/parts.sh can install. */
export type MilvusVersion = "2.3.5" | "2.2.16";

/** Where a server keeps its segments: under its own data folder, or in a bucket, which it creates itself. */
export type MilvusStorage =
  | { readonly type: "local" }
  | {
      readonly type: "minio";
      readonly address: string;
      readonly port: number;
      readonly bucketName: string;
      readonly rootPath: string;
      readonly accessKeyID: string;
      readonly secretAccessKey: string;
    };

/** PEM files of the server; mode 1 shows a certificate, mode 2 asks the client for one as well. */
export interface MilvusTls {
  readonly mode: 1 | 2;
  readonly caPath: string;
  readonly certPath: string;
  readonly keyPath: string;
}

export interface MilvusConfig {
  readonly version: MilvusVersion;
  readonly storage: MilvusStorage;
  readonly auth: boolean;
  readonly tls?: MilvusTls;
  /** Further keys of milvus.yaml by dotted path, such as "dataCoord.segment.maxSize". */
  readonly extra: Readonly<Record<string, string | number | boolean>>;
}

/** The ports of one server that its users see. */
export interface MilvusPorts {
  readonly proxy: number;
  readonly management: number;
}

const PORT_KEYS = [
  "proxy_port",
  "proxy_internal_port",
  "root_coord_port",
  "query_coord_port",
  "query_node_port",
  "index_coord_port",
  "index_node_port",
  "data_coord_port",
  "data_node_port",
];

/**
 * Writes configs/ (milvus.yaml, etcd.yaml, glog.conf) of one server into its data folder, every port chosen free, so that
 * several servers run side by side. `partFolder` is the installed part with the package's own configuration template.
 */
export async function writeMilvusConfig(
  partFolder: string,
  dataDir: string,
  config: MilvusConfig,
): Promise<MilvusPorts> {
  const folders = { configs: join(dataDir, "configs"), data: join(dataDir, "data"), logs: join(dataDir, "logs") };
  for (const folder of Object.values(folders)) await mkdir(folder, { recursive: true });

  const [etcd, etcdPeer, management] = [await freePort(), await freePort(), await freePort()];
  const values = new Map<string, string | number | boolean>([
    ["etcd_port", etcd],
    ["etcd_log_path", join(folders.logs, "etcd.log")],
    ["etcd_data_dir", join(folders.data, "etcd.data")],
    ["local_storage_dir", folders.data],
    ["rocksmq_data_dir", join(folders.data, "rocksmq")],
    ["rocketmq_data_dir", join(folders.data, "rocksmq")], // the name in 2.2
    ["system_log_path", folders.logs],
    ["system_log_level", "info"],
    ["authorization_enabled", config.auth],
    ["tls_mode", config.tls?.mode ?? 0],
    ["server_pem_path", config.tls?.certPath ?? "server.pem"],
    ["server_key_path", config.tls?.keyPath ?? "server.key"],
    ["ca_pem_path", config.tls?.caPath ?? "ca.pem"],
  ]);
  for (const key of PORT_KEYS) values.set(key, await freePort());

  const template = await readFile(join(partFolder, "config.yaml.template"), "utf8");
  const document = parseDocument(fillTemplate(template, values));
  for (const [key, value] of Object.entries({ ...storageKeys(config.storage), ...config.extra })) {
    document.setIn(key.split("."), value);
  }
  await writeFile(join(folders.configs, "milvus.yaml"), document.toString());
  await writeFile(join(folders.configs, "etcd.yaml"), etcdConfig(etcd, etcdPeer));
  // 2.2 has none.
  await copyFile(join(partFolder, "glog.conf"), join(folders.configs, "glog.conf")).catch(() => undefined);
  return { proxy: Number(values.get("proxy_port")), management };
}

/** Fills `{{ key(type): default }}`, the placeholders of the package's template. */
function fillTemplate(template: string, values: ReadonlyMap<string, string | number | boolean>): string {
  return template.replace(
    /\{\{\s*(\w+)\s*(?:\(\w+\))?\s*(?::([^}]*))?\}\}/g,
    (_match, key: string, fallback?: string) => {
      const value = values.get(key) ?? fallback?.trim();
      if (value === undefined) throw new Error(`the configuration template asks for ${key}, which nothing sets`);
      return String(value);
    },
  );
}

function storageKeys(storage: MilvusStorage): Record<string, string | number | boolean> {
  if (storage.type === "local") return { "common.storageType": "local" };
  return {
    "common.storageType": "minio",
    "minio.address": storage.address,
    "minio.port": storage.port,
    "minio.useSSL": false,
    "minio.bucketName": storage.bucketName,
    "minio.rootPath": storage.rootPath,
    "minio.accessKeyID": storage.accessKeyID,
    "minio.secretAccessKey": storage.secretAccessKey,
  };
}

// The embedded etcd's peer port is fixed in milvus.yaml's world; only a file of its own can move it.
function etcdConfig(port: number, peerPort: number): string {
  return [
    "name: default",
    `listen-client-urls: http://127.0.0.1:${port}`,
    `advertise-client-urls: http://127.0.0.1:${port}`,
    `listen-peer-urls: http://127.0.0.1:${peerPort}`,
    `initial-advertise-peer-urls: http://127.0.0.1:${peerPort}`,
    `initial-cluster: default=http://127.0.0.1:${peerPort}`,
    "",
  ].join("\n");
}
