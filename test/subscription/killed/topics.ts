/** Topics of each kind that a kill may hurt: the newest of each key, every update without keys, every update with keys. */
import type { Codec } from '../../../src/contract/codec.js';
import { topicStream } from '../../../src/contract/method.js';
import { defineService } from '../../../src/contract/service.js';

export interface Sale {
  readonly fish: string;
  readonly price: number;
}

export interface WatchRequest {
  readonly keys?: readonly string[];
}

function jsonCodec<T>(typeName: string): Codec<T> {
  return {
    typeName,
    encode: (value) => Buffer.from(JSON.stringify(value)),
    decode: (bytes) => JSON.parse(Buffer.from(bytes).toString() || '{}') as T,
    toJSON: (value) => value,
    fromJSON: (json) => json as T,
  };
}

/** Which store keeps the logs: one that forgets with its process, or one that outlives it. */
export type StoreKind = 'memory' | 'sqlite';

export function salesOf(store: StoreKind) {
  const messages = { request: jsonCodec<WatchRequest>('test.Watch'), response: jsonCodec<Sale>('test.Sale') };
  // The checker wants to read the whole log in the end.
  const kept = { historyCount: 1_000_000, durability: store === 'memory' ? 'NONE' : 'PROCESS' } as const;
  const keyed = { key: 'fish', ...kept };
  return defineService({
    name: 'test.Sales',
    idl: 'proto',
    fingerprint: '',
    methods: {
      latest: topicStream<WatchRequest, Sale>({
        name: 'Latest',
        ...messages,
        policy: { topic: { ...keyed, mode: 'LATEST', recovery: 'CONVERGENT' } },
        topicKey: 'fish',
      }),
      every: topicStream<WatchRequest, Sale>({
        name: 'Every',
        ...messages,
        policy: { topic: { ...keyed, mode: 'EVERY', recovery: 'DIVERGENT' } },
        topicKey: 'fish',
      }),
      plain: topicStream<WatchRequest, Sale>({
        name: 'Plain',
        ...messages,
        policy: { topic: { ...kept, recovery: 'GAP' } },
      }),
    },
  });
}

export const kinds = ['latest', 'every', 'plain'] as const;
export type Kind = (typeof kinds)[number];

/** What a server process writes down before a kill can take it: the kernel has each line when the call returns. */
export type Line =
  /** Published and answered; `value` is null for a tombstone. */
  | { readonly epoch: string; readonly seq: number; readonly key: string; readonly value: string | null }
  /** A log as it was found at a start, or is at a halt. `t` is ms since the Unix epoch. */
  | {
      readonly kind: Kind;
      readonly epoch: string;
      readonly head: number;
      readonly t: number;
      readonly halted: boolean;
    };

export interface Command {
  readonly address: string;
  readonly store: StoreKind;
  readonly database: string;
  readonly journal: string;
  readonly seed: string;
  /** ms between two turns of publishing. */
  readonly every: number;
}
