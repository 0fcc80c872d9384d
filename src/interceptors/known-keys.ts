/**
 * What this process knows of keys without asking a store: which are being executed, and the last answers. A retry comes
 * soon after its first attempt and mostly to the same process, so nearly every replay is answered from here. The answers
 * that are kept are bounded by number and by bytes; a record that is not here is in the store.
 */
import type { IdempotencyStore, StoredRecord } from './idempotency-store.js';

const mostKept = 10_000;
const mostBytes = 16 * 1024 * 1024;
/** Bytes that an entry takes besides its answer, about. */
const overhead = 400;

interface Kept {
  readonly record: StoredRecord;
  readonly expiresAt: number;
}

export class KnownKeys<Running> {
  readonly #running = new Map<string, Running>();
  /** In the order of their last use. */
  readonly #kept = new Map<string, Kept>();
  #bytes = 0;

  running(name: string): Running | undefined {
    return this.#running.get(name);
  }

  begin(name: string, execution: Running): void {
    this.#running.set(name, execution);
  }

  end(name: string): void {
    this.#running.delete(name);
  }

  /** The answer of a key, unless `now` (wall time) is past its record's end. */
  find(name: string, now: number): StoredRecord | undefined {
    const kept = this.#kept.get(name);
    if (kept === undefined) return undefined;
    this.#drop(name, kept);
    if (now >= kept.expiresAt) return undefined;
    this.#add(name, kept);
    return kept.record;
  }

  keep(name: string, record: StoredRecord, expiresAt: number): void {
    const known = this.#kept.get(name);
    if (known !== undefined) this.#drop(name, known);
    const kept = { record, expiresAt };
    if (sizeOf(kept) > mostBytes / 16) return;
    this.#add(name, kept);
    for (const [oldest, one] of this.#kept) {
      if (this.#kept.size <= mostKept && this.#bytes <= mostBytes) break;
      this.#drop(oldest, one);
    }
  }

  #add(name: string, kept: Kept): void {
    this.#kept.set(name, kept);
    this.#bytes += sizeOf(kept);
  }

  #drop(name: string, kept: Kept): void {
    this.#kept.delete(name);
    this.#bytes -= sizeOf(kept);
  }
}

function sizeOf({ record }: Kept): number {
  return record.outcome.bytes.byteLength + record.fingerprint.byteLength + overhead;
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
