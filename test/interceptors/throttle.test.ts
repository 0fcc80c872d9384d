/** A client that holds back when servers refuse most of its calls for overload. */
import fc from 'fast-check';
import { type ClientDiscardedEvent, createClient, createServer, RpcError, silentLogger } from 'hawser';
import { seededRandom, VirtualClock } from 'hawser/testing';
import { describe, expect, it } from 'vitest';
import { isOverload, Throttle, throttleTerms } from '../../src/interceptors/throttle.js';
import { Echo, note } from '../support/echo.js';
import { fails, rejection, scripted } from '../support/scripted.js';
import { runs } from '../support/soak.js';

const overloaded = new RpcError('UNAVAILABLE', 'too much to do', { reason: 'OVERLOADED', disposition: 'not-executed' });
const once = { retry: false, breaker: false } as const;

/** A client of a server that refuses, before its handler, what `refuses` says. */
async function shedding(refuses: (n: number) => RpcError | undefined, client: object = {}) {
  const { clock, net, random } = await scripted();
  const server = createServer({ clock, logger: silentLogger });
  let arrived = 0;
  server.use(() => (call) => {
    arrived += 1;
    const error = refuses(arrived);
    return error === undefined ? Promise.resolve(call.request) : Promise.reject(error);
  });
  server.add(Echo, { say: (one) => one, tell() {}, async *repeat() {}, collect: () => note(''), async *chat() {} });
  await server.listen({ memory: net.node('b') });
  const made = createClient(Echo, net.node('b'), { clock, random: random.fork('throttle'), ...once, ...client });
  const events: ClientDiscardedEvent[] = [];
  made.$on('discarded', (event) => events.push(event));
  /** Calls at an even rate; how many reached the server, and how many were held back. */
  const offer = async (perSecond: number, seconds: number) => {
    const before = { arrived, held: events.length };
    for (let i = 0; i < perSecond * seconds; i++) {
      made.say(note('x')).catch(() => {});
      await clock.advance(1_000 / perSecond);
    }
    return { arrived: arrived - before.arrived, held: events.length - before.held };
  };
  return { clock, client: made, offer, events };
}

describe('a client whose calls are refused for overload', () => {
  it('sends a fifth of them in the end, so that the servers are relieved of the rest', async () => {
    const { offer, client, clock } = await shedding(() => overloaded);
    await offer(50, 30);
    const { arrived, held } = await offer(50, 60);
    expect(arrived + held).toBe(3_000);
    expect(arrived / 3_000).toBeGreaterThan(0.15);
    expect(arrived / 3_000).toBeLessThan(0.25);
    const errors = await Promise.all([...Array(50)].map(() => rejection(client.say(note('x')))));
    await clock.settle();
    expect(errors.find((one) => one.reason === 'CLIENT_THROTTLED')).toMatchObject({
      code: 'UNAVAILABLE',
      disposition: 'not-executed',
    });
  });

  it('takes up all of them again within two windows once they are taken', async () => {
    let over = true;
    const { offer } = await shedding(() => (over ? overloaded : undefined));
    expect((await offer(50, 40)).held).toBeGreaterThan(500);
    over = false;
    await offer(50, 60);
    expect(await offer(50, 10)).toEqual({ arrived: 500, held: 0 });
  });

  it('tells of each call that it held back, once', async () => {
    const { offer, events } = await shedding(() => overloaded);
    const { arrived, held } = await offer(50, 20);
    expect(arrived + held).toBe(1_000);
    expect(held).toBeGreaterThan(0);
    for (const { stage, error } of events) expect([stage, error.reason]).toEqual(['throttle', 'CLIENT_THROTTLED']);
  });

  it('holds nothing back while half of them are taken', async () => {
    const { offer } = await shedding((n) => (n % 2 === 0 ? overloaded : undefined));
    expect((await offer(50, 60)).held).toBeLessThan(30);
  });

  it('holds nothing back below five calls a second, nor when it is switched off', async () => {
    const { offer } = await shedding(() => overloaded);
    expect((await offer(4, 120)).held).toBe(0);
    const off = await shedding(() => overloaded, { throttle: false });
    expect((await off.offer(50, 20)).held).toBe(0);
  });

  it.each([
    ['a server that fails in its handler', () => fails('UNAVAILABLE')],
    ['a handler that says it is out of something', () => fails('RESOURCE_EXHAUSTED')],
    ['a broken server', () => fails('INTERNAL')],
  ])('does not take %s for overload', async (_what, script) => {
    const { client, clock } = await scripted({ client: once, script });
    let held = 0;
    client.$on('discarded', () => (held += 1));
    for (let i = 0; i < 1_000; i++) {
      client.say(note('x')).catch(() => {});
      await clock.advance(20);
    }
    expect(held).toBe(0);
  });

  it('does not take a server that cannot be reached for overload', async () => {
    const { client, clock, net } = await scripted({ client: once });
    net.node('a').set({ refuse: true } as object);
    let held = 0;
    client.$on('discarded', () => (held += 1));
    for (let i = 0; i < 1_000; i++) {
      client.say(note('x')).catch(() => {});
      await clock.advance(20);
    }
    expect(held).toBe(0);
  });

  it('counts a call that found another server as taken', async () => {
    let n = 0;
    const { offer } = await shedding(() => (n++ % 3 < 2 ? overloaded : undefined), {
      retry: { maxAttempts: 3, initialBackoff: 0.1 },
      budget: { perSecond: 1_000 },
    });
    expect((await offer(50, 60)).held).toBe(0);
  });
});

