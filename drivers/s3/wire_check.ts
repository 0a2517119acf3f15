/** Which check of uploaded bytes the service takes: the provider's best, and weaker ones where it refuses that. */

import { hasCode, isAppError } from "../../src/base/errors.ts";
import type { Logger } from "../../src/base/log.ts";
import { crc32Base64 } from "./crc32.ts";
import type { WireCheck } from "./providers.ts";

const WEAKER: Readonly<Record<WireCheck, WireCheck | undefined>> = { crc32: "md5", md5: "none", none: undefined };

/** Codes that services without checksum headers answer with; refusals of the content itself are not among them. */
const REFUSALS: readonly string[] = [
  "NotImplemented",
  "NotSupported",
  "InvalidRequest",
  "InvalidArgument",
  "InvalidHeader",
  "UnsupportedHeader",
  "BadRequest",
];

/** The check in use by one root; what was refused once is not tried again. */
export class WireCheckChoice {
  #current: WireCheck;
  readonly #mayWeaken: boolean;
  readonly #log: Logger;

  constructor(first: WireCheck, mayWeaken: boolean, log: Logger) {
    this.#current = first;
    this.#mayWeaken = mayWeaken;
    this.#log = log;
  }

  get current(): WireCheck {
    return this.#current;
  }

  /**
   * Runs `send` with the check in use and, when the service refuses that check, with the next weaker one. The weaker one
   * is kept only if it then succeeds; else the refusal was about something else, and is thrown.
   */
  async attempt<T>(send: (check: WireCheck) => Promise<T>): Promise<T> {
    const check = this.#current;
    try {
      return await send(check);
    } catch (error) {
      if (!this.#mayWeaken || !refusesHeaders(error)) throw error;
      return this.#weaken(WEAKER[check], error, send);
    }
  }

  async #weaken<T>(check: WireCheck | undefined, refusal: unknown, send: (check: WireCheck) => Promise<T>): Promise<T> {
    if (check === undefined) throw refusal;
    try {
      const result = await send(check);
      if (this.#current !== check) {
        this.#current = check;
        this.#log.warn("the service refuses checksum headers; uploads go on with a weaker check", { check });
      }
      return result;
    } catch (error) {
      if (!refusesHeaders(error)) throw error;
      return this.#weaken(WEAKER[check], refusal, send);
    }
  }
}

/** Headers that make the service check `content`. */
export function checkHeaders(check: WireCheck, content: Uint8Array, crc: number): Readonly<Record<string, string>> {
  if (check === "crc32") return { "x-amz-checksum-crc32": crc32Base64(crc) };
  if (check === "md5") return { "content-md5": new Bun.CryptoHasher("md5").update(content).digest("base64") };
  return {};
}

/** True for the answers of services that do not know a header, also for a refusal of something else with the same code. */
export function refusesHeaders(error: unknown): boolean {
  if (!isAppError(error)) return false;
  const { status, serviceCode } = error.details;
  if (status === 501) return true;
  if (status !== 400 || hasCode(error, "CONFIG_INVALID", "ACCESS_DENIED")) return false;
  return serviceCode === undefined || REFUSALS.includes(String(serviceCode));
}
