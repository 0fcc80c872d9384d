import {
  type AddressesEvent,
  type BreakerEvent,
  type ClientOptions,
  createClient,
  MemoryNetwork,
  RpcError,
  silentLogger,
} from 'hawser';
import { SeededNetwork, seededRandom, VirtualClock } from 'hawser/testing';
import { describe, expect, it } from 'vitest';
import { Echo, type Note, note } from '../support/echo.js';
import { fails, idempotent, rejection, scripted } from '../support/scripted.js';

const nodes = ['a', 'b', 'c'];

describe('choosing an address', () => {
  it('spreads calls over all', async () => {
    const { client, clock, arrivals } = await scripted({ nodes, faults: { latency: 1 } });
    await clock.runUntil(Promise.all([...Array(300)].map(() => client.say(note('x')))));
    for (const node of nodes) expect(arrivals.filter((one) => one.node === node).length).toBeGreaterThan(80);
  });

  it('sends a slow server few calls', async () => {
    const { client, clock, arrivals, net } = await scripted({ nodes, faults: { latency: 1 } });
    net.node('a').set({ slow: 500 });
    for (let i = 0; i < 1000; i++) {
      client.say(note('x')).catch(() => {});
      await clock.advance(1);
    }
    expect(arrivals.filter((one) => one.node === 'a').length).toBeLessThan(60);
    await clock.run();
  });

  it('makes each retry at an address that the call has not been to', async () => {
    for (let seed = 0; seed < 50; seed++) {
      const { client, clock, arrivals } = await scripted({
        nodes,
        seed,
        client: { ...idempotent, breaker: false },
        script: () => fails(),
      });
      await clock.runUntil(rejection(client.say(note('x'))));
      expect(arrivals.map((one) => one.node).sort()).toEqual(nodes);
    }
  });

  it('begins with the one tried longest ago when all were tried', async () => {
    const { client, clock, arrivals } = await scripted({
      nodes: ['a', 'b'],
      client: { ...idempotent, breaker: false, retry: { maxAttempts: 5 } },
      script: () => fails(),
    });
    await clock.runUntil(rejection(client.say(note('x'))));
    const [first, second] = arrivals.map((one) => one.node);
    expect(first).not.toBe(second);
    expect(arrivals.map((one) => one.node)).toEqual([first, second, first, second, first]);
  });

  it('counts an attempt that was given up for being slow as on its way for a while', async () => {
    // A server that hangs would otherwise look idle to every call after the one that gave it up.
    const { client, clock, arrivals } = await scripted({
      nodes: ['a', 'b'],
      faults: { latency: 1 },
      client: { ...idempotent, attemptTimeout: 20, breaker: false },
      script: (_n, node) => (node === 'a' ? 'hang' : 'ok'),
    });
    for (let i = 0; i < 200; i++) {
      client.say(note('x')).catch(() => {});
      await clock.advance(2);
    }
    await clock.run();
    expect(arrivals.filter((one) => one.node === 'a').length).toBeLessThan(12);
  });

  it('takes a call without retries, too', async () => {
    const { client, clock, arrivals } = await scripted({ nodes, client: { retry: false } });
    for (let i = 0; i < 30; i++) await clock.runUntil(client.say(note('x')));
    expect(new Set(arrivals.map((one) => one.node)).size).toBe(3);
  });

  it('goes on to another address beside an attempt that takes a third of the time, without ending it', async () => {
    const { client, clock, arrivals } = await scripted({
      nodes,
      client: { ...idempotent, timeout: 3_000 },
      script: (n) => (n === 0 ? 'hang' : 'ok'),
    });
    await clock.runUntil(client.say(note('x')));
    expect(arrivals.map((one) => one.at)).toEqual([0, 1_000]);
    expect(clock.timers).toBe(0);
  });

  it('does not do so for a call that may not run twice', async () => {
    const { client, clock, arrivals } = await scripted({ nodes, client: { timeout: 3_000 }, script: () => 'hang' });
    await clock.runUntil(rejection(client.say(note('x'))));
    expect(arrivals).toHaveLength(1);
  });
});

