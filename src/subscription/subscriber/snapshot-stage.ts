/**
 * A snapshot on its way in, out of the application's sight. It counts only when it is whole: chunk by chunk, as many
 * entries as its end says, and the checksum over their numbers. What is wrong with it is a sentence; then it is thrown away.
 */
import type { SnapshotChunk, SnapshotEnd, Update } from '../../../gen/hawser/subscription/v1/subscription.js';
import type { Generation } from '../generation.js';
import type { Epoch } from '../position.js';
import { SeqChecksum } from '../seq-checksum.js';
import { Replica } from './replica.js';

export class SnapshotStage {
  readonly replica = new Replica();
  readonly epoch: Epoch;
  /** The position that the first batch begins at. */
  readonly at: number;
  /** Of `at`. */
  readonly generation: Generation | undefined;
  /** From this position on what is held is a state of the topic; Infinity before the end has come. */
  consistentAt = Number.POSITIVE_INFINITY;
  /** Nothing was lost since `at`. */
  whole = true;
  readonly #checksum = new SeqChecksum();
  #chunks = 0;
  #count = 0;

  constructor(epoch: Epoch, at: number, generation: Generation | undefined) {
    this.epoch = epoch;
    this.at = at;
    this.generation = generation;
  }

  /** Undefined when the chunk is the next one. */
  add({ n, entries }: SnapshotChunk): string | undefined {
    if (n !== this.#chunks) return `chunk ${this.#chunks} of the snapshot was to come, not ${n}`;
    this.#chunks += 1;
    for (const entry of entries) {
      const wrong = this.#addEntry(entry);
      if (wrong !== undefined) return wrong;
    }
    return undefined;
  }

  #addEntry(entry: Update): string | undefined {
    const { key, seq } = entry;
    if (entry.tombstone) return `the snapshot holds a tombstone, of the key ${JSON.stringify(key)}`;
    if (seq < 1) return `the key ${JSON.stringify(key)} in the snapshot has the seq ${seq}; the first is 1`;
    if (this.replica.apply(entry) === undefined) return `the key ${JSON.stringify(key)} is in the snapshot twice`;
    this.#checksum.add(seq);
    this.#count += 1;
    return undefined;
  }

  /** Undefined when the snapshot is whole. */
  end({ at, consistentAt, count, checksum }: SnapshotEnd): string | undefined {
    if (at !== this.at) return `the snapshot began at ${this.at} and ends as one that began at ${at}`;
    if (consistentAt < at)
      return `the snapshot of ${at} says that it is consistent at ${consistentAt}, before it began`;
    if (count !== this.#count) return `the snapshot has ${this.#count} entries, and its end says ${count}`;
    if (checksum !== this.#checksum.value) return 'the checksum of the snapshot is not that of its entries';
    this.consistentAt = consistentAt;
    return undefined;
  }
}
