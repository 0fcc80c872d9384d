/** What one peer of a Thrift port may take: of time, of a turn of the event loop, of memory. */
import { randomBytes } from 'node:crypto';
import { deflateSync } from 'node:zlib';
import { createClient, setDecodeLimits } from 'hawser';
import { writeMessage } from 'hawser/thrift';
import { afterEach, describe, expect, it } from 'vitest';
import { Call } from '../../../src/call/call.js';
import { systemClock } from '../../../src/call/clock.js';
import { HeaderMap } from '../../../src/call/headers.js';
import { refusals } from '../../../src/call/refusals.js';
import { decodedBytes } from '../../../src/contract/decode-budget.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';
import { Holdings } from '../../../src/transports/holdings.js';
import { thriftTransport } from '../../../src/transports/thrift/client.js';
import { encodeAside, encodeEnvelope, isLarge } from '../../../src/transports/thrift/envelope.js';
import { FrameTimer } from '../../../src/transports/thrift/frame-timer.js';
import { defaultLimits } from '../../../src/transports/thrift/limits.js';
import { decodeHeaderFrame, encodeHeaderFrame } from '../../../src/transports/thrift/theader.js';
import { rejection } from '../../support/scripted.js';
import { closeAll, closing, echoMessage, framed, RawPeer, rawServer, replyMessage, serveParley } from './harness.js';
import { Parley } from './parley.js';

afterEach(closeAll);

function message(name: 'slow' | 'blob', args: Record<string, unknown>, seqid: number): Buffer {
  return framed(writeMessage('binary', name, 1, seqid, Parley.methods[name].request.encode(args as never, 'binary')));
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a frame that dribbles', () => {
  const pace = { wholeMs: 60_000, leastRate: 100 };

  it('is given up when it has a byte now and then', async () => {
    const clock = new VirtualClock();
    const stalls: [string, number][] = [];
    const timer = new FrameTimer(clock, 10_000, (how) => stalls.push([how, clock.now()]), pace);
    timer.watch(true);
    for (let i = 0; i < 10; i++) {
      await clock.advance(9_000);
      timer.progress(1);
      timer.watch(true);
    }
    // The byte at 9 s is worth 10 ms.
    expect(stalls[0]).toEqual(['slow', 10_010]);
  });

  it('is given up when it has taken too long in all, however steadily it came', async () => {
    const clock = new VirtualClock();
    const stalls: [string, number][] = [];
    const timer = new FrameTimer(clock, 10_000, (how) => stalls.push([how, clock.now()]), pace);
    timer.watch(true);
    for (let i = 0; i < 70 && stalls.length === 0; i++) {
      await clock.advance(1_000);
      timer.progress(200);
      timer.watch(true);
    }
    expect(stalls).toEqual([['long', 60_000]]);
  });

  it('does not count against the frames that were complete before it', async () => {
    const clock = new VirtualClock();
    const stalls: unknown[] = [];
    const timer = new FrameTimer(clock, 10_000, (how) => stalls.push(how), pace);
    for (let i = 0; i < 100; i++) {
      timer.progress(1);
      timer.watch(true, true);
      await clock.advance(5_000);
    }
    expect(stalls).toEqual([]);
  });

  it.each([
    ['framed', framed(echoMessage('dribble')), {}],
    ['unframed', echoMessage('dribble'), {}],
    [
      'THeader',
      encodeHeaderFrame(
        { protocol: 'binary', sequenceId: 1, zlib: false, headers: undefined },
        echoMessage('dribble'),
        defaultLimits,
      ),
      {},
    ],
  ])('ends its connection, %s', async (_, bytes) => {
    const clock = new VirtualClock();
    const before = refusals('FRAME_TOO_SLOW');
    const served = await serveParley({}, { clock });
    const peer = await RawPeer.connect(served.port);
    for (let i = 0; i < bytes.length && !peer.ended; i++) {
      peer.send(bytes.subarray(i, i + 1));
      for (let n = 0; n < 20; n++) await turn();
      await clock.advance(9_000);
      for (let n = 0; n < 20; n++) await turn();
    }
    await peer.gone();
    expect(served.log.map((line) => line.message).join()).toMatch(/less than 1024 bytes a second \(minFrameRate\)/);
    expect(refusals('FRAME_TOO_SLOW')).toBe(before + 1);
  });
});

