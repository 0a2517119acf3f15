/** Backups that milvus-backup's Go tool made, unpacked in memory. */

import { join } from "node:path";
import type { StorageDriver } from "../../src/storage/driver.ts";
import { openMemoryRoot, putObject } from "../unit/meta/memory_root.ts";

const FOLDER = join(import.meta.dir, "../fixtures/backups");

/** Version of the Milvus server, name of the backup, folder of the archive that is the backup root. */
export const FIXTURES = [
  { version: "2.3.5", name: "zoo_peer", root: "backup/" },
  { version: "2.5.8", name: "zoo_25", root: "" },
  { version: "2.6.3", name: "zoo_26", root: "" },
] as const;

export type Fixture = (typeof FIXTURES)[number];

/** Files of the backup by their path below its folder ("meta/full_meta.json"). */
export async function filesOf(fixture: Fixture): Promise<ReadonlyMap<string, Uint8Array>> {
  const archive = new Bun.Archive(await Bun.file(join(FOLDER, `${fixture.version}.tar.gz`)).bytes());
  const prefix = `${fixture.root}${fixture.name}/`;
  const files = new Map<string, Uint8Array>();
  for (const [path, file] of await archive.files()) {
    if (path.startsWith(prefix)) files.set(path.slice(prefix.length), await file.bytes());
  }
  return files;
}

/** A backup root that holds the fixture and nothing else; `keep` chooses files. */
export async function rootWith(fixture: Fixture, keep: (path: string) => boolean = () => true): Promise<StorageDriver> {
  const root = await openMemoryRoot();
  for (const [path, content] of await filesOf(fixture)) {
    if (keep(path)) await putObject(root, `${fixture.name}/${path}`, content);
  }
  return root;
}

/** What the source server held; absent for 2.3.5. */
export interface Expected {
  readonly collections: readonly {
    readonly db: string;
    readonly name: string;
    readonly row_count: number;
    readonly partitions: readonly string[];
    readonly aliases: readonly string[];
    readonly num_shards: number;
    readonly indexes: readonly { readonly index_name: string }[];
    readonly load_state_at_backup: string;
    readonly fields: readonly { readonly name: string; readonly field_id: number; readonly type: string }[];
    readonly enable_dynamic_field: boolean;
  }[];
}

export async function expectedOf(version: "2.5.8" | "2.6.3"): Promise<Expected> {
  return await Bun.file(join(FOLDER, `${version}.expected.json`)).json();
}
