/** A message type with a field of most kinds, and what else the tests of the tables of fields need. */
import { interpretedMessage } from '../../../../src/contract/proto/interpret.js';
import type { EnumType, FieldSpec, MessageType } from '../../../../src/contract/proto/message-type.js';
import * as unwrapped from '../../../../src/contract/proto/unwrapped.js';

export type Message = Record<string, unknown>;

export const color: EnumType = {
  kind: 'enum',
  name: 'test.Color',
  names: new Map([
    [0, 'COLOR_UNSPECIFIED'],
    [1, 'COLOR_RED'],
  ]),
  numbers: new Map([
    ['COLOR_UNSPECIFIED', 0],
    ['COLOR_RED', 1],
    ['COLOR_CRIMSON', 1],
  ]),
  closed: false,
};

const nullValue: EnumType = {
  kind: 'enum',
  name: 'google.protobuf.NullValue',
  names: new Map([[0, 'NULL_VALUE']]),
  numbers: new Map([['NULL_VALUE', 0]]),
  closed: false,
};

export const timestamp = interpretedMessage('google.protobuf.Timestamp', () => [
  [1, 'seconds', 'int64'],
  [2, 'nanos', 'int32'],
]);
export const duration = interpretedMessage('google.protobuf.Duration', () => [
  [1, 'seconds', 'int64'],
  [2, 'nanos', 'int32'],
]);
export const any = interpretedMessage('google.protobuf.Any', () => [
  [1, 'typeUrl', 'string'],
  [2, 'value', 'bytes'],
]);
export const empty = interpretedMessage('google.protobuf.Empty', () => []);

const specs = (): readonly FieldSpec[] => [
  [1, 'text', 'string'],
  [2, 'int32Field', 'int32'],
  [3, 'uint32Field', 'uint32'],
  [4, 'int64Field', 'int64'],
  [5, 'uint64Field', 'uint64'],
  [6, 'floatField', 'float'],
  [7, 'doubleField', 'double'],
  [8, 'flag', 'bool'],
  [9, 'data', 'bytes'],
  [10, 'color', color],
  [11, 'child', everything],
  [12, 'numbers', 'int32', { list: true }],
  [13, 'children', everything, { list: true }],
  [14, 'colors', color, { list: true }],
  [15, 'byName', 'string', { map: 'string' }],
  [16, 'byFlag', 'int32', { map: 'bool' }],
  [17, 'byLong', 'int32', { map: 'int64' }],
  [18, 'byInt', everything, { map: 'int32' }],
  [19, 'maybe', 'int32', { optional: true }],
  [20, 'asNumber', 'int64', { int64: 'number' }],
  [21, 'asText', 'int64', { int64: 'string' }],
  [22, 'cash', 'int64', { oneof: 'payment' }],
  [23, 'card', everything, { oneof: 'payment' }],
  [24, 'nothing', nullValue, { oneof: 'payment' }],
  [25, 'at', timestamp],
  [26, 'wait', duration],
  [27, 'detail', any],
  [28, 'mask', unwrapped.FieldMask],
  [29, 'struct', unwrapped.Struct],
  [30, 'value', unwrapped.Value],
  [31, 'values', unwrapped.ListValue],
  [32, 'wrapped', unwrapped.Int64Value],
  [33, 'wrappedBytes', unwrapped.BytesValue],
  // Names that every object inherits something by.
  [34, 'toString', 'string', { optional: true, name: 'to_string' }],
  [35, 'constructor', everything],
  [36, 'colorsByName', color, { map: 'string' }],
  [37, 'none', empty],
];

export const everything: MessageType<Message> = interpretedMessage('test.Everything', specs);
