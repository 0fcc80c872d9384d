import { type AttemptEvent, createClient, type Disposition, type GiveUpEvent, RpcError, silentLogger } from 'hawser';
import { describe, expect, it } from 'vitest';
import { RetryInfo } from '../../gen/google/rpc/error_details.js';
import { ownError } from '../../src/call/own-error.js';
import { codes as allCodes } from '../../src/contract/code.js';
import { Echo, note, Refused } from '../support/echo.js';
import {
  type Answer,
  fails,
  idempotent,
  pushedBack,
  rejection,
  type ScriptedOptions,
  scripted,
  scripted as scriptedOn,
} from '../support/scripted.js';

/** Frames of the memory transport's, and the bytes of THeader, on virtual time. */
const wires = ['memory', 'header'] as const;

const once = { maxAttempts: 4, initialBackoff: 10, maxBackoff: 10 } as const;

describe.each(wires)('a call that fails (%s)', (wire) => {
  const scripted = (options: ScriptedOptions = {}) => scriptedOn({ wire, ...options });

  it('is sent again until it succeeds, at most three times in all', async () => {
    const { client, clock, arrivals } = await scripted({ client: idempotent, script: (n) => (n < 2 ? fails() : 'ok') });
    const call = client.say(note('x'));
    expect((await clock.runUntil(call)).count).toBe(2);
    expect(call.attempts).toBe(3);
    expect(arrivals).toHaveLength(3);
    expect(clock.timers).toBe(0);
  });

  it('fails with the last error when all attempts have failed', async () => {
    const { client, clock, arrivals } = await scripted({
      client: idempotent,
      script: (n) => fails('UNAVAILABLE', { reason: `ATTEMPT_${n}` }),
    });
    const error = await clock.runUntil(rejection(client.say(note('x'))));
    expect(error).toMatchObject({ code: 'UNAVAILABLE', reason: 'ATTEMPT_2' });
    expect(arrivals).toHaveLength(3);
  });

  it('is never sent more than five times', async () => {
    const { client, clock, arrivals } = await scripted({
      client: { ...idempotent, retry: { maxAttempts: 5 } },
      script: () => fails(),
    });
    await clock.runUntil(rejection(client.say(note('x'))));
    expect(arrivals).toHaveLength(5);
  });

  it('is sent once when retries are off', async () => {
    const { client, clock, arrivals } = await scripted({
      client: { ...idempotent, retry: false },
      script: () => fails(),
    });
    const call = client.say(note('x'));
    await clock.runUntil(rejection(call));
    expect(arrivals).toHaveLength(1);
    expect(call.attempts).toBe(1);
  });

  it('tells each attempt how many went before it, in grpc-previous-rpc-attempts', async () => {
    const { client, clock, arrivals } = await scripted({
      client: { ...idempotent, retry: { maxAttempts: 5 } },
      script: () => fails(),
    });
    await clock.runUntil(rejection(client.say(note('x'), { headers: { 'grpc-previous-rpc-attempts': '7' } })));
    expect(arrivals.map((one) => one.attempts)).toEqual([undefined, '1', '2', '3', '4']);
  });

  it('waits a random part of a time that doubles, up to a bound', async () => {
    const waits: number[][] = [[], [], []];
    for (let seed = 0; seed < 150; seed++) {
      const { client, clock, arrivals } = await scripted({
        seed,
        client: { ...idempotent, retry: { maxAttempts: 4, initialBackoff: 100, maxBackoff: 250 } },
        script: () => fails(),
      });
      await clock.runUntil(rejection(client.say(note('x'))));
      for (let i = 0; i < 3; i++) waits[i]!.push(arrivals[i + 1]!.at - arrivals[i]!.at);
    }
    for (const [i, most] of [100, 200, 250].entries()) {
      expect(Math.max(...waits[i]!)).toBeLessThanOrEqual(most);
      expect(Math.max(...waits[i]!)).toBeGreaterThan(most * 0.9);
      expect(Math.min(...waits[i]!)).toBeLessThan(most * 0.1);
    }
  });

  it('carries the deadline that is left to each attempt, never the full time again', async () => {
    const { client, clock, arrivals } = await scripted({
      faults: { latency: 20 },
      client: { ...idempotent, timeout: 200, retry: { initialBackoff: 1, maxBackoff: 1 } },
      script: () => fails(),
    });
    expect(await clock.runUntil(rejection(client.say(note('x'))))).toMatchObject({ code: 'UNAVAILABLE' });
    expect(arrivals).toHaveLength(3);
    // What is left is sent, so it arrives one way later than it was.
    for (const one of arrivals) expect(one.remaining).toBeCloseTo(200 - (one.at - 20), 2);
  });

  it('is not begun again with too little time left, and fails at once with what it has', async () => {
    const { client, clock, arrivals } = await scripted({ client: idempotent, script: () => pushedBack('96') });
    const events: GiveUpEvent[] = [];
    client.$on('giveUp', (event) => events.push(event));
    expect(await clock.runUntil(rejection(client.say(note('x'), { timeout: 100 })))).toMatchObject({
      code: 'UNAVAILABLE',
    });
    expect(events).toMatchObject([{ reason: 'deadline' }]);
    expect(arrivals).toHaveLength(1);
    expect(clock.now()).toBe(0);
  });

  it.each([
    ['elsewhere', ['a', 'b']],
    ['again', ['a']],
  ])('gives the caller the headers, trailers and peer of the attempt that counts, made %s', async (_where, nodes) => {
    const { client, clock } = await scripted({
      client: { ...idempotent, breaker: false },
      nodes,
      handlers: {
        say(request, call) {
          const attempt = call.headers.get('grpc-previous-rpc-attempts') ?? '0';
          call.responseTrailers.set('x-attempt', attempt);
          call.responseHeaders.set('x-served-by', attempt);
          if (attempt === '0') throw new RpcError('UNAVAILABLE', 'not now');
          return request;
        },
      },
    });
    const call = client.say(note('x'), { headers: { 'grpc-previous-rpc-attempts': '7' } });
    await clock.runUntil(call);
    expect(call.attempts).toBe(2);
    expect((await call.headers).getAll('x-served-by')).toEqual(['1']);
    expect((await call.trailers).getAll('x-attempt')).toEqual(['1']);
    expect(call.peer.address).toMatch(/^[ab](:1)?$/);
  });

  it('stops with the caller: no attempt after an abort, and none left behind', async () => {
    const controller = new AbortController();
    const { client, clock, arrivals } = await scripted({
      client: { ...idempotent, retry: { initialBackoff: '1s' } },
      script: (n) => (n === 0 ? fails() : 'hang'),
      seed: 3,
    });
    const call = rejection(client.say(note('x'), { signal: controller.signal }));
    await clock.advance(0);
    expect(arrivals).toHaveLength(1);
    controller.abort();
    expect(await call).toMatchObject({ code: 'CANCELLED' });
    expect(clock.timers).toBe(0);
    await clock.advance(5_000);
    expect(arrivals).toHaveLength(1);
  });
});

