import { expect, test } from "bun:test";
import { OPTIONS, readSettings } from "../../../../drivers/s3/options.ts";
import { putObject } from "../../../../drivers/s3/put.ts";
import { createRoot, type Root } from "../../../../drivers/s3/root.ts";
import { silentLogger } from "../../../../src/base/log.ts";
import { Secret } from "../../../../src/base/secret.ts";
import type { PutBody } from "../../../../src/storage/driver.ts";
import { createDriverHost } from "../../../../src/storage/host.ts";
import { objectKey } from "../../../../src/storage/key.ts";
import { validateOptions } from "../../../../src/storage/options.ts";
import { failureOf, never, serve, xml } from "./support.ts";

const MIB = 1024 ** 2;
const BUDGET = 64 * MIB;

async function rootOn(port: number): Promise<Root> {
  const values = validateOptions(
    OPTIONS,
    {
      address: "127.0.0.1",
      port,
      bucketName: "bucket",
      "auth.accessKeyID": "AKUNITTEST",
      "auth.secretAccessKey": new Secret("unit-test-secret"),
    },
    "driver s3",
  );
  const context = {
    rootPath: "files",
    provider: "minio",
    host: createDriverHost(),
    log: silentLogger,
    signal: never,
  };
  return createRoot(await readSettings(values, context), silentLogger);
}

/** One chunk with several parts in it, and an abort so many microtasks after it was given. */
function abortedBody(microtasks: number, stop: AbortController): PutBody {
  const content = new Uint8Array(24 * MIB);
  return {
    size: content.length,
    open: async () =>
      new ReadableStream<Uint8Array>({
        async pull(controller) {
          controller.enqueue(content);
          for (let waited = 0; waited < microtasks; waited += 1) await Promise.resolve();
          stop.abort();
        },
      }),
  };
}

test("whenever an upload ends early, the memory it was counted for can be used again", async () => {
  await using service = serve((request) =>
    request.method === "POST"
      ? xml("<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>")
      : new Response(undefined, { status: 204, headers: { etag: '"e"' } }),
  );
  const root = await rootOn(service.port);
  for (let microtasks = 0; microtasks < 40; microtasks += 1) {
    const stop = new AbortController();
    const put = putObject(root, objectKey("big"), abortedBody(microtasks, stop), { signal: stop.signal });
    expect((await failureOf(put)).code).toBe("ABORTED");
    // Resolves at once or never.
    await root.budget.take(BUDGET, AbortSignal.timeout(200));
    root.budget.give(BUDGET);
  }
  await root.control.close();
});
