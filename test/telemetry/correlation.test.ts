/** One id through a tree of services, in every log line; and the trace context of whoever traces. */
import { Writable } from 'node:stream';
import {
  correlation,
  createClient,
  createServer,
  type Interceptor,
  type Logger,
  logFields,
  RpcError,
  silentLogger,
} from 'hawser';
import { pino } from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Trade } from '../../gen/market/v1/market.js';
import { TradeHistory } from '../../gen/market/v1/market.rpc.js';
import * as thrift from '../../gen/market.js';
import { Echo, note } from '../support/echo.js';
import { Otel } from '../support/otel.js';
import { idempotent, rejection, scripted } from '../support/scripted.js';
import { served } from '../support/served.js';

const idle = {
  say: (request: { text: string; count: number }) => request,
  tell: () => {},
  async *repeat() {},
  collect: () => note(''),
  async *chat() {},
};

interface Line {
  readonly service: string;
  readonly msg: string;
  readonly correlationId?: string;
  readonly trace_id?: string;
  readonly span_id?: string;
  readonly method?: string;
  readonly attempt?: number;
}

/** pino, its lines kept. */
function logs() {
  const lines: Line[] = [];
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(JSON.parse(chunk.toString()) as Line);
      done();
    },
  });
  const log = pino({ mixin: logFields }, sink);
  return { lines, log: (service: string) => log.child({ service }) };
}

/** front (gRPC) -> middle (Thrift) -> leaf (gRPC), each writing a line before and after an await. */
async function chain() {
  const { lines, log } = logs();
  const close: (() => Promise<void>)[] = [];
  onTestFinished(async () => {
    for (const one of close.reverse()) await one();
  });
  let failed = false;
  const seen: Record<string, string | undefined>[] = [];

  const leafLog = log('leaf');
  const leaf = createServer({ logger: leafLog }).add(TradeHistory, {
    async getLastSale({ fish }, call) {
      leafLog.info('asked');
      seen.push(
        Object.fromEntries(['traceparent', 'tracestate', 'baggage'].map((name) => [name, call.headers.get(name)])),
      );
      await new Promise((resolve) => setImmediate(resolve));
      leafLog.info('answers');
      if (!failed) {
        failed = true;
        throw new RpcError('UNAVAILABLE', 'not now');
      }
      if (fish === 'broken') throw new Error('a mistake');
      return Trade.create({ fish, price: 1 });
    },
    getLastSaleList: () => ({ trades: [] }),
  });
  const { grpc: leafAddress } = await leaf.listen({ grpc: '127.0.0.1:0' });
  close.push(() => leaf.close({ grace: 0 }));
  const toLeaf = createClient(TradeHistory, `grpc://${leafAddress}`, { timeout: '5s', breaker: false });
  close.push(() => toLeaf.$close());

  const middleLog = log('middle');
  const middle = createServer({ logger: middleLog }).add(thrift.TradeHistory, {
    async getLastSale({ fish }) {
      middleLog.info('asks on');
      const { price } = await toLeaf.getLastSale({ fish });
      middleLog.info('passes it on');
      return thrift.Trade.decode(thrift.Trade.encode({ fish, price } as never, 'binary'), 'binary');
    },
    getLastSaleList: () => [],
  });
  const { thrift: middleAddress } = await middle.listen({ thrift: '127.0.0.1:0' });
  close.push(() => middle.close({ grace: 0 }));
  const toMiddle = createClient(thrift.TradeHistory, `thrift://${middleAddress}?wire=header`, {
    timeout: '5s',
    breaker: false,
  });
  close.push(() => toMiddle.$close());

  const frontLog = log('front');
  const front = createServer({ logger: frontLog }).add(TradeHistory, {
    async getLastSale({ fish }) {
      frontLog.info('asks on');
      const { price } = await toMiddle.getLastSale({ fish });
      frontLog.info({ fish }, `sold under ${correlation()}`);
      return Trade.create({ fish, price });
    },
    getLastSaleList: () => ({ trades: [] }),
  });
  const { grpc: frontAddress } = await front.listen({ grpc: '127.0.0.1:0' });
  close.push(() => front.close({ grace: 0 }));
  const client = createClient(TradeHistory, `grpc://${frontAddress}`, { timeout: '5s', breaker: false });
  close.push(() => client.$close());
  return { client, lines, seen };
}

