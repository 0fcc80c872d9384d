/** A hundred thousand calls that end in every way, and nothing that any of them set up is left. */
import { createClient, createServer, RpcError, silentLogger } from 'hawser';
import { VirtualClock } from 'hawser/testing';
import { describe, expect, it } from 'vitest';
import { MemoryNetwork } from '../../src/transports/memory/network.js';
import { Echo, note } from '../support/echo.js';

/** A signal that counts its listeners. */
function counted() {
  const controller = new AbortController();
  const { signal } = controller;
  let listeners = 0;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = ((...args: Parameters<typeof add>) => {
    listeners += 1;
    return add(...args);
  }) as typeof signal.addEventListener;
  signal.removeEventListener = ((...args: Parameters<typeof remove>) => {
    listeners -= 1;
    return remove(...args);
  }) as typeof signal.removeEventListener;
  return { signal, listeners: () => listeners };
}

describe('100,000 calls', () => {
  it('leave no timer, no listener and no attempt, however they end', async () => {
    const clock = new VirtualClock();
    const networks = [new MemoryNetwork(), new MemoryNetwork()];
    let serving = 0;
    for (const network of networks) {
      const server = createServer({ clock, logger: silentLogger });
      // Counts calls that have begun on the server and not finished.
      server.use(
        (_method, next) => (call) => {
          serving += 1;
          call.onFinish(() => {
            serving -= 1;
          });
          return next(call);
        },
        { before: 'trace' },
      );
      let n = 0;
      server.add(Echo, {
        say(request) {
          n += 1;
          if (n % 29 === 0) throw new RpcError('UNAVAILABLE', 'now and then');
          if (n % 53 === 0) throw new RpcError('NOT_FOUND', 'now and then');
          if (n % 71 === 0) return new Promise<never>(() => {});
          return request;
        },
        tell() {},
        async *repeat(request) {
          yield request;
          yield request;
        },
        collect: () => note(''),
        async *chat() {},
      });
      await server.listen({ memory: network });
    }
    const client = createClient(Echo, networks, {
      clock,
      timeout: 1_000,
      attemptTimeout: 100,
      breaker: false,
      budget: { perSecond: 10_000 },
      methods: { say: { idempotency: 'IDEMPOTENT', hedge: { delay: 50 } }, repeat: { idempotency: 'IDEMPOTENT' } },
    });
    const { signal, listeners } = counted();
    let settled = 0;
    const end = (): void => {
      settled += 1;
    };
    for (let batch = 0; batch < 100; batch++) {
      const calls: Promise<void>[] = [];
      for (let i = 0; i < 1_000; i++) {
        if (i % 10 === 0) {
          const stream = client.repeat(note('x'), { signal });
          calls.push(
            i % 20 === 0
              ? stream
                  .next()
                  .then(() => stream.return())
                  .then(end)
              : drain(stream).then(end),
          );
        } else if (i % 33 === 0) {
          const controller = new AbortController();
          calls.push(client.say(note('x'), { signal: controller.signal }).then(end, end));
          clock.setTimer(() => controller.abort(), i % 100);
        } else calls.push(client.say(note('x'), { signal }).then(end, end));
      }
      await clock.runUntil(Promise.all(calls));
    }
    await clock.run();
    expect(settled).toBe(100_000);
    expect(clock.timers).toBe(0);
    expect(listeners()).toBe(0);
    expect(serving).toBe(0);
    expect(client.$addresses().map((one) => one.inFlight)).toEqual([0, 0]);
  }, 120_000);

  it('inside a handler leave nothing on the call that they serve', async () => {
    const clock = new VirtualClock();
    const [outer, inner] = [new MemoryNetwork(), new MemoryNetwork()];
    const leaf = createServer({ clock, logger: silentLogger });
    const handlers = { tell() {}, async *repeat() {}, collect: () => note(''), async *chat() {} };
    leaf.add(Echo, { ...handlers, say: (request) => request });
    await leaf.listen({ memory: inner });
    const toLeaf = createClient(Echo, inner, { clock });
    const server = createServer({ clock, logger: silentLogger });
    const before: number[] = [];
    server.add(Echo, {
      ...handlers,
      async say(request, call) {
        const { onAbort } = call as unknown as { onAbort(fn: () => void): () => void };
        let held = 0;
        (call as unknown as { onAbort: typeof onAbort }).onAbort = (fn) => {
          held += 1;
          const remove = onAbort.call(call, fn);
          return () => {
            held -= 1;
            remove();
          };
        };
        for (let i = 0; i < 1_000; i++) await toLeaf.say(request);
        before.push(held);
        return request;
      },
    });
    await server.listen({ memory: outer });
    await clock.runUntil(createClient(Echo, outer, { clock }).say(note('x')));
    expect(before).toEqual([0]);
    expect(clock.timers).toBe(0);
  });
});

async function drain(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of stream);
}
