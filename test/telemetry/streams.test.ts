/** The spans of streams: one for a short one, an opening and a closing one for a long one. */
import { SpanKind } from '@opentelemetry/api';
import { describe, expect, it } from 'vitest';
import { note } from '../support/echo.js';
import { Otel } from '../support/otel.js';
import { scripted } from '../support/scripted.js';
import { settled } from '../support/served.js';

const name = 'test.Echo/Repeat';

/** A stream of one message every `gap` ms, virtual. */
async function ticking(gap: number, telemetry = {}) {
  const world = await scripted({
    client: { timeout: '30d', telemetry },
    handlers: {
      async *repeat(request) {
        for (let i = 0; i < request.count; i++) {
          yield note('tick', i);
          await new Promise<void>((resolve) => world.clock.setTimer(resolve, gap));
        }
      },
    },
  });
  return world;
}

async function read(stream: AsyncIterable<unknown>, most = Number.POSITIVE_INFINITY): Promise<number> {
  let count = 0;
  for await (const _ of stream) {
    count += 1;
    if (count === most) break;
  }
  return count;
}

describe('a short stream', () => {
  it('has one span on each side that covers it, and no phase', async () => {
    const otel = new Otel();
    const { client, clock } = await ticking(100);
    expect(await clock.runUntil(read(client.repeat(note('x', 5))))).toBe(5);
    await settled();
    expect(otel.tree()).toBe(`CLIENT ${name} OK\n  INTERNAL ${name} attempt OK\n    SERVER ${name} OK`);
    for (const span of otel.spans) expect(span.attributes).not.toHaveProperty(['hawser.stream.phase']);
  });

  it('that its reader leaves is CANCELLED on both sides', async () => {
    const otel = new Otel();
    const { client, clock } = await ticking(100);
    await clock.runUntil(read(client.repeat(note('x', 50)), 2));
    await clock.advance(1_000);
    await settled();
    const statuses = otel.spans.map((span) => [span.kind, span.attributes['rpc.status_code']]);
    expect(statuses).toContainEqual([SpanKind.CLIENT, 'CANCELLED']);
    expect(statuses).toContainEqual([SpanKind.SERVER, 'CANCELLED']);
  });
});

describe('a long stream', () => {
  it('shows its beginning while it lasts, and its end in short spans linked to it', async () => {
    const otel = new Otel();
    const { client, clock } = await ticking(3_600_000);
    const reading = read(client.repeat(note('x', 24)));
    await clock.advance(60_000);
    await settled();
    const opened = otel.spans;
    expect(opened.map((span) => [span.kind, span.attributes['hawser.stream.phase']])).toEqual([
      [SpanKind.CLIENT, 'open'],
      [SpanKind.INTERNAL, 'open'],
      [SpanKind.SERVER, 'open'],
    ]);
    expect(await clock.runUntil(reading)).toBe(24);
    await settled();
    const closed = otel.spans.slice(3);
    expect(closed.map((span) => [span.kind, span.name]).toSorted()).toEqual([
      [SpanKind.SERVER, name],
      [SpanKind.CLIENT, name],
    ]);
    for (const span of closed) {
      expect(span.attributes).toMatchObject({ 'hawser.stream.phase': 'close', 'rpc.status_code': 'OK' });
      expect(span.attributes['hawser.stream.duration']).toBe(86_400);
      expect(span.parentSpanContext).toBeUndefined();
      const first = opened.find((one) => one.kind === span.kind);
      expect(span.links.map(({ context }) => context.spanId)).toEqual([first?.spanContext().spanId]);
      expect(span.attributes['hawser.correlation_id']).toBe(first?.spanContext().traceId);
    }
  });

  it('is one that lasts longer than the client says', async () => {
    const otel = new Otel();
    const { client, clock } = await ticking(1_000, { longStream: '2s' });
    await clock.runUntil(read(client.repeat(note('x', 5))));
    await settled();
    const phases = otel.spans.filter((span) => span.kind === SpanKind.CLIENT);
    expect(phases.map((span) => span.attributes['hawser.stream.phase'])).toEqual(['open', 'close']);
  });

  it('leaves no timer behind', async () => {
    new Otel();
    const { client, clock } = await ticking(100);
    await clock.runUntil(read(client.repeat(note('x', 5))));
    await settled();
    expect(clock.timers).toBe(0);
  });
});
