import fc from 'fast-check';
import {
  ThriftBinaryWriter,
  ThriftCompactWriter,
  type ThriftWriter,
  TMessageType,
  TType,
  writeMessage,
} from 'hawser/thrift';
import { describe, expect, it } from 'vitest';
import { BinaryScanner } from '../../../src/transports/thrift/scan-binary.js';
import { CompactScanner } from '../../../src/transports/thrift/scan-compact.js';
import type { MessageScanner } from '../../../src/transports/thrift/scan-stack.js';
import { WireError } from '../../../src/transports/thrift/wire-error.js';
import { runs } from '../../support/soak.js';

type Protocol = 'binary' | 'compact';
const protocols = ['binary', 'compact'] as const;

/** A value of any Thrift type. Values of one container are of one type. */
type Value =
  | { readonly type: 2; readonly value: boolean }
  | { readonly type: 3 | 6 | 8; readonly value: number }
  | { readonly type: 4; readonly value: number }
  | { readonly type: 10; readonly value: bigint }
  | { readonly type: 11; readonly value: Uint8Array }
  | { readonly type: 16 }
  | { readonly type: 12; readonly fields: readonly Value[] }
  | { readonly type: 14 | 15; readonly element: Value; readonly count: number }
  | { readonly type: 13; readonly key: Value; readonly value: Value; readonly count: number };

const { value } = fc.letrec<{ value: Value; leaf: Value }>((tie) => ({
  leaf: fc.oneof(
    fc.record({ type: fc.constant(TType.BOOL), value: fc.boolean() }),
    fc.record({ type: fc.constant(TType.I8), value: fc.integer({ min: -128, max: 127 }) }),
    fc.record({ type: fc.constant(TType.I16), value: fc.integer({ min: -32768, max: 32767 }) }),
    fc.record({ type: fc.constant(TType.I32), value: fc.integer() }),
    fc.record({ type: fc.constant(TType.I64), value: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) }),
    fc.record({ type: fc.constant(TType.DOUBLE), value: fc.double() }),
    fc.record({ type: fc.constant(TType.STRING), value: fc.uint8Array({ maxLength: 300 }) }),
    fc.record({ type: fc.constant(TType.UUID) }),
  ) as fc.Arbitrary<Value>,
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    tie('leaf'),
    fc.record({ type: fc.constant(TType.STRUCT), fields: fc.array(tie('value'), { maxLength: 4 }) }),
    fc.record({ type: fc.constantFrom(TType.LIST, TType.SET), element: tie('value'), count: fc.nat(20) }),
    fc.record({ type: fc.constant(TType.MAP), key: tie('leaf'), value: tie('value'), count: fc.nat(5) }),
  ) as fc.Arbitrary<Value>,
}));

function put(writer: ThriftWriter, one: Value): void {
  switch (one.type) {
    case TType.BOOL:
      writer.bool(one.value);
      return;
    case TType.I8:
      writer.i8(one.value);
      return;
    case TType.I16:
      writer.i16(one.value);
      return;
    case TType.I32:
      writer.i32(one.value);
      return;
    case TType.I64:
      writer.i64(one.value);
      return;
    case TType.DOUBLE:
      writer.double(one.value);
      return;
    case TType.STRING:
      writer.binary(one.value);
      return;
    case TType.UUID:
      writer.uuid('00112233-4455-6677-8899-aabbccddeeff');
      return;
    case TType.STRUCT:
      writer.structBegin();
      one.fields.forEach((field, i) => {
        // Ids far apart too: compact writes those in another way.
        writer.field(field.type, (i + 1) * 13);
        put(writer, field);
      });
      writer.structEnd();
      return;
    case TType.MAP:
      writer.map(one.key.type, one.value.type, one.count);
      for (let i = 0; i < one.count; i++) {
        put(writer, one.key);
        put(writer, one.value);
      }
      return;
    default:
      if (one.type === TType.LIST) writer.list(one.element.type, one.count);
      else writer.set(one.element.type, one.count);
      for (let i = 0; i < one.count; i++) put(writer, one.element);
  }
}

function message(protocol: Protocol, one: Value, name = 'm', seqid = 1): Buffer {
  const writer = protocol === 'binary' ? new ThriftBinaryWriter() : new ThriftCompactWriter();
  put(writer, { type: TType.STRUCT, fields: [one] });
  return writeMessage(protocol, name, TMessageType.CALL, seqid, writer.finish());
}

function scanner(protocol: Protocol, maxBytes = 16_000_000): MessageScanner {
  return protocol === 'binary' ? new BinaryScanner(maxBytes) : new CompactScanner(maxBytes);
}

/** A message whose args are `body`, as hex. */
function raw(protocol: Protocol, body: string): Buffer {
  return writeMessage(protocol, 'm', TMessageType.CALL, 1, Buffer.from(body.replaceAll(' ', ''), 'hex'));
}

