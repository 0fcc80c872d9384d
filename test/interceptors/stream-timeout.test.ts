/** Which timeouts bound a stream: those that are said of it. */
import { type ClientOptions, createClient, createServer, MemoryNetwork, silentLogger } from 'hawser';
import { VirtualClock } from 'hawser/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { bidi, clientStream, type MethodKind, serverStream, topicStream, unary } from '../../src/contract/method.js';
import type { Policy } from '../../src/contract/policy.js';
import { defineService } from '../../src/contract/service.js';
import { effectivePolicy, type PolicyOptions } from '../../src/interceptors/effective-policy.js';
import { type Note, note, noteCodec } from '../support/echo.js';
import { type Price, Prices, type WatchRequest } from '../support/prices.js';
import { rejection } from '../support/scripted.js';

const messages = { request: noteCodec, response: noteCodec };

/** A service whose method `connect` has the name of the subscriptions' own. */
function ticks(policy: Policy, service: Policy) {
  return defineService({
    name: 'test.Ticks',
    idl: 'proto',
    fingerprint: '',
    policy: service,
    methods: {
      say: unary<Note, Note>({ name: 'Say', ...messages }),
      connect: serverStream<Note, Note>({ name: 'Connect', ...messages, policy }),
      collect: clientStream<Note, Note>({ name: 'Collect', ...messages, policy }),
      chat: bidi<Note, Note>({ name: 'Chat', ...messages, policy }),
    },
  });
}

describe('the timeout that holds for a call', () => {
  const kinds: readonly MethodKind[] = ['unary', 'server', 'client', 'bidi'];
  it.each<[string, PolicyOptions, Policy, Policy, number, number]>([
    ['of nobody', {}, {}, {}, 30_000, Number.POSITIVE_INFINITY],
    ['of the service', {}, {}, { timeout: 2_000 }, 2_000, Number.POSITIVE_INFINITY],
    ['of the client', { timeout: '1s' }, {}, { timeout: 2_000 }, 1_000, Number.POSITIVE_INFINITY],
    ['of the method', {}, { timeout: 3_000 }, { timeout: 2_000 }, 3_000, 3_000],
    ['of the method, under one of the client', { timeout: '1s' }, { timeout: 3_000 }, {}, 1_000, 3_000],
    [
      'of the method in the client',
      { timeout: '1s', methods: { one: { timeout: '4s' } } },
      { timeout: 3_000 },
      { timeout: 2_000 },
      4_000,
      4_000,
    ],
  ])('is that %s', (_what, options, policy, service, ofUnary, ofStream) => {
    for (const kind of kinds) {
      const held = effectivePolicy({ kind, localName: 'one', policy, service: { policy: service } }, options);
      expect([kind, held.timeout.value]).toEqual([kind, kind === 'unary' ? ofUnary : ofStream]);
    }
  });
});

async function ticking(options: ClientOptions, policy: Policy = {}, service: Policy = {}) {
  const clock = new VirtualClock();
  const network = new MemoryNetwork();
  const Ticks = ticks(policy, service);
  const tick = async function* () {
    for (let i = 0; i < 10; i++) {
      await clock.sleep(1_000);
      yield note('tick', i);
    }
  };
  const server = createServer({ clock, logger: silentLogger }).add(Ticks, {
    say: () => clock.sleep(10_000).then(() => note('late')),
    connect: tick,
    chat: tick,
    collect: () => clock.sleep(10_000).then(() => note('late')),
  });
  await server.listen({ memory: network });
  return { clock, client: createClient(Ticks, network, { clock, logger: silentLogger, ...options }) };
}

const all = async (stream: AsyncIterable<Note>): Promise<number> => {
  let count = 0;
  for await (const _ of stream) count += 1;
  return count;
};

describe('streams', () => {
  it.each<[string, ClientOptions, Policy]>([
    ['a client', { timeout: '2s' }, {}],
    ['a service', {}, { timeout: 2_000 }],
  ])('are not bounded by the timeout of %s, which bounds its unary methods', async (_what, options, service) => {
    const { clock, client } = await ticking(options, {}, service);
    const whole = Promise.all([
      all(client.connect(note('x'))),
      all(client.chat([note('x')])),
      client.collect([note('x')]),
      rejection(client.say(note('x'))),
    ]);
    const [served, chatted, collected, refused] = await clock.runUntil(whole);
    expect([served, chatted, collected.text, refused.code]).toEqual([10, 10, 'late', 'DEADLINE_EXCEEDED']);
  });

  it.each<[string, ClientOptions, Policy, object]>([
    ['the call', {}, {}, { timeout: '2500ms' }],
    ['the method', {}, { timeout: 2_500 }, {}],
    ['the method in the client', { methods: { connect: { timeout: '2500ms' } } }, {}, {}],
  ])('are bounded by the timeout of %s', async (_what, options, policy, how) => {
    const { clock, client } = await ticking(options, policy);
    const error = await clock.runUntil(rejection(all(client.connect(note('x'), how))));
    expect([error.code, clock.now()]).toEqual(['DEADLINE_EXCEEDED', 2_500]);
  });

  it('and unary calls have none with Infinity, whatever else is said', async () => {
    const { clock, client } = await ticking({ timeout: 100 }, { timeout: 100 });
    const none = { timeout: Number.POSITIVE_INFINITY };
    const whole = Promise.all([all(client.connect(note('x'), none)), client.say(note('x'), none)]);
    expect((await clock.runUntil(whole))[0]).toBe(10);
  });
});

const Feed = defineService({
  name: 'test.Feed',
  idl: 'proto',
  fingerprint: '',
  methods: { connect: topicStream<WatchRequest, Price>({ ...Prices.methods.sales, name: 'Connect' }) },
});

it('a timeout of a method named connect ends no subscription', async () => {
  const server = createServer({ logger: silentLogger, reflection: false }).add(Feed, {});
  let calls = 0;
  server.use((_method, next) => (call) => {
    calls += 1;
    return next(call);
  });
  const network = new MemoryNetwork();
  await server.listen({ memory: network });
  const client = createClient(Feed, network, { logger: silentLogger, methods: { connect: { timeout: 50 } } });
  onTestFinished(() => client.$close());
  const subscription = client.connect.subscribe();
  await subscription.ready;
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect([calls, subscription.state]).toEqual([1, 'Live']);
});

it.each(['memory', 'grpc'] as const)(
  'a client’s timeout ends no subscription and no plain stream of a topic over %s',
  async (wire) => {
    const server = createServer({ logger: silentLogger, reflection: false }).add(Prices, {});
    server.topic(Prices.methods.merged).mergeWith((a) => a);
    const calls: string[] = [];
    server.use((method, next) => (call) => {
      calls.push(method.path);
      return next(call);
    });
    const network = new MemoryNetwork();
    const bound = await server.listen(wire === 'memory' ? { memory: network } : { grpc: '127.0.0.1:0' });
    const address = wire === 'memory' ? network : (bound as { grpc: string }).grpc;
    const client = createClient(Prices, address, { logger: silentLogger, timeout: 100 });
    onTestFinished(async () => {
      await client.$close();
      await server.close({ grace: 0 });
    });
    const subscription = client.watch.subscribe();
    const plain = client.sales();
    const first = plain.next();
    await subscription.ready;
    await new Promise((resolve) => setTimeout(resolve, 400));
    await server.topic(Prices.methods.sales).publish({ fish: 'cod', price: 1 });
    expect((await first).value).toMatchObject({ fish: 'cod' });
    expect(calls.length).toBe(2);
    expect(subscription.state).toBe('Live');
  },
);
