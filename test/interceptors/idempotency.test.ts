import {
  createClient,
  createServer,
  type HeaderMap,
  type IdempotencyStore,
  newIdempotencyKey,
  RpcError,
  silentLogger,
} from 'hawser';
import { VirtualClock } from 'hawser/testing';
import { describe, expect, it } from 'vitest';
import { RetryInfo } from '../../gen/google/rpc/error_details.js';
import type { Call } from '../../src/call/call.js';
import { type MemoryTransaction, memoryStore } from '../../src/stores/memory.js';
import { note, Refused } from '../support/echo.js';
import { rejection } from '../support/scripted.js';
import { deferred, settled } from '../support/served.js';
import { asAnotherProcess, till, tillOf } from '../support/till.js';

const withKey = (key: string, more: object = {}) => ({ headers: { 'idempotency-key': key }, ...more });

async function answerOf(call: PromiseLike<unknown> & { headers: Promise<HeaderMap> }) {
  const response = await call;
  return { response, replayed: (await call.headers).get('idempotent-replayed') };
}

describe('a keyed call', () => {
  it('runs once, and is answered from its record ever after', async () => {
    const { client, effects, outcomes } = await till();
    const first = await answerOf(client.sell(note('cod', 1), withKey('k')));
    expect(first).toEqual({ response: note('cod', 1), replayed: undefined });
    for (let n = 0; n < 3; n++) {
      expect(await answerOf(client.sell(note('cod', 1), withKey('k')))).toEqual({ ...first, replayed: 'true' });
    }
    expect(effects).toEqual(new Map([['k', 1]]));
    expect(outcomes).toEqual(['new', 'replayed', 'replayed', 'replayed']);
  });

  it('is answered from the store when this process no longer remembers', async () => {
    const { client, store, effects, Till, clock, network } = await till();
    const first = await client.sell(note('cod', 1), withKey('k'));
    const restarted = createServer({ clock, logger: silentLogger, store: asAnotherProcess(store) });
    restarted.add(Till, { sell: () => Promise.reject(new Error('it ran again')) });
    await restarted.listen({ memory: network.node('b') });
    const other = createClient(Till, network.node('b'), { clock, logger: silentLogger });
    const again = await answerOf(other.sell(note('cod', 1), withKey('k')));
    expect(again).toEqual({ response: first, replayed: 'true' });
    expect(effects.get('k')).toBe(1);
  });

  it('gets the declared error that its key got, as its class', async () => {
    const { client, effects, outcomes } = await till({
      handler: () => {
        throw new Refused('sold out');
      },
    });
    for (let n = 0; n < 2; n++) {
      const call = client.sell(note('cod'), withKey('k'));
      const error = await rejection(call);
      expect(error).toBeInstanceOf(Refused);
      expect(error).toMatchObject({ text: 'sold out' });
      expect((await call.headers).get('idempotent-replayed')).toBe(n === 0 ? undefined : 'true');
    }
    expect(effects.get('k'), 'what was written with the error committed').toBe(1);
    expect(outcomes).toEqual(['new', 'replayed']);
  });

  it('is refused when its key was used for another request', async () => {
    const { client, outcomes, runs } = await till();
    await client.sell(note('cod', 1), withKey('k'));
    expect(await rejection(client.sell(note('cod', 2), withKey('k')))).toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: 'IDEMPOTENCY_KEY_REUSED',
      disposition: 'not-executed',
    });
    expect(outcomes).toEqual(['new', 'mismatched']);
    expect(runs).toHaveLength(1);
  });

  it('is the same request when only one of two versions knows a field', async () => {
    const { client } = await till();
    const { client: newer, runs } = await till();
    await newer.sell(note('cod', 1), withKey('k'));
    expect(await newer.sell({ ...note('cod', 1), extra: 'since 1.1' }, withKey('k'))).toEqual(note('cod', 1));
    expect(runs).toHaveLength(1);
    await client.$close();
  });

  it('runs afresh after a failure that the IDL does not declare, and says that nothing is left only when that is proven', async () => {
    let fails = true;
    const { client, effects, runs, outcomes, store } = await till({
      handler: (request) => {
        if (fails) throw new RpcError('FAILED_PRECONDITION', 'the till is closed');
        return request;
      },
    });
    expect(await rejection(client.sell(note('cod'), withKey('k')))).toMatchObject({
      code: 'FAILED_PRECONDITION',
      disposition: 'executed',
    });
    Object.defineProperty(store, 'transactional', { value: true });
    expect(await rejection(client.sell(note('cod'), withKey('k')))).toMatchObject({ disposition: 'rolled-back' });
    fails = false;
    expect(await client.sell(note('cod'), withKey('k'))).toEqual(note('cod'));
    expect(runs).toEqual(['k', 'k', 'k']);
    expect(effects.get('k')).toBe(1);
    expect(outcomes).toEqual(['failed', 'failed', 'new']);
  });

  it('is not recorded when its handler answers what is no response', async () => {
    const { client, effects } = await till({ handler: () => ({ text: 5, count: 1 }) as never });
    expect(await rejection(client.sell(note('cod'), withKey('k')))).toMatchObject({ code: 'INTERNAL' });
    expect(effects.size).toBe(0);
  });

  it('shares its key with no other caller', async () => {
    const { client, runs } = await till({
      server: { authenticate: (headers) => headers.get('x-who') ?? 'nobody' },
    });
    for (const who of ['ann', 'bob', 'ann', 'bob']) {
      await client.sell(note('cod'), { headers: { 'idempotency-key': 'k', 'x-who': who } });
    }
    expect(runs).toHaveLength(2);
  });
});

