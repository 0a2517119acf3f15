import { afterAll, beforeAll } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { definition } from "../../drivers/gcs/mod.ts";
import { silentLogger } from "../../src/base/log.ts";
import type { StorageDriver } from "../../src/storage/driver.ts";
import { createDriverHost } from "../../src/storage/host.ts";
import { type RawOptions, validateOptions } from "../../src/storage/options.ts";
import { startFakeGcs } from "../support/fake_gcs.ts";
import { sharedGcsEmulator } from "../support/gcs_emulator.ts";
import { makeServiceAccount } from "../support/service_account.ts";
import { describeStorageDriver } from "./storage_driver.ts";

const MIB = 1024 ** 2;
const signal = new AbortController().signal;

function openBare(rootPath: string, options: RawOptions): Promise<StorageDriver> {
  return definition.open(validateOptions(definition.options, options, "driver gcs"), {
    rootPath,
    provider: "gcpnative",
    host: createDriverHost(),
    log: silentLogger,
    signal,
  });
}

async function onEmulator(bucketName: string): Promise<RawOptions> {
  const { host, port, createBucket } = await sharedGcsEmulator();
  await createBucket(bucketName);
  return { address: host, port, bucketName, "auth.type": "none" };
}

beforeAll(async () => {
  await sharedGcsEmulator();
}, 60_000);

describeStorageDriver("gcs on the emulator", async () => openBare("files/root", await onEmulator("conformance")), {
  openOther: async () => openBare("elsewhere", await onEmulator("conformance-other")),
  // An upload with ifGenerationMatch=0 over an object: Cloud Storage answers 412, the emulator 200 and replaces it (release
  // 2026.7.19 reads no precondition at all). The case runs on the service below.
  skip: { "ifAbsent never replaces and lets exactly one of many through": "the emulator ignores ifGenerationMatch" },
});

// As the documentation of Cloud Storage has it where the emulator differs: tokens of a service account, preconditions, short
// pages, refused checksums, rewrites in several calls.
const account = makeServiceAccount();
const service = startFakeGcs({
  buckets: ["bucket", "other"],
  publicKey: account.publicKey,
  pageSize: 100,
  rewriteBytes: 5 * MIB,
  // Below the time at which a token is renewed: each call asks for a new one.
  expiresIn: 60,
});
let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "milvus-backup-gcs-"));
  await writeFile(join(folder, "key.json"), account.file(`${service.url}/token`));
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const asAccount = (bucketName: string): RawOptions => ({
  address: "127.0.0.1",
  port: service.port,
  bucketName,
  "auth.credentialsFile": join(folder, "key.json"),
});

describeStorageDriver(
  "gcs with a service account, at the top of a bucket, in short pages and rewrites",
  () => openBare("", asAccount("bucket")),
  { openOther: () => openBare("elsewhere", asAccount("other")), secrets: [account.secret, "ya29."] },
);
