/** Everything wrong with a configuration, collected so that one run shows it all. */

import { AppError } from "../base/errors.ts";
import type { Found } from "./raw.ts";

export class Problems {
  readonly #lines: string[] = [];
  readonly #warnings: string[] = [];

  /**
   * @param subject the key or the place
   * @param where the file position, variable or flag it was read from; "" when nothing was written anywhere
   * @param what what is wrong and what to write instead; never a secret's value
   */
  add(subject: string, where: string, what: string): void {
    const line = where === "" ? `${subject}: ${what}` : `${subject} (${where}): ${what}`;
    if (!this.#lines.includes(line)) this.#lines.push(line);
  }

  /** A problem of a resolved value: its key, and where and under which older name it was written. */
  addFor(key: string, found: Found, what: string): void {
    const { source, name, where } = found.origin;
    const renamed = source === "config" && name.toLowerCase() !== key.toLowerCase();
    this.add(key, renamed ? `${name}, ${where}` : where, what);
  }

  warn(line: string): void {
    if (!this.#warnings.includes(line)) this.#warnings.push(line);
  }

  get lines(): readonly string[] {
    return this.#lines;
  }

  get warnings(): readonly string[] {
    return this.#warnings;
  }

  /** @throws CONFIG_INVALID with one line for each problem. */
  throwIfAny(): void {
    const [first, ...rest] = this.#lines;
    if (first === undefined) return;
    if (rest.length === 0) throw new AppError("CONFIG_INVALID", `configuration: ${first}`);
    const lines = this.#lines.map((line) => `  ${line}`).join("\n");
    throw new AppError("CONFIG_INVALID", `configuration: ${this.#lines.length} problems\n${lines}`);
  }
}
