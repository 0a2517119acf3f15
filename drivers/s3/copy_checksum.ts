/** Whether copies inside the service ask it for a CRC32 of what it stored: evidence that holds wherever the copy is carried. */

import type { Logger } from "../../src/base/log.ts";
import { refusesHeaders } from "./wire_check.ts";

/** One CopyObject, or a multipart upload of copied parts. */
export type CopyKind = "whole" | "parts";

/** What one root asks for; what was refused or of no use once is not asked for again. */
export class CopyChecksum {
  readonly #asks: Record<CopyKind, boolean>;
  readonly #log: Logger;

  constructor(asks: Readonly<Record<CopyKind, boolean>>, log: Logger) {
    this.#asks = { ...asks };
    this.#log = log;
  }

  /**
   * Runs `copy` asking for a checksum and, when the service refuses to be asked, without. That is kept only if it then
   * succeeds; else the refusal was about something else, and is thrown.
   */
  async attempt<T>(kind: CopyKind, copy: (asks: boolean) => Promise<T>): Promise<T> {
    if (!this.#asks[kind]) return copy(false);
    try {
      return await copy(true);
    } catch (refusal) {
      if (!refusesHeaders(refusal)) throw refusal;
      let result: T;
      try {
        result = await copy(false);
      } catch (error) {
        throw refusesHeaders(error) ? refusal : error;
      }
      this.giveUp(kind, refusal instanceof Error ? refusal.message : String(refusal));
      return result;
    }
  }

  /** @param why for the log, which is told once */
  giveUp(kind: CopyKind, why: string): void {
    if (!this.#asks[kind]) return;
    this.#asks[kind] = false;
    this.#log.info("copies inside the service go on without a checksum of its own", { kind, why });
  }
}
