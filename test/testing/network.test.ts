import fc from 'fast-check';
import { createClient, createServer, type Handlers, silentLogger } from 'hawser';
import { type Faults, SeededNetwork, seededRandom, VirtualClock } from 'hawser/testing';
import { describe, expect, it } from 'vitest';
import { Echo, type Note, note } from '../support/echo.js';
import { runs } from '../support/soak.js';

const idle: Handlers<typeof Echo> = {
  say: (request) => request,
  tell: () => {},
  async *repeat(request) {
    for (let i = 0; i < request.count; i++) yield note(request.text, i);
  },
  async collect(requests) {
    let count = 0;
    for await (const { count: one } of requests) count += one;
    return note('sum', count);
  },
  async *chat(requests) {
    for await (const request of requests) yield request;
  },
};

interface Setup {
  readonly faults?: Faults;
  readonly seed?: number;
  readonly nodes?: readonly string[];
  readonly handlers?: Partial<Handlers<typeof Echo>>;
  readonly client?: string;
}

/** Servers at the nodes, a client of each (`at`) without policies, and the runs of the handler of `say`. */
async function network({ faults = {}, seed = 1, nodes = ['a'], handlers = {}, client: name = 'web' }: Setup = {}) {
  const clock = new VirtualClock();
  const net = new SeededNetwork({ clock, random: seededRandom(seed), faults });
  const ran: string[] = [];
  for (const node of nodes) {
    const server = createServer({ clock, logger: silentLogger });
    const say: Handlers<typeof Echo>['say'] = (request, call) => {
      ran.push(`${node} ${request.text} at ${clock.now()}`);
      return (handlers.say ?? idle.say)(request, call);
    };
    server.add(Echo, { ...idle, ...handlers, say });
    await server.listen({ memory: net.node(node) });
  }
  const plain = { clock, timeout: 1_000, retry: false, breaker: false } as const;
  const at = (node: string) => createClient(Echo, net.from(name).node(node), plain);
  return { clock, net, client: at(nodes[0]!), at, ran };
}

async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

describe('latency', () => {
  it('takes its time for each frame, one way', async () => {
    const { clock, client, ran } = await network({ faults: { latency: 10 } });
    expect(await clock.runUntil(client.say(note('x')))).toEqual(note('x'));
    expect(ran).toEqual(['a x at 10']);
    expect(clock.now()).toBe(20);
  });

  it('needs no moving of time when there is none', async () => {
    const { client } = await network();
    expect(await client.say(note('x'))).toEqual(note('x'));
    expect((await collect(client.repeat(note('x', 40)))).length).toBe(40);
  });

  it.each<[string, Faults['latency'], (times: number[]) => void]>([
    [
      'uniform',
      { uniform: [4, 8] },
      (times) => {
        expect(times[0]).toBeGreaterThanOrEqual(8);
        expect(times.at(-1)).toBeLessThanOrEqual(16);
        expect(times.at(-1)! - times[0]!).toBeGreaterThan(6);
      },
    ],
    [
      'heavy tailed',
      { median: 10, p99: 100, max: 120 },
      (times) => {
        expect(times[times.length >> 1]).toBeGreaterThan(15);
        expect(times[times.length >> 1]).toBeLessThan(45);
        expect(times.at(-1)).toBeGreaterThan(90);
        expect(times.at(-1)).toBeLessThanOrEqual(240);
      },
    ],
  ])('can be %s', async (_name, latency, check) => {
    const { clock, client } = await network({ faults: { latency: latency! } });
    const times: number[] = [];
    for (let i = 0; i < 300; i++) {
      const start = clock.now();
      await clock.runUntil(client.say(note('x')));
      times.push(clock.now() - start);
    }
    check(times.sort((a, b) => a - b));
  });

  it('keeps the frames of one call in order, whatever each takes', async () => {
    const { clock, client } = await network({ faults: { latency: { uniform: [0, 50] } } });
    const counts = (await clock.runUntil(collect(client.repeat(note('x', 200))))).map((one) => one.count);
    expect(counts).toEqual([...Array(200).keys()]);
    const chatted = await clock.runUntil(collect(client.chat(Array.from({ length: 100 }, (_, i) => note('x', i)))));
    expect(chatted.map((one) => one.count)).toEqual([...Array(100).keys()]);
  });

  it('slows one node down without touching the other', async () => {
    const { clock, net, at, ran } = await network({ nodes: ['a', 'b'], faults: { latency: 1 } });
    net.node('b').set({ slow: 500 });
    await clock.runUntil(Promise.all([at('a').say(note('x')), at('b').say(note('y'))]));
    expect(ran).toEqual(['a x at 1', 'b y at 501']);
  });

  it('holds a sender back that is faster than the reader', async () => {
    let sent = 0;
    const endless = async function* () {
      for (;;) yield note('x', sent++);
    };
    const { clock, client } = await network({ faults: { latency: 5 }, handlers: { repeat: endless } });
    const stream = client.repeat(note('x'), { timeout: '1h' });
    expect((await clock.runUntil(stream.next())).value).toEqual(note('x', 0));
    await clock.advance(1_000);
    expect(sent).toBeLessThan(60);
    await stream.return();
    await clock.run();
    expect(clock.timers).toBe(0);
  });
});

