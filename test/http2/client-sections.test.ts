/**
 * What RFC 9113 and RFC 7541 demand of a client, against a server that does not keep to them: a row for each demand, by section,
 * as h2spec has it for servers. A fault of the connection ends it with its code; a fault of a stream costs that call, and another call
 * on the same connection goes on; what has to be tolerated changes nothing.
 */
import { describe, expect, it } from 'vitest';
import { ErrorCode } from '../../src/http2/error-code.js';
import { Flag, FrameType, Setting } from '../../src/http2/frame.js';
import { frame, joined, RawServer, rawResponse } from './talk.js';

const { ACK, END_HEADERS, END_STREAM, PADDED, PRIORITY } = Flag;
const u32 = (n: number): number[] => [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];
const setting = (name: number, value: number): number[] => [name >>> 8, name & 255, ...u32(value)];
const settings = (name: number, value: number): Uint8Array => frame(FrameType.SETTINGS, 0, 0, setting(name, value));
const headers = (block: readonly number[], flags: number = END_HEADERS, id = 1): Uint8Array =>
  frame(FrameType.HEADERS, flags, id, block);
const data = (payload: readonly number[], flags = 0, id = 1): Uint8Array => frame(FrameType.DATA, flags, id, payload);
const head = headers(rawResponse);
const whole = headers(rawResponse, END_HEADERS | END_STREAM);
/** A literal field that is not indexed. */
const field = (name: string, value: string): number[] => [
  ...[0, name.length, ...Buffer.from(name)],
  ...[value.length, ...Buffer.from(value)],
];
const response = (...fields: readonly (readonly [string, string])[]): Uint8Array =>
  headers([...rawResponse, ...fields.flatMap(([name, value]) => field(name, value))], END_HEADERS | END_STREAM);

type Outcome = { readonly connection: number } | { readonly stream: number } | 'goes on';
type Row = readonly [section: string, says: string, sent: Uint8Array, outcome: Outcome];

const protocol = { connection: ErrorCode.PROTOCOL_ERROR };
const frameSize = { connection: ErrorCode.FRAME_SIZE_ERROR };
const compression = { connection: ErrorCode.COMPRESSION_ERROR };
const malformed = { stream: ErrorCode.PROTOCOL_ERROR };

