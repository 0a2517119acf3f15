/**
 * The Milvus protobuf definitions. They come as JSON inside @zilliz/milvus2-sdk-node (Milvus 3.0); only that one file
 * and protobufjs are loaded (about 70 ms), not the SDK itself (about 1 s: it brings parquet, winston and a REST client).
 *
 * Messages are plain objects with the proto's own field names. Decoded: int64 as decimal strings, enums as numbers
 * (so that data types newer than these definitions pass through), absent messages null, absent lists empty.
 * To encode, int64 may be given as decimal strings, bytes as Uint8Array.
 */

import type * as Protobuf from "protobufjs/light.js";
import type { INamespace, Root, Type } from "protobufjs/light.js";
import type { MethodName } from "./messages.ts";

const SERVICE = "milvus.proto.milvus.MilvusService";

export interface ProtoType {
  /** e.g. ".milvus.proto.common.Status". */
  readonly name: string;
  hasField(name: string): boolean;
  encode(message: object): Uint8Array;
  /** @throws Error when the bytes are not this message */
  decode(bytes: Uint8Array): object;
}

export interface ProtoMethod {
  /** e.g. "/milvus.proto.milvus.MilvusService/Flush". */
  readonly path: string;
  readonly request: ProtoType;
  readonly response: ProtoType;
}

export interface MilvusProto {
  method(name: MethodName): ProtoMethod;
  /** By full name without the leading dot: "milvus.proto.schema.CollectionSchema". */
  type(name: string): ProtoType;
  /** "Flushed" for ("milvus.proto.common.SegmentState", 4); the number as text when these definitions lack it. */
  enumName(enumeration: string, value: number): string;
}

let loaded: Promise<MilvusProto> | undefined;

/** Loads the definitions once for the process. */
export function loadMilvusProto(): Promise<MilvusProto> {
  loaded ??= load();
  return loaded;
}

async function load(): Promise<MilvusProto> {
  const { protobuf, definitions } = await import("./libraries.ts");
  const root = protobuf.Root.fromJSON(namespaceOf(definitions));
  keepAsBytes(root, protobuf);
  return createProto(root);
}

/** The file is CommonJS: its default export is wrapped once or twice, depending on who bundles it. */
function namespaceOf(exported: object): INamespace {
  return "default" in exported && typeof exported.default === "object" && exported.default !== null
    ? exported.default
    : exported;
}

function createProto(root: Root): MilvusProto {
  const types = new Map<string, ProtoType>();
  const typeOf = (type: Type): ProtoType => {
    const known = types.get(type.fullName);
    if (known !== undefined) return known;
    const made = createType(type);
    types.set(type.fullName, made);
    return made;
  };
  return {
    method: (name) => {
      const method = root.lookupService(SERVICE).methods[name];
      if (method === undefined) throw new Error(`the Milvus definitions have no call ${name}`);
      method.resolve();
      if (method.resolvedRequestType === null || method.resolvedResponseType === null) {
        throw new Error(`the Milvus definitions of ${name} are incomplete`);
      }
      return {
        path: `/${SERVICE}/${name}`,
        request: typeOf(method.resolvedRequestType),
        response: typeOf(method.resolvedResponseType),
      };
    },
    type: (name) => typeOf(root.lookupType(name)),
    enumName: (enumeration, value) => root.lookupEnum(enumeration).valuesById[value] ?? String(value),
  };
}

/**
 * Two embedded messages are treated as opaque bytes, which is the same on the wire: a field's default value and the
 * channel checkpoints of a flush go into the backup exactly as the server sent them, also when they hold something newer.
 */
function keepAsBytes(root: Root, { Field, MapField }: typeof Protobuf): void {
  const schema = root.lookupType("milvus.proto.schema.FieldSchema");
  const value = fieldOf(schema, "default_value");
  schema.remove(value).add(new Field(value.name, value.id, "bytes"));
  const flush = root.lookupType("milvus.proto.milvus.FlushResponse");
  const positions = fieldOf(flush, "channel_cps");
  flush.remove(positions).add(new MapField(positions.name, positions.id, "string", "bytes"));
}

function fieldOf(type: Type, name: string): Protobuf.Field {
  const field = type.fields[name];
  if (field === undefined) throw new Error(`the Milvus definitions have no ${type.name}.${name}`);
  return field;
}

function createType(type: Type): ProtoType {
  return {
    name: type.fullName,
    hasField: (name) => Object.hasOwn(type.fields, name),
    encode: (message) => type.encode(type.fromObject(message)).finish(),
    decode: (bytes) => type.toObject(type.decode(bytes), { longs: String, defaults: true }),
  };
}