describe('what is lost', () => {
  it.each<[string, Faults, number]>([
    ['a dropped request never runs', { dropRequest: 1 }, 0],
    ['a dropped response runs', { dropResponse: 1 }, 1],
    ['a half-open node never runs it', { halfOpen: true }, 0],
  ])('%s, and only the deadline ends the call', async (_name, faults, runs) => {
    const { clock, client, ran, net } = await network({ faults: { latency: 3, ...faults } });
    await expect(clock.runUntil(client.say(note('x')))).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(clock.now()).toBe(1_000);
    expect(ran.length).toBe(runs);
    expect(net.inFlight).toBe(0);
    await clock.run();
    expect(clock.timers).toBe(0);
  });

  it('loses about as many as it should', async () => {
    const { clock, client, ran } = await network({ faults: { dropRequest: 0.2 } });
    const all = Promise.allSettled(Array.from({ length: 1_000 }, () => client.say(note('x'))));
    const failed = (await clock.runUntil(all)).filter((one) => one.status === 'rejected').length;
    expect(failed).toBeGreaterThan(150);
    expect(failed).toBeLessThan(250);
    expect(ran.length).toBe(1_000 - failed);
  });

  it('loses what is sent after a node goes half-open in the middle of a stream, and never fills the hole', async () => {
    const { clock, net, client } = await network({
      faults: { latency: 1 },
      handlers: {
        async *repeat() {
          for (let i = 0; ; i++) {
            yield note('x', i);
            await new Promise<void>((resolve) => void clockOf.setTimer(resolve, 10));
          }
        },
      },
    });
    const clockOf = clock;
    const got: number[] = [];
    const reading = (async () => {
      for await (const { count } of client.repeat(note('x'), { timeout: 200 })) got.push(count);
    })();
    reading.catch(() => {});
    await clock.advance(35);
    net.node('a').set({ latency: 1, halfOpen: true });
    await clock.advance(30);
    net.node('a').set({ latency: 1 });
    await expect(clock.runUntil(reading)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(got).toEqual([0, 1, 2, 3]);
  });
});

describe('a partition', () => {
  it('cuts off some names from others, on the way too, until it is healed', async () => {
    const { clock, net, client, ran } = await network({ nodes: ['a'], faults: { latency: 10 } });
    const onTheWay = client.say(note('early'));
    onTheWay.catch(() => {});
    await clock.advance(5);
    const heal = net.partition(['web'], ['a']);
    await expect(clock.runUntil(onTheWay)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    await expect(clock.runUntil(client.say(note('during')))).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    const other = createClient(Echo, net.from('batch').node('a'), { clock });
    await clock.runUntil(other.say(note('other')));
    heal();
    await clock.runUntil(client.say(note('late')));
    expect(ran.map((one) => one.split(' ')[1])).toEqual(['other', 'late']);
    net.partition(['a'], ['web']);
    net.heal();
    await clock.runUntil(client.say(note('again')));
  });
});

describe('refusing and breaking', () => {
  const refused = { code: 'UNAVAILABLE', disposition: 'not-executed' };
  const broken = { code: 'UNAVAILABLE', disposition: 'unknown' };

  it('refuses without running anything, after a round trip', async () => {
    const { clock, client, ran } = await network({ faults: { latency: 10, refuse: true } });
    await expect(clock.runUntil(client.say(note('x')))).rejects.toMatchObject(refused);
    expect(clock.now()).toBe(20);
    expect(ran).toEqual([]);
  });

  it('refuses at a node where nobody listens', async () => {
    const { clock, net } = await network();
    await expect(
      clock.runUntil(createClient(Echo, net.node('z'), { clock, retry: false }).say(note('x'))),
    ).rejects.toMatchObject({
      ...refused,
      message: 'z refused the connection',
    });
  });

  it.each([
    [0, 0, 'nothing arrives'],
    [1, 1, 'the request arrives'],
    [2, 1, 'the headers come'],
    [3, 1, 'the message comes, but not the status'],
  ])('breaks after %i frames of a unary call: handlers run: %i, %s', async (resetAfter, runs) => {
    const { clock, client, ran } = await network({ faults: { latency: 1, resetAfter } });
    const call = client.say(note('x'));
    await expect(clock.runUntil(call)).rejects.toMatchObject(broken);
    expect(ran.length).toBe(runs);
    await clock.run();
    expect(clock.timers).toBe(0);
  });

  it('lets a unary call through that has no more frames than that', async () => {
    const { clock, client } = await network({ faults: { latency: 1, resetAfter: 4 } });
    expect(await clock.runUntil(client.say(note('x')))).toEqual(note('x'));
  });

  it('delivers what came before the break to the reader of a stream, then the error; the handler is told', async () => {
    let stopped = 0;
    const { clock, client } = await network({
      faults: { latency: 1, resetAfter: 5 },
      handlers: {
        async *repeat(_request, call) {
          call.signal.addEventListener('abort', () => {
            stopped += 1;
          });
          for (let i = 0; ; i++) yield note('x', i);
        },
      },
    });
    const got: Note[] = [];
    const reading = (async () => {
      for await (const one of client.repeat(note('x'))) got.push(one);
    })();
    await expect(clock.runUntil(reading)).rejects.toMatchObject(broken);
    expect(got.map((one) => one.count)).toEqual([0, 1, 2]);
    await clock.run();
    expect(stopped).toBe(1);
  });

  it('breaks all calls at a node, or on a link, now', async () => {
    const { clock, net, at } = await network({
      nodes: ['a', 'b'],
      faults: { latency: 1 },
      handlers: { say: () => new Promise(() => {}) },
    });
    const calls = ['a', 'b', 'a'].map((node) => at(node).say(note('x')));
    const outcomes = Promise.allSettled(calls);
    await clock.advance(5);
    net.node('a').reset();
    await clock.advance(5);
    expect(net.inFlight).toBe(1);
    net.link('other', 'b').reset();
    await clock.advance(5);
    expect(net.inFlight).toBe(1);
    net.link('web', 'b').reset();
    for (const one of await clock.runUntil(outcomes)) expect(one).toMatchObject({ reason: broken });
    expect(clock.now()).toBeLessThan(20);
  });
});

describe('duplicates and reordering', () => {
  it('delivers a request twice, and answers once', async () => {
    const { clock, client, ran } = await network({ faults: { latency: { uniform: [1, 20] }, duplicate: 1 } });
    expect(await clock.runUntil(client.say(note('x')))).toEqual(note('x'));
    await clock.run();
    expect(ran.length).toBe(2);
    expect(clock.timers).toBe(0);
  });

  it('ends the stream of a copy when the call is over', async () => {
    let open = 0;
    const { clock, client } = await network({
      faults: { latency: 1, duplicate: 1 },
      handlers: {
        async *repeat() {
          open += 1;
          try {
            for (let i = 0; ; i++) yield note('x', i);
          } finally {
            open -= 1;
          }
        },
      },
    });
    const stream = client.repeat(note('x'), { timeout: 100 });
    await clock.runUntil(stream.next());
    await clock.advance(10);
    expect(open).toBe(2);
    await stream.return();
    await clock.advance(5); // long before the deadline that would end it too
    expect(open).toBe(0);
  });

  it('lets other calls overtake what it holds back', async () => {
    const { clock, client, ran } = await network({
      faults: { latency: 1, reorder: { probability: 0.3, hold: 20 } },
    });
    await clock.runUntil(Promise.all(Array.from({ length: 30 }, (_, i) => client.say(note(`${i}`)))));
    const order = ran.map((one) => Number(one.split(' ')[1]));
    expect(order).not.toEqual([...order].sort((a, b) => a - b));
    expect([...order].sort((a, b) => a - b)).toEqual([...Array(30).keys()]);
  });
});

describe('seeds', () => {
  const stormy: Faults = {
    latency: { median: 4, p99: 40 },
    dropRequest: 0.05,
    dropResponse: 0.05,
    duplicate: 0.1,
    reorder: { probability: 0.1, hold: { uniform: [5, 50] } },
    resetAfter: { frames: 2, probability: 0.1 },
    refuse: 0.05,
  };

  async function run(seed: number, faults: Faults = stormy): Promise<{ log: string; timers: number; settled: number }> {
    const { clock, net, at } = await network({ seed, faults, nodes: ['a', 'b', 'c'] });
    let settled = 0;
    const calls: Promise<unknown>[] = [];
    const count = (): void => {
      settled += 1;
    };
    for (let i = 0; i < 12; i++) {
      const client = at('abc'[i % 3]!);
      calls.push(Promise.resolve(client.say(note(`${i}`), { timeout: 150 })).then(count, count));
      calls.push(collect(client.repeat(note('x', 5), { timeout: 150 })).then(count, count));
      calls.push(collect(client.chat([note('p'), note('q')], { timeout: 150 })).then(count, count));
    }
    await clock.runUntil(Promise.all(calls), { within: 151 });
    await clock.run();
    expect(net.inFlight).toBe(0);
    return { log: net.log.toString(), timers: clock.timers, settled };
  }

  it('give the same log to the line for the same seed, and another for another', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), async (seed) => {
        const { log } = await run(seed);
        expect((await run(seed)).log).toBe(log);
        expect((await run(seed + 1)).log).not.toBe(log);
      }),
      { numRuns: runs(10) },
    );
  });

  it('settle every call once, before its deadline, and leave no timer', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), async (seed) => {
        const { timers, settled } = await run(seed);
        expect({ timers, settled }).toEqual({ timers: 0, settled: 36 });
      }),
      { numRuns: runs(40) },
    );
  });

  it('leave all other failures as they were when one fault is turned off', async () => {
    const lost = (log: string): string[] =>
      log.split('\n').filter((line) => line.includes('request') && line.includes('dropped'));
    const key = (line: string): string => line.replace(/.* ms {2}/, '');
    const one = lost((await run(5)).log).map(key);
    const other = lost((await run(5, { ...stormy, duplicate: 0, resetAfter: { frames: 2, probability: 0 } })).log).map(
      key,
    );
    expect(one.length).toBeGreaterThan(0);
    expect(other).toEqual(one);
  });
});

