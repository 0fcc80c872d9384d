/** Random types with random values of them, for properties that hold for all. */
import fc from 'fast-check';
import { dynamicStruct, type FieldInfo, type StructCodec, type TypeInfo } from 'hawser/thrift';

export interface Sample {
  readonly codec: StructCodec<Record<string, unknown>>;
  readonly value: Record<string, unknown>;
}

export interface SampleOptions {
  /** Leave out -0, which JSON and npm thrift cannot carry. */
  readonly noMinusZero?: boolean;
  /** How many structs deep a value of a recursive type goes. */
  readonly depth?: number;
  /** Only uuids of RFC 9562: npm thrift refuses others. */
  readonly rfcUuids?: boolean;
}

let names = 0;

const scalar: fc.Arbitrary<TypeInfo> = fc.constantFrom<TypeInfo>(
  { kind: 'bool' },
  { kind: 'i8' },
  { kind: 'i16' },
  { kind: 'i32' },
  { kind: 'i64' },
  { kind: 'double' },
  { kind: 'string' },
  { kind: 'uuid' },
  { kind: 'enum', name: 't.E', values: { A: 1, B: 2, C: -7 } },
);
const leaf = fc.oneof(
  { weight: 9, arbitrary: scalar },
  { weight: 1, arbitrary: fc.constant<TypeInfo>({ kind: 'binary' }) },
);

function type(depth: number): fc.Arbitrary<TypeInfo> {
  if (depth === 0) return leaf;
  const inner = type(depth - 1);
  return fc.oneof(
    { weight: 4, arbitrary: leaf },
    { weight: 1, arbitrary: inner.map((element): TypeInfo => ({ kind: 'list', element })) },
    { weight: 1, arbitrary: inner.map((element): TypeInfo => ({ kind: 'set', element })) },
    { weight: 1, arbitrary: fc.tuple(scalar, inner).map(([key, value]): TypeInfo => ({ kind: 'map', key, value })) },
    { weight: 1, arbitrary: fc.tuple(inner, inner).map(([key, value]): TypeInfo => ({ kind: 'map', key, value })) },
    { weight: 2, arbitrary: struct(depth - 1).map((codec): TypeInfo => ({ kind: 'struct', codec: () => codec })) },
  );
}

function struct(depth: number): fc.Arbitrary<StructCodec<Record<string, unknown>>> {
  const id = fc.oneof(
    { weight: 5, arbitrary: fc.integer({ min: 1, max: 40 }) },
    { weight: 1, arbitrary: fc.integer({ min: -32768, max: 32767 }).filter((n) => n !== 0) },
  );
  const fields = fc
    .uniqueArray(fc.tuple(id, type(depth), fc.boolean()), { selector: ([one]) => one, maxLength: 6 })
    .map((all) =>
      all.map(([n, t, required]): FieldInfo => {
        const name = `f${n}`.replace('-', 'm');
        return { id: n, name, localName: name, type: t, requiredness: required ? 'required' : 'optional' };
      }),
    );
  return fc.tuple(fields, fc.nat(4)).map(([all, dice]) => {
    const union = dice === 0 && all.length > 0;
    names++;
    return dynamicStruct(
      `t.S${names}`,
      union ? 'union' : 'struct',
      union ? all.map((one) => ({ ...one, requiredness: 'optional' as const })) : all,
    );
  });
}

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.string({ unit: 'binary-ascii', maxLength: 60 }),
  fc.constantFrom('', '__proto__', 'constructor', '\u0000', '\ufeff', '🐟'.repeat(20), 'x'.repeat(300)),
);
const hex = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 32, maxLength: 32 });

function someValue(info: TypeInfo, options: SampleOptions): fc.Arbitrary<unknown> {
  const edges = (bits: number): fc.Arbitrary<number> =>
    fc.integer({ min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1 });
  switch (info.kind) {
    case 'bool':
      return fc.boolean();
    case 'i8':
      return edges(8);
    case 'i16':
      return edges(16);
    case 'i32':
      return fc.oneof(edges(32), edges(8));
    case 'enum':
      return fc.oneof(fc.constantFrom(...Object.values(info.values)), edges(32));
    case 'i64':
      return fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.integer().map(BigInt));
    case 'double':
      return fc
        .oneof(fc.double(), fc.constantFrom(0, -0, Number.NaN, Infinity, -Infinity, 5e-324))
        .map((n) => (options.noMinusZero && n === 0 ? 0 : n));
    case 'string':
      return text;
    case 'uuid':
      return hex
        .map((h) => (options.rfcUuids ? `${h.slice(0, 12)}4${h.slice(13, 16)}8${h.slice(17)}` : h))
        .map((h) => `${h.slice(0, 8)}-${h.slice(8, 12)}-${h.slice(12, 16)}-${h.slice(16, 20)}-${h.slice(20)}`);
    case 'binary':
      return fc.uint8Array({ maxLength: 40 });
    case 'struct':
      return structValue(info.codec() as StructCodec<Record<string, unknown>>, options);
    case 'list':
      return fc.array(someValue(info.element, options), { maxLength: 5 });
    case 'set': {
      const items = fc.array(someValue(info.element, options), { maxLength: 5 });
      return isKey(info.element) ? items.map((all) => new Set(all)) : items;
    }
    case 'map': {
      const entries = fc.array(fc.tuple(someValue(info.key, options), someValue(info.value, options)), {
        maxLength: 4,
      });
      return isKey(info.key) ? entries.map((all) => new Map(all)) : entries;
    }
  }
}

export function isKey(info: TypeInfo): boolean {
  return !['binary', 'struct', 'list', 'set', 'map'].includes(info.kind);
}

function tooDeep({ requiredness, type: { kind } }: FieldInfo, { depth = 8 }: SampleOptions): boolean {
  return depth <= 0 && requiredness !== 'required' && ['struct', 'list', 'set', 'map'].includes(kind);
}

function structValue(
  codec: StructCodec<Record<string, unknown>>,
  options: SampleOptions,
): fc.Arbitrary<Record<string, unknown>> {
  if (codec.form === 'union') {
    return fc
      .constantFrom(...codec.fields)
      .chain((one) => someValue(one.type, options).map((value) => ({ $case: one.localName, value })));
  }
  return fc
    .tuple(
      ...codec.fields.map((one) => {
        if (tooDeep(one, options)) return fc.constant(undefined);
        const value = someValue(one.type, { ...options, depth: (options.depth ?? 8) - 1 });
        return one.requiredness === 'required' ? value : fc.option(value, { nil: undefined });
      }),
    )
    .map((values) => {
      const record: Record<string, unknown> = {};
      codec.fields.forEach((one, at) => {
        if (values[at] !== undefined) record[one.localName] = values[at];
      });
      return record;
    });
}

/** A random struct type, and a value of it. */
export function sample(options: SampleOptions = {}): fc.Arbitrary<Sample> {
  return struct(3).chain((codec) => structValue(codec, options).map((value) => ({ codec, value })));
}

/** Random values of a struct that is given. */
export function valuesOf(
  codec: StructCodec<Record<string, unknown>>,
  options: SampleOptions = {},
): fc.Arbitrary<Record<string, unknown>> {
  return structValue(codec, options);
}
