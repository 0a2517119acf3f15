/** The storage providers by name: families, credentials each accepts, and other spellings of their names. */

/** How a section is addressed and authenticated. */
export type Family = "local" | "object" | "azure" | "gcpnative" | "plugin";

export type AuthType =
  | "static"
  | "iam"
  | "default"
  | "sharedKey"
  | "sas"
  | "connectionString"
  | "serviceAccount"
  | "none";

const FAMILY: Readonly<Record<string, Family>> = {
  local: "local",
  minio: "object",
  s3: "object",
  aws: "object",
  gcp: "object",
  gcpnative: "gcpnative",
  azure: "azure",
  aliyun: "object",
  tencent: "object",
  hwc: "object",
};

/** Canonical names, as configuration files of milvus-backup's Go tool spell them. */
export const PROVIDERS: readonly string[] = Object.keys(FAMILY);

/** Other names people use; a plugin driver of the same name comes first. */
export const PROVIDER_SYNONYMS: Readonly<Record<string, string>> = {
  ali: "aliyun",
  alibaba: "aliyun",
  alicloud: "aliyun",
  oss: "aliyun",
  tc: "tencent",
  cos: "tencent",
  huawei: "hwc",
  huaweicloud: "hwc",
  obs: "hwc",
  gcs: "gcpnative",
};

export function familyOf(provider: string): Family {
  return FAMILY[provider] ?? "plugin";
}

/** Kinds of credentials a family accepts; the first is what an unset `auth.type` means. */
export function authTypes(family: Family): readonly AuthType[] {
  switch (family) {
    case "azure":
      return ["sharedKey", "default", "sas", "connectionString"];
    case "gcpnative":
      return ["serviceAccount", "default", "none"];
    default:
      return ["static", "iam", "default"];
  }
}

/** Where a family's services are, when nothing says so; the other families share the defaults of the schema. */
export const FAMILY_DEFAULTS: Readonly<Partial<Record<Family, Readonly<Record<string, string | number | boolean>>>>> = {
  azure: { address: "core.windows.net", port: 443, useSSL: true },
  gcpnative: { address: "storage.googleapis.com", port: 443, useSSL: true },
};

/** Which credentials belong to which `auth.type`, and which of them it cannot do without. */
export const CREDENTIALS: Readonly<
  Record<AuthType, { readonly applies: readonly string[]; readonly required: readonly string[] }>
> = {
  static: {
    applies: ["auth.accessKeyID", "auth.secretAccessKey", "auth.sessionToken"],
    required: ["auth.accessKeyID", "auth.secretAccessKey"],
  },
  sharedKey: { applies: ["auth.accountKey"], required: ["auth.accountKey"] },
  sas: { applies: ["auth.sasToken"], required: ["auth.sasToken"] },
  connectionString: { applies: ["auth.connectionString"], required: ["auth.connectionString"] },
  serviceAccount: { applies: ["auth.credentialsFile"], required: ["auth.credentialsFile"] },
  iam: { applies: ["auth.endpoint"], required: [] },
  default: { applies: [], required: [] },
  none: { applies: [], required: [] },
};

// Google's "application default credentials" are a file of several kinds, or else a metadata server.
const DEFAULT_OF_GCPNATIVE: readonly string[] = ["auth.credentialsFile", "auth.endpoint"];

/** Names of the credentials that a section with this `auth.type` may hold; none for a type that is not known. */
export function credentialsOf(type: string, family: Family): readonly string[] {
  if (type === "default" && family === "gcpnative") return DEFAULT_OF_GCPNATIVE;
  return Object.entries(CREDENTIALS).find(([name]) => name === type)?.[1].applies ?? [];
}

/** Every credential name, in schema order. */
export const CREDENTIAL_NAMES: readonly string[] = Object.values(CREDENTIALS).flatMap((entry) => entry.applies);

/**
 * The canonical provider name, or undefined for a name nobody knows.
 * @param knows whether a driver is registered under the name; a name that is both a synonym and a driver of its own is
 *   the driver's, one that is a driver's alias for the same service is made canonical.
 */
export function canonicalProvider(written: string, knows: (name: string) => object | undefined): string | undefined {
  const name = written.toLowerCase();
  if (Object.hasOwn(FAMILY, name)) return name;
  const own = knows(name);
  const synonym = Object.hasOwn(PROVIDER_SYNONYMS, name) ? PROVIDER_SYNONYMS[name] : undefined;
  if (synonym !== undefined && (own === undefined || own === knows(synonym))) return synonym;
  return own === undefined ? undefined : name;
}