describe('what may be repeated', () => {
  const inTime = {
    type: 'google.rpc.RetryInfo',
    value: RetryInfo.encode({ retryDelay: { seconds: 0n, nanos: 5e6 } }),
  };

  /** How many attempts reach a server that answers so each time. A rejection before the handler is one of the server's own. */
  async function attempts(
    error: RpcError,
    notExecuted: boolean,
    options: { repeatable: boolean; codes?: RpcError['code'][]; key?: boolean },
  ) {
    let seen = 0;
    const { clock, net } = await scripted();
    const { createServer } = await import('hawser');
    const server = createServer({ clock, logger: silentLogger });
    const handlers = { tell() {}, async *repeat() {}, collect: () => note(''), async *chat() {} };
    server.add(Echo, {
      ...handlers,
      say: () => {
        seen += 1;
        throw error;
      },
    });
    if (notExecuted) {
      server.use(() => () => {
        seen += 1;
        return Promise.reject(error);
      });
    }
    await server.listen({ memory: net.node('b') });
    const client = createClient(Echo, net.node('b'), {
      clock,
      retry: options.codes === undefined ? {} : { codes: options.codes },
      methods: { say: { idempotency: options.repeatable ? 'IDEMPOTENT' : 'NONE' } },
    });
    await clock.runUntil(
      rejection(client.say(note('x'), options.key === true ? { headers: { 'idempotency-key': 'k1' } } : {})),
    );
    return seen;
  }

  const failed = (code: RpcError['code'], reason?: string, details: RpcError['details'] = []) =>
    new RpcError(code, 'x', { ...(reason === undefined ? {} : { reason }), details });

  it.each<[string, RpcError, boolean, { repeatable: boolean; codes?: RpcError['code'][]; key?: boolean }, number]>([
    [
      'UNAVAILABLE that ran, of a method that may not run twice',
      failed('UNAVAILABLE'),
      false,
      { repeatable: false },
      1,
    ],
    ['UNAVAILABLE that did not run, of such a method', failed('UNAVAILABLE'), true, { repeatable: false }, 3],
    ['UNAVAILABLE that ran, of an idempotent method', failed('UNAVAILABLE'), false, { repeatable: true }, 3],
    ['UNAVAILABLE that ran, of a call with a key', failed('UNAVAILABLE'), false, { repeatable: false, key: true }, 3],
    ['INTERNAL, idempotent, not declared', failed('INTERNAL'), false, { repeatable: true }, 1],
    ['INTERNAL, idempotent, declared', failed('INTERNAL'), false, { repeatable: true, codes: ['INTERNAL'] }, 3],
    ['INTERNAL, declared, not idempotent', failed('INTERNAL'), false, { repeatable: false, codes: ['INTERNAL'] }, 1],
    [
      'INTERNAL that did not run, declared, not idempotent',
      failed('INTERNAL'),
      true,
      { repeatable: false, codes: ['INTERNAL'] },
      1,
    ],
    ['UNKNOWN, idempotent, declared', failed('UNKNOWN'), false, { repeatable: true, codes: ['UNKNOWN'] }, 3],
    [
      'UNAVAILABLE that ran, where only INTERNAL is declared',
      failed('UNAVAILABLE'),
      false,
      { repeatable: true, codes: ['INTERNAL'] },
      1,
    ],
    ['RESOURCE_EXHAUSTED without a time', failed('RESOURCE_EXHAUSTED'), true, { repeatable: true }, 1],
    [
      'RESOURCE_EXHAUSTED with a time',
      failed('RESOURCE_EXHAUSTED', undefined, [inTime]),
      true,
      { repeatable: false },
      3,
    ],
    ['ABORTED', failed('ABORTED'), true, { repeatable: true }, 1],
    [
      'ABORTED because the same key is at work',
      ownError('IDEMPOTENCY_IN_PROGRESS', 'x'),
      false,
      { repeatable: true },
      3,
    ],
    [
      'ABORTED of a handler that says the same',
      new RpcError('ABORTED', 'x', { reason: 'IDEMPOTENCY_IN_PROGRESS', domain: 'hawser' }),
      false,
      { repeatable: true },
      1,
    ],
    ['DEADLINE_EXCEEDED of an attempt, idempotent', failed('DEADLINE_EXCEEDED'), false, { repeatable: true }, 3],
    ['DEADLINE_EXCEEDED of an attempt, not idempotent', failed('DEADLINE_EXCEEDED'), false, { repeatable: false }, 1],
  ])('%s', async (_what, error, notExecuted, options, expected) => {
    expect(await attempts(error, notExecuted, options)).toBe(expected);
  });

  it.each(
    allCodes.filter(
      (code) =>
        !['OK', 'UNAVAILABLE', 'RESOURCE_EXHAUSTED', 'ABORTED', 'DEADLINE_EXCEEDED', 'INTERNAL', 'UNKNOWN'].includes(
          code,
        ),
    ),
  )('%s is never repeated, whether it ran or not', async (code) => {
    expect(await attempts(failed(code), false, { repeatable: true })).toBe(1);
    expect(await attempts(failed(code), true, { repeatable: true })).toBe(1);
  });

  it('a declared error is an answer, not a failure', async () => {
    const { client, clock, arrivals } = await scripted({
      client: idempotent,
      script: () => ({ error: new Refused('no') as unknown as RpcError }),
    });
    expect(await clock.runUntil(rejection(client.say(note('x'))))).toBeInstanceOf(Refused);
    expect(arrivals).toHaveLength(1);
  });

  it('a connection that broke during the call proves nothing', async () => {
    for (const frames of [0, 1, 2, 3]) {
      const { client, clock, arrivals } = await scripted({ faults: { resetAfter: frames } });
      const error = await clock.runUntil(rejection(client.say(note('x'))));
      expect(error).toMatchObject({ code: 'UNAVAILABLE', disposition: 'unknown' });
      expect(arrivals.length).toBeLessThanOrEqual(1);
    }
  });

  it.each([
    [['unknown', 'not-executed', 'not-executed'], 'unknown'],
    [['not-executed', 'unknown', 'not-executed'], 'unknown'],
    [['executed', 'unknown', 'not-executed'], 'executed'],
    [['not-executed', 'not-executed', 'not-executed'], 'not-executed'],
    [['unknown', 'not-executed', 'executed'], 'executed'],
  ] as const)('attempts that end %j prove together no more than: %s', async (each, together) => {
    const { client, clock } = await scripted({
      client: {
        ...idempotent,
        interceptors: [
          {
            before: 'transport',
            interceptor: () => async (call) => {
              throw new RpcError('UNAVAILABLE', 'no', { disposition: each[call.attempts - 1] as Disposition });
            },
          },
        ],
      },
    });
    expect(await clock.runUntil(rejection(client.say(note('x'))))).toMatchObject({ disposition: together });
  });

  it('a RetryInfo beyond the deadline is heeded by giving up at once', async () => {
    const later = {
      type: 'google.rpc.RetryInfo',
      value: RetryInfo.encode({ retryDelay: { seconds: 60n, nanos: 0 } }),
    };
    const { client, clock, arrivals } = await scripted({
      client: idempotent,
      script: () => fails('RESOURCE_EXHAUSTED', { details: [later] }),
    });
    expect(await clock.runUntil(rejection(client.say(note('x'))))).toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
    expect(clock.now()).toBe(0);
    expect(arrivals).toHaveLength(1);
  });

  it('a server that is overloaded is left alone for a part of a second, not of 50 ms', async () => {
    const soon = {
      type: 'google.rpc.RetryInfo',
      value: RetryInfo.encode({ retryDelay: { seconds: 0n, nanos: 0 } }),
    };
    let longest = 0;
    for (let seed = 0; seed < 40; seed++) {
      const { client, clock } = await scripted({
        seed,
        client: idempotent,
        script: (n) => (n === 0 ? fails('RESOURCE_EXHAUSTED', { details: [soon] }) : 'ok'),
      });
      await clock.runUntil(client.say(note('x')));
      longest = Math.max(longest, clock.now());
    }
    expect(longest).toBeGreaterThan(800);
    expect(longest).toBeLessThanOrEqual(1_000);
  });
});

