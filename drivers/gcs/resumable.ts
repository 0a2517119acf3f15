/** A resumable upload: chunks in order, each taken up again where the service has got to when a request or its answer is lost. */

import { AppError, isAppError } from "../../src/base/errors.ts";
import { sleep } from "../../src/base/retry.ts";
import type { Call } from "./http.ts";
import { FIELDS, lengthOf, parseResource, type Resource } from "./resource.ts";
import { type Root, uploadUrl } from "./root.ts";

// An upload is abandoned also when the caller's signal has fired; this bounds that.
const ABANDON_LIMIT_MS = 15_000;
// Interruptions of one chunk that are bridged here; more of them fail the put, which the wrapper then tries anew as a whole.
const BRIDGED = 4;
const WAIT_MS = 100;
const GO_ON = 308;
// The service's own words for an upload that was cancelled: "Client Closed Request".
const CANCELLED = 499;

export interface BeginOptions {
  /** Of the whole object, in bytes. */
  readonly size: number;
  readonly ifAbsent: boolean;
  readonly signal: AbortSignal;
}

/** What the service has: so many bytes, or the whole object. */
type Progress = { readonly received: number } | { readonly resource: Resource };

export class ResumableUpload {
  readonly #root: Root;
  readonly #native: string;
  readonly #options: BeginOptions;
  /** Whoever knows it may upload: never shown. */
  readonly #session: string;

  private constructor(root: Root, native: string, options: BeginOptions, session: string) {
    this.#root = root;
    this.#native = native;
    this.#options = options;
    this.#session = session;
  }

  static async begin(root: Root, native: string, options: BeginOptions): Promise<ResumableUpload> {
    const { size, ifAbsent, signal } = options;
    const url = uploadUrl(root, {
      uploadType: "resumable",
      name: native,
      fields: FIELDS,
      ifGenerationMatch: ifAbsent ? "0" : undefined,
    });
    const reply = await root.http.send({
      operation: "put",
      method: "POST",
      url,
      target: native,
      headers: {
        "content-type": "application/json; charset=UTF-8",
        "x-upload-content-type": "application/octet-stream",
        "x-upload-content-length": String(size),
      },
      body: JSON.stringify({ contentType: "application/octet-stream" }),
      signal,
    });
    await reply.discard();
    const session = reply.header("location") ?? "";
    if (!URL.canParse(session)) {
      throw new AppError("UNAVAILABLE", `the service began an upload of ${native} without naming it`);
    }
    if (new URL(session).origin !== root.settings.origin) {
      throw new AppError(
        "CONFIG_INVALID",
        `the service wants ${native} uploaded to ${new URL(session).origin}; correct address`,
      );
    }
    return new ResumableUpload(root, native, options, session);
  }

  /**
   * Sends one chunk, all of it.
   * @param crc32c of the whole object, beside its last chunk: the service then stores nothing else
   * @returns the object's resource after its last chunk, undefined before
   */
  async send(content: Uint8Array, start: number, crc32c: string | undefined): Promise<Resource | undefined> {
    const end = start + content.length;
    let sentUpTo = start;
    let interruptions = 0;
    let next = (): Promise<Progress> => this.#sendRest(content, start, { from: sentUpTo, crc32c });
    const sendRest = next;
    for (;;) {
      const progress = await next().catch((error: unknown) => {
        if (isInterruption(error)) return error;
        throw error;
      });
      if (isAppError(progress)) {
        interruptions += 1;
        if (interruptions > BRIDGED) throw progress;
        await sleep(WAIT_MS * 2 ** (interruptions - 1), this.#options.signal);
        // What was lost may be the request or its answer.
        next = () => this.#askProgress();
        continue;
      }
      if ("resource" in progress) return progress.resource;
      const { received } = progress;
      if (received < sentUpTo || received > end) {
        throw this.#lost(`has ${received} bytes where ${sentUpTo} to ${end} can be`);
      }
      if (received === end && end < this.#options.size) return undefined;
      // The service took a part of the chunk, or all of it without finishing: it is asked to go on.
      if (received === sentUpTo && next === sendRest) interruptions += 1;
      if (interruptions > BRIDGED) throw this.#lost("takes no more bytes");
      sentUpTo = received;
      next = sendRest;
    }
  }

  /** Frees what was sent; a failure is logged, because the caller has a better error to throw. */
  async abandon(): Promise<void> {
    try {
      const signal = AbortSignal.timeout(ABANDON_LIMIT_MS);
      const reply = await this.#send({ method: "DELETE", headers: {}, expected: [CANCELLED, 404, 410], signal });
      await reply.discard();
    } catch (error) {
      this.#root.log.warn("an unfinished upload could not be abandoned; the service drops it after a week", {
        key: this.#native,
        why: error instanceof Error ? error.message : String(error),
      });
    }
  }

  async #sendRest(
    content: Uint8Array,
    start: number,
    { from, crc32c }: { readonly from: number; readonly crc32c: string | undefined },
  ): Promise<Progress> {
    const { size, signal } = this.#options;
    const rest = content.subarray(from - start);
    const range = rest.length === 0 ? `bytes */${size}` : `bytes ${from}-${start + content.length - 1}/${size}`;
    const headers = { "content-range": range, ...(crc32c === undefined ? {} : { "x-goog-hash": `crc32c=${crc32c}` }) };
    return this.#progress({ method: "PUT", headers, body: rest, bytes: rest.length, signal });
  }

  #askProgress(): Promise<Progress> {
    const { size, signal } = this.#options;
    return this.#progress({ method: "PUT", headers: { "content-range": `bytes */${size}` }, signal });
  }

  async #progress(call: Pick<Call, "method" | "headers" | "body" | "bytes" | "signal">): Promise<Progress> {
    const reply = await this.#send({ ...call, expected: [GO_ON, 404, 410] });
    const text = await reply.text();
    if (reply.status === 404 || reply.status === 410) throw this.#lost("is gone");
    if (reply.status !== GO_ON) return { resource: parseResource(text, `the answer to put ${this.#native}`) };
    const range = reply.header("range");
    if (range === undefined) return { received: 0 };
    const last = lengthOf(/^(?:bytes=)?0-(\d+)$/.exec(range)?.[1]);
    if (last === undefined) throw this.#lost(`answers with range ${range}`);
    return { received: last + 1 };
  }

  #send(
    call: Pick<Call, "method" | "headers" | "body" | "bytes" | "expected" | "signal">,
  ): ReturnType<Root["http"]["send"]> {
    return this.#root.http.send({ ...call, operation: "put", url: this.#session, target: this.#native });
  }

  #lost(what: string): AppError {
    return new AppError("UNAVAILABLE", `the upload of ${this.#native} ${what}`, {
      details: { operation: "put", target: this.#native, lost: 1 },
    });
  }
}

/** Failures after which the service knows how far it has got. */
function isInterruption(error: unknown): error is AppError {
  return isAppError(error) && ["UNAVAILABLE", "THROTTLED"].includes(error.code) && error.details.lost === undefined;
}
