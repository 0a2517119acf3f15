/** A put body that is counted and hashed on its way and whose last chunk waits until everything about it is proven. */

import {
  type Checksum,
  type ChecksumAlgorithm,
  type ChecksumSet,
  COMPUTABLE_CHECKSUMS,
  createHasher,
  type Hasher,
} from "../base/checksum.ts";
import { AppError, toAppError } from "../base/errors.ts";
import type { ByteStream } from "../base/streams.ts";
import type { PutBody } from "../storage/driver.ts";

export interface BodySource {
  readonly stream: ByteStream;
  /** What the source's service says of the whole content; compared with what arrives. */
  readonly checksums: ChecksumSet;
}

export interface HashedBodySpec {
  /** Bytes; a content of any other length fails with SHORT_BODY. */
  readonly size: number;
  /** The object's name, for messages. */
  readonly what: string;
  readonly algorithms: readonly ChecksumAlgorithm[];
  /** Digest the content must have. Its algorithm must be among `algorithms`. */
  readonly expected?: Checksum;
  /** False leaves the source's own checksums aside. */
  readonly compareSource: boolean;
  /** Opens the content from its first byte; called once for each try. */
  open(signal: AbortSignal): Promise<BodySource>;
  /** Bytes passed on; negative when a new try takes those of the failed one back. */
  onBytes?(bytes: number): void;
}

type Reader = ReadableStreamDefaultReader<Uint8Array>;

/**
 * Each `open` starts again: hashers, count and progress. The last chunk is held back until the source has ended and
 * length and digests are right; a service that was promised `size` bytes therefore never has them all of a wrong content,
 * and stores nothing.
 *
 * Errors of the stream (SHORT_BODY, CHECKSUM_MISMATCH, the source's own) are retriable on the first try only: a bit that
 * flipped on the way is cured by another try, one that rotted in the source is not, and a connection that broke has been
 * resumed by the source's root as often as makes sense. For the last reason an error of `spec.open` is final at once.
 */
export class HashedBody implements PutBody {
  readonly size: number;
  readonly #spec: HashedBodySpec;
  #tries = 0;
  #passed = 0;
  #digests: ChecksumSet | undefined;
  #failure: AppError | undefined;
  #final = false;
  #reader: Reader | undefined;

  constructor(spec: HashedBodySpec) {
    this.size = spec.size;
    this.#spec = spec;
  }

  /** Digests of the whole content; undefined until a try has let the last byte through. */
  get digests(): ChecksumSet | undefined {
    return this.#digests;
  }

  /** Why the last try's stream failed: nearer to the cause than what the put makes of it. */
  get failure(): AppError | undefined {
    return this.#failure;
  }

  async open(signal: AbortSignal): Promise<ByteStream> {
    if (this.#final && this.#failure !== undefined) throw this.#failure;
    this.close();
    if (this.#passed > 0) this.#spec.onBytes?.(-this.#passed);
    this.#passed = 0;
    this.#digests = undefined;
    this.#failure = undefined;
    this.#tries += 1;
    let source: BodySource;
    try {
      source = await this.#spec.open(signal);
    } catch (error) {
      this.#failure = withRetriable(error, false);
      this.#final = true;
      throw this.#failure;
    }
    const reader = source.stream.getReader();
    this.#reader = reader;
    return this.#stream(reader, this.#spec.compareSource ? source.checksums : {});
  }

  /** Lets go of a source that nobody reads to its end any more. */
  close(): void {
    const reader = this.#reader;
    this.#reader = undefined;
    // The source may have failed already; that failure has been reported by the stream.
    reader?.cancel().catch(() => {});
  }

  #stream(reader: Reader, claimed: ChecksumSet): ByteStream {
    const { size } = this.#spec;
    const hashers = withCheapest(this.#spec.algorithms, claimed).map((algorithm) => createHasher(algorithm));
    let seen = 0;
    let last: Uint8Array | undefined;
    const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
      try {
        for (;;) {
          const next = await this.#read(reader);
          if (next.done) break;
          const chunk = next.value;
          if (chunk.length === 0) continue;
          seen += chunk.length;
          if (seen > size) throw this.#wrongLength("longer than declared, got", seen);
          for (const hasher of hashers) hasher.update(chunk);
          this.#passed += chunk.length;
          this.#spec.onBytes?.(chunk.length);
          if (seen < size) {
            controller.enqueue(chunk);
            return;
          }
          last = chunk;
        }
        if (seen < size) throw this.#wrongLength("ended after", seen);
        this.#digests = this.#check(hashers, claimed);
        if (this.#reader === reader) this.#reader = undefined;
        if (last !== undefined) controller.enqueue(last);
        controller.close();
      } catch (error) {
        if (this.#reader === reader) {
          this.#failure ??= toAppError(error);
          this.close();
        }
        throw error;
      }
    };
    const cancel = (): void => {
      if (this.#reader === reader) this.close();
    };
    return new ReadableStream<Uint8Array>({ pull, cancel }, { highWaterMark: 0 });
  }

  #check(hashers: readonly Hasher[], claimed: ChecksumSet): ChecksumSet {
    const digests: Partial<Record<ChecksumAlgorithm, string>> = {};
    for (const hasher of hashers) {
      const { algorithm, value } = hasher.digest();
      digests[algorithm] = value;
    }
    const { expected, what } = this.#spec;
    if (expected !== undefined) this.#compare(what, "recorded", expected.algorithm, expected.value, digests);
    for (const [algorithm, value] of Object.entries(claimed) as [ChecksumAlgorithm, string][]) {
      if (digests[algorithm] !== undefined) this.#compare(what, "reported by its service", algorithm, value, digests);
    }
    return digests;
  }

  #compare(what: string, whose: string, algorithm: ChecksumAlgorithm, value: string, digests: ChecksumSet): void {
    const actual = digests[algorithm] ?? "none";
    if (actual === value) return;
    throw new AppError("CHECKSUM_MISMATCH", `${what}: its ${algorithm} is ${actual}, not the ${value} ${whose}`, {
      retriable: this.#tries === 1,
      details: { expected: `${algorithm}:${value}`, actual: `${algorithm}:${actual}` },
    });
  }

  #wrongLength(words: string, actual: number): AppError {
    const { size, what } = this.#spec;
    return new AppError("SHORT_BODY", `${what}: ${words} ${actual} of ${size} bytes`, {
      retriable: this.#tries === 1,
      details: { expected: size, actual },
    });
  }

  async #read(reader: Reader): Promise<Awaited<ReturnType<Reader["read"]>>> {
    try {
      return await reader.read();
    } catch (error) {
      throw withRetriable(error, this.#tries === 1);
    }
  }
}

/** The same error, retriable only where it was and `allowed`. */
function withRetriable(error: unknown, allowed: boolean): AppError {
  const { code, message, details, retriable } = toAppError(error);
  return new AppError(code, message, { cause: error, retriable: retriable && allowed, details });
}

/** `wanted` and, unless one of them is there already, the cheapest computable algorithm of `reported`. */
export function withCheapest(
  wanted: readonly ChecksumAlgorithm[],
  reported: ChecksumSet | readonly ChecksumAlgorithm[],
): readonly ChecksumAlgorithm[] {
  const names = Array.isArray(reported) ? reported : Object.keys(reported);
  if (names.length === 0 || wanted.some((algorithm) => names.includes(algorithm))) return wanted;
  const cheapest = COMPUTABLE_CHECKSUMS.find((algorithm) => names.includes(algorithm));
  return cheapest === undefined ? wanted : [...wanted, cheapest];
}