describe.each(wires)('pushback (%s)', (wire) => {
  const scripted = (options: ScriptedOptions = {}) => scriptedOn({ wire, ...options });

  const run = async (first: Answer, seed = 1) => {
    const { client, clock, arrivals } = await scripted({
      seed,
      client: { ...idempotent, retry: { ...once, maxAttempts: 5 } },
      script: (n) => (n === 0 ? first : 'ok'),
    });
    const outcome = await clock.runUntil(
      client.say(note('x')).then(
        () => 'ok',
        (error: RpcError) => error.code,
      ),
    );
    return { outcome, attempts: arrivals.length, at: arrivals[1]?.at };
  };

  it.each([
    ['0', 'at once', 0],
    ['1', 'after 1 ms', 1],
    ['1000', 'after a second', 1000],
    ['0250', 'after 250 ms', 250],
  ])('%j: another attempt %s', async (value, _when, at) => {
    expect(await run(pushedBack(value))).toEqual({ outcome: 'ok', attempts: 2, at });
  });

  it.each([
    ['-1'],
    ['-100'],
    ['abc'],
    ['1.5'],
    [''],
    ['1e3'],
    ['0x10'],
    ['99999999999'],
    ['2147483648'],
    ['+5'],
    ['5ms'],
  ])('%j: no further attempt', async (value) => {
    expect(await run(pushedBack(value))).toEqual({ outcome: 'UNAVAILABLE', attempts: 1, at: undefined });
  });

  it('two values: no further attempt, even when they agree', async () => {
    expect(await run(pushedBack('5', '5'))).toMatchObject({ outcome: 'UNAVAILABLE', attempts: 1 });
  });

  it('beyond the deadline: no further attempt, and no wait for it', async () => {
    expect(await run(pushedBack('10000'))).toMatchObject({ outcome: 'UNAVAILABLE', attempts: 1 });
  });

  it('starts the back-off anew', async () => {
    let most = 0;
    for (let seed = 0; seed < 60; seed++) {
      const { client, clock, arrivals } = await scripted({
        seed,
        client: { ...idempotent, retry: { maxAttempts: 5, initialBackoff: 10, maxBackoff: 1000 } },
        // Back-offs of up to 10, 20, then a pushback, then up to 10 again.
        script: (n) => (n === 2 ? pushedBack('100') : n < 4 ? fails() : 'ok'),
      });
      await clock.runUntil(client.say(note('x')));
      expect(arrivals[3]!.at - arrivals[2]!.at).toBe(100);
      most = Math.max(most, arrivals[4]!.at - arrivals[3]!.at);
    }
    expect(most).toBeLessThanOrEqual(10);
  });

  it('does not make an error repeatable that is not', async () => {
    expect(await run({ error: new RpcError('INVALID_ARGUMENT', 'x'), pushback: '0' })).toMatchObject({
      outcome: 'INVALID_ARGUMENT',
      attempts: 1,
    });
  });
});

