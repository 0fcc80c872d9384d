import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteQueue } from '../../../src/transports/thrift/byte-queue.js';
import { type AcceptedFraming, FrameReader } from '../../../src/transports/thrift/frame-reader.js';
import { defaultLimits, resolveLimits } from '../../../src/transports/thrift/limits.js';
import { WireError } from '../../../src/transports/thrift/wire-error.js';
import { runs } from '../../support/soak.js';
import { echoMessage, framed } from './harness.js';

function reader(accepts: AcceptedFraming = 'framed', limits = defaultLimits): FrameReader {
  return new FrameReader(limits, accepts);
}

function all(one: FrameReader): Buffer[] {
  const frames: Buffer[] = [];
  for (let frame = one.next(); frame !== undefined; frame = one.next()) frames.push(frame);
  return frames;
}

/** `bytes` in pieces of the given sizes, then the rest. */
function* cut(bytes: Buffer, sizes: readonly number[]): Generator<Buffer> {
  let at = 0;
  for (const size of sizes) {
    if (at >= bytes.length) return;
    yield bytes.subarray(at, at + size);
    at += size;
  }
  if (at < bytes.length) yield bytes.subarray(at);
}

describe('the byte queue', () => {
  it('gives back exactly the bytes it was given, however they are cut and taken', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 50 })), fc.array(fc.nat(60)), (chunks, takes) => {
        const queue = new ByteQueue();
        const expected = Buffer.concat(chunks);
        const taken: Buffer[] = [];
        const sizes = [...takes];
        for (const chunk of chunks) {
          queue.append(Buffer.from(chunk));
          const size = sizes.shift() ?? 0;
          if (size > 0 && size <= queue.length) taken.push(queue.take(size));
        }
        taken.push(queue.take(queue.length));
        expect(Buffer.concat(taken)).toEqual(expected);
        expect(queue.length).toBe(0);
      }),
    );
  });

  it('never writes over bytes that it handed out', () => {
    const queue = new ByteQueue();
    queue.append(Buffer.from('ab'));
    queue.append(Buffer.from('cd'));
    const view = queue.take(3);
    for (let i = 0; i < 5_000; i++) queue.append(Buffer.from('xyz'));
    expect(view.toString()).toBe('abc');
  });

  it('adopts a chunk that finds it empty, without a copy', () => {
    const queue = new ByteQueue();
    const chunk = Buffer.from('whole');
    queue.append(chunk);
    expect(queue.take(5).buffer).toBe(chunk.buffer);
  });
});

