/**
 * What a client without credentials can do to the server's half of the engine, a row for each attack: what it may make us hold,
 * how much of it is read in a turn, and when the connection ends. Bytes and frames are counted; nothing is timed.
 */
import { describe, expect, it } from 'vitest';
import { ErrorCode } from '../../../src/http2/error-code.js';
import { Flag, FrameType, preface, Setting } from '../../../src/http2/frame.js';
import type { Stream, StreamReceiver } from '../../../src/http2/stream.js';
import { Echo, echoEvents, frame, greeting, joined, RawClient, rawRequest, sendHead } from '../../http2/talk.js';

const { END_STREAM, END_HEADERS, ACK } = Flag;
const u32 = (n: number): number[] => [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];
const setting = (name: number, value: number): number[] => [0, name, ...u32(value)];
const headers = (id: number, flags: number = END_HEADERS, block: readonly number[] = rawRequest): Uint8Array =>
  frame(FrameType.HEADERS, flags, id, block);
const many = (count: number, make: (i: number) => Uint8Array): Uint8Array =>
  joined(...Array.from({ length: count }, (_, i) => make(i)));

/** Sends batches until the server says GOAWAY or `most` were sent; returns how many. */
function flood(client: RawClient, most: number, batch: (i: number) => Uint8Array): number {
  for (let i = 0; i < most; i++) {
    client.send(batch(i));
    client.loop.settle();
    if (client.goAway() !== undefined) return i + 1;
  }
  return most;
}

/** A server whose handlers never finish, and are counted. */
function busyServer(): {
  readonly running: () => number;
  readonly peak: () => number;
  readonly events: ReturnType<typeof echoEvents>;
} {
  let running = 0;
  let peak = 0;
  const receiver: StreamReceiver = {
    head: () => {},
    data: (stream, _bytes, from, to) => stream.consume(to - from),
    end: () => {},
    failed: () => {},
    writable: () => {},
  };
  return {
    running: () => running,
    peak: () => peak,
    events: {
      accept(stream) {
        stream.working = true;
        running++;
        peak = Math.max(peak, running);
        return receiver;
      },
    },
  };
}

describe('a client that resets', () => {
  it('in a hurry (rapid reset) never has more handlers running than streams allowed, and is sent away', () => {
    const { peak, events } = busyServer();
    const client = new RawClient(events, { maxConcurrentStreams: 100 });
    client.send(greeting);
    let id = -1;
    const batches = flood(client, 1_000, () =>
      many(50, () => {
        id += 2;
        return joined(headers(id), frame(FrameType.RST_STREAM, 0, id, u32(ErrorCode.CANCEL)));
      }),
    );
    expect(peak()).toBe(100);
    expect(client.goAway()).toBe(ErrorCode.ENHANCE_YOUR_CALM);
    expect(batches * 50).toBeLessThan(2_000);
  });

  it('with bodies keeps to the same bounds', () => {
    const { peak, events } = busyServer();
    const client = new RawClient(events, { maxConcurrentStreams: 100 });
    client.send(greeting);
    let id = -1;
    flood(client, 1_000, () =>
      many(50, () => {
        id += 2;
        const body = frame(FrameType.DATA, END_STREAM, id, new Uint8Array(100));
        return joined(headers(id), body, frame(FrameType.RST_STREAM, 0, id, u32(ErrorCode.CANCEL)));
      }),
    );
    expect(peak()).toBe(100);
    expect(client.goAway()).toBe(ErrorCode.ENHANCE_YOUR_CALM);
  });

  it('through us (made you reset) is counted as if it did it itself', () => {
    const { peak, events } = busyServer();
    const client = new RawClient(events, { maxConcurrentStreams: 100 });
    client.send(greeting);
    let id = -1;
    const batches = flood(client, 1_000, () =>
      many(50, () => {
        id += 2;
        return joined(headers(id), frame(FrameType.WINDOW_UPDATE, 0, id, u32(0)));
      }),
    );
    expect(peak()).toBe(100);
    expect(client.goAway()).toBe(ErrorCode.ENHANCE_YOUR_CALM);
    expect(batches * 50).toBeLessThan(3_000);
  });

  it('a thousand of its own calls a second, and lets the handlers end, loses nothing', () => {
    const client = new RawClient(echoEvents());
    client.send(greeting, frame(FrameType.SETTINGS, ACK, 0));
    let id = -1;
    for (let second = 0; second < 20; second++) {
      for (let i = 0; i < 10; i++) {
        client.send(
          many(100, () => {
            id += 2;
            return joined(headers(id), frame(FrameType.RST_STREAM, 0, id, u32(ErrorCode.CANCEL)));
          }),
        );
        client.loop.pass(100);
      }
    }
    expect(client.goAway()).toBeUndefined();
  });
});

