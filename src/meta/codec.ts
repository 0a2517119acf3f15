/**
 * BackupMeta <-> the five documents of milvus-backup's Go tool, to the byte (FORMAT.md, "JSON rules").
 * Encoding is lazy: pieces of text, so that a large tree is never one string.
 */

import { AppError } from "../base/errors.ts";
import { isJsonObject, type JsonValue, parseJson } from "../base/json.ts";
import { backupMeta, collectionMeta } from "./codec_backup.ts";
import { partitionMeta, segmentMeta } from "./codec_segments.ts";
import { longList, Mismatch, type ValueCodec } from "./codec_values.ts";
import { DOCUMENT } from "./layout.ts";
import type { BackupMeta, CollectionMeta, PartitionMeta, SegmentMeta } from "./types.ts";

/** A document of the Go tool: where it lies in the backup and its text, made anew each time it is asked for. */
export interface EncodedDocument {
  readonly path: (typeof DOCUMENT)[keyof typeof DOCUMENT];
  pieces(): Iterable<string>;
}

/** collection_meta, partition_meta, segment_meta: what readers of levels need beside the head. */
export function encodeLevels(meta: BackupMeta): readonly EncodedDocument[] {
  return [
    { path: DOCUMENT.collection, pieces: () => infos(collectionMeta, meta.collections.map(withoutSegments)) },
    { path: DOCUMENT.partition, pieces: () => infos(partitionMeta, allPartitions(meta).map(emptyPartition)) },
    {
      path: DOCUMENT.segment,
      pieces: () =>
        infos(
          segmentMeta,
          allPartitions(meta).flatMap((part) => part.segments),
        ),
    },
  ];
}

/** full_meta.json: the whole tree. */
export function encodeFull(meta: BackupMeta): EncodedDocument {
  return { path: DOCUMENT.full, pieces: () => piecesOf(backupMeta, meta) };
}

/** backup_meta.json: the head only. */
export function encodeHead(meta: BackupMeta): EncodedDocument {
  const { id, name, backupTimestamp, size, milvusVersion, format, unknown } = meta;
  const stateCode = unknown?.state_code;
  const head: BackupMeta = {
    ...backupMeta.zero,
    ...{ id, name, backupTimestamp, size, milvusVersion, format },
    ...(stateCode === undefined ? {} : { unknown: { state_code: stateCode } }),
  };
  return { path: DOCUMENT.backup, pieces: () => piecesOf(backupMeta, head) };
}

/**
 * full_meta.json or backup_meta.json.
 * @param where the document's name, for messages
 * @throws BACKUP_INCOMPLETE naming the document and the key
 */
export function decodeBackup(content: string, where: string): BackupMeta {
  return decode(backupMeta, content, where);
}

/** The lists of the level documents. @throws BACKUP_INCOMPLETE */
export const decodeLevel = {
  collections: (content: string, where: string): readonly CollectionMeta[] =>
    decodeInfos(collectionMeta, content, where),
  partitions: (content: string, where: string): readonly PartitionMeta[] => decodeInfos(partitionMeta, content, where),
  segments: (content: string, where: string): readonly SegmentMeta[] => decodeInfos(segmentMeta, content, where),
};

function decodeInfos<T>(codec: ValueCodec<T>, content: string, where: string): readonly T[] {
  return decode(infosOf(longList(codec)), content, where);
}

/** Every level document is an object with one key, `infos`, absent when the list is empty. */
function infosOf<T>(items: ValueCodec<readonly T[]>): Pick<ValueCodec<readonly T[]>, "read"> {
  return {
    read(value) {
      if (!isJsonObject(value)) throw new Mismatch("an object", value);
      const key = Object.keys(value).findLast((name) => name.toLowerCase() === "infos");
      const found = key === undefined ? null : (value[key] ?? null);
      try {
        return found === null ? [] : items.read(found);
      } catch (error) {
        throw error instanceof Mismatch ? error.under("infos") : error;
      }
    },
  };
}

/** Parses and reads one document. @throws BACKUP_INCOMPLETE naming the document and the key */
export function decode<T>(codec: Pick<ValueCodec<T>, "read">, content: string, where: string): T {
  let value: JsonValue;
  try {
    value = parseJson(content);
  } catch {
    // The parser's own message may quote the document, which may hold credentials.
    throw new AppError("BACKUP_INCOMPLETE", `${where} is not valid JSON (${content.length} characters)`);
  }
  try {
    return codec.read(value);
  } catch (error) {
    if (error instanceof Mismatch) throw new AppError("BACKUP_INCOMPLETE", `${where}: ${error.sentence}`);
    throw error;
  }
}

function* infos<T>(codec: ValueCodec<T>, items: readonly T[]): Generator<string> {
  if (items.length === 0) {
    yield "{}";
    return;
  }
  yield '{"infos":';
  yield* piecesOf(longList(codec), items);
  yield "}";
}

function piecesOf<T>(codec: ValueCodec<T>, value: T): Iterable<string> {
  return codec.pieces?.(value) ?? [codec.write(value)];
}

function allPartitions(meta: BackupMeta): readonly PartitionMeta[] {
  return meta.collections.flatMap((collection) => collection.partitions);
}

function emptyPartition(partition: PartitionMeta): PartitionMeta {
  return { ...partition, segments: [] };
}

function withoutSegments(collection: CollectionMeta): CollectionMeta {
  return { ...collection, partitions: collection.partitions.map(emptyPartition), l0Segments: [] };
}
