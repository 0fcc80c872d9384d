/** Spans of calls, through an exporter in memory. */
import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import * as conventions from '@opentelemetry/semantic-conventions';
import { createClient, createServer, MemoryNetwork, RpcError, silentLogger } from 'hawser';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Trade } from '../../gen/market/v1/market.js';
import { BadFish, TradeHistory } from '../../gen/market/v1/market.rpc.js';
import * as thrift from '../../gen/market.js';
import { Echo, note, Refused } from '../support/echo.js';
import { Otel } from '../support/otel.js';
import { rejection, scripted } from '../support/scripted.js';
import { deferred, served, settled } from '../support/served.js';

const name = 'test.Echo/Say';
const idle = {
  say: (request: { text: string; count: number }) => request,
  tell: () => {},
  async *repeat() {},
  collect: () => note(''),
  async *chat() {},
};

/** The market behind one wire; the first answer to a fish called `flaky` is a failure that may be repeated. */
async function market(wire: 'grpc' | 'thrift' | 'memory') {
  const server = createServer({ logger: silentLogger });
  let failed = false;
  const answer = ({ fish }: { fish: string }) => {
    if (fish === 'unicorn') throw new (wire === 'thrift' ? thrift.BadFish : BadFish)({ fish, errorCode: 404 });
    if (fish === 'flaky' && !failed) {
      failed = true;
      throw new RpcError('UNAVAILABLE', 'not now');
    }
    return Trade.create({ fish, price: 1 }) as never;
  };
  const handlers = { getLastSale: answer, getLastSaleList: () => ({ trades: [] }) as never };
  const network = new MemoryNetwork();
  const service = wire === 'thrift' ? thrift.TradeHistory : TradeHistory;
  server.add(service, handlers as never);
  const bound =
    wire === 'memory'
      ? await server.listen({ memory: network })
      : await server.listen(wire === 'grpc' ? { grpc: '127.0.0.1:0' } : { thrift: '127.0.0.1:0' });
  const address = (bound as { grpc?: string; thrift?: string })[wire as 'grpc'];
  const client = createClient(
    service as typeof TradeHistory,
    wire === 'memory' ? network : wire === 'grpc' ? `grpc://${address}` : `thrift://${address}?wire=header`,
    { timeout: '5s', breaker: false },
  );
  onTestFinished(async () => {
    await client.$close();
    await server.close({ grace: 0 });
  });
  return { client, address };
}

