/** Our model of real files, compared with what Apache's own compiler makes of them (`--gen json`). */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  type Annotation,
  type Field,
  type Program,
  parseThrift,
  type Type,
  trueType,
  type Value,
} from '../../../src/codegen/thrift/index.js';
import { corpus, describeWith, hasTool } from '../../requires.js';
import { errorsOf, scratch } from './scratch.js';

type Json = null | number | string | boolean | Json[] | { [key: string]: Json };

function annotationsOf(list: readonly Annotation[]): Json | undefined {
  if (list.length === 0) return undefined;
  // 0.17 keeps one value of each key, the last.
  return Object.fromEntries(list.map(({ key, value }) => [key, value]));
}

function without(object: Record<string, Json | undefined>): Json {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as Json;
}

function typeId(type: Type): string {
  const known = trueType(type);
  switch (known.kind) {
    case 'base':
      return known.base;
    case 'enum':
      return 'i32';
    case 'struct':
      return known.definition.kind;
    default:
      return known.kind;
  }
}

/** `write_type_spec_object`: only for what has more to say than its id. */
function typeObject(type: Type, program: Program): Json | undefined {
  const known = trueType(type);
  return known.kind === 'base' || known.kind === 'enum' ? undefined : { ...(typeSpec(type, program) as object) };
}

function typeSpec(type: Type, program: Program): Json {
  const known = trueType(type);
  const base: Record<string, Json | undefined> = { typeId: typeId(type) };
  if (known.kind === 'struct') {
    const { definition } = known;
    base.annotations = annotationsOf(definition.annotations);
    base.class = definition.program === program ? definition.name : `${definition.program.name}.${definition.name}`;
  } else if (known.kind !== 'enum') base.annotations = annotationsOf(known.annotations);
  if (known.kind === 'map') {
    base.keyTypeId = typeId(known.key);
    base.valueTypeId = typeId(known.value);
    base.keyType = typeObject(known.key, program);
    base.valueType = typeObject(known.value, program);
  } else if (known.kind === 'list' || known.kind === 'set') {
    base.elemTypeId = typeId(known.element);
    base.elemType = typeObject(known.element, program);
  }
  return without(base);
}

function valueJson(value: Value): Json {
  switch (value.kind) {
    case 'integer':
      return Number(value.value);
    case 'double':
      return Number(value.value.toPrecision(15));
    case 'string':
      return value.value;
    case 'enum':
      return value.value.value;
    case 'list':
      return value.items.map(valueJson);
    case 'map':
      return Object.fromEntries(value.entries.map(([key, item]) => [String(valueJson(key)), valueJson(item)]));
    case 'constant':
      return valueJson(value.definition.value);
  }
}

function fieldJson(field: Field, program: Program): Json {
  const requiredness = { required: 'required', optional: 'optional', default: 'req_out' }[field.requiredness];
  return without({
    key: field.id,
    name: field.name,
    typeId: typeId(field.type),
    type: typeObject(field.type, program),
    doc: field.doc,
    annotations: annotationsOf(field.annotations),
    required: requiredness,
    default: field.value === undefined ? undefined : valueJson(field.value),
  });
}

function programJson(program: Program): Json {
  const of = <K extends Program['definitions'][number]['kind']>(...kinds: K[]) =>
    program.definitions.filter((each): each is Extract<Program['definitions'][number], { kind: K }> =>
      kinds.includes(each.kind as K),
    );
  return without({
    name: program.name,
    doc: program.doc,
    namespaces: Object.fromEntries([...program.namespaces].map(([scope, { name }]) => [scope, name])),
    includes: program.includes.map(({ name }) => name),
    enums: of('enum').map(({ name, doc, annotations, values }) =>
      without({
        name,
        doc,
        annotations: annotationsOf(annotations),
        members: values.map((each) =>
          // 0.17 does not print the annotations of values.
          without({ name: each.name, value: each.value, doc: each.doc }),
        ),
      }),
    ),
    typedefs: of('typedef').map(({ name, doc, annotations, type }) =>
      without({
        name,
        typeId: typeId(type),
        type: typeObject(type, program),
        doc,
        annotations: annotationsOf(annotations),
      }),
    ),
    structs: of('struct', 'union', 'exception').map(({ name, doc, kind, annotations, fields }) =>
      without({
        name,
        doc,
        annotations: annotationsOf(annotations),
        isException: kind === 'exception',
        isUnion: kind === 'union',
        fields: fields.map((field) => fieldJson(field, program)),
      }),
    ),
    constants: of('const').map(({ name, doc, type, value }) =>
      without({ name, typeId: typeId(type), type: typeObject(type, program), doc, value: valueJson(value) }),
    ),
    services: of('service').map(({ name, doc, base, annotations, functions }) =>
      without({
        name,
        extends:
          base === undefined ? undefined : base.program === program ? base.name : `${base.program.name}.${base.name}`,
        doc,
        annotations: annotationsOf(annotations),
        functions: functions.map((each) =>
          without({
            name: each.name,
            returnTypeId: each.returns === undefined ? 'void' : typeId(each.returns),
            returnType: each.returns === undefined ? undefined : typeObject(each.returns, program),
            oneway: each.oneway,
            doc: each.doc,
            annotations: annotationsOf(each.annotations),
            arguments: each.args.map((field) => fieldJson(field, program)),
            exceptions: each.throws.map((field) => fieldJson(field, program)),
          }),
        ),
      }),
    ),
  });
}