describe('a breaker', () => {
  const down = (node: string) => (_n: number, at: string) => (at === node ? fails() : 'ok');
  const plain: ClientOptions = { retry: false, breaker: { openFor: 1_000 } };

  async function failing(options: ClientOptions = plain, names = nodes) {
    const setup = await scripted({ nodes: names, client: options, script: down('a') });
    const events: BreakerEvent[] = [];
    setup.client.$on('breaker', (event) => events.push(event));
    const calls = async (count: number): Promise<number> => {
      const before = setup.arrivals.filter((one) => one.node === 'a').length;
      for (let i = 0; i < count; i++) await setup.clock.runUntil(setup.client.say(note('x')).then(undefined, () => {}));
      return setup.arrivals.filter((one) => one.node === 'a').length - before;
    };
    return { ...setup, events, calls };
  }

  it('opens after five failures in a row, and then nothing is sent there', async () => {
    const { calls, events } = await failing();
    expect(await calls(100)).toBe(5);
    expect(events).toMatchObject([{ address: 'a', from: 'closed', to: 'open', reason: '5 failures in a row' }]);
    expect(events[0]!.openFor).toBeGreaterThanOrEqual(500);
    expect(events[0]!.openFor).toBeLessThanOrEqual(1_000);
  });

  it('lets one call try when its time is over, and waits twice as long when that fails', async () => {
    const { calls, events, clock } = await failing();
    await calls(100);
    await clock.advance(1_001);
    expect(await calls(50)).toBe(1);
    expect(events.map(({ from, to }) => `${from} > ${to}`)).toEqual([
      'closed > open',
      'open > half-open',
      'half-open > open',
    ]);
    expect(events[2]!.openFor).toBeGreaterThanOrEqual(1_000);
    expect(events[2]!.openFor).toBeLessThanOrEqual(2_000);
  });

  it('closes when the call that tried succeeds', async () => {
    let well = false;
    const { client, clock, arrivals } = await scripted({
      nodes,
      client: plain,
      script: (_n, node) => (node === 'a' && !well ? fails() : 'ok'),
    });
    const events: BreakerEvent[] = [];
    client.$on('breaker', (event) => events.push(event));
    for (let i = 0; i < 100; i++) await clock.runUntil(client.say(note('x')).then(undefined, () => {}));
    well = true;
    await clock.advance(1_001);
    arrivals.length = 0;
    for (let i = 0; i < 90; i++) await clock.runUntil(client.say(note('x')));
    expect(events.at(-1)).toMatchObject({ from: 'half-open', to: 'closed' });
    expect(arrivals.filter((one) => one.node === 'a').length).toBeGreaterThan(15);
  });

  it('lets exactly one of many calls at once try', async () => {
    const { calls, client, clock, arrivals } = await failing();
    await calls(100);
    await clock.advance(1_001);
    arrivals.length = 0;
    await clock.runUntil(Promise.allSettled([...Array(100)].map(() => client.say(note('x')))));
    expect(arrivals.filter((one) => one.node === 'a')).toHaveLength(1);
  });

  it('tries again when the one that tried was given up by its caller', async () => {
    const { calls, client, clock, arrivals, net, events } = await failing();
    await calls(100);
    await clock.advance(1_001);
    net.node('a').set({ halfOpen: true });
    const controller = new AbortController();
    const many = [...Array(20)].map(() => client.say(note('x'), { signal: controller.signal }).catch(() => {}));
    await clock.settle();
    controller.abort();
    await Promise.all(many);
    expect(events.at(-1)).toMatchObject({ from: 'half-open', to: 'open' });
    arrivals.length = 0;
    net.node('a').set({});
    expect(await calls(30)).toBe(1);
  });

  it('opens when less than four of five succeed, of twenty or more', async () => {
    let n = 0;
    const { client, clock, arrivals } = await scripted({
      nodes: ['a', 'b'],
      client: { retry: false },
      script: (_n, node) => (node === 'a' && n++ % 3 === 0 ? fails() : 'ok'),
    });
    const events: BreakerEvent[] = [];
    client.$on('breaker', (event) => events.push(event));
    for (let i = 0; i < 200; i++) await clock.runUntil(client.say(note('x')).then(undefined, () => {}));
    expect(arrivals.filter((one) => one.node === 'a').length).toBeLessThan(30);
    expect(events[0]?.reason).toMatch(/^\d+ % of 2\d attempts succeeded$/);
  });

  it('forgets what is older than its window', async () => {
    let n = 0;
    const { client, clock } = await scripted({
      nodes: ['a', 'b'],
      client: { retry: false, breaker: { window: 1_000 } },
      script: (_n, node) => (node === 'a' && n++ % 3 === 0 ? fails() : 'ok'),
    });
    const events: BreakerEvent[] = [];
    client.$on('breaker', (event) => events.push(event));
    for (let i = 0; i < 200; i++) {
      await clock.runUntil(client.say(note('x')).then(undefined, () => {}));
      await clock.advance(200);
    }
    expect(events).toEqual([]);
  });

  it.each<[RpcError['code'], boolean]>([
    ['UNAVAILABLE', true],
    ['DEADLINE_EXCEEDED', true],
    ['RESOURCE_EXHAUSTED', true],
    ['INTERNAL', true],
    ['DATA_LOSS', true],
    ['INVALID_ARGUMENT', false],
    ['NOT_FOUND', false],
    ['PERMISSION_DENIED', false],
    ['UNAUTHENTICATED', false],
    ['FAILED_PRECONDITION', false],
    ['UNIMPLEMENTED', false],
  ])('%s counts against the address: %s', async (code, counts) => {
    const { client, clock } = await scripted({
      nodes,
      client: { retry: false },
      script: (_n, node) => (node === 'a' ? fails(code) : 'ok'),
    });
    let opened = false;
    client.$on('breaker', () => {
      opened = true;
    });
    for (let i = 0; i < 60; i++) {
      await clock.runUntil(client.say(note('x')).then(undefined, () => {}));
      await clock.advance(1_001);
    }
    expect(opened).toBe(counts);
  });

  it('never leaves out more than half of the addresses, so an outage of all is no outage of the client', async () => {
    const { client, clock, arrivals } = await scripted({
      nodes: ['a', 'b', 'c', 'd'],
      client: { retry: false },
      script: () => fails(),
    });
    const out = new Set<string>();
    client.$on('breaker', ({ address, to }) => (to === 'open' ? out.add(address) : out.delete(address)));
    for (let i = 0; i < 200; i++) {
      expect(await clock.runUntil(rejection(client.say(note('x'))))).toMatchObject({ message: 'scripted UNAVAILABLE' });
    }
    expect(out.size).toBe(2);
    expect(arrivals).toHaveLength(200);
  });

  it('of the only address refuses without sending, when it is allowed to', async () => {
    const { client, clock, arrivals } = await scripted({
      client: { retry: false, breaker: { maxEjected: 1 } },
      script: () => fails(),
    });
    const discarded: string[] = [];
    client.$on('discarded', ({ stage, error }) => discarded.push(`${stage} ${error.reason}`));
    for (let i = 0; i < 5; i++) await clock.runUntil(rejection(client.say(note('x'))));
    const error = await clock.runUntil(rejection(client.say(note('x'))));
    expect(error).toMatchObject({ code: 'UNAVAILABLE', reason: 'BREAKER_OPEN', disposition: 'not-executed' });
    expect(error.message).toContain('the breaker of a is open');
    expect(arrivals).toHaveLength(5);
    expect(discarded).toEqual(['pick BREAKER_OPEN']);
  });

  it('counts streams that fail before they say anything', async () => {
    const { client, clock } = await scripted({
      nodes,
      client: { retry: false },
      handlers: {
        async *repeat(request, call) {
          if (call.peer.address !== '') throw new RpcError('UNAVAILABLE', 'no');
          yield request;
        },
      },
    });
    let opened = 0;
    client.$on('breaker', () => {
      opened += 1;
    });
    for (let i = 0; i < 30; i++) await clock.runUntil(rejection(client.repeat(note('x', 1)).next()));
    expect(opened).toBe(1);
  });
});

