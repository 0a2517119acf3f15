/** The v2 document of a translated v1 configuration: every key that applies, in schema order, with comments. */

import type { KeySpec, Value } from "./keys.ts";
import { type Finder, valueOrDefault } from "./layers.ts";
import { CREDENTIAL_NAMES, CREDENTIALS } from "./providers.ts";
import type { Found } from "./raw.ts";
import { V2_KEYS, VERSION_KEY } from "./schema_v2.ts";

/** Keys that v1 could not set and that older releases do not know; their defaults need no line. */
const OMITTED: readonly string[] = ["transfer.verify", "plugins"];

/** What makes two storages different services, between which `crossStorage` was needed. */
const SERVICE_NAMES: readonly string[] = ["provider", "address", "port", "region", "useSSL", "accountName"];

export interface MigratedDocument {
  readonly document: string;
  readonly warnings: readonly string[];
}

export async function migratedDocument(finder: Finder): Promise<MigratedDocument> {
  const values = new Map<string, Found>(V2_KEYS.map((spec) => [spec.key, valueOrDefault(finder, spec)]));
  const warnings: string[] = [];
  const { Document, isMap, isScalar, Scalar } = await import("yaml");
  // The document keeps the keys of maps it made itself as plain texts.
  const nameOf = (key: unknown): unknown => (isScalar(key) ? key.value : key);
  const document = new Document({ [VERSION_KEY]: "v2" });
  for (const spec of V2_KEYS) {
    const found = values.get(spec.key);
    if (found === undefined || OMITTED.includes(spec.key) || !applies(spec.key, values)) continue;
    const withheld = isWithheld(spec, found);
    if (withheld) warnings.push(`${spec.key} came from the environment and was not written; set ${spec.env ?? ""}`);
    const comment = withheld ? `set via env ${spec.env ?? ""}` : commentOf(spec.key, found);
    const path = spec.key.split(".");
    document.setIn(path, document.createNode(plain(withheld ? spec.default : found.value)));
    if (comment === undefined) continue;
    const parent = document.getIn(path.slice(0, -1));
    const pair = isMap(parent) ? parent.items.find((it) => nameOf(it.key) === path.at(-1)) : undefined;
    if (pair !== undefined) pair.key = Object.assign(new Scalar(path.at(-1)), { commentBefore: ` ${comment}` });
  }
  if (values.get("transfer.mode")?.value === "auto" && !isSameService(values)) {
    warnings.push(
      "transfer.mode is auto (minio.crossStorage was false), but the two storages are different services: " +
        "objects will be copied through this program",
    );
  }
  for (const side of ["milvus", "backup"]) {
    if (text(values, `${side}.storage.provider`) !== "gcpnative") continue;
    warnings.push(`${side}.storage.auth.credentialsFile must be the path of the service account file, not its content`);
  }
  return { document: document.toString({ indent: 2, lineWidth: 0 }), warnings };
}

function plain(value: Value): unknown {
  return typeof value === "object" ? [...value] : value;
}

/** Credentials of another kind, and keys of another provider, would be errors in v2. */
function applies(key: string, values: ReadonlyMap<string, Found>): boolean {
  const match = /^(milvus|backup)\.storage\.(.*)$/.exec(key);
  const [, side = "", name = ""] = match ?? [];
  if (match === null) return true;
  const provider = text(values, `${side}.storage.provider`);
  if (name === "accountName") return provider === "azure";
  if (name === "localPath") return provider === "local";
  if (!CREDENTIAL_NAMES.includes(name)) return true;
  const type = text(values, `${side}.storage.auth.type`);
  const kind = Object.entries(CREDENTIALS).find(([it]) => it === type)?.[1];
  return provider !== "local" && kind?.applies.includes(name) === true;
}

/** A secret from a variable stays out of the file; a backup secret that was left out goes with its sibling. */
function isWithheld(spec: KeySpec, found: Found): boolean {
  const isSecret = spec.secret === true || spec.key.endsWith(".auth.credentialsFile");
  const { source } = found.inheritedFrom ?? found.origin;
  return isSecret && spec.env !== undefined && source === "env";
}

function commentOf(key: string, found: Found): string | undefined {
  if (key !== "transfer.mode" || found.value !== "auto") return found.note;
  return "v1 had crossStorage: false; auto copies inside the service where both storages share one";
}

function isSameService(values: ReadonlyMap<string, Found>): boolean {
  return SERVICE_NAMES.every((it) => text(values, `milvus.storage.${it}`) === text(values, `backup.storage.${it}`));
}

function text(values: ReadonlyMap<string, Found>, key: string): string {
  return String(values.get(key)?.value ?? "");
}