describe.each(wires)('the budget (%s)', (wire) => {
  const scripted = (options: ScriptedOptions = {}) => scriptedOn({ wire, ...options });

  it('is spent token by token, and earned by successes', async () => {
    const { client, clock, arrivals } = await scripted({
      client: { ...idempotent, retry: { ...once, maxAttempts: 2 }, budget: { capacity: 3, perSuccess: 0.5 } },
      script: (_n, _node, { text }) => (text === 'good' ? 'ok' : fails()),
    });
    const attempts = async (text: string): Promise<number> => {
      const before = arrivals.length;
      await clock.runUntil(client.say(note(text)).then(undefined, () => {}));
      return arrivals.length - before;
    };
    const steps: [string, number][] = [
      ['bad', 2], // 3 -> 2
      ['bad', 2], // 1
      ['bad', 2], // 0
      ['bad', 1], // 0
      ['good', 1], // 0.5
      ['bad', 1], // 0.5: not a whole token
      ['good', 1], // 1
      ['bad', 2], // 0
      ['good', 1],
      ['good', 1],
      ['good', 1],
      ['good', 1],
      ['good', 1],
      ['good', 1],
      ['good', 1],
      ['good', 1], // 4 would be above the capacity of 3
      ['bad', 2],
      ['bad', 2],
      ['bad', 2],
      ['bad', 1],
    ];
    for (const [text, expected] of steps) expect(await attempts(text)).toBe(expected);
  });

  it('is exact: 10,000 calls that all fail are repeated a hundred times, to the call', async () => {
    const { client, clock, arrivals } = await scripted({ client: idempotent, script: () => fails() });
    for (let i = 0; i < 100; i++) {
      await clock.runUntil(Promise.allSettled([...Array(100)].map(() => client.say(note('x')))));
    }
    expect(arrivals).toHaveLength(10_100);
  }, 120_000);

  it('gives a token back when the attempt that it was for never began', async () => {
    const { client, clock, arrivals } = await scripted({
      client: { ...idempotent, retry: { initialBackoff: '1s' }, budget: { capacity: 1, perSuccess: 0 } },
      script: (n) => (n < 2 ? fails() : 'ok'),
      seed: 5,
    });
    const controller = new AbortController();
    const first = rejection(client.say(note('x'), { signal: controller.signal }));
    await clock.advance(0);
    controller.abort();
    await first;
    await clock.runUntil(client.say(note('x')));
    expect(arrivals).toHaveLength(3);
  });

  it('says why it gave up', async () => {
    const { client, clock } = await scripted({
      client: { ...idempotent, budget: { capacity: 0 } },
      script: () => fails(),
    });
    const events: GiveUpEvent[] = [];
    client.$on('giveUp', (event) => events.push(event));
    await clock.runUntil(rejection(client.say(note('x'))));
    expect(events).toMatchObject([{ reason: 'budget', attempts: 1 }]);
  });
});

