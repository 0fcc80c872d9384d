/** What holds for every type and every value, and for any bytes at all. */
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import {
  dynamicStruct,
  ThriftBinaryReader,
  ThriftBinaryWriter,
  ThriftCompactReader,
  ThriftCompactWriter,
  ThriftProtocolError,
} from 'hawser/thrift';
import { describe, expect, it } from 'vitest';
import { runs } from '../../support/soak.js';
import { sample } from './random-schema.js';

const encodings = ['binary', 'compact'] as const;
const anything = dynamicStruct('t.Anything', 'struct', []);
/** More by `npm run soak`. */
const numRuns = runs(150);

const readerOf = (encoding: 'binary' | 'compact', bytes: Uint8Array) =>
  encoding === 'binary' ? new ThriftBinaryReader(bytes) : new ThriftCompactReader(bytes);

describe('any value of any type', () => {
  it('is decoded as it was encoded', () => {
    fc.assert(
      fc.property(sample(), fc.constantFrom(...encodings), ({ codec, value }, encoding) => {
        const decoded = codec.decode(codec.encode(value, encoding), encoding);
        expect(isDeepStrictEqual(decoded, value)).toBe(true);
      }),
      { numRuns },
    );
  });

  it('is skipped to the byte where decoding it ends', () => {
    fc.assert(
      fc.property(
        sample(),
        fc.constantFrom(...encodings),
        fc.uint8Array({ maxLength: 8 }),
        ({ codec, value }, encoding, tail) => {
          const bytes = codec.encode(value, encoding);
          const frame = Buffer.concat([bytes, tail]);
          const skipped = readerOf(encoding, frame);
          skipped.skip(12);
          const read = readerOf(encoding, frame);
          codec.read(read);
          expect([skipped.offset, read.offset]).toEqual([bytes.length, bytes.length]);
          expect(() => anything.decode(bytes, encoding)).not.toThrow();
        },
      ),
      { numRuns },
    );
  });

  it('comes out the same through either encoding', () => {
    fc.assert(
      fc.property(sample(), ({ codec, value }) => {
        const binary = codec.encode(value, 'binary');
        const compact = codec.encode(value, 'compact');
        expect(Buffer.compare(codec.encode(codec.decode(binary, 'binary'), 'compact'), compact)).toBe(0);
        expect(Buffer.compare(codec.encode(codec.decode(compact, 'compact'), 'binary'), binary)).toBe(0);
      }),
      { numRuns },
    );
  });

  it('comes out the same through JSON', () => {
    fc.assert(
      fc.property(sample({ noMinusZero: true }), ({ codec, value }) => {
        const json = JSON.stringify(codec.toJSON(value));
        expect(isDeepStrictEqual(codec.fromJSON(JSON.parse(json)), value)).toBe(true);
      }),
      { numRuns },
    );
  });

  it('is written the same into a writer that is used again as into a new one', () => {
    const used = { binary: new ThriftBinaryWriter(), compact: new ThriftCompactWriter() };
    fc.assert(
      fc.property(sample(), fc.constantFrom(...encodings), ({ codec, value }, encoding) => {
        codec.write(used[encoding], value);
        expect(Buffer.compare(used[encoding].finish(), codec.encode(value, encoding))).toBe(0);
      }),
      { numRuns },
    );
  });
});

type Mutation = (bytes: Buffer) => Buffer;

const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.tuple(fc.nat(), fc.nat(255)).map(
    ([at, byte]): Mutation =>
      (bytes) => {
        const copy = Buffer.from(bytes);
        copy[at % bytes.length] = byte;
        return copy;
      },
  ),
  fc.tuple(fc.nat(), fc.nat(7)).map(
    ([at, bit]): Mutation =>
      (bytes) => {
        const copy = Buffer.from(bytes);
        copy[at % bytes.length] = (copy[at % bytes.length] ?? 0) ^ (1 << bit);
        return copy;
      },
  ),
  fc.nat().map(
    (at): Mutation =>
      (bytes) =>
        bytes.subarray(0, at % (bytes.length + 1)),
  ),
  fc.tuple(fc.nat(), fc.uint8Array({ maxLength: 12 })).map(
    ([at, inserted]): Mutation =>
      (bytes) =>
        Buffer.concat([bytes.subarray(0, at % bytes.length), inserted, bytes.subarray(at % bytes.length)]),
  ),
  fc.tuple(fc.nat(), fc.constantFrom('ffffffff', '7fffffff', '80000000', 'ffffffff0f', 'ffffffff07', '000f4240')).map(
    ([at, hex]): Mutation =>
      (bytes) => {
        const copy = Buffer.from(bytes);
        Buffer.from(hex, 'hex').copy(copy, at % bytes.length);
        return copy;
      },
  ),
);

/** Decodes; anything but a value or a ThriftProtocolError fails the test. */
function attempt(decode: () => unknown): unknown {
  try {
    return decode();
  } catch (error) {
    if (!(error instanceof ThriftProtocolError)) throw error;
    expect(error.message.length).toBeLessThan(500);
    return undefined;
  }
}

describe('any bytes', () => {
  it('that began as a value are read or refused, and what is read can be written', () => {
    fc.assert(
      fc.property(
        sample(),
        fc.constantFrom(...encodings),
        fc.array(mutation, { minLength: 1, maxLength: 4 }),
        ({ codec, value }, encoding, mutations) => {
          let bytes: Buffer = Buffer.from(codec.encode(value, encoding));
          for (const mutate of mutations) if (bytes.length > 0) bytes = mutate(bytes);
          attempt(() => anything.decode(bytes, encoding));
          const decoded = attempt(() => codec.decode(bytes, encoding)) as Record<string, unknown> | undefined;
          if (decoded === undefined || hasUnknown(decoded)) return;
          const again = codec.decode(codec.encode(decoded, encoding), encoding);
          expect(isDeepStrictEqual(again, decoded)).toBe(true);
        },
      ),
      { numRuns: numRuns * 5 },
    );
  });

  it('are read or refused', () => {
    fc.assert(
      fc.property(
        sample(),
        fc.constantFrom(...encodings),
        fc.uint8Array({ maxLength: 200, size: 'max' }),
        ({ codec }, encoding, bytes) => {
          attempt(() => codec.decode(bytes, encoding));
          attempt(() => anything.decode(bytes, encoding));
        },
      ),
      { numRuns: numRuns * 2 },
    );
  });

  it('leave their memory as it was', () => {
    fc.assert(
      fc.property(sample(), fc.constantFrom(...encodings), ({ codec, value }, encoding) => {
        const bytes = codec.encode(value, encoding);
        const before = Buffer.from(bytes);
        codec.decode(bytes, encoding);
        // Later messages go elsewhere than into the bytes that were handed out.
        codec.encode(value, encoding);
        anything.encode({}, encoding);
        expect(before.equals(bytes)).toBe(true);
      }),
      { numRuns: runs(100) },
    );
  });
});

/** A union of a later version cannot be written by this one. */
function hasUnknown(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return false;
  if ((value as { $case?: unknown }).$case === '$unknown') return true;
  const inner =
    value instanceof Map ? [...value.keys(), ...value.values()] : value instanceof Set ? value : Object.values(value);
  for (const one of inner) if (hasUnknown(one)) return true;
  return false;
}