describe('a turn of the event loop', () => {
  it('is shared: a connection that floods has 128 calls in each, and another is served after the first', async () => {
    let turns = 0;
    let counting = true;
    const count = (): void => {
      turns++;
      if (counting) setImmediate(count);
    };
    setImmediate(count);
    const order: { readonly text: string; readonly turn: number }[] = [];
    const echo = ({ text }: Record<string, unknown>): unknown => {
      order.push({ text: text as string, turn: turns });
      return text;
    };
    const served = await serveParley({}, { handlers: { echo }, admission: false });
    const flood = await RawPeer.connect(served.port);
    const other = await RawPeer.connect(served.port);
    const calls = 5_000;
    flood.send(...Array.from({ length: calls }, (_, i) => framed(echoMessage('flood', { seqid: i }))));
    other.send(framed(echoMessage('other', { seqid: 1 })));
    await other.frame();
    for (let i = 0; i < calls; i++) await flood.frame();
    counting = false;
    const inTurns = new Map<number, number>();
    for (const one of order) if (one.text === 'flood') inTurns.set(one.turn, (inTurns.get(one.turn) ?? 0) + 1);
    expect(Math.max(...inTurns.values())).toBeLessThanOrEqual(defaultLimits.maxPerTurn);
    expect(inTurns.size).toBeGreaterThanOrEqual(calls / defaultLimits.maxPerTurn);
    // The flood had sent all before; the other call did not wait for it.
    expect(order.findIndex(({ text }) => text === 'other')).toBeLessThan(calls / 2);
  });
});

describe('the order of service', () => {
  it('is by turns: of two connections that flood at once each has at most 128 calls, then the other', async () => {
    const order: string[] = [];
    const echo = ({ text }: Record<string, unknown>): unknown => order.push(text as string) && text;
    const served = await serveParley({}, { handlers: { echo }, admission: false });
    const peers = { a: await RawPeer.connect(served.port), b: await RawPeer.connect(served.port) };
    for (const peer of Object.values(peers)) {
      peer.send(framed(echoMessage('first')));
      await peer.frame();
    }
    order.length = 0;
    // Both are in the sockets' buffers before the server looks.
    for (const [name, peer] of Object.entries(peers)) {
      peer.send(Buffer.concat(Array.from({ length: 500 }, (_, i) => framed(echoMessage(name, { seqid: i })))));
    }
    for (const peer of Object.values(peers)) for (let i = 0; i < 500; i++) await peer.frame();
    const inOneGo = [...order.join('').matchAll(/a+|b+/g)].map(([run]) => run.length);
    expect(inOneGo.reduce((sum, length) => sum + length)).toBe(1_000);
    expect(inOneGo.slice(0, -1).every((length) => length <= defaultLimits.maxPerTurn)).toBe(true);
    // 500 calls are four slices of each; the last two of one may follow each other.
    expect(inOneGo.length).toBeGreaterThanOrEqual(7);
  });
});

describe('an answer that dribbles', () => {
  it('ends with its connection when it comes too slowly', async () => {
    const clock = new VirtualClock();
    const { port, peers } = await rawServer(() => {});
    const transport = thriftTransport({ address: `127.0.0.1:${port}`, wire: 'binary', clock });
    closing({ close: () => transport.close(0) });
    const method = Parley.methods.echo;
    const request = method.request.encode({ text: 'slow' }, 'binary');
    const call = new Call({ method, side: 'client', encoding: 'binary', request });
    const outcome = rejection(transport.bind(method)(call) as Promise<unknown>);
    while (peers[0] === undefined) await turn();
    await peers[0].frame();
    const before = refusals('FRAME_TOO_SLOW');
    for (const byte of framed(replyMessage('slow'))) {
      if (peers[0].ended) break;
      peers[0].send(Buffer.from([byte]));
      for (let n = 0; n < 20; n++) await turn();
      await clock.advance(9_000);
    }
    expect(await outcome).toMatchObject({ code: 'UNAVAILABLE', message: expect.stringContaining('minFrameRate') });
    expect(refusals('FRAME_TOO_SLOW')).toBe(before + 1);
  });

  it('ends with the deadline of its call, however the bytes come', async () => {
    const { port, peers } = await rawServer(() => {});
    const client = createClient(Parley, `thrift://127.0.0.1:${port}?wire=binary`, { retry: false }) as unknown as {
      echo(request: object, options: object): Promise<string>;
      $close(): Promise<void>;
    };
    const answer = framed(replyMessage('x'.repeat(100_000)));
    let at = 0;
    const dribble = setInterval(() => {
      if (peers[0] !== undefined && !peers[0].ended) peers[0].send(answer.subarray(at, ++at));
    }, 5);
    try {
      const error = await rejection(client.echo({ text: 'slow' }, { timeout: '200ms' }));
      expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    } finally {
      clearInterval(dribble);
      await client.$close();
    }
  });
});

