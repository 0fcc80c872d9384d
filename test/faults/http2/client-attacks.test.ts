/**
 * What a malicious server can do to the client's half of the engine, a row for each attack: what it may make us hold, how much
 * of it is read in a turn, and when the connection ends. Bytes, frames and turns are counted; nothing is timed.
 */
import { describe, expect, it } from 'vitest';
import { ErrorCode } from '../../../src/http2/error-code.js';
import { Flag, FrameType, Setting } from '../../../src/http2/frame.js';
import type { Stream } from '../../../src/http2/stream.js';
import { Answer, frame, joined, RawServer, rawResponse, request } from '../../http2/talk.js';

const { END_STREAM, END_HEADERS, ACK, PADDED } = Flag;
const u32 = (n: number): number[] => [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];
const setting = (name: number, value: number): number[] => [0, name, ...u32(value)];
const headers = (id: number, flags: number = END_HEADERS, block: readonly number[] = rawResponse): Uint8Array =>
  frame(FrameType.HEADERS, flags, id, block);
const rst = (id: number, code: number): Uint8Array => frame(FrameType.RST_STREAM, 0, id, u32(code));
const goAway = (last: number, code = 0): Uint8Array => frame(FrameType.GOAWAY, 0, 0, [...u32(last), ...u32(code)]);
const many = (count: number, make: (i: number) => Uint8Array): Uint8Array =>
  joined(...Array.from({ length: count }, (_, i) => make(i)));

const nothing = new Uint8Array(0);

/** Sends batches until the client gives up or `most` were sent; returns how many. */
function flood(server: RawServer, most: number, batch: (i: number) => Uint8Array): number {
  for (let i = 0; i < most; i++) {
    server.send(batch(i));
    server.loop.settle();
    if (server.client.closed) return i + 1;
  }
  return most;
}

/** How many times `count` grew in each turn, after `bytes` came. */
function perTurn(server: RawServer, bytes: Uint8Array, count: () => number): number[] {
  const turns: number[] = [];
  let before = count();
  server.send(bytes);
  do {
    turns.push(count() - before);
    before = count();
  } while (server.loop.turn());
  turns.push(count() - before);
  return turns;
}

