/**
 * The whole path, client and server, with every policy on, against networks and servers that fail in every way at
 * once, ten thousand times, each by its seed. A failure names its seed; run that one with HAWSER_SEED.
 */
import {
  type ClientOptions,
  createClient,
  createServer,
  type Handlers,
  RpcError,
  type ServerCall,
  silentLogger,
} from 'hawser';
import { type Faults, SeededNetwork, type SeededRandom, seededRandom, VirtualClock } from 'hawser/testing';
import { describe, expect, it } from 'vitest';
import { Echo, type Note, note } from '../support/echo.js';
import { runs } from '../support/soak.js';

const one = process.env.HAWSER_SEED;
const seeds = one === undefined ? runs(10_000) : 1;

interface Outcome {
  readonly kind: string;
  readonly began: number;
  readonly deadline: number;
  settled: number[];
  how: string;
}

const codes: readonly RpcError['code'][] = [
  'UNAVAILABLE',
  'UNAVAILABLE',
  'INTERNAL',
  'NOT_FOUND',
  'RESOURCE_EXHAUSTED',
  'ABORTED',
];

function faultsOf(random: SeededRandom): Faults {
  const some = (p: number, most: number) => (random.chance(p) ? random.next() * most : 0);
  return {
    latency: random.chance(0.5) ? { uniform: [0, random.int(20)] } : random.int(5),
    dropRequest: some(0.3, 0.3),
    dropResponse: some(0.3, 0.3),
    duplicate: some(0.2, 0.3),
    ...(random.chance(0.2) ? { reorder: { probability: 0.3, hold: { uniform: [0, 50] } } } : {}),
    ...(random.chance(0.3) ? { resetAfter: { frames: random.int(6), probability: 0.4 } } : {}),
    refuse: some(0.2, 0.8),
    ...(random.chance(0.1) ? { halfOpen: true } : {}),
    ...(random.chance(0.1) ? { slow: 100 } : {}),
  };
}

function optionsOf(random: SeededRandom): ClientOptions {
  const idempotency = random.pick(['NONE', 'NO_SIDE_EFFECTS', 'IDEMPOTENT', 'KEYED'] as const);
  const may = idempotency === 'NONE' ? {} : { idempotency };
  const hedge = idempotency !== 'NONE' && random.chance(0.5);
  return {
    ...(random.chance(0.5) ? { attemptTimeout: 1 + random.int(100) } : {}),
    retry: random.chance(0.1)
      ? false
      : { maxAttempts: 1 + random.int(5), initialBackoff: 1 + random.int(50), codes: ['UNAVAILABLE', 'INTERNAL'] },
    budget: { capacity: random.int(10), perSuccess: random.next() },
    breaker: random.chance(0.2)
      ? false
      : { failures: 1 + random.int(4), openFor: 50, maxEjected: random.pick([0.3, 0.5, 1]) },
    methods: {
      say: {
        ...may,
        ...(hedge
          ? { hedge: random.chance(0.5) ? { delay: random.int(60), maxCopies: 2 + random.int(2) } : { percentile: 90 } }
          : {}),
      },
      repeat: may,
      collect: may,
      chat: may,
    },
  };
}

function handlersOf(clock: VirtualClock, random: SeededRandom): Handlers<typeof Echo> {
  const trouble = async (call: ServerCall): Promise<void> => {
    if (random.chance(0.3)) await clock.sleep(random.int(80));
    if (random.chance(0.1)) call.responseHeaders.set('x-began', '1');
    if (random.chance(0.1)) call.responseTrailers.set('grpc-retry-pushback-ms', random.pick(['0', '10', '-1', 'x']));
    if (random.chance(0.05)) await new Promise(() => {}); // never answers
    if (random.chance(0.25)) throw new RpcError(random.pick(codes), 'trouble');
  };
  return {
    async say(request, call) {
      await trouble(call);
      return request;
    },
    async tell(_request, call) {
      await trouble(call);
    },
    async *repeat(request, call) {
      await trouble(call);
      for (let i = 0; i < request.count; i++) {
        yield note(request.text, i);
        if (random.chance(0.05)) await trouble(call);
      }
    },
    async collect(requests, call) {
      let count = 0;
      for await (const one of requests) {
        count += one.count;
        if (random.chance(0.1)) await trouble(call);
      }
      return note('sum', count);
    },
    async *chat(requests, call) {
      for await (const one of requests) {
        if (random.chance(0.2)) await trouble(call);
        yield one;
      }
    },
  };
}

