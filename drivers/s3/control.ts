/**
 * The AWS SDK, for what is called seldom: multipart uploads begun, completed and abandoned, and its credential chain.
 * Loaded on first use, because loading it costs as much as a whole start of the program.
 */

import type { S3Client, S3ClientConfig } from "@aws-sdk/client-s3";
import { abortError, isAppError } from "../../src/base/errors.ts";
import type { CredentialSource, ExpiringCredentials } from "./credentials.ts";
import { type Attempt, refusalError } from "./errors.ts";
import { networkError } from "./network_errors.ts";
import type { Settings } from "./options.ts";

type Sdk = typeof import("@aws-sdk/client-s3");

const SILENT = { trace: () => {}, debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

export class Control {
  readonly #settings: Settings;
  #opened: Promise<{ readonly sdk: Sdk; readonly client: S3Client }> | undefined;
  #credentials: CredentialSource | undefined;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** The keys that the other half of the driver uses, so that both halves are one identity. */
  use(credentials: CredentialSource): void {
    this.#credentials = credentials;
  }

  /** Runs `work` with the SDK's client; refusals and network failures come out as ours. */
  async call<T>(attempt: Attempt, signal: AbortSignal, work: (sdk: Sdk, client: S3Client) => Promise<T>): Promise<T> {
    this.#opened ??= this.#open();
    const { sdk, client } = await this.#opened;
    try {
      return await work(sdk, client);
    } catch (error) {
      if (signal.aborted) throw abortError(signal);
      throw translate(attempt, error);
    }
  }

  /** What the SDK's chain finds: environment, profile, web identity, container, instance. */
  async chain(): Promise<ExpiringCredentials> {
    const { S3Client } = await import("@aws-sdk/client-s3");
    const client = new S3Client({ region: this.#settings.endpoint.region, logger: SILENT });
    try {
      return await client.config.credentials();
    } finally {
      client.destroy();
    }
  }

  async close(): Promise<void> {
    const opened = await this.#opened?.catch(() => undefined);
    opened?.client.destroy();
  }

  async #open(): Promise<{ readonly sdk: Sdk; readonly client: S3Client }> {
    const [sdk, { NodeHttpHandler }, { Agent: HttpAgent }, { Agent: HttpsAgent }] = await Promise.all([
      import("@aws-sdk/client-s3"),
      import("@smithy/node-http-handler"),
      import("node:http"),
      import("node:https"),
    ]);
    const { endpoint, timeoutMs, tls } = this.#settings;
    const credentials = this.#credentials;
    const config: S3ClientConfig = {
      endpoint: endpoint.url,
      region: endpoint.region,
      forcePathStyle: endpoint.pathStyle,
      ...(credentials === undefined ? {} : { credentials: async () => credentials() }),
      // Retries are the wrapper's (storage/open.ts).
      maxAttempts: 1,
      requestChecksumCalculation: "WHEN_REQUIRED",
      responseChecksumValidation: "WHEN_REQUIRED",
      followRegionRedirects: false,
      logger: SILENT,
      requestHandler: new NodeHttpHandler({
        connectionTimeout: timeoutMs,
        requestTimeout: timeoutMs,
        throwOnRequestTimeout: true,
        logger: SILENT,
        httpAgent: new HttpAgent({ keepAlive: true }),
        httpsAgent: new HttpsAgent({ keepAlive: true, ...tls }),
      }),
    };
    return { sdk, client: new sdk.S3Client(config) };
  }
}

/** SDK errors carry the S3 code as their name and the status beside it. */
function translate(attempt: Attempt, thrown: unknown): Error {
  if (isAppError(thrown) || typeof thrown !== "object" || thrown === null) return networkError(attempt, thrown);
  const metadata = "$metadata" in thrown ? thrown.$metadata : undefined;
  const status =
    typeof metadata === "object" && metadata !== null && "httpStatusCode" in metadata
      ? metadata.httpStatusCode
      : undefined;
  if (typeof status !== "number") return networkError(attempt, thrown);
  const name = "name" in thrown && typeof thrown.name === "string" ? thrown.name : undefined;
  const message = "message" in thrown && typeof thrown.message === "string" ? thrown.message : undefined;
  // "UnknownError" and "Error" are the SDK's own words for an answer without a readable body.
  const code = name === undefined || /^(?:UnknownError|Error|\d+)$/.test(name) ? undefined : name;
  // The SDK's error is not kept as the cause: it carries the request it was made for, with its signature.
  return refusalError(attempt, { status, code, message });
}
