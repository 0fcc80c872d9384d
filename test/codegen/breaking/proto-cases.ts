/**
 * Changes of a .proto file, each judged by buf as well. `wire` and `file` say what buf and we differ in, and why: everything
 * that has neither must be judged alike.
 */
export interface ProtoCase {
  readonly name: string;
  /** The body of a file; or several files by the last part of their names. */
  readonly before: string | Readonly<Record<string, string>>;
  readonly after: string | Readonly<Record<string, string>>;
  /** Where the file says something else than proto3 and its package. */
  readonly head?: string;
  readonly headAfter?: string;
  /** We say `wire` and buf's WIRE does not, or the other way round. */
  readonly wire?: string;
  /** We say that somebody notices and buf's FILE does not, or the other way round. */
  readonly file?: string;
}

const proto2 = 'syntax = "proto2";';
const edition = 'edition = "2023";';
const message = (body: string): string => `message M { ${body} }`;
const both = 'message Req { string a = 1; } message Res { string a = 1; }';
const rpc = (line: string): string => `${both} message Other { string a = 1; } service S { ${line} }`;
const anEnum = (body: string): string => `enum E { ${body} } message M { E e = 1; }`;

export const protoCases: readonly ProtoCase[] = [
  // Nothing, and additions.
  { name: 'nothing', before: message('int32 a = 1;'), after: message('int32 a = 1;') },
  { name: 'a comment', before: message('int32 a = 1;'), after: `// words\n${message('int32 a = 1;')}` },
  {
    name: 'fields in another order',
    before: message('int32 a = 1; int32 b = 2;'),
    after: message('int32 b = 2; int32 a = 1;'),
  },
  { name: 'a new field', before: message('int32 a = 1;'), after: message('int32 a = 1; int32 b = 2;') },
  { name: 'a new message', before: message('int32 a = 1;'), after: `${message('int32 a = 1;')} message N {}` },
  {
    name: 'a new method',
    before: rpc('rpc A(Req) returns (Res);'),
    after: rpc('rpc A(Req) returns (Res); rpc B(Req) returns (Res);'),
  },
  { name: 'a new service', before: both, after: `${both} service S { rpc A(Req) returns (Res); }` },
  { name: 'a new value of an open enum', before: anEnum('A = 0;'), after: anEnum('A = 0; B = 1;') },
  {
    name: 'a new member of a oneof',
    before: message('oneof o { int32 a = 1; }'),
    after: message('oneof o { int32 a = 1; int32 b = 2; }'),
  },
  { name: 'a new reservation', before: message('int32 a = 1;'), after: message('reserved 5; int32 a = 1;') },
  // Fields that go.
  { name: 'a field removed', before: message('int32 a = 1; int32 b = 2;'), after: message('int32 a = 1;') },
  {
    name: 'a field removed, its number reserved',
    before: message('int32 a = 1; int32 b = 2;'),
    after: message('reserved 2; int32 a = 1;'),
  },
  {
    name: 'a field removed, number and name reserved',
    before: message('int32 a = 1; int32 b = 2;'),
    after: message('reserved 2; reserved "b"; int32 a = 1;'),
  },
  { name: 'a field with another number', before: message('int32 a = 1;'), after: message('int32 a = 2;') },
  {
    name: 'a field that takes the number of another',
    before: message('int32 a = 1; string b = 2;'),
    after: message('int32 a = 1; int64 c = 2;'),
  },
  {
    name: 'a reserved number used again',
    before: message('reserved 2; int32 a = 1;'),
    after: message('int32 a = 1; int32 b = 2;'),
  },
  // Names.
  { name: 'a field renamed', before: message('int32 a = 1;'), after: message('int32 b = 1;') },
  { name: 'another json_name', before: message('int32 a = 1;'), after: message('int32 a = 1 [json_name = "x"];') },
  {
    name: 'a field renamed, its json_name kept',
    before: message('int32 a = 1;'),
    after: message('int32 b = 1 [json_name = "a"];'),
  },
  // Types.
  { name: 'int32 to int64', before: message('int32 a = 1;'), after: message('int64 a = 1;') },
  { name: 'int64 to int32', before: message('int64 a = 1;'), after: message('int32 a = 1;') },
  { name: 'uint32 to bool', before: message('uint32 a = 1;'), after: message('bool a = 1;') },
  { name: 'int32 to sint32', before: message('int32 a = 1;'), after: message('sint32 a = 1;') },
  { name: 'sint32 to sint64', before: message('sint32 a = 1;'), after: message('sint64 a = 1;') },
  { name: 'int32 to fixed32', before: message('int32 a = 1;'), after: message('fixed32 a = 1;') },
  { name: 'fixed32 to sfixed32', before: message('fixed32 a = 1;'), after: message('sfixed32 a = 1;') },
  { name: 'fixed64 to sfixed64', before: message('fixed64 a = 1;'), after: message('sfixed64 a = 1;') },
  { name: 'fixed32 to float', before: message('fixed32 a = 1;'), after: message('float a = 1;') },
  { name: 'float to double', before: message('float a = 1;'), after: message('double a = 1;') },
  { name: 'string to bytes', before: message('string a = 1;'), after: message('bytes a = 1;') },
  { name: 'bytes to string', before: message('bytes a = 1;'), after: message('string a = 1;') },
  { name: 'string to int32', before: message('string a = 1;'), after: message('int32 a = 1;') },
  {
    name: 'a message for another of the same form',
    before: `message A { int32 x = 1; } message B { int32 x = 1; } ${message('A a = 1;')}`,
    after: `message A { int32 x = 1; } message B { int32 x = 1; } ${message('B a = 1;')}`,
  },
  {
    name: 'a message for bytes',
    before: `message A { int32 x = 1; } ${message('A a = 1;')}`,
    after: `message A { int32 x = 1; } ${message('bytes a = 1;')}`,
  },
  {
    name: 'an enum for int32',
    before: `enum E { Z = 0; } ${message('E a = 1;')}`,
    after: `enum E { Z = 0; } ${message('int32 a = 1;')}`,
    wire: 'the bytes are alike; what differs is which numbers have names, so it is semantic',
  },
  {
    name: 'int32 for an enum',
    before: `enum E { Z = 0; } ${message('int32 a = 1;')}`,
    after: `enum E { Z = 0; } ${message('E a = 1;')}`,
    wire: 'the bytes are alike; what differs is which numbers have names, so it is semantic',
  },
  {
    name: 'an enum for one with more values',
    before: `enum E { Z = 0; } enum F { Y = 0; X = 1; } ${message('E a = 1;')}`,
    after: `enum E { Z = 0; } enum F { Y = 0; X = 1; } ${message('F a = 1;')}`,
  },
  {
    name: 'an enum for one with fewer values',
    before: `enum E { Z = 0; } enum F { Y = 0; X = 1; } ${message('F a = 1;')}`,
    after: `enum E { Z = 0; } enum F { Y = 0; X = 1; } ${message('E a = 1;')}`,
  },
  {
    name: 'the value of a map',
    before: message('map<string, int32> a = 1;'),
    after: message('map<string, int64> a = 1;'),
  },
  {
    name: 'the value of a map, encoded otherwise',
    before: message('map<string, int32> a = 1;'),
    after: message('map<string, string> a = 1;'),
  },
  {
    name: 'the key of a map',
    before: message('map<int32, string> a = 1;'),
    after: message('map<string, string> a = 1;'),
  },
  // Cardinality.
  { name: 'one to many numbers', before: message('int32 a = 1;'), after: message('repeated int32 a = 1;') },
  { name: 'many to one number', before: message('repeated int32 a = 1;'), after: message('int32 a = 1;') },
  {
    name: 'one to many messages',
    before: `message A {} ${message('A a = 1;')}`,
    after: `message A {} ${message('repeated A a = 1;')}`,
  },
  { name: 'many strings to one', before: message('repeated string a = 1;'), after: message('string a = 1;') },
  { name: 'implicit to optional', before: message('int32 a = 1;'), after: message('optional int32 a = 1;') },
  { name: 'optional to implicit', before: message('optional int32 a = 1;'), after: message('int32 a = 1;') },
  {
    name: 'a map for a list of its entries',
    before: message('map<string, int32> a = 1;'),
    after: `message N { string key = 1; int32 value = 2; } ${message('repeated N a = 1;')}`,
  },
  {
    name: 'packed to not packed',
    before: message('repeated int32 a = 1;'),
    after: message('repeated int32 a = 1 [packed = false];'),
  },
  {
    name: 'a new required field',
    head: proto2,
    before: message('optional int32 a = 1;'),
    after: message('optional int32 a = 1; required int32 b = 2;'),
  },
  {
    name: 'a required field removed',
    head: proto2,
    before: message('required int32 a = 1;'),
    after: message('reserved 1; reserved "a";'),
  },
  {
    name: 'required to optional',
    head: proto2,
    before: message('required int32 a = 1;'),
    after: message('optional int32 a = 1;'),
  },
  {
    name: 'optional to required',
    head: proto2,
    before: message('optional int32 a = 1;'),
    after: message('required int32 a = 1;'),
  },
  {
    name: 'another default',
    head: proto2,
    before: message('optional int32 a = 1 [default = 1];'),
    after: message('optional int32 a = 1 [default = 2];'),
    wire: 'the bytes are alike; an absent field reads differently, so it is semantic',
  },
  {
    name: 'a default removed',
    head: proto2,
    before: message('optional int32 a = 1 [default = 1];'),
    after: message('optional int32 a = 1;'),
    wire: 'the bytes are alike; an absent field reads differently, so it is semantic',
  },
  {
    name: 'a group for a message',
    head: proto2,
    before: message('optional group A = 1 { optional int32 x = 1; }'),
    after: 'message M { message A { optional int32 x = 1; } optional A a = 1; }',
  },
  // Oneofs.
  {
    name: 'a field into a oneof with others',
    before: message('int32 a = 1; oneof o { int32 b = 2; }'),
    after: message('oneof o { int32 a = 1; int32 b = 2; }'),
  },
  {
    name: 'a field into a oneof of its own',
    before: message('int32 a = 1;'),
    after: message('oneof o { int32 a = 1; }'),
    wire: 'no other field can be lost with it, so only code notices',
  },
  {
    name: 'a field out of a oneof',
    before: message('oneof o { int32 a = 1; int32 b = 2; }'),
    after: message('int32 a = 1; oneof o { int32 b = 2; }'),
  },
  {
    name: 'a oneof renamed',
    before: message('oneof o { int32 a = 1; int32 b = 2; }'),
    after: message('oneof p { int32 a = 1; int32 b = 2; }'),
    wire: 'the name of a oneof is in no message, so only code notices',
  },
  // Enums.
  { name: 'an enum value removed', before: anEnum('A = 0; B = 1;'), after: anEnum('A = 0;') },
  {
    name: 'an enum value removed, its number reserved',
    before: anEnum('A = 0; B = 1;'),
    after: anEnum('reserved 1; A = 0;'),
  },
  {
    name: 'an enum value removed, number and name reserved',
    before: anEnum('A = 0; B = 1;'),
    after: anEnum('reserved 1; reserved "B"; A = 0;'),
  },
  { name: 'an enum value renamed', before: anEnum('A = 0; B = 1;'), after: anEnum('A = 0; C = 1;') },
  {
    name: 'an alias added',
    before: anEnum('option allow_alias = true; A = 0; B = 1; B2 = 1;'),
    after: anEnum('option allow_alias = true; A = 0; B = 1; B2 = 1; B3 = 1;'),
  },
  { name: 'an enum removed', before: 'enum E { Z = 0; } message M {}', after: 'message M {}' },
  {
    name: 'an enum made closed',
    head: edition,
    before: anEnum('A = 0;'),
    after: anEnum('option features.enum_type = CLOSED; A = 0;'),
  },
  { name: 'a reservation of an enum removed', before: anEnum('reserved 5; A = 0;'), after: anEnum('A = 0;') },
  // Reservations and types.
  { name: 'a reservation removed', before: message('reserved 5; int32 a = 1;'), after: message('int32 a = 1;') },
  { name: 'a reserved name removed', before: message('reserved "b"; int32 a = 1;'), after: message('int32 a = 1;') },
  {
    name: 'a reservation split in two',
    before: message('reserved 5 to 8; int32 a = 1;'),
    after: message('reserved 5 to 6, 7 to 8; int32 a = 1;'),
  },
  { name: 'a message removed', before: 'message M {} message N {}', after: 'message M {}' },
  {
    name: 'a message moved to another file',
    before: { a: 'message M {} message N {}', b: 'message O {}' },
    after: { a: 'message M {}', b: 'message O {} message N {}' },
  },
  { name: 'a nested message removed', before: 'message M { message N {} }', after: 'message M {}' },
  {
    name: 'an extension removed',
    head: proto2,
    before: 'message M { extensions 100 to 200; } extend M { optional int32 x = 100; }',
    after: 'message M { extensions 100 to 200; }',
  },
  {
    name: 'an extension range removed',
    head: proto2,
    before: 'message M { extensions 100 to 200; }',
    after: 'message M { extensions 100 to 150; }',
  },
  // Services.
  {
    name: 'a method removed',
    before: rpc('rpc A(Req) returns (Res); rpc B(Req) returns (Res);'),
    after: rpc('rpc A(Req) returns (Res);'),
  },
  {
    name: 'a service removed',
    before: rpc('rpc A(Req) returns (Res);'),
    after: `${both} message Other { string a = 1; }`,
  },
  { name: 'another request', before: rpc('rpc A(Req) returns (Res);'), after: rpc('rpc A(Other) returns (Res);') },
  { name: 'another response', before: rpc('rpc A(Req) returns (Res);'), after: rpc('rpc A(Req) returns (Other);') },
  {
    name: 'many requests for one',
    before: rpc('rpc A(Req) returns (Res);'),
    after: rpc('rpc A(stream Req) returns (Res);'),
  },
  {
    name: 'one response for many',
    before: rpc('rpc A(Req) returns (stream Res);'),
    after: rpc('rpc A(Req) returns (Res);'),
  },
  {
    name: 'idempotency lowered',
    before: rpc('rpc A(Req) returns (Res) { option idempotency_level = NO_SIDE_EFFECTS; }'),
    after: rpc('rpc A(Req) returns (Res);'),
    wire: 'nothing on the wire changes; clients that repeat the call do harm, so it is semantic',
  },
  {
    name: 'idempotency raised',
    before: rpc('rpc A(Req) returns (Res);'),
    after: rpc('rpc A(Req) returns (Res) { option idempotency_level = IDEMPOTENT; }'),
    wire: 'a client that repeats less than it may harms nobody',
    file: 'a client that repeats less than it may harms nobody',
  },
  {
    name: 'a method deprecated',
    before: rpc('rpc A(Req) returns (Res);'),
    after: rpc('rpc A(Req) returns (Res) { option deprecated = true; }'),
  },
  // Files.
  {
    name: 'another package',
    head: 'syntax = "proto3"; package one;',
    headAfter: 'syntax = "proto3"; package other;',
    before: message('int32 a = 1;'),
    after: message('int32 a = 1;'),
  },
  {
    name: 'another java_package',
    before: message('int32 a = 1;'),
    after: `option java_package = "x"; ${message('int32 a = 1;')}`,
  },
  {
    name: 'another go_package',
    before: `option go_package = "a.example/b"; ${message('int32 a = 1;')}`,
    after: `option go_package = "a.example/c"; ${message('int32 a = 1;')}`,
  },
  {
    name: 'proto2 to proto3',
    head: proto2,
    headAfter: 'syntax = "proto3";',
    before: 'message M { repeated string a = 1; }',
    after: 'message M { repeated string a = 1; }',
  },
  { name: 'a file removed', before: { a: 'message M {}', b: 'message N {}' }, after: { a: 'message M {}' } },
];
