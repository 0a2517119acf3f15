/**
 * What the target cannot hold of a backup, told from schemas and versions alone: for all collections at once, before a
 * database or a collection is made. What a server of unknown version can do is left to it.
 */

import { AppError } from "../../base/errors.ts";
import { formatNamespace } from "../../meta/namespace.ts";
import type { CollectionMeta, CollectionSchema, FieldSchema } from "../../meta/types.ts";
import { DATA_TYPE, isVectorType } from "../../milvus/data_types.ts";
import { firstLineWith, type SchemaFeature } from "../../milvus/features.ts";
import type { MilvusGateway } from "../../milvus/gateway.ts";
import type { RestoreBackupRequest } from "./request.ts";
import { differingFieldIds, FIRST_FIELD_ID, fullSchema, splitAddedFields } from "./schema.ts";
import { allSegments } from "./stored_objects.ts";
import type { RestoreTarget } from "./targets.ts";

/** Numbers that no server before 2.6 knew: scalars after JSON, vectors after the sparse ones, structs. */
const isNewerType = (dataType: number): boolean =>
  dataType > DATA_TYPE.SparseFloatVector || (dataType > DATA_TYPE.JSON && !isVectorType(dataType));
const LATER_TYPES: ReadonlyMap<number, SchemaFeature> = new Map([
  [DATA_TYPE.Array, "arrayFields"],
  [DATA_TYPE.Float16Vector, "shortFloatVectors"],
  [DATA_TYPE.BFloat16Vector, "shortFloatVectors"],
  [DATA_TYPE.SparseFloatVector, "sparseVectors"],
]);
const FIRST_PACKED_STORAGE = 2n;

/** Something of a collection that not every server has. */
interface Need {
  readonly feature: SchemaFeature;
  readonly what: string;
}

/** @throws UNSUPPORTED naming every collection that the target cannot hold, and why */
export async function requireRestorable(
  milvus: MilvusGateway,
  targets: readonly RestoreTarget[],
  request: Pick<RestoreBackupRequest, "name" | "intoExisting" | "metaOnly">,
  signal: AbortSignal,
): Promise<void> {
  const refused: { readonly name: string; readonly reasons: readonly string[] }[] = [];
  for (const { meta, target } of targets) {
    const schema = fullSchema(milvus, meta);
    const reasons = request.intoExisting
      ? differingFieldIds(schema, (await milvus.describeCollection(target, signal)).schema)
      : schemaReasons(milvus, schema);
    if (!request.metaOnly) reasons.push(...lacking(milvus, dataNeeds(meta)));
    if (reasons.length > 0) refused.push({ name: formatNamespace(target), reasons });
  }
  if (refused.length === 0) return;
  const told = refused.map(({ name, reasons }) => `${name}: ${reasons.join(" and ")}`).join("; ");
  throw new AppError(
    "UNSUPPORTED",
    `backup ${request.name} cannot be restored into Milvus ${milvus.server.version}, nothing was made: ${told}`,
    { details: { backup: request.name, collections: refused.map(({ name }) => name).join(",") } },
  );
}

function schemaReasons(milvus: MilvusGateway, schema: CollectionSchema): string[] {
  return [...lacking(milvus, schemaNeeds(schema)), ...addedFieldReasons(milvus, schema)];
}

function lacking(milvus: MilvusGateway, needs: readonly Need[]): readonly string[] {
  return needs
    .filter(({ feature }) => !milvus.server.supports(feature))
    .map(({ feature, what }) => `${what} (since Milvus ${firstLineWith(feature)})`);
}

function schemaNeeds(schema: CollectionSchema): readonly Need[] {
  const { fields, functions, structArrayFields } = schema;
  const vectors = fields.filter((field) => isVectorType(field.dataType));
  const typed = (feature: SchemaFeature) => fields.filter((field) => typeNeed(field.dataType) === feature);
  const found: readonly (readonly [SchemaFeature, string, readonly { readonly name: string }[]])[] = [
    ["severalVectorFields", "several vector fields", vectors.length > 1 ? vectors : []],
    ["arrayFields", "arrays", typed("arrayFields")],
    ["shortFloatVectors", "float16 or bfloat16 vectors", typed("shortFloatVectors")],
    ["sparseVectors", "sparse vectors", typed("sparseVectors")],
    ["newerDataTypes", "newer data types", typed("newerDataTypes")],
    ["nullableFields", "nullable fields", fields.filter((field) => field.nullable)],
    ["defaultValues", "default values of fields", fields.filter((field) => field.defaultValue !== undefined)],
    ["functions", "functions", functions],
    ["structArrays", "struct arrays", structArrayFields],
  ];
  return found
    .filter(([, , named]) => named.length > 0)
    .map(([feature, what, named]) => ({ feature, what: `${what} ${namesOf(named)}` }));
}

function typeNeed(dataType: number): SchemaFeature | undefined {
  return isNewerType(dataType) ? "newerDataTypes" : LATER_TYPES.get(dataType);
}

function dataNeeds(meta: CollectionMeta): readonly Need[] {
  const segments = allSegments(meta);
  const needs: Need[] = [];
  if (segments.some((segment) => segment.storageVersion >= FIRST_PACKED_STORAGE)) {
    needs.push({ feature: "storageV2", what: "log files of storage version 2" });
  }
  if (segments.some((segment) => segment.isL0 && segment.deltaLogs.length > 0)) {
    needs.push({ feature: "deleteSegments", what: "segments of deletes" });
  }
  return needs;
}

function addedFieldReasons(milvus: MilvusGateway, schema: CollectionSchema): readonly string[] {
  const { together, later } = splitAddedFields(schema);
  if (later.length === 0) return [];
  if (!milvus.server.supports("addField")) {
    return [`fields ${namesOf(later)} that were added after it was made (since Milvus ${firstLineWith("addField")})`];
  }
  return [...notAddable(later), ...otherIds(schema, together.length, later)];
}

function namesOf(named: readonly { readonly name: string }[]): string {
  return named.map(({ name }) => name).join(", ");
}

function notAddable(later: readonly FieldSchema[]): readonly string[] {
  const refused = later.filter((field) => !field.nullable);
  if (refused.length === 0) return [];
  return [
    `fields ${namesOf(refused)} that were added after it was made, which Milvus refuses as they are not nullable`,
  ];
}

/** A field that is added gets the number after the highest, which is the dynamic field's where there is one. */
function otherIds(schema: CollectionSchema, together: number, later: readonly FieldSchema[]): readonly string[] {
  const next = FIRST_FIELD_ID + BigInt(together) + (schema.enableDynamicField ? 1n : 0n);
  const wrong = later.find((field, index) => field.fieldId !== next + BigInt(index));
  if (wrong === undefined) return [];
  return [`field ${wrong.name} has id ${wrong.fieldId}, which no new collection would give it`];
}
