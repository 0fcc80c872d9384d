import { ApacheProtocolReader, ApacheProtocolWriter } from 'hawser/apache-thrift';
import { dynamicStruct, type FieldInfo, ThriftProtocolError, type TypeInfo } from 'hawser/thrift';
import { describe, expect, it } from 'vitest';
import { npm } from './npm-thrift.js';

const field = (id: number, type: TypeInfo): FieldInfo => ({
  id,
  name: `f${id}`,
  localName: `f${id}`,
  type,
  requiredness: 'optional',
});
const inner = dynamicStruct('t.Inner', 'struct', [field(1, { kind: 'bool' }), field(400, { kind: 'string' })]);
const all = dynamicStruct('t.All', 'struct', [
  field(1, { kind: 'bool' }),
  field(2, { kind: 'i8' }),
  field(3, { kind: 'i16' }),
  field(4, { kind: 'i32' }),
  field(5, { kind: 'i64' }),
  field(6, { kind: 'double' }),
  field(7, { kind: 'string' }),
  field(8, { kind: 'binary' }),
  field(9, { kind: 'uuid' }),
  field(10, { kind: 'struct', codec: () => inner }),
  field(11, { kind: 'list', element: { kind: 'i64' } }),
  field(12, { kind: 'set', element: { kind: 'string' } }),
  field(13, { kind: 'map', key: { kind: 'bool' }, value: { kind: 'list', element: { kind: 'double' } } }),
]);
const value = {
  f1: true,
  f2: -128,
  f3: -32768,
  f4: 2147483647,
  f5: -(2n ** 63n),
  f6: -0,
  f7: 'Ljómi',
  f8: new Uint8Array([0, 255, 254]),
  f9: '00112233-4455-6677-8899-aabbccddeeff',
  f10: { f1: false, f400: '' },
  f11: [0n, -1n, 9_007_199_254_740_993n, 2n ** 63n - 1n],
  f12: new Set(['a', '__proto__']),
  f13: new Map([
    [true, [Number.NaN, Number.NEGATIVE_INFINITY]],
    [false, [-0, 0.1]],
  ]),
};

for (const [encoding, name] of [
  ['binary', 'TBinaryProtocol'],
  ['compact', 'TCompactProtocol'],
] as const) {
  describe(name, () => {
    it('is written through as our own writer writes', () => {
      let sent: Buffer = Buffer.alloc(0);
      const transport = new npm.TFramedTransport(undefined, (bytes: Buffer) => {
        sent = bytes;
      });
      all.write(new ApacheProtocolWriter(new npm[name](transport)), value);
      transport.flush();
      expect(sent.subarray(4).toString('hex')).toBe(Buffer.from(all.encode(value, encoding)).toString('hex'));
    });

    it('is read through as our own reader reads', () => {
      const frame = Buffer.from(all.encode(value, encoding));
      const read = all.read(new ApacheProtocolReader(new npm[name](new npm.TFramedTransport(frame))));
      expect(read).toEqual(value);
      expect(Object.is(read.f6, -0)).toBe(true);
    });

    it('refuses text that is not UTF-8', () => {
      const binary = dynamicStruct('t.B', 'struct', [field(7, { kind: 'binary' })]);
      const frame = Buffer.from(binary.encode({ f7: new Uint8Array([0xff]) }, encoding));
      const reader = new ApacheProtocolReader(new npm[name](new npm.TFramedTransport(frame)));
      expect(() => all.read(reader)).toThrow(ThriftProtocolError);
    });
  });
}
