/** extra_meta.json: what the Go tool's format has no place for (FORMAT.md). */

import type { Int64 } from "../base/types.ts";
import { decode, type EncodedDocument } from "./codec.ts";
import { message } from "./codec_message.ts";
import { bytes, int32, int64, list, longList, text } from "./codec_values.ts";
import { DOCUMENT } from "./layout.ts";
import type { BackupMeta, CollectionMeta, Extensible, FieldSchema } from "./types.ts";

const EXTRA_FORMAT_VERSION = 1;

/** A listing needs no more of the document than this many bytes: created_by and created_at come first. */
export const EXTRA_STAMP_BYTES = 1024;

interface CollectionExtra extends Extensible {
  readonly collectionId: Int64;
  readonly describeResponse?: Uint8Array;
  readonly clusteringKeyFields: readonly Int64[];
}

interface ExtraMeta extends Extensible {
  readonly formatVersion: number;
  readonly createdBy: string;
  readonly createdAt: string;
  readonly collections: readonly CollectionExtra[];
}

const collectionExtra = message<CollectionExtra>([
  { key: "collection_id", property: "collectionId", codec: int64 },
  { key: "describe_response", property: "describeResponse", codec: bytes },
  { key: "clustering_key_fields", property: "clusteringKeyFields", codec: list(int64) },
]);

const extraMeta = message<ExtraMeta>([
  { key: "format_version", property: "formatVersion", codec: int32, always: true },
  { key: "created_by", property: "createdBy", codec: text },
  { key: "created_at", property: "createdAt", codec: text },
  { key: "collections", property: "collections", codec: longList(collectionExtra) },
]);

/** Always written for a backup of ours, also when it has nothing to say: its presence says whose backup this is. */
export function encodeExtra(meta: BackupMeta): EncodedDocument {
  const extra: ExtraMeta = {
    formatVersion: EXTRA_FORMAT_VERSION,
    createdBy: meta.createdBy ?? "",
    createdAt: meta.createdAt ?? "",
    collections: meta.collections.map(extraOf).filter(hasContent),
  };
  return { path: DOCUMENT.extra, pieces: () => extraMeta.pieces?.(extra) ?? [extraMeta.write(extra)] };
}

/**
 * The tree with what extra_meta.json adds; collections that only one side knows are left alone.
 * @throws BACKUP_INCOMPLETE
 */
export function applyExtra(meta: BackupMeta, content: string, where: string): BackupMeta {
  const { createdBy, createdAt, collections } = decode(extraMeta, content, where);
  const byId = new Map(collections.map((extra) => [extra.collectionId, extra]));
  return {
    ...meta,
    ...(createdBy === "" ? {} : { createdBy }),
    ...(createdAt === "" ? {} : { createdAt }),
    collections: meta.collections.map((collection) => {
      const extra = byId.get(collection.collectionId);
      return extra === undefined ? collection : extended(collection, extra);
    }),
  };
}

/** created_at from the first EXTRA_STAMP_BYTES of the document; undefined when it is not there. */
export function createdAtOf(start: string): string | undefined {
  return /"created_at":"([0-9TZ:.+-]+)"/.exec(start)?.[1];
}

function extraOf(collection: CollectionMeta): CollectionExtra {
  const { collectionId, describeResponse } = collection;
  const clusteringKeyFields = collection.schema.fields.filter(isClusteringKey).map((field) => field.fieldId);
  return { collectionId, clusteringKeyFields, ...(describeResponse === undefined ? {} : { describeResponse }) };
}

function hasContent(extra: CollectionExtra): boolean {
  return extra.describeResponse !== undefined || extra.clusteringKeyFields.length > 0;
}

function extended(collection: CollectionMeta, extra: CollectionExtra): CollectionMeta {
  const keys = new Set(extra.clusteringKeyFields);
  const fields = collection.schema.fields.map((field) =>
    keys.has(field.fieldId) ? { ...field, isClusteringKey: true } : field,
  );
  return {
    ...collection,
    schema: { ...collection.schema, fields },
    ...(extra.describeResponse === undefined ? {} : { describeResponse: extra.describeResponse }),
  };
}

function isClusteringKey(field: FieldSchema): boolean {
  return field.isClusteringKey === true;
}