describe('a keyed call whose key is being executed', () => {
  it('waits for the answer and gets the same', async () => {
    const hold = deferred();
    const { client, runs, outcomes, effects } = await till({
      handler: async (request) => {
        await hold.promise;
        return request;
      },
    });
    const calls = [1, 2, 3].map(() => answerOf(client.sell(note('cod'), withKey('k'))));
    await settled();
    expect(runs).toEqual(['k']);
    hold.resolve();
    const answers = await Promise.all(calls);
    expect(answers.map(({ response }) => response)).toEqual([note('cod'), note('cod'), note('cod')]);
    expect(answers.map(({ replayed }) => replayed)).toEqual([undefined, 'true', 'true']);
    expect(outcomes).toEqual(['new', 'attached', 'attached']);
    expect(effects.get('k')).toBe(1);
  });

  it('is refused at once when it is another request', async () => {
    const { client, runs, clock } = await till({ handler: () => new Promise<never>(() => {}) });
    const first = rejection(client.sell(note('cod', 1), withKey('k', { timeout: 100 })));
    await clock.settle();
    expect(await rejection(client.sell(note('cod', 2), withKey('k')))).toMatchObject({
      reason: 'IDEMPOTENCY_KEY_REUSED',
    });
    expect(runs).toHaveLength(1);
    await clock.runUntil(first);
  });

  it.each([
    ['5 s', undefined, 5_000],
    ['its deadline, less the way back', 1_000, 900],
  ])('waits for %s, then is told to try again', async (_, timeout, waits) => {
    const hold = deferred();
    const { client, clock, outcomes, effects } = await till({
      client: { retry: false },
      handler: async (request) => {
        await hold.promise;
        return request;
      },
    });
    const first = client.sell(note('cod'), withKey('k', { timeout: '30s' }));
    await clock.settle();
    const began = clock.now();
    const second = rejection(client.sell(note('cod'), withKey('k', timeout === undefined ? {} : { timeout })));
    const error = await clock.runUntil(second);
    expect(clock.now() - began).toBe(waits);
    expect(error).toMatchObject({ code: 'ABORTED', reason: 'IDEMPOTENCY_IN_PROGRESS', disposition: 'unknown' });
    expect(error.find('google.rpc.RetryInfo', RetryInfo)?.retryDelay).toMatchObject({
      seconds: 0n,
      nanos: 100_000_000,
    });
    hold.resolve();
    expect(await first).toEqual(note('cod'));
    expect(outcomes).toEqual(['in-progress', 'new']);
    expect(effects.get('k')).toBe(1);
  });

  it('gets the answer of an execution that has outlived the attempt that began it', async () => {
    const { client, clock, runs, effects } = await till({
      client: { attemptTimeout: 100, timeout: '10s', retry: { maxAttempts: 5, initialBackoff: 10 } },
      handler: async (request, call, clock) => {
        expect(call.deadline?.remaining()).toBe(10_000);
        await clock.sleep(250, call.signal);
        return request;
      },
      policy: { maxTimeout: 10_000 },
    });
    const call = client.sell(note('cod'));
    expect(await clock.runUntil(call)).toEqual(note('cod'));
    expect(call.attempts).toBeGreaterThan(2);
    expect(runs).toHaveLength(1);
    expect([...effects.values()]).toEqual([1]);
  });

  it("is rolled back when the method's longest time has passed, and its signal says so", async () => {
    const reasons: unknown[] = [];
    const { client, clock, effects, runs } = await till({
      policy: { maxTimeout: 1_000 },
      client: { retry: false },
      handler: async (request, call, clock) => {
        if (runs.length > 1) return request;
        call.signal.addEventListener('abort', () => reasons.push(call.signal.reason.code));
        await clock.sleep(1_500);
        return request;
      },
    });
    const error = await clock.runUntil(rejection(client.sell(note('cod'), withKey('k', { timeout: '20s' }))));
    expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    await clock.advance(2_000);
    expect(reasons).toEqual(['DEADLINE_EXCEEDED']);
    expect(effects.size).toBe(0);
    expect(await client.sell(note('cod'), withKey('k'))).toEqual(note('cod'));
    expect(effects.get('k')).toBe(1);
  });

  it('waits for another process in the same way, and executes what was rolled back there', async () => {
    const { client, clock, network, store, Till, runs, outcomes } = await till({
      client: { retry: false },
      handler: async (_, __, clock) => {
        await clock.sleep(700);
        throw new RpcError('UNAVAILABLE', 'the fish has gone');
      },
    });
    const other = createServer({ clock, logger: silentLogger, store: asAnotherProcess(store) });
    other.add(Till, { sell: (request) => request });
    await other.listen({ memory: network.node('b') });
    const elsewhere = createClient(Till, network.node('b'), { clock, logger: silentLogger });
    const first = rejection(client.sell(note('cod'), withKey('k')));
    await clock.settle();
    const second = elsewhere.sell(note('cod'), withKey('k'));
    expect(await clock.runUntil(second)).toEqual(note('cod'));
    expect(await first).toMatchObject({ code: 'UNAVAILABLE' });
    expect(clock.now()).toBeLessThan(1_000);
    expect(runs).toHaveLength(1);
    expect(outcomes).toEqual(['failed']);
  });
});

