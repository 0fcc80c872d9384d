/** Whatever the bytes: an end, soon, with a diagnostic or without; never a throw. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { compileThrift, parseThrift } from '../../../src/codegen/thrift/index.js';
import { runs } from '../../support/soak.js';
import { battery } from './battery.js';
import { errorsOf, scratch, typeErrors } from './scratch.js';

let folder = '';

beforeAll(() => {
  folder = scratch();
  mkdirSync(join(folder, 'in'));
});

function compileBytes(bytes: string | Uint8Array) {
  writeFileSync(join(folder, 'in/fuzz.thrift'), bytes);
  const result = compileThrift({ roots: [join(folder, 'in')], includes: [], limits: { diagnostics: 20 } });
  // Errors and code exclude each other.
  expect(result.files.size > 0).toBe(errorsOf(result.diagnostics).length === 0);
  for (const { message, line, column, sourceLine } of result.diagnostics) {
    expect(message).not.toBe('');
    if (line > 0) expect(column).toBeLessThanOrEqual((sourceLine?.length ?? 0) + 1);
  }
  return result;
}

const words = [
  ...'struct union exception enum const typedef service include namespace cpp_include extends throws void oneway async'.split(
    ' ',
  ),
  ...'required optional list set map i32 i64 string binary uuid double bool byte xsd_all xsd_attrs cpp_type true false'.split(
    ' ',
  ),
  ...'{ } ( ) < > [ ] , ; : = & * @ " \' # // /* /** */ - + 1 2 -1 0x1F 1.5 .5 1e5 99999999999999999999 a b A B A.X b.c __proto__'.split(
    ' ',
  ),
  ...[
    '"x"',
    '{"a": 1}',
    '\n',
    '\r\n',
    'struct A {',
    '1: i32 a,',
    'service S {',
    'void f(',
    'stream<',
    'package',
    '\u00e9',
    '\0',
  ],
];

describe('the compiler, on any input', () => {
  it('survives random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => void compileBytes(bytes)),
      { numRuns: runs(400) },
    );
  });

  it('survives random text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => void compileBytes(text)),
      { numRuns: runs(300) },
    );
  });

  it('survives any sequence of tokens', () => {
    const soup = fc.array(fc.constantFrom(...words), { maxLength: 80 });
    fc.assert(
      fc.property(soup, fc.constantFrom(' ', '\n', ''), (parts, glue) => void compileBytes(parts.join(glue))),
      {
        numRuns: runs(1000),
      },
    );
  });

  it('survives valid files with pieces cut out, doubled or replaced', () => {
    const snippets = battery.filter(({ accepted }) => accepted).map(({ idl }) => idl);
    const edits = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 12 }), fc.constantFrom(...words, '')), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...snippets), { minLength: 1, maxLength: 4 }), edits, (parts, changes) => {
        let text = parts.join('\n');
        for (const [at, length, insert] of changes) {
          const from = at % (text.length + 1);
          text = text.slice(0, from) + insert + text.slice(from + length);
        }
        compileBytes(text);
      }),
      { numRuns: runs(1000) },
    );
  });

  it('makes code that type-checks of what survives, all in one', () => {
    const files = new Map<string, string>();
    const snippets = battery.filter(({ accepted }) => accepted).map(({ idl }) => idl);
    let count = 0;
    fc.assert(
      fc.property(fc.constantFrom(...snippets), fc.nat(), fc.constantFrom(...words), (idl, at, insert) => {
        const from = at % (idl.length + 1);
        const text = compileBytes(`${idl.slice(0, from)} ${insert} ${idl.slice(from)}`).files.get('fuzz.ts');
        if (text !== undefined) files.set(`f${count++}.ts`, text);
      }),
      { numRuns: runs(300) },
    );
    expect(files.size).toBeGreaterThan(10);
    expect(typeErrors(files)).toEqual([]);
  }, 120_000);
});