describe('a flood of', () => {
  const cases: [string, number, (i: number) => Uint8Array][] = [
    [
      'SETTINGS',
      ErrorCode.ENHANCE_YOUR_CALM,
      () => many(100, () => frame(FrameType.SETTINGS, 0, 0, setting(4, 65_535))),
    ],
    [
      'SETTINGS that flip the size of the table',
      ErrorCode.ENHANCE_YOUR_CALM,
      () => many(100, () => frame(FrameType.SETTINGS, 0, 0, [...setting(1, 0), ...setting(1, 4_096)])),
    ],
    [
      'PRIORITY',
      ErrorCode.ENHANCE_YOUR_CALM,
      () => many(1_000, () => frame(FrameType.PRIORITY, 0, 1, [0, 0, 0, 3, 1])),
    ],
    ['unknown frames', ErrorCode.ENHANCE_YOUR_CALM, () => many(1_000, () => frame(0xbe, 0, 1, [1, 2, 3]))],
    [
      'PRIORITY of a wrong size',
      ErrorCode.ENHANCE_YOUR_CALM,
      () => many(1_000, () => frame(FrameType.PRIORITY, 0, 1, [0])),
    ],
  ];
  it.each(cases)('%s ends the connection', (_name, code, batch) => {
    const client = new RawClient();
    client.send(greeting);
    expect(flood(client, 200, batch)).toBeLessThan(30);
    expect(client.goAway()).toBe(code);
  });

  it('empty DATA ends the connection', () => {
    const client = new RawClient();
    client.send(greeting, headers(1));
    expect(flood(client, 200, () => many(100, () => frame(FrameType.DATA, 0, 1)))).toBeLessThan(30);
    expect(client.goAway()).toBe(ErrorCode.ENHANCE_YOUR_CALM);
  });

  it('DATA of one byte ends the connection', () => {
    const client = new RawClient();
    client.send(greeting, headers(1));
    expect(flood(client, 200, () => many(1_000, () => frame(FrameType.DATA, 0, 1, [0])))).toBeLessThan(30);
    expect(client.goAway()).toBe(ErrorCode.ENHANCE_YOUR_CALM);
  });

  it('DATA on streams that we have reset ends the connection', () => {
    const client = new RawClient();
    client.send(greeting, headers(1, END_HEADERS | END_STREAM));
    const batches = flood(client, 300, () => many(100, () => frame(FrameType.DATA, 0, 1, [1])));
    expect(batches).toBeLessThan(300);
  });

  it.each([
    ['CONTINUATION', [0x40, 1, 120, 100, ...new Array<number>(100).fill(121)]],
    ['empty CONTINUATION', []],
  ])('%s ends the connection after 16 frames', (_name, payload) => {
    const client = new RawClient();
    client.send(greeting, headers(1, 0));
    client.send(many(1_000, () => frame(FrameType.CONTINUATION, 0, 1, payload)));
    client.loop.settle();
    expect(client.goAway()).toBe(ErrorCode.ENHANCE_YOUR_CALM);
  });

  it('PINGs whose answers are not read makes us hold no more than 200 KB, and ends the connection', () => {
    const client = new RawClient();
    client.send(greeting);
    client.loop.settle();
    client.serverPipe.stuck = true;
    let held = 0;
    const batches = flood(client, 500, () => {
      held = Math.max(held, client.server.unsent);
      return many(500, () => frame(FrameType.PING, 0, 0, new Uint8Array(8)));
    });
    expect(held).toBeLessThan(200_000);
    expect(batches === 500 || client.server.closed).toBe(true);
    client.loop.pass(40_000);
    expect(client.server.closed).toBe(true);
  });

  it('PINGs that are answered and read is what grpc-go does, and harms nobody', () => {
    const client = new RawClient();
    client.send(greeting);
    for (let i = 0; i < 200; i++) {
      client.send(many(100, () => frame(FrameType.PING, 0, 0, new Uint8Array(8))));
      client.send(frame(FrameType.WINDOW_UPDATE, 0, 0, u32(5)));
      client.loop.settle();
    }
    expect(client.goAway()).toBeUndefined();
    expect(client.frames().filter(({ type, flags }) => type === FrameType.PING && flags === ACK).length).toBe(20_000);
  });

  it('WINDOW_UPDATEs of 1 while data waits for them ends the connection', () => {
    const client = new RawClient({
      accept(stream) {
        sendHead(stream, [[':status', '200']]);
        stream.send(new Uint8Array(1 << 20));
        return new Echo();
      },
    });
    client.send(preface, frame(FrameType.SETTINGS, 0, 0, setting(Setting.INITIAL_WINDOW_SIZE, 0)), headers(1));
    client.loop.settle();
    const batches = flood(client, 200, () => many(100, () => frame(FrameType.WINDOW_UPDATE, 0, 1, u32(1))));
    expect(batches).toBeLessThan(40);
    expect(client.goAway()).toBe(ErrorCode.ENHANCE_YOUR_CALM);
  });

  it('requests in one chunk is served in slices, so that other connections have their turns', () => {
    let accepted = 0;
    const perTurn: number[] = [];
    const client = new RawClient(
      echoEvents({
        accept(stream) {
          accepted++;
          sendHead(stream, [[':status', '200']], true);
          return new Echo();
        },
      }),
      { maxConcurrentStreams: 10_000 },
    );
    client.send(greeting);
    client.loop.settle();
    client.send(many(5_000, (i) => headers(2 * i + 1, END_HEADERS | END_STREAM)));
    do {
      perTurn.push(accepted);
      accepted = 0;
    } while (client.loop.turn() || accepted > 0);
    expect(perTurn.reduce((sum, n) => sum + n, 0)).toBe(5_000);
    expect(Math.max(...perTurn)).toBeLessThanOrEqual(64);
  });
});

