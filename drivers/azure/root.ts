/** What the calls of one opened root share. */

import { AppError, throwIfAborted } from "../../src/base/errors.ts";
import { ByteBudget } from "../../src/storage/byte_budget.ts";
import type { ObjectKey } from "../../src/storage/driver.ts";
import { objectKey, relativeKey } from "../../src/storage/key.ts";
import { type Client, createClient } from "./client.ts";
import { Clock, unlessFired } from "./clock.ts";
import type { Attempt, Operation } from "./errors.ts";
import type { Settings } from "./options.ts";

export interface Call {
  readonly operation: Operation;
  /** In the container; the prefix of a listing. */
  readonly target: string;
  /** Bytes the service has to take in or copy before it can answer; it gets time for them. */
  readonly bytes?: number;
  readonly signal: AbortSignal;
}

// Eight parts: two uploads of four parts each proceed at full speed, more share. With 8 MiB parts that is 64 MiB.
const PARTS_IN_MEMORY = 8;
// Slower than any link worth using: what a body may take longer than the plain limit for silence.
const SLOWEST_BYTES_PER_MS = 256;

export class Root {
  readonly settings: Settings;
  readonly budget: ByteBudget;
  #client: Promise<Client> | undefined;

  constructor(settings: Settings) {
    this.settings = settings;
    this.budget = new ByteBudget(PARTS_IN_MEMORY * settings.partBytes);
  }

  /** Below the root path -> in the container. @throws INVALID_KEY for what no key can be, whatever its type says */
  blobName(key: string): string {
    const name = `${this.settings.rootPrefix}${objectKey(key)}`;
    if (!name.includes("\\")) return name;
    throw new AppError("INVALID_KEY", `the name ${name} is refused: the service takes "\\" for "/"`);
  }

  /** The same for the prefix of a listing, "" or ending with "/". */
  blobPrefix(prefix: string): string {
    return `${this.settings.rootPrefix}${prefix}`;
  }

  /** In the container -> below the root path. @throws INVALID_KEY */
  relative(blobName: string): ObjectKey {
    const { rootPrefix } = this.settings;
    return rootPrefix === "" ? objectKey(blobName) : relativeKey(blobName, rootPrefix);
  }

  /** One exchange, over when `run` resolves. @throws AppError */
  async call<T>(call: Call, run: (client: Client, signal: AbortSignal) => Promise<T>): Promise<T> {
    const { clock, result } = await this.begin(call, run);
    clock.end();
    return result;
  }

  /** One exchange whose answer is still to be read: the caller ends its clock. @throws AppError */
  async begin<T>(
    call: Call,
    run: (client: Client, signal: AbortSignal) => Promise<T>,
  ): Promise<{ readonly clock: Clock; readonly result: T }> {
    throwIfAborted(call.signal);
    const clock = new Clock(this.#attempt(call), this.#limitMs(call.bytes ?? 0), call.signal);
    try {
      // The first import and the look for a credential do not listen to signals by themselves.
      const work = this.#connected().then((client) => run(client, clock.signal));
      return { clock, result: await unlessFired(work, clock.signal) };
    } catch (error) {
      clock.end();
      throw clock.explain(error);
    }
  }

  #connected(): Promise<Client> {
    this.#client ??= createClient(this.settings);
    return this.#client;
  }

  #limitMs(bytes: number): number {
    return this.settings.timeoutMs + bytes / SLOWEST_BYTES_PER_MS;
  }

  #attempt({ operation, target }: Call): Attempt {
    const { url, container } = this.settings;
    return { operation, target, container, endpoint: url };
  }
}

/** @returns UNAVAILABLE: an answer without what it must hold */
export function incompleteAnswer(what: string): AppError {
  return new AppError("UNAVAILABLE", `the service's answer ${what}`);
}