describe('the log', () => {
  it('tells in order what happened to each frame', async () => {
    const { clock, net, client } = await network({ faults: { latency: 2.5 } });
    await clock.runUntil(client.say(note('x')));
    net.node('a').set({ dropRequest: 1 });
    await clock.runUntil(client.say(note('y'), { timeout: 10 })).catch(() => {});
    expect(net.log.toString()).toMatchInlineSnapshot(`
      "       0.000 ms  web > a  #1 Say  -> request (22 bytes) sent
             2.500 ms  web > a  #1 Say  -> request (22 bytes) arrived
             2.500 ms  web > a  #1 Say  <- headers sent
             2.500 ms  web > a  #1 Say  <- message (22 bytes) sent
             2.500 ms  web > a  #1 Say  <- status OK sent
             5.000 ms  web > a  #1 Say  <- headers arrived
             5.000 ms  web > a  #1 Say  <- message (22 bytes) arrived
             5.000 ms  web > a  #1 Say  <- status OK arrived
             5.000 ms  a  faults {"dropRequest":1}
             5.000 ms  web > a  #2 Say  -> request (22 bytes) lost: dropped
            15.000 ms  web > a  #2 Say  -> cancel lost: dropped"
    `);
  });

  it('keeps the last lines, and says how many are gone', async () => {
    const clock = new VirtualClock();
    const net = new SeededNetwork({ clock, random: seededRandom(1), logLines: 3 });
    for (let i = 0; i < 20; i++) net.set({ latency: i });
    expect(net.log.lines.length).toBe(3);
    expect(net.log.toString()).toMatch(/^\(17 earlier lines are dropped\)\n.*17.*\n.*18.*\n.*19/);
    expect(new SeededNetwork({ clock, random: seededRandom(1), logLines: 0 }).log.toString()).toBe('');
  });
});

