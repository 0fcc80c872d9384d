/** The gates of a server over real sockets: what they let pass, what they refuse, and that a refusal costs no work. */
import { type Client, createClient, createServer, type ServerOptions, silentLogger } from 'hawser';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { RejectReason } from '../../src/interceptors/server-events.js';
import { Echo, EchoOverThrift, note } from '../support/echo.js';

type Say = { say(request: { text: string; count: number }, options?: object): PromiseLike<unknown> };

const wires = ['grpc', 'thrift'] as const;
type Wire = (typeof wires)[number];

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function serve(options: ServerOptions, say: (request: { text: string; count: number }) => unknown) {
  const rejected: { reason: RejectReason; criticality: string; principal: string }[] = [];
  const server = createServer({ logger: silentLogger, ...options });
  server.on('rejected', ({ reason, criticality, principal }) => rejected.push({ reason, criticality, principal }));
  const handlers = { say, tell() {}, async *repeat() {}, collect: () => note(''), async *chat() {} };
  for (const service of [Echo, EchoOverThrift]) server.add(service, handlers as never);
  const bound = await server.listen({ grpc: '127.0.0.1:0', thrift: '127.0.0.1:0' });
  closing.push(() => server.close({ grace: 0 }));
  const client = (wire: Wire, options: object = {}): Say => {
    const address = `${wire}://${bound[wire]}${wire === 'thrift' ? '?wire=header' : ''}`;
    const plain = { retry: false, throttle: false, breaker: false, ...options } as const;
    const made: Client<typeof Echo> = createClient(wire === 'grpc' ? Echo : EchoOverThrift, address, plain);
    closing.push(() => made.$close());
    return made as unknown as Say;
  };
  return { server, rejected, client, bound };
}

describe.each(wires)('over %s, as a server is by default', (wire) => {
  it.each([
    [64, 1],
    [512, 3],
    [wire === 'grpc' ? 1_000 : 10_000, 2],
  ])(
    '%i calls at once from %i clients are all answered while the loop is late again and again',
    async (calls, clients) => {
      const { server, client } = await serve({}, (request) => request);
      const hog = setInterval(() => {
        const end = performance.now() + 60;
        while (performance.now() < end);
      }, 300);
      closing.push(async () => clearInterval(hog));
      const all = Array.from({ length: clients }, () => client(wire, { timeout: 200_000 }));
      const answers = await Promise.allSettled(
        Array.from({ length: calls }, (_, i) => (all[i % clients] as Say).say(note('x', i))),
      );
      const failed = answers.filter(({ status }) => status === 'rejected');
      expect(failed).toEqual([]);
      expect(server.admission()).toMatchObject({ admitted: calls, refused: 0, inFlight: 0 });
    },
    120_000,
  );
});

describe.each(wires)('a call that finds no room over %s', (wire) => {
  it('is neither decoded nor run, says so, and tells when to come again', async () => {
    let [ran, free] = [0, () => {}];
    const held = new Promise<void>((resolve) => {
      free = resolve;
    });
    const { server, client, rejected } = await serve({ admission: { limit: 1, queue: false } }, async (request) => {
      ran += 1;
      await held;
      return request;
    });
    const decode = vi.spyOn(Echo.methods.say.request, 'decode');
    closing.push(async () => decode.mockRestore());
    const one = client(wire);
    const first = one.say(note('holds'));
    first.then(undefined, () => {});
    await expect.poll(() => ran).toBe(1);
    const before = decode.mock.calls.length;
    for (let i = 0; i < 5; i++) {
      await expect(one.say(note('too many'))).rejects.toMatchObject({
        code: 'UNAVAILABLE',
        reason: 'OVERLOADED',
        disposition: 'not-executed',
      });
    }
    expect(decode.mock.calls.length).toBe(before);
    expect(ran).toBe(1);
    free();
    await first;
    expect(rejected.map(({ reason }) => reason)).toEqual(Array(5).fill('limit'));
    expect(server.admission()).toMatchObject({ admitted: 1, refused: 5, inFlight: 0 });
  });
});

