/**
 * S3-compatible services as data: one row each, so that a service's quirk is a value here and never an `if` elsewhere.
 * "s3" is the row for a service without one of its own.
 */

import type { CopyKind } from "./copy_checksum.ts";

export type AddressingStyle = "path" | "virtual";

/** What a service checks on an upload: CRC32 in its own header, the old Content-MD5, or nothing that is known. */
export type WireCheck = "crc32" | "md5" | "none";

export interface Provider {
  /** One phrase for documentation. */
  readonly title: string;
  /** Host used when `address` is empty or one of `globalHosts`; `{region}` is replaced. */
  readonly host?: string;
  /** Hosts without a region in them that stand for `host`. */
  readonly globalHosts?: readonly string[];
  /** Hosts that are this service's, whatever name the configuration gives it. */
  readonly owns?: RegExp;
  /** Finds the region in a host; its first group is the region. */
  readonly regionInHost?: RegExp;
  /** Signing region when none is configured and the host names none. */
  readonly defaultRegion: string;
  readonly addressing: AddressingStyle;
  readonly wireCheck: WireCheck;
  /** Whole-object CRC32 over all parts of a multipart upload (x-amz-checksum-type: FULL_OBJECT). */
  readonly fullObjectCrc32: boolean;
  /** A CRC32 of the copy on request (x-amz-checksum-algorithm): by CopyObject, and by a FULL_OBJECT upload of copied parts. */
  readonly copyCrc32: Readonly<Record<CopyKind, boolean>>;
  /** If-None-Match: * on an upload. */
  readonly ifAbsent: boolean;
  /** UploadPartCopy. */
  readonly multipartCopy: boolean;
  /** Largest object one CopyObject takes, in bytes. */
  readonly maxCopyBytes: number;
  readonly maxParts: number;
  /** How often an upload or copy that is denied is tried in all: MinIO denies some by mistake (denied.ts). */
  readonly triesWhenDenied: number;
  /** What a download asks for, so that a stored Content-Encoding is neither added nor removed on the way. */
  readonly acceptEncoding: "identity" | "gzip";
  /** Status codes besides 200, 204 and 404 that mean "deleted". */
  readonly deleteStatuses: readonly number[];
}

const GIB = 1024 ** 3;

const GENERIC: Provider = {
  title: "any other S3-compatible service",
  defaultRegion: "us-east-1",
  addressing: "path",
  // Refused once, the next weaker check is used from then on (wire_check.ts).
  wireCheck: "crc32",
  fullObjectCrc32: false,
  copyCrc32: { whole: false, parts: false },
  ifAbsent: false,
  multipartCopy: true,
  maxCopyBytes: 5 * GIB,
  maxParts: 10_000,
  triesWhenDenied: 4,
  acceptEncoding: "identity",
  deleteStatuses: [],
};

const MINIO: Provider = {
  ...GENERIC,
  title: "MinIO",
  fullObjectCrc32: true,
  // Copied parts get none, and an upload that declared one then refuses them (400, "checksum missing").
  copyCrc32: { whole: true, parts: false },
  ifAbsent: true,
};

const AWS: Provider = {
  ...GENERIC,
  title: "Amazon S3",
  triesWhenDenied: 1,
  host: "s3.{region}.amazonaws.com",
  globalHosts: ["s3.amazonaws.com", "amazonaws.com"],
  owns: /(?:^|\.)amazonaws\.com(?:\.cn)?$/,
  regionInHost: /^(?:.+\.)?s3[.-](?:dualstack\.|fips[.-])?([a-z]{2}(?:-[a-z]+)+-\d+)\.amazonaws\.com/,
  addressing: "virtual",
  fullObjectCrc32: true,
  copyCrc32: { whole: true, parts: true },
  ifAbsent: true,
};

const GCP: Provider = {
  ...GENERIC,
  title: "Google Cloud Storage through its S3-compatible XML interface, with HMAC keys",
  triesWhenDenied: 1,
  host: "storage.googleapis.com",
  owns: /(?:^|\.)storage\.googleapis\.com$/,
  defaultRegion: "auto",
  wireCheck: "md5",
  // The XML interface has no UploadPartCopy; larger objects go through this process.
  multipartCopy: false,
  // Asking for "identity" would make the service unpack objects stored with Content-Encoding: gzip.
  acceptEncoding: "gzip",
};

const ALIYUN: Provider = {
  ...GENERIC,
  title: "Alibaba Cloud OSS",
  triesWhenDenied: 1,
  host: "s3.oss-{region}.aliyuncs.com",
  owns: /\.aliyuncs\.com$/,
  regionInHost: /oss-([a-z]+(?:-[a-z0-9]+)+?)(?:-internal)?\.aliyuncs\.com/,
  defaultRegion: "cn-hangzhou",
  addressing: "virtual",
  wireCheck: "md5",
  maxCopyBytes: 1 * GIB,
};

const TENCENT: Provider = {
  ...GENERIC,
  title: "Tencent Cloud COS",
  triesWhenDenied: 1,
  host: "cos.{region}.myqcloud.com",
  owns: /\.(?:myqcloud\.com|tencentcos\.cn)$/,
  regionInHost: /cos\.([a-z]+(?:-[a-z0-9]+)+)\.(?:myqcloud|tencentcos)\.c/,
  defaultRegion: "ap-guangzhou",
  addressing: "virtual",
  wireCheck: "md5",
};

const HUAWEI: Provider = {
  ...GENERIC,
  title: "Huawei Cloud OBS",
  triesWhenDenied: 1,
  host: "obs.{region}.myhuaweicloud.com",
  owns: /\.myhuaweicloud\.com$/,
  regionInHost: /obs\.([a-z]+(?:-[a-z0-9]+)+)\.myhuaweicloud\.com/,
  defaultRegion: "cn-north-4",
  addressing: "virtual",
  wireCheck: "md5",
};

const CEPH: Provider = { ...GENERIC, title: "Ceph Object Gateway", defaultRegion: "default", wireCheck: "md5" };

const R2: Provider = {
  ...GENERIC,
  title: "Cloudflare R2",
  triesWhenDenied: 1,
  owns: /\.r2\.cloudflarestorage\.com$/,
  defaultRegion: "auto",
  wireCheck: "md5",
  ifAbsent: true,
};

/** Every name a configuration may use, spelled in lower case. */
export const PROVIDERS: Readonly<Record<string, Provider>> = {
  s3: GENERIC,
  minio: MINIO,
  aws: AWS,
  gcp: GCP,
  aliyun: ALIYUN,
  ali: ALIYUN,
  alibaba: ALIYUN,
  alicloud: ALIYUN,
  tencent: TENCENT,
  tc: TENCENT,
  hwc: HUAWEI,
  huawei: HUAWEI,
  ceph: CEPH,
  r2: R2,
};

/**
 * The row of a configured name, which any service without a row of its own shares. "s3" and "minio" are also what people
 * call other services, so for those two the address decides where it is one that a row knows.
 */
export function providerOf(name: string, address: string): Provider {
  const named = PROVIDERS[name.toLowerCase()] ?? GENERIC;
  if (named !== GENERIC && named !== MINIO) return named;
  return Object.values(PROVIDERS).find((row) => row.owns?.test(address)) ?? named;
}
