/** Generated code at run time: values through both protocols, defaults, unions, errors, what an older or newer peer sends. */
import { beforeAll, describe, expect, it } from 'vitest';
import { declaredTypeName } from '../../../src/contract/declared-error.js';
import type { ServiceType } from '../../../src/contract/service.js';
import type { StructCodec } from '../../../src/contract/thrift/struct.js';
import { compile, importGenerated } from './scratch.js';

const idl = `
namespace js test
enum Color { RED = 1, GREEN = 2 }
typedef map<string, list<i64>> Index
struct Inner { 1: required string name, 2: optional i32 count }
struct All {
  1: bool yes, 2: i8 tiny, 3: i16 small, 4: i32 medium, 5: i64 large, 6: double real, 7: string text, 8: binary bytes,
  9: uuid id, 10: Color color, 11: Inner inner, 12: list<Inner> inners, 13: set<i64> numbers, 14: Index index,
  15: map<Color, set<string>> by_color, 16: set<Inner> inner_set, 17: map<Inner, i32> inner_map, 18: list<list<list<i32>>> cube,
  19: optional string maybe, 20: map<list<i32>, map<binary, list<Color>>> wild, -1: i32 negative, 21: Boom boom,
  22: optional U u, 23: map<i32, map<string, bool>> flags
}
union U { 1: i32 number, 2: string text, 3: list<U> many }
struct Old { 1: string a, 3: i32 c }
struct New { 1: string a, 2: list<Inner> b, 3: i64 c, 4: map<string, U> d, 5: string e = "five" }
struct Defaults {
  1: i32 a = 5, 2: string b = "b", 3: list<i32> c = [1, 2], 4: optional i32 d = 7, 5: Color e = Color.GREEN,
  6: Inner f = {"name": "x"}, 7: required i32 g = 9, 8: U h = {"text": "u"}, 9: optional set<string> i
}
union Bigger { 1: i32 number, 9: string other }
struct Both { 1: i32 number, 2: string text }
union Fallback { 1: i32 a, 2: string b = "z" }
union Nothing {}
exception Boom { 1: string message, 2: i32 code, 3: optional Boom next }
exception Plain { 1: string fish, 2: i64 weight, 3: i32 name, 4: string cause }
const list<Inner> INNERS = [{"name": "one", "count": 1}, {"name": "two"}]
const map<string, i64> SIZES = {"a": 1, "b": -9223372036854775808}
const set<Color> COLORS = [Color.RED, 2]
const Color FAVORITE = Color.GREEN
const U CHOICE = {"many": [{"number": 1}, {"text": "x"}]}
const uuid ID = "{00112233-4455-6677-8899-AABBCCDDEEFF}"
const i64 BIG = 0x7fffffffffffffff
const double ZERO = -0.0
service Base { string hello(1: string name = "you") throws (3: Boom boom) }
service Full extends Base {
  list<map<string, i32>> table(1: set<i32> s), void nothing() throws (1: Plain p), oneway void fire(1: i32 a), U choose(1: required U u),
  list<Inner> watch(1: string prefix) throws (1: Plain p) (hawser.topic.key = "name")
}`;

// biome-ignore lint/suspicious/noExplicitAny: generated at run time
type Any = any;
let g: Record<string, Any>;

beforeAll(async () => {
  const { files, diagnostics } = compile({ 'test.thrift': idl });
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
  g = await importGenerated(files, 'test.ts');
});

const encodings = ['binary', 'compact'] as const;

function through(codec: StructCodec<unknown>, value: unknown, encoding: 'binary' | 'compact', as = codec): unknown {
  return as.decode(codec.encode(value, encoding), encoding);
}

function all(): Any {
  return {
    yes: true,
    tiny: -128,
    small: 32_767,
    medium: -5,
    large: -(2n ** 63n),
    real: -0,
    text: 'grüße \u{1f41f}',
    bytes: Uint8Array.of(0, 255),
    id: '00112233-4455-6677-8899-aabbccddeeff',
    color: 77,
    inner: { name: 'in', count: undefined },
    inners: [{ name: 'a', count: 1 }],
    numbers: new Set([1n, 2n]),
    index: new Map([['k', [1n, -1n]]]),
    byColor: new Map([[2, new Set(['x', 'y'])]]),
    innerSet: [{ name: 's', count: 0 }],
    innerMap: [[{ name: 'k', count: undefined }, 4]],
    cube: [[[1], []], []],
    maybe: '',
    wild: [[[1, 2], [[Uint8Array.of(7), [1, 99]]]]],
    negative: -1,
    boom: new g.Boom({ message: 'm', code: 3, next: new g.Boom({ message: 'n' }) }),
    u: { $case: 'many', value: [{ $case: 'number', value: 1 }] },
    flags: new Map([
      [
        1,
        new Map([
          ['a', true],
          ['b', false],
        ]),
      ],
    ]),
  };
}

