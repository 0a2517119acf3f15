/**
 * The heavy libraries of this layer: gRPC, protobufjs and the Milvus definitions, about 150 ms. Imported by
 * `await import("./libraries.ts")` only. They are CommonJS, and Bun 1.4's bundler (--splitting --minify) breaks a dynamic
 * import of CommonJS itself, so a module of ours stands between.
 */

import * as grpc from "@grpc/grpc-js";
import definitions from "@zilliz/milvus2-sdk-node/dist/milvus/proto-json/milvus.js";
import protobuf from "protobufjs/light.js";

export { definitions, grpc, protobuf };
