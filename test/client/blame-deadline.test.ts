/** A deadline counts against an address only where the attempt had the time that an answer may take. */
import { createClient, createServer, silentLogger } from 'hawser';
import { VirtualClock } from 'hawser/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { hadTime } from '../../src/interceptors/attempt-plan.js';
import { LatencyWindow } from '../../src/interceptors/latency.js';
import { Echo, EchoOverThrift, note } from '../support/echo.js';
import { idempotent, scripted } from '../support/scripted.js';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});
const ignore = (): void => {};

describe.each(['grpc', 'binary', 'compact', 'header'] as const)('a healthy server (%s) is not blamed for', (wire) => {
  it.each([
    ['calls', { retry: false as const }],
    ['calls that go elsewhere when an attempt is slow', idempotent],
  ])('%s that have 1 ms', async (_what, options) => {
    const service = wire === 'grpc' ? Echo : EchoOverThrift;
    const addresses: string[] = [];
    for (let i = 0; i < 2; i++) {
      const server = createServer({ logger: silentLogger, admission: false }).add(service, {
        say: ({ text }) => new Promise((done) => setTimeout(done, text === 'slow' ? 20 : 0, note(text))),
        tell() {},
        async *repeat() {},
        collect: () => note(''),
        async *chat() {},
      });
      const bound = await server.listen(wire === 'grpc' ? { grpc: '127.0.0.1:0' } : { thrift: '127.0.0.1:0' });
      addresses.push(wire === 'grpc' ? `grpc://${bound.grpc}` : `thrift://${bound.thrift}?wire=${wire}`);
      closers.push(() => server.close({ grace: 0 }));
    }
    const client = createClient(service, addresses, options);
    closers.push(() => client.$close());
    const opened: unknown[] = [];
    client.$on('breaker', (event) => opened.push(event));
    for (const warm of [false, true]) {
      for (let i = 0; i < 24; i++) {
        const ended = await client.say(note('slow'), { timeout: 1 }).then(ignore, (error: Error) => error);
        expect(ended).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
      }
      expect(opened).toEqual([]);
      if (!warm) for (let i = 0; i < 10; i++) await client.say(note('x'));
    }
  });
});

describe('on virtual time', () => {
  const breakers = (client: { $addresses(): readonly { address: string; breaker: string }[] }) =>
    client.$addresses().map(({ breaker }) => breaker);

  it('calls shorter than their method allows blame no server of which no answer is known yet', async () => {
    const { client, clock } = await scripted({ nodes: ['a', 'b'], client: { retry: false }, script: () => 'hang' });
    for (let i = 0; i < 50; i++) await clock.runUntil(client.say(note('x'), { timeout: 5_000 }).catch(ignore));
    expect(breakers(client)).toEqual(['closed', 'closed']);
  });

  it('a server that hangs is found out by calls that have the time of their method', async () => {
    const { client, clock } = await scripted({
      nodes: ['a', 'b'],
      client: { retry: false, timeout: 1_000, breaker: { openFor: '1h', maxOpenFor: '2h' } },
      script: (_number, node) => (node === 'b' ? 'hang' : 'ok'),
    });
    for (let i = 0; i < 20; i++) {
      await clock.runUntil(client.say(note('x')).catch(ignore));
      await clock.advance(1_000); // so long an attempt that was given up counts as on its way
    }
    expect(breakers(client)).toEqual(['closed', 'open']);
  });

  it('and by short ones, once answers have told what the method usually needs', async () => {
    const { client, clock } = await scripted({
      nodes: ['a', 'b'],
      faults: { latency: { uniform: [5, 10] } },
      client: { retry: false, breaker: { openFor: '1h', maxOpenFor: '2h' } },
      script: (_number, node) => (node === 'b' ? 'hang' : 'ok'),
    });
    for (let i = 0; i < 40; i++) {
      await clock.runUntil(client.say(note('x'), { timeout: 100 }).catch(ignore));
      await clock.advance(1_000);
    }
    expect(breakers(client)).toEqual(['closed', 'open']);
  });

  it('a stream that says nothing until its caller gives it up blames no server', async () => {
    const { client, clock } = await scripted({
      nodes: ['a', 'b'],
      handlers: {
        async *repeat(_request, { signal }) {
          await new Promise<void>((done) => signal.addEventListener('abort', () => done()));
        },
      },
    });
    for (let i = 0; i < 50; i++) {
      const read = async (): Promise<void> => {
        for await (const _ of client.repeat(note('x'), { timeout: 1_000 }));
      };
      await clock.runUntil(read().catch(ignore));
    }
    expect(breakers(client)).toEqual(['closed', 'closed']);
  });
});

describe('an attempt had the time that an answer may take', () => {
  const plan = (share: number, answers: readonly number[]) => {
    const latency = new LatencyWindow(new VirtualClock());
    for (const ms of answers) latency.record(ms);
    return { share, latency } as unknown as Parameters<typeof hadTime>[0];
  };
  const five = (ms: number): number[] => Array(5).fill(ms);

  it.each<[string, number, readonly number[], number, boolean]>([
    ['all that policy gives it', 1_000, [], 1_000, true],
    ['nearly all of it', 1_000, [], 900, true],
    ['less, and no answer is known', 1_000, [1, 1, 1, 1], 899, false],
    ['twice what answers took', 10_000, five(100), 200, true],
    ['less than that', 10_000, five(100), 199, false],
    ['more than fast answers took, and less than a stall', 10_000, five(1), 49, false],
    ['longer than a stall', 10_000, five(1), 50, true],
    ['all of a policy below a stall', 20, five(1), 20, true],
  ])('%s', (_what, share, answers, ms, expected) => {
    expect(hadTime(plan(share, answers), ms)).toBe(expected);
  });
});