/** The request of the call has ended. */
const rows: readonly Row[] = [
  ['4.1', 'a frame of an unknown type is ignored', frame(0xfe, 0xff, 1, [1, 2, 3]), 'goes on'],
  ['4.1', 'flags that mean nothing are ignored', frame(FrameType.PING, 0x16, 0, new Uint8Array(8)), 'goes on'],
  ['4.1', 'the reserved bit of an id is ignored', headers(rawResponse, END_HEADERS, 0x80000001), 'goes on'],
  ['4.2', 'DATA larger than announced', data(new Array<number>(16_385).fill(0)), frameSize],
  ['4.2', 'HEADERS larger than announced', headers(new Array<number>(16_385).fill(0x88)), frameSize],
  ['4.3', 'a header block that does not decode', headers([0x00, 0x82]), compression],
  [
    '4.3',
    'a frame within a header block',
    joined(headers(rawResponse, 0), frame(FrameType.PING, 0, 0, new Uint8Array(8))),
    protocol,
  ],
  [
    '4.3',
    'HEADERS within a header block',
    joined(headers(rawResponse, 0), headers(rawResponse, END_HEADERS, 3)),
    protocol,
  ],
  ['5.1', 'DATA of an idle stream', data([1], 0, 5), protocol],
  ['5.1', 'HEADERS of an idle stream', headers(rawResponse, END_HEADERS, 5), protocol],
  ['5.1', 'RST_STREAM of an idle stream', frame(FrameType.RST_STREAM, 0, 5, u32(8)), protocol],
  ['5.1', 'WINDOW_UPDATE of an idle stream', frame(FrameType.WINDOW_UPDATE, 0, 5, u32(1)), protocol],
  ['5.1', 'PRIORITY of an idle stream is allowed', frame(FrameType.PRIORITY, 0, 5, [0, 0, 0, 3, 1]), 'goes on'],
  [
    '5.1',
    'PRIORITY of a closed stream is allowed',
    joined(whole, frame(FrameType.PRIORITY, 0, 1, [0, 0, 0, 3, 1])),
    'goes on',
  ],
  [
    '5.1',
    'WINDOW_UPDATE of a closed stream is allowed',
    joined(whole, frame(FrameType.WINDOW_UPDATE, 0, 1, u32(9))),
    'goes on',
  ],
  [
    '5.1',
    'RST_STREAM of a closed stream is allowed',
    joined(whole, frame(FrameType.RST_STREAM, 0, 1, u32(8))),
    'goes on',
  ],
  ['5.1.1', 'a stream that the server opens', headers(rawResponse, END_HEADERS, 2), protocol],
  ['5.3.2', 'a stream that depends on itself', frame(FrameType.PRIORITY, 0, 1, [0, 0, 0, 1, 1]), malformed],
  [
    '5.3.2',
    'HEADERS of a stream that depends on itself',
    headers([0, 0, 0, 1, 1, ...rawResponse], END_HEADERS | PRIORITY),
    malformed,
  ],
  ['5.5', 'an unknown setting is ignored', settings(0x99, 5), 'goes on'],
  [
    '5.5',
    'a frame of an unknown type within a header block',
    joined(headers(rawResponse, 0), frame(0xfe, 0, 1)),
    protocol,
  ],
  ['6.1', 'DATA on stream 0', data([1], 0, 0), protocol],
  ['6.1', 'DATA whose padding is all of it and more', joined(head, data([6, 0, 0, 0], PADDED)), protocol],
  ['6.1', 'DATA that is padded and empty', joined(head, data([], PADDED)), frameSize],
  ['6.1', 'padding is no content', joined(head, data([3, 1, 0, 0, 0], PADDED | END_STREAM)), 'goes on'],
  ['6.2', 'HEADERS on stream 0', headers(rawResponse, END_HEADERS, 0), protocol],
  ['6.2', 'HEADERS whose padding is too long', headers([9, 0x88], END_HEADERS | PADDED), protocol],
  ['6.2', 'HEADERS too short for their priority', headers([0, 0, 0], END_HEADERS | PRIORITY), frameSize],
  [
    '6.2',
    'padding and priority are no part of the block',
    headers([2, 0, 0, 0, 0, 9, 0x88, 0, 0], END_HEADERS | PADDED | PRIORITY),
    'goes on',
  ],
  ['6.3', 'PRIORITY on stream 0', frame(FrameType.PRIORITY, 0, 0, [0, 0, 0, 3, 1]), protocol],
  [
    '6.3',
    'PRIORITY of another length',
    frame(FrameType.PRIORITY, 0, 1, [0, 0, 0, 3]),
    { stream: ErrorCode.FRAME_SIZE_ERROR },
  ],
  ['6.4', 'RST_STREAM on stream 0', frame(FrameType.RST_STREAM, 0, 0, u32(8)), protocol],
  ['6.4', 'RST_STREAM of another length', frame(FrameType.RST_STREAM, 0, 1, [0, 0, 0]), frameSize],
  ['6.5', 'SETTINGS that acknowledge and have a payload', frame(FrameType.SETTINGS, ACK, 0, setting(3, 1)), frameSize],
  ['6.5', 'SETTINGS on a stream', frame(FrameType.SETTINGS, 0, 1, setting(3, 1)), protocol],
  ['6.5', 'SETTINGS that are no multiple of 6 bytes', frame(FrameType.SETTINGS, 0, 0, [0, 3, 0]), frameSize],
  ['6.5.2', 'ENABLE_PUSH of a server is 0', settings(Setting.ENABLE_PUSH, 1), protocol],
  ['6.5.2', 'ENABLE_PUSH is 0 or 1', settings(Setting.ENABLE_PUSH, 2), protocol],
  [
    '6.5.2',
    'INITIAL_WINDOW_SIZE above 2^31-1',
    settings(Setting.INITIAL_WINDOW_SIZE, 0x80000000),
    { connection: ErrorCode.FLOW_CONTROL_ERROR },
  ],
  ['6.5.2', 'MAX_FRAME_SIZE below 16,384', settings(Setting.MAX_FRAME_SIZE, 16_383), protocol],
  ['6.5.2', 'MAX_FRAME_SIZE above 2^24-1', settings(Setting.MAX_FRAME_SIZE, 1 << 24), protocol],
  [
    '6.6',
    'PUSH_PROMISE, which the client forbids',
    frame(FrameType.PUSH_PROMISE, END_HEADERS, 1, [0, 0, 0, 2, 0x82]),
    protocol,
  ],
  ['6.7', 'PING on a stream', frame(FrameType.PING, 0, 1, new Uint8Array(8)), protocol],
  ['6.7', 'PING of another length', frame(FrameType.PING, 0, 0, new Uint8Array(6)), frameSize],
  ['6.8', 'GOAWAY on a stream', frame(FrameType.GOAWAY, 0, 1, [...u32(0), ...u32(0)]), protocol],
  ['6.8', 'GOAWAY that is too short', frame(FrameType.GOAWAY, 0, 0, u32(0)), frameSize],
  ['6.9', 'WINDOW_UPDATE of 0 for the connection', frame(FrameType.WINDOW_UPDATE, 0, 0, u32(0)), protocol],
  ['6.9', 'WINDOW_UPDATE of 0 for a stream', frame(FrameType.WINDOW_UPDATE, 0, 1, u32(0)), malformed],
  ['6.9', 'WINDOW_UPDATE of another length', frame(FrameType.WINDOW_UPDATE, 0, 0, [0, 0, 1]), frameSize],
  [
    '6.9.1',
    'a window of the connection above 2^31-1',
    frame(FrameType.WINDOW_UPDATE, 0, 0, u32(0x7fffffff)),
    { connection: ErrorCode.FLOW_CONTROL_ERROR },
  ],
  [
    '6.9.1',
    'a window of a stream above 2^31-1',
    frame(FrameType.WINDOW_UPDATE, 0, 1, u32(0x7fffffff)),
    { stream: ErrorCode.FLOW_CONTROL_ERROR },
  ],
  [
    '6.9.2',
    'a window that SETTINGS push above 2^31-1',
    joined(frame(FrameType.WINDOW_UPDATE, 0, 1, u32(100_000)), settings(Setting.INITIAL_WINDOW_SIZE, 0x7fffffff)),
    { connection: ErrorCode.FLOW_CONTROL_ERROR },
  ],
  ['6.10', 'CONTINUATION without a header block', frame(FrameType.CONTINUATION, END_HEADERS, 1, rawResponse), protocol],
  [
    '6.10',
    'CONTINUATION behind a block that has ended',
    joined(head, frame(FrameType.CONTINUATION, END_HEADERS, 1, rawResponse)),
    protocol,
  ],
  [
    '6.10',
    'CONTINUATION of another stream',
    joined(headers(rawResponse, 0), frame(FrameType.CONTINUATION, END_HEADERS, 3, [])),
    protocol,
  ],
  [
    '6.10',
    'CONTINUATION on stream 0',
    joined(headers(rawResponse, 0), frame(FrameType.CONTINUATION, END_HEADERS, 0, [])),
    protocol,
  ],
  [
    '6.10',
    'several CONTINUATIONs are one block',
    joined(
      headers([], 0),
      frame(FrameType.CONTINUATION, 0, 1, []),
      frame(FrameType.CONTINUATION, END_HEADERS, 1, rawResponse),
    ),
    'goes on',
  ],
  ['7', 'GOAWAY with an unknown code is no fault', frame(FrameType.GOAWAY, 0, 0, [...u32(3), ...u32(0xff)]), 'goes on'],
  ['8.1', 'an interim response before the final one', joined(headers([0x08, 3, 0x31, 0x30, 0x33]), head), 'goes on'],
  [
    '8.1',
    'an interim response that ends the stream',
    headers([0x08, 3, 0x31, 0x30, 0x33], END_HEADERS | END_STREAM),
    malformed,
  ],
  ['8.1', 'DATA before the head', data([1]), malformed],
  ['8.1', 'a second header block that does not end the stream', joined(head, headers(field('a', 'b'))), malformed],
  [
    '8.1.1',
    'more content than content-length',
    joined(headers([...rawResponse, ...field('content-length', '1')]), data([1, 2], END_STREAM)),
    malformed,
  ],
  [
    '8.1.1',
    'less content than content-length',
    joined(headers([...rawResponse, ...field('content-length', '3')]), data([1, 2], END_STREAM)),
    malformed,
  ],
  ['8.1.1', 'a content-length that is no number', response(['content-length', '1x']), malformed],
  ['8.2.1', 'an upper-case name', response(['Grpc-Status', '0']), malformed],
  ['8.2.1', 'an empty name', response(['', '0']), malformed],
  ['8.2.1', 'a space in a name', response(['a b', '0']), malformed],
  ['8.2.1', 'CR and LF in a value', response(['a', 'b\r\nc: d']), malformed],
  ['8.2.1', 'NUL in a value', response(['a', 'b\0']), malformed],
  ['8.2.1', 'white space around a value', response(['a', ' b']), malformed],
  ['8.2.2', 'connection', response(['connection', 'close']), malformed],
  ['8.2.2', 'transfer-encoding', response(['transfer-encoding', 'chunked']), malformed],
  ['8.2.2', 'keep-alive', response(['keep-alive', '5']), malformed],
  ['8.3', 'a pseudo-header behind a field', headers([...field('a', 'b'), 0x88], END_HEADERS | END_STREAM), malformed],
  ['8.3', 'a pseudo-header in trailers', joined(head, headers([0x88], END_HEADERS | END_STREAM)), malformed],
  ['8.3', 'a pseudo-header that does not exist', response([':test', 'ok']), malformed],
  ['8.3', 'a pseudo-header of requests', response([':path', '/']), malformed],
  ['8.3.2', 'no :status', headers(field('a', 'b'), END_HEADERS | END_STREAM), malformed],
  ['8.3.2', 'two :status', headers([0x88, 0x88], END_HEADERS | END_STREAM), malformed],
  ['8.3.2', 'a :status that is no number', headers(field(':status', '2x0'), END_HEADERS | END_STREAM), malformed],
  ['HPACK 2.3.3', 'an index beyond both tables', headers([0xff, 0x00]), compression],
  ['HPACK 4.2', 'a size of the table behind a field', headers([0x88, 0x20]), compression],
  ['HPACK 5.1', 'a number that does not end', headers([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]), compression],
  ['HPACK 5.2', 'a text longer than the block', headers([0x88, 0x00, 5, 0x61]), compression],
  [
    'HPACK 5.2',
    'Huffman padding of more than 7 bits',
    headers([0x88, 0x00, 0x85, 0xf2, 0xb2, 0x4a, 0x84, 0xff, 0x84, 0x49, 0x50, 0x9f, 0xff]),
    compression,
  ],
  [
    'HPACK 5.2',
    'Huffman padding that is not of ones',
    headers([0x88, 0x00, 0x85, 0xf2, 0xb2, 0x4a, 0x84, 0xff, 0x83, 0x49, 0x50, 0x90]),
    compression,
  ],
  [
    'HPACK 5.2',
    'the end of a Huffman text within it',
    headers([0x88, 0x00, 0x85, 0xf2, 0xb2, 0x4a, 0x84, 0xff, 0x87, 0x49, 0x51, 0xff, 0xff, 0xff, 0xfa, 0x7f]),
    compression,
  ],
  ['HPACK 6.1', 'index 0', headers([0x80]), compression],
  ['HPACK 6.3', 'a table larger than announced', headers([0x3f, 0xe2, 0x1f, 0x88]), compression],
];

