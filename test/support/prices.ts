/** A service with two topics whose messages are JSON: prices by fish, and sales without a key. */
import type { Codec } from '../../src/contract/codec.js';
import { topicStream } from '../../src/contract/method.js';
import { defineService } from '../../src/contract/service.js';

export interface Price {
  readonly fish: string;
  readonly price: number;
}

export interface WatchRequest {
  readonly market?: string;
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

const messages = { request: jsonCodec<WatchRequest>('test.Watch'), response: jsonCodec<Price>('test.Price') };

export const Prices = defineService({
  name: 'test.Prices',
  idl: 'proto',
  fingerprint: '',
  methods: {
    watch: topicStream<WatchRequest, Price>({
      name: 'Watch',
      ...messages,
      policy: { topic: { key: 'fish', mode: 'LATEST', recovery: 'CONVERGENT' } },
      topicKey: 'fish',
    }),
    sales: topicStream<WatchRequest, Price>({ name: 'Sales', ...messages, policy: { topic: { historyCount: 5 } } }),
    merged: topicStream<WatchRequest, Price>({
      name: 'Merged',
      ...messages,
      policy: { topic: { key: 'fish', mode: 'MERGE', merge: 'CUSTOM' } },
      topicKey: 'fish',
    }),
  },
});
