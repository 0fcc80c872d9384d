import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { ApplicationFault } from 'hawser/thrift';
import { describe, expect, it } from 'vitest';
import { HeaderMap } from '../../../src/call/headers.js';
import { defaultLimits, resolveLimits } from '../../../src/transports/thrift/limits.js';
import { decodeHeaderFrame, encodeHeaderFrame, inflatePayload } from '../../../src/transports/thrift/theader.js';
import { FrameRefused, WireError } from '../../../src/transports/thrift/wire-error.js';
import { runs } from '../../support/soak.js';

const plain = { limits: defaultLimits, zlib: false };
const compressed = { limits: defaultLimits, zlib: true };

function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
}

/** A frame without its length: fixed part, `block` padded to words, payload. */
function frame(block: string | Buffer, payload: Buffer = Buffer.from('payload'), words?: number): Buffer {
  const bytes = typeof block === 'string' ? hex(block) : block;
  const size = words ?? Math.ceil(bytes.length / 4);
  const padded = Buffer.alloc(Math.max(size * 4, bytes.length));
  bytes.copy(padded);
  const fixed = hex('0fff 0000 00000007 0000');
  fixed.writeUInt16BE(size, 8);
  return Buffer.concat([fixed, padded, payload]);
}

function refusalOf(run: () => unknown): FrameRefused {
  try {
    run();
  } catch (error) {
    if (error instanceof FrameRefused) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('a THeader frame', () => {
  it('is laid out as the specification says', () => {
    const headers = new HeaderMap({ 'x-a': 'b', 'x-raw-bin': Buffer.from([0, 255]) });
    const bytes = encodeHeaderFrame(
      { protocol: 'compact', sequenceId: -2, zlib: false, headers },
      Buffer.from('payload'),
      defaultLimits,
    );
    const expected = `
      00000029 0fff 0000 fffffffe 0006
      02 00
      01 02 03 782d61 01 62 09 782d7261772d62696e 02 00ff
      00
      7061796c6f6164`;
    expect(bytes.toString('hex')).toBe(hex(expected).toString('hex'));
    expect(bytes.readInt32BE(0)).toBe(bytes.length - 4);
  });

  it('carries headers, sequence id and payload both ways', () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.stringMatching(/^[a-z0-9_.-]{1,20}$/).filter((name) => !name.endsWith('-bin')),
          fc.stringMatching(/^[ -~]{0,300}$/),
        ),
        fc.uint8Array({ maxLength: 200 }),
        fc.integer(),
        fc.boolean(),
        (texts, payload, sequenceId, zlib) => {
          const headers = new HeaderMap({ ...texts, 'some-bin': payload });
          const bytes = encodeHeaderFrame({ protocol: 'binary', sequenceId, zlib, headers }, payload, defaultLimits);
          const back = decodeHeaderFrame(bytes.subarray(4), compressed);
          expect(back.sequenceId).toBe(sequenceId);
          expect(back.zlib).toBe(zlib);
          expect([...back.payload]).toEqual([...payload]);
          expect(back.headers?.toJSON()).toEqual(headers.toJSON());
        },
      ),
    );
  });

  it('keeps several values of one header', () => {
    const headers = new HeaderMap({ 'x-many': ['a', 'b'] });
    const bytes = encodeHeaderFrame(
      { protocol: 'binary', sequenceId: 1, zlib: false, headers },
      Buffer.of(1),
      defaultLimits,
    );
    expect(decodeHeaderFrame(bytes.subarray(4), plain).headers?.getAll('x-many')).toEqual(['a', 'b']);
  });

  it('lowers the case of keys and leaves out what no header of ours could be', () => {
    // X-Up: v; "ill egal": v; x-high: ff; x-ok-bin: ff
    const block =
      '00 00 01 04 04 582d5570 01 76 08 696c6c6567616c20 01 76 06 782d68696768 01 ff 08 782d6f6b2d62696e 01 ff';
    const { headers } = decodeHeaderFrame(frame(block), plain);
    expect(headers?.toJSON()).toEqual({ 'x-up': 'v', 'x-ok-bin': '/w==' });
  });

  it('takes keys like __proto__ and constructor as the keys they are', () => {
    const block = '00 00 01 02 09 5f5f70726f746f5f5f 01 76 0b 636f6e7374727563746f72 01 77';
    const { headers } = decodeHeaderFrame(frame(block), plain);
    expect(headers?.get('__proto__')).toBe('v');
    expect(headers?.get('constructor')).toBe('w');
  });

  it('skips info blocks that are not known, and reads several that are', () => {
    expect(decodeHeaderFrame(frame('00 00 01 01 01 61 01 62 01 01 01 63 01 64'), plain).headers?.toJSON()).toEqual({
      a: 'b',
      c: 'd',
    });
    expect(decodeHeaderFrame(frame('00 00 02 ff ff ff'), plain).headers).toBeUndefined();
    expect(decodeHeaderFrame(frame('00 00 01 01 01 61 01 62 63 ff ff'), plain).headers?.toJSON()).toEqual({ a: 'b' });
  });

  it('has no headers when the block has none, and an empty map is no block', () => {
    expect(decodeHeaderFrame(frame('00 00'), plain).headers).toBeUndefined();
    const bytes = encodeHeaderFrame(
      { protocol: 'binary', sequenceId: 1, zlib: false, headers: new HeaderMap() },
      Buffer.of(9),
      defaultLimits,
    );
    expect(bytes.toString('hex')).toBe('0000000f0fff000000000001000100000000' + '09');
  });
});