describe('a header list', () => {
  const bigField = [0x40, 1, 0x61, 0x7f, 0xa1, 0x1e, ...Buffer.alloc(4_000, 98)];

  it('of references to one large field is refused, and ends the connection when it comes again and again', () => {
    const tooLarge: boolean[] = [];
    const client = new RawClient(
      echoEvents({
        accept(stream, list) {
          tooLarge.push(list.tooLarge);
          sendHead(stream, [[':status', '431']], true);
          return new Echo();
        },
      }),
    );
    client.send(greeting, headers(1, END_HEADERS | END_STREAM, [...rawRequest, ...bigField]));
    let id = 1;
    const bomb = [...rawRequest, ...new Array<number>(15_000).fill(0xbe)];
    const batches = flood(client, 1_000, () => {
      id += 2;
      return headers(id, END_HEADERS | END_STREAM, bomb);
    });
    expect(tooLarge[0]).toBe(false);
    expect(tooLarge[1]).toBe(true);
    expect(batches).toBeLessThan(60);
    expect(client.goAway()).toBe(ErrorCode.ENHANCE_YOUR_CALM);
  });

  it('that is too large costs its own call and no other', () => {
    const client = new RawClient(
      echoEvents({
        accept(stream, list) {
          sendHead(stream, [[':status', list.tooLarge ? '431' : '200']], true);
          return new Echo();
        },
      }),
    );
    const literal = [0x00, 1, 0x61, 0x7f, 0x81, 0x7d, ...Buffer.alloc(16_128, 98)];
    client.send(greeting, headers(1, END_STREAM, [...rawRequest]));
    for (let i = 0; i < 5; i++) {
      client.send(frame(FrameType.CONTINUATION, i === 4 ? END_HEADERS : 0, 1, literal));
    }
    client.send(headers(3, END_HEADERS | END_STREAM));
    client.loop.settle();
    expect(client.goAway()).toBeUndefined();
    const answers = client.frames().filter(({ type }) => type === FrameType.HEADERS);
    expect(answers.map(({ id }) => id)).toEqual([1, 3]);
  });
});