describe('a flood of', () => {
  const cases: [string, (i: number) => Uint8Array][] = [
    ['SETTINGS', () => many(100, () => frame(FrameType.SETTINGS, 0, 0, setting(4, 65_535)))],
    [
      'SETTINGS that flip the size of the table',
      () => many(100, () => frame(FrameType.SETTINGS, 0, 0, [...setting(1, 0), ...setting(1, 4_096)])),
    ],
    ['acknowledgements of SETTINGS', () => many(1_000, () => frame(FrameType.SETTINGS, ACK, 0))],
    [
      'acknowledgements of PINGs that were not sent',
      () => many(1_000, () => frame(FrameType.PING, ACK, 0, new Uint8Array(8))),
    ],
    ['GOAWAY', () => many(100, () => goAway(0x7fffffff))],
    ['PRIORITY', () => many(1_000, () => frame(FrameType.PRIORITY, 0, 1, [0, 0, 0, 3, 1]))],
    ['unknown frames', () => many(1_000, () => frame(0xbe, 0, 1, [1, 2, 3]))],
    ['empty DATA', () => many(1_000, () => frame(FrameType.DATA, 0, 1))],
    ['DATA that is nothing but padding', () => many(1_000, () => frame(FrameType.DATA, PADDED, 1, [3, 0, 0, 0]))],
    ['DATA of one byte', () => many(1_000, () => frame(FrameType.DATA, 0, 1, [0]))],
    ['DATA on a stream that we have reset', () => many(1_000, () => frame(FrameType.DATA, 0, 3, [0, 0, 0, 0, 0, 0]))],
    ['HEADERS on a stream that we have reset', () => many(1_000, () => headers(3))],
    ['interim responses', () => many(1_000, () => headers(5, END_HEADERS, [0x08, 3, 0x31, 0x30, 0x33]))],
  ];
  it.each(cases)('%s ends the connection', (_name, batch) => {
    const server = new RawServer().greet();
    const { answer } = server.ask(new Uint8Array(10));
    const cancelled = server.ask(new Uint8Array(10));
    server.send(headers(1), headers(3));
    server.ask(new Uint8Array(10));
    server.loop.settle();
    cancelled.stream.reset(ErrorCode.CANCEL);
    expect(flood(server, 100, batch)).toBeLessThan(25);
    expect(server.goAway()).toBe(ErrorCode.ENHANCE_YOUR_CALM);
    server.loop.pass(2_000);
    expect(answer.failure).toMatchObject({ by: 'connection' });
    expect(server.clientPipe.destroyed).toBe(true);
  });

  it('resets ends no more than the streams that are reset', () => {
    const server = new RawServer().greet();
    const answers = Array.from({ length: 50 }, () => server.ask(new Uint8Array(10)).answer);
    server.send(many(49, (i) => rst(2 * i + 1, ErrorCode.INTERNAL_ERROR)));
    server.loop.settle();
    expect(answers.filter(({ failure }) => failure !== undefined)).toHaveLength(49);
    server.send(headers(99), frame(FrameType.DATA, END_STREAM, 99, [1]));
    server.loop.settle();
    expect(answers.at(-1)).toMatchObject({ ended: true, bytes: 1 });
  });

  it('resets of streams that are closed ends the connection', () => {
    const server = new RawServer().greet();
    server.ask(new Uint8Array(10));
    expect(flood(server, 100, () => many(1_000, () => rst(1, ErrorCode.CANCEL)))).toBeLessThan(10);
    expect(server.goAway()).toBe(ErrorCode.ENHANCE_YOUR_CALM);
  });

  it.each([
    ['CONTINUATION', [0x40, 1, 120, 100, ...new Array<number>(100).fill(121)]],
    ['empty CONTINUATION', []],
  ])('%s ends the connection after 16 frames', (_name, payload) => {
    const server = new RawServer().greet();
    server.ask();
    server.send(
      headers(1, 0),
      many(16, () => frame(FrameType.CONTINUATION, 0, 1, payload)),
    );
    server.loop.settle();
    expect(server.goAway()).toBeUndefined();
    server.send(frame(FrameType.CONTINUATION, 0, 1, payload));
    server.loop.settle();
    expect(server.goAway()).toBe(ErrorCode.ENHANCE_YOUR_CALM);
  });

  it('PINGs whose answers are not read makes us hold no more than 200 KB, and ends the connection', () => {
    const server = new RawServer().greet();
    server.clientPipe.stuck = true;
    let held = 0;
    for (let i = 0; i < 500; i++) {
      server.send(many(500, () => frame(FrameType.PING, 0, 0, new Uint8Array(8))));
      server.loop.settle();
      held = Math.max(held, server.client.unsent);
    }
    expect(held).toBeLessThan(200_000);
    server.loop.pass(40_000);
    expect(server.client.closed).toBe(true);
    expect(server.clientPipe.destroyed).toBe(true);
  });

  it('SETTINGS that change the windows of ten thousand streams costs what the streams cost, not a multiple', () => {
    const server = new RawServer().greet(setting(Setting.MAX_CONCURRENT_STREAMS, 10_000));
    for (let i = 0; i < 10_000; i++) request(server.client, new Uint8Array(1));
    server.loop.settle();
    // One costs a pass over all streams: of the budget of a second they get some 60.
    const batches = flood(server, 1_000, (i) => frame(FrameType.SETTINGS, 0, 0, setting(4, 65_535 - (i & 1))));
    expect(batches).toBeLessThan(100);
    expect(server.goAway()).toBe(ErrorCode.ENHANCE_YOUR_CALM);
  });
});

