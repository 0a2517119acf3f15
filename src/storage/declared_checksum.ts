/** What a driver does with a put's declared digest. */

import { COMPUTABLE_CHECKSUMS, createHasher, type Hasher } from "../base/checksum.ts";
import { AppError } from "../base/errors.ts";
import type { PutOptions } from "./driver.ts";

/** The caller's digest, computed beside the upload and compared before anything shows. */
export class DeclaredChecksum {
  readonly #what: string;
  readonly #value: string | undefined;
  readonly #hasher: Hasher | undefined;

  /** @param what the object's name, for messages. @throws UNSUPPORTED for an algorithm that is not computed here */
  constructor(what: string, { checksum }: PutOptions) {
    this.#what = what;
    this.#value = checksum?.value;
    if (checksum === undefined) return;
    if (!COMPUTABLE_CHECKSUMS.includes(checksum.algorithm)) {
      throw new AppError("UNSUPPORTED", `a declared ${checksum.algorithm} cannot be checked`);
    }
    this.#hasher = createHasher(checksum.algorithm);
  }

  update(content: Uint8Array): void {
    this.#hasher?.update(content);
  }

  /** @throws CHECKSUM_MISMATCH */
  verify(): void {
    const actual = this.#hasher?.digest();
    if (actual === undefined || actual.value === this.#value) return;
    const text = `the content of ${this.#what} has ${actual.algorithm} ${actual.value}, declared was ${this.#value}`;
    throw new AppError("CHECKSUM_MISMATCH", text, { details: { expected: `${this.#value}`, actual: actual.value } });
  }
}