describe('a large message that leaves compressed', () => {
  it('is deflated aside, and keeps its place, at either end', async () => {
    const served = await serveParley({ zlib: true });
    const transport = thriftTransport({
      address: `127.0.0.1:${served.port}`,
      wire: 'header',
      clock: systemClock,
      zlib: true,
      maxConnections: 1,
    });
    closing({ close: () => transport.close(0) });
    const method = Parley.methods.echo;
    const done: number[] = [];
    const texts = ['first', 'fish '.repeat(400_000), 'between', 'cod '.repeat(300_000), 'last'];
    const answers = texts.map(async (text, n) => {
      const request = method.request.encode({ text }, transport.encoding);
      const call = new Call({ method, side: 'client', encoding: transport.encoding, request });
      const bytes = (await transport.bind(method)(call)) as Uint8Array;
      done.push(n);
      return method.response.decode(bytes, transport.encoding);
    });
    expect((await Promise.all(answers)).every((text, n) => text === texts[n])).toBe(true);
    expect(done).toEqual([0, 1, 2, 3, 4]);
  });

  it('is never deflated at once', () => {
    const envelope = { layers: 'header', protocol: 'binary', zlib: true } as const;
    const of = (size: number) => ({
      name: 'blob',
      type: 2 as const,
      sequenceId: 1,
      body: Buffer.alloc(size),
      headers: undefined,
    });
    expect(isLarge(envelope, Buffer.alloc(65_536))).toBe(false);
    expect(isLarge(envelope, Buffer.alloc(65_537))).toBe(true);
    expect(encodeEnvelope(envelope, of(60_000), defaultLimits).length).toBeLessThan(1_000);
    expect(encodeEnvelope(envelope, of(70_000), defaultLimits).length).toBeGreaterThan(70_000);
    let later: unknown;
    encodeAside(envelope, of(70_000), defaultLimits, (bytes) => {
      later = bytes;
    });
    expect(later).toBeUndefined();
  });

  it('costs its own call only when it is too large all the same', async () => {
    const served = await serveParley({ zlib: true });
    const transport = thriftTransport({
      address: `127.0.0.1:${served.port}`,
      wire: 'header',
      clock: systemClock,
      zlib: true,
      maxConnections: 1,
      limits: { maxFrameBytes: 100_000 },
    });
    closing({ close: () => transport.close(0) });
    const method = Parley.methods.echo;
    const echo = (text: string): Promise<unknown> => {
      const request = method.request.encode({ text }, transport.encoding);
      return transport.bind(method)(
        new Call({ method, side: 'client', encoding: transport.encoding, request }),
      ) as Promise<unknown>;
    };
    const large = rejection(echo(randomBytes(200_000).toString('base64')));
    const next = echo('next');
    expect(await large).toMatchObject({ reason: 'MESSAGE_TOO_LARGE', disposition: 'not-executed' });
    await next;
  });
});

describe('a compressed payload', () => {
  const options = { limits: defaultLimits, zlib: true };
  const compressed = (bytes: Uint8Array): Buffer =>
    encodeHeaderFrame({ protocol: 'binary', sequenceId: 7, zlib: true, headers: undefined }, bytes, defaultLimits);

  it('is inflated at once up to 64 KiB, aside above, and refused in more layers than one', () => {
    const small = decodeHeaderFrame(compressed(Buffer.alloc(65_536)).subarray(4), options);
    expect(small).toMatchObject({ compressed: false, payload: { length: 65_536 } });
    const large = compressed(Buffer.alloc(65_537)).subarray(4);
    expect(decodeHeaderFrame(large, options)).toMatchObject({ compressed: true });
    const twice = Buffer.concat([
      Buffer.from('0fff00000000000100010002', 'hex'),
      Buffer.from([1, 1]),
      deflateSync(deflateSync(Buffer.alloc(100))),
    ]);
    expect(() => decodeHeaderFrame(twice, options)).toThrow('announces 2 transforms; at most 1 is undone');
  });

  it('of many megabytes keeps its place among the calls, and its answer comes whole', async () => {
    const served = await serveParley({ zlib: true });
    const peer = await RawPeer.connect(served.port);
    const text = 'fish '.repeat(1_000_000);
    peer.send(
      compressed(echoMessage('first', { seqid: 1 })),
      compressed(echoMessage(text, { seqid: 2 })),
      compressed(echoMessage('last', { seqid: 3 })),
    );
    const ids: number[] = [];
    for (let i = 0; i < 3; i++) ids.push((await peer.frame()).readInt32BE(4));
    expect(ids).toEqual([1, 2, 3]);
    expect(served.server.admission()).toMatchObject({ refused: 0 });
  });

  it('over the limit is refused, and the connection lives on', async () => {
    const served = await serveParley({ zlib: true, limits: { maxFrameBytes: 100_000 } });
    const peer = await RawPeer.connect(served.port);
    peer.send(compressed(Buffer.alloc(1_000_000)), compressed(echoMessage('next', { seqid: 2 })));
    expect((await peer.frame()).toString('latin1')).toContain('more than 100000 bytes once decompressed');
    expect((await peer.frame()).readInt32BE(4)).toBe(2);
  });
});