describe('the key of a call', () => {
  it('is made once for all its attempts, and is a UUIDv7 of now', async () => {
    const keys: (string | undefined)[] = [];
    const { client, clock } = await till({
      client: { retry: { maxAttempts: 3, initialBackoff: 10 } },
      handler: (request, call) => {
        keys.push(call.headers.get('idempotency-key'));
        if (keys.length < 3) throw new RpcError('UNAVAILABLE', 'not yet');
        return request;
      },
    });
    await clock.runUntil(client.sell(note('cod')));
    expect(keys).toHaveLength(3);
    expect(new Set(keys).size).toBe(1);
    expect(keys[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    const made = Number.parseInt((keys[0] as string).replaceAll('-', '').slice(0, 12), 16);
    expect(made).toBe(clock.wallTime() - clock.now());
  });

  it("is the caller's own when it gives one", async () => {
    const { client, runs } = await till();
    await client.sell(note('cod'), { idempotencyKey: 'order 17' });
    await client.sell(note('cod'), { headers: { 'Idempotency-Key': '"order 18"' } });
    expect(runs).toEqual(['order 17', 'order 18']);
  });

  it('is the field that the IDL names, on both sides', async () => {
    const { client, runs, outcomes } = await till({ keyProperty: 'id', policy: { keyField: 'id' } });
    const request = { ...note('cod'), id: 'order 19' };
    await client.sell(request);
    await client.sell(request);
    expect(runs).toEqual(['order 19']);
    expect(outcomes).toEqual(['new', 'replayed']);
    const made = await client.sell(note('cod'));
    expect(made).toMatchObject({ id: runs[1] });
    expect(runs[1]).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('is no part of the request that a key may be used for once', async () => {
    const { client, runs } = await till({ keyProperty: 'id', policy: { keyField: 'id' } });
    await client.sell({ ...note('cod'), id: '"k"' });
    await client.sell({ ...note('cod'), id: 'k' });
    expect(runs).toEqual(['k']);
  });

  it.each([
    [{ idempotencyKey: '' }, /idempotencyKey of .* is ""; a key is 1 to 255 printable ASCII characters/],
    [{ idempotencyKey: 'x'.repeat(256) }, /has 256 characters; a key has at most 255/],
    [{ idempotencyKey: 'käse' }, /is "käse"; a key is/],
    [{ idempotencyKey: 7 as never }, /is number; a key is text/],
    [{ idempotencyKey: 'a', headers: { 'idempotency-key': 'b' } }, /two idempotency keys, "a" .* and "b"/],
    [{ headers: { 'idempotency-key': ['a', 'a'] } }, /2 idempotency-key headers; a call has one key/],
  ])('is refused where it is given: %j', async (options, message) => {
    const { client, runs } = await till();
    await expect(client.sell(note('cod'), options)).rejects.toThrow(TypeError);
    await expect(client.sell(note('cod'), options)).rejects.toThrow(message);
    expect(runs).toEqual([]);
  });

  it('cannot be one for all calls of a client', async () => {
    expect(() => createClient(tillOf(), 'grpc://127.0.0.1:1', { headers: { 'idempotency-key': 'k' } })).toThrow(
      /every call would be the same one/,
    );
  });

  it('is refused on a method that is not keyed', async () => {
    const { clock, network } = await till();
    const plain = createClient(tillOf({ idempotency: 'NONE' }), network.node('a'), { clock, logger: silentLogger });
    await expect(plain.sell(note('cod'), { idempotencyKey: 'k' })).rejects.toThrow(/is not KEYED/);
  });
});

/** A client that knows nothing of keys sends what it likes. */
describe('a key that a foreign client sends', () => {
  const foreign = async (headers: Record<string, string | string[]>, policy = {}) => {
    const made = await till({ policy, client: { retry: false } });
    const Plain = tillOf({ idempotency: 'NONE' });
    const plain = createClient(Plain, made.network.node('a'), {
      clock: made.clock,
      logger: silentLogger,
      retry: false,
    });
    return { ...made, call: plain.sell(note('cod'), { headers }) };
  };

  it.each([
    ['MALFORMED', { 'idempotency-key': '' }],
    ['MALFORMED', { 'idempotency-key': '"half' }],
    ['MALFORMED', { 'idempotency-key': '""' }],
    ['MALFORMED', { 'idempotency-key': ' k' }],
    ['MALFORMED', { 'idempotency-key': ['a', 'b'] }],
    ['TOO_LONG', { 'idempotency-key': 'x'.repeat(256) }],
    ['TOO_LONG', { 'idempotency-key': `"${'x'.repeat(256)}"` }],
  ])('is refused as %s: %j', async (reason, headers) => {
    const { call, runs, outcomes } = await foreign(headers);
    expect(await rejection(call)).toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: `IDEMPOTENCY_KEY_${reason}`,
      disposition: 'not-executed',
    });
    expect(runs).toEqual([]);
    expect(outcomes).toEqual(['refused']);
  });

  it.each([
    ['x'.repeat(255), 'x'.repeat(255)],
    [`"${'x'.repeat(255)}"`, 'x'.repeat(255)],
    ['"say \\"cod\\" \\\\ twice"', 'say "cod" \\ twice'],
    ['a b', 'a b'],
  ])('is taken: %s', async (header, key) => {
    const { call, runs } = await foreign({ 'idempotency-key': header });
    await call;
    expect(runs).toEqual([key]);
  });

  it('is missing: the call runs in its transaction, unrecorded', async () => {
    const { call, runs, effects, outcomes, store } = await foreign({});
    await call;
    expect(runs).toEqual(['no key']);
    expect(effects.get('no key')).toBe(1);
    expect(store.size).toBe(0);
    expect(outcomes).toEqual(['unkeyed']);
  });

  it('is missing where it is required', async () => {
    const { call, runs } = await foreign({}, { keyRequired: true });
    expect(await rejection(call)).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'IDEMPOTENCY_KEY_REQUIRED' });
    expect(runs).toEqual([]);
  });

  it.each([
    ['AMBIGUOUS', 'a', 'b'],
    ['MALFORMED', '', ''],
  ])('is %s with %j in the field and %j in the header', async (reason, id, key) => {
    const { client, network, clock, runs } = await till({ keyProperty: 'id', policy: { keyField: 'id' } });
    await client.$close();
    const plain = createClient(tillOf({ idempotency: 'NONE' }), network.node('a'), { clock, logger: silentLogger });
    const call = plain.sell({ ...note('cod'), id }, { headers: { 'idempotency-key': key } });
    expect(await rejection(call)).toMatchObject({ code: 'INVALID_ARGUMENT', reason: `IDEMPOTENCY_KEY_${reason}` });
    expect(runs).toEqual([]);
  });
});

