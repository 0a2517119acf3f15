/**
 * A hash table from keys of two or four 32-bit lanes to their highest timestamp, in typed arrays: it takes 32 to 96
 * bytes a key where a Map of bigints takes over a hundred, and finds a row's key without an allocation.
 */

export class KeyTable {
  readonly #width: 2 | 4;
  /** Always a power of two, and never more than half full. */
  #capacity = 1024;
  #lanes: Uint32Array;
  /** 0 marks a free slot: no key is kept for a timestamp of 0. */
  #timestamps = new BigUint64Array(this.#capacity);
  #timestampHalves = new Uint32Array(this.#timestamps.buffer);
  #size = 0;

  constructor(width: 2 | 4) {
    this.#width = width;
    this.#lanes = new Uint32Array(this.#capacity * width);
  }

  get size(): number {
    return this.#size;
  }

  /** Raises the timestamp of the key at `lanes[at]`, adding the key when it is new. */
  raise(lanes: Uint32Array, at: number, timestamp: bigint): void {
    if (timestamp === 0n) return;
    if ((this.#size + 1) * 2 > this.#capacity) this.#grow();
    const slot = this.#slot(lanes, at);
    if (this.#isFree(slot)) {
      this.#copyLanes(lanes, at, slot);
      this.#size += 1;
    }
    if ((this.#timestamps[slot] ?? 0n) < timestamp) this.#timestamps[slot] = timestamp;
  }

  /** The timestamp of the key at `lanes[at]`; 0 when it is not in the table. */
  timestampOf(lanes: Uint32Array, at: number): bigint {
    const slot = this.#slot(lanes, at);
    return this.#isFree(slot) ? 0n : (this.#timestamps[slot] ?? 0n);
  }

  /** Where the key is, or the free slot where it would go. */
  #slot(lanes: Uint32Array, at: number): number {
    const mask = this.#capacity - 1;
    // The mixing steps of murmur3: ids of one source differ in few bits.
    let hash = Math.imul((lanes[at] ?? 0) ^ Math.imul(lanes[at + 1] ?? 0, 0x9e3779b1), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    let slot = (hash ^ (hash >>> 16)) & mask;
    while (!this.#isFree(slot) && !this.#holds(slot, lanes, at)) slot = (slot + 1) & mask;
    return slot;
  }

  #isFree(slot: number): boolean {
    return this.#timestampHalves[2 * slot] === 0 && this.#timestampHalves[2 * slot + 1] === 0;
  }

  #holds(slot: number, lanes: Uint32Array, at: number): boolean {
    const from = slot * this.#width;
    for (let lane = 0; lane < this.#width; lane += 1) {
      if (this.#lanes[from + lane] !== lanes[at + lane]) return false;
    }
    return true;
  }

  #copyLanes(lanes: Uint32Array, at: number, slot: number): void {
    const to = slot * this.#width;
    for (let lane = 0; lane < this.#width; lane += 1) this.#lanes[to + lane] = lanes[at + lane] ?? 0;
  }

  #grow(): void {
    const lanes = this.#lanes;
    const halves = this.#timestampHalves;
    const slots = this.#capacity;
    this.#capacity *= 2;
    this.#lanes = new Uint32Array(this.#capacity * this.#width);
    this.#timestamps = new BigUint64Array(this.#capacity);
    this.#timestampHalves = new Uint32Array(this.#timestamps.buffer);
    for (let from = 0; from < slots; from += 1) {
      const low = halves[2 * from] ?? 0;
      const high = halves[2 * from + 1] ?? 0;
      if (low === 0 && high === 0) continue;
      const slot = this.#slot(lanes, from * this.#width);
      this.#copyLanes(lanes, from * this.#width, slot);
      this.#timestampHalves[2 * slot] = low;
      this.#timestampHalves[2 * slot + 1] = high;
    }
  }
}
