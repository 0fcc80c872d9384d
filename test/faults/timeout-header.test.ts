/**
 * `grpc-timeout` as it leaves, on real sockets: recorded by servers that are nothing but HTTP/2 or bytes, from clients
 * whose clock stands still while the wire works, so that each attempt has one right value to the nanosecond.
 */
import { createServer as createHttp2 } from 'node:http2';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { createClient, RpcError, silentLogger } from 'hawser';
import { VirtualClock } from 'hawser/testing';
import { TMessageType, writeMessage } from 'hawser/thrift';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { formatTimeout, parseTimeout } from '../../src/call/deadline.js';
import { HeaderMap } from '../../src/call/headers.js';
import { encodeError, withStatusHeaders } from '../../src/transports/thrift/application-errors.js';
import { defaultLimits } from '../../src/transports/thrift/limits.js';
import { decodeHeaderFrame, encodeHeaderFrame } from '../../src/transports/thrift/theader.js';
import { Echo } from '../support/echo.js';
import { rejection } from '../support/scripted.js';
import { runs } from '../support/soak.js';
import { closeAll, rawServer, readAnswer, replyMessage } from '../transports/thrift/harness.js';
import { Parley } from '../transports/thrift/parley.js';

interface Rig {
  readonly clock: VirtualClock;
  /** The raw headers, in the order they came. */
  readonly headers: (string | string[] | undefined)[];
  /** ms after which the next attempts are told to come again; when it is empty they are answered. */
  readonly waits: number[];
  call(timeout: number): PromiseLike<unknown>;
  /** Resolves at each attempt that is to come. */
  retried(): Promise<void>;
}

const refused = new RpcError('UNAVAILABLE', 'not now', { disposition: 'not-executed' });

function clientOptions(clock: VirtualClock) {
  return { clock, logger: silentLogger, retry: { maxAttempts: 5 }, budget: { perSecond: 10_000 } } as const;
}

/** The n-th call of `retried` resolves with the n-th event. */
function retries(client: { $on(name: 'retry', fn: () => void): unknown }): () => Promise<void> {
  let events = 0;
  let waiting: (() => void) | undefined;
  client.$on('retry', () => {
    events += 1;
    waiting?.();
  });
  return async () => {
    if (events === 0) await new Promise<void>((resolve) => (waiting = resolve));
    waiting = undefined;
    events -= 1;
  };
}

