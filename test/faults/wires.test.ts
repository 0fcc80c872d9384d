/** The same promises over real sockets: gRPC and Thrift with THeader, through a proxy that fails. */
import { type ClientOptions, createClient, createServer, RpcError, type ServerCall, silentLogger } from 'hawser';
import { type FaultProxy, faultProxy } from 'hawser/testing';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { Echo } from '../support/echo.js';
import { rejection } from '../support/scripted.js';
import { Parley } from '../transports/thrift/parley.js';

type Say = (text: string, call: ServerCall, node: string) => Promise<string> | string;

interface Rig {
  readonly say: (text: string, options?: object) => PromiseLike<string> & { readonly attempts: number };
  readonly proxies: readonly FaultProxy[];
  readonly seen: { node: string; attempts: string | undefined; remaining: number | undefined }[];
}

const nodes = (count: number) => ['a', 'b', 'c'].slice(0, count);

/** Servers, each behind a proxy, and a client of all of them. */
async function rig(
  wire: 'grpc' | 'thrift',
  count: number,
  say: Say,
  client: ClientOptions,
  idempotent = true,
): Promise<Rig> {
  const seen: Rig['seen'][number][] = [];
  const proxies: FaultProxy[] = [];
  const handle = (node: string) => (text: string, call: ServerCall) => {
    seen.push({
      node,
      attempts: call.headers.get('grpc-previous-rpc-attempts'),
      remaining: call.deadline?.remaining(),
    });
    return say(text, call, node);
  };
  for (const node of nodes(count)) {
    const server = createServer({ logger: silentLogger });
    const run = handle(node);
    if (wire === 'grpc') {
      server.add(Echo, {
        say: async ({ text }, call) => ({ text: await run(text, call), count: 1 }),
        tell() {},
        async *repeat() {},
        collect: () => ({ text: '', count: 0 }),
        async *chat() {},
      });
    } else {
      const handlers = Object.fromEntries(Object.keys(Parley.methods).map((name) => [name, async () => undefined]));
      server.add(Parley, {
        ...handlers,
        echo: ({ text }: { text: string }, call: ServerCall) => run(text, call),
      } as never);
    }
    const bound = await server.listen({ [wire]: '127.0.0.1:0' });
    const proxy = await faultProxy({ target: (bound as Record<string, string>)[wire] as string });
    proxies.push(proxy);
    onTestFinished(async () => {
      await proxy.close();
      await server.close({ grace: 0 });
    });
  }
  const options = { logger: silentLogger, timeout: '10s', retry: { initialBackoff: 1, maxBackoff: 1 }, ...client };
  const own = idempotent ? ({ idempotency: 'IDEMPOTENT' } as const) : {};
  const addresses = proxies.map((proxy) => proxy.address).join(',');
  if (wire === 'grpc') {
    const made = createClient(Echo, `grpc://${addresses}`, { ...options, methods: { say: own } });
    onTestFinished(() => made.$close());
    const call = (text: string, more?: object) => {
      const answer = made.say({ text, count: 1 }, more);
      const result = answer.then((note) => note.text);
      return Object.defineProperty(result, 'attempts', { get: () => answer.attempts }) as unknown as ReturnType<
        Rig['say']
      >;
    };
    return { say: call, proxies, seen };
  }
  const made = createClient(
    Parley,
    proxies.map((proxy) => `thrift://${proxy.address}?wire=header`),
    { ...options, methods: { echo: own } },
  );
  onTestFinished(() => made.$close());
  return { say: (text, more) => made.echo({ text }, more) as unknown as ReturnType<Rig['say']>, proxies, seen };
}

const pushback = (first: string | readonly string[]): Say => {
  let attempt = 0;
  return (text, call) => {
    attempt += 1;
    if (attempt > 1) return text;
    for (const value of [first].flat()) call.responseTrailers.append('grpc-retry-pushback-ms', value);
    throw new RpcError('UNAVAILABLE', 'not now');
  };
};