async function simulate(seed: number): Promise<void> {
  const random = seededRandom(seed);
  const clock = new VirtualClock();
  const names = ['a', 'b', 'c', 'd'].slice(0, 1 + random.int(4));
  const net = new SeededNetwork({
    clock,
    random: random.fork('network'),
    faults: faultsOf(random.fork('faults')),
    logLines: 10,
  });
  for (const name of names) {
    if (random.chance(0.3)) net.node(name).set(faultsOf(random.fork(`faults of ${name}`)));
    if (random.chance(0.05)) continue; // nobody listens there
    const server = createServer({ clock, logger: silentLogger, maxTimeout: '2s' });
    server.add(Echo, handlersOf(clock, random.fork(`handlers of ${name}`)));
    await server.listen({ memory: net.node(name) });
  }
  const client = createClient(Echo, names.length === 1 ? net.node(names[0]!) : net.nodes(...names), {
    clock,
    random: random.fork('client'),
    logger: silentLogger,
    ...optionsOf(random.fork('options')),
  });
  const attempts = new Map<string, number>();
  client.$on('attempt', ({ correlationId }) => attempts.set(correlationId, (attempts.get(correlationId) ?? 0) + 1));
  const outcomes: Outcome[] = [];
  const checks: (() => void)[] = [];
  const calls = 1 + random.int(4);
  for (let i = 0; i < calls; i++) {
    const timeout = 1 + random.int(400);
    const controller = new AbortController();
    const id = `call-${i}`;
    const headers = { 'x-correlation-id': id, ...(random.chance(0.3) ? { 'idempotency-key': id } : {}) };
    const options = { timeout, headers, signal: controller.signal };
    const kind = random.pick(['say', 'tell', 'repeat', 'collect', 'chat'] as const);
    const outcome: Outcome = { kind, began: clock.now(), deadline: clock.now() + timeout, settled: [], how: 'never' };
    outcomes.push(outcome);
    const requests = (async function* () {
      for (let n = 0; n < 5; n++) {
        if (random.chance(0.2)) await clock.sleep(random.int(30));
        yield note('n', n);
      }
    })();
    const [call, done] = begin(client, kind, requests, options);
    done.then(
      () => {
        outcome.settled.push(clock.now());
        outcome.how = 'ok';
      },
      (error: unknown) => {
        outcome.settled.push(clock.now());
        outcome.how = error instanceof RpcError ? error.code : String(error);
      },
    );
    checks.push(() => {
      const told = attempts.get(id) ?? 0;
      // A client of one address that neither repeats nor bounds attempts tells of none.
      if (told > 0) expect(told, `attempts that ended of those begun, ${kind}`).toBe(call.attempts);
    });
    if (random.chance(0.15)) clock.setTimer(() => controller.abort(), random.int(300));
    if (random.chance(0.5)) await clock.advance(random.int(60));
  }
  await clock.run({ within: 60_000, name: 'all calls' });
  for (const { kind, settled, deadline, how } of outcomes) {
    expect(how, `${kind} ends with a response or an RpcError`).toMatch(/^(ok|[A-Z_]+)$/);
    expect(settled, `${kind} settles exactly once (${how})`).toHaveLength(1);
    expect(settled[0], `${kind} settles by its deadline (${how})`).toBeLessThanOrEqual(deadline + 1e-6);
  }
  for (const check of checks) check();
  expect(clock.timers, 'timers left').toBe(0);
  expect(net.inFlight, 'attempts left on the network').toBe(0);
  for (const { address, inFlight } of client.$addresses()) {
    expect(inFlight ?? 0, `attempts that ${address} is still thought to have`).toBe(0);
  }
  await client.$close();
}

function begin(
  client: ReturnType<typeof createClient<typeof Echo>>,
  kind: 'say' | 'tell' | 'repeat' | 'collect' | 'chat',
  requests: AsyncIterable<Note>,
  options: object,
): [{ attempts: number }, Promise<unknown>] {
  const read = async (stream: AsyncIterable<Note>): Promise<void> => {
    let last = -1;
    for await (const { count } of stream) {
      expect(count, 'messages come in order').toBe(last + 1);
      last = count;
    }
  };
  switch (kind) {
    case 'say':
    case 'tell': {
      const call = client[kind](note('x', 1), options);
      return [call, call.then(() => {})];
    }
    case 'collect': {
      const call = client.collect(requests, options);
      return [call, call.then(({ count }) => expect(count, 'every request once').toBe(10))];
    }
    case 'repeat': {
      const call = client.repeat(note('x', 5), options);
      return [call, read(call)];
    }
    case 'chat': {
      const call = client.chat(requests, options);
      return [call, read(call)];
    }
  }
}

async function seeded(seed: number): Promise<void> {
  try {
    await simulate(seed);
  } catch (error) {
    throw new Error(
      `seed ${seed}: ${error instanceof Error ? error.message : String(error)}; run it alone with HAWSER_SEED=${seed}`,
      {
        cause: error,
      },
    );
  }
}

describe('every call settles exactly once, by its deadline, and leaves nothing behind', () => {
  it(
    `with ${seeds} seeds`,
    async () => {
      if (one !== undefined) await seeded(Number(one));
      else for (let seed = 0; seed < seeds; seed++) await seeded(seed);
    },
    Math.max(300_000, seeds * 60),
  );
});
