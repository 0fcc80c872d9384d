/** How OpenTelemetry is found: not at all, late, and gone again. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import * as api from '@opentelemetry/api';
import { createClient, createServer, MemoryNetwork, useOpenTelemetry } from 'hawser';
import { describe, expect, it } from 'vitest';
import { tracing } from '../../src/telemetry/open-telemetry.js';
import { Echo, note } from '../support/echo.js';
import { Otel } from '../support/otel.js';
import { repository } from '../support/scratch.js';
import { served } from '../support/served.js';

const idle = {
  say: (request: { text: string; count: number }) => request,
  tell: () => {},
  async *repeat() {},
  collect: () => note(''),
  async *chat() {},
};

describe('a program without OpenTelemetry', () => {
  it('never loads its API, also while it makes calls', async () => {
    const program = `
      import { createRequire } from 'node:module';
      import { createClient, createServer, MemoryNetwork } from 'hawser';
      import { Echo, note } from './test/support/echo.ts';
      const network = new MemoryNetwork();
      const server = createServer().add(Echo, { say: (r) => r, tell() {}, async *repeat() { yield note('x') }, collect: () => note(''), async *chat() {} });
      await server.listen({ memory: network });
      const client = createClient(Echo, network);
      await client.say(note('x'));
      for await (const _ of client.repeat(note('x')));
      await client.$close();
      await server.close();
      const loaded = Object.keys(createRequire(import.meta.url).cache).filter((file) => file.includes('@opentelemetry'));
      console.log(JSON.stringify({ loaded, symbol: Symbol.for('opentelemetry.js.api.1') in globalThis }));
    `;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--conditions=hawser-source', '--import', import.meta.resolve('tsx'), '--input-type=module', '--eval', program],
      { cwd: repository },
    );
    expect(JSON.parse(stdout)).toEqual({ loaded: [], symbol: false });
  });

  it('has calls without a trace, and nobody who listens for events', async () => {
    let trace: unknown = 'none was looked for';
    const { client } = await served(Echo, idle, {
      client: {
        interceptors: [
          (_method, next) => (call) => {
            trace = call.trace;
            return next(call);
          },
        ],
      },
    });
    await client.say(note('x'));
    expect(trace).toBeUndefined();
    expect(tracing()).toBeUndefined();
  });
});

describe('an SDK', () => {
  it('that is registered after the server and the client were made sees their next call', async () => {
    const { client } = await served(Echo, idle);
    await client.say(note('x'));
    const otel = new Otel();
    await client.say(note('x'));
    expect(otel.spans).toHaveLength(3);
    expect(await otel.metric('rpc.server.call.duration')).toHaveLength(1);
  });

  it('that is gone is asked no more, and another one takes its place', async () => {
    const { client } = await served(Echo, idle);
    const first = new Otel();
    await client.say(note('x'));
    first.unregister();
    await client.say(note('x'));
    expect(first.spans).toHaveLength(3);
    const second = new Otel();
    await client.say(note('x'));
    expect(first.spans).toHaveLength(3);
    expect(second.spans).toHaveLength(3);
    expect(await second.metric('hawser.client.attempts')).toMatchObject([{ value: 1 }]);
  });

  it('of metrics alone gets no spans, and one of spans alone needs no metrics', async () => {
    const { client } = await served(Echo, idle);
    const meters = new Otel({ spans: false, propagators: false });
    await client.say(note('x'));
    expect(meters.spans).toEqual([]);
    expect(await meters.metricNames()).toContain('rpc.client.call.duration');
    meters.unregister();
    const tracer = new Otel({ metrics: false });
    await client.say(note('x'));
    expect(tracer.spans).toHaveLength(3);
  });

  it('sees nothing of a client and a server that were made with telemetry: false', async () => {
    const otel = new Otel();
    const { client } = await served(Echo, idle, { client: { telemetry: false }, server: { telemetry: false } });
    await client.say(note('x'));
    expect(otel.spans).toEqual([]);
    expect(await otel.metricNames()).toEqual([]);
  });

  it.each([0, -1, Number.NaN, '1 fortnight', '2000d'])('a long stream of %s is refused, by name', (longStream) => {
    const network = new MemoryNetwork();
    expect(() => createServer({ telemetry: { longStream } })).toThrow(/telemetry\.longStream/);
    expect(() => createClient(Echo, network, { telemetry: { longStream } })).toThrow(/telemetry\.longStream/);
  });

  it('may be handed over where it cannot be found', async () => {
    expect(() => useOpenTelemetry({})).toThrow(TypeError);
    useOpenTelemetry(api);
    const otel = new Otel();
    const { client } = await served(Echo, idle);
    await client.say(note('x'));
    expect(otel.spans).toHaveLength(3);
  });
});