describe('addresses that a function gives', () => {
  async function resolved(lists: (string[] | Error)[]) {
    const setup = await scripted({
      nodes: ['a', 'b', 'c', 'd'],
      script: (_n, node) => (node === 'c' ? fails() : 'ok'),
    });
    let asked = 0;
    const client = createClient(
      Echo,
      async () => {
        const list = lists[Math.min(asked++, lists.length - 1)]!;
        if (list instanceof Error) throw list;
        return setup.net.nodes(...list);
      },
      { clock: setup.clock, random: seededRandom(1), logger: silentLogger, ...idempotent, timeout: '5s' },
    );
    const calls = async (count: number): Promise<string[]> => {
      setup.arrivals.length = 0;
      for (let i = 0; i < count; i++) await setup.clock.runUntil(client.say(note('x')).then(undefined, () => {}));
      return [...new Set(setup.arrivals.map((one) => one.node))].sort();
    };
    return { ...setup, client, calls, asked: () => asked };
  }

  it('are asked for on the first call', async () => {
    const { calls, asked } = await resolved([['a', 'b']]);
    expect(asked()).toBe(0);
    expect(await calls(20)).toEqual(['a', 'b']);
    expect(asked()).toBe(1);
  });

  it('are asked for again when one fails, at most every 30 s, and the new list holds', async () => {
    const { calls, asked, clock, client } = await resolved([
      ['a', 'c'],
      ['a', 'd'],
    ]);
    const events: AddressesEvent[] = [];
    client.$on('addresses', (event) => events.push(event));
    expect(await calls(40)).toEqual(['a', 'c']);
    expect(asked()).toBe(1);
    await clock.advance(30_000);
    await calls(40);
    expect(asked()).toBe(2);
    expect(await calls(40)).toEqual(['a', 'd']);
    expect(events).toEqual([
      { addresses: ['a', 'c'], added: ['a', 'c'], removed: [] },
      { addresses: ['a', 'd'], added: ['d'], removed: ['c'] },
    ]);
  });

  it('that are left out are closed when their last call has ended, and with the client at the latest', async () => {
    const { clock, net } = await scripted({ nodes: ['a', 'b', 'c'] });
    const places = new Map(['a', 'b', 'c'].map((name) => [name, net.node(name)]));
    const closed: string[] = [];
    const transport = (name: string) => {
      const inner = (places.get(name) as ReturnType<typeof net.node>).connect(Echo);
      return {
        ...inner,
        address: name,
        close: (graceMs: number) => {
          closed.push(`${name} ${graceMs}`);
          return inner.close(graceMs);
        },
      };
    };
    const lists = [['a', 'b'], ['c']].map((list) => list.map(transport));
    let asked = 0;
    const client = createClient(Echo, () => lists[Math.min(asked++, 1)] ?? [], {
      clock,
      random: seededRandom(1),
      logger: silentLogger,
      breaker: { failures: 1 },
    });
    // A stream stays open at one of the two; the other is only idle when it is left out.
    const silence = (async function* (): AsyncGenerator<Note> {
      yield note('x');
      await new Promise(() => {});
    })();
    const stream = client.chat(silence);
    await clock.runUntil(stream.next());
    await clock.advance(31_000);
    places.get('a')?.set({ refuse: true } as object);
    places.get('b')?.set({ refuse: true } as object);
    for (let i = 0; i < 4; i++)
      await clock.runUntil(
        client.say(note('x')).then(undefined, () => {}),
        { within: 1_000 },
      );
    await clock.advance(0);
    expect(client.$addresses().map((one) => one.address)).toEqual(['c']);
    expect(closed).toHaveLength(1);
    await clock.runUntil(client.$close({ grace: 5 }));
    expect(closed.map((one) => one.split(' ')[0]).sort()).toEqual(['a', 'b', 'c']);
    expect(clock.timers).toBe(0);
  });

  it('stay as they were when asking again fails', async () => {
    const { calls, asked, clock } = await resolved([['a', 'c'], new Error('the registry is down')]);
    await calls(10);
    await clock.advance(30_000);
    await calls(10);
    expect(asked()).toBe(2);
    expect(await calls(10)).toContain('a');
  });

  it.each<[string, () => unknown, string]>([
    ['fails', () => Promise.reject(new Error('the registry is down')), 'were not found: the registry is down'],
    [
      'throws',
      () => {
        throw new Error('no registry');
      },
      'were not found: no registry',
    ],
    ['gives none', () => [], 'it gave no address'],
    ['gives nonsense', () => ['http://x'], 'unknown scheme http'],
    ['gives one twice', () => ['h:1', 'h:1'], 'in the list twice'],
    ['gives no list', () => 'h:1', 'it gave string, not a list'],
  ])('that %s, fail the call, not executed', async (_what, resolver, message) => {
    const clock = new VirtualClock();
    const client = createClient(Echo, resolver as never, { clock, logger: silentLogger, retry: false });
    const error = await clock.runUntil(rejection(client.say(note('x'))));
    expect(error).toMatchObject({ code: 'UNAVAILABLE', reason: 'UNRESOLVED', disposition: 'not-executed' });
    expect(error.message).toContain(message);
    expect(clock.timers).toBe(0);
  });

  it('that never come, end with the deadline of the call', async () => {
    const clock = new VirtualClock();
    const client = createClient(Echo, () => new Promise<never>(() => {}), { clock, logger: silentLogger });
    const error = await clock.runUntil(rejection(client.say(note('x'), { timeout: 100 })));
    expect(error.code).toBe('DEADLINE_EXCEEDED');
    expect(clock.now()).toBe(100);
  });

  it('that come after they were given up, are not taken for the answer to the next question', async () => {
    const clock = new VirtualClock();
    const answers: ((list: MemoryNetwork[]) => void)[] = [];
    const client = createClient(Echo, () => new Promise<MemoryNetwork[]>((resolve) => answers.push(resolve)), {
      clock,
      logger: silentLogger,
      retry: false,
      timeout: '60s',
    });
    const early = rejection(client.say(note('x')));
    await clock.advance(20_000);
    expect(await early).toMatchObject({ reason: 'UNRESOLVED' });
    await clock.advance(2_000);
    const late = rejection(client.say(note('y')));
    await clock.settle();
    answers[0]?.([]);
    await clock.settle();
    answers[1]?.([new MemoryNetwork()]);
    expect((await clock.runUntil(late)).message).toContain('no server listens');
    expect(clock.now()).toBe(22_000);
  });

  it('are not waited for once the client is closed', async () => {
    const clock = new VirtualClock();
    const client = createClient(Echo, () => new Promise<never>(() => {}), { clock, logger: silentLogger });
    await client.$close();
    expect(await rejection(client.say(note('x')))).toMatchObject({ code: 'CANCELLED', reason: 'CLIENT_CLOSED' });
  });
});

