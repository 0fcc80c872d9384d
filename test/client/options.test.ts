/** What a client and a server make of options that cannot be meant: a sentence where they are given, not a surprise later. */
import { createClient, createServer, MemoryNetwork, silentLogger } from 'hawser';
import { describe, expect, it, onTestFinished } from 'vitest';
import { knownOptions } from '../../src/contract/option-names.js';
import { Echo, EchoOverThrift, note } from '../support/echo.js';
import { rejection } from '../support/scripted.js';

/** `a.b.c` and a value as the object that has it there. */
function at(path: string, value: unknown): object {
  return path.split('.').reduceRight<unknown>((inner, name) => ({ [name]: inner }), value) as object;
}

function thrown(make: () => unknown): Error | undefined {
  try {
    make();
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

const strange = [
  0,
  -1,
  0.5,
  1e300,
  2 ** 31,
  2 ** 53,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  '',
  'soon',
  '-5s',
  '5parsecs',
  '0s',
  '9999999d',
  true,
  {},
  [],
  () => 1,
  1n,
  Symbol('x'),
];

const durations = [
  'timeout',
  'attemptTimeout',
  'retry.initialBackoff',
  'retry.maxBackoff',
  'breaker.window',
  'breaker.openFor',
  'breaker.maxOpenFor',
  'throttle.window',
  'methods.say.timeout',
  'methods.say.attemptTimeout',
  'grpc.connectTimeout',
  'grpc.keepalive.time',
  'grpc.reconnect.initial',
  'grpc.reconnect.max',
];
const numbers = [
  'retry.maxAttempts',
  'methods.say.retry.maxAttempts',
  'budget.capacity',
  'budget.perSuccess',
  'budget.perSecond',
  'breaker.failures',
  'breaker.successRate',
  'breaker.minimumAttempts',
  'breaker.maxEjected',
  'throttle.multiplier',
  'throttle.maxRejection',
  'throttle.minimumRate',
  'grpc.maxReceiveBytes',
  'grpc.maxSendBytes',
];
const usual = [0.5, 2 ** 31];
/** What is accepted of the strange values, because it can be meant. */
const meant: Readonly<Record<string, readonly unknown[]>> = {
  'retry.initialBackoff': usual,
  'retry.maxBackoff': [2 ** 31],
  'breaker.maxOpenFor': [2 ** 31],
  'breaker.openFor': [0.5, 2 ** 31],
  'budget.capacity': [0, 0.5],
  'budget.perSuccess': [0, 0.5],
  'budget.perSecond': [0, 0.5],
  'breaker.successRate': [0, 0.5],
  'breaker.maxEjected': [0, 0.5],
  'throttle.maxRejection': [0, 0.5],
  'throttle.minimumRate': [0, 0.5],
  'grpc.connectTimeout': [0.5],
  'grpc.keepalive.time': [0.5],
  'grpc.reconnect.initial': [0.5],
  'grpc.reconnect.max': [0.5],
};

describe('an option of a client', () => {
  it.each([...durations, ...numbers].flatMap((path) => strange.map((value) => [path, value] as const)))(
    '%s: %s is refused with its name, or can be meant',
    async (path, value) => {
      const options = { ...at(path, value), logger: silentLogger };
      const error = thrown(() => createClient(Echo, 'grpc://127.0.0.1:1', options as never));
      const accepted = meant[path] ?? (durations.includes(path) ? usual : []);
      if (accepted.includes(value)) {
        expect(error).toBeUndefined();
        return;
      }
      expect(error, 'it was accepted').toBeDefined();
      expect(['TypeError', 'RangeError']).toContain(error?.constructor.name);
      expect(error?.message).toContain(path);
      expect(error?.message.length).toBeGreaterThan(path.length + 20);
    },
  );

  it.each(['thrift.connectTimeout', 'thrift.maxConnections', 'thrift.maxWaiting'])('%s too', (path) => {
    for (const value of strange) {
      const error = thrown(() => createClient(EchoOverThrift, 'thrift://127.0.0.1:1', at(path, value) as never));
      const accepted = path === 'thrift.connectTimeout' ? usual : [2 ** 31];
      if (accepted.includes(value as number)) expect(error).toBeUndefined();
      else expect(error?.message).toContain(path);
    }
  });

  it.each(['delay', 'percentile', 'maxCopies'])('hedge.%s too', (name) => {
    for (const value of strange) {
      const own = name === 'maxCopies' ? { delay: 5, maxCopies: value } : { [name]: value };
      const methods = { say: { idempotency: 'IDEMPOTENT', hedge: own } };
      const error = thrown(() => createClient(Echo, 'grpc://127.0.0.1:1', { methods } as never));
      const accepted: Record<string, unknown[]> = { delay: [0, '0s', ...usual], percentile: [0.5], maxCopies: [] };
      if (accepted[name]?.includes(value)) expect(error).toBeUndefined();
      else expect(error?.message).toContain(`methods.say.hedge.${name}`);
    }
  });

  it.each(['retry.maxAttempts', 'budget.capacity', 'breaker.window', 'grpc.connectTimeout', 'timeout'])(
    '%s: null is refused, or nothing said',
    (path) => {
      const error = thrown(() => createClient(Echo, 'grpc://127.0.0.1:1', at(path, null) as never));
      if (error !== undefined) expect(error.message).toContain(`${path} is null`);
    },
  );

  it.each([
    ['retry', 'a word'],
    ['hedge', 5],
    ['budget', null],
    ['budget', []],
    ['breaker', 5],
    ['breaker', true],
    ['throttle', 'off'],
    ['methods', 'say'],
    ['grpc', 5],
    ['thrift', 'fast'],
    ['interceptors', {}],
  ])('%s: %j says what it is in its place', (name, value) => {
    expect(() => createClient(Echo, 'grpc://127.0.0.1:1', { [name]: value } as never)).toThrow(
      new RegExp(`^${name}\\b.* (is|it is) .*an? (object|list)`),
    );
  });
});

describe('an option that there is not', () => {
  it.each([
    [{ timout: 5 }, /^createClient has no option "timout"; did you mean timeout\? The options are timeout, /],
    [{ Retry: {} }, /createClient has no option "Retry"; did you mean retry\?/],
    [{ retries: 3 }, /createClient has no option "retries"; did you mean retry\?/],
    [{ retry: { attempts: 3 } }, /^retry has no option "attempts"; did you mean maxAttempts\?/],
    [{ retry: { maxAttempt: 3 } }, /did you mean maxAttempts\?/],
    [{ hedge: { after: 3 } }, /hedge has no option "after"/],
    [{ methods: { say: { time: 5 } } }, /methods\.say has no option "time"; did you mean timeout\?/],
    [{ methods: { say: { retry: { code: [] } } } }, /methods\.say\.retry has no option "code"; did you mean codes\?/],
    [{ budget: { tokens: 1 } }, /budget has no option "tokens"/],
    [{ breaker: { failure: 1 } }, /breaker has no option "failure"; did you mean failures\?/],
    [{ throttle: { K: 2 } }, /throttle has no option "K"/],
    [{ grpc: { keepAlive: {} } }, /grpc has no option "keepAlive"; did you mean keepalive\?/],
    [
      { grpc: { keepalive: { time: 10_000, timeot: 1 } } },
      /grpc\.keepalive has no option "timeot"; did you mean timeout\?/,
    ],
    [{ grpc: { reconnect: { min: 1 } } }, /grpc\.reconnect has no option "min"/],
    [{ thrift: { connectTimeoutMs: 5 } }, /thrift has no option "connectTimeoutMs"; did you mean connectTimeout\?/],
    [{ constructor: 5 }, /has no option "constructor"/],
  ])('of a client: %j', (options, sentence) => {
    expect(() => createClient(Echo, 'grpc://127.0.0.1:1', options as never)).toThrow(TypeError);
    expect(() => createClient(Echo, 'grpc://127.0.0.1:1', options as never)).toThrow(sentence);
  });

  it.each([
    [{ maxTimout: 5 }, /^createServer has no option "maxTimout"; did you mean maxTimeout\?/],
    [{ grpc: { maxRecieveBytes: 5 } }, /grpc has no option "maxRecieveBytes"; did you mean maxReceiveBytes\?/],
    [{ grpc: { maxConnectionAge: { time: '1h', max: 1 } } }, /grpc\.maxConnectionAge has no option "max"/],
    [{ thrift: { frame: true } }, /thrift has no option "frame"; did you mean unframed\?/],
    [{ thrift: { limits: { maxFrame: 5 } } }, /thrift\.limits has no option "maxFrame"; did you mean maxFrameBytes\?/],
  ])('of a server: %j', (options, sentence) => {
    expect(() => createServer(options as never)).toThrow(sentence);
  });

  it('of a call', async () => {
    const client = createClient(Echo, new MemoryNetwork());
    expect(() => client.say(note('x'), { timout: 5 } as never)).toThrow(
      /\/test\.Echo\/Say has no option "timout"; did you mean timeout\?/,
    );
    expect(() => client.say(note('x'), 5 as never)).toThrow(/\/test\.Echo\/Say is 5; it is an object of options/);
    expect(() => client.repeat(note('x'), { time: 5 } as never)).toThrow(/did you mean timeout\?/);
    for (const signal of [5, null, {}, 'stop']) {
      expect(() => client.say(note('x'), { signal } as never)).toThrow(/^signal is .*; it is an AbortSignal/);
    }
    expect((await rejection(client.say(note('x'), { timeout: '5parsecs' }))).message).toMatch(/timeout is "5parsecs"/);
  });

  it('of listen()', async () => {
    const server = createServer({ logger: silentLogger });
    onTestFinished(() => server.close());
    await expect(server.listen({ gprc: '127.0.0.1:0' } as never)).rejects.toThrow(
      /listen has no option "gprc"; did you mean grpc\?/,
    );
  });

  it('is found near its name whatever the name, in time', () => {
    const check = knownOptions<{ a: 1; timeout: 1 }>({ a: true, timeout: true });
    expect(() => check({ [`${'x'.repeat(100_000)}`]: 1 }, 'it')).toThrow(/did you mean/);
    expect(() => check(Object.create({ inherited: 1 }), 'it')).toThrow(/"inherited"/);
    expect(() => check({ a: 1 }, 'it')).not.toThrow();
  });
});

describe('what is no service', () => {
  it.each([[undefined], [null], [{}], ['market'], [5], [class {}]])('%s is said so', (value) => {
    expect(() => createClient(value as never, 'grpc://127.0.0.1:1')).toThrow(
      /^createClient was given .* as the service; it takes one that hawser generate has made/,
    );
    expect(() => createServer().add(value as never, {})).toThrow(/^server\.add was given .* as the service/);
  });
});

describe('an option of a server', () => {
  it.each([
    'maxTimeout',
    'grpc.maxReceiveBytes',
    'grpc.maxSendBytes',
    'grpc.maxConcurrentStreams',
    'grpc.keepalive.time',
    'grpc.maxConnectionAge.time',
  ])('%s is refused with its name, or can be meant', (path) => {
    for (const value of strange) {
      const error = thrown(() => createServer(at(path, value) as never));
      const accepted = path === 'maxTimeout' ? usual : path.endsWith('time') ? [0.5] : [];
      if (accepted.includes(value as number)) expect(error).toBeUndefined();
      else expect(error?.message).toContain(path);
    }
  });
});