/** Apache's dump, in the form above. Its strings are not always JSON: control characters stay bare. */
function dump(path: string, includes: readonly string[]): Json {
  const out = scratch();
  const dirs = includes.flatMap((each) => ['-I', each]);
  const { status, stderr } = spawnSync('timeout', ['5', 'thrift', '-out', out, '--gen', 'json', ...dirs, path]);
  if (status !== 0) throw new Error(`thrift ends with ${status}: ${stderr}`);
  const text = readFileSync(join(out, `${basename(path).replace(/\.[^.]*$/, '')}.json`), 'utf8');
  return JSON.parse(text) as Json;
}

/** `{}` and `[]` are one: a list may be given as an empty map. Apache prints doubles with 15 digits. */
function normalize(value: Json): Json {
  if (Array.isArray(value)) return value.length === 0 ? {} : value.map(normalize);
  if (typeof value !== 'object' || value === null) {
    return typeof value === 'number' ? Number(value.toPrecision(15)) : value;
  }
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, normalize(item)]));
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder)
    .sort()
    .flatMap((name) => {
      const path = join(folder, name);
      if (statSync(path).isDirectory()) return filesBelow(path);
      return name.endsWith('.thrift') ? [path] : [];
    });
}

const tool = hasTool('thrift', ['--version']);
const real = corpus === undefined ? [] : filesBelow(join(corpus, 'thrift'));

describeWith('the thrift compiler and HAWSER_CORPUS', tool && corpus !== undefined, 'the model of a real file', () => {
  it.each(real.map((path) => [path.slice(corpus?.length), path]))("of %s is Apache's", (_, path) => {
    const includes = [...new Set(real.map(dirname)), join(corpus ?? '', 'thrift/scribe')];
    const { program, diagnostics } = parseThrift(path, includes);
    expect(errorsOf(diagnostics)).toEqual([]);
    expect(program && normalize(programJson(program))).toEqual(normalize(dump(path, includes)));
  });
});

const tricky = `/** The file. */
namespace java a.b
/** Not the namespace's. */
namespace py c
/** Lost, an include follows. */
/** First */
const i32 A = 0x10, /** Second, to B */ const double B = 1.5;
/**
 * Many
 *   lines
 *
 * and a tail.   */
enum E { /** one */ X = 1 (a, b = "c") /** behind X, so to Y */, Y } (d)
/**
   no stars
     at all
 */
struct S {
  /** of a */ 1: required i32 a = 5 (x.y = "z"), // no doc
  i32 b /** of c */
  optional list<map<string, set<E>>> c = [] (q)
  -3: i64 (ann = "of the type") d;
  /* no doc */ 7: S & e
} (s = "1")
/** unused, at the end of the struct: to U */
union U { 1: required i32 a, 2: E e = E.Y }
exception Ex { 1: string message }
typedef map<i32, S> (tm = "1") M (tmm)
const M CM = {1: {"a": 2, "c": [{"k": [1, E.Y]}]}}
service Base { void ping() }
/** Service */
service Svc extends Base {
  /** fn */ i32 f(1: i32 a = 3, /** arg */ 2: optional E e) throws (1: Ex ex) (timeout = "5"),
  oneway void g(list<string> s)
  M h(),
} (v)
/** trailing */
`;

describeWith('the thrift compiler', tool, 'the model of a tricky file', () => {
  it("is Apache's: docs, ids, requiredness, annotations, defaults", () => {
    const path = join(scratch({ 'tricky.thrift': tricky }), 'tricky.thrift');
    const { program, diagnostics } = parseThrift(path);
    expect(errorsOf(diagnostics)).toEqual([]);
    expect(program && normalize(programJson(program))).toEqual(normalize(dump(path, [])));
  });

  it.each([
    ["a first comment that is an element's", '/** doc */ struct A {}'],
    ['a comment behind an include', 'include "x.thrift" /** doc */ struct A {}'],
    ['a comment behind a namespace', 'namespace java a /** doc */ struct A {}'],
    ['a comment between headers', 'namespace java a\n/** doc */\nnamespace py b\nstruct A {}'],
    ['a comment after the last element', 'struct A {} /** doc */'],
    ['tabs and stars', '/**\n\t * a\n\t * b\n\t */\nstruct A {}'],
    ['stars at other places', '/** a\n * b\n  * c */\nstruct A {}'],
    ['blank lines', '/**\n\n a\n\n\n b\n*/\nstruct A {}'],
    ['carriage returns', '/**\r\n * a\r\n * b\r\n */\r\nstruct A {}'],
  ])('is right about %s', (_, idl) => {
    const path = join(scratch({ 'a.thrift': idl, 'x.thrift': '' }), 'a.thrift');
    const { program } = parseThrift(path);
    expect(program && normalize(programJson(program))).toEqual(normalize(dump(path, [])));
  });
});

describe('the model', () => {
  it('gives ids to fields without one, downwards from -1', () => {
    const { program } = parseThrift(
      join(scratch({ 'a.thrift': 'struct A { i32 a, 5: i32 b, -9: i32 c, i32 d }' }), 'a.thrift'),
    );
    const [definition] = program?.definitions ?? [];
    expect(definition?.kind === 'struct' && definition.fields.map(({ id }) => id)).toEqual([-1, 5, -2, -3]);
  });

  it('knows the place of everything', () => {
    const { program } = parseThrift(join(scratch({ 'a.thrift': '\nstruct A {\n  1: i32 abc\n}' }), 'a.thrift'));
    const [definition] = program?.definitions ?? [];
    const field = definition?.kind === 'struct' ? definition.fields[0] : undefined;
    expect(program?.source.place(field?.nameSpan.start ?? 0)).toEqual({ line: 3, column: 10 });
  });
});
