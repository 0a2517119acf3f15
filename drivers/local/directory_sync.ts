/** Durable directory entries, many puts to one fsync. */

import { open } from "node:fs/promises";
import { isSystemError } from "./fs_errors.ts";

interface SyncState {
  readonly running: Promise<void>;
  next?: Promise<void>;
}

export class DirectorySync {
  readonly #states = new Map<string, SyncState>();

  /**
   * Resolves when every entry that was made in the directory before the call is durable. Calls that come while a sync
   * runs share the next one, which starts after all of them and so covers what each of them did.
   */
  sync(directory: string): Promise<void> {
    const state = this.#states.get(directory);
    if (state === undefined) return this.#start(directory);
    state.next ??= state.running.catch(() => {}).then(() => this.#start(directory));
    return state.next;
  }

  #start(directory: string): Promise<void> {
    const running = syncDirectory(directory).finally(() => {
      if (this.#states.get(directory)?.running === running) this.#states.delete(directory);
    });
    this.#states.set(directory, { running });
    return running;
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } catch (error) {
    // Some network file systems cannot sync a directory; they make entries durable themselves.
    if (!isSystemError(error, "EINVAL", "ENOTSUP", "EBADF")) throw error;
  } finally {
    await handle.close();
  }
}
