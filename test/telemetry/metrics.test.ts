/** The metrics of the runtime, through a reader in memory. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Histogram } from '@opentelemetry/sdk-metrics';
import * as conventions from '@opentelemetry/semantic-conventions';
import { RpcError } from 'hawser';
import { describe, expect, it } from 'vitest';
import { EventHub } from '../../src/call/events.js';
import { type ClientEvents, clientEventNames } from '../../src/interceptors/client-events.js';
import { ClientMetrics } from '../../src/telemetry/client-metrics.js';
import { Echo, note } from '../support/echo.js';
import { Otel } from '../support/otel.js';
import { repository } from '../support/scratch.js';
import { fails, idempotent, rejection, scripted } from '../support/scripted.js';
import { deferred, served, settled } from '../support/served.js';
import { instrumentUnits } from './instrument-units.js';

const idle = {
  say: (request: { text: string; count: number }) => request,
  tell: () => {},
  async *repeat() {},
  collect: () => note(''),
  async *chat() {},
};
const method = { 'rpc.system.name': 'grpc', 'rpc.method': 'test.Echo/Say' };

describe('the duration of calls', () => {
  it('is the histogram of the conventions on both sides, in seconds and the advised buckets', async () => {
    const otel = new Otel({ spans: false });
    const { client } = await served(Echo, idle);
    await client.say(note('x'));
    await client.say(note('x'));
    for (const name of [conventions.METRIC_RPC_CLIENT_CALL_DURATION, conventions.METRIC_RPC_SERVER_CALL_DURATION]) {
      const [point, ...rest] = await otel.metric(name);
      expect(rest).toEqual([]);
      if (point === undefined) throw new Error(`there is no ${name}`);
      const { count, sum, buckets } = point.value as Histogram;
      expect(count).toBe(2);
      expect(sum).toBeLessThan(5);
      expect(buckets.boundaries).toEqual([0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]);
      expect(point.attributes).toMatchObject({
        [conventions.ATTR_RPC_SYSTEM_NAME]: conventions.RPC_SYSTEM_NAME_VALUE_GRPC,
        [conventions.ATTR_RPC_METHOD]: 'test.Echo/Say',
        [conventions.ATTR_RPC_STATUS_CODE]: 'OK',
      });
      expect(point.attributes).not.toHaveProperty([conventions.ATTR_ERROR_TYPE]);
      expect(await otel.unit(name)).toBe('s');
    }
  });

  it('is told by status, with error.type where that side calls it an error', async () => {
    const otel = new Otel();
    const { client } = await served(Echo, {
      ...idle,
      say() {
        throw new RpcError('NOT_FOUND', 'no');
      },
    });
    await rejection(client.say(note('x')));
    const [sent] = await otel.metric('rpc.client.call.duration');
    expect(sent?.attributes).toMatchObject({ 'rpc.status_code': 'NOT_FOUND', 'error.type': 'NOT_FOUND' });
    const [received] = await otel.metric('rpc.server.call.duration');
    expect(received?.attributes).toEqual({ ...method, 'rpc.status_code': 'NOT_FOUND' });
  });

  it('covers all attempts of a call, and all messages of a stream', async () => {
    const otel = new Otel();
    const { client, clock } = await scripted({
      client: { ...idempotent },
      script: (attempt) => (attempt === 0 ? fails() : 'ok'),
      handlers: {
        async *repeat() {
          yield note('a');
          await new Promise<void>((resolve) => clock.setTimer(resolve, 2_000));
          yield note('b');
        },
      },
    });
    await clock.runUntil(client.say(note('x')));
    const read = async () => {
      for await (const _ of client.repeat(note('x')));
    };
    await clock.runUntil(read());
    await settled();
    const points = await otel.metric('rpc.client.call.duration');
    const of = (name: string) => points.find(({ attributes }) => attributes['rpc.method'] === name)?.value as Histogram;
    expect(of('test.Echo/Say').count).toBe(1);
    expect(of('test.Echo/Repeat').sum).toBeGreaterThanOrEqual(2);
  });
});

describe('what a client does', () => {
  it('is counted: attempts by kind and code, retries by cause, calls that were given up', async () => {
    const otel = new Otel();
    const { client, clock } = await scripted({ client: idempotent, script: () => fails() });
    await clock.runUntil(rejection(client.say(note('x'))));
    const values = async (name: string) =>
      (await otel.metric(name)).map(({ attributes, value }) => ({ ...attributes, value }));
    expect(await values('hawser.client.attempts')).toEqual([
      { ...method, 'hawser.attempt.kind': 'first', 'rpc.status_code': 'UNAVAILABLE', value: 1 },
      { ...method, 'hawser.attempt.kind': 'retry', 'rpc.status_code': 'UNAVAILABLE', value: 2 },
    ]);
    expect(await values('hawser.client.retries')).toEqual([
      { ...method, 'hawser.retry.cause': 'UNAVAILABLE', value: 2 },
    ]);
    expect(await values('hawser.client.give_ups')).toEqual([
      { ...method, 'hawser.give_up.reason': 'attempts', value: 1 },
    ]);
    expect(await values('hawser.client.retry.budget.balance')).toEqual([
      { 'hawser.service': 'test.Echo', 'server.address': expect.any(String), value: 98 },
    ]);
  });

  it('counts the attempts of calls that have but one', async () => {
    const otel = new Otel({ spans: false });
    const { client } = await served(Echo, idle, { client: { retry: false } });
    await client.say(note('x'));
    expect(await otel.metric('hawser.client.attempts')).toEqual([
      { attributes: { ...method, 'hawser.attempt.kind': 'first', 'rpc.status_code': 'OK' }, value: 1 },
    ]);
  });

  it('shows the breaker of each address, and each of its changes', async () => {
    const otel = new Otel();
    const { client, clock } = await scripted({
      nodes: ['a', 'b'],
      client: { retry: false, breaker: { failures: 2 } },
      script: (_attempt, node) => (node === 'a' ? fails() : 'ok'),
    });
    for (let i = 0; i < 12; i++)
      await clock.runUntil(
        client.say(note('x')).then(
          () => {},
          () => {},
        ),
      );
    const states = (await otel.metric('hawser.client.breaker.state')).map(({ attributes, value }) => [
      attributes['server.address'],
      value,
    ]);
    expect(states.toSorted()).toEqual([
      ['a', 2],
      ['b', 0],
    ]);
    expect(await otel.metric('hawser.client.breaker.changes')).toEqual([
      {
        attributes: {
          'hawser.service': 'test.Echo',
          'server.address': 'a',
          'hawser.breaker.from': 'closed',
          'hawser.breaker.to': 'open',
        },
        value: 1,
      },
    ]);
  });

  it('is asked for nothing more once it is closed', async () => {
    const otel = new Otel();
    let asked = 0;
    const states = {
      events: new EventHub<ClientEvents>('test', clientEventNames, () => {}),
      service: 'test.Echo',
      target: 'memory',
      addresses: () => [],
      balance: () => {
        asked += 1;
        return 7;
      },
    };
    const client = new ClientMetrics(states);
    expect(client.current).toBeDefined();
    expect(states.events.wants('retry')).toBe(true);
    expect(await otel.metric('hawser.client.retry.budget.balance')).toMatchObject([{ value: 7 }]);
    expect(asked).toBe(1);
    client.close();
    await otel.metricNames();
    expect(asked).toBe(1);
    expect(states.events.wants('retry')).toBe(false);
  });
});

describe('what a server does', () => {
  it('counts the work that it dropped, by how far it had come', async () => {
    const otel = new Otel();
    const blocked = deferred();
    const { client: slow } = await served(Echo, idle, {
      configure: (one) => {
        one.use((_method, next) => async (call) => {
          await blocked.promise;
          return next(call);
        });
      },
    });
    const controller = new AbortController();
    const failed = rejection(slow.say(note('x'), { signal: controller.signal }));
    await settled();
    controller.abort();
    await failed;
    blocked.resolve();
    await settled();
    expect(await otel.metric('hawser.server.discarded')).toEqual([
      { attributes: { ...method, 'hawser.stage': 'handler' }, value: 1 },
    ]);
  });

  it('counts the calls that it refuses by reason and criticality, and times those that wait', async () => {
    const otel = new Otel();
    const { client } = await served(Echo, idle, { server: { quota: { rate: 0.001, burst: 1 } } as never });
    await client.say(note('x'));
    await rejection(client.say(note('x')));
    const [point] = await otel.metric('hawser.server.admission.rejected');
    expect(point).toEqual({
      attributes: { ...method, 'hawser.rejection.reason': 'quota', 'hawser.criticality': 'CRITICAL' },
      value: 1,
    });
  });
});

describe('the table in docs/tracing.md', () => {
  it('has every metric that there is, with its unit, and no other', async () => {
    const otel = new Otel();
    const { client } = await served(Echo, idle);
    await client.say(note('x'));
    const docs = readFileSync(join(repository, 'docs/tracing.md'), 'utf8');
    const rows = [...docs.matchAll(/^\| `((?:rpc|hawser)\.[a-z_.]+)` \| [a-z ]+ \| `([^`]+)` \|/gm)].map(
      ([, name, unit]) => [name as string, unit as string],
    );
    expect(rows.length).toBeGreaterThan(10);
    expect(Object.fromEntries(rows)).toEqual(instrumentUnits());
    for (const name of await otel.metricNames()) expect(rows.map(([row]) => row)).toContain(name);
  });
});
