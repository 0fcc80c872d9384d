/**
 * Headers of a peer who means harm, written by hand, over each way into a server: a listener for gRPC, a grpc-js server of the
 * user's on which Hawser is mounted, and THeader. At worst one call is lost, and no header says more than its sender may.
 */
import { connect as connectHttp2 } from 'node:http2';
import * as grpc from '@grpc/grpc-js';
import { correlation, createServer, silentLogger } from 'hawser';
import { TMessageType } from 'hawser/thrift';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import type { Call } from '../../src/call/call.js';
import { currentCall } from '../../src/call/current.js';
import { criticalityOf } from '../../src/interceptors/criticality.js';
import { Echo, type Note, note } from '../support/echo.js';
import { closeAll, echoMessage, framed, RawPeer, readAnswer, serveParley } from './thrift/harness.js';

afterEach(closeAll);

/** Bytes of the value are sent as they are. */
type Pair = readonly [name: string, value: string];

interface Seen {
  readonly criticality: string;
  readonly correlation: string | undefined;
  readonly traceparent: string | undefined;
}

type Outcome = 'answered' | 'refused' | 'lost';

interface Served {
  readonly seen: Seen[];
  /** What became of calls with these headers, each after the one before. */
  call(...calls: (readonly Pair[])[]): Promise<Outcome[]>;
}

function recorder(): { seen: Seen[]; record: () => void } {
  const seen: Seen[] = [];
  const record = (): void => {
    const call = currentCall() as Call;
    seen.push({
      criticality: criticalityOf(call),
      correlation: correlation(),
      traceparent: call.headers.get('traceparent'),
    });
  };
  return { seen, record };
}

async function grpcServed(mounted: boolean): Promise<Served> {
  const { seen, record } = recorder();
  const say = (request: Note): Note => {
    record();
    return request;
  };
  const server = createServer({ logger: silentLogger }).add(Echo, {
    say,
    tell() {},
    async *repeat() {},
    collect: () => note(''),
    async *chat() {},
  });
  onTestFinished(async () => void (await server.close({ grace: 0 })));
  const address = mounted ? await mountedOn(server) : (await server.listen({ grpc: '127.0.0.1:0' })).grpc;
  const session = connectHttp2(`http://${address}`);
  onTestFinished(() => session.destroy());
  session.on('error', () => {});
  const one = (pairs: readonly Pair[]) =>
    new Promise<Outcome>((resolve) => {
      const headers: Record<string, string[]> = {};
      for (const [name, value] of pairs) headers[name] = [...(headers[name] ?? []), value];
      const stream = session.request({
        ':method': 'POST',
        ':path': Echo.methods.say.path,
        'content-type': 'application/grpc',
        te: 'trailers',
        ...headers,
      });
      const body = Buffer.from(JSON.stringify(note('x')));
      const prefix = Buffer.alloc(5);
      prefix.writeUInt32BE(body.byteLength, 1);
      const told = ({ 'grpc-status': status }: Record<string, unknown>): void => {
        if (status !== undefined) resolve(status === '0' ? 'answered' : 'refused');
      };
      stream.on('response', told).on('trailers', told);
      stream.on('error', () => resolve('lost')).on('close', () => resolve('lost'));
      stream.resume();
      stream.end(Buffer.concat([prefix, body]));
    });
  return {
    seen,
    async call(...calls) {
      const outcomes: Outcome[] = [];
      for (const pairs of calls) outcomes.push(await one(pairs));
      return outcomes;
    },
  };
}

async function mountedOn(server: ReturnType<typeof createServer>): Promise<string> {
  const own = new grpc.Server();
  server.mount(own as never);
  const port = await new Promise<number>((resolve, reject) => {
    const credentials = grpc.ServerCredentials.createInsecure();
    own.bindAsync('127.0.0.1:0', credentials, (error, bound) => (error === null ? resolve(bound) : reject(error)));
  });
  onTestFinished(() => own.forceShutdown());
  return `127.0.0.1:${port}`;
}

