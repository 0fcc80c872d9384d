/** A service with the same updates in two topics: the newest of each key, and every one. */
import type { Codec } from '../../../src/contract/codec.js';
import { topicStream } from '../../../src/contract/method.js';
import { defineService } from '../../../src/contract/service.js';

export interface Valued {
  readonly key: string;
  readonly n: number;
  readonly padding: string;
}

/** Few enough that a reader of 1 KB/s gets the newest of all of them in some seconds. */
export const keys = 10;

export const updateOf = (key: string, n: number): Valued => ({ key, n, padding: 'x'.repeat(400) });

function jsonCodec<T>(typeName: string): Codec<T> {
  return {
    typeName,
    encode: (value) => Buffer.from(JSON.stringify(value)),
    decode: (bytes) => JSON.parse(Buffer.from(bytes).toString() || '{}') as T,
    toJSON: (value) => value,
    fromJSON: (json) => json as T,
  };
}

const messages = { request: jsonCodec<object>('test.All'), response: jsonCodec<Valued>('test.Valued') };

export const Crowd = defineService({
  name: 'test.Crowd',
  idl: 'proto',
  fingerprint: '',
  methods: {
    latest: topicStream<object, Valued>({
      name: 'Latest',
      ...messages,
      policy: { topic: { key: 'key', mode: 'LATEST', recovery: 'CONVERGENT', historyCount: 2000 } },
      topicKey: 'key',
    }),
    every: topicStream<object, Valued>({
      name: 'Every',
      ...messages,
      policy: { topic: { key: 'key', mode: 'EVERY', recovery: 'PRECISE', historyCount: 5000 } },
      topicKey: 'key',
    }),
  },
});
