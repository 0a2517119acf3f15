import { existsSync } from "node:fs";
import { join, resolve } from "node:path";

/** The repository's top folder. */
export const REPOSITORY = resolve(import.meta.dir, "../..");

/** Where scripts/parts.sh installs. */
export const PARTS = join(REPOSITORY, ".parts");

/** What a part is found by: its path, the environment variable that replaces it, its name for scripts/parts.sh. */
interface PartLocation {
  readonly path: string;
  readonly override: string;
  readonly part: string;
}

const LOCATIONS = {
  /** Folder with bin/milvus and config.yaml.template. */
  "milvus-2.3.5": {
    path: join(PARTS, "milvus-2.3.5"),
    override: "MILVUS_BACKUP_TEST_MILVUS_2_3_5",
    part: "milvus-2.3.5",
  },
  /** The same. */
  "milvus-2.2.16": {
    path: join(PARTS, "milvus-2.2.16"),
    override: "MILVUS_BACKUP_TEST_MILVUS_2_2_16",
    part: "milvus-2.2.16",
  },
  /** A Python interpreter that can import pymilvus. */
  pymilvus: { path: join(PARTS, "python/bin/python"), override: "MILVUS_BACKUP_TEST_PYTHON", part: "pymilvus" },
  /** The MinIO executable. */
  minio: { path: join(PARTS, "bin/minio"), override: "MILVUS_BACKUP_TEST_MINIO", part: "minio" },
  /** Azurite's blob server, a program for Node. */
  azurite: {
    path: join(PARTS, "azurite/node_modules/azurite/dist/src/blob/main.js"),
    override: "MILVUS_BACKUP_TEST_AZURITE",
    part: "azurite",
  },
  /** A Python interpreter that can import gcp_storage_emulator. */
  "gcs-emulator": {
    path: join(PARTS, "gcs-emulator/bin/python"),
    override: "MILVUS_BACKUP_TEST_GCS_EMULATOR",
    part: "gcs-emulator",
  },
} as const satisfies Record<string, PartLocation>;

export type PartName = keyof typeof LOCATIONS;

/**
 * Absolute path of an installed part: the environment variable's value where it is set, else the place under .parts/.
 * @throws Error that says how to install it
 */
export function requirePart(name: PartName): string {
  const { path, override, part } = LOCATIONS[name];
  const found = resolve(process.env[override] || path);
  if (existsSync(found)) return found;
  throw new Error(`${found} is missing: run scripts/parts.sh ${part}, or set ${override}`);
}
