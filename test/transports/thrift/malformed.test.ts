/** Bytes that no client should send: each ends in a clear error or a closed connection, and the server serves on. */
import fc from 'fast-check';
import { ApplicationFault, decodeApplicationException, TMessageType, writeMessage } from 'hawser/thrift';
import { afterEach, describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';
import { defaultLimits } from '../../../src/transports/thrift/limits.js';
import { encodeHeaderFrame } from '../../../src/transports/thrift/theader.js';
import { runs } from '../../support/soak.js';
import {
  closeAll,
  echoMessage,
  framed,
  RawPeer,
  readAnswer,
  type Served,
  serveParley,
  stillServes,
} from './harness.js';

afterEach(closeAll);

function bytes(...parts: readonly (string | Buffer)[]): Buffer {
  return Buffer.concat(
    parts.map((part) => (typeof part === 'string' ? Buffer.from(part.replaceAll(/\s/g, ''), 'hex') : part)),
  );
}

/** A call of `echo` whose args are these bytes. */
function echoOf(body: string | Buffer, protocol: 'binary' | 'compact' = 'binary'): Buffer {
  return writeMessage(protocol, 'echo', TMessageType.CALL, 7, bytes(body));
}

function logged(served: Served): string {
  return served.log.map((line) => line.message).join('\n');
}

describe('a connection is closed, with a line in the log, when the first bytes are', () => {
  it.each([
    ['a negative frame length', 'ffffffff', /announced with -1 bytes/],
    ['a frame length over the limit', '00f42401', /announced with 16000001 bytes/],
    ['a frame length of 0', '00000000', /announced with 0 bytes/],
    ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'), /the peer speaks HTTP/],
    ['a TLS ClientHello', '1603010200010001fc0303', /the peer speaks TLS/],
    ['a frame of another version of binary', framed(bytes('80020001 00000004 6563686f 00000001 00')), /0x80020001/],
    [
      'a frame of another version of compact',
      framed(bytes('8222 01 04 6563686f 00')),
      /version 2 of the compact protocol/,
    ],
    ['a frame of noise', framed(Buffer.from('\x01noise that is no message')), /not a Thrift message/],
    ['a frame of 2 bytes', framed(bytes('8001')), /too short/],
    ['a THeader frame that ends in its fixed part', framed(bytes('0fff0000')), /fixed part alone has 10/],
    [
      'a method name of 16 MB',
      framed(bytes('80010001 00f00000 6563')),
      /name's length of 15728640 bytes is over the limit/,
    ],
    ['a method name of negative length', framed(bytes('80010001 ffffffff 6563')), /negative/],
    ['a method name that ends outside the frame', framed(bytes('80010001 00000010 6563')), /ends within its header/],
    ['a method name that is not UTF-8', framed(bytes('80010001 00000002 c328 00000001 00')), /not UTF-8/],
    ['a compact seqid of 6 bytes', framed(bytes('8221 ffffffffffff 04 6563686f 00')), /varint/],
  ] as const)('%s', async (_name, first, sentence) => {
    const served = await serveParley();
    const peer = await RawPeer.connect(served.port);
    peer.send(typeof first === 'string' ? bytes(first) : first);
    await peer.gone();
    expect(logged(served)).toMatch(sentence);
    expect(peer.received.length).toBe(0);
    await stillServes(served.port);
  });

  it.each(['binary', 'compact'] as const)(
    'unframed %s, and the server was told to take frames only',
    async (protocol) => {
      const served = await serveParley({ unframed: false });
      const peer = await RawPeer.connect(served.port);
      peer.send(echoMessage('x', { protocol }));
      await peer.gone();
      expect(logged(served)).toMatch(/unframed \(buffered\) \w+ messages, and this end takes frames only/);
      expect(peer.received.length).toBe(0);
      await stillServes(served.port);
    },
  );

  it('nothing at all, and then the end', async () => {
    const served = await serveParley();
    const peer = await RawPeer.connect(served.port);
    peer.socket.end();
    await peer.gone();
    await stillServes(served.port);
  });
});

describe('a call is answered by an exception, and the connection lives on, when', () => {
  const INVALID = ApplicationFault.PROTOCOL_ERROR;
  const cases: readonly (readonly [string, Buffer, number])[] = [
    ['the method is not known', writeMessage('binary', 'nosuch', 1, 7, bytes('00')), ApplicationFault.UNKNOWN_METHOD],
    ['the method name is empty', writeMessage('binary', '', 1, 7, bytes('00')), ApplicationFault.UNKNOWN_METHOD],
    [
      'the service of a multiplexed name is not known',
      writeMessage('binary', 'No:echo', 1, 7, bytes('00')),
      ApplicationFault.UNKNOWN_METHOD,
    ],
    [
      'the service is called constructor',
      writeMessage('binary', 'constructor:echo', 1, 7, bytes('00')),
      ApplicationFault.UNKNOWN_METHOD,
    ],
    [
      'the method is called __proto__',
      writeMessage('binary', '__proto__', 1, 7, bytes('00')),
      ApplicationFault.UNKNOWN_METHOD,
    ],
    ['the name is a lone colon', writeMessage('binary', ':', 1, 7, bytes('00')), ApplicationFault.UNKNOWN_METHOD],
    ['the message type is 0', echoMessage('x', { type: 0, seqid: 7 }), ApplicationFault.INVALID_MESSAGE_TYPE],
    ['the message type is 2, a reply', echoMessage('x', { type: 2, seqid: 7 }), ApplicationFault.INVALID_MESSAGE_TYPE],
    [
      'the message type is 3, an exception',
      echoMessage('x', { type: 3, seqid: 7 }),
      ApplicationFault.INVALID_MESSAGE_TYPE,
    ],
    ['the message type is 5', echoMessage('x', { type: 5, seqid: 7 }), ApplicationFault.INVALID_MESSAGE_TYPE],
    ['the message type is 7', echoMessage('x', { type: 7, seqid: 7 }), ApplicationFault.INVALID_MESSAGE_TYPE],
    ['the args end too early', echoOf('0b0001 0000'), INVALID],
    ['there are no args at all', echoOf(''), INVALID],
    ['a string has length -1', echoOf('0b0001 ffffffff 00'), INVALID],
    ['a string has length 2^31-1', echoOf('0b0001 7fffffff 00'), INVALID],
    ['a string is longer than what is left', echoOf('0b0001 00000009 6162 00'), INVALID],
    ['a string is not UTF-8', echoOf('0b0001 00000002 c328 00'), INVALID],
    ['an unknown field is a list of size -1', echoOf('0f0009 0b ffffffff 00'), INVALID],
    ['an unknown field is a list of 2^31-1 empty structs', echoOf('0f0009 0c 7fffffff 00'), INVALID],
    ['an unknown field is a list of 2^31-1 bools', echoOf('0f0009 02 7fffffff 00'), INVALID],
    ['an unknown field is a map of size 2^31-1', echoOf('0d0009 0b0b 7fffffff 00'), INVALID],
    ['a field has type 1', echoOf('010009 00'), INVALID],
    ['a field has type 5', echoOf('050009 00'), INVALID],
    ['a field has type 17', echoOf('110009 00'), INVALID],
    ['an unknown field is a list of type 1', echoOf('0f0009 01 00000001 00'), INVALID],
    ['an unknown field nests 65 lists', echoOf(`0f0009${'0f00000001'.repeat(65)}0300000000 00`), INVALID],
    ['an unknown field nests 100,000 structs', echoOf('0c0009'.repeat(100_000)), INVALID],
    ['bytes trail behind the args', bytes(echoMessage('x', { seqid: 7 }), 'ffff'), INVALID],
  ];
  it.each(cases)('%s', async (_name, message, type) => {
    const served = await serveParley();
    const peer = await RawPeer.connect(served.port);
    peer.send(framed(message), framed(echoMessage('after', { seqid: 8 })));
    const answer = readAnswer(await peer.frame());
    expect(answer).toMatchObject({ type: TMessageType.EXCEPTION, seqid: 7 });
    expect(decodeApplicationException(answer.body, 'binary').type).toBe(type);
    expect(readAnswer(await peer.frame())).toMatchObject({ type: TMessageType.REPLY, seqid: 8, name: 'echo' });
  });

  it.each([
    ['a compact list announces 2^31-1 bools', '99f1ffffffff0700'],
    ['a compact string announces more than is left', '18ffffffff0700'],
    ['a compact map announces 2^31-1 pairs', '9bffffffff078800'],
    ['a compact varint does not end', '96ffffffffffffffffffffff0000'],
    ['a compact field id overflows', '0bfeffffffff7f0000'],
    ['a compact field has type 15', '9f00'],
    ['compact structs nest 100,000 deep', '9c'.repeat(100_000)],
  ])('%s', async (_name, body) => {
    const served = await serveParley();
    const peer = await RawPeer.connect(served.port);
    peer.send(framed(echoOf(body, 'compact')), framed(echoMessage('after', { protocol: 'compact', seqid: 8 })));
    const answer = readAnswer(await peer.frame(), 'compact');
    expect(answer).toMatchObject({ type: TMessageType.EXCEPTION, seqid: 7 });
    expect(decodeApplicationException(answer.body, 'compact').type).toBe(INVALID);
    expect(readAnswer(await peer.frame(), 'compact')).toMatchObject({ type: TMessageType.REPLY, seqid: 8 });
  });

  it.each([
    ['a transform is not known', '00 01 03 00', ApplicationFault.INVALID_TRANSFORM],
    ['zlib was not asked for', '00 01 01 00', ApplicationFault.INVALID_TRANSFORM],
    ['the protocol id is not known', '01 00 00 00', ApplicationFault.INVALID_PROTOCOL],
    ['there are 2^31 headers', '00 00 01 8080808008', ApplicationFault.PROTOCOL_ERROR],
    ['a header runs over the block', '00 00 01 01 7f 61 00 00', ApplicationFault.PROTOCOL_ERROR],
  ])('in THeader, %s', async (_name, block, type) => {
    const served = await serveParley();
    const peer = await RawPeer.connect(served.port);
    const size = bytes(block).length / 4;
    peer.send(
      framed(bytes('0fff0000 00000007', `000${size}`, block, echoMessage('x', { seqid: 7 }))),
      encodeHeaderFrame(
        { protocol: 'binary', sequenceId: 8, zlib: false, headers: undefined },
        echoMessage('x', { seqid: 8 }),
        defaultLimits,
      ),
    );
    const refused = await peer.frame();
    const answer = readAnswer(refused.subarray(10 + refused.readUInt16BE(8) * 4));
    expect(answer).toMatchObject({ type: TMessageType.EXCEPTION, seqid: 7 });
    expect(decodeApplicationException(answer.body, 'binary').type).toBe(type);
    const next = await peer.frame();
    expect(readAnswer(next.subarray(10 + next.readUInt16BE(8) * 4))).toMatchObject({
      type: TMessageType.REPLY,
      seqid: 8,
    });
  });
});

describe('the server', () => {
  it('answers what came before the bytes that made no sense, then closes', async () => {
    const served = await serveParley();
    const peer = await RawPeer.connect(served.port);
    peer.send(framed(echoMessage('good', { seqid: 3 })), bytes('ffffffff'));
    expect(readAnswer(await peer.frame())).toMatchObject({ type: TMessageType.REPLY, seqid: 3 });
    await peer.gone();
  });

  it('gives up a frame that was begun and not finished, after the time for it', async () => {
    const clock = new VirtualClock();
    const served = await serveParley({ limits: { frameTimeoutMs: 5_000 } }, { clock });
    const peer = await RawPeer.connect(served.port);
    peer.send(framed(echoMessage('half')).subarray(0, 9));
    while (clock.timers === 0) await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(4_999);
    expect(peer.ended).toBe(false);
    await clock.advance(1);
    await peer.gone();
    expect(logged(served)).toMatch(/no byte of it came for 5000 ms \(frameTimeoutMs\)/);
  });

  it('waits for a client that sends byte by byte, and for an idle one without end', async () => {
    const clock = new VirtualClock();
    const served = await serveParley({}, { clock });
    const peer = await RawPeer.connect(served.port);
    for (const byte of framed(echoMessage('dribble'))) {
      peer.send([byte]);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(readAnswer(await peer.frame())).toMatchObject({ type: TMessageType.REPLY });
    await clock.advance(3_600_000);
    peer.send(framed(echoMessage('again', { seqid: 2 })));
    expect(readAnswer(await peer.frame())).toMatchObject({ seqid: 2 });
  });

  it('is not moved by random bytes: it answers a good call after each', async () => {
    const served = await serveParley({ unframed: true, zlib: true });
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.uint8Array({ minLength: 1, maxLength: 200 }),
          fc.uint8Array({ maxLength: 200 }).map((body) => framed(body)),
          fc.uint8Array({ maxLength: 100 }).map((body) => framed(echoOf(Buffer.from(body)))),
          fc.uint8Array({ maxLength: 100 }).map((body) => framed(echoOf(Buffer.from(body), 'compact'))),
          fc.uint8Array({ maxLength: 100 }).map((body) => echoOf(Buffer.from(body))),
          fc.uint8Array({ maxLength: 100 }).map((body) => framed(bytes('0fff0000000000070002', Buffer.from(body)))),
        ),
        async (garbage) => {
          const peer = await RawPeer.connect(served.port);
          peer.socket.end(garbage);
          await peer.gone();
          peer.close();
        },
      ),
      { numRuns: runs(300) },
    );
    await stillServes(served.port);
    expect(served.log.filter((line) => line.level === 'error')).toEqual([]);
  });
});