describe.each(['grpc', 'thrift', 'memory'] as const)('the spans of a call over %s', (wire) => {
  const method = 'market.v1.TradeHistory/GetLastSale';

  it('are a CLIENT span, an attempt under it and the SERVER span under the attempt, in one trace', async () => {
    const { client, address } = await market(wire);
    const otel = new Otel();
    await client.getLastSale({ fish: 'halibut' });
    expect(otel.tree()).toBe(`CLIENT ${method} OK\n  INTERNAL ${method} attempt OK\n    SERVER ${method} OK`);
    expect(new Set(otel.spans.map((span) => span.spanContext().traceId)).size).toBe(1);
    const system = wire === 'thrift' ? 'thrift' : conventions.RPC_SYSTEM_NAME_VALUE_GRPC;
    for (const span of otel.spans) {
      expect(span.attributes).toMatchObject({
        [conventions.ATTR_RPC_SYSTEM_NAME]: system,
        [conventions.ATTR_RPC_METHOD]: method,
        [conventions.ATTR_RPC_STATUS_CODE]: 'OK',
        [conventions.ATTR_SERVER_ADDRESS]: wire === 'memory' ? 'memory' : '127.0.0.1',
      });
      expect(span.attributes).not.toHaveProperty(conventions.ATTR_ERROR_TYPE);
      expect(span.status.code).toBe(SpanStatusCode.UNSET);
      if (wire !== 'memory') {
        expect(span.attributes[conventions.ATTR_SERVER_PORT]).toBe(Number(address?.split(':')[1]));
        expect(span.attributes[conventions.ATTR_NETWORK_PEER_ADDRESS]).toBe('127.0.0.1');
        expect(span.attributes[conventions.ATTR_NETWORK_PEER_PORT]).toEqual(expect.any(Number));
      }
    }
    const served = otel.span(method, SpanKind.SERVER);
    expect(served.attributes).toHaveProperty([conventions.ATTR_CLIENT_ADDRESS]);
  });

  it('have one attempt for each try, with the SERVER span under the one that caused it', async () => {
    const { client } = await market(wire);
    const otel = new Otel();
    await client.getLastSale({ fish: 'flaky' });
    expect(otel.tree()).toBe(
      [
        `CLIENT ${method} OK`,
        `  INTERNAL ${method} attempt UNAVAILABLE`,
        `    SERVER ${method} UNAVAILABLE`,
        `  INTERNAL ${method} attempt OK`,
        `    SERVER ${method} OK`,
      ].join('\n'),
    );
    const attempts = otel.spans.filter((span) => span.kind === SpanKind.INTERNAL);
    expect(attempts.map(({ attributes }) => attributes['hawser.attempt.number'])).toEqual([1, 2]);
    expect(attempts.map(({ attributes }) => attributes['hawser.attempt.kind'])).toEqual(['first', 'retry']);
    expect(attempts[0]?.status.code).toBe(SpanStatusCode.ERROR);
    expect(attempts[0]?.attributes[conventions.ATTR_ERROR_TYPE]).toBe('UNAVAILABLE');
    expect(otel.span(method, SpanKind.CLIENT).attributes['hawser.attempts']).toBe(2);
  });

  it('show an error that the IDL declares as an error of the client, and no fault of the server', async () => {
    const { client } = await market(wire);
    const otel = new Otel();
    await rejection(client.getLastSale({ fish: 'unicorn' }));
    const code = 'FAILED_PRECONDITION';
    const client_ = otel.span(method, SpanKind.CLIENT);
    expect(client_.attributes).toMatchObject({ 'rpc.status_code': code, 'error.type': code });
    expect(client_.status.code).toBe(SpanStatusCode.ERROR);
    const server = otel.span(method, SpanKind.SERVER);
    expect(server.attributes['rpc.status_code']).toBe(code);
    expect(server.attributes).not.toHaveProperty(['error.type']);
    expect(server.status.code).toBe(SpanStatusCode.UNSET);
  });

  it('carry the correlation id, which is the id of the trace', async () => {
    const { client } = await market(wire);
    const otel = new Otel();
    const call = client.getLastSale({ fish: 'halibut' });
    await call;
    const { traceId } = otel.span(method, SpanKind.CLIENT).spanContext();
    expect((await call.headers).get('x-correlation-id')).toBe(traceId);
    for (const kind of [SpanKind.CLIENT, SpanKind.SERVER]) {
      expect(otel.span(method, kind).attributes['hawser.correlation_id']).toBe(traceId);
    }
  });
});