describe('one correlation id', () => {
  it('reaches three services over gRPC, Thrift and gRPC, their retries, all their logs, and comes back', async () => {
    const { client, lines } = await chain();
    const call = client.getLastSale({ fish: 'halibut' }, { headers: { 'x-correlation-id': 'order-17' } });
    await call;
    expect((await call.headers).get('x-correlation-id')).toBe('order-17');
    expect(new Set(lines.map((line) => line.service))).toEqual(new Set(['front', 'middle', 'leaf']));
    expect(lines.filter((line) => line.service === 'leaf')).toHaveLength(4);
    expect(lines.map((line) => line.correlationId)).toEqual(lines.map(() => 'order-17'));
    expect(lines.map((line) => line.method)).toEqual(lines.map(() => '/market.v1.TradeHistory/GetLastSale'));
    expect(lines.map((line) => line.msg)).toContain('sold under order-17');
  });

  it('is made by the first client when nobody brought one, and is the same in all attempts', async () => {
    const { client, lines } = await chain();
    const call = client.getLastSale({ fish: 'halibut' });
    await call;
    const id = (await call.headers).get('x-correlation-id');
    expect(id).toMatch(/^[0-9a-f]{32}$/);
    expect(new Set(lines.map((line) => line.correlationId))).toEqual(new Set([id]));
  });

  it('is in the lines that the runtime writes itself, and in the error that hides what it logged', async () => {
    const { client, lines } = await chain();
    await client.getLastSale({ fish: 'halibut' });
    lines.length = 0;
    const error = await rejection(
      client.getLastSale({ fish: 'broken' }, { headers: { 'x-correlation-id': 'order-18' } }),
    );
    expect(error.message).toContain('order-18');
    const own = lines.filter((line) => line.msg.includes('handler'));
    expect(own.map((line) => line.service)).toEqual(['leaf', 'middle', 'front']);
    expect(own.map((line) => line.correlationId)).toEqual(['order-18', 'order-18', 'order-18']);
  });

  it('stands beside trace_id, span_id and the number of the attempt where an SDK traces', async () => {
    const otel = new Otel();
    const { client, lines } = await chain();
    await client.getLastSale({ fish: 'halibut' });
    const spans = new Map(otel.spans.map((span) => [span.spanContext().spanId, span]));
    const { traceId } = otel.spans[0]?.spanContext() ?? {};
    for (const line of lines) {
      expect(line.trace_id).toBe(traceId);
      expect(line.correlationId).toBe(traceId);
      expect(spans.get(line.span_id ?? '')?.name).toBe('market.v1.TradeHistory/GetLastSale');
    }
    // The outermost client repeats; what it called calls again for the first time.
    expect(lines.filter((line) => line.service === 'front').map((line) => line.attempt)).toEqual([1, 1, 2, 2]);
    expect(lines.filter((line) => line.service === 'leaf').map((line) => line.attempt)).toEqual([1, 1, 1, 1]);
    const hop = (depth: number, status: string) =>
      ['CLIENT', '  INTERNAL attempt', '    SERVER'].map((one) => `${'  '.repeat(depth)}${one} ${status}`);
    const below = (status: string) => [...hop(3, status), ...hop(6, status)];
    expect(otel.tree().replaceAll(' market.v1.TradeHistory/GetLastSale', '')).toBe(
      [
        'CLIENT OK',
        ...hop(0, 'UNAVAILABLE').slice(1),
        ...below('UNAVAILABLE'),
        ...hop(0, 'OK').slice(1),
        ...below('OK'),
      ].join('\n'),
    );
  });

  it('is known in every step of streams both ways, and outside of calls there is none', async () => {
    const ids: (string | undefined)[] = [];
    const { client } = await served(Echo, {
      ...idle,
      async *chat(requests) {
        ids.push(correlation());
        for await (const request of requests) {
          ids.push(correlation());
          yield request;
          ids.push(correlation());
        }
      },
    });
    for await (const _ of client.chat([note('a'), note('b')], { headers: { 'x-correlation-id': 'a-1' } }));
    expect(ids).toEqual(Array(5).fill('a-1'));
    expect(correlation()).toBeUndefined();
    expect(logFields()).toEqual({});
  });

  it('is shared by the attempts of a call, in what the client tells of them too', async () => {
    const ids = new Set<string | undefined>();
    const told = new Set<string>();
    const { client, clock } = await scripted({
      client: idempotent,
      script: (attempt) => (attempt < 2 ? { error: new RpcError('UNAVAILABLE', 'scripted') } : 'ok'),
    });
    client.$on('attempt', (event) => told.add(event.correlationId));
    const call = client.say(note('x'));
    await clock.runUntil(call);
    ids.add((await call.headers).get('x-correlation-id'));
    expect(call.attempts).toBe(3);
    expect(ids).toEqual(told);
  });

  it('comes back with the trailers of a call that fails before it has headers, so that it can be tried again', async () => {
    const { client } = await served(Echo, {
      ...idle,
      say() {
        throw new RpcError('NOT_FOUND', 'no');
      },
    });
    const call = client.say(note('x'), { headers: { 'x-correlation-id': 'a-1' } });
    await rejection(call);
    expect((await call.headers).size).toBe(0);
    expect((await call.trailers).get('x-correlation-id')).toBe('a-1');
  });
});

