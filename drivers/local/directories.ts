/** The directories of one root: made, made durable, checked for links that lead elsewhere, removed when they are empty. */

import { mkdir, realpath, rmdir, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { AppError } from "../../src/base/errors.ts";
import { DirectorySync } from "./directory_sync.ts";
import { isSystemError } from "./fs_errors.ts";
import { entriesOf } from "./read.ts";
import { isStale, isTempName } from "./temp_files.ts";

/** Beyond this many remembered directories everything is forgotten and checked anew. */
const MAX_REMEMBERED = 10_000;

export class Directories {
  readonly #root: string;
  /** Directories known to be inside the root without a symbolic link on the way. */
  readonly #checked = new Set<string>();
  /** Deletions still to come in a directory before it is worth looking whether it is empty. */
  readonly #remaining = new Map<string, number>();
  readonly #syncs = new DirectorySync();

  /** @param root absolute; may itself be a symbolic link, may not exist yet */
  constructor(root: string) {
    this.#root = root;
  }

  /**
   * Refuses a directory that is reached through a symbolic link below the root.
   * @throws ACCESS_DENIED; ENOENT and the like as the file system gives them
   */
  async check(directory: string): Promise<void> {
    if (directory === this.#root || this.#checked.has(directory)) return;
    const [realRoot, real] = await Promise.all([realpath(this.#root), realpath(directory)]);
    if (real !== join(realRoot, directory.slice(this.#root.length))) {
      throw new AppError(
        "ACCESS_DENIED",
        "the key leads through a symbolic link, which is not followed below a root path; use a mount or another root path",
      );
    }
    if (this.#checked.size >= MAX_REMEMBERED) this.#checked.clear();
    this.#checked.add(directory);
  }

  /** Makes the directory and its parents, and makes them durable. */
  async make(directory: string): Promise<void> {
    if (this.#checked.has(directory)) return;
    const first = await mkdir(directory, { recursive: true });
    await this.check(directory);
    if (first === undefined) return;
    for (let made = directory; made.length >= first.length; made = dirname(made)) await this.sync(dirname(made));
  }

  /** To be called when something in it was found missing: another process may have removed it. */
  forget(directory: string): void {
    this.#checked.delete(directory);
  }

  /** Makes the directory's entries durable. */
  sync(directory: string): Promise<void> {
    return this.#syncs.sync(directory);
  }

  /** Removes the directory and its parents, up to and without the root, as far as they hold no object. */
  async removeEmpty(directory: string): Promise<void> {
    for (let current = directory; current.length > this.#root.length; current = dirname(current)) {
      if (!(await this.#removeIfEmpty(current))) return;
      this.#checked.delete(current);
      this.#remaining.delete(current);
    }
  }

  async #removeIfEmpty(directory: string): Promise<boolean> {
    if (await removed(directory)) return true;
    // Reading a directory of n entries after each of n deletions would cost n * n; so it is read again only when as many
    // deletions happened as it held entries that were in the way.
    const remaining = (this.#remaining.get(directory) ?? 1) - 1;
    const inTheWay = remaining > 0 ? remaining : await entriesInTheWay(directory);
    if (inTheWay === 0) return removed(directory);
    if (this.#remaining.size >= MAX_REMEMBERED) this.#remaining.clear();
    this.#remaining.set(directory, inTheWay);
    return false;
  }
}

/** Removes what no put will finish and what holds no object; counts what is left. */
async function entriesInTheWay(directory: string): Promise<number> {
  let count = 0;
  for (const entry of await entriesOf(directory)) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) count += (await sweep(path)) ? 0 : 1;
    else count += isTempName(entry.name) && (await removeStale(path, entry.name)) ? 0 : 1;
  }
  return count;
}

/** Removes a directory tree that holds no object; stops at the first one. */
async function sweep(directory: string): Promise<boolean> {
  for (const entry of await entriesOf(directory)) {
    const path = join(directory, entry.name);
    if (
      entry.isDirectory() ? !(await sweep(path)) : !isTempName(entry.name) || !(await removeStale(path, entry.name))
    ) {
      return false;
    }
  }
  return removed(directory);
}

async function removeStale(path: string, name: string): Promise<boolean> {
  try {
    if (!(await isStale(path, name, Date.now()))) return false;
    await unlink(path);
    return true;
  } catch (error) {
    return isSystemError(error, "ENOENT");
  }
}

/** True when it is gone now, by us or by somebody else. Anything in it, or in use, or forbidden: left alone. */
async function removed(directory: string): Promise<boolean> {
  try {
    await rmdir(directory);
    return true;
  } catch (error) {
    return isSystemError(error, "ENOENT");
  }
}
