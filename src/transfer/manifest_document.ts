/** The root manifest (`meta/manifest.json`) <-> its bytes. The format is described in MANIFEST.md. */

import { type Checksum, type ChecksumAlgorithm, COMPUTABLE_CHECKSUMS, checksumOf } from "../base/checksum.ts";
import { AppError } from "../base/errors.ts";
import { objectKey } from "../storage/key.ts";
import { type CollectionManifestRef, MANIFEST_FORMAT_VERSION, type Manifest } from "./manifest.ts";
import { decodeChecksum, encodeChecksum, isCount } from "./manifest_entry.ts";
import type { CopyTotals } from "./plan.ts";

const SEAL = '\n  "self_checksum": ';
const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** JSON for people and tools; its last member is the SHA-256 of every line before it (`head -n -2 FILE | sha256sum`). */
export function encodeManifest(manifest: Manifest): Uint8Array<ArrayBuffer> {
  const document = {
    format_version: manifest.formatVersion,
    backup_id: manifest.backupId,
    backup_name: manifest.backupName,
    created_by: manifest.createdBy,
    algorithm: manifest.algorithm,
    totals: { objects: manifest.totals.objects, bytes: manifest.totals.bytes },
    documents: manifest.documents.map(({ key, size, checksum }) => ({ key, size, checksum: encodeChecksum(checksum) })),
    collections: manifest.collections.map(({ collectionId, key, checksum, totals }) => ({
      collection_id: collectionId,
      key,
      checksum: encodeChecksum(checksum),
      objects: totals.objects,
      bytes: totals.bytes,
    })),
  };
  const head = `${JSON.stringify(document, undefined, 2).slice(0, -"\n}".length)},`;
  const seal = encodeChecksum(checksumOf("sha256", encoder.encode(`${head}\n`)));
  return encoder.encode(`${head}${SEAL}"${seal}"\n}\n`);
}

/**
 * Unknown keys are ignored.
 * @param where the document's key, for messages
 * @throws CHECKSUM_MISMATCH (its own digest differs), BACKUP_INCOMPLETE (cut off, or not such a document), UNSUPPORTED (newer format)
 */
export function decodeManifest(content: Uint8Array, where: string): Manifest {
  const text = decoder.decode(content);
  const sealed = checkSeal(text, where);
  const reader = new Reader(parse(text, where), where);
  const version = reader.count("format_version");
  if (version > MANIFEST_FORMAT_VERSION) {
    throw new AppError(
      "UNSUPPORTED",
      `${where} has format ${version}, this program reads up to ${MANIFEST_FORMAT_VERSION}: use a newer milvus-backup`,
      { details: { version } },
    );
  }
  if (version !== MANIFEST_FORMAT_VERSION) throw reader.bad("format_version");
  if (!sealed) throw reader.bad("self_checksum");
  return {
    formatVersion: version,
    backupId: reader.text("backup_id"),
    backupName: reader.text("backup_name"),
    createdBy: reader.text("created_by"),
    algorithm: reader.algorithm("algorithm"),
    collections: reader.list("collections").map(collectionRef),
    documents: reader.list("documents").map((item) => ({
      key: item.text("key"),
      size: item.count("size"),
      checksum: item.checksum("checksum"),
    })),
    totals: totalsOf(reader.child("totals")),
  };
}

function collectionRef(item: Reader): CollectionManifestRef {
  return {
    collectionId: item.text("collection_id"),
    key: objectKey(item.text("key")),
    checksum: item.checksum("checksum"),
    totals: totalsOf(item),
  };
}

function totalsOf(item: Reader): CopyTotals {
  return { objects: item.count("objects"), bytes: item.count("bytes") };
}

/** @returns false where there is no seal @throws CHECKSUM_MISMATCH */
function checkSeal(text: string, where: string): boolean {
  const at = text.lastIndexOf(SEAL);
  if (at < 0) return false;
  const expected = /^"([a-z0-9:]+)"\n\}\n?$/.exec(text.slice(at + SEAL.length))?.[1];
  if (expected === undefined) return false;
  const actual = encodeChecksum(checksumOf("sha256", encoder.encode(text.slice(0, at + 1))));
  if (actual === expected) return true;
  throw new AppError(
    "CHECKSUM_MISMATCH",
    `${where} is damaged: its digest is ${actual}, not the ${expected} it names`,
    {
      details: { expected, actual },
    },
  );
}

function parse(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new AppError("BACKUP_INCOMPLETE", `${where} is cut off or not JSON`, { cause: error });
  }
}

/** Takes typed values out of parsed JSON and names the one that is wrong. */
class Reader {
  readonly #value: Record<string, unknown>;
  readonly #where: string;

  constructor(value: unknown, where: string) {
    this.#where = where;
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw this.bad("object");
    this.#value = value as Record<string, unknown>;
  }

  bad(name: string): AppError {
    return new AppError("BACKUP_INCOMPLETE", `${this.#where} is not a whole manifest: "${name}" is absent or wrong`, {
      details: { where: this.#where, name },
    });
  }

  text(name: string): string {
    const value = this.#value[name];
    if (typeof value !== "string") throw this.bad(name);
    return value;
  }

  count(name: string): number {
    const value = this.#value[name];
    if (!isCount(value)) throw this.bad(name);
    return value;
  }

  checksum(name: string): Checksum {
    const value = decodeChecksum(this.#value[name]);
    if (value === undefined) throw this.bad(name);
    return value;
  }

  algorithm(name: string): ChecksumAlgorithm {
    const value = COMPUTABLE_CHECKSUMS.find((algorithm) => algorithm === this.#value[name]);
    if (value === undefined) throw this.bad(name);
    return value;
  }

  child(name: string): Reader {
    return new Reader(this.#value[name], `${this.#where} ${name}`);
  }

  list(name: string): readonly Reader[] {
    const value = this.#value[name];
    if (!Array.isArray(value)) throw this.bad(name);
    return value.map((item, index) => new Reader(item, `${this.#where} ${name}[${index}]`));
  }
}
