/** A v1 configuration in v2 terms: each value keeps the place it really came from. */

import type { KeySpec, Value } from "./keys.ts";
import { type Finder, type Layers, lookupOf } from "./layers.ts";
import type { Problems } from "./problems.ts";
import { FAMILY_DEFAULTS, familyOf, PROVIDER_SYNONYMS } from "./providers.ts";
import { defaulted, type Found, isExplicit } from "./raw.ts";
import { V1_KEYS } from "./schema_v1.ts";
import type { Side } from "./storage_keys.ts";
import { convert, splitList } from "./values.ts";

/** v1 values by v1 key, each set or defaulted; backup keys left out inherit (`backupSibling`). */
type V1Values = ReadonlyMap<string, Found>;

/** Resolved v2 values by v2 key; what is absent has v2's default. */
export function translateV1(layers: Layers, problems: Problems): Finder {
  const values = readV1(layers);
  const v2 = new Map<string, Found>();
  for (const spec of V1_KEYS) {
    // Storage and the keys with a conversion follow below.
    if (spec.v2 === "" || spec.v2.includes(".storage.")) continue;
    v2.set(spec.v2, get(values, spec.key));
  }
  v2.set("milvus.grpc.tlsMode", tlsMode(values, problems));
  v2.set(
    "milvus.etcd.endpoints",
    map(get(values, "milvus.etcd.endpoints"), (value) => splitList(String(value))),
  );
  v2.set(
    "transfer.mode",
    map(get(values, "minio.crossStorage"), (value) => (value === true ? "streaming" : "auto")),
  );
  if (get(values, "http.enabled").value === false) {
    problems.warn("http.enabled: false has no meaning any more, ignored; do not run `server` where none is wanted");
  }
  refuseKeyContent(values, problems);
  for (const [key, found] of [...sectionV2("milvus", values), ...sectionV2("backup", values)]) v2.set(key, found);
  return { find: (spec) => checked(v2.get(spec.key), spec, problems) };
}

/** v1 judged types only; ranges and words are v2's. */
function checked(found: Found | undefined, spec: KeySpec, problems: Problems): Found | undefined {
  if (found === undefined || typeof found.value === "object") return found;
  const converted = convert({ kind: "scalar", value: found.value, text: String(found.value) }, spec);
  if ("value" in converted) return { ...found, value: converted.value };
  problems.addFor(spec.key, found, converted.problem);
  return undefined;
}

function readV1(layers: Layers): Map<string, Found> {
  const values = new Map<string, Found>();
  for (const spec of V1_KEYS) {
    const isEndpoints = spec.key === "milvus.etcd.endpoints";
    const lookup = lookupOf(spec, ...(spec.otherKeys ?? []));
    const found = isEndpoints ? layers.findText(spec, lookup) : layers.find(spec, lookup);
    const sibling = siblingOf(spec.key);
    const inherited = sibling === undefined ? undefined : values.get(sibling);
    if (found !== undefined) values.set(spec.key, found);
    else if (inherited === undefined) values.set(spec.key, defaulted(spec.default));
    else values.set(spec.key, { ...defaulted(inherited.value), inheritedFrom: inherited.origin });
  }
  // An unset backup root is Milvus' own, be it the default "files"; only an empty one gives way to "backup".
  const root = get(values, "minio.backupRootPath");
  if (!isExplicit(root) && root.value === "") values.set("minio.backupRootPath", defaulted("backup"));
  return values;
}

/** "minio.backupPort" -> "minio.port": the key whose value an unset backup key takes. */
function siblingOf(key: string): string | undefined {
  if (key === "storage.backupStorageType") return "storage.storageType";
  const match = /^minio\.backup([A-Z])(.*)$/.exec(key);
  return match === null ? undefined : `minio.${(match[1] ?? "").toLowerCase()}${match[2] ?? ""}`;
}