describe('what counts as overload', () => {
  const error = (code: RpcError['code'], disposition: RpcError['disposition'], reason?: string) =>
    new RpcError(code, 'x', { disposition, ...(reason === undefined ? {} : { reason }) });

  it.each([
    [error('UNAVAILABLE', 'not-executed'), true],
    [error('UNAVAILABLE', 'not-executed', 'OVERLOADED'), true],
    [error('RESOURCE_EXHAUSTED', 'not-executed', 'QUOTA_EXCEEDED'), true],
    [error('UNAVAILABLE', 'unknown'), false],
    [error('UNAVAILABLE', 'executed', 'OVERLOADED'), false],
    [error('RESOURCE_EXHAUSTED', 'not-executed', 'TOO_MANY_WAITING'), false],
    [error('UNAVAILABLE', 'not-executed', 'CONNECT_FAILED'), false],
    [error('UNAVAILABLE', 'not-executed', 'CLIENT_THROTTLED'), false],
    [error('UNAVAILABLE', 'not-executed', 'SHUTDOWN'), false],
    [error('ABORTED', 'not-executed'), false],
    [new Error('x'), false],
  ])('%s: %s', (one, expected) => expect(isOverload(one)).toBe(expected));
});

describe('a throttle', () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('call' as const), times: fc.integer({ min: 1, max: 200 }) }),
    fc.record({ do: fc.constant('refuse' as const), times: fc.integer({ min: 1, max: 200 }) }),
    fc.record({ do: fc.constant('wait' as const), times: fc.integer({ min: 0, max: 40_000 }) }),
  );

  it('stays within its limits and forgets what is old, whatever happens', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.integer(), async (script, seed) => {
        const clock = new VirtualClock();
        const terms = throttleTerms();
        const throttle = new Throttle(terms, clock, seededRandom(seed));
        /** Every call and every refusal with its time, as the window would ideally see them. */
        const calls: number[] = [];
        const refused: number[] = [];
        for (const one of script) {
          if (one.do === 'wait') await clock.advance(one.times);
          for (let i = 0; i < (one.do === 'wait' ? 0 : one.times); i++) {
            const recent = (times: readonly number[], ms: number) => times.filter((at) => at > clock.now() - ms).length;
            const admitted = throttle.admits();
            // Steps are a tenth of the window: what is a step older than it is certainly gone, what is a step younger is not.
            if (recent(refused, 1.1 * terms.window) === 0) expect(admitted).toBe(true);
            if (recent(calls, 1.1 * terms.window) < 149) expect(admitted).toBe(true);
            calls.push(clock.now());
            if (!admitted) refused.push(clock.now());
            else if (one.do === 'refuse') {
              throttle.failed(overloaded);
              refused.push(clock.now());
            }
            expect(throttle.rejection).toBeGreaterThanOrEqual(0);
            expect(throttle.rejection).toBeLessThanOrEqual(0.8);
            expect(throttle.refused).toBeGreaterThanOrEqual(0);
            expect(throttle.refused).toBeLessThanOrEqual(1);
          }
        }
        await clock.advance(2 * terms.window);
        expect(throttle.admits()).toBe(true);
        expect(throttle.rejection).toBe(0);
      }),
      { numRuns: runs(25) },
    );
  });

  it.each([
    [{ multiplier: 0.5 }, /throttle\.multiplier is 0\.5; .* 1 to 100/],
    [{ multiplier: Number.NaN }, /throttle\.multiplier is NaN/],
    [{ maxRejection: 1.5 }, /throttle\.maxRejection is 1\.5; .* 0 to 1/],
    [{ minimumRate: -1 }, /throttle\.minimumRate is -1/],
    [{ minimumRate: '5' as never }, /throttle\.minimumRate is "5"/],
    [{ window: 0 }, /throttle\.window is 0 ms; it is more than 0/],
    [{ window: 'soon' }, /throttle\.window is "soon"/],
  ])('refuses %j', (options, sentence) => expect(() => throttleTerms(options)).toThrow(sentence));
});
