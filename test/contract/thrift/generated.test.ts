/** Generated code and the interpreting codecs are two ways to the same bytes and the same values. */
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { dynamicStruct, type FieldInfo, type StructCodec, ThriftProtocolError, type TypeInfo } from 'hawser/thrift';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as market from '../../../gen/market.js';
import { generate } from '../../../src/codegen/generate.js';
import { repository, scratchFolder } from '../../support/scratch.js';
import { runs } from '../../support/soak.js';
import { valuesOf } from './random-schema.js';

type Fields = Record<string, unknown>;
type Codec = StructCodec<Fields>;
const encodings = ['binary', 'compact'] as const;

/** The interpreting codec of a generated struct, and of all in it. */
function dynamicOf(codec: Codec, known = new Map<Codec, Codec>()): Codec {
  const there = known.get(codec);
  if (there !== undefined) return there;
  const made: Codec = dynamicStruct(codec.typeName, codec.form, () =>
    codec.fields.map((field): FieldInfo => ({ ...field, type: dynamicType(field.type, known) })),
  );
  known.set(codec, made);
  return made;
}

function dynamicType(type: TypeInfo, known: Map<Codec, Codec>): TypeInfo {
  switch (type.kind) {
    case 'struct':
      return { kind: 'struct', codec: () => dynamicOf(type.codec() as Codec, known) };
    case 'list':
    case 'set':
      return { kind: type.kind, element: dynamicType(type.element, known) };
    case 'map':
      return { kind: 'map', key: dynamicType(type.key, known), value: dynamicType(type.value, known) };
    default:
      return type;
  }
}

function outcome(decode: () => unknown): unknown {
  try {
    return decode();
  } catch (error) {
    if (error instanceof ThriftProtocolError) return `${error.type}`;
    throw error;
  }
}

function agree(codec: Codec): void {
  const dynamic = dynamicOf(codec);
  fc.assert(
    fc.property(
      valuesOf(dynamic, { depth: 2 }),
      fc.constantFrom(...encodings),
      fc.nat(),
      fc.nat(255),
      (value, encoding, at, byte) => {
        const bytes = Buffer.from(codec.encode(value, encoding));
        expect(bytes.toString('hex')).toBe(Buffer.from(dynamic.encode(value, encoding)).toString('hex'));
        expect(codec.decode(bytes, encoding)).toEqual(dynamic.decode(bytes, encoding));
        bytes[at % bytes.length] = byte;
        const ours = outcome(() => codec.decode(bytes, encoding));
        expect(ours).toEqual(outcome(() => dynamic.decode(bytes, encoding)));
      },
    ),
    { numRuns: runs(100) },
  );
}

describe('the generated code of the market', () => {
  it.each([
    ['TimeStamp', market.TimeStamp],
    ['FishSizeUnit', market.FishSizeUnit],
    ['Trade', market.Trade],
    ['TradeHistoryGetLastSaleListArgs', market.TradeHistoryGetLastSaleListArgs],
  ])('of %s agrees with its interpretation', (_name, codec) => agree(codec as unknown as Codec));
});

it('counts a field of a union that comes twice as two, like the interpretation', () => {
  const codec = market.FishSizeUnit as unknown as Codec;
  // standardCrates, i16, 1; the same again.
  const bytes = Buffer.from('0600030001060003000100', 'hex');
  for (const one of [codec, dynamicOf(codec)]) {
    expect(() => one.decode(bytes, 'binary')).toThrow('came with 2 fields; it must hold exactly one');
  }
});

describe('the code generated from everything.thrift', () => {
  const scratch = scratchFolder('generated');
  let module: Record<string, Codec>;
  beforeAll(async () => {
    const input = join(scratch.path, 'idl');
    const out = join(scratch.path, 'gen');
    mkdirSync(input);
    copyFileSync(join(repository, 'test/interop/thrift-vectors/everything.thrift'), join(input, 'everything.thrift'));
    await generate({ proto: [], thrift: [input], include: [], out });
    module = (await import(pathToFileURL(join(out, 'everything.ts')).href)) as Record<string, Codec>;
  });
  afterAll(() => scratch.remove());

  it.each(['Inner', 'Everything'])('agrees with its interpretation for %s', (name) => agree(module[name] as Codec));
});
