/**
 * Doubles as keys: the bytes know 0 from -0, and NaNs by their payload; a Map and a Set of JavaScript do not. What is lost is lost
 * in one way, whichever codec reads.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { dynamicStruct, type StructCodec } from 'hawser/thrift';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generate } from '../../../src/codegen/generate.js';
import { scratchFolder } from '../../support/scratch.js';

type Codec = StructCodec<Record<string, unknown>>;

const scratch = scratchFolder('double-keys');
afterAll(() => scratch.remove());

let generated: Codec;
beforeAll(async () => {
  writeFileSync(
    join(scratch.path, 'd.thrift'),
    'struct D { 1: optional map<double, i32> m, 2: optional set<double> s }',
  );
  const out = join(scratch.path, 'gen');
  const { diagnostics } = await generate({ proto: [], thrift: [join(scratch.path, 'd.thrift')], include: [], out });
  expect(diagnostics).toEqual([]);
  ({ D: generated } = (await import(pathToFileURL(join(out, 'd.ts')).href)) as { D: Codec });
});

/** 8 bytes as each protocol has them: big-endian in binary, little-endian in compact. */
const double = (hex: string, encoding: 'binary' | 'compact'): string =>
  encoding === 'binary' ? hex : (hex.match(/../g) ?? []).reverse().join('');
const zero = '0000000000000000';
const minusZero = '8000000000000000';
const nan = '7ff8000000000000';
const otherNan = 'fff8000000000001';

/** The struct with these keys in its map, numbered from 1, and in its set. */
function bytesOf(keys: readonly string[], encoding: 'binary' | 'compact'): Buffer {
  const at = keys.map((key) => double(key, encoding));
  const count = keys.length.toString(16).padStart(2, '0');
  const text =
    encoding === 'binary'
      ? `0d0001 0408 000000${count} ${at.map((key, n) => `${key}0000000${n + 1}`).join('')} 0e0002 04 000000${count} ${at.join('')} 00`
      : `1b ${count} 75 ${at.map((key, n) => `${key}0${2 * (n + 1)}`).join('')} 1a ${keys.length}7 ${at.join('')} 00`;
  return Buffer.from(text.replaceAll(' ', ''), 'hex');
}

describe.each(['binary', 'compact'] as const)('doubles as keys in %s', (encoding) => {
  const codecs = (): [string, Codec][] => [
    ['generated', generated],
    ['interpreted', dynamicStruct('D', 'struct', () => generated.fields)],
  ];
  const read = (codec: Codec, keys: readonly string[]): { m: Map<number, number>; s: Set<number> } =>
    codec.decode(bytesOf(keys, encoding), encoding) as { m: Map<number, number>; s: Set<number> };

  it('reads -0 as 0, which a look-up of either finds', () => {
    for (const [name, codec] of codecs()) {
      const { m, s } = read(codec, [minusZero]);
      expect([m.get(0), m.get(-0), s.has(0), s.has(-0)], name).toEqual([1, 1, true, true]);
      expect(
        [...m.keys(), ...s].map((key) => Object.is(key, 0)),
        name,
      ).toEqual([true, true]);
      // So what is passed on has the key 0.
      expect(Buffer.from(codec.encode({ m, s }, encoding)), name).toEqual(bytesOf([zero], encoding));
    }
  });

  it('keeps the last value of 0 and -0, which are one key', () => {
    for (const [name, codec] of codecs()) {
      for (const keys of [
        [zero, minusZero],
        [minusZero, zero],
      ]) {
        const { m, s } = read(codec, keys);
        expect([[...m], [...s]], name).toEqual([[[0, 2]], [0]]);
      }
    }
  });

  it('has one key for every NaN, which a look-up of NaN finds', () => {
    for (const [name, codec] of codecs()) {
      const { m, s } = read(codec, [nan, otherNan]);
      expect([m.size, m.get(Number.NaN), s.size, s.has(Number.NaN)], name).toEqual([1, 2, 1, true]);
      const again = codec.decode(codec.encode({ m, s }, encoding), encoding);
      expect(again, name).toEqual({ m, s });
    }
  });

  it('takes a Map and a Set that were made with -0, whose key is 0', () => {
    for (const [name, codec] of codecs()) {
      const bytes = codec.encode({ m: new Map([[-0, 1]]), s: new Set([-0]) }, encoding);
      expect(Buffer.from(bytes), name).toEqual(bytesOf([zero], encoding));
    }
  });

  it('keeps -0 and its sign wherever it is no key', () => {
    const list = dynamicStruct('L', 'struct', [
      {
        id: 1,
        name: 'f',
        localName: 'f',
        type: { kind: 'map', key: { kind: 'double' }, value: { kind: 'double' } },
        requiredness: 'optional',
      },
    ]);
    const value = list.decode(list.encode({ f: new Map([[1, -0]]) }, encoding), encoding).f as Map<number, number>;
    expect(Object.is(value.get(1), -0)).toBe(true);
  });
});
