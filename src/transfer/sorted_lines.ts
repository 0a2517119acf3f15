/** Many text lines, sorted, in little memory: beyond a bound they wait in sorted runs in a temporary folder. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AppError } from "../base/errors.ts";
import { lineBatches } from "./lines.ts";

/** Characters held in memory before a run is written; a million manifest lines become about twenty runs. */
const RUN_LIMIT = 8 * 1024 * 1024;

export interface SortedLinesOptions {
  /** Replaced in tests. */
  readonly runLimit?: number;
  /** Where the temporary folder is made, when one is needed; the system's by default. */
  readonly temporaryFolder?: string;
}

/** Lines must not hold line ends. Disposing removes the temporary folder. */
export class SortedLines implements Disposable {
  readonly #options: Required<SortedLinesOptions>;
  readonly #runs: string[] = [];
  #lines: string[] = [];
  #held = 0;
  #folder: string | undefined;
  /** UTF-8 bytes of all lines with their line ends. */
  bytes = 0;

  constructor(options: SortedLinesOptions = {}) {
    this.#options = { runLimit: RUN_LIMIT, temporaryFolder: tmpdir(), ...options };
  }

  /** @throws NO_SPACE when the temporary folder cannot be written */
  add(line: string): void {
    this.#lines.push(line);
    this.#held += line.length;
    this.bytes += Buffer.byteLength(line) + 1;
    if (this.#held >= this.#options.runLimit) this.#writeRun();
  }

  /** All lines in order; may be called again, so that a failed upload can start over. */
  async *sorted(): AsyncGenerator<string, void, undefined> {
    this.#lines.sort();
    const cursors = this.#runs.map((path) => new Cursor(lineBatches(Bun.file(path).stream())));
    cursors.push(new Cursor([this.#lines].values()));
    try {
      await Promise.all(cursors.map((cursor) => cursor.fill()));
      for (;;) {
        let least: Cursor | undefined;
        for (const cursor of cursors) {
          if (cursor.line === undefined) continue;
          if (least?.line === undefined || cursor.line < least.line) least = cursor;
        }
        if (least?.line === undefined) return;
        yield least.line;
        if (!least.advance()) await least.fill();
      }
    } finally {
      await Promise.all(cursors.map((cursor) => cursor.close()));
    }
  }

  /** True when all lines are in memory: then `inMemory` gives them at once. */
  get inMemory(): readonly string[] | undefined {
    return this.#runs.length === 0 ? this.#lines.sort() : undefined;
  }

  [Symbol.dispose](): void {
    this.#lines = [];
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
    this.#folder = undefined;
  }

  #writeRun(): void {
    const parent = this.#options.temporaryFolder;
    try {
      this.#folder ??= mkdtempSync(join(parent, "milvus-backup-"));
      const path = join(this.#folder, `run-${this.#runs.length}`);
      writeFileSync(path, `${this.#lines.sort().join("\n")}\n`);
      this.#runs.push(path);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      throw new AppError(
        "NO_SPACE",
        `temporary folder ${parent} cannot be written (${text}); make room or set TMPDIR`,
        {
          cause: error,
        },
      );
    }
    this.#lines = [];
    this.#held = 0;
  }
}

type Batches = Iterator<readonly string[]> | AsyncIterator<readonly string[]>;

/** A place in one sorted run. */
class Cursor {
  readonly #batches: Batches;
  #batch: readonly string[] = [];
  #at = 0;
  /** The line at this place; undefined before `fill`, between batches and at the end. */
  line: string | undefined;

  constructor(batches: Batches) {
    this.#batches = batches;
  }

  /** Goes on within the batch; false when `fill` is needed. */
  advance(): boolean {
    this.#at += 1;
    this.line = this.#batch[this.#at];
    return this.line !== undefined;
  }

  async fill(): Promise<void> {
    do {
      const next = await this.#batches.next();
      if (next.done === true) {
        this.line = undefined;
        return;
      }
      this.#batch = next.value;
      this.#at = 0;
      this.line = this.#batch[0];
    } while (this.line === undefined);
  }

  async close(): Promise<void> {
    await this.#batches.return?.();
  }
}