describe('a THeader frame is refused, and the peer told, when', () => {
  const cases: readonly (readonly [string, Buffer, number, RegExp])[] = [
    [
      'its header block is larger than the frame',
      hex('0fff 0000 00000007 0009 00000000'),
      ApplicationFault.PROTOCOL_ERROR,
      /announced with 36 bytes, and the frame has 4 left/,
    ],
    [
      'its header count is 2^31',
      frame('00 00 01 8080808008'),
      ApplicationFault.PROTOCOL_ERROR,
      /2147483648 headers; the limit is 128/,
    ],
    [
      'its header blocks count more than the limit together',
      frame(
        Buffer.concat([
          hex('00 00'),
          ...Array.from({ length: 3 }, () =>
            Buffer.concat([hex('01 32'), ...Array.from({ length: 50 }, () => hex('01 61 01 62'))]),
          ),
        ]),
      ),
      ApplicationFault.PROTOCOL_ERROR,
      /150 headers; the limit is 128/,
    ],
    [
      'a header string runs over the block',
      frame('00 00 01 01 7f 61'),
      ApplicationFault.PROTOCOL_ERROR,
      /ends in the middle/,
    ],
    [
      'a header string is announced with 2^31 bytes',
      frame('00 00 01 01 ffffffff07'),
      ApplicationFault.PROTOCOL_ERROR,
      /ends in the middle/,
    ],
    [
      'a varint does not end',
      frame('00 00 01 ffffffffffffffffff'),
      ApplicationFault.PROTOCOL_ERROR,
      /more than 5 bytes/,
    ],
    ['the header block is empty', frame('', Buffer.from('x')), ApplicationFault.PROTOCOL_ERROR, /ends in the middle/],
    ['the protocol id is not known', frame('01 00'), ApplicationFault.INVALID_PROTOCOL, /protocol id 1 is not spoken/],
    ['a transform is not known', frame('00 01 03'), ApplicationFault.INVALID_TRANSFORM, /transform 3 is not known/],
    [
      'it announces 100 transforms',
      frame(Buffer.concat([hex('00 64'), Buffer.alloc(100, 1)])),
      ApplicationFault.INVALID_TRANSFORM,
      /100 transforms; at most 1/,
    ],
    [
      'it is compressed and that was not asked for',
      frame('00 01 01', deflateSync('x')),
      ApplicationFault.INVALID_TRANSFORM,
      /set `zlib: true`/,
    ],
  ];
  it.each(cases)('%s', (_name, bytes, type, sentence) => {
    const refused = refusalOf(() => decodeHeaderFrame(bytes, plain));
    expect(refused.type).toBe(type);
    expect(refused.sequenceId).toBe(7);
    expect(refused.message).toMatch(sentence);
  });

  it('its header block is over the limit', () => {
    const block = Buffer.concat([hex('00 00'), Buffer.alloc(70_000)]);
    expect(refusalOf(() => decodeHeaderFrame(frame(block), plain)).message).toMatch(
      /70004 bytes; the limit is 65536 \(maxHeaderBytes\)/,
    );
  });

  it('its payload is not zlib, or is cut short', () => {
    for (const payload of [Buffer.from('nonsense'), Buffer.alloc(0), deflateSync('x'.repeat(100)).subarray(0, 8)]) {
      expect(refusalOf(() => decodeHeaderFrame(frame('00 01 01', payload), compressed)).message).toMatch(
        /not valid zlib/,
      );
    }
  });

  it('its payload is a zlib bomb: nothing beyond the limit is inflated', async () => {
    const bomb = deflateSync(Buffer.alloc(50_000_000));
    const before = process.memoryUsage().arrayBuffers;
    const header = decodeHeaderFrame(frame('00 01 01', bomb), compressed);
    expect(header.compressed).toBe(true);
    const refused = await new Promise((resolve) => inflatePayload(header, defaultLimits, resolve));
    expect(refused).toBeInstanceOf(FrameRefused);
    expect((refused as Error).message).toMatch(/more than 16000000 bytes once decompressed/);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(40_000_000);
  });

  it('a bomb is wrapped in another', () => {
    const bomb = deflateSync(deflateSync(Buffer.alloc(30_000_000)));
    expect(refusalOf(() => decodeHeaderFrame(frame('00 02 01 01', bomb), compressed)).message).toMatch(
      /2 transforms; at most 1/,
    );
  });
});

describe('THeader', () => {
  it('ends with a FrameRefused or a WireError, for any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.boolean(), fc.nat(20), (block, zlib, words) => {
        const bytes = frame(Buffer.from(block), Buffer.from('x'), words);
        try {
          decodeHeaderFrame(bytes, { limits: defaultLimits, zlib });
        } catch (error) {
          expect(error instanceof FrameRefused || error instanceof WireError).toBe(true);
        }
      }),
      { numRuns: runs(2_000) },
    );
  });

  it('is given up when its fixed part is not all there', () => {
    expect(() => decodeHeaderFrame(hex('0fff0000 0000'), plain)).toThrow(WireError);
  });

  it('says what is over the limit of what is to be sent', () => {
    const limits = resolveLimits({ maxHeaderBytes: 100, maxHeaders: 2, maxFrameBytes: 300 });
    const send =
      (headers: HeaderMap, size = 1) =>
      () =>
        encodeHeaderFrame({ protocol: 'binary', sequenceId: 1, zlib: false, headers }, Buffer.alloc(size), limits);
    expect(send(new HeaderMap({ a: 'x'.repeat(200) }))).toThrow(
      /headers take 208 bytes .* limit is 100 \(maxHeaderBytes\)/,
    );
    expect(send(new HeaderMap({ a: '1', b: '2', c: '3' }))).toThrow(/3 headers; the limit is 2 \(maxHeaders\)/);
    expect(send(new HeaderMap(), 400)).toThrow(/frame has 414 bytes; the limit is 300 \(maxFrameBytes\)/);
  });
});
