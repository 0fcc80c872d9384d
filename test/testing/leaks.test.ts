import { createClient, createServer, type ServerCall, silentLogger } from 'hawser';
import { leaks, SeededNetwork, seededRandom, VirtualClock } from 'hawser/testing';
import { expect, it } from 'vitest';
import { Echo, note } from '../support/echo.js';

/** A client of a server that asks another one, which takes 10 ms; the last call of either server. */
async function chain() {
  const clock = new VirtualClock({ origins: true });
  const network = new SeededNetwork({ clock, random: seededRandom(1), faults: { latency: 1 } });
  const calls: ServerCall[] = [];
  const leaf = createClient(Echo, network.from('middle').node('leaf'), { clock });
  const handlers = {
    tell: () => {},
    async *repeat() {},
    collect: () => note('x'),
    async *chat() {},
  };
  for (const node of ['leaf', 'middle']) {
    const server = createServer({ clock, logger: silentLogger }).add(Echo, {
      ...handlers,
      async say(request, call) {
        calls.push(call);
        if (node === 'middle') await leaf.say(request);
        await clock.sleep(10);
        return request;
      },
    });
    await server.listen({ memory: network.node(node) });
  }
  return { clock, network, calls, client: createClient(Echo, network.node('middle'), { clock }) };
}

it('finds nothing after calls that ended well, badly, or early', async () => {
  const { clock, network, client, calls } = await chain();
  const controller = new AbortController();
  const { signal } = controller;
  await clock.runUntil(client.say(note('x'), { signal }));
  await clock.runUntil(client.say(note('x'), { signal, timeout: 5 })).catch(() => {});
  const early = new AbortController();
  const call = client.say(note('x'), { signal: early.signal });
  await clock.advance(3);
  early.abort();
  await clock.runUntil(call).catch(() => {});
  await clock.run();
  expect(calls.length).toBeGreaterThan(4);
  expect(leaks({ clock, network, signals: [signal, early.signal], calls })).toEqual([]);
});

it('names what is left while a call is under way', async () => {
  const { clock, network, client, calls } = await chain();
  const { signal } = new AbortController();
  const call = client.say(note('x'), { signal, timeout: 500 });
  await clock.advance(5);
  expect(leaks({ clock, network, signals: [signal], calls: [calls[0]!] })).toEqual([
    expect.stringMatching(/^\d timers, the first due at 12 ms, set at .*leaks\.test/),
    '2 attempts in flight on the network',
    '1 listeners on signal 0',
    expect.stringMatching(/^\d listeners on the call of \/test.Echo\/Say$/),
  ]);
  await clock.runUntil(call);
  expect(() => leaks({ calls: [{ method: Echo.methods.say }] })).toThrow('leaks looks into calls as handlers');
});
