/** Backups that milvus-backup's Go tool made of Milvus 2.3.5, 2.5.8 and 2.6.3, unpacked into memory. */

import { join } from "node:path";
import { collectionShape } from "../../../src/binlog/shapes.ts";
import { decodeBackup } from "../../../src/meta/codec.ts";
import { deltaLogKey, insertLogKey } from "../../../src/meta/layout.ts";
import { namespaceOf } from "../../../src/meta/namespace.ts";
import type { BackupMeta, CollectionMeta } from "../../../src/meta/types.ts";

const FOLDER = join(import.meta.dir, "../../fixtures/backups");

export interface Fixture {
  readonly meta: BackupMeta;
  /** "db.collection" */
  readonly names: readonly string[];
  collection(name: string): CollectionMeta;
  shape(name: string): ReturnType<typeof collectionShape>;
  /** By key relative to the backup. */
  read(key: string): Promise<Uint8Array>;
  /** Every key below a prefix, sorted. */
  keys(prefix: string): readonly string[];
}

export async function openFixture(version: string): Promise<Fixture> {
  const archive = new Bun.Archive(await Bun.file(join(FOLDER, `${version}.tar.gz`)).bytes());
  const objects = new Map<string, Uint8Array>();
  for (const [path, file] of await archive.files()) {
    const relative = /(?:^|\/)((?:meta|binlogs)\/.*)$/.exec(path)?.[1];
    if (relative !== undefined) objects.set(relative, await file.bytes());
  }
  const read = async (key: string): Promise<Uint8Array> => {
    const content = objects.get(key);
    if (content === undefined) throw new Error(`no ${key} in the fixture`);
    return content;
  };
  const meta = decodeBackup(new TextDecoder().decode(await read("meta/full_meta.json")), "full_meta.json");
  const named = new Map<string, CollectionMeta>(
    meta.collections.map((collection) => {
      const { database, collection: name } = namespaceOf(collection);
      return [`${database}.${name}`, collection] as const;
    }),
  );
  const collection = (name: string): CollectionMeta => {
    const found = named.get(name);
    if (found === undefined) throw new Error(`no ${name} in the fixture`);
    return found;
  };
  return {
    meta,
    names: [...named.keys()].sort(),
    collection,
    shape: (name) =>
      collectionShape(collection(name), {
        insertLog: (segment, fieldId, log) => insertLogKey(segment, fieldId, log.logId),
        deltaLog: (segment, log) => deltaLogKey(segment, log.logId),
      }),
    read,
    keys: (prefix) => [...objects.keys()].filter((key) => key.startsWith(prefix)).sort(),
  };
}

interface ExpectedCollection {
  readonly db: string;
  readonly name: string;
  readonly row_count: number;
  readonly primary_keys: readonly (string | number)[];
}

/** What the source server answered after the backup: rows and primary keys by "db.collection". */
export async function readExpected(version: string): Promise<ReadonlyMap<string, ExpectedCollection>> {
  const text = await Bun.file(join(FOLDER, `${version}.expected.json`)).text();
  const { collections } = JSON.parse(text) as { collections: ExpectedCollection[] };
  return new Map(collections.map((collection) => [`${collection.db}.${collection.name}`, collection]));
}
