import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compileThrift, parseThrift } from '../../../src/codegen/thrift/index.js';
import { describeWith, hasTool } from '../../requires.js';
import { battery } from './battery.js';
import { compile, errorsOf, scratch, warningsOf } from './scratch.js';

describe('the verdict on a snippet', () => {
  it('has a battery that is large enough', () => {
    expect(battery.length).toBeGreaterThan(200);
    expect(new Set(battery.map(({ name }) => name)).size).toBe(battery.length);
  });

  it.each(battery.map((snippet) => [snippet.accepted ? 'accepts' : 'refuses', snippet.name, snippet] as const))(
    '%s %s',
    (_, __, { idl, accepted }) => {
      const { diagnostics } = parseThrift(join(scratch({ 'test.thrift': idl }), 'test.thrift'));
      const errors = errorsOf(diagnostics);
      if (accepted) expect(errors).toEqual([]);
      else expect(errors).not.toEqual([]);
    },
  );

  it('keeps its word when it comes to generate: what is accepted has a module', () => {
    for (const { idl, accepted, name } of battery) {
      const { files, diagnostics } = compile({ 'test.thrift': idl });
      expect([name, files.size]).toEqual([name, accepted ? 1 : 0]);
      expect([name, errorsOf(diagnostics).length > 0]).toEqual([name, !accepted]);
    }
  });
});

describe('includes', () => {
  const shared = 'struct S { 1: i32 a } const i32 C = 1 enum E { X } service V { void f() }';

  it('are looked for beside the file, then in the include folders in their order', () => {
    const tree = {
      'idl/main.thrift': 'include "one.thrift" include "two.thrift" const i32 A = one.C const i32 B = two.C',
      'idl/one.thrift': 'const i32 C = 1',
      'inc1/one.thrift': 'const string C = "wrong"',
      'inc1/two.thrift': 'const i32 C = 2',
      'inc2/two.thrift': 'const string C = "wrong"',
    };
    const folder = scratch(tree);
    const { diagnostics, files } = compileThrift({
      roots: [join(folder, 'idl')],
      includes: [join(folder, 'inc1'), join(folder, 'inc2')],
    });
    expect(errorsOf(diagnostics)).toEqual([]);
    expect(files.get('main.ts')).toContain('export const B: number = 2;');
    expect([...files.keys()]).toEqual(['main.ts', 'one.ts', 'two.ts']);
  });

  it('lend their types, constants, values and services under the name of the file', () => {
    const main = `include "a/shared.thrift"
      struct T { 1: shared.S s = {"a": 2}, 2: shared.E e = shared.E.X, 3: i32 c = shared.C }
      service W extends shared.V {}`;
    const { diagnostics } = compile({ 'main.thrift': main, 'a/shared.thrift': shared });
    expect(errorsOf(diagnostics)).toEqual([]);
  });

  it('do not lend what they themselves include', () => {
    const { diagnostics } = compile({
      'a.thrift': 'include "b.thrift" struct A { 1: c.C c }',
      'b.thrift': 'include "c.thrift" struct B { 1: c.C c }',
      'c.thrift': 'struct C {}',
    });
    expect(errorsOf(diagnostics)).toEqual([
      'c.C is not defined: no file that is included is called "c.thrift", or it defines no type',
    ]);
  });

  it.each([
    [
      'two files',
      { 'a.thrift': 'include "b.thrift"', 'b.thrift': 'include "a.thrift"' },
      /a\.thrift -> .*b\.thrift -> .*a\.thrift/,
    ],
    ['a file itself', { 'a.thrift': 'include "a.thrift"' }, /a\.thrift -> .*a\.thrift/],
    [
      'three files',
      { 'a.thrift': 'include "b.thrift"', 'b.thrift': 'include "x/c.thrift"', 'x/c.thrift': 'include "../a.thrift"' },
      /a\.thrift -> .*b\.thrift -> .*c\.thrift -> .*a\.thrift/,
    ],
  ])('are refused in a circle of %s, which is named', (_, tree, chain) => {
    const errors = errorsOf(compile(tree as Record<string, string>).diagnostics);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatch(/circle/);
    expect(errors[0]).toMatch(chain);
  });

  it('may form a diamond', () => {
    const { diagnostics, inputs } = compile({
      'a.thrift': 'include "b.thrift" include "c.thrift" struct A { 1: b.B b, 2: c.C c }',
      'b.thrift': 'include "d.thrift" struct B { 1: d.D d }',
      'c.thrift': 'include "d.thrift" struct C { 1: d.D d }',
      'd.thrift': 'struct D {}',
    });
    expect(errorsOf(diagnostics)).toEqual([]);
    expect(inputs).toBe(4);
  });

  it('of one name clash when both have the same constant', () => {
    const { diagnostics } = compile({
      'main.thrift': 'include "a/x.thrift" include "b/x.thrift"',
      'a/x.thrift': 'const i32 C = 1',
      'b/x.thrift': 'const i32 C = 1',
    });
    expect(errorsOf(diagnostics)).toEqual([
      'another include has already brought x.C; no two included files may share a name and a constant',
    ]);
  });

  it.each([
    ['no namespaces', '', '', false],
    ['equal namespaces', 'namespace java a', 'namespace java a', false],
    ['the namespace of all and an equal one', 'namespace * a', 'namespace java a', true],
    ['other namespaces', 'namespace java a', 'namespace java b', true],
    ['a namespace on one side', 'namespace java a', '', true],
  ])('with a type of the same name and %s', (_, main, other, accepted) => {
    const { diagnostics } = compile({
      'main.thrift': `${main}\ninclude "x.thrift"\nstruct T {}`,
      'x.thrift': `${other}\nstruct T {}`,
    });
    expect(errorsOf(diagnostics).length === 0).toBe(accepted);
  });

  it('that are missing are a warning, with the folders that were searched', () => {
    const { diagnostics } = compile({ 'a.thrift': 'include "b.thrift"\nstruct A {}' });
    expect(errorsOf(diagnostics)).toEqual([]);
    expect(warningsOf(diagnostics)[0]).toMatch(/"b\.thrift" is not in .* name its folder with --include/);
  });

  it('with errors are reported once, without errors that follow from them', () => {
    const { diagnostics } = compile({
      'a.thrift': 'include "b.thrift"\nstruct A { 1: b.B b, 2: b.C c }\nconst b.B D = {}\nservice S extends b.V {}',
      'b.thrift': 'struct B { 1: oops }',
    });
    expect(errorsOf(diagnostics)).toHaveLength(1);
  });

  it('of a folder are refused', () => {
    const errors = errorsOf(compile({ 'a.thrift': 'include "b"', 'b/c.txt': '' }).diagnostics);
    expect(errors.join()).toMatch(/cannot be read/);
  });
});

const thrift017 = hasTool('thrift', ['--version']);

describeWith('the thrift compiler', thrift017, "Apache's compiler, 0.17, as an oracle", () => {
  it('agrees with every verdict for which 0.17 and 0.24 agree', () => {
    const folder = scratch();
    const disagreements: string[] = [];
    for (const { name, idl, accepted, since } of battery) {
      if (since !== undefined) continue;
      const at = scratch({ 'test.thrift': idl });
      const { status } = spawnSync('timeout', [
        '5',
        'thrift',
        '-out',
        folder,
        '--gen',
        'json',
        join(at, 'test.thrift'),
      ]);
      if ((status === 0) !== accepted) disagreements.push(name);
    }
    expect(disagreements).toEqual([]);
  }, 120_000);
});