/** The request of the call has not ended. */
const openRows: readonly Row[] = [
  ['5.1', 'DATA behind the end of the response', joined(whole, data([1])), { stream: ErrorCode.STREAM_CLOSED }],
  ['5.1', 'HEADERS behind the end of the response', joined(whole, whole), { stream: ErrorCode.STREAM_CLOSED }],
  [
    '5.1',
    'WINDOW_UPDATE behind the end of the response',
    joined(whole, frame(FrameType.WINDOW_UPDATE, 0, 1, u32(9))),
    'goes on',
  ],
  [
    '6.9.2',
    'a window that SETTINGS make negative',
    joined(settings(Setting.INITIAL_WINDOW_SIZE, 10), settings(Setting.INITIAL_WINDOW_SIZE, 0)),
    'goes on',
  ],
];

function check(server: RawServer, asked: ReturnType<RawServer['ask']>, sent: Uint8Array, outcome: Outcome): void {
  const other = server.ask(new Uint8Array(10)).answer;
  server.send(sent);
  server.loop.settle();
  const { answer } = asked;
  if (outcome !== 'goes on' && 'connection' in outcome) {
    expect(server.goAway()).toBe(outcome.connection);
    server.loop.pass(2_000);
    expect(server.clientPipe.destroyed).toBe(true);
    expect(other.failure).toMatchObject({ by: 'connection', code: outcome.connection });
    return;
  }
  if (outcome === 'goes on') {
    if (!answer.ended) server.send(answer.status === 0 ? whole : data([], END_STREAM));
    server.loop.settle();
    expect([answer.status, answer.ended, answer.failure]).toEqual([200, true, undefined]);
    expect(server.resets()).toEqual([]);
  } else {
    expect(server.resets()).toEqual([outcome.stream]);
    expect(answer.failure).toMatchObject({ by: 'us', code: outcome.stream });
  }
  server.send(headers(rawResponse, END_HEADERS | END_STREAM, 3));
  server.loop.settle();
  expect([other.status, other.ended, other.failure]).toEqual([200, true, undefined]);
  expect(server.goAway()).toBeUndefined();
}