describe('a correlation id that came', () => {
  async function answerTo(headers: Readonly<Record<string, string | readonly string[]>>): Promise<string | undefined> {
    /** Sends the headers as they are, as another client would. */
    const asGiven: Interceptor = (_method, next) => (call) => {
      call.headers.delete('x-correlation-id');
      for (const [name, value] of Object.entries(headers))
        for (const one of [value].flat()) call.headers.append(name, one);
      return next(call);
    };
    const { client } = await served(
      Echo,
      { ...idle, say: (_request, call) => note(call.correlationId) },
      { client: { interceptors: [{ after: 'trace', interceptor: asGiven }] } },
    );
    return (await client.say(note('x'))).text;
  }

  it.each(['a', 'order-17', 'A.b_c:d-9', 'x'.repeat(128), '4bf92f3577b34da6a3ce929d0e0e4736'])(
    '%.40s is kept',
    async (id) => {
      expect(await answerTo({ 'x-correlation-id': id })).toBe(id);
    },
  );

  it.each([
    '',
    ' ',
    'two words',
    'x'.repeat(129),
    'x'.repeat(100_000),
    '"}{"level":"fatal"',
    "'; DROP TABLE calls; --",
    '$(reboot)',
    '<script>',
    'a,b',
    'ünïcode',
  ])('%.40s is replaced', async (id) => {
    const answer = await answerTo(/^[\x20-\x7e]*$/.test(id) ? { 'x-correlation-id': id } : {});
    expect(answer).toMatch(/^[0-9a-f]{32}$/);
  });

  it('twice is replaced', async () => {
    expect(await answerTo({ 'x-correlation-id': ['mine', 'yours'] })).toMatch(/^[0-9a-f]{32}$/);
  });

  it('as x-request-id is taken where there is no other', async () => {
    expect(await answerTo({ 'x-request-id': 'r-1' })).toBe('r-1');
    expect(await answerTo({ 'x-request-id': 'r-1', 'x-correlation-id': 'c-1' })).toBe('c-1');
  });

  it('not at all is the id of the trace, where a trace came', async () => {
    const id = '12345678901234567890123456789012';
    expect(await answerTo({ traceparent: `00-${id}-1234567890123456-01` })).toBe(id);
    expect(await answerTo({ traceparent: `00-${id}-1234567890123456-01.` })).toMatch(/^[0-9a-f]{32}$/);
  });
});

