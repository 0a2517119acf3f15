/** Keys of MinIO that may do less than the root user's: a session whose policy the test writes. */

import { createHash, createHmac } from "node:crypto";
import type { StorageSection } from "./backup_config.ts";
import type { MinioServer } from "./minio.ts";

export interface SessionKeys {
  readonly accessKeyID: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
}

/** One statement of a policy: these actions on these resources, "*" for every bucket and key. */
export interface Allowed {
  readonly actions: readonly string[];
  /** "bucket" for the bucket's own actions, "bucket/prefix/*" for those of objects. */
  readonly resources: readonly string[];
}

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
const hmac = (key: string | Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest();

/** Asks MinIO's own security token service (AssumeRole) for keys that are good for an hour. */
export async function openSession(minio: MinioServer, allowed: readonly Allowed[]): Promise<SessionKeys> {
  const policy = {
    Version: "2012-10-17",
    Statement: allowed.map(({ actions, resources }) => ({
      Effect: "Allow",
      Action: actions,
      Resource: resources.map((name) => `arn:aws:s3:::${name}`),
    })),
  };
  const body = new URLSearchParams({
    Action: "AssumeRole",
    Version: "2011-06-15",
    DurationSeconds: "3600",
    Policy: JSON.stringify(policy),
  }).toString();
  const answer = await fetch(`${minio.url}/`, { method: "POST", headers: signed(minio, body), body });
  const text = await answer.text();
  const value = (name: string): string => new RegExp(`<${name}>([^<]*)</${name}>`).exec(text)?.[1] ?? "";
  if (!answer.ok) throw new Error(`MinIO refuses a session: ${answer.status} ${text}`);
  return {
    accessKeyID: value("AccessKeyId"),
    secretAccessKey: value("SecretAccessKey"),
    sessionToken: value("SessionToken"),
  };
}

/** The section with these keys in place of its own. */
export function withKeys(section: StorageSection, keys: SessionKeys): StorageSection {
  return { ...section, auth: { type: "static", ...keys } };
}

function signed(minio: MinioServer, body: string): Record<string, string> {
  const time = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, "");
  const scope = `${time.slice(0, 8)}/us-east-1/sts/aws4_request`;
  const headers = {
    "content-type": "application/x-www-form-urlencoded",
    host: `${minio.host}:${minio.port}`,
    "x-amz-date": time,
  };
  const names = Object.keys(headers).join(";");
  const lines = Object.entries(headers).map(([name, value]) => `${name}:${value}\n`);
  const request = ["POST", "/", "", lines.join(""), names, sha256(body)].join("\n");
  const key = scope.split("/").reduce<string | Buffer>((last, part) => hmac(last, part), `AWS4${minio.secretKey}`);
  const signature = hmac(key, ["AWS4-HMAC-SHA256", time, scope, sha256(request)].join("\n")).toString("hex");
  const authorization = `AWS4-HMAC-SHA256 Credential=${minio.accessKey}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
  return { ...headers, authorization };
}