describe('the status of spans', () => {
  const codes = [
    'CANCELLED',
    'UNKNOWN',
    'INVALID_ARGUMENT',
    'DEADLINE_EXCEEDED',
    'NOT_FOUND',
    'ALREADY_EXISTS',
  ] as const;
  const more = ['PERMISSION_DENIED', 'RESOURCE_EXHAUSTED', 'FAILED_PRECONDITION', 'ABORTED', 'OUT_OF_RANGE'] as const;
  const rest = ['UNIMPLEMENTED', 'INTERNAL', 'UNAVAILABLE', 'DATA_LOSS', 'UNAUTHENTICATED'] as const;
  const faults = ['UNKNOWN', 'DEADLINE_EXCEEDED', 'UNIMPLEMENTED', 'INTERNAL', 'UNAVAILABLE', 'DATA_LOSS'];

  it.each([...codes, ...more, ...rest])(
    '%s is an error of every client, and of the server where it is its fault',
    async (code) => {
      const otel = new Otel();
      const fail = () => {
        throw new RpcError(code, 'scripted', { reason: 'SCRIPTED' });
      };
      const { client } = await served(Echo, { ...idle, say: fail }, { client: { retry: false } });
      await rejection(client.say(note('x')));
      const caller = otel.span(name, SpanKind.CLIENT);
      expect(caller.status).toMatchObject({ code: SpanStatusCode.ERROR, message: 'scripted' });
      expect(caller.attributes).toMatchObject({
        'rpc.status_code': code,
        'error.type': code,
        'hawser.error.reason': 'SCRIPTED',
        'hawser.disposition': 'executed',
      });
      const server = otel.span(name, SpanKind.SERVER);
      expect(server.attributes['rpc.status_code']).toBe(code);
      expect(server.status.code).toBe(faults.includes(code) ? SpanStatusCode.ERROR : SpanStatusCode.UNSET);
      expect(server.attributes['error.type']).toBe(faults.includes(code) ? code : undefined);
    },
  );

  it('is INTERNAL for what a handler throws by mistake, with its stack where only we see it', async () => {
    const otel = new Otel();
    const fail = () => {
      throw new TypeError('hunter2');
    };
    const { client } = await served(Echo, { ...idle, say: fail });
    await rejection(client.say(note('x')));
    const server = otel.span(name, SpanKind.SERVER);
    expect(server.attributes).toMatchObject({ 'rpc.status_code': 'INTERNAL', 'error.type': 'INTERNAL' });
    expect(server.events.map((event) => event.name)).toEqual(['exception']);
    const caller = otel.span(name, SpanKind.CLIENT);
    expect(caller.attributes).toMatchObject({ 'rpc.status_code': 'INTERNAL', 'hawser.error.reason': 'HANDLER_FAILED' });
    expect(JSON.stringify([caller.status, caller.attributes, caller.events])).not.toContain('hunter2');
  });

  it('names the class of what was thrown before anything was sent', async () => {
    const otel = new Otel();
    const { client } = await served(Echo, idle);
    await client.say({ text: 5 } as never).catch(() => {});
    expect(otel.span(name).attributes).toMatchObject({ 'rpc.status_code': 'UNKNOWN', 'error.type': 'TypeError' });
  });

  it('is CANCELLED when the caller gives up, on both sides', async () => {
    const otel = new Otel();
    const started = deferred();
    const hang = (_request: unknown, { signal }: { signal: AbortSignal }) =>
      new Promise<never>((_resolve, reject) => {
        started.resolve();
        signal.addEventListener('abort', () => reject(signal.reason));
      });
    const { client } = await served(Echo, { ...idle, say: hang }, { client: { timeout: '1h' } });
    const controller = new AbortController();
    const failed = rejection(client.say(note('x'), { signal: controller.signal }));
    await started.promise;
    controller.abort();
    await failed;
    await settled();
    expect(otel.tree()).toBe(
      `CLIENT ${name} CANCELLED\n  INTERNAL ${name} attempt CANCELLED\n    SERVER ${name} CANCELLED`,
    );
  });

  it('keeps what a declared error says out of the trace, but for its message', async () => {
    const otel = new Otel();
    const { client } = await served(Echo, {
      ...idle,
      say() {
        throw new Refused('no');
      },
    });
    await rejection(client.say(note('x')));
    expect(otel.spans.flatMap((span) => span.events)).toEqual([]);
  });
});

describe('hedges', () => {
  it('are attempts of their own, and the one that lost is no error', async () => {
    const otel = new Otel();
    const { client, clock } = await scripted({
      nodes: ['a', 'b'],
      client: { methods: { say: { idempotency: 'IDEMPOTENT', hedge: { delay: 10 } } } },
      script: (attempt) => (attempt === 0 ? 'hang' : 'ok'),
    });
    await clock.runUntil(client.say(note('x')));
    await settled();
    const attempts = otel.spans.filter((span) => span.name === `${name} attempt`);
    expect(attempts.map(({ attributes }) => attributes['hawser.attempt.kind'])).toEqual(['first', 'hedge']);
    expect(attempts[0]?.attributes).toMatchObject({
      'hawser.attempt.superseded': true,
      'rpc.status_code': 'CANCELLED',
    });
    expect(attempts[0]?.status.code).toBe(SpanStatusCode.UNSET);
    expect(attempts.map(({ attributes }) => attributes['server.address']).toSorted()).toEqual(['a', 'b']);
    const metric = async (which: string) => (await otel.metric(which)).map(({ value }) => value);
    expect(await metric('hawser.client.hedges.sent')).toEqual([1]);
    expect(await metric('hawser.client.hedges.won')).toEqual([1]);
  });
});

