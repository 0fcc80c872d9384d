/**
 * What this process knows of keys without asking a store: which are being executed, and the last answers. A retry comes
 * soon after its first attempt and mostly to the same process, so nearly every replay is answered from here. The answers
 * that are kept are bounded by number and by bytes; a record that is not here is in the store.
 */
import { InFlightByName, type Named } from '../call/in-flight.js';
import type { IdempotencyStore, StoredRecord } from './idempotency-store.js';

const mostKept = 10_000;
const mostBytes = 16 * 1024 * 1024;
/** Bytes that an entry takes besides its answer, about. */
const overhead = 800;
const slabBytes = 16 * 1024;

interface Kept {
  readonly record: StoredRecord;
  readonly expiresAt: number;
}

/** Two generations: when the young is half of what may be kept, it becomes the old, and the old goes. Nothing is ever searched. */
export class KnownKeys<Running> {
  readonly #running = new InFlightByName<Running>();
  #young = new Map<string, Kept>();
  #old = new Map<string, Kept>();
  #bytes = 0;
  /** What is left of the memory that the next copies go to. */
  #slab = Buffer.alloc(0);

  running(name: string): Running | undefined {
    return this.#running.get(name);
  }

  /** Of a key that is not being executed. What it returns ends it. */
  begin(name: string, execution: Running): Named<Running> {
    return this.#running.add(name, execution);
  }

  end(running: Named<Running>): void {
    this.#running.remove(running);
  }

  /** The answer of a key, unless `now` (wall time) is past its record's end. */
  find(name: string, now: number): StoredRecord | undefined {
    // Near stores have next to nothing kept, and a look means a hash of the name.
    if (this.#young.size + this.#old.size === 0) return undefined;
    const kept = this.#young.get(name) ?? this.#old.get(name);
    return kept === undefined || now >= kept.expiresAt ? undefined : kept.record;
  }

  keep(name: string, record: StoredRecord, expiresAt: number): void {
    const size = record.outcome.bytes.byteLength + record.fingerprint.byteLength + overhead;
    if (size > mostBytes / 16) return;
    const bytes = this.#copied(record.outcome.bytes);
    const own = { ...record, fingerprint: this.#copied(record.fingerprint), outcome: { ...record.outcome, bytes } };
    this.#young.set(name, { record: own, expiresAt });
    this.#bytes += size;
    if (this.#young.size < mostKept / 2 && this.#bytes < mostBytes / 2) return;
    this.#old = this.#young;
    this.#young = new Map();
    this.#bytes = 0;
    this.#slab = Buffer.alloc(0);
  }

  /** In memory that a generation has to itself: what was encoded shares its own with whatever was encoded then. */
  #copied(bytes: Uint8Array): Uint8Array {
    const { byteLength } = bytes;
    if (byteLength > this.#slab.byteLength) this.#slab = Buffer.allocUnsafeSlow(Math.max(slabBytes, byteLength));
    const copy = this.#slab.subarray(0, byteLength);
    copy.set(bytes);
    this.#slab = this.#slab.subarray(byteLength);
    return copy;
  }
}

const ofStores = new WeakMap<IdempotencyStore, KnownKeys<unknown>>();

/** Servers of one process that share a store share what is known of its keys. */
export function knownKeysOf<Running>(store: IdempotencyStore): KnownKeys<Running> {
  let known = ofStores.get(store);
  if (known === undefined) {
    known = new KnownKeys<unknown>();
    ofStores.set(store, known);
  }
  return known as KnownKeys<Running>;
}
