/** What someone who publishes may say beside the update. */
import { milliseconds } from '../contract/duration.js';
import { group } from '../contract/option-kinds.js';
import { knownOptions } from '../contract/option-names.js';
import type { Position } from './position.js';
import type { Append, Expectation } from './topic-store.js';

export interface PublishOptions {
  /** ms, or `"30s"`, until the key expires unless it is updated: it is deleted then. Never by default. */
  readonly ttl?: number | string;
  /**
   * The publisher, and its number for this update: one that the log has is not appended again. Numbers grow, and need not
   * follow one upon the other. A publication that was refused has not used up its number, but one that is below the
   * producer's last and not in the log is ABORTED (`PRODUCER_SEQ_PASSED`).
   */
  readonly producer?: { readonly id: string; readonly seq: number };
  /** What must hold for the update to be published; ABORTED (`EXPECTATION_FAILED`) if it does not. */
  readonly expect?: PublishExpectation;
}

export interface PublishExpectation {
  /** The head of the topic: nobody else has published since. */
  readonly head?: Position;
  /** The newest update of this key is this one: its seq, or its position; 0: there is no such key. */
  readonly keySeq?: number | Position;
}

type Producer = NonNullable<PublishOptions['producer']>;

const checkNames = knownOptions<PublishOptions>({
  ttl: true,
  producer: group(knownOptions<Producer>({ id: true, seq: true })),
  expect: group(knownOptions<PublishExpectation>({ head: true, keySeq: true })),
});

/** Throws a TypeError or RangeError that names the option. */
export function appendOf(key: string, value: Uint8Array | undefined, options: PublishOptions): Append {
  checkNames(options, 'publish', '');
  const { ttl, producer, expect } = options;
  if (producer !== undefined && (typeof producer.id !== 'string' || producer.id === '')) {
    throw new TypeError('producer.id must be a name of the producer, a string that is not empty');
  }
  return {
    key,
    value,
    ttl: ttl === undefined ? 0 : Math.ceil(milliseconds(ttl, 'ttl')),
    producer: producer === undefined ? undefined : { id: producer.id, seq: producer.seq },
    expect: expect === undefined ? undefined : expectationOf(expect),
  };
}

function expectationOf({ head, keySeq }: PublishExpectation): Expectation {
  const key = typeof keySeq === 'object' ? keySeq : undefined;
  return {
    epoch: head?.epoch ?? key?.epoch,
    seq: head?.seq,
    generation: head?.generation,
    keySeq: typeof keySeq === 'object' ? keySeq.seq : keySeq,
    keyGeneration: key?.generation,
  };
}