describe('the age of a key', () => {
  const minute = 60_000;
  const day = 1_440 * minute;
  const keyAt = (wall: number) => newIdempotencyKey({ ...new VirtualClock(), wallTime: () => wall } as VirtualClock);

  it.each([
    ['in the future, as far as clocks may be apart', 5 * minute, 'runs'],
    ['further in the future', 5 * minute + 1, 'IDEMPOTENCY_KEY_IN_FUTURE'],
    ['as old as records are kept, less a moment', 1 - day, 'runs'],
    ['as old as records are kept', -day, 'IDEMPOTENCY_KEY_EXPIRED'],
    ['very old', -400 * day, 'IDEMPOTENCY_KEY_EXPIRED'],
  ])('%s', async (_, offset, expected) => {
    const { client, clock, runs } = await till();
    const call = client.sell(note('cod'), { idempotencyKey: keyAt(clock.wallTime() + offset) });
    if (expected === 'runs') await call;
    else {
      expect(await rejection(call)).toMatchObject({
        code: offset > 0 ? 'INVALID_ARGUMENT' : 'FAILED_PRECONDITION',
        reason: expected,
        disposition: 'not-executed',
      });
    }
    expect(runs).toHaveLength(expected === 'runs' ? 1 : 0);
  });

  it('ends a promise without ever running the call a second time, for a UUIDv7', async () => {
    const { client, clock, runs, store } = await till();
    const key = keyAt(clock.wallTime() + 5 * minute);
    await client.sell(note('cod'), { idempotencyKey: key });
    for (let step = 0; step < 40; step++) {
      await clock.advance(45 * minute);
      await store.expire(clock.wallTime(), 1_000);
      await client.sell(note('cod'), { idempotencyKey: key }).catch((error: RpcError) => {
        expect(error.reason).toBe('IDEMPOTENCY_KEY_EXPIRED');
      });
    }
    expect(runs).toHaveLength(1);
    expect(store.size).toBe(0);
  });

  it('is not known of other keys, whose promise ends with their record', async () => {
    const { client, clock, runs } = await till();
    await client.sell(note('cod'), withKey('k'));
    await clock.advance(day - minute);
    await client.sell(note('cod'), withKey('k'));
    expect(runs).toHaveLength(1);
    await clock.advance(10 * minute);
    await client.sell(note('other'), withKey('a')); // on which the sweep is begun
    await clock.settle();
    await client.sell(note('cod'), withKey('k'));
    expect(runs).toEqual(['k', 'a', 'k']);
  });

  it('is told of when records are deleted in the background', async () => {
    const { client, clock, servers, store } = await till();
    const deleted: unknown[] = [];
    servers[0]?.on('expiry', (event) => deleted.push(event));
    for (let n = 0; n < 1_200; n++) await client.sell(note('cod'), withKey(`k${n}`));
    await clock.advance(day + 6 * minute);
    await client.sell(note('cod'), withKey('new'));
    await settled();
    expect(store.size).toBe(1);
    expect(deleted).toEqual([500, 500, 200].map((count) => ({ store: 'memory', deleted: count })));
  });
});