describe('the frame reader', () => {
  it('finds the same frames however the stream is cut', () => {
    const messages = ['a', 'bb', 'c'.repeat(300)].map((text, i) => echoMessage(text, { seqid: i }));
    const stream = Buffer.concat(messages.map(framed));
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 120 })), (sizes) => {
        const one = reader();
        const frames: Buffer[] = [];
        for (const chunk of cut(stream, sizes)) {
          one.push(chunk);
          frames.push(...all(one));
        }
        expect(frames).toEqual(messages);
      }),
    );
  });

  it('takes a frame of a megabyte that comes byte by byte, in linear time', () => {
    const message = echoMessage('x'.repeat(1_000_000));
    const one = reader();
    const frames: Buffer[] = [];
    // Quadratic work would be half a terabyte of copies here, and run into the test's timeout.
    const stream = framed(message);
    for (let i = 0; i < stream.length; i++) {
      one.push(stream.subarray(i, i + 1));
      frames.push(...all(one));
    }
    expect(frames[0]?.equals(message)).toBe(true);
  });

  it('sets aside memory for what has come, not for what a frame announces', () => {
    const before = process.memoryUsage().arrayBuffers;
    const readers = Array.from({ length: 100 }, () => {
      const one = reader();
      one.push(Buffer.from([0x00, 0xf4, 0x24, 0x00, 0x80]));
      one.push(Buffer.from([0x01]));
      expect(one.next()).toBeUndefined();
      return one;
    });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(readers.length * 100_000);
  });

  it('refuses a frame of length 0, of a negative length and over the limit, as soon as the length is there', () => {
    for (const [length, sentence] of [
      [[0, 0, 0, 0], /announced with 0 bytes/],
      [[0xff, 0xff, 0xff, 0xff], /announced with -1 bytes/],
      [[0x00, 0xf4, 0x24, 0x01], /announced with 16000001 bytes; a frame has 1 to 16000000 \(maxFrameBytes\)/],
    ] as const) {
      const one = reader();
      one.push(Buffer.from(length));
      expect(() => one.next()).toThrow(sentence);
    }
  });

  it('knows strict binary, old binary, compact and THeader by their first bytes', () => {
    const strict = reader();
    strict.push(framed(echoMessage('a')));
    strict.next();
    expect(strict.kind).toBe('binary');
    const old = reader();
    old.push(framed(Buffer.from([0, 0, 0, 4, ...Buffer.from('ping'), 1, 0, 0, 0, 9, 0])));
    old.next();
    expect(old.kind).toBe('binary');
    const compact = reader();
    compact.push(framed(echoMessage('a', { protocol: 'compact' })));
    compact.next();
    expect(compact.kind).toBe('compact');
    const header = reader();
    header.push(framed(Buffer.from([0x0f, 0xff, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0])));
    header.next();
    expect(header.kind).toBe('header');
  });

  it('says what is wrong with a frame that is none of these', () => {
    for (const [message, sentence] of [
      [[0x80, 0x02, 0, 1], /neither binary \(0x8001\), compact \(0x82\) nor THeader/],
      [[0x82, 0x02, 0, 0], /version 2 of the compact protocol \(fbthrift/],
      [[0x01, 0x02, 0x03, 0x04], /begins with 0x01020304: not a Thrift message/],
      [[0x80, 0x01], /frame of 2 bytes is too short/],
    ] as const) {
      const one = reader();
      one.push(framed(Buffer.from(message)));
      expect(() => one.next()).toThrow(sentence);
    }
  });

  it('holds a connection to the dialect of its first frame', () => {
    const one = reader();
    one.push(framed(echoMessage('a')));
    expect(one.next()).toBeDefined();
    one.push(framed(echoMessage('a', { protocol: 'compact' })));
    expect(() => one.next()).toThrow(/a compact message on a connection that began with binary/);
  });

  it('names HTTP, TLS and unframed peers', () => {
    for (const [bytes, sentence] of [
      [Buffer.from('GET / HTTP/1.1\r\n'), /the peer speaks HTTP/],
      [Buffer.from('POST /x HTTP/1.1\r\n'), /the peer speaks HTTP/],
      [Buffer.from('PRI * HTTP/2.0\r\n'), /the peer speaks HTTP/],
      [Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00]), /the peer speaks TLS/],
      [echoMessage('a'), /unframed \(buffered\) binary .* unframed: false/],
      [echoMessage('a', { protocol: 'compact' }), /unframed \(buffered\) compact/],
    ] as const) {
      const one = reader();
      one.push(bytes);
      expect(() => one.next()).toThrow(sentence);
    }
  });

  it('finds its dialect when the first bytes come one at a time', () => {
    const message = echoMessage('split');
    const one = reader('either');
    const frames: Buffer[] = [];
    for (const byte of message) {
      one.push(Buffer.of(byte));
      frames.push(...all(one));
    }
    expect(frames).toEqual([message]);
    expect(one.framed).toBe(false);
  });

  it('reads bare messages back to back, binary and compact, when it is asked to', () => {
    for (const protocol of ['binary', 'compact'] as const) {
      const messages = ['a', 'bb', ''].map((text, seqid) => echoMessage(text, { seqid, protocol }));
      const one = reader('either');
      one.push(Buffer.concat(messages));
      expect(all(one)).toEqual(messages);
      expect(one.kind).toBe(protocol);
    }
  });

  it('still takes frames where unframed messages are allowed', () => {
    const one = reader('either');
    one.push(framed(echoMessage('a')));
    expect(all(one)).toEqual([echoMessage('a')]);
  });

  it('throws a WireError and nothing else, for any bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), fc.boolean(), (chunks, bare) => {
        const one = reader(bare ? 'either' : 'framed');
        try {
          for (const chunk of chunks) {
            one.push(Buffer.from(chunk));
            all(one);
          }
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      }),
      { numRuns: runs(1_000) },
    );
  });
});

describe('limits', () => {
  it('are the documented ones unless others are given', () => {
    expect(resolveLimits()).toEqual(defaultLimits);
    expect(defaultLimits).toMatchObject({
      maxFrameBytes: 16_000_000,
      maxHeaderBytes: 65_536,
      maxHeaders: 128,
      maxInFlight: 128,
      frameTimeoutMs: 10_000,
    });
    expect(resolveLimits({ maxInFlight: 3 }).maxInFlight).toBe(3);
  });

  it('name the limit, the value and what would do', () => {
    expect(() => resolveLimits({ maxInFlight: 0 })).toThrow(
      'the limit maxInFlight is 0; it must be a whole number from 1',
    );
    expect(() => resolveLimits({ maxFrameBytes: 2 ** 30 })).toThrow(/maxFrameBytes is 1073741824/);
    expect(() => resolveLimits({ maxFrames: 3 } as never)).toThrow(
      /thrift\.limits has no option "maxFrames"; did you mean maxFrameBytes\? The options are maxFrameBytes/,
    );
  });
});
