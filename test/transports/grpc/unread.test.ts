/** Answers over gRPC that a peer asks for and does not read: bounded for its connection and for the listener. */
import { type ClientHttp2Session, connect } from 'node:http2';
import { createClient, createServer, type ServerOptions } from 'hawser';
import { afterEach, describe, expect, it } from 'vitest';
import { refusals } from '../../../src/call/refusals.js';
import { defaultOutput } from '../../../src/transports/grpc/server-options.js';
import { Echo, note } from '../../support/echo.js';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const large = note('x'.repeat(1_000_000));

async function serve(grpc: ServerOptions['grpc']) {
  const warned: string[] = [];
  const logger = { debug() {}, info() {}, error() {}, warn: (_: object, text: string) => void warned.push(text) };
  const served = { begun: 0, gone: 0, release: () => {} };
  const released = new Promise<void>((resolve) => {
    served.release = resolve;
  });
  const server = createServer({ logger, grpc: { engine: 'own', ...grpc } });
  server.add(Echo, {
    tell: () => {},
    async *repeat() {},
    collect: () => note(''),
    async *chat() {},
    say: async (request: { text: string; count: number }, call: { signal: AbortSignal }) => {
      if (request.text !== 'large') return request;
      served.begun += 1;
      call.signal.addEventListener('abort', () => {
        served.gone += 1;
      });
      await released;
      return large;
    },
  } as never);
  const { grpc: address } = await server.listen({ grpc: '127.0.0.1:0' });
  closing.push(() => server.close({ grace: 0 }));
  return { address, warned, served };
}

/** A peer that asks, and reads no answer: what it gets stays behind the windows of its streams. */
function asks(address: string, count: number): ClientHttp2Session {
  const session = connect(`http://${address}`, { settings: { initialWindowSize: 0 } });
  session.on('error', () => {});
  closing.push(() => session.destroy());
  const message = Buffer.from(JSON.stringify(note('large')));
  const frame = Buffer.concat([Buffer.of(0, 0, 0, 0, message.length), message]);
  for (let n = 0; n < count; n++) {
    const headers = {
      ':method': 'POST',
      ':path': '/test.Echo/Say',
      'content-type': 'application/grpc',
      te: 'trailers',
    };
    const stream = session.request(headers);
    stream.on('error', () => {});
    stream.end(frame);
  }
  return session;
}

const gone = (session: ClientHttp2Session) =>
  session.destroyed ? Promise.resolve() : new Promise<void>((resolve) => session.once('close', () => resolve()));

async function works(address: string): Promise<void> {
  const client = createClient(Echo, `grpc://${address}`, { retry: false });
  closing.push(() => client.$close());
  await expect(client.say(note('honest'))).resolves.toMatchObject({ text: 'honest' });
}

describe('answers that nobody reads', () => {
  it('cost the peer its connection above what may wait on it, and no other caller a call', async () => {
    const { address, warned, served } = await serve({ maxOutputBytes: 5_000_000 });
    const before = refusals('OUTPUT_UNREAD');
    const peer = asks(address, 50);
    await expect.poll(() => served.begun).toBe(50);
    const closed = gone(peer);
    served.release();
    await closed;
    expect(refusals('OUTPUT_UNREAD')).toBe(before + 1);
    expect(warned).toEqual([
      expect.stringMatching(/closed: \d+ bytes wait .* the limit is 5000000 \(grpc.maxOutputBytes\)/),
    ]);
    await works(address);
  });

  it('are bounded for all connections of the listener: the one that holds most is cut off', async () => {
    const { address, warned, served } = await serve({ maxServerBytes: 10_000_000 });
    const before = refusals('SERVER_BYTES');
    const [modest, greedy] = [asks(address, 2), asks(address, 12)];
    await expect.poll(() => served.begun).toBe(14);
    const closed = gone(greedy);
    served.release();
    await closed;
    expect(refusals('SERVER_BYTES')).toBe(before + 1);
    expect(warned.join()).toMatch(/and this one most, \d+; the limit is 10000000 \(grpc.maxServerBytes\)/);
    expect(modest.destroyed).toBe(false);
    await works(address);
  });

  it('have defaults, and options that say what cannot be meant', () => {
    expect(defaultOutput.maxOutputBytes).toBe(67_108_864);
    expect(() => createServer({ grpc: { maxOutputBytes: 0 } })).toThrow(/grpc\.maxOutputBytes/);
    expect(() => createServer({ grpc: { maxServerBytes: -1 } })).toThrow(/grpc\.maxServerBytes/);
    expect(() => createServer({ grpc: { maxConnectionIdle: '0s' } })).toThrow(/grpc\.maxConnectionIdle/);
  });
});

describe.each(['own', 'node'] as const)('a connection without a call (%s)', (engine) => {
  it('is ended in good order after the time that it may be idle', async () => {
    const { address } = await serve({ engine, maxConnectionIdle: 300 });
    const session = asks(address, 0);
    let goAway: number | undefined;
    session.on('goaway', (code) => {
      goAway = code;
    });
    await gone(session);
    expect(goAway).toBe(0);
    await works(address);
  });
});
