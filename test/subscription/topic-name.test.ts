import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as proto from '../../gen/cache/v1/cache.rpc.js';
import { Quotes } from '../../gen/market/v1/market.rpc.js';
import * as thrift from '../../gen/market.js';
import { protoService, registryOf } from '../../src/cli/dynamic-proto.js';
import { thriftService } from '../../src/cli/dynamic-thrift.js';
import { loadProto } from '../../src/codegen/proto/load.js';
import type { MethodType } from '../../src/contract/method.js';
import { declarationOf } from '../../src/subscription/topic-method.js';
import { topicName } from '../../src/subscription/topic-name.js';
import { writeFiles } from '../support/written.js';

it('names a topic by its method, however much of the request is left out', () => {
  for (const method of [Quotes.methods.prices, thrift.Quotes.methods.prices]) {
    for (const request of [undefined, {}, { keys: undefined }, { keys: [] }, { keys: ['cod'] }]) {
      expect(topicName(method as never, request)).toBe('market.v1.Quotes/Prices');
    }
  }
  expect(topicName(proto.Cache.methods.entries as never, {})).toBe('cache.v1.Cache/Entries');
});

const files = writeFiles({
  'watch.proto': `syntax = "proto3";
package x;
import "google/protobuf/any.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
import "hawser/policy/v1/policy.proto";
enum E { E_ZERO = 0; E_ONE = 1; E_ALSO_ONE = 1; option allow_alias = true; }
message Q {
  repeated string keys = 1;
  google.protobuf.Timestamp since = 2;
  google.protobuf.Duration wait = 3;
  map<bool, bool> flags = 4;
  map<string, int32> by_name = 5;
  E e = 6;
  google.protobuf.BytesValue bytes = 7;
  google.protobuf.Any any = 8;
  google.protobuf.FieldMask mask = 9;
  google.protobuf.Struct struct = 10;
  double x = 11;
  float y = 12;
  int64 n = 13;
  string toString = 14;
  string constructor = 15;
  repeated double list = 16;
}
message U { string key = 1; }
service S {
  rpc Watch(Q) returns (stream U) { option (hawser.policy.v1.method) = { topic: { key: "key", mode: LATEST } }; }
}
`,
  'watch.thrift': `namespace * x
struct P { 1: i32 a }
struct Q { 1: set<string> names, 2: map<P, string> pairs, 3: double x, 4: i64 n, 5: set<P> ps, 6: binary data }
struct U { 1: string key }
service T { list<U> watch(1: list<string> keys, 2: Q q) (hawser.topic.key = "key", hawser.topic.mode = "LATEST") }
`,
});
afterAll(() => files.remove());

let watch: MethodType;
let watchThrift: MethodType;
beforeAll(async () => {
  const service = protoService(registryOf(await loadProto([files.path], ['proto'])), 'x.S');
  watch = Object.values<MethodType>(service.methods)[0] as MethodType;
  const other = thriftService('x.T', [`${files.path}/watch.thrift`], [], true);
  watchThrift = Object.values<MethodType>(other.methods)[0] as MethodType;
});

/** Whether a hub that serves the topic takes the name for one of its topics. */
const isTaken = (method: MethodType, name: string): boolean =>
  declarationOf(method).takes(name.includes('?') ? name.slice(name.indexOf('?') + 1) : '');