describe('the context', () => {
  it('is the SERVER span in a handler, so that its own spans and calls hang under it', async () => {
    const otel = new Otel();
    const inner = await served(Echo, idle);
    const outer = await served(Echo, {
      ...idle,
      async say(request) {
        await settled();
        trace.getTracer('test').startSpan('work').end();
        return await inner.client.say(request);
      },
    });
    await outer.client.say(note('x'));
    expect(otel.tree().replaceAll(` ${name}`, '')).toBe(
      [
        'CLIENT OK',
        '  INTERNAL attempt OK',
        '    SERVER OK',
        '      INTERNAL work',
        '      CLIENT OK',
        '        INTERNAL attempt OK',
        '          SERVER OK',
      ].join('\n'),
    );
  });

  it('hangs nested calls under the SERVER span also where no context manager is registered', async () => {
    const otel = new Otel({ contexts: false });
    const inner = await served(Echo, idle);
    const outer = await served(Echo, { ...idle, say: async (request) => await inner.client.say(request) });
    await outer.client.say(note('x'));
    expect(new Set(otel.spans.map((span) => span.spanContext().traceId)).size).toBe(1);
    expect(otel.spans).toHaveLength(6);
  });

  it('travels by W3C where no propagator is registered', async () => {
    const otel = new Otel({ propagators: false });
    const { client } = await served(Echo, idle);
    await client.say(note('x'));
    expect(otel.tree()).toBe(`CLIENT ${name} OK\n  INTERNAL ${name} attempt OK\n    SERVER ${name} OK`);
  });

  it('does not leak from where a server was made into the calls that it serves', async () => {
    const otel = new Otel();
    let made: Awaited<ReturnType<typeof served<typeof Echo>>> | undefined;
    await trace.getTracer('test').startActiveSpan('making', async (span) => {
      made = await served(Echo, idle);
      span.end();
    });
    await made?.client.say(note('x'), { headers: {} });
    expect(otel.span(name, SpanKind.CLIENT).parentSpanContext).toBeUndefined();
  });

  it('is there in every step of a handler that is a generator', async () => {
    const otel = new Otel();
    const seen: (string | undefined)[] = [];
    const look = () => seen.push(trace.getActiveSpan()?.spanContext().spanId);
    const { client } = await served(Echo, {
      ...idle,
      async *repeat() {
        look();
        for (let i = 0; i < 3; i++) {
          yield note('x', i);
          look();
          await settled();
          look();
        }
      },
    });
    const counts: number[] = [];
    for await (const { count } of client.repeat(note('x'))) {
      counts.push(count);
      await settled();
    }
    expect(counts).toEqual([0, 1, 2]);
    const { spanId } = otel.span('test.Echo/Repeat', SpanKind.SERVER).spanContext();
    expect(seen).toEqual(Array(7).fill(spanId));
  });

  it("is the caller's in every step of its request stream, and the handler's while it reads it", async () => {
    const otel = new Otel();
    const asked: (string | undefined)[] = [];
    const read: (string | undefined)[] = [];
    const id = () => trace.getActiveSpan()?.spanContext().spanId;
    const { client } = await served(Echo, {
      ...idle,
      async *chat(requests) {
        for await (const request of requests) {
          read.push(id());
          yield request;
        }
      },
    });
    async function* requests() {
      for (let i = 0; i < 3; i++) {
        await settled();
        asked.push(id());
        yield note('x', i);
      }
    }
    let outer: string | undefined;
    await trace.getTracer('test').startActiveSpan('outer', async (span) => {
      outer = span.spanContext().spanId;
      for await (const _ of client.chat(requests())) expect(id()).toBe(outer);
      span.end();
    });
    expect(asked).toEqual(Array(3).fill(outer));
    expect(read).toEqual(Array(3).fill(otel.span('test.Echo/Chat', SpanKind.SERVER).spanContext().spanId));
  });
});

describe('retries of a stream', () => {
  it('are attempts under one CLIENT span', async () => {
    const otel = new Otel();
    let opened = 0;
    const { client, clock } = await scripted({
      client: { methods: { repeat: { idempotency: 'IDEMPOTENT' } } },
      handlers: {
        async *repeat() {
          opened += 1;
          if (opened === 1) throw new RpcError('UNAVAILABLE', 'scripted');
          yield note('x');
        },
      },
    });
    const items = async () => {
      for await (const _ of client.repeat(note('x')));
    };
    await clock.runUntil(items());
    await settled();
    expect(otel.tree().replaceAll(' test.Echo/Repeat', '')).toBe(
      [
        'CLIENT OK',
        '  INTERNAL attempt UNAVAILABLE',
        '    SERVER UNAVAILABLE',
        '  INTERNAL attempt OK',
        '    SERVER OK',
      ].join('\n'),
    );
  });
});
