/**
 * Keys of a machine's role from an instance metadata service (version 2) at a configured endpoint. The SDK's chain finds
 * the usual one by itself and takes another only from the environment, hence this one for `auth.endpoint`.
 */

import type { ExpiringCredentials } from "./credentials.ts";

const ROLE_PATH = "/latest/meta-data/iam/security-credentials/";
const TIMEOUT_MS = 5000;

/** @throws Error that names the endpoint and the answer, for credentials.ts to wrap */
export async function instanceCredentials(endpoint: string): Promise<ExpiringCredentials> {
  const base = (endpoint.includes("://") ? endpoint : `http://${endpoint}`).replace(/\/+$/, "");
  const token = await ask(`${base}/latest/api/token`, {
    method: "PUT",
    headers: { "x-aws-ec2-metadata-token-ttl-seconds": "21600" },
  });
  const headers = { "x-aws-ec2-metadata-token": token };
  const role = (await ask(`${base}${ROLE_PATH}`, { headers })).split("\n")[0]?.trim() ?? "";
  if (role === "") throw new Error(`${base} names no role`);
  const answer: unknown = JSON.parse(await ask(`${base}${ROLE_PATH}${role}`, { headers }));
  const field = (name: string): string => {
    const value =
      typeof answer === "object" && answer !== null ? Object.entries(answer).find(([it]) => it === name)?.[1] : "";
    if (typeof value !== "string" || value === "") throw new Error(`${base} gives no ${name} for role ${role}`);
    return value;
  };
  return {
    accessKeyId: field("AccessKeyId"),
    secretAccessKey: field("SecretAccessKey"),
    sessionToken: field("Token"),
    expiration: new Date(field("Expiration")),
  };
}

async function ask(url: string, init: RequestInit): Promise<string> {
  const response = await fetch(url, { ...init, redirect: "manual", signal: AbortSignal.timeout(TIMEOUT_MS) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return text;
}