describe('misuse', () => {
  it.each<[object, string]>([
    [{ dropRequest: 2 }, 'dropRequest is a probability from 0 to 1, not 2'],
    [{ duplicate: Number.NaN }, 'duplicate is a probability from 0 to 1, not NaN'],
    [{ latency: -1 }, 'latency is -1; write ms as 5'],
    [{ latency: { uniform: [5, 2] } }, 'latency is {"uniform":[5,2]}'],
    [{ slow: { median: 0, p99: 5 } }, 'slow is {"median":0'],
    [{ resetAfter: 1.5 }, 'resetAfter is a whole number of frames, 0 or more, not 1.5'],
    [{ reorder: { probability: -0.1, hold: 1 } }, 'reorder.probability is a probability'],
    [{ lag: 5 }, 'there is no fault "lag"; the faults are latency, slow, dropRequest'],
  ])('refuses %o', async (faults, message) => {
    const { net } = await network();
    for (const set of [
      () => net.set(faults),
      () => net.node('a').set(faults),
      () => net.link('web', 'a').set(faults),
      () => new SeededNetwork({ clock: new VirtualClock(), random: seededRandom(1), faults }),
    ]) {
      expect(set).toThrow(message);
    }
  });

  it('names a server or a client that was not given the clock', async () => {
    const { net, clock } = await network();
    await expect(
      createServer()
        .add(Echo, idle)
        .listen({ memory: net.node('b') }),
    ).rejects.toThrow(
      'the server at b keeps real time, but its network does not; pass it the same clock: createServer({ clock })',
    );
    await expect(createClient(Echo, net.node('a'), { retry: false }).say(note('x'))).rejects.toThrow(
      'the client client keeps real time',
    );
    await expect(
      createServer({ clock })
        .add(Echo, idle)
        .listen({ memory: net.node('a') }),
    ).rejects.toThrow('another server listens at a');
  });

  it('prefers what is set on a link to the node, and on the node to the network, fault by fault', async () => {
    const { clock, net, client, ran } = await network({ faults: { latency: 1, slow: 100 } });
    net.node('a').set({ slow: 10 });
    await clock.runUntil(client.say(note('x')));
    net.link('web', 'a').set({ slow: 0 });
    await clock.runUntil(client.say(note('y')));
    expect(ran).toEqual(['a x at 11', 'a y at 13']);
  });
});
