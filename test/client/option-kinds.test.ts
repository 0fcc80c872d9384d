/**
 * Options of the wrong kind, and misspelt ones, of everything that takes options: each is refused where it is given, by a sentence
 * that names the option, shows the value and says what belongs there.
 */
import {
  consume,
  createClient,
  createServer,
  HeaderMap,
  MemoryNetwork,
  memoryStore,
  memoryTopics,
  silentLogger,
} from 'hawser';
import { fromApacheConnection, toApacheProcessor } from 'hawser/apache-thrift';
import { sqliteStore } from 'hawser/sqlite';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Echo, EchoOverThrift, note } from '../support/echo.js';
import { Prices } from '../support/prices.js';
import { rejection } from '../support/scripted.js';

/** `a.b.c` and a value as the object that has it there. */
function at(path: string, value: unknown): Record<string, unknown> {
  return path.split('.').reduceRight<unknown>((inner, name) => ({ [name]: inner }), value) as Record<string, unknown>;
}

const strange = [
  null,
  0,
  5,
  Number.NaN,
  '',
  'yes',
  true,
  {},
  [],
  [5],
  () => 1,
  1n,
  Symbol('x'),
  new Map(),
  new Date(0),
];

function thrown(make: () => unknown): Error | undefined {
  try {
    make();
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

/** Every strange value but those that `fits` is refused, with the option's name. */
function refused(path: string, make: (options: never) => unknown, fits: (value: unknown) => boolean): void {
  for (const value of strange) {
    const error = thrown(() => make(at(path, value) as never));
    if (fits(value)) {
      expect(error?.message, `${path}: ${String(value)}`).toBeUndefined();
      continue;
    }
    expect(error, `${path}: ${String(value)} was accepted`).toBeDefined();
    expect(['TypeError', 'RangeError'], String(error)).toContain(error?.constructor.name);
    expect(error?.message).toMatch(new RegExp(`\\b${path.split('.').at(-1)}\\b`));
    expect(error?.message).not.toMatch(/Cannot|of undefined|not iterable|not a function$/);
  }
}

const isFunction = (value: unknown): boolean => typeof value === 'function';
const isFlag = (value: unknown): boolean => typeof value === 'boolean';
const never = (): boolean => false;
const isEmptyObject = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0;

const client = (options: never) => createClient(Echo, 'grpc://127.0.0.1:1', options);
const overThrift = (options: never) => createClient(EchoOverThrift, 'thrift://127.0.0.1:1', options);
const server = (options: never) => createServer(options);

describe('an option of the wrong kind', () => {
  it.each([
    ['grpc.gzip', client, isFlag],
    ['grpc.keepalive', client, (value: unknown) => value === false],
    ['tls.ca', (options: never) => createClient(Echo, 'grpcs://127.0.0.1:1', options), never],
    [
      'tls.serverName',
      (options: never) => createClient(Echo, 'grpcs://127.0.0.1:1', options),
      (value: unknown) => value === 'yes',
    ],
    [
      'tls.serverName',
      (options: never) => createClient(EchoOverThrift, 'thrifts://127.0.0.1:1', options),
      (value: unknown) => value === 'yes',
    ],
    ['interceptors', client, (value: unknown) => Array.isArray(value) && value.length === 0],
    ['telemetry', client, isEmptyObject],
    ['logger', client, never],
    ['clock', client, never],
    ['random', client, never],
    ['lookup', client, isFunction],
    ['subscriptions', client, isEmptyObject],
    ['subscriptions.clientId', client, (value: unknown) => value === 'yes'],
    ['subscriptions.heartbeat', client, (value: unknown) => value === 5],
    ['subscriptions.backoff', client, isEmptyObject],
    ['headers', client, (value: unknown) => isEmptyObject(value) && !(value instanceof Map)],
    ['thrift.introduce', overThrift, isFlag],
    ['thrift.limits', overThrift, isEmptyObject],
  ] as const)('of a client: %s', (path, make, fits) => refused(path, make, fits));

  it.each([
    ['store', server, never],
    ['topics', server, isEmptyObject],
    ['topics.store', server, never],
    ['topics.clientsPublish', server, isFlag],
    ['topics.limits', server, isEmptyObject],
    ['authenticate', server, isFunction],
    ['authorize', server, isFunction],
    ['quota', server, never],
    ['admission', server, isEmptyObject],
    ['admission.trusted', server, (value: unknown) => Array.isArray(value) && value.length === 0],
    ['admission.queue', server, isEmptyObject],
    ['telemetry', server, isEmptyObject],
    ['logger', server, never],
    ['clock', server, never],
    ['health', server, (value: unknown) => isFlag(value) || isEmptyObject(value)],
    ['reflection', server, (value: unknown) => isFlag(value) || isEmptyObject(value)],
    ['grpc.gzip', server, isFlag],
    ['thrift.unframed', server, isFlag],
    ['thrift.zlib', server, isFlag],
    ['retention', (options: never) => memoryStore(options), never],
    ['logger', (options: never) => memoryStore(options), never],
    ['clock', (options: never) => sqliteStore('/nowhere/x.db', options), never],
    ['onOpen', (options: never) => sqliteStore('/nowhere/x.db', options), never],
    ['synchronous', (options: never) => sqliteStore('/nowhere/x.db', options), never],
    ['logger', (options: never) => toApacheProcessor(EchoOverThrift, {} as never, options), never],
    ['protocol', (options: never) => fromApacheConnection({} as never, options), never],
    ['multiplexed', (options: never) => fromApacheConnection({} as never, options), never],
  ] as const)('of a server or a store: %s', (path, make, fits) => {
    const kept = path === 'onOpen' || path === 'multiplexed' || path === 'retention';
    if (!kept) refused(path, make, fits);
    else expect(() => make(at(path, {}) as never)).toThrow(new RegExp(`^${path} is an object; `));
  });

  it('of a call', () => {
    const echo = createClient(Echo, new MemoryNetwork());
    const say = (options: never) => void echo.say(note('x'), options).catch(() => {});
    refused('headers', say, (value) => isEmptyObject(value) && !(value instanceof Map));
    expect(() => say({ headers: { x: 5 } } as never)).toThrow(
      'the value of header x is 5; it must be text: write x: "5"',
    );
    expect(() => new HeaderMap({ 'x-bin': 'text' })).toThrow(/x-bin ends in "-bin".* not "text"/);
    expect(() => client({ headers: { x: [1] } } as never)).toThrow(/header x is 1; it must be text/);
    expect(() => client({ headers: [['x', 'y']] } as never)).toThrow(/^headers is a list; it is an object such as/);
    expect(() => client({ headers: new Headers() } as never)).toThrow(/^headers is an object; it is an object such as/);
    expect(() => client({ headers: 'x: y' } as never)).toThrow(/^headers is "x: y"; /);
  });

  it('of $close() and close()', () => {
    const echo = createClient(Echo, new MemoryNetwork());
    expect(() => echo.$close(5 as never)).toThrow(/^\$close is 5; it is an object of options: grace/);
    expect(() => echo.$close({ grce: 5 } as never)).toThrow(/did you mean grace\?/);
    expect(() => createServer().close(5 as never)).toThrow(/^close is 5; it is an object of options: grace, delay/);
    expect(() => createServer().close({ graze: 5 } as never)).toThrow(/did you mean grace\?/);
  });

  it('of listen()', async () => {
    const listen = (options: object) => rejection(createServer({ logger: silentLogger }).listen(options));
    expect((await listen({ grpc: { address: ':0', tsl: {} } })).message).toMatch(
      /^grpc has no option "tsl"; did you mean tls\?/,
    );
    expect((await listen({ thrift: { address: 5 } })).message).toMatch(/^thrift\.address is 5; it is text/);
    expect((await listen({ grpc: { address: ':0', tls: { cert: 5, key: 'x' } } })).message).toMatch(
      /^grpc\.tls\.cert|^tls\.cert is 5; it is PEM/,
    );
    expect((await listen({ memory: {} })).message).toMatch(
      /^memory is an object; it is an object with the functions listen, connect/,
    );
  });

  it('of subscribe()', () => {
    const prices = createClient(Prices, new MemoryNetwork(), { logger: silentLogger });
    onTestFinished(() => prices.$close());
    const subscribe = (options: never) => void prices.watch.subscribe({}, options);
    for (const [path, fits] of [
      ['changes', isFlag],
      ['trace', isFunction],
      ['signal', never],
      ['mode', never],
      ['conflate', never],
      ['overflow', never],
      ['accept', never],
      ['name', (value: unknown) => value === 'yes'],
      ['credit', isEmptyObject],
      ['maxKeys', (value: unknown) => value === 5],
      ['minInterval', (value: unknown) => value === 0 || value === 5],
    ] as const) {
      if (path === 'accept')
        expect(() => subscribe({ accept: 'GAP' } as never)).toThrow(/^accept is "GAP"; it is a list/);
      else refused(path, subscribe, fits);
    }
    expect(() => subscribe({ fromm: 'head' } as never)).toThrow(
      /^subscribe has no option "fromm"; did you mean from\?/,
    );
    expect(() => subscribe({ credit: { update: 5 } } as never)).toThrow(/^credit has no option "update"/);
    expect(() => subscribe({ from: { seq: 1, last: 5 } } as never)).toThrow(/^from has seq and last; say one/);
    expect(() => subscribe(5 as never)).toThrow(/^subscribe is 5; it is an object of options/);
    expect(() => prices.watch.subscribe({ keys: 'cod' as never })).toThrow(/^keys is "cod"; it is a list of the keys/);
    expect(() => prices.watch.subscribe(5 as never)).toThrow(/^the request of \/test\.Prices\/Watch is 5/);
  });

  it('of publish(), publishAll(), delete() and consume()', async () => {
    const topics = createServer({ logger: silentLogger, topics: { store: memoryTopics() } }).add(Prices, {});
    onTestFinished(() => topics.close({ grace: 0 }));
    const prices = topics.topic(Prices.methods.watch);
    const cod = { fish: 'cod', price: 1 };
    const options = [{ tttl: 5 }, { producer: 'me' }, { producer: { id: 'me', number: 5 } }, { expect: { seq: 5 } }, 5];
    for (const given of options) {
      for (const error of [
        await rejection(prices.publish(cod, given as never)),
        await rejection(prices.publishAll([cod], given as never)),
        await rejection(prices.delete('cod', given as never)),
      ]) {
        expect(error).toBeInstanceOf(TypeError);
        expect(error.message).toMatch(/has no option|it is an object of options/);
      }
    }
    expect((await rejection(prices.publishAll(cod as never))).message).toMatch(/^publishAll takes a list of updates/);
    const feed = { subscribe: () => ({}) } as never;
    const store = { offsets: { move: () => {} } };
    expect(() => consume(feed, 'c', () => {}, { store, signal: {} } as never)).toThrow(
      /^signal is an object; it is an AbortSignal/,
    );
    expect(() => consume(feed, 'c', () => {}, { store, logger: console.log } as never)).toThrow(
      /^logger is a function; /,
    );
  });
});

describe('handlers', () => {
  const handlers = { say: () => note(''), tell() {}, async *repeat() {}, collect: () => note(''), async *chat() {} };

  it('with a misspelt one are refused, of an object and of a class, and helpers are not', () => {
    expect(() => createServer().add(Echo, { ...handlers, colect: () => note('') } as never)).toThrow(
      'the handlers of test.Echo have colect, which is none of its methods; did you mean collect? What is no handler can be private: #colect',
    );
    class Base {
      say = () => note('');
      tell() {}
      async *repeat() {}
      collect() {
        return note('');
      }
      async *chat() {}
      lookUp() {}
      helper = () => {};
    }
    expect(() => createServer().add(Echo, new Base())).not.toThrow();
    class Misspelt extends Base {
      Collect() {}
    }
    expect(() => createServer().add(Echo, new Misspelt())).toThrow(/have Collect, .* did you mean collect\?/);
    const { collect: _, ...rest } = handlers;
    expect(() => createServer().add(Echo, { ...rest, colllect() {} } as never)).toThrow(
      'the handlers of test.Echo lack collect; add a function of that name (there is colllect)',
    );
    expect(() => createServer().add(Echo, 5 as never)).toThrow(
      /the handlers of test\.Echo are 5; they must be an object/,
    );
  });

  it('for one IDL have no listener of the other wire', async () => {
    const listen = (service: typeof Echo, where: object, options = {}) =>
      createServer({ logger: silentLogger, ...options })
        .add(service, handlers)
        .listen(where);
    expect((await rejection(listen(Echo, { thrift: '127.0.0.1:0' }))).message).toBe(
      'listen was given thrift, where services that come from .thrift files are served, and test.Echo comes from a .proto file; add a service of .thrift, or leave thrift out',
    );
    expect((await rejection(listen(Echo, { grpc: '127.0.0.1:0', thrift: '127.0.0.1:0' }))).message).toMatch(
      /leave thrift out/,
    );
    const neither = { health: false, reflection: false };
    expect((await rejection(listen(EchoOverThrift, { grpc: '127.0.0.1:0' }, neither))).message).toMatch(
      /leave grpc out/,
    );
  });

  it('cannot be looked for by a name that objects inherit', () => {
    for (const name of ['constructor', 'toString', '__proto__']) {
      const methods = Object.fromEntries([[name, {}]]);
      expect(() => client({ methods } as never)).toThrow(new RegExp(`methods.${name} is no method of test.Echo`));
    }
  });
});