describe('a name that DNS knows', () => {
  it('is looked up on the first call, and each server behind it is an address of its own', async () => {
    const clock = new VirtualClock();
    const asked: [string, number][] = [];
    const client = createClient(Echo, 'dns:///market.example:50051', {
      clock,
      logger: silentLogger,
      retry: false,
      lookup: async (name, port) => {
        asked.push([name, port]);
        return [`127.0.0.1:1`, `127.0.0.2:1`];
      },
    });
    const addresses: string[] = [];
    client.$on('addresses', (event) => addresses.push(...event.addresses));
    expect(asked).toEqual([]);
    const call = rejection(client.say(note('x'), { timeout: 100 }));
    await clock.settle();
    expect(asked).toEqual([['market.example', 50051]]);
    expect(addresses).toEqual(['127.0.0.1:1', '127.0.0.2:1']);
    await clock.runUntil(call);
    await client.$close();
  });

  it('that does not exist, fails the call with its name', async () => {
    const clock = new VirtualClock();
    const lookup = () => Promise.reject(new Error('getaddrinfo ENOTFOUND nowhere.example'));
    const client = createClient(Echo, 'dns:///nowhere.example:1', {
      clock,
      lookup,
      logger: silentLogger,
      retry: false,
    });
    const error = await clock.runUntil(rejection(client.say(note('x'))));
    expect(error.message).toBe(
      'the addresses of dns:///nowhere.example:1 were not found: getaddrinfo ENOTFOUND nowhere.example',
    );
  });
});

