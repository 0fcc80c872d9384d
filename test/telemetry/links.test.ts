/** What others of the runtime say to the trace of a call: who ran before, how long it waited, what happened. */
import { SpanKind } from '@opentelemetry/api';
import { describe, expect, it } from 'vitest';
import { RpcError } from '../../src/call/rpc-error.js';
import { Echo, note } from '../support/echo.js';
import { Otel } from '../support/otel.js';
import { served, settled } from '../support/served.js';
import { till } from '../support/till.js';

const idle = {
  say: (request: { text: string; count: number }) => request,
  tell: () => {},
  async *repeat() {},
  collect: () => note(''),
  async *chat() {},
};

describe('a replayed answer', () => {
  it('links to the span that ran, in the trace of another call', async () => {
    const otel = new Otel();
    const { client, clock } = await till();
    const headers = { 'idempotency-key': 'k' };
    await clock.runUntil(client.sell(note('cod'), { headers }));
    await clock.runUntil(client.sell(note('cod'), { headers }));
    await settled();
    const [ran, replayed] = otel.spans.filter((span) => span.kind === SpanKind.SERVER);
    expect(ran?.links).toEqual([]);
    expect(replayed?.links.map(({ context, attributes }) => ({ ...context, attributes }))).toMatchObject([
      {
        traceId: ran?.spanContext().traceId,
        spanId: ran?.spanContext().spanId,
        attributes: { 'hawser.link': 'idempotent-replay' },
      },
    ]);
    expect(replayed?.spanContext().traceId).not.toBe(ran?.spanContext().traceId);
    const outcomes = (await otel.metric('hawser.server.idempotency')).map(({ attributes, value }) => [
      attributes['hawser.idempotency.outcome'],
      value,
    ]);
    expect(outcomes).toEqual([
      ['new', 1],
      ['replayed', 1],
    ]);
  });
});

describe('the span of a served call', () => {
  it('shows how long it waited to be let in, in seconds', async () => {
    const otel = new Otel();
    const { client } = await served(Echo, idle, {
      configure: (server) => {
        server.use(
          (_method, next) => (call) => {
            call.queued = 250;
            return next(call);
          },
          { after: 'limiter' },
        );
      },
    });
    await client.say(note('x'));
    expect(otel.span('test.Echo/Say', SpanKind.SERVER).attributes['hawser.queue.delay']).toBe(0.25);
  });

  it('takes events, attributes and links of interceptors, and ignores a link to nothing', async () => {
    const otel = new Otel();
    const { client } = await served(Echo, idle, {
      configure: (server) => {
        server.use((_method, next) => (call) => {
          call.trace?.event('fallback', { from: 'cache' });
          call.trace?.annotate({ tenant: 'blue' });
          call.trace?.link('00-12345678901234567890123456789012-1234567890123456-01');
          call.trace?.link('nonsense');
          return next(call);
        });
      },
    });
    await client.say(note('x'));
    const span = otel.span('test.Echo/Say', SpanKind.SERVER);
    expect(span.events.map(({ name, attributes }) => [name, attributes])).toEqual([['fallback', { from: 'cache' }]]);
    expect(span.attributes.tenant).toBe('blue');
    expect(span.links.map(({ context }) => context.spanId)).toEqual(['1234567890123456']);
  });
});

describe('the span of a call that was shed', () => {
  it('says that a fallback answered it, and which', async () => {
    const otel = new Otel();
    const { client } = await served(Echo, idle, {
      client: { fallback: { say: { value: note('none') } }, retry: false },
      configure: (server) => {
        server.use(
          () => async () => {
            throw new RpcError('UNAVAILABLE', 'full', { reason: 'OVERLOADED' });
          },
          { before: 'limiter' },
        );
      },
    });
    const call = client.say(note('x'));
    await expect(call).resolves.toEqual(note('none'));
    expect(call.fellBack).toBe('value');
    await settled();
    const spans = otel.spans.filter(({ kind }) => kind === SpanKind.CLIENT);
    expect(spans.flatMap(({ events }) => events.map(({ name, attributes }) => [name, attributes]))).toContainEqual([
      'hawser.fallback',
      { 'hawser.fallback.kind': 'value' },
    ]);
  });
});
