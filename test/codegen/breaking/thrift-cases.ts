/**
 * Changes of a .thrift file, each judged by the audit of Apache's compiler as well. `differs` says why the two verdicts are not the
 * same: everything that has none must be judged alike.
 */
export interface ThriftCase {
  readonly name: string;
  readonly before: string;
  readonly after: string;
  readonly differs?: string;
}

const struct = (body: string): string => `struct A { 1: i32 x }\nenum E { P = 1, Q = 2 }\nstruct S { ${body} }`;
const service = (body: string): string =>
  `struct A { 1: i32 x }\nstruct B { 1: i32 x }\nexception X { 1: string why }\nexception Y { 1: string why }\nservice Base { void ping() }\nservice V ${body.startsWith('extends') ? body : `{ ${body} }`}`;
const fields = '1: i32 a, 2: string b, 5: optional i64 c';

const middle = 'an id between two others is an id like any other on the wire';
const byName = 'the audit compares types by name, and names are not on the wire';

export const thriftCases: readonly ThriftCase[] = [
  { name: 'nothing', before: struct(fields), after: struct(fields) },
  {
    name: 'fields in another order',
    before: struct(fields),
    after: struct('2: string b, 1: i32 a, 5: optional i64 c'),
  },
  { name: 'a new optional field at the end', before: struct(fields), after: struct(`${fields}, 6: optional i32 d`) },
  { name: 'a new default field at the end', before: struct(fields), after: struct(`${fields}, 6: i32 d`) },
  { name: 'a new required field at the end', before: struct(fields), after: struct(`${fields}, 6: required i32 d`) },
  {
    name: 'a new optional field in the middle',
    before: struct(fields),
    after: struct(`${fields}, 3: optional i32 d`),
    differs: middle,
  },
  { name: 'a new required field in the middle', before: struct(fields), after: struct(`${fields}, 3: required i32 d`) },
  { name: 'the last field removed', before: struct(fields), after: struct('1: i32 a, 2: string b') },
  { name: 'the first field removed', before: struct(fields), after: struct('2: string b, 5: optional i64 c') },
  { name: 'a required field removed', before: struct('1: required i32 a, 2: string b'), after: struct('2: string b') },
  { name: 'a field with another id', before: struct('1: i32 a'), after: struct('2: i32 a') },
  {
    name: 'an id used for something else',
    before: struct('1: i32 a, 2: string b'),
    after: struct('1: i32 a, 2: list<i32> c'),
  },
  { name: 'a field renamed', before: struct('1: i32 a'), after: struct('1: i32 z') },
  { name: 'i32 to i64', before: struct('1: i32 a'), after: struct('1: i64 a') },
  { name: 'i64 to i32', before: struct('1: i64 a'), after: struct('1: i32 a') },
  { name: 'bool to i8', before: struct('1: bool a'), after: struct('1: i8 a') },
  { name: 'double to i64', before: struct('1: double a'), after: struct('1: i64 a') },
  { name: 'string to i32', before: struct('1: string a'), after: struct('1: i32 a') },
  {
    name: 'string to binary',
    before: struct('1: string a'),
    after: struct('1: binary a'),
    differs:
      'the audit takes the two for one type; bytes that are no text are refused or spoilt by readers of a string',
  },
  { name: 'a list for a set', before: struct('1: list<i32> a'), after: struct('1: set<i32> a') },
  { name: 'other elements of a list', before: struct('1: list<i32> a'), after: struct('1: list<string> a') },
  {
    name: 'other elements of a list in a list',
    before: struct('1: list<list<i32>> a'),
    after: struct('1: list<list<i64>> a'),
  },
  { name: 'other keys of a map', before: struct('1: map<i32, string> a'), after: struct('1: map<string, string> a') },
  { name: 'other values of a map', before: struct('1: map<i32, string> a'), after: struct('1: map<i32, i32> a') },
  { name: 'a map for a list', before: struct('1: map<i32, string> a'), after: struct('1: list<string> a') },
  { name: 'a struct for i32', before: struct('1: A a'), after: struct('1: i32 a') },
  { name: 'an enum for i32', before: struct('1: E a'), after: struct('1: i32 a') },
  {
    name: 'a struct for one of the same form',
    before: `struct A { 1: i32 x }\nstruct B { 1: i32 x }\nstruct S { 1: A a }`,
    after: `struct A { 1: i32 x }\nstruct B { 1: i32 x }\nstruct S { 1: B a }`,
    differs: byName,
  },
  {
    name: 'a struct for one of another form',
    before: `struct A { 1: i32 x }\nstruct B { 1: string x }\nstruct S { 1: A a }`,
    after: `struct A { 1: i32 x }\nstruct B { 1: string x }\nstruct S { 1: B a }`,
  },
  {
    name: 'a type given a name',
    before: struct('1: i32 a'),
    after: `typedef i32 Id\n${struct('1: Id a')}`,
    differs: byName,
  },
  {
    name: 'a name for another type',
    before: `typedef i32 Id\n${struct('1: Id a')}`,
    after: `typedef i64 Id\n${struct('1: Id a')}`,
    differs: 'the audit compares types by name, and what the name stands for has changed',
  },
  { name: 'optional to required', before: struct('1: optional i32 a'), after: struct('1: required i32 a') },
  { name: 'required to optional', before: struct('1: required i32 a'), after: struct('1: optional i32 a') },
  { name: 'required to default', before: struct('1: required i32 a'), after: struct('1: i32 a') },
  { name: 'default to required', before: struct('1: i32 a'), after: struct('1: required i32 a') },
  { name: 'default to optional', before: struct('1: i32 a'), after: struct('1: optional i32 a') },
  {
    name: 'another default',
    before: struct('1: i32 a = 1'),
    after: struct('1: i32 a = 2'),
    differs: 'the audit warns; a reader of each version fills in its own',
  },
  { name: 'a struct removed', before: struct('1: A a'), after: `enum E { P = 1, Q = 2 }\nstruct S { 1: i32 a }` },
  {
    name: 'a struct nobody uses removed',
    before: struct(fields),
    after: `enum E { P = 1, Q = 2 }\nstruct S { ${fields} }`,
    differs: 'no peer sends it; code that is compiled against it notices',
  },
  {
    name: 'an enum value removed',
    before: struct('1: E a'),
    after: `struct A { 1: i32 x }\nenum E { P = 1 }\nstruct S { 1: E a }`,
  },
  {
    name: 'an enum value with another number',
    before: struct('1: E a'),
    after: `struct A { 1: i32 x }\nenum E { P = 1, Q = 3 }\nstruct S { 1: E a }`,
  },
  {
    name: 'an enum value renamed',
    before: struct('1: E a'),
    after: `struct A { 1: i32 x }\nenum E { P = 1, R = 2 }\nstruct S { 1: E a }`,
  },
  {
    name: 'an enum value added',
    before: struct('1: E a'),
    after: `struct A { 1: i32 x }\nenum E { P = 1, Q = 2, R = 3 }\nstruct S { 1: E a }`,
    differs: 'a library of types may be used in answers, and old clients do not know the value',
  },
  { name: 'a new function', before: service('void f()'), after: service('void f(), void g()') },
  { name: 'a function removed', before: service('void f(), void g()'), after: service('void f()') },
  { name: 'a function renamed', before: service('void f()'), after: service('void g()') },
  {
    name: 'a service removed',
    before: service('void f()'),
    after:
      'struct A { 1: i32 x }\nstruct B { 1: i32 x }\nexception X { 1: string why }\nexception Y { 1: string why }\nservice Base { void ping() }',
  },
  { name: 'made oneway', before: service('void f()'), after: service('oneway void f()') },
  { name: 'no longer oneway', before: service('oneway void f()'), after: service('void f()') },
  { name: 'another answer', before: service('i32 f()'), after: service('i64 f()') },
  { name: 'an answer where there was none', before: service('void f()'), after: service('i32 f()') },
  { name: 'no answer where there was one', before: service('i32 f()'), after: service('void f()') },
  { name: 'other elements of an answer', before: service('list<i32> f()'), after: service('list<string> f()') },
  { name: 'a new argument', before: service('void f(1: i32 a)'), after: service('void f(1: i32 a, 2: i32 b)') },
  { name: 'an argument removed', before: service('void f(1: i32 a, 2: i32 b)'), after: service('void f(1: i32 a)') },
  { name: 'an argument of another type', before: service('void f(1: i32 a)'), after: service('void f(1: string a)') },
  { name: 'an argument renamed', before: service('void f(1: i32 a)'), after: service('void f(1: i32 b)') },
  {
    name: 'an exception removed',
    before: service('void f() throws (1: X x, 2: Y y)'),
    after: service('void f() throws (1: X x)'),
  },
  {
    name: 'an exception added',
    before: service('void f() throws (1: X x)'),
    after: service('void f() throws (1: X x, 2: Y y)'),
    differs: 'a client of the old version gets an answer with neither a result nor an error it knows',
  },
  {
    name: 'an exception of another form',
    before: service('void f() throws (1: X x)'),
    after: service('void f() throws (1: Y x)').replace('Y { 1: string', 'Y { 1: i32'),
  },
  { name: 'a service that extends another', before: service('void f()'), after: service('extends Base { void f() }') },
  {
    name: 'a service that no longer extends another',
    before: service('extends Base { void f() }'),
    after: service('void f()'),
  },
  {
    name: 'a namespace changed',
    before: `namespace py a\n${struct(fields)}`,
    after: `namespace py b\n${struct(fields)}`,
  },
];