describe('one chunk', () => {
  it('of a hundred thousand DATA frames is read in slices, so that other connections have their turns', () => {
    const server = new RawServer({}, { nuisancePerSecond: Number.POSITIVE_INFINITY }).greet();
    const { answer } = server.ask(new Uint8Array(1));
    server.send(headers(1));
    const turns = perTurn(
      server,
      many(10_000, () => frame(FrameType.DATA, 0, 1, [1])),
      () => answer.bytes,
    );
    expect(answer.bytes).toBe(10_000);
    expect(Math.max(...turns)).toBeLessThanOrEqual(512);
  });

  it('of answers to a thousand calls is read in slices', () => {
    const server = new RawServer().greet(setting(Setting.MAX_CONCURRENT_STREAMS, 2_000));
    const answers = Array.from({ length: 1_000 }, () => server.ask(new Uint8Array(1)).answer);
    const ended = (): number => answers.filter((answer) => answer.ended).length;
    const turns = perTurn(
      server,
      many(1_000, (i) => headers(2 * i + 1, END_HEADERS | END_STREAM)),
      ended,
    );
    expect(ended()).toBe(1_000);
    expect(Math.max(...turns)).toBeLessThanOrEqual(64);
  });
});

describe('a header list', () => {
  const bigField = [0x40, 1, 0x61, 0x7f, 0xa1, 0x1e, ...Buffer.alloc(4_000, 98)];
  const bomb = [...rawResponse, ...new Array<number>(15_000).fill(0xbe)];

  it('of references to one large field costs its call, keeps nothing of it, and leaves the tables in step', () => {
    const server = new RawServer().greet();
    const { answer } = server.ask();
    server.send(
      headers(1, END_HEADERS, [...rawResponse, ...bigField]),
      headers(1, END_HEADERS | END_STREAM, bomb.slice(1)),
    );
    const after = server.ask().answer;
    // The large field once more, by its index.
    server.send(headers(3, END_HEADERS | END_STREAM, [...rawResponse, 0xbe]));
    server.loop.settle();
    expect(answer.failure).toMatchObject({ code: ErrorCode.ENHANCE_YOUR_CALM, by: 'us' });
    expect(after).toMatchObject({ status: 200, ended: true, failure: undefined });
    expect(server.goAway()).toBeUndefined();
  });

  it('of references to one large field, again and again, ends the connection', () => {
    const server = new RawServer().greet();
    server.ask();
    server.send(headers(1, END_HEADERS, [...rawResponse, ...bigField]));
    let id = 1;
    const batches = flood(server, 1_000, () => {
      id += 2;
      server.ask();
      return headers(id, END_HEADERS | END_STREAM, bomb);
    });
    expect(batches).toBeLessThan(60);
    expect(server.goAway()).toBe(ErrorCode.ENHANCE_YOUR_CALM);
  });

  it('just below the limit is taken', () => {
    const server = new RawServer().greet();
    const { answer } = server.ask();
    const list = [...rawResponse, ...bigField, ...new Array<number>(15).fill(0xbe)];
    server.send(headers(1, END_HEADERS | END_STREAM, list));
    server.loop.settle();
    expect(answer).toMatchObject({ status: 200, ended: true });
  });

  it.each<[string, readonly number[]]>([
    ['CR and LF', [0x62, 0x0d, 0x0a, 0x63]],
    ['LF', [0x62, 0x0a]],
    ['NUL', [0x62, 0]],
    ['white space at its end', [0x62, 0x20]],
  ])('with a value that has %s costs its call alone', (_name, value) => {
    const server = new RawServer().greet();
    const { answer } = server.ask();
    const other = server.ask().answer;
    server.send(headers(1, END_HEADERS, [...rawResponse, 0x00, 1, 0x61, value.length, ...value]));
    server.send(headers(3, END_HEADERS | END_STREAM));
    server.loop.settle();
    expect(answer.failure).toMatchObject({ code: ErrorCode.PROTOCOL_ERROR, by: 'us' });
    expect(server.resets()).toEqual([ErrorCode.PROTOCOL_ERROR]);
    expect(other).toMatchObject({ status: 200, ended: true });
  });

  it('whose table size is more than we announced ends the connection', () => {
    const server = new RawServer().greet();
    server.ask();
    server.send(headers(1, END_HEADERS, [0x3f, 0xe2, 0x1f, ...rawResponse]));
    server.loop.settle();
    expect(server.goAway()).toBe(ErrorCode.COMPRESSION_ERROR);
  });
});