describe.each(wires)('quotas over %s', (wire) => {
  it('hold a caller at ten times its quota to it, and let another pass untouched', async () => {
    const { client, rejected } = await serve(
      {
        authenticate: (headers) => headers.get('x-name'),
        quota: { rate: 5, burst: 50 },
      },
      (request) => request,
    );
    const [greedy, modest] = ['greedy', 'modest'].map((name) => client(wire, { headers: { 'x-name': name } }));
    const asking = Array.from({ length: 500 }, (_, i) => (greedy as Say).say(note('more', i)));
    const asked = Promise.allSettled(asking);
    const others = await Promise.allSettled(Array.from({ length: 40 }, (_, i) => (modest as Say).say(note('one', i))));
    const outcomes = await asked;
    const refused = outcomes.filter((one) => one.status === 'rejected');
    expect(others.filter(({ status }) => status === 'rejected')).toEqual([]);
    expect(refused.length).toBeGreaterThan(0);
    for (const { reason } of refused) {
      expect(reason).toMatchObject({
        code: 'RESOURCE_EXHAUSTED',
        reason: 'QUOTA_EXCEEDED',
        disposition: 'not-executed',
      });
      const types = reason.details.map(({ type }: { type: string }) => type);
      expect(types).toEqual(expect.arrayContaining(['google.rpc.QuotaFailure', 'google.rpc.RetryInfo']));
    }
    expect(new Set(rejected.map(({ principal }) => principal))).toEqual(new Set(['greedy']));
  });

  it('are not asked of a caller whom nobody knows: it is refused first', async () => {
    let ran = 0;
    const { client, rejected } = await serve({ authenticate: () => undefined, quota: { rate: 1 } }, (request) => {
      ran += 1;
      return request;
    });
    for (let i = 0; i < 3; i++) {
      await expect(client(wire).say(note('who'))).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    }
    expect(ran).toBe(0);
    expect(rejected.map(({ reason }) => reason)).toEqual(Array(3).fill('unauthenticated'));
  });
});

describe.each(wires)('authorize over %s', (wire) => {
  it('denies one call and not the next, by what the request says', async () => {
    const { client } = await serve(
      { authorize: ({ request }) => (request as { text: string }).text === 'mine' },
      (request) => request,
    );
    await expect(client(wire).say(note('mine'))).resolves.toMatchObject({ text: 'mine' });
    await expect(client(wire).say(note('yours'))).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
      disposition: 'not-executed',
    });
  });
});

describe.each(wires)('hostile headers over %s', (wire) => {
  it.each([
    ['a criticality that the caller may not claim', { 'hawser-criticality': 'CRITICAL_PLUS' }],
    ['a criticality that does not exist', { 'hawser-criticality': 'EVERYTHING' }],
    ['a traceparent of nonsense', { traceparent: '00-zz-zz-zz', tracestate: ',,=,' }],
    ['a correlation id that no log should see', { 'x-correlation-id': 'a'.repeat(4_000) }],
  ])('%s changes nothing for the call', async (_, headers) => {
    const { client, rejected } = await serve({}, (request) => request);
    await expect(client(wire, { headers }).say(note('x'))).resolves.toMatchObject({ text: 'x' });
    expect(rejected).toEqual([]);
  });

  it('100 KB of them are at most one call lost: the server goes on', async () => {
    const { client } = await serve({}, (request) => request);
    const hostile = client(wire, { headers: { 'x-much': 'a'.repeat(100_000) }, timeout: 5_000 });
    const [outcome] = await Promise.allSettled([hostile.say(note('x'))]);
    // Thrift has a cap of its own; over gRPC the HTTP/2 engine decides.
    if (wire === 'thrift') expect(outcome.status).toBe('rejected');
    await expect(client(wire).say(note('y'))).resolves.toMatchObject({ text: 'y' });
  });
});

it('a criticality above what the IDL says is believed of a trusted principal alone', async () => {
  const says = async (trusted: string[]) => {
    let free = () => {};
    const held = new Promise<void>((resolve) => {
      free = resolve;
    });
    const { client, rejected, server } = await serve(
      { admission: { limit: 1, queue: false, trusted }, authenticate: (headers) => headers.get('x-name') },
      async (request) => {
        await held;
        return request;
      },
    );
    const one = client('grpc', { headers: { 'x-name': 'gateway', 'hawser-criticality': 'CRITICAL_PLUS' } });
    const first = one.say(note('holds'));
    first.then(undefined, () => {});
    await expect.poll(() => server.admission()?.inFlight).toBe(1);
    await expect(one.say(note('x'))).rejects.toMatchObject({ reason: 'OVERLOADED' });
    free();
    await first;
    return rejected[0]?.criticality;
  };
  expect(await says([])).toBe('CRITICAL');
  expect(await says(['gateway'])).toBe('CRITICAL_PLUS');
});