describe('a keyed call that came without a key', () => {
  const plain = async (options: Parameters<typeof till>[0]) => {
    const made = await till(options);
    const client = createClient(tillOf({ idempotency: 'NONE' }), made.network.node('a'), {
      clock: made.clock,
      logger: silentLogger,
      retry: false,
    });
    return { ...made, client };
  };

  it('is rolled back when nobody waits for it any more', async () => {
    const { client, clock, effects, outcomes } = await plain({
      handler: async (request, _, clock) => {
        await clock.sleep(200);
        return request;
      },
    });
    await clock.runUntil(rejection(client.sell(note('cod'), { timeout: 100 })));
    await clock.advance(1_000);
    expect(effects.size).toBe(0);
    expect(outcomes).toEqual(['failed']);
  });

  it('commits what it wrote with a declared error', async () => {
    const { client, effects } = await plain({
      handler: () => {
        throw new Refused('sold out');
      },
    });
    expect(await rejection(client.sell(note('cod')))).toBeInstanceOf(Refused);
    expect(effects.get('no key')).toBe(1);
  });
});

describe('a server of a keyed method', () => {
  it('is not started without a store, and says what to write', async () => {
    const server = createServer({ logger: silentLogger }).add(tillOf(), { sell: (request) => request });
    const { network } = await till();
    await expect(server.listen({ memory: network.node('b') })).rejects.toThrow(
      /^\/test\.Till\/Sell is KEYED, and this server has no store .* createServer\({ store: sqliteStore\('market\.db'\) }\)/,
    );
  });

  it('is not made with a store that is none', () => {
    expect(() => createServer({ store: 'market.db' as never })).toThrow(/the option store is no store/);
  });

  it('refuses a call from inside a handler of the same store, which would wait for itself', async () => {
    const errors: RpcError[] = [];
    const made: Awaited<ReturnType<typeof till>> = await till({
      handler: async (request) => {
        if (request.text === 'outer') errors.push(await rejection(made.client.sell(note('inner'))));
        return request;
      },
    });
    await made.clock.runUntil(made.client.sell(note('outer')));
    expect(errors).toEqual([expect.objectContaining({ code: 'FAILED_PRECONDITION', reason: 'NESTED_TRANSACTION' })]);
    expect(made.runs).toHaveLength(1);
  });

  it('lets an interceptor see and change the response of a call, replayed or not', async () => {
    const made = await till({});
    const seen: unknown[] = [];
    const server = createServer({
      clock: made.clock,
      logger: silentLogger,
      store: memoryStore({ logger: silentLogger }),
    });
    server.add(made.Till, { sell: (request) => request });
    server.use((_, next) => async (call) => {
      const response = (await next(call)) as object;
      seen.push(response);
      return { ...response, count: 99 };
    });
    await server.listen({ memory: made.network.node('b') });
    const client = createClient(made.Till, made.network.node('b'), { clock: made.clock, logger: silentLogger });
    for (let n = 0; n < 2; n++) expect(await client.sell(note('cod', 1), withKey('k'))).toEqual(note('cod', 99));
    expect(seen).toEqual([note('cod', 1), note('cod', 1)]);
  });

  it('does not hold a key for a store that throws at once', async () => {
    const made = await till({});
    const store: IdempotencyStore<MemoryTransaction> = {
      ...asAnotherProcess(made.store),
      execute: () => {
        throw new Error('not today');
      },
    };
    const server = createServer({ clock: made.clock, logger: silentLogger, store });
    server.add(made.Till, { sell: (request) => request });
    await server.listen({ memory: made.network.node('b') });
    const client = createClient(made.Till, made.network.node('b'), { clock: made.clock, logger: silentLogger });
    for (let n = 0; n < 2; n++) {
      await expect(made.clock.runUntil(Promise.resolve(client.sell(note('cod'), withKey('k'))))).rejects.toMatchObject({
        code: 'INTERNAL',
      });
    }
  });

  it('tells who stands at the handler where the call came in, and from whom', async () => {
    const seen: unknown[] = [];
    const { client } = await till({
      configure: (server) =>
        server.use(
          (_method, next) => (call: Call) => {
            seen.push(call.local, call.peer.address);
            return next(call);
          },
          { before: 'handler' },
        ),
    });
    await client.sell(note('cod'), withKey('k'));
    expect(seen).toEqual(['a', 'client']);
  });

  it('rolls back what still runs when it closes', async () => {
    const made = await till({ handler: () => new Promise<never>(() => {}), client: { retry: false } });
    const { clock, client, servers, effects } = made;
    const call = rejection(client.sell(note('cod'), withKey('k', { timeout: '50ms' })));
    await clock.runUntil(call);
    const closing = servers[0]?.close({ grace: '1s' });
    await clock.runUntil(closing as Promise<void>);
    expect(clock.now()).toBe(1_050);
    expect(effects.size).toBe(0);
  });

  it('passes on the headers that the handler set, to the call that ran', async () => {
    const { client } = await till({
      handler: (request, call) => {
        call.responseHeaders.set('x-till', '7');
        call.responseTrailers.set('x-change', '3');
        return request;
      },
    });
    const call = client.sell(note('cod'), withKey('k'));
    await call;
    expect([(await call.headers).get('x-till'), (await call.trailers).get('x-change')]).toEqual(['7', '3']);
  });
});