describe('what cannot be meant', () => {
  const network = new SeededNetwork({ clock: new VirtualClock(), random: seededRandom(1) });
  const node = network.node('a');

  it.each<[ClientOptions, string]>([
    [{ timeout: 0 }, 'timeout is 0 ms; it is more than 0 and at most 365 days'],
    [{ timeout: -1 }, 'timeout is -1'],
    [{ timeout: Number.POSITIVE_INFINITY }, 'timeout is Infinity ms'],
    [{ timeout: '9999999h' }, 'at most 365 days'],
    [{ attemptTimeout: 0 }, 'attemptTimeout is 0 ms'],
    [{ attemptTimeout: '2s', timeout: '1s' }, 'attemptTimeout (2000 ms) is longer than timeout (1000 ms)'],
    [{ retry: { maxAttempts: 0 } }, 'retry.maxAttempts is 0; it counts the first attempt too and is 1 to 5'],
    [{ retry: { maxAttempts: 6 } }, 'is 1 to 5'],
    [{ retry: { maxAttempts: 2.5 } }, 'is 1 to 5'],
    [{ retry: { initialBackoff: 0 } }, 'retry.initialBackoff is 0 ms'],
    [
      { retry: { initialBackoff: '9s', maxBackoff: '1s' } },
      'retry.initialBackoff (9000 ms) is longer than retry.maxBackoff',
    ],
    [{ retry: { codes: [] } }, 'retry.codes is empty'],
    [{ retry: { codes: ['NOPE' as never] } }, 'retry.codes names "NOPE", which is no gRPC status code'],
    [{ retry: { codes: ['NOT_FOUND'] } }, 'retry.codes names NOT_FOUND, which no repetition mends'],
    [{ retry: 3 as never }, 'retry is 3; it is an object'],
    [{ hedge: {} }, 'hedge takes either a delay or a percentile'],
    [{ hedge: { delay: 5, percentile: 95 } }, 'hedge takes either a delay or a percentile'],
    [{ hedge: { percentile: 100 } }, 'hedge.percentile is 100; it is above 0 and below 100'],
    [{ hedge: { delay: 5, maxCopies: 4 } }, 'hedge.maxCopies is 4'],
    [{ hedge: { delay: 5 } }, 'no method of test.Echo may be sent twice'],
    [
      { methods: { say: { hedge: { delay: 5 } } } },
      'methods.say.hedge: /test.Echo/Say is NONE, so a second copy could do harm',
    ],
    [{ methods: { repeat: { idempotency: 'IDEMPOTENT', hedge: { delay: 5 } } } }, 'is a stream'],
    [{ methods: { nope: {} } }, 'methods.nope is no method of test.Echo; its methods are say, tell'],
    [{ methods: { say: { timeout: 0 } } }, 'methods.say.timeout is 0 ms'],
    [{ methods: { say: { idempotency: 'MAYBE' as never } } }, 'methods.say.idempotency is "MAYBE"'],
    [{ budget: { capacity: -1 } }, 'budget.capacity is -1'],
    [{ budget: { perSuccess: 2 } }, 'budget.perSuccess is 2; it is tokens for each success, 0 to 1'],
    [{ breaker: { failures: 0 } }, 'breaker.failures is 0'],
    [{ breaker: { successRate: 1.5 } }, 'breaker.successRate is 1.5; it is a share of the attempts, 0 to 1'],
    [{ breaker: { minimumAttempts: 0 } }, 'breaker.minimumAttempts is 0'],
    [{ breaker: { openFor: 0 } }, 'breaker.openFor is 0 ms'],
    [
      { breaker: { openFor: '10m', maxOpenFor: '1m' } },
      'breaker.openFor (600000 ms) is longer than breaker.maxOpenFor',
    ],
    [{ breaker: { maxEjected: 2 } }, 'breaker.maxEjected is 2'],
  ])('%o is refused when the client is made', (options, message) => {
    expect(() => createClient(Echo, node, options)).toThrow(message);
  });

  it.each<[unknown, string]>([
    [[], 'a client needs an address'],
    [[node, node], 'in the list twice'],
    [[node, 'h:1'], 'not a mixture with "h:1"'],
    ['h:1,h:1', 'in the list twice'],
    ['dns:///', 'names no host; write dns:///name:port'],
    ['dns:///name', 'is not understood'],
    [5, 'a client of test.Echo needs'],
    [undefined, 'a client of test.Echo needs'],
  ])('%o as an address is refused when the client is made', (address, message) => {
    expect(() => createClient(Echo, address as never)).toThrow(message);
  });
});
