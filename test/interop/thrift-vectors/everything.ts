/** `everything.thrift`, described. */
import { dynamicStruct, type FieldInfo, type StructCodec, type TypeInfo } from 'hawser/thrift';

const field = (id: number, name: string, type: TypeInfo): FieldInfo => ({
  id,
  name,
  localName: name,
  type,
  requiredness: 'optional',
});
const list = (element: TypeInfo): TypeInfo => ({ kind: 'list', element });
const map = (key: TypeInfo, value: TypeInfo): TypeInfo => ({ kind: 'map', key, value });
const bool: TypeInfo = { kind: 'bool' };
const i8: TypeInfo = { kind: 'i8' };
const i16: TypeInfo = { kind: 'i16' };
const i32: TypeInfo = { kind: 'i32' };
const i64: TypeInfo = { kind: 'i64' };
const double: TypeInfo = { kind: 'double' };
const string: TypeInfo = { kind: 'string' };
const binary: TypeInfo = { kind: 'binary' };

const innerCodec = dynamicStruct('everything.Inner', 'struct', [
  field(1, 'flag', bool),
  field(2, 'text', string),
  field(300, 'far', i32),
]);
const inner: TypeInfo = { kind: 'struct', codec: () => innerCodec };

export const Everything: StructCodec<Record<string, unknown>> = dynamicStruct('everything.Everything', 'struct', () => [
  field(1, 'b', bool),
  field(2, 'small', i8),
  field(3, 'medium', i16),
  field(4, 'large', i32),
  field(5, 'huge', i64),
  field(6, 'real', double),
  field(7, 'text', string),
  field(8, 'bytes', binary),
  field(9, 'level', { kind: 'enum', name: 'everything.Level', values: { LOW: 1, HIGH: 2 } }),
  field(10, 'inner', inner),
  field(11, 'bools', list(bool)),
  field(12, 'smalls', list(i8)),
  field(13, 'mediums', list(i16)),
  field(14, 'larges', list(i32)),
  field(15, 'huges', list(i64)),
  field(16, 'reals', list(double)),
  field(17, 'texts', list(string)),
  field(18, 'blobs', list(binary)),
  field(19, 'inners', list(inner)),
  field(20, 'grid', list(list(i32))),
  field(21, 'names', { kind: 'set', element: string }),
  field(22, 'ids', { kind: 'set', element: i32 }),
  field(23, 'labels', map(string, string)),
  field(24, 'switches', map(i32, bool)),
  field(25, 'totals', map(bool, i64)),
  field(26, 'byId', map(i64, inner)),
  field(27, 'series', list(map(string, list(double)))),
  field(28, 'groups', map(string, { kind: 'set', element: i16 })),
  field(29, 'nested', { kind: 'struct', codec: () => Everything }),
  field(45, 'near', bool),
  field(400, 'far', i32),
  field(32767, 'last', bool),
]);
