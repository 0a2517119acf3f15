/** Sets of deletes: for each primary key the latest time at which it was deleted. */

import { malformed } from "./damage.ts";

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

class TextDeleteSet implements DeleteSet {
  readonly #latest = new Map<string, bigint>();

  get size(): number {
    return this.#latest.size;
  }

  add(key: PrimaryKey, timestamp: bigint): void {
    if (typeof key !== "string") throw wrongType(key, "varchar");
    if ((this.#latest.get(key) ?? -1n) < timestamp) this.#latest.set(key, timestamp);
  }

  mark(keys: PrimaryKeys, deletedAt: BigUint64Array): boolean {
    if (keys instanceof BigInt64Array) throw wrongType(0n, "varchar");
    let found = false;
    for (const [index, key] of keys.entries()) {
      const timestamp = this.#latest.get(key);
      if (timestamp === undefined) continue;
      found = true;
      if ((deletedAt[index] ?? 0n) < timestamp) deletedAt[index] = timestamp;
    }
    return found;
  }
}

/**
 * An open-addressing table in typed arrays: 32 bytes a key where a Map needs over a hundred, and rows are looked up by
 * their 32-bit halves (low first: every platform this runs on is little endian) without a bigint for each.
 */
class Int64DeleteSet implements DeleteSet {
  /** Always a power of two, and never more than half full. */
  #capacity = 1024;
  #halves = new Uint32Array(this.#capacity * 2);
  /** 0 marks a free slot: a delete at time 0 would delete nothing, so none is kept. */
  #timestamps = new BigUint64Array(this.#capacity);
  #size = 0;
  readonly #one = new BigInt64Array(1);
  readonly #oneHalves = new Uint32Array(this.#one.buffer);

  get size(): number {
    return this.#size;
  }

  add(key: PrimaryKey, timestamp: bigint): void {
    if (typeof key !== "bigint") throw wrongType(key, "int64");
    if (timestamp === 0n) return;
    if ((this.#size + 1) * 2 > this.#capacity) this.#grow();
    this.#one[0] = key;
    const slot = this.#slot(this.#oneHalves[0] ?? 0, this.#oneHalves[1] ?? 0);
    const before = this.#timestamps[slot] ?? 0n;
    if (before === 0n) {
      this.#halves[2 * slot] = this.#oneHalves[0] ?? 0;
      this.#halves[2 * slot + 1] = this.#oneHalves[1] ?? 0;
      this.#size += 1;
    }
    if (before < timestamp) this.#timestamps[slot] = timestamp;
  }

  mark(keys: PrimaryKeys, deletedAt: BigUint64Array): boolean {
    if (!(keys instanceof BigInt64Array)) throw wrongType("", "int64");
    const rows = new Uint32Array(keys.buffer, keys.byteOffset, keys.length * 2);
    let found = false;
    for (let i = 0; i < keys.length; i += 1) {
      const timestamp = this.#timestamps[this.#slot(rows[2 * i] ?? 0, rows[2 * i + 1] ?? 0)] ?? 0n;
      if (timestamp === 0n) continue;
      found = true;
      if ((deletedAt[i] ?? 0n) < timestamp) deletedAt[i] = timestamp;
    }
    return found;
  }

  /** Where the key is, or the free slot where it would go. */
  #slot(low: number, high: number): number {
    const mask = this.#capacity - 1;
    // The mixing steps of murmur3: ids of one source differ in few bits.
    let hash = Math.imul(low ^ Math.imul(high, 0x9e3779b1), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    let slot = (hash ^ (hash >>> 16)) & mask;
    while (
      (this.#timestampHalves[2 * slot] !== 0 || this.#timestampHalves[2 * slot + 1] !== 0) &&
      (this.#halves[2 * slot] !== low || this.#halves[2 * slot + 1] !== high)
    ) {
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  #timestampHalves = new Uint32Array(this.#timestamps.buffer);

  #grow(): void {
    const halves = this.#halves;
    const timestamps = this.#timestamps;
    this.#capacity *= 2;
    this.#halves = new Uint32Array(this.#capacity * 2);
    this.#timestamps = new BigUint64Array(this.#capacity);
    this.#timestampHalves = new Uint32Array(this.#timestamps.buffer);
    for (const [from, timestamp] of timestamps.entries()) {
      if (timestamp === 0n) continue;
      const low = halves[2 * from] ?? 0;
      const high = halves[2 * from + 1] ?? 0;
      const slot = this.#slot(low, high);
      this.#halves[2 * slot] = low;
      this.#halves[2 * slot + 1] = high;
      this.#timestamps[slot] = timestamp;
    }
  }
}
