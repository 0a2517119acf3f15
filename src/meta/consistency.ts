/** Whether a backup's tree adds up, and whether its documents say the same. Each check gives sentences, none when all is well. */

import { collectionMeta } from "./codec_backup.ts";
import { partitionMeta, segmentMeta } from "./codec_segments.ts";
import type { BackupMeta, CollectionMeta, FieldBinlog, PartitionMeta, SegmentMeta } from "./types.ts";

/**
 * Parents, doubles, segments without files; of our own backups also sums. Sums that older releases of the Go tool wrote
 * are not ours to judge: nothing depends on them, and every log file has a size of its own.
 */
export function treeProblems(meta: BackupMeta): readonly string[] {
  const problems: string[] = [
    ...doubled(
      "collection",
      meta.collections.map((it) => it.collectionId),
    ),
  ];
  for (const collection of meta.collections) problems.push(...collectionProblems(collection));
  return meta.createdBy === undefined ? problems : [...problems, ...sumProblems(meta)];
}

function sumProblems(meta: BackupMeta): readonly string[] {
  const problems = [...sumProblem("the backup", meta.size, meta.collections)];
  for (const { collectionName, collectionId, size, partitions, l0Segments } of meta.collections) {
    const name = `collection ${collectionName} (${collectionId})`;
    problems.push(...sumProblem(name, size, [...partitions, ...l0Segments]));
    for (const partition of partitions) {
      problems.push(...sumProblem(`${name}: partition ${partition.partitionId}`, partition.size, partition.segments));
    }
    for (const segment of [...partitions.flatMap((partition) => partition.segments), ...l0Segments]) {
      const logs = [...logsOf(segment.insertLogs), ...logsOf(segment.deltaLogs)];
      problems.push(...sumProblem(`${name}: segment ${segment.segmentId}`, segment.size, logs));
    }
  }
  return problems;
}

function collectionProblems(collection: CollectionMeta): readonly string[] {
  const { collectionId, partitions, l0Segments } = collection;
  const name = `collection ${collection.collectionName} (${collectionId})`;
  const problems = [
    ...doubled(
      `${name}: partition`,
      partitions.map((it) => it.partitionId),
    ),
  ];
  const segments = [...partitions.flatMap((partition) => partition.segments), ...l0Segments];
  problems.push(
    ...doubled(
      `${name}: segment`,
      segments.map((it) => it.segmentId),
    ),
  );
  for (const partition of partitions) {
    const label = `${name}: partition ${partition.partitionId}`;
    if (partition.collectionId !== collectionId)
      problems.push(`${label} belongs to collection ${partition.collectionId}`);
    for (const segment of partition.segments) {
      if (segment.partitionId === partition.partitionId) continue;
      problems.push(`${label} holds segment ${segment.segmentId} of partition ${segment.partitionId}`);
    }
  }
  for (const segment of segments) problems.push(...segmentProblems(name, collection, segment));
  return problems;
}

function segmentProblems(name: string, collection: CollectionMeta, segment: SegmentMeta): readonly string[] {
  const label = `${name}: segment ${segment.segmentId}`;
  const problems: string[] = [];
  if (segment.collectionId !== collection.collectionId) {
    problems.push(`${label} belongs to collection ${segment.collectionId}`);
  }
  if (!segment.isL0 && segment.rows > 0n && logsOf(segment.insertLogs).length === 0) {
    problems.push(`${label} has ${segment.rows} rows and no log files`);
  }
  return problems;
}

function logsOf(fields: readonly FieldBinlog[]): readonly { readonly size: bigint }[] {
  return fields.flatMap(({ binlogs }) => binlogs.map(({ logSize }) => ({ size: logSize })));
}

function sumProblem(what: string, size: bigint, parts: readonly { readonly size: bigint }[]): readonly string[] {
  const sum = parts.reduce((total, part) => total + part.size, 0n);
  return sum === size ? [] : [`${what} has ${size} bytes, its parts have ${sum}`];
}

function doubled(what: string, ids: readonly bigint[]): readonly string[] {
  const seen = new Set<bigint>();
  return ids.flatMap((id) => {
    if (seen.has(id)) return [`${what} ${id} is there twice`];
    seen.add(id);
    return [];
  });
}

/** How backup_meta.json contradicts full_meta.json. */
export function headProblems(head: BackupMeta, full: BackupMeta): readonly string[] {
  const names = ["id", "name", "size", "milvusVersion", "format", "backupTimestamp"] as const;
  return names.flatMap((name) =>
    head[name] === full[name] ? [] : [`${name} is ${shown(head[name])}, full_meta.json has ${shown(full[name])}`],
  );
}

function shown(value: string | bigint): string {
  return typeof value === "string" ? JSON.stringify(value) : value.toString();
}

/** How each level document contradicts full_meta.json. */
export const levelProblems = {
  collections: (level: readonly CollectionMeta[], full: BackupMeta): readonly string[] =>
    compare("collection", {
      level: texts(
        level,
        ({ collectionId }) => `${collectionId}`,
        (it) => collectionMeta.write(alone(it)),
      ),
      full: texts(
        full.collections,
        ({ collectionId }) => `${collectionId}`,
        (it) => collectionMeta.write(alone(it)),
      ),
    }),
  partitions: (level: readonly PartitionMeta[], full: BackupMeta): readonly string[] =>
    compare("partition", { level: partitionTexts(level), full: partitionTexts(partitionsOf(full)) }),
  segments: (level: readonly SegmentMeta[], full: BackupMeta): readonly string[] =>
    compare("segment", {
      level: segmentTexts(level),
      full: segmentTexts(partitionsOf(full).flatMap((partition) => partition.segments)),
    }),
};

type Texts = ReadonlyMap<string, string>;

function partitionTexts(partitions: readonly PartitionMeta[]): Texts {
  return texts(
    partitions,
    (it) => `${it.partitionId} of collection ${it.collectionId}`,
    (it) => partitionMeta.write({ ...it, segments: [] }),
  );
}

function segmentTexts(segments: readonly SegmentMeta[]): Texts {
  return texts(
    segments,
    (it) => `${it.segmentId} of collection ${it.collectionId}`,
    (it) => segmentMeta.write(it),
  );
}

function texts<T>(items: readonly T[], name: (item: T) => string, write: (item: T) => string): Texts {
  return new Map(items.map((item) => [name(item), write(item)]));
}

function compare(what: string, { level, full }: { readonly level: Texts; readonly full: Texts }): readonly string[] {
  const problems: string[] = [];
  for (const [name, text] of full) {
    const there = level.get(name);
    if (there === undefined) problems.push(`lacks ${what} ${name} of full_meta.json`);
    else if (there !== text) problems.push(`says something else of ${what} ${name} than full_meta.json`);
  }
  for (const name of level.keys()) if (!full.has(name)) problems.push(`has ${what} ${name}, full_meta.json has not`);
  return problems;
}

function partitionsOf(meta: BackupMeta): readonly PartitionMeta[] {
  return meta.collections.flatMap((collection) => collection.partitions);
}

/** Compacted backups have their L0 segments in collection_meta.json too, others have not. */
function alone(collection: CollectionMeta): CollectionMeta {
  const partitions = collection.partitions.map((partition) => ({ ...partition, segments: [] }));
  return { ...collection, partitions, l0Segments: [] };
}
