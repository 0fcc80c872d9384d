/**
 * Frames of the server, read by hand where they hold batches and nothing else, as most do: half of what a subscriber's process did
 * was reading them with the generated code. Whatever is not plainly such a frame (another item, a field of a newer server, a
 * length that does not fit, a key that is not UTF-8, a number beyond 2^53-1) is read by the generated code from its start, which says what is wrong with it.
 */
import {
  type Batch,
  ServerFrame,
  type ServerItem,
  type Update,
} from '../../../gen/hawser/subscription/v1/subscription.js';
import { exactNumbers } from '../exact-numbers.js';
import { readKey } from './known-keys.js';

const nothing = new Uint8Array(0);

/** Values are views into `bytes`. Throws what the generated code throws. */
export function readServerFrame(bytes: Uint8Array): ServerFrame {
  return new BatchReader(bytes).frame() ?? exactNumbers(ServerFrame.decode(bytes));
}

/** Every method that answers undefined has met something that is not for it. */
class BatchReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  frame(): ServerFrame | undefined {
    const items: ServerItem[] = [];
    const end = this.#bytes.length;
    while (this.#at < end) {
      const itemEnd = this.#open(0x0a, end); // ServerFrame.items
      const batchEnd = this.#open(0x0a, itemEnd); // ServerItem.batch
      if (batchEnd === -1 || batchEnd !== itemEnd) return undefined;
      const value = this.#batch(batchEnd);
      if (value === undefined) return undefined;
      items.push({ item: { $case: 'batch', value } });
    }
    return { items };
  }

  #batch(end: number): Batch | undefined {
    const batch: Batch = { ref: 0, from: 0, to: 0, updates: [] };
    while (this.#at < end) {
      const tag = this.#bytes[this.#at] as number;
      if (tag === 0x22) {
        const updateEnd = this.#open(tag, end);
        const update = updateEnd === -1 ? undefined : this.#update(updateEnd);
        if (update === undefined) return undefined;
        batch.updates.push(update);
        continue;
      }
      if (tag === 0x2a || tag === 0x32) {
        const fieldEnd = this.#open(tag, end);
        if (fieldEnd === -1) return undefined;
        batch[tag === 0x2a ? 'generation' : 'aheadGeneration'] = this.#bytes.subarray(this.#at, fieldEnd);
        this.#at = fieldEnd;
        continue;
      }
      this.#at += 1;
      const number = this.#number(end);
      if (number === -1) return undefined;
      if (tag === 0x08 && number <= 0xffff_ffff) batch.ref = number;
      else if (tag === 0x10) batch.from = number;
      else if (tag === 0x18) batch.to = number;
      else return undefined;
    }
    return batch;
  }

  #update(end: number): Update | undefined {
    const bytes = this.#bytes;
    let seq = 0;
    let key = '';
    let value = nothing;
    let tombstone = false;
    let mergedCount = 0;
    let time = 0;
    let expires = 0;
    let groupTo = 0;
    while (this.#at < end) {
      const tag = bytes[this.#at] as number;
      if (tag === 0x12 || tag === 0x1a) {
        const fieldEnd = this.#open(tag, end);
        if (fieldEnd === -1) return undefined;
        if (tag === 0x12) {
          const read = readKey(bytes, this.#at, fieldEnd);
          if (read === undefined) return undefined;
          key = read;
        }
        // Made so and not by `subarray`, which costs twice as much of a Buffer.
        else value = new Uint8Array(bytes.buffer as ArrayBuffer, bytes.byteOffset + this.#at, fieldEnd - this.#at);
        this.#at = fieldEnd;
        continue;
      }
      this.#at += 1;
      const number = this.#number(end);
      if (number === -1) return undefined;
      if (tag === 0x08) seq = number;
      else if (tag === 0x48) time = number;
      else if (tag === 0x40 && number <= 0xffff_ffff) mergedCount = number;
      else if (tag === 0x20) tombstone = number !== 0;
      else if (tag === 0x50) expires = number;
      else if (tag === 0x58) groupTo = number;
      else return undefined;
    }
    return { seq, key, value, tombstone, mergedCount, time, expires, groupTo };
  }

  /** Past the tag and the length of a field that lies before `limit`: where it ends, or -1. */
  #open(tag: number, limit: number): number {
    if (this.#at >= limit || this.#bytes[this.#at] !== tag) return -1;
    this.#at += 1;
    const length = this.#number(limit);
    return length === -1 || length > limit - this.#at ? -1 : this.#at + length;
  }

  /** A varint of at most 2^53-1 that ends before `limit`, or -1. */
  #number(limit: number): number {
    const bytes = this.#bytes;
    let value = 0;
    let unit = 1;
    for (let at = this.#at; at < limit; at++) {
      const byte = bytes[at] as number;
      value += (byte & 0x7f) * unit;
      if (byte < 0x80) {
        this.#at = at + 1;
        return value <= Number.MAX_SAFE_INTEGER ? value : -1;
      }
      unit *= 128;
      if (unit > 2 ** 49) return -1;
    }
    return -1;
  }
}