describe('the trace of a caller', () => {
  const id = '12345678901234567890123456789012';
  const headers = {
    traceparent: `00-${id}-1234567890123456-01`,
    tracestate: 'foo=1,bar=2',
    baggage: 'tenant=blue,plan=gold;ttl=5',
  };

  it('passes unchanged through services that do not trace', async () => {
    const { client, seen } = await chain();
    await client.getLastSale({ fish: 'halibut' }, { headers });
    expect(seen).toEqual([headers, headers]);
  });

  it('is continued by an SDK: the same trace and state, another parent in every call', async () => {
    new Otel();
    const { client, seen } = await chain();
    await client.getLastSale({ fish: 'halibut' }, { headers });
    for (const one of seen) expect(one.traceparent).not.toBe(headers.traceparent);
    expect(new Set(seen.map((one) => one.traceparent)).size).toBe(2);
  });

  it.each([true, false])(
    'goes through the hop of an SDK with state and baggage (propagator registered: %s)',
    async (propagators) => {
      const otel = new Otel({ propagators });
      const seen: (string | undefined)[] = [];
      const inner = await served(Echo, {
        ...idle,
        say(request, call) {
          for (const name of ['traceparent', 'tracestate', 'baggage']) seen.push(call.headers.get(name));
          return request;
        },
      });
      const outer = await served(
        Echo,
        { ...idle, say: async (request) => await inner.client.say(request) },
        {
          // As if from another program, which traces by itself.
          client: { telemetry: false },
        },
      );
      await outer.client.say(note('x'), { headers });
      const [traceparent, tracestate, baggage] = seen;
      expect(traceparent?.slice(3, 35)).toBe(id);
      expect(otel.spans.map((span) => span.spanContext().spanId)).toContain(traceparent?.slice(36, 52));
      expect(tracestate).toBe(headers.tracestate);
      expect(baggage?.split(',').map((one) => one.split(';')[0])).toEqual(['tenant=blue', 'plan=gold']);
    },
  );

  it.each([
    ['malformed', { ...headers, traceparent: `${headers.traceparent}.` }],
    ['of id zero', { ...headers, traceparent: `00-${'0'.repeat(32)}-1234567890123456-01` }],
    ['twice', { ...headers, traceparent: [headers.traceparent, headers.traceparent.replace('2-', '1-')] }],
    ['of 100 KB', { ...headers, traceparent: headers.traceparent + 'x'.repeat(100_000) }],
  ])('that is %s goes no further, and another begins where an SDK traces', async (_what, hostile) => {
    for (const sdk of [false, true]) {
      const otel = sdk ? new Otel() : undefined;
      const seen: (string | undefined)[] = [];
      const inner = await served(Echo, {
        ...idle,
        say(request, call) {
          for (const name of ['traceparent', 'tracestate']) seen.push(call.headers.get(name));
          return request;
        },
      });
      const outer = await served(
        Echo,
        { ...idle, say: async (request) => await inner.client.say(request) },
        {
          client: { telemetry: false },
        },
      );
      await outer.client.say(note('x'), { headers: hostile });
      expect(seen[1]).toBeUndefined();
      if (sdk) expect(seen[0]).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
      else expect(seen[0]).toBeUndefined();
      expect(seen[0]?.includes(id)).not.toBe(true);
      otel?.unregister();
    }
  });

  it('with hostile state and baggage keeps its id, and loses what breaks the rules', async () => {
    for (const sdk of [false, true]) {
      const otel = sdk ? new Otel() : undefined;
      let seen: (string | undefined)[] = [];
      const inner = await served(Echo, {
        ...idle,
        say(request, call) {
          seen = ['traceparent', 'tracestate', 'baggage'].map((name) => call.headers.get(name));
          return request;
        },
      });
      const outer = await served(
        Echo,
        { ...idle, say: async (request) => await inner.client.say(request) },
        {
          client: { telemetry: false },
        },
      );
      await outer.client.say(note('x'), {
        headers: { ...headers, tracestate: 'foo=1,FOO=2', baggage: `a=1,${'b'.repeat(100_000)}=2` },
      });
      expect(seen[0]?.slice(3, 35)).toBe(id);
      expect(seen[1]).toBeUndefined();
      expect(seen[2]).toBe('a=1');
      otel?.unregister();
    }
  });
});

describe('the fields of log lines', () => {
  it('let a line say otherwise, and are made anew each time', async () => {
    const { lines, log } = logs();
    const own = log('s');
    const { client } = await served(Echo, {
      ...idle,
      say(request) {
        own.info({ method: 'mine' }, 'x');
        expect(logFields()).not.toBe(logFields());
        return request;
      },
    });
    await client.say(note('x'));
    expect(lines[0]?.method).toBe('mine');
  });

  it("name the caller's trace where nobody traces here", async () => {
    const id = '12345678901234567890123456789012';
    let fields: object = {};
    const { client } = await served(Echo, {
      ...idle,
      say(request) {
        fields = logFields();
        return request;
      },
    });
    await client.say(note('x'), { headers: { traceparent: `00-${id}-1234567890123456-01` } });
    expect(fields).toEqual({ correlationId: id, trace_id: id, method: '/test.Echo/Say', attempt: 1 });
  });

  it('go into the lines of the runtime through any logger', async () => {
    const lines: object[] = [];
    const logger: Logger = { ...silentLogger, error: (fields) => lines.push(fields) };
    const { client } = await served(
      Echo,
      {
        ...idle,
        say() {
          throw new Error('x');
        },
      },
      { server: { logger } },
    );
    await rejection(client.say(note('x'), { headers: { 'x-correlation-id': 'a-1' } }));
    expect(lines).toMatchObject([{ correlationId: 'a-1', method: '/test.Echo/Say', attempt: 1 }]);
  });
});
