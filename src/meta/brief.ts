/** The short view of a backup that `get` and the REST API show: milvus-backup's BackupInfoBrief, without segments. */

import { isJsonObject, type JsonObject, type JsonValue, parseJson } from "../base/json.ts";
import { encodeFull } from "./codec.ts";
import type { BackupMeta } from "./types.ts";

/** BackupTaskStateCode: what is in storage and complete has succeeded. */
const STATE_SUCCESS = 2n;

const COLLECTION_KEYS = [
  "id",
  "collection_id",
  "db_name",
  "collection_name",
  "schema",
  "shards_num",
  "backup_timestamp",
  "size",
  "has_index",
  "index_infos",
  "load_state",
  "backup_physical_timestamp",
  "channel_checkpoints",
  "properties",
] as const;

/** Encryption keys of databases are credentials. */
const SECRET_DATABASE_KEYS = new Set(["ezk"]);

/** Keys and their order as milvus-backup shows them; ids are bigint. @param metaSize bytes of the documents below meta/ */
export function backupBrief(meta: BackupMeta, metaSize: bigint): JsonObject {
  const full = fullWithoutSegments(meta);
  const { id, name, backup_timestamp, collection_backups, size, milvus_version, rpc_channel_info, format } = full;
  return present({
    id,
    state_code: STATE_SUCCESS,
    progress: 100n,
    name,
    backup_timestamp,
    collection_backups: objects(collection_backups).map((collection) => pick(collection, COLLECTION_KEYS)),
    size,
    milvus_version,
    rpc_channel_info,
    database_backups: objects(full.database_backups).map(withoutSecrets),
    meta_size: metaSize,
    format,
  });
}

function fullWithoutSegments(meta: BackupMeta): JsonObject {
  const collections = meta.collections.map((collection) => ({ ...collection, partitions: [], l0Segments: [] }));
  const text = [...encodeFull({ ...meta, collections }).pieces()].join("");
  const value = parseJson(text);
  return isJsonObject(value) ? value : {};
}

function objects(value: JsonValue | undefined): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}

function pick(value: JsonObject, keys: readonly string[]): JsonObject {
  return present(Object.fromEntries(keys.map((key) => [key, value[key]])));
}

function withoutSecrets(database: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(database).filter(([key]) => !SECRET_DATABASE_KEYS.has(key)));
}

function present(value: Readonly<Record<string, JsonValue | undefined>>): JsonObject {
  const entries = Object.entries(value).filter((entry): entry is [string, JsonValue] => {
    const item = entry[1];
    return item !== undefined && !(Array.isArray(item) && item.length === 0);
  });
  return Object.fromEntries(entries);
}