describe('windows', () => {
  it('that never open make the client hold what its callers gave it, up to `maxUnsent`, and no call more', () => {
    const server = new RawServer({}, { maxUnsent: 4 << 20 }).greet(setting(Setting.INITIAL_WINDOW_SIZE, 0));
    const answers: Answer[] = [];
    for (let i = 0; i < 20 && !server.client.closed; i++) answers.push(server.ask(new Uint8Array(1 << 20)).answer);
    expect(server.client.unsent).toBeLessThanOrEqual(6 << 20);
    expect(answers.every(({ failure }) => failure?.by === 'connection')).toBe(true);
  });

  it('of 1 byte, again and again, end the connection', () => {
    const server = new RawServer().greet(setting(Setting.INITIAL_WINDOW_SIZE, 0));
    server.ask(new Uint8Array(1 << 20));
    const batches = flood(server, 200, () => many(100, () => frame(FrameType.WINDOW_UPDATE, 0, 1, u32(1))));
    expect(batches).toBeLessThan(40);
    expect(server.goAway()).toBe(ErrorCode.ENHANCE_YOUR_CALM);
  });

  it('larger than 2^31-1 cost the stream, or the connection', () => {
    const server = new RawServer().greet();
    const { answer } = server.ask();
    server.send(frame(FrameType.WINDOW_UPDATE, 0, 1, u32(0x7fffffff)));
    server.loop.settle();
    expect(answer.failure).toMatchObject({ code: ErrorCode.FLOW_CONTROL_ERROR });
    server.send(frame(FrameType.WINDOW_UPDATE, 0, 0, u32(0x7fffffff)));
    server.loop.settle();
    expect(server.goAway()).toBe(ErrorCode.FLOW_CONTROL_ERROR);
  });

  it('of ours bound what an answer that nobody reads makes us hold', () => {
    const server = new RawServer({}, { streamWindow: 65_536, connectionWindow: 1 << 20 }).greet();
    const answer = new Answer();
    answer.reads = false;
    request(server.client, new Uint8Array(1), answer);
    server.loop.settle();
    server.send(
      headers(1),
      many(4, () => frame(FrameType.DATA, 0, 1, new Uint8Array(16_384))),
    );
    server.loop.settle();
    expect(answer.failure).toBeUndefined();
    server.send(frame(FrameType.DATA, 0, 1, [1]));
    server.loop.settle();
    expect(answer.bytes).toBe(65_536);
    expect(answer.failure).toMatchObject({ code: ErrorCode.FLOW_CONTROL_ERROR, by: 'us' });
  });
});

describe('GOAWAY', () => {
  const unprocessed = (answer: Answer): boolean | undefined => answer.failure?.unprocessed;

  it('says which calls were not looked at, and the others go on', () => {
    const server = new RawServer().greet();
    const [first, second] = [server.ask(nothing).answer, server.ask(nothing).answer];
    server.send(goAway(1));
    server.loop.settle();
    expect(unprocessed(second)).toBe(true);
    expect(server.client.available).toBe(0);
    server.send(headers(1, END_HEADERS | END_STREAM));
    server.loop.settle();
    expect(first.ended).toBe(true);
    expect(server.closed).toBe('well');
  });

  it('that names fewer streams each time is believed; one that names more again revives none', () => {
    const server = new RawServer().greet();
    const answers = [server.ask(), server.ask(), server.ask()].map(({ answer }) => answer);
    server.send(goAway(0x7fffffff), goAway(3), goAway(1), goAway(5));
    server.loop.settle();
    expect(answers.map(unprocessed)).toEqual([undefined, true, true]);
    server.send(headers(5, END_HEADERS | END_STREAM), headers(1, END_HEADERS | END_STREAM));
    server.loop.settle();
    expect(answers[2]?.ended).toBe(false);
    expect(answers[0]?.ended).toBe(true);
  });

  it('with an answer behind it to a call that it gave up is no second outcome', () => {
    const server = new RawServer().greet();
    const { answer } = server.ask();
    server.send(goAway(0), headers(1, END_HEADERS | END_STREAM));
    server.loop.settle();
    expect(unprocessed(answer)).toBe(true);
    expect(answer.ended).toBe(false);
  });

  it('of 16 KB of text keeps 256 characters of it', () => {
    let said = '';
    const goneAway = (_code: number, debug: string): void => {
      said = debug;
    };
    const server = new RawServer({ goneAway }).greet();
    server.send(frame(FrameType.GOAWAY, 0, 0, [...u32(0), ...u32(0), ...Buffer.alloc(16_000, 97)]));
    server.loop.settle();
    expect(said).toHaveLength(256);
  });
});