async function thriftServed(): Promise<Served> {
  const { seen, record } = recorder();
  const echo = async ({ text }: Record<string, unknown>) => {
    record();
    return text;
  };
  const { port } = await serveParley({}, { handlers: { echo } });
  const peer = await RawPeer.connect(port);
  return {
    seen,
    async call(...calls) {
      const outcomes: Outcome[] = [];
      for (const pairs of calls) {
        peer.send(framed(headerFrame(pairs, echoMessage('x', { seqid: 7 }))));
        const answer = await peer.frame();
        const { type } = readAnswer(answer.subarray(10 + answer.readUInt16BE(8) * 4));
        outcomes.push(type === TMessageType.REPLY ? 'answered' : 'refused');
      }
      return outcomes;
    },
  };
}

/** A THeader frame without its length: anything may be in its headers. */
function headerFrame(pairs: readonly Pair[], payload: Buffer): Buffer {
  const text = (value: string): Buffer[] => [varint(value.length), Buffer.from(value, 'latin1')];
  const info = [
    Buffer.from([1]),
    varint(pairs.length),
    ...pairs.flatMap(([name, value]) => [...text(name), ...text(value)]),
  ];
  const block = Buffer.concat([Buffer.from([0, 0]), ...(pairs.length === 0 ? [] : info)]);
  const padded = Buffer.concat([block, Buffer.alloc((4 - (block.length % 4)) % 4)]);
  const fixed = Buffer.from([0x0f, 0xff, 0, 0, 0, 0, 0, 7, 0, 0]);
  fixed.writeUInt16BE(padded.length / 4, 8);
  return Buffer.concat([fixed, padded, payload]);
}

function varint(value: number): Buffer {
  const bytes = [];
  for (; value > 127; value >>= 7) bytes.push((value & 127) | 128);
  return Buffer.from([...bytes, value]);
}

const ways = {
  'a gRPC listener': () => grpcServed(false),
  'a grpc-js server on which we are mounted': () => grpcServed(true),
  'Thrift with THeader': thriftServed,
};

describe.each(Object.entries(ways))('%s', (_, serve) => {
  it.each<[string, readonly Pair[]]>([
    [
      'twice the same',
      [
        ['x-correlation-id', 'one'],
        ['x-correlation-id', 'two'],
        ['traceparent', `00-${'1'.repeat(32)}-${'1'.repeat(16)}-01`],
        ['traceparent', `00-${'2'.repeat(32)}-${'2'.repeat(16)}-01`],
        ['hawser-criticality', 'SHEDDABLE'],
        ['hawser-criticality', 'CRITICAL_PLUS'],
      ],
    ],
    [
      'bytes that are no text',
      [
        ['x-correlation-id', '\u00ff\u00fe'],
        ['traceparent', '\u0080'.repeat(55)],
        ['hawser-criticality', '\u00e9'],
        ['x-some-bin', '!!!'],
      ],
    ],
    [
      'a trace that is none',
      [
        ['traceparent', `00-${'0'.repeat(32)}-${'0'.repeat(16)}-01`],
        ['tracestate', ',,=,'],
        ['baggage', ';;='],
      ],
    ],
    ['a criticality that only the trusted may claim', [['hawser-criticality', 'CRITICAL_PLUS']]],
  ])('takes nothing from %s, and serves the call', async (_name, pairs) => {
    const { seen, call } = await serve();
    expect(await call(pairs, [])).toEqual(['answered', 'answered']);
    for (const one of seen) {
      expect(one.criticality).toBe('CRITICAL');
      expect(one.correlation).toMatch(/^[0-9a-f-]{32,36}$/);
      expect(one.correlation).not.toMatch(/^[012]+$/);
    }
  });

  it('loses no other call to 100 KB of headers', async () => {
    const { seen, call } = await serve();
    const [before, huge, after] = await call([], [['x-much', 'a'.repeat(100_000)]], []);
    expect([before, after]).toEqual(['answered', 'answered']);
    expect(['refused', 'lost']).toContain(huge);
    expect(seen).toHaveLength(2);
  });
});
