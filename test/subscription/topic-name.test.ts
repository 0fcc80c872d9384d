import { expect, it } from 'vitest';
import * as proto from '../../gen/cache/v1/cache.rpc.js';
import { Quotes } from '../../gen/market/v1/market.rpc.js';
import * as thrift from '../../gen/market.js';
import { topicName } from '../../src/subscription/topic-name.js';

it('names a topic by its method, however much of the request is left out', () => {
  for (const method of [Quotes.methods.prices, thrift.Quotes.methods.prices]) {
    for (const request of [undefined, {}, { keys: undefined }, { keys: [] }, { keys: ['cod'] }]) {
      expect(topicName(method as never, request)).toBe('market.v1.Quotes/Prices');
    }
  }
  expect(topicName(proto.Cache.methods.entries as never, {})).toBe('cache.v1.Cache/Entries');
});