describe.each(['grpc', 'thrift'] as const)('over %s', (wire) => {
  it('sends a call that fails again, and tells each attempt how many went before it', async () => {
    let attempt = 0;
    const { say, seen } = await rig(
      wire,
      1,
      (text) => {
        attempt += 1;
        if (attempt < 3) throw new RpcError('UNAVAILABLE', 'not now');
        return text;
      },
      {},
    );
    const call = say('x');
    expect(await call).toBe('x');
    expect(call.attempts).toBe(3);
    expect(seen.map((one) => one.attempts)).toEqual([undefined, '1', '2']);
    // The deadline is what is left at each attempt, not the full time again.
    const left = seen.map((one) => one.remaining ?? 0);
    expect(left[0]).toBeLessThanOrEqual(10_000);
    expect(left).toEqual([...left].sort((a, b) => b - a));
  });

  it.each([
    ['0', 2],
    ['30', 2],
    ['-1', 1],
    ['abc', 1],
  ])('heeds the pushback %j', async (value, attempts) => {
    const { say, seen } = await rig(wire, 1, pushback(value), {});
    await Promise.resolve(say('x')).catch(() => {});
    expect(seen).toHaveLength(attempts);
  });

  it('does not heed a pushback that comes twice', async () => {
    const { say, seen } = await rig(wire, 1, pushback(['1', '2']), {});
    await Promise.resolve(say('x')).catch(() => {});
    expect(seen).toHaveLength(1);
  });

  it('makes the next attempt at another address when one is not reached, also of a call that may not run twice', async () => {
    const { say, proxies, seen } = await rig(wire, 3, (text) => text, { breaker: false }, false);
    await proxies[0]!.set({ refuse: true });
    await proxies[1]!.set({ refuse: true });
    for (let i = 0; i < 20; i++) expect(await say(`x${i}`)).toBe(`x${i}`);
    expect(new Set(seen.map((one) => one.node))).toEqual(new Set(['c']));
  });

  it('repeats a call whose connection broke only when it may run twice', async () => {
    const broken: Say = (_text, _call, node) => {
      // The handler runs, and its answer never arrives.
      void byNode.get(node)?.reset();
      return new Promise<string>(() => {});
    };
    const byNode = new Map<string, FaultProxy>();
    for (const [may, attempts] of [
      [true, 3],
      [false, 1],
    ] as const) {
      const { say, proxies, seen } = await rig(wire, 1, broken, {}, may);
      byNode.set('a', proxies[0]!);
      const error = await rejection(say('x'));
      expect(error).toMatchObject({ code: 'UNAVAILABLE', disposition: 'unknown' });
      expect(seen).toHaveLength(attempts);
    }
  });

  it('gives up an attempt at a server that went silent, and gets the answer elsewhere', async () => {
    const { say, proxies, seen } = await rig(wire, 2, (text) => text, { attemptTimeout: 150 });
    await say('warm 1');
    await say('warm 2');
    await proxies[0]!.set({ halfOpen: 'both' });
    for (let i = 0; i < 12; i++) expect(await say(`x${i}`)).toBe(`x${i}`);
    expect(seen.filter((one) => one.node === 'b').length).toBeGreaterThanOrEqual(12);
  });

  it('ends with its deadline when every server went silent', async () => {
    const { say, proxies } = await rig(wire, 2, (text) => text, { attemptTimeout: 50 });
    await say('warm');
    for (const proxy of proxies) await proxy.set({ halfOpen: 'both' });
    expect(await rejection(say('x', { timeout: 400 }))).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  });

  it('sends a hedge to another server, and cancels nothing that it should not', async () => {
    const options: ClientOptions = { retry: false, breaker: false, hedge: { delay: 30 } };
    const { say, proxies, seen } = await rig(wire, 2, (text) => text, options);
    await say('warm 1');
    await say('warm 2');
    await proxies[0]!.set({ stall: 'toClient' });
    for (let i = 0; i < 8; i++) expect(await say(`x${i}`)).toBe(`x${i}`);
    expect(seen.some((one) => one.attempts === '1')).toBe(true);
  });

  it.each([3_600_000, -3_600_000])('minds no wall clock that is set by %d ms in the middle of a call', async (step) => {
    vi.useFakeTimers({ toFake: ['Date'] });
    onTestFinished(() => void vi.useRealTimers());
    const left: (number | undefined)[] = [];
    const { say, seen } = await rig(
      wire,
      1,
      async (text, call) => {
        vi.setSystemTime(Date.now() + step);
        // A turn with real timers: what watches the wall clock would fire now.
        await new Promise((resolve) => setTimeout(resolve, 20));
        left.push(call.deadline?.remaining());
        if (text === 'late') await new Promise(() => {});
        if (seen.length < 2) throw new RpcError('UNAVAILABLE', 'not now');
        return text;
      },
      {},
    );
    expect(await say('x', { timeout: '20s' })).toBe('x');
    expect(left).toHaveLength(2);
    for (const ms of left) {
      expect(ms).toBeGreaterThan(10_000);
      expect(ms).toBeLessThanOrEqual(20_000);
    }
    // And a deadline that is due still comes, once and soon.
    const began = performance.now();
    expect(await rejection(say('late', { timeout: 100 }))).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(performance.now() - began).toBeGreaterThan(95);
    expect(performance.now() - began).toBeLessThan(10_000);
  });

  it('ends the work of a chain of five hops with the call of its first client', async () => {
    const worked: number[] = [];
    let next: Rig['say'] | undefined;
    for (let hop = 5; hop >= 1; hop--) {
      const inner = next;
      const { say } = await rig(
        wire,
        1,
        async (text, call) => {
          for (let i = 0; i < 15; i++) {
            if (call.signal.aborted) throw call.signal.reason;
            worked.push(hop);
            await new Promise((resolve) => setTimeout(resolve, 1));
          }
          return inner === undefined ? text : inner(text);
        },
        {},
      );
      next = say;
    }
    const say = next as Rig['say'];
    expect(await say('warm')).toBe('warm');
    expect(new Set(worked).size).toBe(5);
    for (const timeout of [30, 45, 60]) {
      // Turns of work after the client gave up: without a deadline all that is left of the chain's 75, whenever they come.
      const after = async (): Promise<number> => {
        worked.length = 0;
        await Promise.resolve(say('x', { timeout })).catch(() => {});
        const gaveUp = worked.length;
        for (let last = -1; last !== worked.length; ) {
          last = worked.length;
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
        return worked.length - gaveUp;
      };
      // A machine that is busy may be late once, not each time.
      await expect.poll(after, { timeout: 15_000, interval: 1 }).toBeLessThanOrEqual(8);
    }
  });
});
