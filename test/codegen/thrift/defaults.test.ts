/**
 * Defaults and constants of the wrong kind: what each kind of value is as each kind of type, by the verdict of Apache's compiler
 * where the one that is installed has the same. What is accepted also makes a module that compiles.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { describeWith, hasTool } from '../../requires.js';
import { compile, errorsOf, scratch } from './scratch.js';

const prelude = `
  enum E { A = 1, B = 2 } enum F { A = 1, C = 5 } struct P { 1: i32 x, 2: string s } struct Q { 1: i32 x }
  union U { 1: i32 a, 2: string b }
  const string TEXT = 'a' const i32 NUM = 3 const double D = 1.5
  const list<i32> INTS = [1] const list<double> DOUBLES = [1.5] const list<string> TEXTS = ['a']
  const list<string> NONE = [] const list<E> ENUMS = [E.A] const list<i32> NINE = [9]
  const set<i32> SET = [1] const map<string, i32> MAP = {'a': 1} const list<list<i32>> DEEP = [[1]]
`;

/** `differs`: what Debian's compiler, 0.17, says otherwise, and why. */
type Row = readonly [type: string, value: string, accepted: boolean, differs?: string];

const lenient = 'it takes another value for an empty container';
const shallow = 'it compares no elements of a constant that is named; its own output does not compile';
const strictKind = 'it takes the name of a constant of another kind';

const rows: readonly Row[] = [
  // Apache's own ThriftTest.thrift has `set<binary> bin_set = {}`: an empty set may be written so, in every version.
  ['set<i32>', '{}', true],
  ['list<i32>', '{}', false, lenient],
  ['map<i32, i32>', '[]', false, lenient],
  ['list<i32>', '1', false, lenient],
  ['set<i32>', '[1, 1]', true],
  // An enum by number is one of its values.
  ['E', '1', true],
  ['E', '9', false],
  ['E', "'A'", false],
  ['E', 'NUM', false],
  ['list<E>', '[1, 9]', false],
  ['i32', 'E.A', true],
  // Structs are maps from the names of their fields.
  ['P', "{'x': 1}", true],
  ['P', "{'nope': 1}", false],
  ['P', "{'x': 'text'}", false],
  ['P', '{1: 1}', false],
  ['P', '[]', false],
  ['U', "{'a': 1}", true],
  ['U', "{'nope': 1}", false],
  // Containers, all the way down.
  ['list<list<i32>>', "[[1], ['a']]", false],
  ['map<string, list<i32>>', "{'a': ['b']}", false],
  ['map<i32, i32>', "{'a': 1}", false],
  // Names of constants.
  ['i32', 'TEXT', false],
  ['string', 'NUM', false],
  ['i32', 'D', false],
  ['double', 'NUM', true],
  ['bool', 'NUM', true],
  ['list<i32>', 'INTS', true],
  ['list<i64>', 'INTS', true],
  ['list<double>', 'INTS', true],
  ['list<E>', 'INTS', true],
  ['list<E>', 'NINE', false, shallow],
  ['list<string>', 'INTS', false, shallow],
  ['list<i32>', 'TEXTS', false, shallow],
  ['list<i32>', 'DOUBLES', false, shallow],
  ['list<i32>', 'NONE', true],
  ['list<E>', 'ENUMS', true],
  ['list<F>', 'ENUMS', true],
  ['list<i32>', 'ENUMS', true],
  ['list<binary>', 'TEXTS', true],
  ['list<uuid>', 'TEXTS', false],
  ['set<i64>', 'SET', true],
  ['set<string>', 'SET', false, shallow],
  ['set<i32>', 'INTS', false, strictKind],
  ['list<i32>', 'SET', false, strictKind],
  ['list<string>', 'MAP', false, strictKind],
  ['map<string, i64>', 'MAP', true],
  ['map<string, string>', 'MAP', false, shallow],
  ['map<i32, i32>', 'MAP', false, shallow],
  ['list<list<i64>>', 'DEEP', true],
  ['list<list<string>>', 'DEEP', false, shallow],
  ['list<list<i64>>', '[INTS]', true],
  ['list<list<string>>', '[INTS]', false, shallow],
  ['map<i32, list<string>>', '{1: INTS}', false, shallow],
];

const cases = rows.map(([type, value, accepted, differs]) => ({ type, value, accepted, differs }));

const places = {
  'a default': (type: string, value: string) => `struct S { 1: ${type} f = ${value} }`,
  'a constant': (type: string, value: string) => `const ${type} X = ${value}`,
} as const;

describe.each(Object.entries(places))('%s', (_, place) => {
  it.each(cases)('$type = $value: $accepted', ({ type, value, accepted }) => {
    const { diagnostics, files } = compile({ 'test.thrift': prelude + place(type, value) });
    expect(errorsOf(diagnostics).length > 0).toBe(!accepted);
    expect(files.size).toBe(accepted ? 1 : 0);
  });
});

it('what is accepted has values of its own type', () => {
  const text = (type: string, value: string): string => {
    const { files } = compile({ 'test.thrift': `${prelude}const ${type} X = ${value}` });
    return /export const X\b[^=]*=\s*(.*?);/s.exec(files.get('test.ts') ?? '')?.[1] ?? '';
  };
  expect(text('list<i64>', 'INTS')).toContain('1n');
  expect(text('list<list<i64>>', 'DEEP')).toContain('1n');
  expect(text('map<string, i64>', 'MAP')).toContain('1n');
  expect(text('list<E>', 'INTS')).toContain('E.A');
});

describeWith('the Thrift compiler', hasTool('thrift', ['--version']), "Debian's compiler", () => {
  const judged = cases.filter(({ type }) => !type.includes('uuid'));
  it.each(judged)('on a default, $type = $value: $accepted', ({ type, value, accepted, differs }) => {
    const folder = scratch({ 'test.thrift': prelude + places['a default'](type, value) });
    const args = ['--gen', 'cpp', '-o', folder, join(folder, 'test.thrift')];
    const { status } = spawnSync('thrift', args, { timeout: 10_000 });
    expect(status === 0).toBe(differs === undefined ? accepted : !accepted);
  });
});
