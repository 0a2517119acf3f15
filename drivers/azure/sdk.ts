/**
 * The Azure SDK. Imported by `await import("./sdk.ts")` only, because it is heavy; a module of ours with static imports stands
 * between, because Bun 1.4's bundler (--splitting --minify) breaks a dynamic import of CommonJS itself, which parts of it are.
 */

export {
  AnonymousCredential,
  BlobSASPermissions,
  BlobServiceClient,
  generateBlobSASQueryParameters,
  newPipeline,
  StorageSharedKeyCredential,
} from "@azure/storage-blob";