describe('a client, of a server that is at fault', () => {
  it.each(rows)('%s: %s', (_section, _says, sent, outcome) => {
    const server = new RawServer().greet();
    check(server, server.ask(new Uint8Array(0)), sent, outcome);
  });

  it.each(openRows)('%s, the request still open: %s', (_section, _says, sent, outcome) => {
    const server = new RawServer().greet();
    check(server, server.ask(), sent, outcome);
  });

  it.each<[string, string, Uint8Array]>([
    ['3.4', 'whose first frame is no SETTINGS', frame(FrameType.PING, 0, 0, new Uint8Array(8))],
    ['3.4', 'whose first frame acknowledges SETTINGS', frame(FrameType.SETTINGS, ACK, 0)],
    ['3.4', 'that speaks HTTP/1.1', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
  ])('%s: %s', (_section, _says, sent) => {
    const server = new RawServer();
    server.send(sent);
    server.loop.settle();
    expect(server.goAway()).toBeGreaterThan(0);
    expect(server.client.closed).toBe(true);
  });

  it('6.5.3: acknowledges SETTINGS once they are applied, in their order', () => {
    const server = new RawServer().greet();
    const before = server.frames().filter(({ type, flags }) => type === FrameType.SETTINGS && flags === ACK).length;
    server.send(settings(Setting.INITIAL_WINDOW_SIZE, 5), settings(Setting.INITIAL_WINDOW_SIZE, 3));
    server.loop.settle();
    server.ask(new Uint8Array(10));
    const acks = server.frames().filter(({ type, flags }) => type === FrameType.SETTINGS && flags === ACK).length;
    const sent = server.frames().filter(({ type }) => type === FrameType.DATA);
    expect([acks - before, sent.map(({ payload }) => payload.length)]).toEqual([2, [3]]);
  });

  it('6.7: answers a PING with what it says, and no acknowledgement', () => {
    const server = new RawServer().greet();
    server.send(
      frame(FrameType.PING, 0, 0, [1, 2, 3, 4, 5, 6, 7, 8]),
      frame(FrameType.PING, ACK, 0, new Uint8Array(8)),
    );
    server.loop.settle();
    const pings = server.frames().filter(({ type }) => type === FrameType.PING);
    expect(pings.map(({ flags, payload }) => [flags, ...payload])).toEqual([[ACK, 1, 2, 3, 4, 5, 6, 7, 8]]);
  });

  it('6.9: sends no more than the windows allow, and goes on when they open', () => {
    const server = new RawServer().greet(setting(Setting.INITIAL_WINDOW_SIZE, 4));
    server.ask(new Uint8Array(10));
    const sent = (): number[] => {
      server.loop.settle();
      return server
        .frames()
        .filter(({ type }) => type === FrameType.DATA)
        .map(({ payload }) => payload.length);
    };
    expect(sent()).toEqual([4]);
    server.send(settings(Setting.INITIAL_WINDOW_SIZE, 0));
    server.send(frame(FrameType.WINDOW_UPDATE, 0, 1, u32(4)));
    expect(sent()).toEqual([4]);
    server.send(frame(FrameType.WINDOW_UPDATE, 0, 1, u32(2)));
    expect(sent()).toEqual([4, 2]);
    server.send(frame(FrameType.WINDOW_UPDATE, 0, 1, u32(100)));
    expect(sent()).toEqual([4, 2, 4]);
  });

  it('5.1.2: opens no more streams than it may', () => {
    const server = new RawServer().greet(setting(Setting.MAX_CONCURRENT_STREAMS, 1));
    server.ask(new Uint8Array(0));
    expect(server.client.available).toBe(0);
    server.send(whole);
    server.loop.settle();
    expect(server.client.available).toBe(1);
  });

  it('5.4.1: says in a GOAWAY why it ends a connection, and closes it', () => {
    const server = new RawServer().greet();
    server.send(frame(FrameType.PING, 0, 1, new Uint8Array(8)));
    server.loop.settle();
    expect(server.goAway()).toBe(ErrorCode.PROTOCOL_ERROR);
    expect(server.ended).toBe(true);
  });
});
