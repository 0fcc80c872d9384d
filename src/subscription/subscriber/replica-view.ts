/**
 * The current map of a subscription as its application sees it: live, read-only, each value decoded when it is first asked for. A
 * value that does not decode throws, or is undefined where such updates are skipped; its key is there in either case.
 */
import type { Entry, Replica } from './replica.js';

export type DecodeEntry<T> = (key: string, seq: number, value: Uint8Array) => T | undefined;

export class ReplicaView<T> implements ReadonlyMap<string, T> {
  readonly #current: () => Replica;
  readonly #decode: DecodeEntry<T>;
  readonly #decoded = new WeakMap<Entry, { readonly value: T | undefined }>();

  constructor(current: () => Replica, decode: DecodeEntry<T>) {
    this.#current = current;
    this.#decode = decode;
  }

  get size(): number {
    return this.#current().size;
  }

  has(key: string): boolean {
    return this.#current().get(key) !== undefined;
  }

  /** Throws an RpcError INTERNAL (`RESPONSE_MALFORMED`) for a value that does not decode, unless such are skipped. */
  get(key: string): T | undefined {
    const entry = this.#current().get(key);
    return entry === undefined ? undefined : this.#valueOf(key, entry);
  }

  keys(): MapIterator<string> {
    return this.#current().keys() as MapIterator<string>;
  }

  values(): MapIterator<T> {
    return this.#values() as MapIterator<T>;
  }

  entries(): MapIterator<[string, T]> {
    return this.#entries() as MapIterator<[string, T]>;
  }

  forEach(fn: (value: T, key: string, map: ReadonlyMap<string, T>) => void): void {
    for (const [key, value] of this.#entries()) fn(value, key, this);
  }

  [Symbol.iterator](): MapIterator<[string, T]> {
    return this.entries();
  }

  *#entries(): IterableIterator<[string, T]> {
    for (const [key, entry] of this.#current().entries()) {
      const value = entry.value === undefined ? undefined : this.#valueOf(key, entry);
      if (value !== undefined) yield [key, value];
    }
  }

  *#values(): IterableIterator<T> {
    for (const [, value] of this.#entries()) yield value;
  }

  #valueOf(key: string, entry: Entry): T | undefined {
    const known = this.#decoded.get(entry);
    if (known !== undefined) return known.value;
    const value = this.#decode(key, entry.seq, entry.value as Uint8Array); // entries of deleted keys are left out
    this.#decoded.set(entry, { value });
    return value;
  }
}