describe('the name of a topic of protobuf', () => {
  const name = (request: object) => topicName(watch, request);

  it('is readable, with all digits', () => {
    expect(
      name({ since: { seconds: 1n, nanos: 123_456_789 }, flags: new Map([[true, false]]), n: 2n ** 62n, e: 7 }),
    ).toBe(
      'x.S/Watch?{"e":7,"flags":{"true":false},"n":"4611686018427387904","since":"1970-01-01T00:00:01.123456789Z"}',
    );
    expect(name({ toString: 'a', constructor: 'b', mask: ['a_b'], bytes: new Uint8Array([1]) })).toBe(
      'x.S/Watch?{"bytes":"AQ==","constructor":"b","mask":"aB","toString":"a"}',
    );
  });

  it('is one for one request, in whatever order its maps are', () => {
    expect(name({ byName: { a: 1, b: 2 } })).toBe(name({ byName: { b: 2, a: 1 } }));
    expect(name({ struct: { a: 1, b: [null] }, keys: ['x'] })).toBe(name({ struct: { b: [null], a: 1 } }));
    const notJson = { x: Number.NaN, since: { seconds: 10n ** 12n, nanos: 0 } };
    expect(name({ ...notJson, byName: { a: 1, b: 2 } })).toBe(name({ byName: { b: 2, a: 1 }, ...notJson }));
  });

  it('is another for each other request, and one that a server takes', () => {
    const requests: object[] = [
      {},
      { since: { seconds: 1n, nanos: 123_456_789 } },
      { since: { seconds: 1n, nanos: 123_000_001 } },
      { since: { seconds: 253402300800n, nanos: 0 } },
      { since: { seconds: 253402300801n, nanos: 0 } },
      { since: { seconds: 0n, nanos: -1 } },
      { wait: { seconds: 1n, nanos: -1 } },
      { wait: { seconds: 0n, nanos: 999_999_999 } },
      { wait: { seconds: 0n, nanos: 0 } },
      { flags: new Map([[true, true]]) },
      { flags: new Map([[false, true]]) },
      { e: 1 },
      { e: 7 },
      { e: -1 },
      { bytes: new Uint8Array() },
      { bytes: new Uint8Array([1]) },
      { any: { typeUrl: 'a/x.U', value: new Uint8Array([10, 1, 97]) } },
      { any: { typeUrl: 'a/x.Unknown', value: new Uint8Array([10, 1, 97]) } },
      { any: { typeUrl: 'b/x.Unknown', value: new Uint8Array([10, 1, 97]) } },
      { mask: ['fooBar'] },
      { mask: ['foo_bar'] },
      { mask: ['foo_bar', 'x'] },
      { mask: ['foo_bar,x'] },
      { mask: [] },
      { struct: {} },
      { struct: { a: Number.NaN } },
      { struct: { a: null } },
      { struct: { __proto__: null, toString: 1 } },
      { x: 0.1 },
      { x: -0 },
      { x: Number.NaN },
      { x: Number.POSITIVE_INFINITY },
      { y: 0.1 },
      { list: [0] },
      { list: [-0] },
      { n: 9007199254740993n },
      { n: 9007199254740992n },
      { toString: 'a' },
      { constructor: 'a' },
    ];
    const names = requests.map(name);
    expect(new Set(names).size).toBe(requests.length);
    for (const one of names) expect(isTaken(watch, one), one).toBe(true);
  });

  it('is refused in another spelling', () => {
    for (const parameters of [
      '{}',
      '{"x":1.0}',
      '{ "x":1}',
      '{"e":"E_ALSO_ONE"}',
      '{"keys":["a"]}',
      'AAAA',
      'CgFh',
      '5',
      '[]',
      '{"y":0.10000000149011612}',
    ]) {
      expect(isTaken(watch, `x.S/Watch?${parameters}`), parameters).toBe(false);
    }
  });
});

describe('the name of a topic of Thrift', () => {
  const name = (q: object) => topicName(watchThrift, { q });
  const pairs = (...entries: [number, string][]) => entries.map(([a, text]) => [{ a }, text] as const);

  it('is one for one request, in whatever order its sets and maps are', () => {
    expect(name({ names: new Set(['a', 'b']) })).toBe(name({ names: new Set(['b', 'a']) }));
    expect(name({ pairs: pairs([1, 'x'], [2, 'y']) })).toBe(name({ pairs: pairs([2, 'y'], [1, 'x']) }));
    expect(name({ ps: [{ a: 1 }, { a: 2 }, { a: 1 }] })).toBe(name({ ps: [{ a: 2 }, { a: 1 }] }));
  });

  it('is another for each other request, and one that a server takes', () => {
    const requests = [
      {},
      { names: new Set(['a']) },
      { names: new Set(['a', 'b']) },
      { pairs: pairs([1, 'x']) },
      { x: 1 },
      { x: 0.1 },
      { x: -0 },
      { x: Number.NaN },
      { n: 2n ** 62n },
      { data: Buffer.from('a') },
    ];
    const names = requests.map(name);
    expect(new Set(names).size).toBe(requests.length);
    for (const one of names) expect(isTaken(watchThrift, one), one).toBe(true);
  });
});
