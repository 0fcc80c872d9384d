import { describe, expect, it } from 'vitest';
import { modules, typeErrors } from './scratch.js';

const messages =
  'Map Error Object String Number Boolean Date Promise Array Function Symbol Buffer Uint8Array BigInt Math Partial Record Exclude DeepPartial MessageFns ' +
  'BinaryReader delete class enum_ type reader writer message object Any Timestamp Foo_Bar FOO_BAR _1 _x globalThis undefined';
const fields =
  'constructor toString hasOwnProperty valueOf __proto__ prototype delete class default then value key length name _1 _ x1 X $case';

function nasty(name: string, index: number): string {
  return `syntax = "proto3"; package p${index};
    import "google/protobuf/any.proto"; import "google/protobuf/timestamp.proto"; import "google/protobuf/struct.proto";
    import "google/protobuf/wrappers.proto"; import "hawser/policy/v1/policy.proto";
    message ${name} {
      .p${index}.${name} self = 1; repeated .p${index}.${name} selves = 2; map<int64, .p${index}.${name}> m = 3; map<string, bytes> n = 4;
      int64 j = 5 [jstype = JS_NUMBER]; repeated int64 jr = 6 [jstype = JS_NUMBER]; optional int64 jo = 7 [jstype = JS_STRING];
      .google.protobuf.Any any = 8; .google.protobuf.Timestamp at = 9; .google.protobuf.Value v = 10;
      oneof choice { .p${index}.${name} c1 = 11; int64 c2 = 12; bytes c3 = 13; .google.protobuf.StringValue c4 = 14; }
      message Inner { int32 a = 1; double b = 2; } enum Kind { ZERO = 0; ONE = 1; }
      Inner inner = 15; optional Kind kind = 16; repeated Kind kinds = 17; repeated .google.protobuf.StringValue strings = 18;
    }
    message Has { enum ${name} { Z = 0; } .p${index}.Has.${name} e = 1; }
    service ${name}Service { rpc Get(.p${index}.${name}) returns (.p${index}.${name}.Inner) {
      option (hawser.policy.v1.method) = { errors: ".p${index}.${name}" errors: ".p${index}.${name}.Inner" }; } }`;
}

function nastyFields(name: string): string {
  return `syntax = "proto3"; package f; import "hawser/policy/v1/policy.proto";
    message A { string ${name} = 1; } message B { repeated A ${name} = 1; } message C { oneof c { A ${name} = 1; int32 other = 2; } }
    message D { oneof ${name} { A a = 1; string s = 2; } } message F { enum E { ZERO = 0; ${name} = 1; } E e = 1; }
    message G { optional bytes ${name} = 1; } message H { map<string, int32> ${name} = 1; }
    service ${name} { rpc ${name}(.f.A) returns (.f.B) {
      option (hawser.policy.v1.method) = { errors: ".f.A" errors: ".f.B" errors: ".f.C" errors: ".f.D" errors: ".f.G" errors: ".f.H" }; } }`;
}

describe('names that are something else in TypeScript', () => {
  it('name messages, enums, services and error classes that compile', { timeout: 120_000 }, async () => {
    const trees = messages.split(' ').map((name, index) => [`m${index}.proto`, nasty(name, index)]);
    const files = await modules(Object.fromEntries(trees));
    expect(typeErrors(files)).toEqual([]);
    expect(files.get('m0.ts')).toContain('export interface Map_ {');
    expect(files.get('m1.ts')).toContain('export interface Error {');
  });

  it('name fields, oneofs, enum values and methods that compile', { timeout: 120_000 }, async () => {
    const names = fields.split(' ').filter((name) => /^\w+$/.test(name));
    const files = await modules(
      Object.fromEntries(
        names.map((name, index) => [
          `f${index}.proto`,
          nastyFields(name).replaceAll('.f.', `.f${index}.`).replace('package f;', `package f${index};`),
        ]),
      ),
    );
    expect(typeErrors(files)).toEqual([]);
  });

  it('differ only in case or underscores, and stay apart', async () => {
    const files = await modules({
      'a.proto': `syntax = "proto3";
        message Foo_Bar {} message FooBar {} message A { message B {} } message A_B {}
        enum E { X = 0; } enum e { Y = 0; } message EFromJSON {} message eFromJSON {}
        message M { oneof foo_bar { int32 x = 1; } int32 fooBar = 2; }
        service S { rpc GetFoo(A) returns (A); rpc getFoo(A) returns (A); rpc get_foo(A) returns (A); }
        message T { int32 a = 1; } service U { rpc T(.T) returns (.T); }`,
    });
    expect(typeErrors(files)).toEqual([]);
  });

  it('are of paths that ts-proto would take apart', async () => {
    const files = await modules({
      'a@1/x.proto.d/b c.proto': 'syntax = "proto3"; package a; message A { int32 x = 1; }',
      'b.protocol.proto':
        'syntax = "proto3"; package b; import "a@1/x.proto.d/b c.proto"; message B { a.A a = 1; } service S { rpc Get(a.A) returns (B); }',
    });
    expect([...files.keys()].filter((path) => !path.includes('.desc.')).sort()).toEqual([
      'a@1/x.proto.d/b c.ts',
      'a_x40x_1/x_x2ex_proto.d/b_x20x_c.ts',
      'b.protocol.rpc.ts',
      'b.protocol.ts',
    ]);
    expect(typeErrors(files)).toEqual([]);
  });
});
