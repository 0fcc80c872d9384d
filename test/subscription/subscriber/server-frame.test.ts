/** Frames of batches are read by hand; the generated code is what they must be read like. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ServerFrame, type Update } from '../../../gen/hawser/subscription/v1/subscription.js';
import { exactNumbers } from '../../../src/subscription/exact-numbers.js';
import { batchFrame } from '../../../src/subscription/hub/wire.js';
import { readServerFrame } from '../../../src/subscription/subscriber/server-frame.js';
import { runs } from '../../support/soak.js';

const whole = fc.oneof(fc.nat(300), fc.maxSafeNat());
const bytes = fc.uint8Array({ maxLength: 200 });
const update: fc.Arbitrary<Update> = fc.record({
  seq: whole,
  key: fc.oneof(fc.string({ maxLength: 40 }), fc.string({ unit: 'grapheme', maxLength: 20 }), fc.constant('\uFEFFbom')),
  value: bytes,
  tombstone: fc.boolean(),
  mergedCount: fc.nat(0xffff_ffff),
  time: whole,
  expires: whole,
  groupTo: whole,
});
const batch = fc.record({
  ref: fc.nat(0xffff_ffff),
  from: whole,
  to: whole,
  updates: fc.array(update, { maxLength: 6 }),
});
const other = fc.constantFrom<NonNullable<ServerFrame['items'][number]['item']>>(
  { $case: 'pong', value: { nonce: 7 } },
  { $case: 'gap', value: { ref: 1, sub: 1, from: 2, to: 5, reason: 1 } },
);
const frame = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: batch.map((value) => ({ item: { $case: 'batch', value } as const })) },
    { weight: 1, arbitrary: other.map((item) => ({ item })) },
  ),
  { maxLength: 4 },
);

/** Without the class of its views. */
function plain(of: ServerFrame): unknown {
  return JSON.parse(
    JSON.stringify(of, (_, value: unknown) => {
      if (typeof value === 'object' && value !== null && 'type' in value && value.type === 'Buffer') {
        return (value as unknown as { data: unknown }).data;
      }
      return value instanceof Uint8Array ? [...value] : value;
    }),
  );
}

function outcome(read: (bytes: Uint8Array) => ServerFrame, from: Uint8Array): unknown {
  try {
    return plain(read(from));
  } catch {
    return 'refused';
  }
}

describe('a frame of the server', () => {
  it('reads like the generated code reads it', () => {
    fc.assert(
      fc.property(frame, (items) => {
        const encoded = ServerFrame.encode({ items });
        expect(plain(readServerFrame(encoded))).toEqual(plain(ServerFrame.decode(encoded)));
      }),
      { numRuns: runs(300) },
    );
  });

  it('is refused where the generated code refuses it, whatever was done to its bytes', () => {
    fc.assert(
      fc.property(
        frame,
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 }),
        fc.nat(20),
        (items, changed, cut) => {
          const encoded = ServerFrame.encode({ items }).slice();
          for (const [at, byte] of changed) if (encoded.length > 0) encoded[at % encoded.length] = byte;
          const broken = encoded.subarray(0, Math.max(0, encoded.length - cut));
          expect(outcome(readServerFrame, broken)).toEqual(
            outcome((one) => exactNumbers(ServerFrame.decode(one)), broken),
          );
        },
      ),
      { numRuns: runs(1000) },
    );
  });

  it.each([
    ['short', 'é'],
    ['long', `${'k'.repeat(40)}é`],
  ])('is refused for a key that is not UTF-8: %s', (_, key) => {
    const one = { seq: 5, key, value: undefined, time: 0, expires: 0, merged: 1, more: false, wire: undefined };
    const encoded = Buffer.from(batchFrame(1, 4, 5, [one]));
    const at = encoded.indexOf(0xa9);
    expect(readServerFrame(encoded).items).toHaveLength(1);
    encoded[at] = 0x20;
    expect(() => readServerFrame(encoded)).toThrow(/UTF-8/);
  });

  it('is read without the generated code when it is a batch, its values in place', () => {
    const value = Uint8Array.of(1, 2, 3);
    const time = 1_700_000_000_000;
    const one = { seq: 5, key: 'cod', value, time, expires: 0, merged: 1, more: false, wire: undefined };
    const encoded = batchFrame(1, 4, 5, [one]);
    const [item] = readServerFrame(encoded).items;
    const [read] = item?.item?.$case === 'batch' ? item.item.value.updates : [];
    expect(read).toEqual({
      seq: 5,
      key: 'cod',
      value,
      tombstone: false,
      mergedCount: 0,
      time,
      expires: 0,
      groupTo: 0,
    });
    expect(read?.value.buffer).toBe(encoded.buffer);
  });
});
