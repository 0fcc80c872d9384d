/**
 * Keyed calls from client to store on virtual time: several servers share one database, networks lose, repeat and reorder,
 * clients retry and hedge, handlers outlive their attempts, clocks differ by up to five minutes, records expire. Whatever
 * happens, a key has one effect at most, a key that was answered has exactly one, and all its answers are equal.
 */
import fc from 'fast-check';
import {
  type Client,
  type Clock,
  createClient,
  createServer,
  isRpcError,
  newIdempotencyKey,
  RpcError,
  silentLogger,
} from 'hawser';
import { type Faults, SeededNetwork, type SeededRandom, seededRandom, VirtualClock } from 'hawser/testing';
import { describe, expect, it } from 'vitest';
import { type MemoryTransaction, memoryStore } from '../../src/stores/memory.js';
import { type Note, note, Refused } from '../support/echo.js';
import { runs } from '../support/soak.js';
import { asAnotherProcess, tillOf } from '../support/till.js';

const minute = 60_000;
const day = 1_440 * minute;

const faults = fc.record(
  {
    latency: fc.integer({ min: 0, max: 20 }),
    dropRequest: fc.constantFrom(0, 0.1, 0.4),
    dropResponse: fc.constantFrom(0, 0.1, 0.4),
    duplicate: fc.constantFrom(0, 0.3),
    reorder: fc.constantFrom(undefined, { probability: 0.3, hold: { uniform: [0, 50] as const } }),
    resetAfter: fc.constantFrom(undefined, { frames: 1, probability: 0.3 }, { frames: 3, probability: 0.4 }),
  },
  { requiredKeys: ['latency'] },
);

/** A call is one of some keys, asks for what its key stands for or something else, and comes some time after the one before. */
const call = fc.record({
  key: fc.integer({ min: 0, max: 3 }),
  request: fc.constantFrom('right', 'right', 'right', 'wrong' as const),
  after: fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 0, max: 60 }) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 10_000 }) },
    { weight: 1, arbitrary: fc.integer({ min: day - 12 * minute, max: day + 12 * minute }) },
  ),
  timeout: fc.integer({ min: 1, max: 3_000 }),
});

const scenario = fc.record({
  seed: fc.nat(),
  servers: fc.integer({ min: 1, max: 3 }),
  /** ms that each clock is off, client first. No two are more than five minutes apart. */
  skews: fc.array(fc.integer({ min: -150_000, max: 150_000 }), { minLength: 4, maxLength: 4 }),
  faults,
  attemptTimeout: fc.option(fc.integer({ min: 5, max: 200 }), { nil: undefined }),
  hedge: fc.option(fc.integer({ min: 1, max: 60 }), { nil: undefined }),
  failing: fc.constantFrom(0, 0.2, 0.5),
  slow: fc.constantFrom(0, 0.3),
  calls: fc.array(call, { minLength: 1, maxLength: 14 }),
});

type Scenario = typeof scenario extends fc.Arbitrary<infer T> ? T : never;

const off = (clock: VirtualClock, ms: number): Clock => ({
  now: () => clock.now(),
  setTimer: (fn, after) => clock.setTimer(fn, after),
  wallTime: () => clock.wallTime() + ms,
});

interface Told {
  readonly key: string;
  readonly asked: string;
  readonly how: string;
}

async function simulate(given: Scenario): Promise<void> {
  const random = seededRandom(given.seed);
  const clock = new VirtualClock();
  const network = new SeededNetwork({ clock, random: random.fork('network'), faults: given.faults as Faults });
  const store = memoryStore({ clock, logger: silentLogger });
  const effects = new Map<string, string[]>();
  const Till = tillOf({ maxTimeout: 2_000 });
  const names = ['a', 'b', 'c'].slice(0, given.servers);
  const stores = names.map(() => asAnotherProcess<MemoryTransaction>(store));
  const clocks = given.skews.map((ms) => off(clock, ms));
  for (const [at, name] of names.entries()) {
    const own = clocks[at + 1] as Clock;
    const server = createServer({ clock: own, logger: silentLogger, store: stores[at]! });
    const trouble = random.fork(name);
    server.add(Till, {
      async sell(request, { tx, idempotencyKey = '' }) {
        tx.onCommit(() => effects.set(idempotencyKey, [...(effects.get(idempotencyKey) ?? []), request.text]));
        return handled(request, trouble, clock, given);
      },
    });
    await server.listen({ memory: network.node(name) });
  }
  const client: Client<typeof Till> = createClient(
    Till,
    names.length === 1 ? network.node('a') : network.nodes(...names),
    {
      clock: clocks[0] as Clock,
      random: random.fork('client'),
      logger: silentLogger,
      retry: { maxAttempts: 4, initialBackoff: 10, codes: ['UNAVAILABLE', 'INTERNAL'] },
      ...(given.attemptTimeout === undefined ? {} : { attemptTimeout: given.attemptTimeout }),
      ...(given.hedge === undefined ? {} : { methods: { sell: { hedge: { delay: given.hedge } } } }),
    },
  );
  const keys = Array.from({ length: 4 }, () => newIdempotencyKey(clocks[0]));
  const told: Told[] = [];
  const ended: Promise<void>[] = [];
  for (const { key: at, request, after, timeout } of given.calls) {
    await clock.advance(after);
    if (random.chance(0.2)) await store.expire((clocks[1] as Clock).wallTime(), 100);
    const key = keys[at] as string;
    // What a call asks for is in the text, so that answers and effects tell whose they are.
    const asked = `${at} ${request}`;
    const made = client.sell(note(asked), { idempotencyKey: key, timeout });
    ended.push(
      made.then(
        (response) => void told.push({ key, asked, how: JSON.stringify(response) }),
        (error: unknown) => {
          if (error instanceof Refused) told.push({ key, asked, how: error.text });
          else if (!isRpcError(error)) throw error;
        },
      ),
    );
  }
  await clock.run({ within: 60_000, name: 'all calls' });
  await Promise.all(ended);
  for (const { asked, how } of told) expect(how, 'an answer is to what was asked').toContain(asked);
  for (const key of keys) {
    const answers = new Set(told.filter((one) => one.key === key).map(({ how }) => how));
    expect(answers.size, `different answers for one key: ${[...answers]}`).toBeLessThanOrEqual(1);
    const count = effects.get(key)?.length ?? 0;
    expect(count, `effects of a key: ${effects.get(key)}`).toBeLessThanOrEqual(1);
    const [answer] = answers;
    if (answer === undefined) continue;
    expect(count, 'effects of a key that was answered').toBe(1);
    expect(answer, 'whose answer it is').toContain(effects.get(key)?.[0]);
  }
  expect(clock.timers, 'timers left').toBe(0);
  await client.$close();
}

async function handled(request: Note, random: SeededRandom, clock: VirtualClock, given: Scenario): Promise<Note> {
  if (random.chance(0.5)) await clock.sleep(random.int(80));
  if (random.chance(given.slow)) await clock.sleep(random.int(4_000));
  if (random.chance(given.failing)) {
    throw random.chance(0.7)
      ? new RpcError(random.pick(['UNAVAILABLE', 'INTERNAL', 'ABORTED']), 'trouble')
      : new Error('trouble');
  }
  if (random.chance(0.2)) throw new Refused(`${request.text} ${random.int(1e9)}`);
  return note(request.text, random.int(1e9));
}

describe('a key', () => {
  it('has one effect and one answer, whatever happens', async () => {
    await fc.assert(fc.asyncProperty(scenario, simulate), { numRuns: runs(1_500) });
  }, 300_000);
});