describe('an answer that is not read', () => {
  const large = new Uint8Array(1 << 20);
  const answering = (): ReturnType<typeof echoEvents> => ({
    accept(stream: Stream) {
      sendHead(stream, [[':status', '200']]);
      stream.send(large);
      stream.finish();
      return new Echo();
    },
  });
  const wide = frame(FrameType.SETTINGS, 0, 0, setting(Setting.INITIAL_WINDOW_SIZE, 0x7fffffff));

  it('because windows stay shut: no more is taken on than half of `maxUnsent`, and other calls go on', () => {
    const client = new RawClient(answering(), { maxUnsent: 16 << 20 });
    client.send(preface, frame(FrameType.SETTINGS, 0, 0, setting(Setting.INITIAL_WINDOW_SIZE, 0)));
    client.send(many(500, (i) => headers(2 * i + 1, END_HEADERS | END_STREAM)));
    client.loop.settle();
    expect(client.server.unsent).toBeLessThanOrEqual((8 << 20) + 2 * large.length);
    expect(client.resets().every((code) => code === ErrorCode.REFUSED_STREAM)).toBe(true);
  });

  it('because the socket is not read: nothing further is read either, and the connection ends in time', () => {
    const client = new RawClient(answering(), { maxUnsent: 16 << 20, stallTimeout: 30_000 });
    client.send(preface, wide, frame(FrameType.WINDOW_UPDATE, 0, 0, u32(0x7ffeffff)));
    client.loop.settle();
    client.serverPipe.stuck = true;
    for (let i = 0; i < 500; i++) {
      client.send(headers(2 * i + 1, END_HEADERS | END_STREAM));
      client.loop.settle();
    }
    expect(client.server.unsent).toBeLessThanOrEqual((8 << 20) + 2 * large.length);
    client.loop.pass(61_000);
    expect(client.server.closed).toBe(true);
    expect(client.serverPipe.destroyed).toBe(true);
  });
});

describe('a peer that is slow', () => {
  it('with its preface has 10 s', () => {
    const client = new RawClient();
    client.send(preface.subarray(0, 10));
    client.loop.pass(9_900);
    expect(client.server.closed).toBe(false);
    client.loop.pass(200);
    expect(client.goAway()).toBe(ErrorCode.SETTINGS_TIMEOUT);
  });

  it('to acknowledge SETTINGS has 10 s', () => {
    const client = new RawClient();
    client.send(greeting);
    client.loop.pass(10_100);
    expect(client.goAway()).toBe(ErrorCode.SETTINGS_TIMEOUT);
  });

  it('with a header block has 10 s, however many bytes of it come', () => {
    const client = new RawClient();
    client.send(greeting, frame(FrameType.SETTINGS, ACK, 0), headers(1, 0, [0x83]));
    for (let i = 0; i < 10; i++) {
      client.loop.pass(1_100);
      client.send(frame(FrameType.CONTINUATION, 0, 1, [0x86]));
    }
    expect(client.goAway()).toBe(ErrorCode.ENHANCE_YOUR_CALM);
  });
});

describe('what is not HTTP/2', () => {
  it.each([
    ['HTTP/1.1', Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n')],
    ['a frame that is longer than announced', joined(greeting, frame(FrameType.DATA, 0, 1, new Uint8Array(20_000)))],
    ['DATA before SETTINGS', joined(preface, frame(FrameType.DATA, 0, 1, [1]))],
    ['PUSH_PROMISE', joined(greeting, frame(FrameType.PUSH_PROMISE, END_HEADERS, 1, [0, 0, 0, 2]))],
    ['a stream with an even id', joined(greeting, headers(2))],
    ['an id that falls', joined(greeting, headers(5), headers(3))],
  ])('ends the connection: %s', (_name, bytes) => {
    const client = new RawClient();
    client.send(bytes);
    client.loop.settle();
    expect(client.goAway()).toBeGreaterThan(0);
    expect(client.server.closed).toBe(true);
  });

  it.each([
    ['CR and LF in a value', [...rawRequest, 0x00, 1, 0x61, 4, 0x62, 0x0d, 0x0a, 0x63]],
    ['NUL in a value', [...rawRequest, 0x00, 1, 0x61, 2, 0x62, 0]],
    ['a CR in :path', [0x83, 0x86, 0x04, 3, 0x2f, 0x0d, 0x61]],
    ['an upper-case name', [...rawRequest, 0x00, 1, 0x41, 1, 0x62]],
    ['transfer-encoding', [...rawRequest, 0x0f, 0x2a, 7, ...Buffer.from('chunked')]],
    ['no :path', [0x83, 0x86]],
    ['a content-length that the body does not have', [...rawRequest, 0x0f, 0x0d, 1, 0x35]],
  ])('costs the stream: %s', (_name, block) => {
    const client = new RawClient();
    client.send(greeting, headers(1, END_HEADERS | END_STREAM, block), headers(3, END_HEADERS | END_STREAM));
    client.loop.settle();
    expect(client.resets()).toEqual([ErrorCode.PROTOCOL_ERROR]);
    expect(client.frames().some(({ type, id }) => type === FrameType.HEADERS && id === 3)).toBe(true);
  });
});
