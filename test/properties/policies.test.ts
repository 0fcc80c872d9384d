/**
 * The whole path, client and server, with every policy on, against networks and servers that fail in every way at
 * once, ten thousand times, each by its seed. A failure names its seed; run that one with HAWSER_SEED.
 */
import {
  type ClientOptions,
  createClient,
  createServer,
  type Handlers,
  type MemoryNode,
  RpcError,
  type ServerCall,
  silentLogger,
} from 'hawser';
import {
  type ByteFaults,
  type Faults,
  SeededNetwork,
  type SeededRandom,
  seededRandom,
  ThriftNetwork,
  VirtualClock,
} from 'hawser/testing';
import { describe, expect, it } from 'vitest';
import { Echo, EchoOverThrift, type Note, note } from '../support/echo.js';
import { runs } from '../support/soak.js';

const one = process.env.HAWSER_SEED;
const seeds = (usual: number): number => (one === undefined ? runs(usual) : 1);

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

type Service = typeof Echo;
type EchoClient = ReturnType<typeof createClient<Service>>;

/** What the simulation runs on. */
interface World {
  readonly clock: VirtualClock;
  readonly client: EchoClient;
  readonly kinds: readonly Kind[];
  /** Attempts, or connections, that are left. */
  readonly left: () => number;
}

const kinds = ['say', 'tell', 'repeat', 'collect', 'chat'] as const;
type Kind = (typeof kinds)[number];

async function inFrames(random: SeededRandom): Promise<World> {
  const clock = new VirtualClock();
  const net = new SeededNetwork({
    clock,
    random: random.fork('network'),
    faults: faultsOf(random.fork('faults')),
    logLines: 10,
  });
  const client = await world(random, clock, Echo, (name) => {
    const node = net.node(name);
    if (random.chance(0.3)) node.set(faultsOf(random.fork(`faults of ${name}`)));
    return node;
  });
  return { clock, client, kinds, left: () => net.inFlight };
}

/** Thrift's own bytes, THeader or plain binary. It has no streams. */
async function inBytes(random: SeededRandom): Promise<World> {
  const clock = new VirtualClock();
  const faults = (draws: SeededRandom): ByteFaults => ({
    latency: draws.chance(0.5) ? { uniform: [0, draws.int(20)] } : draws.int(5),
    pieces: draws.chance(0.5),
    refuse: draws.chance(0.2) ? draws.next() * 0.8 : 0,
    ...(draws.chance(0.5) ? { resetAfter: { bytes: draws.int(1_000), probability: 0.5 } } : {}),
    ...(draws.chance(0.1) ? { halfOpen: true } : {}),
  });
  const net = new ThriftNetwork({
    clock,
    random: random.fork('network'),
    wire: random.pick(['header', 'binary']),
    faults: faults(random.fork('faults')),
    maxConnections: 1 + random.int(4),
  });
  const client = await world(random, clock, EchoOverThrift, (name) => {
    const node = net.node(name);
    if (random.chance(0.3)) node.set(faults(random.fork(`faults of ${name}`)));
    if (random.chance(0.3)) clock.setTimer(() => node.reset(), random.int(200));
    return node;
  });
  return { clock, client, kinds: ['say', 'tell'], left: () => 0 };
}

/** One to four servers, some of which are not there, and a client of all of them. */
async function world(
  random: SeededRandom,
  clock: VirtualClock,
  service: Service,
  place: (name: string) => MemoryNode,
): Promise<EchoClient> {
  const names = ['a', 'b', 'c', 'd'].slice(0, 1 + random.int(4));
  const nodes: MemoryNode[] = [];
  for (const name of names) {
    const node = place(name);
    nodes.push(node);
    if (random.chance(0.05)) continue; // nobody listens there
    const server = createServer({ clock, logger: silentLogger, maxTimeout: '2s' });
    server.add(service, handlersOf(clock, random.fork(`handlers of ${name}`)));
    await server.listen({ memory: node });
  }
  return createClient(service, nodes.length === 1 ? (nodes[0] as MemoryNode) : nodes, {
    clock,
    random: random.fork('client'),
    logger: silentLogger,
    ...optionsOf(random.fork('options')),
  });
}

async function simulate(seed: number, make: (random: SeededRandom) => Promise<World>): Promise<void> {
  const random = seededRandom(seed);
  const { clock, client, kinds, left } = await make(random);
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
    const kind = random.pick(kinds);
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
  expect(left(), 'attempts left on the network').toBe(0);
  for (const { address, inFlight } of client.$addresses()) {
    expect(inFlight ?? 0, `attempts that ${address} is still thought to have`).toBe(0);
  }
  await client.$close();
}

function begin(
  client: EchoClient,
  kind: Kind,
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

async function seeded(seed: number, make: (random: SeededRandom) => Promise<World>): Promise<void> {
  try {
    await simulate(seed, make);
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
  it.each([
    ['frames of the memory transport', seeds(10_000), inFrames],
    ['bytes of Thrift', seeds(1_000), inBytes],
  ] as const)(
    'over %s, with %d seeds',
    async (_what, count, make) => {
      if (one !== undefined) await seeded(Number(one), make);
      else for (let seed = 0; seed < count; seed++) await seeded(seed, make);
    },
    Math.max(300_000, seeds(10_000) * 60),
  );
});