describe('streams that the client did not open', () => {
  it.each<[string, Uint8Array]>([
    ['a push', frame(FrameType.PUSH_PROMISE, END_HEADERS, 1, [0, 0, 0, 2, ...rawResponse])],
    ['HEADERS with an even id', headers(2)],
    ['HEADERS with an id that is still to come', headers(3)],
    ['DATA with an even id', frame(FrameType.DATA, 0, 2, [1])],
    ['DATA with an id that is still to come', frame(FrameType.DATA, 0, 3, [1])],
    ['RST_STREAM with an id that is still to come', rst(3, 0)],
    ['WINDOW_UPDATE with an even id', frame(FrameType.WINDOW_UPDATE, 0, 2, u32(1))],
    ['ENABLE_PUSH of a server', frame(FrameType.SETTINGS, 0, 0, setting(Setting.ENABLE_PUSH, 1))],
  ])('end the connection: %s', (_name, bytes) => {
    const server = new RawServer().greet();
    const { answer } = server.ask();
    server.send(bytes);
    server.loop.settle();
    expect(server.goAway()).toBe(ErrorCode.PROTOCOL_ERROR);
    expect(answer.failure).toMatchObject({ by: 'connection' });
  });
});

describe('a server that is slow', () => {
  it('with its SETTINGS has 10 s, and gets no call before them', () => {
    let ready = 0;
    const server = new RawServer({ ready: () => void ready++ });
    expect(server.client.available).toBe(0);
    server.loop.pass(9_900);
    expect(server.client.closed).toBe(false);
    server.loop.pass(200);
    expect(server.client.closed).toBe(true);
    expect(ready).toBe(0);
  });

  it('with a header block has 10 s, however many bytes of it come', () => {
    const server = new RawServer().greet();
    const { answer } = server.ask();
    server.send(headers(1, 0));
    for (let i = 0; i < 10; i++) {
      server.loop.pass(1_100);
      server.send(frame(FrameType.CONTINUATION, 0, 1, [0x88]));
    }
    expect(server.goAway()).toBe(ErrorCode.ENHANCE_YOUR_CALM);
    expect(answer.failure).toMatchObject({ by: 'connection' });
  });

  it('to read what it is sent has 30 s', () => {
    const server = new RawServer().greet();
    server.clientPipe.stuck = true;
    const { answer } = server.ask(new Uint8Array(10));
    server.loop.pass(61_000);
    expect(answer.failure).toMatchObject({ by: 'connection' });
    expect(server.clientPipe.destroyed).toBe(true);
  });
});

describe('what the client is told', () => {
  it('to use a table of 4 GB, frames of 16 MB and lists of nothing is taken within our own bounds', () => {
    const server = new RawServer().greet([
      ...setting(Setting.HEADER_TABLE_SIZE, 0xffffffff),
      ...setting(Setting.MAX_FRAME_SIZE, 16_777_215),
      ...setting(Setting.MAX_HEADER_LIST_SIZE, 0),
    ]);
    server.ask(new Uint8Array(100_000));
    server.loop.settle();
    const block = server.frames().find(({ type }) => type === FrameType.HEADERS)?.payload ?? [];
    // The update of the table's size: 4,096, our own.
    expect([...block.slice(0, 3)]).toEqual([0x3f, 0xe1, 0x1f]);
    expect(server.client.peerMaxHeaderList).toBe(0);
  });

  it('to open no streams makes calls wait, and opens none', () => {
    const server = new RawServer().greet(setting(Setting.MAX_CONCURRENT_STREAMS, 0));
    expect(server.client.available).toBe(0);
    const stream: Stream | undefined = server.client.open(new Answer());
    expect(stream).toBeUndefined();
  });
});