describe('the compiler, on absurd input', () => {
  const many = 200_000;

  it.each([
    ['nested lists of types', `struct A { 1: ${'list<'.repeat(many)}i32`],
    ['nested constants', `const i32 A = ${'['.repeat(many)}`],
    ['nested maps', `const i32 A = ${'{1:'.repeat(many)}`],
    ['nested xsd_attrs', `struct A { ${'1: i32 a xsd_attrs { '.repeat(many)}`],
    ['open braces', '{'.repeat(many)],
    ['open parentheses', `struct A {} ${'('.repeat(many)}`],
    ['closing braces', '}'.repeat(many)],
    ['one long name', `struct ${'a'.repeat(4_000_000)} {}`],
    ['one long dotted name', `struct A { 1: ${'a.'.repeat(1_000_000)}a b }`],
    ['one long number', `const i64 A = ${'9'.repeat(4_000_000)}`],
    ['one long fraction', `const double A = 1.${'9'.repeat(4_000_000)}`],
    ['one long string', `const string A = "${'\\n'.repeat(2_000_000)}"`],
    ['one long comment', `/* ${'*'.repeat(4_000_000)}`],
    ['a comment of stars', `/${'*'.repeat(4_000_000)}/`],
    ['one long line of junk', '\u00e9'.repeat(4_000_000)],
    ['quotes', '"'.repeat(many)],
    ['newlines in strings', '"\n'.repeat(many)],
    ['semicolons', ';'.repeat(many)],
    ['broken definitions', 'struct A { 1 i32 }\n'.repeat(20_000)],
    ['definitions of one name', 'struct A {} '.repeat(50_000)],
    ['fields of one id', `struct A { ${'1: i32 a, '.repeat(50_000)} }`],
    ['unknown types', `struct A { ${'i32 a, B b, '.repeat(20_000)} }`],
    ['values of one name', `enum A { ${'X, '.repeat(50_000)} }`],
    [
      'constants that name each other',
      `const list<i32> C0 = [1]\n${Array.from({ length: 20_000 }, (_, i) => `const list<i32> C${i + 1} = C${i}`).join('\n')}`,
    ],
    ['annotations', `struct A {} (${'a = "b" '.repeat(50_000)})`],
  ])('comes to an end: %s', (_, text) => {
    expect(compileBytes(text).diagnostics.length).toBeLessThan(50);
  });

  it.each([
    ['a chain of typedefs', Array.from({ length: 20_000 }, (_, i) => `typedef T${i + 1} T${i}`).join('\n')],
    [
      'typedefs that double',
      `typedef i32 T0\n${Array.from({ length: 60 }, (_, i) => `typedef map<T${i}, T${i}> T${i + 1}`).join('\n')}`,
    ],
    [
      'typedefs that nest',
      `typedef i32 T0\n${Array.from({ length: 5_000 }, (_, i) => `typedef list<T${i}> T${i + 1}`).join('\n')}`,
    ],
    [
      'constants that double',
      `const list<i32> C0 = [1, 2]\n${Array.from({ length: 40 }, (_, i) => {
        const type = `${'list<'.repeat(i + 2)}i32${'>'.repeat(i + 2)}`;
        return `const ${type} C${i + 1} = [C${i}, C${i}]`;
      }).join('\n')}`,
    ],
    [
      'constants that nest',
      `typedef S T struct S { 1: list<T> s } const T C0 = {}\n${Array.from({ length: 20_000 }, (_, i) => `const T C${i + 1} = {"s": [C${i}]}`).join('\n')}`,
    ],
  ])('refuses %s', (_, text) => {
    expect(errorsOf(compileBytes(text).diagnostics)).not.toEqual([]);
  });

  it('bounds the size of a file', () => {
    writeFileSync(join(folder, 'big.thrift'), ' '.repeat(2000));
    const { diagnostics } = parseThrift(join(folder, 'big.thrift'), [], { fileBytes: 1000 });
    expect(errorsOf(diagnostics)).toEqual(['this file has 2000 bytes; the limit is 1000; split it into several']);
  });

  it('bounds the number of tokens', () => {
    writeFileSync(join(folder, 'big.thrift'), 'struct A {} '.repeat(50));
    const { diagnostics } = parseThrift(join(folder, 'big.thrift'), [], { tokens: 100 });
    expect(errorsOf(diagnostics)).toContain('this file has more than 100 tokens; split it into several');
  });

  it('bounds the number of files and the depth of includes', () => {
    const count = 80;
    const tree = scratch(
      Object.fromEntries(
        Array.from({ length: count }, (_, i) => [`f${i}.thrift`, i + 1 < count ? `include "f${i + 1}.thrift"` : '']),
      ),
    );
    expect(errorsOf(parseThrift(join(tree, 'f0.thrift')).diagnostics)).toEqual([
      'includes may follow each other 64 times; this is one more',
    ]);
    const few = compileThrift({ roots: [tree], includes: [], limits: { files: 10 } });
    expect(errorsOf(few.diagnostics).join()).toMatch(/more than 10 files/);
  });

  it('bounds what it reports, and says that there is more', () => {
    const { diagnostics } = parseThrift(
      join(scratch({ 'a.thrift': 'struct A { 1: Nope a }\n'.repeat(200) }), 'a.thrift'),
    );
    expect(diagnostics).toHaveLength(51);
    expect(diagnostics.map(({ message }) => message)).toContain(
      'there are more than 50 errors in this file; the rest is not shown',
    );
  });
});