describe.each(wires)('the bound of one attempt (%s)', (wire) => {
  const scripted = (options: ScriptedOptions = {}) => scriptedOn({ wire, ...options });

  it('ends an attempt that hangs, and another is made', async () => {
    const { client, clock, arrivals } = await scripted({
      client: { ...idempotent, attemptTimeout: 100 },
      script: (n) => (n < 2 ? 'hang' : 'ok'),
    });
    const attempts: AttemptEvent[] = [];
    client.$on('attempt', (event) => attempts.push(event));
    await clock.runUntil(client.say(note('x')));
    expect(arrivals.map((one) => one.remaining)).toEqual([100, 100, 100]);
    expect(attempts.map(({ code, kind, attempt }) => [attempt, kind, code])).toEqual([
      [1, 'first', 'DEADLINE_EXCEEDED'],
      [2, 'retry', 'DEADLINE_EXCEEDED'],
      [3, 'retry', 'OK'],
    ]);
    expect(attempts[0]).toMatchObject({ duration: 100, error: { reason: 'ATTEMPT_TIMEOUT' } });
    expect(clock.timers).toBe(0);
  });

  it('never reaches beyond the call, whose own deadline ends it', async () => {
    const { client, clock, arrivals } = await scripted({
      client: { ...idempotent, attemptTimeout: 100 },
      script: () => 'hang',
    });
    const error = await clock.runUntil(rejection(client.say(note('x'), { timeout: 150 })));
    expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(clock.now()).toBeCloseTo(150, 5);
    expect(arrivals[1]?.remaining).toBeLessThanOrEqual(50);
  });

  it('does not repeat what may not run twice', async () => {
    const { client, clock, arrivals } = await scripted({ client: { attemptTimeout: 100 }, script: () => 'hang' });
    const error = await clock.runUntil(rejection(client.say(note('x'))));
    expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED', reason: 'ATTEMPT_TIMEOUT', disposition: 'unknown' });
    expect(arrivals).toHaveLength(1);
  });
});

