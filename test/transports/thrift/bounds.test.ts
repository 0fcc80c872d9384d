/** What one peer of a Thrift port may take: of time, of a turn of the event loop, of memory. */
import { deflateSync } from 'node:zlib';
import { writeMessage } from 'hawser/thrift';
import { afterEach, describe, expect, it } from 'vitest';
import { refusals } from '../../../src/call/refusals.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';
import { FrameTimer } from '../../../src/transports/thrift/frame-timer.js';
import { Holdings } from '../../../src/transports/thrift/holdings.js';
import { defaultLimits } from '../../../src/transports/thrift/limits.js';
import { decodeHeaderFrame, encodeHeaderFrame } from '../../../src/transports/thrift/theader.js';
import { closeAll, echoMessage, framed, RawPeer, serveParley } from './harness.js';
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
    const holder = (name: string, heldBytes: number) => ({ heldBytes, cutOff: () => void cut.push(name) });
    const holdings = new Holdings(100_000);
    const [small, medium, large] = [holder('s', 20_000), holder('m', 30_000), holder('l', 49_000)];
    for (const one of [large, medium, small]) holdings.grown(one, one.heldBytes);
    expect(cut).toEqual([]);
    const last = holder('x', 40_000);
    holdings.grown(last, last.heldBytes);
    expect(cut).toEqual(['l']);
  });
});