describe.each(encodings)('over %s', (encoding) => {
  it('every type comes back as it went', () => {
    const back = through(g.All, all(), encoding) as Any;
    expect({ ...back, bytes: [...back.bytes], wild: undefined }).toEqual({
      ...all(),
      bytes: [0, 255],
      wild: undefined,
    });
    expect([...back.wild[0][1][0][0]]).toEqual([7]);
    expect(back.wild[0][1][0][1]).toEqual([1, 99]);
    expect(Object.is(back.real, -0)).toBe(true);
    expect(back.boom).toBeInstanceOf(g.Boom);
    expect(back.boom.next.message).toBe('n');
  });

  it('what is not set is zero, empty, or absent, by its requiredness', () => {
    const back = through(g.All, {}, encoding) as Any;
    expect(back).toMatchObject({ yes: false, tiny: 0, large: 0n, text: '', color: 0, inners: [], cube: [] });
    expect(back.numbers).toEqual(new Set());
    expect(back.index).toEqual(new Map());
    expect([back.inner, back.maybe, back.u, back.boom]).toEqual([undefined, undefined, undefined, undefined]);
  });

  it('defaults of the IDL stand for what did not come', () => {
    const empty = g.Old.encode({ a: '', c: 0 }, encoding);
    const bare = g.Inner.encode({ name: 'x' }, encoding);
    expect(() => g.Defaults.decode(bare, encoding)).toThrow('test.Defaults.g is required');
    expect(g.New.decode(empty, encoding)).toMatchObject({ b: [], d: new Map(), e: 'five' });
    const back = through(g.Defaults, { g: 1 }, encoding);
    expect(back).toEqual({
      a: 5,
      b: 'b',
      c: [1, 2],
      d: 7,
      e: 2,
      f: { name: 'x', count: undefined },
      g: 1,
      h: { $case: 'text', value: 'u' },
      i: undefined,
    });
  });

  it('a known field with another type, and an unknown one, are skipped', () => {
    const value = { a: 'x', b: [{ name: 'n' }], c: 5n, d: new Map([['k', { $case: 'number', value: 1 }]]), e: 'e' };
    expect(through(g.New, value, encoding, g.Old)).toEqual({ a: 'x', c: 0 });
  });

  it('a missing required field is refused, both ways, by name', () => {
    expect(() => g.Inner.encode({}, encoding)).toThrow(/test\.Inner\.name.* required/);
    expect(() => g.Inner.decode(Buffer.of(0), encoding)).toThrow(/test\.Inner\.name is required/);
  });

  it('a union holds exactly one field', () => {
    for (const value of [
      { $case: 'number', value: 5 },
      { $case: 'many', value: [{ $case: 'text', value: 't' }] },
    ]) {
      expect(through(g.U, value, encoding)).toEqual(value);
    }
    expect(() => g.U.encode({ $case: 'nope', value: 1 }, encoding)).toThrow(/\$case/);
    expect(() => g.U.encode({ $case: '$unknown', value: 9 }, encoding)).toThrow(/\$case/);
    expect(() => g.Nothing.encode({ $case: '$unknown', value: 9 }, encoding)).toThrow(TypeError);
    expect(() => g.U.decode(g.Both.encode({ number: 1, text: 'x' }, encoding), encoding)).toThrow(/2 fields/);
    expect(() => g.U.decode(Buffer.of(0), encoding)).toThrow(/0 fields/);
  });

  it('a union of which only an unknown field came says which', () => {
    expect(through(g.Bigger, { $case: 'other', value: 'x' }, encoding, g.U)).toEqual({
      $case: '$unknown',
      value: 9,
    });
  });

  it('results come back as values or as throws', () => {
    const { table, hello, nothing, choose } = (g.Full as ServiceType).methods as Record<string, Any>;
    const rows = [new Map([['a', 1]])];
    expect(table.response.decode(table.response.encode(rows, encoding), encoding)).toEqual(rows);
    expect(hello.response.decode(hello.response.encode('hi', encoding), encoding)).toBe('hi');
    expect(nothing.response.decode(nothing.response.encode(undefined, encoding), encoding)).toBe(undefined);
    const u = { $case: 'text', value: 'x' };
    expect(choose.request.decode(choose.request.encode({ u }, encoding), encoding)).toEqual({ u });
    expect(hello.request.decode(hello.request.encode({}, encoding), encoding)).toEqual({ name: 'you' });
  });
});

