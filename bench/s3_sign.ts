/** What one signature costs: the driver's signer beside @smithy/signature-v4. `bun bench/s3_sign.ts` */

import { createHash, createHmac } from "node:crypto";
import { SignatureV4 } from "@smithy/signature-v4";
import { Signer } from "../drivers/s3/sign.ts";

const SIGNATURES = 50_000;
const credentials = { accessKeyId: "access", secretAccessKey: "secret" };
const path = "/bench/files/insert_log/445123456789/445123456790/445123456791/100/1";
const copySource = { "x-amz-copy-source": "/bench/files/x" };

class Sha256 {
  readonly #hash;
  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash("sha256") : createHmac("sha256", Buffer.from(secret as Uint8Array));
  }
  update(chunk: Uint8Array): void {
    this.#hash.update(chunk);
  }
  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }
  reset(): void {}
}

const signer = new Signer("us-east-1");
const smithy = new SignatureV4({
  credentials,
  region: "us-east-1",
  service: "s3",
  sha256: Sha256,
  uriEscapePath: false,
});

await measure("driver", () =>
  signer.sign({ method: "PUT", host: "127.0.0.1:9000", path, query: "", headers: copySource }, credentials, Date.now()),
);
await measure("@smithy/signature-v4", () =>
  smithy.sign({
    method: "PUT",
    protocol: "http:",
    hostname: "127.0.0.1",
    port: 9000,
    path,
    query: {},
    headers: { host: "127.0.0.1:9000", "x-amz-content-sha256": "UNSIGNED-PAYLOAD", ...copySource },
  }),
);

async function measure(name: string, sign: () => unknown): Promise<void> {
  for (let index = 0; index < SIGNATURES / 10; index += 1) await sign();
  const before = process.cpuUsage();
  for (let index = 0; index < SIGNATURES; index += 1) await sign();
  const used = process.cpuUsage(before);
  process.stdout.write(`${name}: ${((used.user + used.system) / SIGNATURES).toFixed(1)} us a signature\n`);
}