describe('what connections hold', () => {
  it('is bounded for the server: the one that holds most is cut off, others keep their answers', async () => {
    const before = refusals('SERVER_BYTES');
    const served = await serveParley({ limits: { maxServerBytes: 4_000_000 } });
    const greedy = await RawPeer.connect(served.port);
    const modest = await RawPeer.connect(served.port);
    // Their first calls do not end, so the answers behind them wait.
    greedy.send(message('slow', { text: 'greedy' }, 0));
    modest.send(message('slow', { text: 'modest' }, 0), message('blob', { size: 900_000 }, 1));
    greedy.send(...Array.from({ length: 4 }, (_, i) => message('blob', { size: 900_000 }, i + 1)));
    await greedy.gone();
    expect(refusals('SERVER_BYTES')).toBe(before + 1);
    expect(served.log.map((line) => line.message).join()).toMatch(/and this one most, \d+; the limit is 4000000/);
    served.slow.get('modest')?.();
    await modest.frame();
    expect((await modest.frame()).length).toBeGreaterThan(900_000);
  });

  it('counts requests in flight: above their bytes a connection is read no further', async () => {
    const served = await serveParley({ limits: { maxInFlightBytes: 10_000 } });
    const peer = await RawPeer.connect(served.port);
    const texts = ['a', 'b', 'c'].map((letter) => letter.repeat(6_000));
    peer.send(...texts.map((text, i) => message('slow', { text }, i)));
    while (served.slow.size < 2) await turn();
    for (let i = 0; i < 50; i++) await turn();
    expect(served.slow.size).toBe(2);
    served.slow.get(texts[0] as string)?.();
    while (served.slow.size < 3) await turn();
  });

  it('finds the largest among those that hold much', () => {
    const cut: string[] = [];
    const holder = (name: string, heldBytes: number, owner = name) => ({
      heldBytes,
      owner,
      cutOff: () => void cut.push(name),
    });
    const holdings = new Holdings(100_000);
    const [small, medium, large] = [holder('s', 20_000), holder('m', 30_000), holder('l', 49_000)];
    for (const one of [large, medium, small]) holdings.grown(one, one.heldBytes);
    expect(cut).toEqual([]);
    const last = holder('x', 40_000);
    holdings.grown(last, last.heldBytes);
    expect(cut).toEqual(['l']);
    // Many connections of one caller weigh together.
    const many = Array.from({ length: 4 }, (_, at) => holder(`many ${at}`, 16_500 + at, 'many'));
    const shared = new Holdings(100_000);
    for (const one of [holder('large', 40_000), ...many]) shared.grown(one, one.heldBytes);
    expect(cut).toEqual(['l', 'many 3']);
  });
});

describe('a connection without a call', () => {
  it('is closed in good order after the time that it may be idle, and one with a call is not', async () => {
    const before = refusals('CONNECTION_IDLE');
    const served = await serveParley({ limits: { idleMs: 200 } });
    const [idle, used] = [await RawPeer.connect(served.port), await RawPeer.connect(served.port)];
    used.send(message('slow', { text: 'fish' }, 1));
    await idle.until(() => idle.ended);
    expect(refusals('CONNECTION_IDLE')).toBe(before + 1);
    served.slow.get('fish')?.();
    expect((await used.frame()).toString('latin1')).toContain('fish');
  });
});

describe('the headers of a call over THeader', () => {
  const withHeaders = (count: number, name: 'slow' | 'echo', seqid: number): Buffer => {
    const headers = new HeaderMap();
    for (let n = 0; n < count; n++) headers.append(`x-${n}`, 'v'.repeat(300));
    const body = Parley.methods[name].request.encode({ text: `fish ${seqid}` } as never, 'binary');
    const payload = writeMessage('binary', name, 1, seqid, body);
    return encodeHeaderFrame(
      { protocol: 'binary', sequenceId: seqid, zlib: false, headers },
      Buffer.from(payload),
      defaultLimits,
    );
  };

  it('are charged until it is over, and refused while other requests hold all that may be held', async () => {
    const served = await serveParley();
    const peer = await RawPeer.connect(served.port);
    setDecodeLimits({ processBytes: 70_000 });
    try {
      peer.send(withHeaders(100, 'slow', 1));
      while (served.slow.size < 1) await turn();
      expect(decodedBytes()).toBeGreaterThan(100 * 300);
      const other = await RawPeer.connect(served.port);
      other.send(withHeaders(100, 'echo', 2));
      expect((await other.frame()).toString('latin1')).toContain('processBytes');
      other.send(withHeaders(3, 'echo', 3));
      expect((await other.frame()).toString('latin1')).toContain('fish 3');
      served.slow.get('fish 1')?.();
      await peer.frame();
      expect(decodedBytes()).toBe(0);
    } finally {
      setDecodeLimits();
    }
  });
});