function tlsMode(values: V1Values, problems: Problems): Found {
  const mode = get(values, "milvus.tlsMode");
  const hasCertificate = ["milvus.mtlsCertPath", "milvus.mtlsKeyPath"].every((key) => get(values, key).value !== "");
  switch (mode.value) {
    case 0:
      return map(mode, () => "disabled");
    case 1:
      return map(mode, () => "server");
    case 2:
      if (hasCertificate) return map(mode, () => "mutual");
      problems.warn("milvus.tlsMode: 2 without mtlsCertPath and mtlsKeyPath is used as 1 (server TLS)");
      return { ...map(mode, () => "server"), note: "v1 had 2 (mutual) without mtlsCertPath and mtlsKeyPath" };
    default:
      problems.warn(`milvus.tlsMode: ${String(mode.value)} is not 0, 1 or 2; used as 0 (no TLS)`);
      return map(mode, () => "disabled");
  }
}

/** v1 files may hold the service account's JSON itself, private key and all; it is neither usable nor shown. */
function refuseKeyContent(values: Map<string, Found>, problems: Problems): void {
  for (const key of ["minio.gcpCredentialJSON", "minio.backupGcpCredentialJSON"]) {
    const found = get(values, key);
    if (!String(found.value).trimStart().startsWith("{")) continue;
    if (isExplicit(found)) problems.addFor(key, found, "must be the path of the service account file, not its content");
    values.set(key, defaulted(""));
  }
}

/** One storage section's v2 values. */
function sectionV2(side: Side, values: V1Values): readonly (readonly [string, Found])[] {
  const v1 = (name: string): Found => get(values, side === "milvus" ? `minio.${name}` : `minio.backup${upper(name)}`);
  const type = get(values, side === "milvus" ? "storage.storageType" : "storage.backupStorageType");
  const provider = map(type, (value) => canonical(String(value)));
  const plain = ["address", "port", "region", "useSSL", "bucketName", "rootPath"] as const;
  const entries: (readonly [string, Found])[] = [["provider", provider]];
  const family = familyOf(String(provider.value));
  const inherits = family === familyOf(canonical(String(get(values, "storage.storageType").value)));
  for (const name of plain) entries.push([name, orOwnPlace(v1(name), FAMILY_DEFAULTS[family]?.[name], inherits)]);
  entries.push(...credentials(String(provider.value), v1));
  return entries.map(([name, found]) => [`${side}.storage.${name}`, found] as const);
}

/** MinIO's address, which v1 has for every service that nobody wrote one for, is neither Google's nor Azure's. */
function orOwnPlace(found: Found, own: Value | undefined, inherits: boolean): Found {
  if (own === undefined || isExplicit(found)) return found;
  const isInherited = inherits && found.inheritedFrom !== undefined && found.inheritedFrom.source !== "default";
  return isInherited ? found : defaulted(own);
}

function credentials(provider: string, v1: (name: string) => Found): readonly (readonly [string, Found])[] {
  const useIam = v1("useIAM");
  if (provider === "local") return [];
  if (provider === "azure") {
    const account = ["accountName", v1("accessKeyID")] as const;
    if (useIam.value === true) return [account, ["auth.type", map(useIam, () => "default")]];
    return [account, ["auth.type", defaulted("sharedKey")], ["auth.accountKey", v1("secretAccessKey")]];
  }
  if (provider === "gcpnative") {
    return [
      ["auth.type", defaulted("serviceAccount")],
      ["auth.credentialsFile", v1("gcpCredentialJSON")],
    ];
  }
  if (useIam.value === true) {
    return [
      ["auth.type", map(useIam, () => "iam")],
      ["auth.endpoint", v1("iamEndpoint")],
    ];
  }
  return [
    ["auth.type", map(useIam, () => "static")],
    ["auth.accessKeyID", v1("accessKeyID")],
    ["auth.secretAccessKey", v1("secretAccessKey")],
    ["auth.sessionToken", v1("token")],
  ];
}

function canonical(written: string): string {
  const name = written.toLowerCase();
  return (Object.hasOwn(PROVIDER_SYNONYMS, name) ? PROVIDER_SYNONYMS[name] : undefined) ?? name;
}

function get(values: V1Values, key: string): Found {
  return values.get(key) ?? defaulted("");
}

function map(found: Found, change: (value: Value) => Value): Found {
  return { ...found, value: change(found.value) };
}

function upper(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}
