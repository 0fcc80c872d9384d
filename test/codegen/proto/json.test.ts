/** JSON of generated code against protobuf-es, for messages whose names and values are awkward. */
import {
  type DescMessage,
  type FileRegistry,
  fromBinary,
  fromJson,
  type JsonValue,
  toBinary,
  toJson,
} from '@bufbuild/protobuf';
import { beforeAll, expect, it } from 'vitest';
import { registryOf } from '../../../src/cli/dynamic-proto.js';
import { loadProto } from '../../../src/codegen/proto/load.js';
import type { MessageType } from '../../../src/contract/proto/message-type.js';
import { compile, importGenerated, scratch } from './scratch.js';

const files = {
  'rt.proto': `syntax = "proto3";
package rt;
import "google/protobuf/any.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
enum E { E_ZERO = 0; E_ONE = 1; }
message Sub { int32 a = 1; repeated int32 r = 3; Sub s = 4; }
message Req {
  string s = 1; bytes b = 2; int32 n = 3; map<string, string> m = 4; Sub sub = 5; E e = 6; repeated int32 r = 7;
  oneof o { Sub os = 8; string ostr = 9; }
  int64 big = 10; uint64 ubig = 11; double d = 12; map<string, Sub> ms = 13; map<int64, Sub> mi = 14;
  google.protobuf.Timestamp t = 15; google.protobuf.Duration dur = 16; google.protobuf.Struct st = 17;
  google.protobuf.Any any = 18; google.protobuf.FieldMask fm = 19; google.protobuf.StringValue sv = 20;
  google.protobuf.BytesValue bv = 21; repeated E es = 22; optional int32 opt = 23; bool flag = 24; float f = 25;
  map<bool, bool> flags = 26;
}
message Inherited { string toString = 1; string constructor = 2; string valueOf = 3; string ok = 4; }
message OneName { string delete = 1; oneof delete_ { string with2 = 2; int32 in_2 = 3; } }
message Numbers { int64 b = 2 [jstype = JS_NUMBER]; string ok = 3; }
`,
};

let registry: FileRegistry;
let types: Record<string, MessageType<object>>;

beforeAll(async () => {
  registry = registryOf(await loadProto([scratch(files)], []));
  types = (await importGenerated((await compile(files)).files, 'rt.ts')) as unknown as typeof types;
}, 120_000);

const theirs = (name: string) => registry.getMessage(`rt.${name}`) as DescMessage;
const ours = (name: string) => types[name] as MessageType<object>;

/** undefined where it is refused. */
function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

it.each<[string, object]>([
  ['Req', { flags: { false: true } }],
  ['Req', { t: '2026-05-29T08:35:13.700719321Z' }],
  ['Req', { t: '0001-01-01T00:00:00.999999999Z' }],
  ['Req', { dur: '1.500s' }],
  ['Req', { dur: '-0.5s' }],
  ['Req', { fm: 'fooBar,a.bC' }],
  ['Req', { any: { '@type': 'type.googleapis.com/rt.Sub', a: 3 } }],
  ['Req', { bv: 'AQI=' }],
  ['Req', { sv: '' }],
  ['Req', { e: 77, es: ['E_ONE', 5] }],
  ['Req', { st: { a: null, b: [1, {}] } }],
  ['Req', { big: '9007199254740993', ubig: '18446744073709551615' }],
  ['Req', { d: 'NaN', f: '-Infinity' }],
  ['Req', { b: '-_8=' }],
  ['Req', { mi: { '9007199254740993': { a: 1 } } }],
  ['Req', { n: '12', big: 5 }],
  ['Req', { s: null, sub: null, r: null }],
  ['Req', { m: JSON.parse('{"__proto__":"x","toString":"y"}') }],
  ['Req', { nope: 1 }],
  ['Req', { e: 'NOPE' }],
  ['Req', { e: 'toString' }],
  ['Req', { n: 1.5 }],
  ['Req', { os: { a: 1 }, ostr: 'b' }],
  ['Req', { ms: { a: null } }],
  ['Req', { toString: 1 }],
  ['Inherited', {}],
  ['Inherited', { toString: 'a', constructor: 'b', valueOf: 'c', ok: 'd' }],
  ['OneName', { delete: 'a' }],
  ['Numbers', { b: '9007199254740991', ok: 'x' }],
])('of %s is what protobuf-es makes of it: %j', (name, json) => {
  const read = attempt(() => fromJson(theirs(name), json as JsonValue, { registry }));
  const options = { registry: { message: () => ours('Sub') as MessageType<unknown> } };
  const mine = attempt(() => ours(name).fromJson(json as JsonValue, options));
  expect(mine === undefined).toBe(read === undefined);
  if (mine === undefined || read === undefined) return;
  const bytes = toBinary(theirs(name), read);
  expect(Buffer.from(ours(name).encode(mine)).toString('hex')).toBe(Buffer.from(bytes).toString('hex'));
  const back = ours(name).decode(bytes);
  expect(back).toStrictEqual(mine);
  expect(ours(name).toJson(back, options)).toEqual(toJson(theirs(name), fromBinary(theirs(name), bytes), { registry }));
});

it('has a field and a oneof whose names are one in camel case', () => {
  const json = { delete: 'a', in2: 3 };
  const message = ours('OneName').fromJson(json);
  expect(message).toEqual({ delete: 'a', delete_: { $case: 'in2', value: 3 } });
  expect(ours('OneName').toJson(ours('OneName').decode(ours('OneName').encode(message)))).toEqual(json);
});

it('leaves a message readable whose number is beyond 2^53', () => {
  const bytes = Uint8Array.of(16, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 26, 1, 120);
  const message = ours('Numbers').decode(bytes);
  expect(message).toEqual({ b: 2 ** 63, ok: 'x' });
  expect(ours('Numbers').toJson(message)).toEqual({ b: '9223372036854775807', ok: 'x' });
});

it('is what JSON.stringify makes, for messages without 64-bit numbers, bytes and well-known types', () => {
  const message = ours('Sub').create({ a: 1, r: [1, 2], s: {} } as never);
  expect(JSON.parse(JSON.stringify(message))).toEqual(ours('Sub').toJson(message, { defaults: true }));
});

it('names the field that holds a wrong type', () => {
  expect(() => ours('Req').encode({ s: 5 } as never)).toThrow(new TypeError('rt.Req.s: 5 is not a string'));
  expect(() => ours('Req').encode({ mi: new Map([[5n, { r: ['x'] }]]) } as never)).toThrow(
    'rt.Req.mi[5n].r[0]: "x" is not an int32',
  );
});
