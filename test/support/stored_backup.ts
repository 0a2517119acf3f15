import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** What a manifest says of one object. */
interface ManifestLine {
  readonly key: string;
  readonly size: number;
  readonly evidence: string;
  readonly checksum?: string;
}

/**
 * Reads a backup on disk without any code of src/: every object below binlogs/ against the line that the manifest has for it.
 * @returns what does not agree, one line each, and how many objects do
 */
export async function auditBackup(folder: string): Promise<{ objects: number; problems: string[] }> {
  const lines = new Map((await manifestLines(folder)).map((line) => [line.key, line]));
  const problems: string[] = [];
  let objects = 0;
  const stored = (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
  for (const key of stored.filter((name) => name.startsWith("binlogs/"))) {
    const line = lines.get(key);
    lines.delete(key);
    const content = await readFile(join(folder, key));
    const checksum = `sha256:${createHash("sha256").update(content).digest("hex")}`;
    if (line === undefined) problems.push(`${key} is in no manifest`);
    else if (line.size !== content.length) problems.push(`${key}: ${content.length} bytes, recorded ${line.size}`);
    else if (line.checksum !== checksum) problems.push(`${key}: ${checksum}, recorded ${line.checksum}`);
    else objects += 1;
  }
  problems.push(...[...lines.keys()].map((key) => `${key} is recorded and absent`));
  return { objects, problems };
}

async function manifestLines(folder: string): Promise<ManifestLine[]> {
  const manifests = join(folder, "meta", "manifests");
  const texts = await Promise.all(
    (await readdir(manifests)).map(async (name) => readFile(join(manifests, name), "utf8")),
  );
  return texts.flatMap((text) => text.split("\n").filter((line) => line !== "")).map((line) => JSON.parse(line));
}