describe('who repeats', () => {
  it('says so to those further in, when it may repeat what ran', async () => {
    const { client, clock, arrivals } = await scripted({ client: idempotent });
    await clock.runUntil(client.say(note('x')));
    const plain = await scripted();
    await plain.clock.runUntil(plain.client.say(note('x')));
    expect(arrivals[0]?.owner).toBe('client');
    expect(plain.arrivals[0]?.owner).toBeUndefined();
  });

  it.each<[string, Disposition, string | undefined, number]>([
    ['leaves it to the caller further out', 'executed', 'web', 1],
    ['repeats what did not run all the same', 'not-executed', 'web', 3],
    ['repeats by itself when nobody else does', 'executed', undefined, 3],
  ])('%s', async (_what, disposition, owner, expected) => {
    const leaf = await scripted({ script: () => fails() });
    const { clock, net } = leaf;
    let attempts = 0;
    const { createServer } = await import('hawser');
    const handlers = { tell() {}, async *repeat() {}, collect: () => note(''), async *chat() {} };
    const bottom = createServer({ clock, logger: silentLogger });
    bottom.use((_method, next) => (call) => {
      attempts += 1;
      return disposition === 'executed' ? next(call) : Promise.reject(new RpcError('UNAVAILABLE', 'no'));
    });
    bottom.add(Echo, {
      ...handlers,
      say: () => {
        throw new RpcError('UNAVAILABLE', 'no');
      },
    });
    await bottom.listen({ memory: net.node('bottom') });
    const inner = createClient(Echo, net.node('bottom'), { clock, ...idempotent });
    const middle = createServer({ clock, logger: silentLogger });
    middle.add(Echo, { ...handlers, say: (request) => inner.say(request) });
    await middle.listen({ memory: net.node('middle') });
    const outer = createClient(Echo, net.node('middle'), { clock, retry: false });
    const error = await clock.runUntil(
      rejection(outer.say(note('x'), owner === undefined ? {} : { headers: { 'hawser-retry-owner': owner } })),
    );
    expect(attempts).toBe(expected);
    // What the leaf said of itself is not what the middle says of itself.
    expect(error).toMatchObject({ code: 'UNAVAILABLE', reason: 'DEPENDENCY_FAILED', disposition: 'executed' });
  });
});