async function grpcRig(): Promise<Rig> {
  const headers: Rig['headers'] = [];
  const waits: number[] = [];
  const server = createHttp2();
  server.on('stream', (stream, received) => {
    headers.push(received['grpc-timeout']);
    const wait = waits.shift();
    const opening = { ':status': 200, 'content-type': 'application/grpc' };
    stream.resume();
    if (wait !== undefined) {
      const status = { 'grpc-status': '14', 'hawser-disposition': 'not-executed', 'grpc-retry-pushback-ms': `${wait}` };
      stream.respond({ ...opening, ...status }, { endStream: true });
      return;
    }
    stream.respond(opening, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    const body = Buffer.from(JSON.stringify({ text: '', count: 0 }));
    stream.end(Buffer.concat([Buffer.from([0, 0, 0, 0, body.length]), body]));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const clock = new VirtualClock();
  const client = createClient(Echo, `grpc://127.0.0.1:${(server.address() as AddressInfo).port}`, clientOptions(clock));
  onTestFinished(() => client.$close());
  const call = (timeout: number) => client.say({ text: '' }, { timeout });
  return { clock, headers, waits, retried: retries(client), call };
}

async function thriftRig(): Promise<Rig> {
  const headers: Rig['headers'] = [];
  const waits: number[] = [];
  const opening = { limits: defaultLimits, zlib: false };
  const { port } = await rawServer(async (peer) => {
    for (;;) {
      const frame = await peer.frame().catch(() => undefined);
      if (frame === undefined) return;
      const { headers: received, payload, sequenceId } = decodeHeaderFrame(frame, opening);
      headers.push(...((received?.getAll('grpc-timeout') ?? [undefined]) as string[]));
      const { seqid } = readAnswer(payload);
      const wait = waits.shift();
      const head = { protocol: 'binary', sequenceId, zlib: false } as const;
      if (wait === undefined) {
        peer.send(encodeHeaderFrame({ ...head, headers: undefined }, replyMessage('', { seqid }), defaultLimits));
        continue;
      }
      const told = withStatusHeaders(new HeaderMap({ 'grpc-retry-pushback-ms': `${wait}` }), refused);
      const body = writeMessage('binary', 'echo', TMessageType.EXCEPTION, seqid, encodeError(refused, 'binary'));
      peer.send(encodeHeaderFrame({ ...head, headers: told }, body, defaultLimits));
    }
  });
  const clock = new VirtualClock();
  const client = createClient(Parley, `thrift://127.0.0.1:${port}?wire=header`, clientOptions(clock));
  onTestFinished(() => client.$close());
  const call = (timeout: number) => client.echo({ text: '' } as never, { timeout }) as PromiseLike<unknown>;
  return { clock, headers, waits, retried: retries(client), call };
}

/** From 1 ns to 30 days, as likely in each order of magnitude, and the edges. */
const timeouts = fc.oneof(
  fc
    .double({ min: -6, max: Math.log10(30 * 86_400_000), noNaN: true })
    .map((power) => Math.min(30 * 86_400_000, Math.max(1e-6, 10 ** power))),
  fc.constantFrom(1e-6, 99.999999, 100, 99_999.999, 100_000, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 30 * 86_400_000),
);

describe.each([
  ['gRPC', grpcRig],
  ['THeader', thriftRig],
] as const)('grpc-timeout on %s, from 1 ns to 30 days', (_wire, rig) => {
  afterEach(closeAll);

  it('is what is left when each attempt leaves, rounded down by less than its unit', async () => {
    const { clock, headers, waits, call, retried } = await rig();
    await fc.assert(
      fc.asyncProperty(timeouts, fc.array(fc.nat(2_000_000), { maxLength: 4 }), async (timeout, pauses) => {
        // Late on a clock a nanosecond is less than what a double can tell apart.
        fc.pre(clock.now() + timeout - clock.now() >= 1e-6);
        headers.length = 0;
        let left = timeout;
        const taken: number[] = [];
        // No attempt is begun with less than 5 ms left, which is no question of the header's.
        for (const pause of pauses) {
          if (left - pause < 10) break;
          taken.push(pause);
          left -= pause;
        }
        waits.push(...taken);
        const began = clock.now();
        const done = call(timeout);
        for (const pause of taken) {
          await retried();
          await clock.advance(pause);
        }
        await done;
        expect(headers).toHaveLength(taken.length + 1);
        const at = began + timeout;
        let now = began;
        for (const [i, header] of headers.entries()) {
          const is = at - now;
          expect(header).toBe(formatTimeout(is));
          expect(header).toMatch(/^\d{1,8}[HMSmun]$/);
          expect(parseTimeout(header as string)).toBeLessThanOrEqual(is);
          if (is > 1e-6) expect(parseTimeout(header as string)).toBeGreaterThan(0);
          now += taken[i] ?? 0;
        }
      }),
      { numRuns: runs(150) },
    );
  }, 60_000);

  it.each([
    [1e-6, '1n'],
    [1e-5, '10n'],
    [99.999999, '99999999n'],
    [100, '100000u'],
    [2 ** 31 - 1, '2147483S'],
    [2 ** 31, '2147483S'],
    [30 * 86_400_000, '2592000S'],
  ])('of %d ms is %s', async (timeout, header) => {
    const { headers, call } = await rig();
    await call(timeout);
    expect(headers).toEqual([header]);
  });

  it('is never sent by a call whose time is up: that call does not leave', async () => {
    const { headers, call } = await rig();
    await rejection(call(0));
    await rejection(call(1e-7));
    expect(headers).toEqual([]);
  });
});
