/**
 * The AWS SDK, for what is called seldom: multipart uploads begun, completed and abandoned, and its credential chain.
 * Loaded on first use, because loading it costs as much as a whole start of the program.
 */

import type { S3Client, S3ClientConfig } from "@aws-sdk/client-s3";
import { abortError, isAppError } from "../../src/base/errors.ts";
import type { CredentialSource, ExpiringCredentials } from "./credentials.ts";
import { type Attempt, readRefusal, refusalError } from "./errors.ts";
import { networkError } from "./network_errors.ts";
import type { Settings } from "./options.ts";
import { hideCredentials } from "./sign.ts";

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
      const credentials = await this.#credentials?.();
      throw translate(attempt, error, (text) =>
        credentials === undefined ? text : hideCredentials(text, credentials),
      );
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

/** SDK errors carry the S3 code as their name, the status beside it, and the body only where that was no XML. */
function translate(attempt: Attempt, thrown: unknown, hide: (text: string) => string): Error {
  if (isAppError(thrown)) return thrown;
  const status = field(field(thrown, "$metadata"), "httpStatusCode");
  if (typeof status !== "number") return networkError(attempt, thrown);
  // The SDK's error is not kept as the cause: it carries the request it was made for, with its signature.
  const body = field(thrown, "$responseBodyText");
  const region = field(field(field(thrown, "$response"), "headers"), "x-amz-bucket-region");
  const found = typeof region === "string" ? region : undefined;
  if (typeof body === "string") return refusalError(attempt, readRefusal(status, hide(body), found));
  const name = field(thrown, "name");
  const message = field(thrown, "message");
  return refusalError(attempt, {
    status,
    // "UnknownError", "Error" and a bare number are the SDK's own words for an answer without a code.
    code: typeof name === "string" && !/^(?:UnknownError|Error|\d+)$/.test(name) ? name : undefined,
    message: typeof message === "string" ? hide(message) : undefined,
    region: found,
  });
}

function field(from: unknown, name: string): unknown {
  return typeof from === "object" && from !== null && name in from
    ? (from as Record<string, unknown>)[name]
    : undefined;
}