describe.each(protocols)('the %s length scanner', (protocol) => {
  it('finds the end of any message, with or without bytes behind it', () => {
    fc.assert(
      fc.property(value, fc.uint8Array({ maxLength: 5 }), fc.integer(), (one, rest, seqid) => {
        const bytes = message(protocol, one, 'name', seqid);
        expect(scanner(protocol).scan(Buffer.concat([bytes, rest]))).toBe(bytes.length);
      }),
    );
  });

  it('finds the same end when the bytes come one at a time, and never an earlier one', () => {
    fc.assert(
      fc.property(value, (one) => {
        const bytes = message(protocol, one);
        const incremental = scanner(protocol);
        for (let i = 4; i < bytes.length; i++) expect(incremental.scan(bytes.subarray(0, i))).toBe(-1);
        expect(incremental.scan(bytes)).toBe(bytes.length);
      }),
      { numRuns: runs(50) },
    );
  });

  it('goes on where it stopped: a long list that comes in small pieces is scanned once', () => {
    const element: Value = { type: TType.STRING, value: Buffer.from('abc') };
    const bytes = message(protocol, { type: TType.LIST, element, count: 200_000 });
    const incremental = scanner(protocol);
    let length = -1;
    // From the start each time, this would be a hundred billion steps.
    for (let i = 64; length < 0; i += 7) length = incremental.scan(bytes.subarray(0, Math.min(i, bytes.length)));
    expect(length).toBe(bytes.length);
  });

  it('refuses nesting deeper than 64 without recursion', () => {
    const nested = (depth: number): Value =>
      depth === 0 ? { type: TType.I8, value: 1 } : { type: TType.LIST, element: nested(depth - 1), count: 1 };
    expect(scanner(protocol).scan(message(protocol, nested(60)))).toBeGreaterThan(0);
    expect(() => scanner(protocol).scan(message(protocol, nested(80)))).toThrow(/nested deeper than the limit of 64/);
    const deep = protocol === 'binary' ? '0f0001'.concat('0f00000001'.repeat(100_000)) : '19'.repeat(100_000);
    expect(() => scanner(protocol).scan(raw(protocol, deep))).toThrow(/nested deeper/);
  });

  it('refuses sizes that no message within the limit can have, before they arrive', () => {
    const bodies =
      protocol === 'binary'
        ? [
            '0b0001 7fffffff',
            '0b0001 ffffffff',
            '0f0001 02 7fffffff',
            '0f0001 0c 7fffffff',
            '0f0001 0c ffffffff',
            '0d0001 0b0b 7fffffff',
            '0d0001 0203 7fffffff',
          ]
        : [
            '18 ffffffff0f',
            '19 f1 ffffffff07',
            '19 fc ffffffff07',
            '19 f8 ffffffff0f',
            '1b ffffffff07 88',
            '1b ffffffff07 13',
          ];
    for (const body of bodies)
      expect(() => scanner(protocol).scan(raw(protocol, body))).toThrow(/announces -?\d+ values/);
  });

  it('refuses a message over the limit', () => {
    const bytes = message(protocol, { type: TType.STRING, value: Buffer.alloc(500) });
    expect(() => scanner(protocol, 400).scan(bytes)).toThrow(/limit of a message is 400 bytes/);
    const many = message(protocol, { type: TType.LIST, element: { type: TType.STRUCT, fields: [] }, count: 300 });
    expect(() => scanner(protocol, 200).scan(many)).toThrow(/limit of a message is 200 bytes/);
  });

  it('refuses unknown wire types as fields and as elements', () => {
    const bodies =
      protocol === 'binary'
        ? [
            '010001',
            '050001',
            '070001',
            '090001',
            '110001',
            'ff0001',
            '0f0001 01 00000001',
            '0f0001 00 00000001',
            '0d0001 01 0b 00000001',
          ]
        : ['1e', '1f', '19 1e', '19 10', '1b 01 e8', '1b 01 08'];
    for (const body of bodies)
      expect(() => scanner(protocol).scan(raw(protocol, `${body}00`))).toThrow(/unknown wire type/);
  });

  it('takes an empty container of whatever type', () => {
    const body = protocol === 'binary' ? '0f0001 00 00000000 0d0002 0000 00000000 00' : '19 00 1b 00 00';
    const bytes = raw(protocol, body);
    expect(scanner(protocol).scan(bytes)).toBe(bytes.length);
  });

  it('refuses a message that begins with something else, or with a name over 256 bytes', () => {
    const other = message(protocol === 'binary' ? 'compact' : 'binary', { type: TType.I8, value: 1 });
    expect(() => scanner(protocol).scan(other)).toThrow(/an unframed message begins with 0x/);
    const name =
      protocol === 'binary'
        ? Buffer.from('8001000100ffffff', 'hex')
        : Buffer.from([0x82, 0x21, 0x01, 0xff, 0xff, 0x03]);
    expect(() => scanner(protocol).scan(name)).toThrow(/name is announced with \d+ bytes; it may have 0 to 256/);
  });

  it('throws a WireError or waits, for any bytes behind a good beginning', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (body) => {
        const bytes = writeMessage(protocol, 'm', TMessageType.CALL, 1, body);
        try {
          const length = scanner(protocol).scan(bytes);
          expect(length === -1 || (length > 0 && length <= bytes.length)).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      }),
      { numRuns: runs(1_000) },
    );
  });
});

describe('the compact length scanner', () => {
  it('refuses numbers of too many bytes', () => {
    expect(() => new CompactScanner(1_000).scan(raw('compact', `16${'ff'.repeat(11)}00`))).toThrow(
      /more than 10 bytes/,
    );
    expect(() => new CompactScanner(1_000).scan(raw('compact', `18${'ff'.repeat(6)}00`))).toThrow(/more than 5 bytes/);
    expect(() => new CompactScanner(1_000).scan(raw('compact', `05${'ff'.repeat(6)}00`))).toThrow(/more than 5 bytes/);
  });
});
