/** Milvus messages and our own types, both ways. */

import type {
  CollectionSchema,
  FieldSchema,
  FunctionSchema,
  IndexMeta,
  KeyValue,
  StructArrayFieldSchema,
} from "../meta/types.ts";
import type { CollectionDescription } from "./gateway.ts";
import type {
  WireCollectionSchema,
  WireDescribeCollection,
  WireFieldSchema,
  WireFunction,
  WireIndex,
  WireKeyValue,
  WireStructArrayField,
} from "./messages.ts";

/** @param raw the bytes `answer` was read from */
export function toDescription(answer: WireDescribeCollection, raw: Uint8Array): CollectionDescription {
  const schema = answer.schema === null ? EMPTY_SCHEMA : toSchema(answer.schema);
  return {
    id: BigInt(answer.collectionID),
    // Servers before 2.3 do not say it; there is nothing but "default" then, or the caller knows better.
    databaseName: answer.db_name,
    databaseId: BigInt(answer.db_id),
    // Servers before 2.4 leave the name to the schema.
    name: answer.collection_name || schema.name,
    schema,
    shards: answer.shards_num,
    consistencyLevel: answer.consistency_level,
    properties: toKeyValues(answer.properties),
    virtualChannels: [...answer.virtual_channel_names],
    physicalChannels: [...answer.physical_channel_names],
    aliases: [...answer.aliases],
    createdTimestamp: BigInt(answer.created_timestamp),
    raw,
    external: answer.schema?.fields.some((field) => (field.external_field ?? "") !== "") ?? false,
  };
}

const EMPTY_SCHEMA: CollectionSchema = {
  name: "",
  description: "",
  autoId: false,
  fields: [],
  enableDynamicField: false,
  properties: [],
  functions: [],
  structArrayFields: [],
};

export function toSchema(wire: WireCollectionSchema): CollectionSchema {
  return {
    name: wire.name,
    description: wire.description,
    autoId: wire.autoID,
    fields: wire.fields.map(toField),
    enableDynamicField: wire.enable_dynamic_field,
    properties: toKeyValues(wire.properties),
    functions: wire.functions.map(toFunction),
    structArrayFields: wire.struct_array_fields.map(toStructArray),
  };
}

function toField(wire: WireFieldSchema): FieldSchema {
  return {
    fieldId: BigInt(wire.fieldID),
    name: wire.name,
    isPrimaryKey: wire.is_primary_key,
    description: wire.description,
    dataType: wire.data_type,
    typeParams: toKeyValues(wire.type_params),
    indexParams: toKeyValues(wire.index_params),
    autoId: wire.autoID,
    elementType: wire.element_type,
    isDynamic: wire.is_dynamic,
    isPartitionKey: wire.is_partition_key,
    nullable: wire.nullable,
    isFunctionOutput: wire.is_function_output,
    // A default is never empty bytes: its oneof is written even when the value is zero.
    ...(wire.default_value?.length ? { defaultValue: new Uint8Array(wire.default_value) } : {}),
    ...(wire.is_clustering_key ? { isClusteringKey: true } : {}),
  };
}

function toStructArray(wire: WireStructArrayField): StructArrayFieldSchema {
  return {
    fieldId: BigInt(wire.fieldID),
    name: wire.name,
    description: wire.description,
    fields: wire.fields.map(toField),
  };
}

function toFunction(wire: WireFunction): FunctionSchema {
  return {
    name: wire.name,
    id: BigInt(wire.id),
    description: wire.description,
    type: wire.type,
    inputFieldNames: [...wire.input_field_names],
    inputFieldIds: wire.input_field_ids.map(BigInt),
    outputFieldNames: [...wire.output_field_names],
    outputFieldIds: wire.output_field_ids.map(BigInt),
    params: toKeyValues(wire.params),
  };
}

export function toIndex(wire: WireIndex): IndexMeta {
  const params = Object.fromEntries(wire.params.map(({ key, value }) => [key, value]));
  return {
    fieldName: wire.field_name,
    indexName: wire.index_name,
    indexType: params.index_type ?? "",
    params,
    indexId: BigInt(wire.indexID),
  };
}

export function toKeyValues(wire: readonly WireKeyValue[]): readonly KeyValue[] {
  return wire.map(({ key, value }) => ({ key, value }));
}

/**
 * The schema to create a collection from. The dynamic field is left out (the server makes it), and fields keep their
 * order: the server ignores the ids it is sent and numbers from 100 in list order.
 */
export function fromSchema(schema: CollectionSchema, name: string): WireCollectionSchema {
  return {
    name,
    description: schema.description,
    autoID: schema.autoId,
    fields: schema.fields.filter((field) => !field.isDynamic).map(fromField),
    enable_dynamic_field: schema.enableDynamicField,
    properties: [...schema.properties],
    functions: schema.functions.map(fromFunction),
    struct_array_fields: schema.structArrayFields.map((field) => ({
      fieldID: field.fieldId.toString(),
      name: field.name,
      description: field.description,
      fields: field.fields.map(fromField),
    })),
  };
}

export function fromField(field: FieldSchema): WireFieldSchema {
  return {
    fieldID: field.fieldId.toString(),
    name: field.name,
    is_primary_key: field.isPrimaryKey,
    description: field.description,
    data_type: field.dataType,
    type_params: field.typeParams,
    index_params: field.indexParams,
    autoID: field.autoId,
    element_type: field.elementType,
    ...(field.defaultValue === undefined ? {} : { default_value: field.defaultValue }),
    is_dynamic: field.isDynamic,
    is_partition_key: field.isPartitionKey,
    is_clustering_key: field.isClusteringKey ?? false,
    nullable: field.nullable,
    is_function_output: field.isFunctionOutput,
  };
}

function fromFunction(wire: FunctionSchema): WireFunction {
  return {
    name: wire.name,
    id: wire.id.toString(),
    description: wire.description,
    type: wire.type,
    input_field_names: wire.inputFieldNames,
    input_field_ids: wire.inputFieldIds.map(String),
    output_field_names: wire.outputFieldNames,
    output_field_ids: wire.outputFieldIds.map(String),
    params: wire.params,
  };
}
