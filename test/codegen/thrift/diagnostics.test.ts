import { describe, expect, it } from 'vitest';
import { byPlace, formatDiagnostic } from '../../../src/codegen/diagnostic.js';
import { compile, errorsOf } from './scratch.js';

/** All errors of one file as they are printed. */
function printed(idl: string): string {
  const { diagnostics, folder } = compile({ 'a.thrift': idl });
  const errors = diagnostics.filter(({ severity }) => severity === 'error').sort(byPlace);
  return errors.map(formatDiagnostic).join('\n').replaceAll(`${folder}/`, '');
}

describe('diagnostics', () => {
  it('show all errors of a file at once, each with its place and its line', () => {
    expect(
      printed(`struct A {
  1: i32 a
  1: string b
  2 string c
  3: Nope d
}

enum E { X, Y = 99999999999, 7 }

servce S {
  void f()
}

service T extends Nowhere {
  void g(1: i32 a) throws (1: A a),
  oneway void h( ,
  void i()
}
const i32 C = "five"`),
    ).toBe(`a.thrift:3:3: error: the id 1 of "b" is already that of "a"
    1: string b
    ^~~~~~~~~~~
a.thrift:4:5: error: expected ":" after the id of the field, but found the keyword "string"
    2 string c
      ^~~~~~
a.thrift:5:6: error: Nope is not defined
    3: Nope d
       ^~~~
a.thrift:8:17: error: Y is 99999999999; the values of an enum are 32-bit integers
  enum E { X, Y = 99999999999, 7 }
                  ^~~~~~~~~~~
a.thrift:8:30: error: expected the name of a value, or "}", but found "7"
  enum E { X, Y = 99999999999, 7 }
                               ^
a.thrift:10:1: error: expected a definition: typedef, enum, struct, union, exception, const or service, but found "servce"
  servce S {
  ^~~~~~
a.thrift:14:19: error: there is no service Nowhere before this place; a service is defined before it is extended
  service T extends Nowhere {
                    ^~~~~~~
a.thrift:15:33: error: "a" cannot be thrown: its type is not an exception
    void g(1: i32 a) throws (1: A a),
                                  ^
a.thrift:16:18: error: expected a field, but found ","
    oneway void h( ,
                   ^
a.thrift:19:15: error: the constant C is declared as i32, but this is a string
  const i32 C = "five"
                ^~~~~~`);
  });

  it.each([
    [
      'a comment that does not end',
      'struct A {}\n/* never',
      'a.thrift:2:1: error: this comment does not end; it needs a closing */\n  /* never\n  ^~',
    ],
    [
      'a string that does not end',
      'const string A = "x\nstruct B {}',
      'a.thrift:1:18: error: this string does not end before the line does; it needs a closing "\n  const string A = "x\n                   ^~',
    ],
    [
      'an unknown escape',
      'const string A = "a\\xb"',
      `a.thrift:1:20: error: \\x is no escape; Thrift has \\r \\n \\t \\" \\' and \\\\ (for a backslash itself)\n  const string A = "a\\xb"\n                     ^~`,
    ],
    [
      'a word of old',
      'cpp_namespace a\nstruct A {}',
      'a.thrift:1:1: error: "cpp_namespace" is no longer part of Thrift; write "namespace cpp" instead',
    ],
    [
      'text that is not ASCII',
      'struct Grüße {}',
      'a.thrift:1:10: error: "üß" cannot stand here; outside of strings and comments Thrift is plain ASCII',
    ],
    [
      'the end of the file',
      'struct A {\n  1: i32 a\n',
      'a.thrift:3:1: error: expected "}", but found the end of the file',
    ],
    [
      'a keyword as a name',
      'struct list {}',
      'a.thrift:1:8: error: expected the name of the struct, but found the keyword "list"',
    ],
    [
      'a dot in a name',
      'struct a.b {}',
      'a.thrift:1:8: error: "a.b" cannot be a name here, because it has a dot; a dot refers to what another file defines',
    ],
    [
      'float',
      'struct A { 1: float a }',
      `a.thrift:1:15: error: "float" is a type of fbthrift's dialect; Apache Thrift has "double"`,
    ],
    [
      'a service as a type',
      'service S {} struct A { 1: S s }',
      'a.thrift:1:28: error: S is a service, which is no type',
    ],
  ])('explain %s', (_, idl, expected) => {
    expect(printed(idl).startsWith(expected)).toBe(true);
  });

  it('count columns in a line with tabs and with characters beyond ASCII', () => {
    expect(printed('struct A {\n\t/* \u{1f41f} */ 1: Nope a }')).toBe(
      'a.thrift:2:14: error: Nope is not defined\n  \t/* \u{1f41f} */ 1: Nope a }\n  \t            ^~~~',
    );
  });

  it.each([
    ['package', 'package "a.b"\n\nstruct A { 1: nope a ! }'],
    ['annotations with @', 'struct B {}\n@thrift.Uri{value = "x"}\nstruct A {}'],
    ['annotations on fields with @', 'struct A {\n  @cpp.Ref{}\n  1: i32 a\n}'],
    ['stream', 'service A {\n  i32, stream<i32> a()\n}'],
    ['sink', 'service A { sink<i32, i32> a() }'],
    ['interaction', 'interaction A { void a() }'],
    ['performs', 'service A { performs B; }'],
    ['safe', 'safe exception A {}'],
    ['transient server', 'transient server exception A {}'],
    ['idempotent', 'service A { idempotent void a() }\nservice B { readonly i32 b() }'],
    ['include as', 'include "a.thrift" as b'],
  ])("name fbthrift's dialect in one error: %s", (_, idl) => {
    const errors = errorsOf(compile({ 'a.thrift': idl }).diagnostics);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatch(/dialect of Meta's fbthrift \(it uses .+\)/);
  });

  it('do not follow from each other: a name that a broken definition defines is known', () => {
    expect(
      errorsOf(
        compile({ 'a.thrift': 'struct A { 1 i32 }\nstruct B { 1: A a }\nconst i32 C = "x"\nconst i32 D = C' })
          .diagnostics,
      ),
    ).toHaveLength(2);
  });
});
