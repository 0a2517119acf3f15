/** A collection in the target as it is in the backup: schema, partitions, indexes, aliases. */

import { AppError } from "../../base/errors.ts";
import type { Int64, Namespace } from "../../base/types.ts";
import { formatNamespace } from "../../meta/namespace.ts";
import type { CollectionMeta, CollectionSchema, FieldSchema, IndexMeta, KeyValue } from "../../meta/types.ts";
import { isVectorType } from "../../milvus/data_types.ts";
import type { MilvusGateway } from "../../milvus/gateway.ts";

/** Milvus numbers the fields of a new collection from here, in list order. */
export const FIRST_FIELD_ID = 100n;
const DEFAULT_PARTITION = "_default";

/**
 * Creates the collection and its partitions; requireRestorable has found that the server can.
 * @throws UNSUPPORTED when it gives the fields other ids all the same
 */
export async function createTargetCollection(
  milvus: MilvusGateway,
  meta: CollectionMeta,
  namespace: Namespace,
  signal: AbortSignal,
): Promise<void> {
  const schema = fullSchema(milvus, meta);
  const { together, later } = splitAddedFields(schema);
  const hasPartitionKey = schema.fields.some((field) => field.isPartitionKey);
  await milvus.createCollection(
    {
      namespace,
      schema: { ...schema, name: namespace.collection, fields: together },
      shards: meta.shards,
      consistencyLevel: meta.consistencyLevel,
      properties: mergeProperties(schema.properties, meta.properties),
      partitions: hasPartitionKey ? meta.partitions.length : 0,
    },
    signal,
  );
  for (const field of later) await milvus.addField(namespace, field, signal);
  await requireSameFieldIds(milvus, schema, namespace, signal);
  if (hasPartitionKey) return;
  for (const partition of meta.partitions) {
    if (partition.partitionName === DEFAULT_PARTITION) continue;
    await milvus.createPartition(namespace, partition.partitionName, signal);
  }
}

/**
 * An existing collection made ready for the backup's rows: partitions it lacks are made.
 * @throws UNSUPPORTED when its fields have other ids, so that rows would land in other columns
 */
export async function prepareExistingCollection(
  milvus: MilvusGateway,
  meta: CollectionMeta,
  namespace: Namespace,
  signal: AbortSignal,
): Promise<void> {
  const schema = fullSchema(milvus, meta);
  await requireSameFieldIds(milvus, schema, namespace, signal);
  if (schema.fields.some((field) => field.isPartitionKey)) return;
  const present = new Set((await milvus.listPartitions(namespace, signal)).map((partition) => partition.name));
  for (const { partitionName } of meta.partitions) {
    if (!present.has(partitionName)) await milvus.createPartition(namespace, partitionName, signal);
  }
}

/** The schema of the raw answer where the backup has it (it knows more than milvus-backup's format), else the format's. */
export function fullSchema(milvus: MilvusGateway, meta: CollectionMeta): CollectionSchema {
  return meta.describeResponse === undefined ? meta.schema : milvus.decodeDescription(meta.describeResponse).schema;
}

/**
 * A server ignores field ids and numbers from 100 in list order, the dynamic field after the last. Fields beyond a gap
 * were added later and must be added again, or their data would land in other columns.
 */
export function splitAddedFields(schema: CollectionSchema): {
  readonly together: readonly FieldSchema[];
  readonly later: readonly FieldSchema[];
} {
  const fields = schema.fields.filter((field) => !field.isDynamic);
  if (schema.structArrayFields.length > 0) return { together: fields, later: [] };
  const sorted = fields.toSorted((a, b) => (a.fieldId < b.fieldId ? -1 : 1));
  const gap = sorted.findIndex((field, index) => field.fieldId !== FIRST_FIELD_ID + BigInt(index));
  return gap === -1 ? { together: sorted, later: [] } : { together: sorted.slice(0, gap), later: sorted.slice(gap) };
}

async function requireSameFieldIds(
  milvus: MilvusGateway,
  schema: CollectionSchema,
  namespace: Namespace,
  signal: AbortSignal,
): Promise<void> {
  const differing = differingFieldIds(schema, (await milvus.describeCollection(namespace, signal)).schema);
  if (differing.length === 0) return;
  throw new AppError("UNSUPPORTED", `${formatNamespace(namespace)}: ${differing.join(", ")}`);
}

/** A sentence for each field that has another id in the target, so that its data would land in another column. */
export function differingFieldIds(schema: CollectionSchema, target: CollectionSchema): string[] {
  const made = fieldIds(target);
  return [...fieldIds(schema)]
    .filter(([name, id]) => made.get(name) !== id)
    .map(
      ([name, id]) =>
        `field ${name} has id ${id} in the backup and ${made.get(name) ?? "none"} in the target, ` +
        "its data would land in another column",
    );
}

/** Name -> id of every field that has data of its own; those inside a struct by "<struct>.<field>", where an id is recorded. */
function fieldIds(schema: CollectionSchema): ReadonlyMap<string, Int64> {
  const plain = schema.fields.filter((field) => !field.isDynamic);
  const inner = schema.structArrayFields.flatMap((struct) =>
    struct.fields.map((field) => ({ name: `${struct.name}.${field.name}`, fieldId: field.fieldId })),
  );
  const recorded = inner.filter((field) => field.fieldId !== 0n);
  return new Map([...plain, ...recorded].map((field) => [field.name, field.fieldId]));
}

function mergeProperties(inner: readonly KeyValue[], outer: readonly KeyValue[]): readonly KeyValue[] {
  const merged = new Map([...inner, ...outer].map(({ key, value }) => [key, value]));
  return [...merged].map(([key, value]) => ({ key, value }));
}

/** A field has one index at most: those of `existing` keep theirs. @returns how many indexes were made */
export async function createIndexes(
  milvus: MilvusGateway,
  meta: CollectionMeta,
  namespace: Namespace,
  options: { readonly autoIndex: boolean; readonly existing: readonly IndexMeta[]; readonly signal: AbortSignal },
): Promise<number> {
  const types = new Map(meta.schema.fields.map((field) => [field.name, field.dataType]));
  const indexed = new Set(options.existing.map((index) => index.fieldName));
  const missing = meta.indexes.filter((index) => !indexed.has(index.fieldName));
  for (const index of missing) {
    const vector = isVectorType(types.get(index.fieldName) ?? 0);
    const params = vector && options.autoIndex ? autoIndexParams(index) : index.params;
    await milvus.createIndex(
      namespace,
      { fieldName: index.fieldName, indexName: acceptableIndexName(index.indexName), params },
      options.signal,
    );
  }
  return missing.length;
}

function autoIndexParams(index: IndexMeta): Readonly<Record<string, string>> {
  const metric = index.params.metric_type;
  return metric === undefined ? { index_type: "AUTOINDEX" } : { index_type: "AUTOINDEX", metric_type: metric };
}

/** Milvus names indexes of JSON paths in a way that it refuses as input; it finds the name again by itself. */
function acceptableIndexName(name: string): string {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? name : "";
}