describe('generated classes and constants', () => {
  it('are errors with the fields of the IDL', () => {
    const boom = new g.Boom({ message: 'it broke', code: 4 });
    expect(boom).toBeInstanceOf(Error);
    expect(boom).toMatchObject({ message: 'it broke', code: 4, name: 'Boom' });
    expect(declaredTypeName(boom)).toBe('test.Boom');
    expect(g.Boom.typeName).toBe('test.Boom');
    expect(new g.Boom()).toMatchObject({ message: '', code: 0, next: undefined });
    const plain = new g.Plain({ fish: 'cod', name_: 3, cause_: 'c' });
    expect(plain.message).toBe('Plain { fish: "cod", name_: 3, cause_: "c" }');
    expect(plain).toMatchObject({ name: 'Plain', name_: 3, cause_: 'c', weight: 0n });
  });

  it('are frozen through and through', () => {
    expect(g.INNERS).toEqual([
      { name: 'one', count: 1 },
      { name: 'two', count: undefined },
    ]);
    expect(() => (g.INNERS[0].name = 'x')).toThrow(TypeError);
    expect(() => g.INNERS.push({})).toThrow(TypeError);
    expect(() => g.SIZES.set('c', 1n)).toThrow(TypeError);
    expect(g.SIZES.get('b')).toBe(-(2n ** 63n));
    expect([...g.COLORS]).toEqual([1, 2]);
    expect(g.FAVORITE).toBe(2);
    expect(g.CHOICE).toEqual({
      $case: 'many',
      value: [
        { $case: 'number', value: 1 },
        { $case: 'text', value: 'x' },
      ],
    });
    expect(g.ID).toBe('00112233-4455-6677-8899-aabbccddeeff');
    expect(g.BIG).toBe(2n ** 63n - 1n);
    expect(Object.is(g.ZERO, -0)).toBe(true);
  });

  it('make values with the defaults of the IDL, each with containers of its own', () => {
    const one = g.Defaults.create({ a: 1 });
    expect(one).toMatchObject({ a: 1, b: 'b', c: [1, 2], d: 7, g: 9 });
    expect(g.Defaults.create().c).not.toBe(one.c);
    expect(g.Fallback.create()).toEqual({ $case: 'b', value: 'z' });
    expect(() => g.U.create()).toThrow(TypeError);
    expect(g.Inner.create({ name: 'n' })).toEqual({ name: 'n', count: undefined });
  });
});

describe('a generated service', () => {
  it('has its own functions and those it inherits, with kinds and errors', () => {
    const service = g.Full as ServiceType;
    expect(service.name).toBe('test.Full');
    expect(Object.fromEntries(Object.entries(service.methods).map(([name, { kind }]) => [name, kind]))).toEqual({
      hello: 'unary',
      table: 'unary',
      nothing: 'unary',
      fire: 'oneway',
      choose: 'unary',
      watch: 'server',
    });
    const { hello } = service.methods as Record<string, Any>;
    expect(hello.errors).toEqual([{ id: 3, type: g.Boom }]);
    expect(hello.path).toBe('/test.Full/hello');
    expect(hello.request).toBe((g.Base as ServiceType).methods.hello?.request);
    expect(service.topics.map(({ localName }) => localName)).toEqual(['watch']);
  });

  it('reads a topic one by one, and a plain call of it as a list', () => {
    const { watch } = (g.Full as ServiceType).methods as Record<string, Any>;
    const one = { name: 'a', count: undefined };
    expect(watch.response.decode(watch.response.encode(one, 'binary'), 'binary')).toEqual(one);
    const { snapshot } = watch.response;
    expect(snapshot.decode(snapshot.encode([one, one], 'compact'), 'compact')).toEqual([one, one]);
  });
});
