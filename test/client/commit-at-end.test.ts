/** A commit followed at once by the end of the last subscription reaches the server, whatever ends it. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { Quotes } from '../../gen/market/v1/market.rpc.js';
import { Quotes as ThriftQuotes } from '../../gen/market.js';
import { silentLogger } from '../../src/call/logger.js';
import { createClient } from '../../src/client/create-client.js';
import { createServer } from '../../src/server/create-server.js';
import type { Subscription } from '../../src/subscription/subscriber/subscription.js';

const total = 12;
const endings = ['break', 'unsubscribe', 'abort', 'close', 'dispose'] as const;

async function market(wire: 'gRPC' | 'Thrift') {
  const server = createServer({ health: false, reflection: false, logger: silentLogger });
  const quotes = (wire === 'gRPC' ? Quotes : ThriftQuotes) as typeof Quotes;
  server.add(quotes, {});
  const bound = await server.listen(wire === 'gRPC' ? { grpc: '127.0.0.1:0' } : { thrift: '127.0.0.1:0' });
  onTestFinished(() => server.close({ grace: 0 }));
  const prices = server.topic(quotes.methods.prices);
  for (let price = 1; price <= total; price++) await prices.publish({ fish: 'cod', price, market: 1, seq: 0n });
  const address = wire === 'gRPC' ? `grpc://${bound.grpc}` : `thrift://${bound.thrift}`;
  const connect = () => {
    const client = createClient(quotes, address, { logger: silentLogger });
    onTestFinished(() => client.$close());
    return client;
  };
  return connect;
}

describe.each(['gRPC', 'Thrift'] as const)('over %s', (wire) => {
  it.each(endings)('a commit before %s is kept, each of many times', async (ending) => {
    const connect = await market(wire);
    let client = connect();
    for (let round = 1; round <= 5; round++) {
      const abort = new AbortController();
      const options = { name: `${ending} ${round}`, mode: 'EVERY', signal: abort.signal } as const;
      const first = client.prices.subscribe({}, { ...options, from: { seq: 1 } }) as Subscription<unknown>;
      for await (const { seq } of first) {
        if (seq !== 5) continue;
        first.commit();
        if (ending === 'unsubscribe') first.unsubscribe();
        else if (ending === 'abort') abort.abort();
        else if (ending === 'dispose') await first[Symbol.asyncDispose]();
        else if (ending === 'close') await client.$close();
        break;
      }
      if (ending === 'close') client = connect();
      const second = client.prices.subscribe({}, { name: options.name, mode: 'EVERY', from: 'committed' });
      for await (const { seq } of second) {
        expect(seq).toBe(6);
        break;
      }
    }
  });
});
