/**
 * Proof that the configured Milvus root path is the one Milvus writes to: an object of a segment that the server
 * declares must lie below it. The usual mistake is `file` for `files` (or the other way round), which makes a copy of
 * nothing that looks like a backup.
 */

import { normalize } from "node:path";
import { AppError } from "../base/errors.ts";
import type { Int64 } from "../base/types.ts";
import { sourceLogPrefixes } from "../meta/layout.ts";
import type { MilvusContext } from "./context.ts";

/** Root paths that installations of Milvus use: Docker Compose, Helm and Operator, and none at all. */
const USUAL_ROOT_PATHS: readonly string[] = ["files", "file", ""];
/** Below or beside a folder that was named instead of the data folder itself. */
const USUAL_LOCAL_FOLDERS: readonly string[] = ["data", "../data", "..", "files", "../files"];
/** A bucket may be everybody's; each folder looked into costs one request. */
const MAX_FOLDERS = 50;

export interface DeclaredSegment {
  readonly collection: string;
  readonly collectionId: Int64;
  readonly partitionId: Int64;
  readonly segmentId: Int64;
  readonly rows: Int64;
}

function candidates(context: RootContext): readonly string[] {
  if (context.sourceRoot.name !== "local") return USUAL_ROOT_PATHS;
  const configured = context.sourceRoot.nativePath("");
  return USUAL_LOCAL_FOLDERS.map((folder) => normalize(`${configured}/${folder}`));
}

type RootContext = Pick<MilvusContext, "sourceRoot" | "openSourceRootAt" | "signal">;

/** @throws DATA_MISSING, naming the root path that does hold the segment when it is found. */
export async function requireSegmentInRoot(context: RootContext, segment: DeclaredSegment): Promise<void> {
  const prefix = sourceLogPrefixes(segment).insert;
  for await (const _ of context.sourceRoot.list(prefix, { signal: context.signal })) return;
  throw await missingSegment(context, segment);
}

/** The error for a segment that has rows and no objects; looks for it under other root paths first. */
export async function missingSegment(context: RootContext, segment: DeclaredSegment): Promise<AppError> {
  const where = context.sourceRoot.location;
  const declared =
    `Milvus declares ${segment.rows} rows in segment ${segment.segmentId} of ${segment.collection}, ` +
    `but ${where} holds no object of it`;
  const elsewhere = await findRootPath(context, sourceLogPrefixes(segment).insert);
  const details = {
    collection: segment.collection,
    segment: segment.segmentId.toString(),
    location: where,
    ...(elsewhere === undefined ? {} : { likely_root_path: elsewhere }),
  };
  if (elsewhere === undefined) {
    return new AppError(
      "DATA_MISSING",
      `${declared}; compare milvus.storage (address, bucketName, rootPath) with the storage section of this Milvus`,
      { details },
    );
  }
  return new AppError(
    "DATA_MISSING",
    `${declared}; it lies under the root path ${JSON.stringify(elsewhere)}: set milvus.storage.rootPath to that`,
    { details },
  );
}

/** The root path that holds something below `prefix`: a usual one, else a folder at the top of the bucket. */
async function findRootPath(context: RootContext, prefix: string): Promise<string | undefined> {
  for (const rootPath of candidates(context)) if (await holds(context, rootPath, prefix)) return rootPath;
  for (const folder of await topFolders(context)) if (await holds(context, folder, prefix)) return folder;
  return undefined;
}

/** Only a hint is looked for: a root that cannot be opened or listed is no hint. */
async function holds(context: RootContext, rootPath: string, prefix: string): Promise<boolean> {
  try {
    await using root = await context.openSourceRootAt(rootPath);
    if (root.location === context.sourceRoot.location) return false;
    for await (const _ of root.list(prefix, { signal: context.signal })) return true;
  } catch {
    // As above.
  }
  return false;
}

/** The first folders of the bucket; none for a local disk, whose top is not Milvus' alone. */
async function topFolders(context: RootContext): Promise<readonly string[]> {
  const folders: string[] = [];
  if (context.sourceRoot.name === "local") return folders;
  try {
    await using root = await context.openSourceRootAt("");
    for await (const folder of root.listDirectories("", { signal: context.signal })) {
      if (folders.push(folder) === MAX_FOLDERS) break;
    }
  } catch {
    // As above.
  }
  return folders;
}
