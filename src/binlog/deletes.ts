/** Sets of deletes: for each primary key the latest time at which it was deleted. */

import { malformed } from "./damage.ts";
import { KeyTable } from "./key_table.ts";

export type PrimaryKey = bigint | string;
export type KeyType = "int64" | "varchar";
/** Keys of consecutive rows. */
export type PrimaryKeys = BigInt64Array | readonly string[];

export interface DeleteSet {
  /** Number of different keys. */
  readonly size: number;
  /** A later delete of the same key replaces an earlier one. @throws CHECKSUM_MISMATCH for a key of the other type */
  add(key: PrimaryKey, timestamp: bigint): void;
  /**
   * Raises `deletedAt[i]` to the time at which `keys[i]` was deleted, where it was.
   * @returns whether any of the keys is in the set
   */
  mark(keys: PrimaryKeys, deletedAt: BigUint64Array): boolean;
}

export function createDeleteSet(type: KeyType): DeleteSet {
  return type === "int64" ? new Int64DeleteSet() : new TextDeleteSet();
}

function wrongType(key: PrimaryKey, type: KeyType): Error {
  return malformed(`delta log has a ${typeof key} key in a collection of ${type} keys`);
}

class Int64DeleteSet implements DeleteSet {
  readonly #table = new KeyTable(2);
  readonly #one = new BigInt64Array(1);
  readonly #lanes = new Uint32Array(this.#one.buffer);

  get size(): number {
    return this.#table.size;
  }

  add(key: PrimaryKey, timestamp: bigint): void {
    if (typeof key !== "bigint") throw wrongType(key, "int64");
    this.#one[0] = key;
    this.#table.raise(this.#lanes, 0, timestamp);
  }

  mark(keys: PrimaryKeys, deletedAt: BigUint64Array): boolean {
    if (!(keys instanceof BigInt64Array)) throw wrongType("", "int64");
    const lanes = new Uint32Array(keys.buffer, keys.byteOffset, keys.length * 2);
    let found = false;
    for (let i = 0; i < keys.length; i += 1) {
      const timestamp = this.#table.timestampOf(lanes, 2 * i);
      if (timestamp === 0n) continue;
      found = true;
      if ((deletedAt[i] ?? 0n) < timestamp) deletedAt[i] = timestamp;
    }
    return found;
  }
}

/**
 * Keeps 128 bits of two hashes for each key in place of the key: a million texts would take hundreds of MB. Two of a
 * thousand million keys being equal there has a chance of one in 10^20; the seeds are random, so nobody can make it happen.
 */
class TextDeleteSet implements DeleteSet {
  readonly #table = new KeyTable(4);
  readonly #seeds = crypto.getRandomValues(new BigUint64Array(2));
  readonly #hashes = new BigUint64Array(2);
  readonly #lanes = new Uint32Array(this.#hashes.buffer);

  get size(): number {
    return this.#table.size;
  }

  add(key: PrimaryKey, timestamp: bigint): void {
    if (typeof key !== "string") throw wrongType(key, "varchar");
    this.#hash(key);
    this.#table.raise(this.#lanes, 0, timestamp);
  }

  mark(keys: PrimaryKeys, deletedAt: BigUint64Array): boolean {
    if (keys instanceof BigInt64Array) throw wrongType(0n, "varchar");
    let found = false;
    for (const [index, key] of keys.entries()) {
      this.#hash(key);
      const timestamp = this.#table.timestampOf(this.#lanes, 0);
      if (timestamp === 0n) continue;
      found = true;
      if ((deletedAt[index] ?? 0n) < timestamp) deletedAt[index] = timestamp;
    }
    return found;
  }

  #hash(key: string): void {
    this.#hashes[0] = Bun.hash.xxHash64(key, this.#seeds[0]);
    this.#hashes[1] = Bun.hash.xxHash3(key, this.#seeds[1]);
  }
}
