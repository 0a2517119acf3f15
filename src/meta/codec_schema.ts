/** Tables of a collection's schema and indexes: keys, order and types as the Go tool writes them. */

import { type Column, message } from "./codec_message.ts";
import { bytes, flag, int32, int64, list, text, textMap, type ZeroCodec } from "./codec_values.ts";
import type {
  CollectionSchema,
  DatabaseMeta,
  Extensible,
  FieldSchema,
  FunctionSchema,
  IndexMeta,
  KeyValue,
  StructArrayFieldSchema,
} from "./types.ts";

/** {"key":"dim","value":"8"}; either may be absent when empty. */
const keyValue: ZeroCodec<KeyValue & Extensible> = message<KeyValue & Extensible>([
  { key: "key", property: "key", codec: text },
  { key: "value", property: "value", codec: text },
]);

export const keyValues: ZeroCodec<readonly KeyValue[]> = list(keyValue);

const fieldColumns: readonly Column<FieldSchema>[] = [
  { key: "fieldID", property: "fieldId", codec: int64 },
  { key: "name", property: "name", codec: text },
  { key: "is_primary_key", property: "isPrimaryKey", codec: flag },
  { key: "description", property: "description", codec: text },
  { key: "data_type", property: "dataType", codec: int32 },
  { key: "type_params", property: "typeParams", codec: keyValues },
  { key: "index_params", property: "indexParams", codec: keyValues },
  { key: "autoID", property: "autoId", codec: flag },
  { kept: "state" },
  { key: "element_type", property: "elementType", codec: int32 },
  { kept: "default_value" },
  { key: "is_dynamic", property: "isDynamic", codec: flag },
  { key: "is_partition_key", property: "isPartitionKey", codec: flag },
  { key: "nullable", property: "nullable", codec: flag },
  { kept: "default_value_proto" },
  { key: "is_function_output", property: "isFunctionOutput", codec: flag },
  { key: "default_value_base64", property: "defaultValue", codec: bytes },
];

const plainField = message<FieldSchema>(fieldColumns);

/** Releases before 0.5 forced the protobuf bytes of a default into a JSON string; they are its UTF-8 bytes. */
const field: ZeroCodec<FieldSchema> = {
  ...plainField,
  read(value) {
    const result = plainField.read(value);
    const legacy = result.unknown?.default_value_proto;
    if (result.defaultValue !== undefined || typeof legacy !== "string" || legacy === "") return result;
    return { ...result, defaultValue: new TextEncoder().encode(legacy) };
  },
};

const structArrayField = message<StructArrayFieldSchema>([
  { key: "fieldID", property: "fieldId", codec: int64 },
  { key: "name", property: "name", codec: text },
  { key: "description", property: "description", codec: text },
  { key: "fields", property: "fields", codec: list(field) },
]);

const functionSchema = message<FunctionSchema>([
  { key: "name", property: "name", codec: text },
  { key: "id", property: "id", codec: int64 },
  { key: "description", property: "description", codec: text },
  { key: "type", property: "type", codec: int32 },
  { key: "input_field_names", property: "inputFieldNames", codec: list(text) },
  { key: "input_field_ids", property: "inputFieldIds", codec: list(int64) },
  { key: "output_field_names", property: "outputFieldNames", codec: list(text) },
  { key: "output_field_ids", property: "outputFieldIds", codec: list(int64) },
  { key: "params", property: "params", codec: keyValues },
]);

export const collectionSchema: ZeroCodec<CollectionSchema> = message<CollectionSchema>([
  { key: "name", property: "name", codec: text },
  { key: "description", property: "description", codec: text },
  { key: "autoID", property: "autoId", codec: flag },
  { key: "fields", property: "fields", codec: list(field) },
  { key: "enable_dynamic_field", property: "enableDynamicField", codec: flag },
  { key: "properties", property: "properties", codec: keyValues },
  { key: "functions", property: "functions", codec: list(functionSchema) },
  { key: "struct_array_fields", property: "structArrayFields", codec: list(structArrayField) },
]);

export const indexMeta: ZeroCodec<IndexMeta> = message<IndexMeta>([
  { key: "field_name", property: "fieldName", codec: text },
  { key: "index_name", property: "indexName", codec: text },
  { key: "index_type", property: "indexType", codec: text },
  { key: "params", property: "params", codec: textMap },
  { key: "index_id", property: "indexId", codec: int64 },
  { kept: "field_id" },
  { kept: "create_time" },
  { kept: "type_params" },
  { kept: "index_params" },
  { kept: "user_index_params" },
  { kept: "is_auto_index" },
  { kept: "min_index_version" },
  { kept: "max_index_version" },
]);

export const databaseMeta: ZeroCodec<DatabaseMeta> = message<DatabaseMeta>([
  { key: "db_name", property: "name", codec: text },
  { key: "db_id", property: "id", codec: int64 },
  { key: "properties", property: "properties", codec: keyValues },
  { kept: "ezk" },
]);
