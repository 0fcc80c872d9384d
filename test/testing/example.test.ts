import { createClient, createServer, silentLogger } from 'hawser';
import { leaks, SeededNetwork, seededRandom, VirtualClock } from 'hawser/testing';
import { expect, test } from 'vitest';
import { TradeHistory } from '../../gen/market/v1/market.rpc.js';

/** Two servers and a client of both, in one process, on a clock and a network of this test's own. */
async function market(seed: number) {
  const clock = new VirtualClock();
  const random = seededRandom(seed);
  const network = new SeededNetwork({
    clock,
    random: random.fork('network'),
    faults: { latency: { median: 2, p99: 20 } },
  });
  for (const node of ['a', 'b']) {
    const server = createServer({ clock, logger: silentLogger }).add(TradeHistory, {
      async getLastSale({ fish }) {
        await clock.sleep(5); // what the database takes
        return { fish, price: 12, amount: undefined, dateTime: undefined, market: 0 };
      },
      getLastSaleList: () => ({ trades: [] }),
    });
    await server.listen({ memory: network.node(node) });
  }
  const client = createClient(TradeHistory, network.nodes('a', 'b'), {
    clock,
    random: random.fork('client'),
    timeout: '1s',
    attemptTimeout: '100ms',
  });
  return { clock, network, client };
}

test('a sale is found although one of two servers hangs', async () => {
  for (let seed = 0; seed < 20; seed++) {
    const { clock, network, client } = await market(seed);
    network.node('a').set({ halfOpen: true });
    const call = client.getLastSale({ fish: 'halibut' });
    const sale = await clock.runUntil(call, { name: 'the sale' }).catch((error) => {
      throw new Error(`seed ${seed}: ${error.message}\n${network.log}`);
    });
    expect(sale.fish).toBe('halibut');
    await clock.run(); // what is still on its way
    expect(leaks({ clock, network })).toEqual([]);
  }
});

test('an outage ends in UNAVAILABLE, no later than the deadline', async () => {
  const { clock, network, client } = await market(1);
  network.set({ refuse: true });
  const call = client.getLastSale({ fish: 'halibut' });
  await expect(clock.runUntil(call)).rejects.toMatchObject({ code: 'UNAVAILABLE', disposition: 'not-executed' });
  expect(clock.now()).toBeLessThan(1_000);
});
