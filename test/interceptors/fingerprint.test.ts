import fc from 'fast-check';
import { unknownFields } from 'hawser/proto';
import { describe, expect, it } from 'vitest';
import * as proto from '../../gen/market/v1/market.js';
import * as thrift from '../../gen/market.js';
import { fingerprintOf, sameRequest } from '../../src/interceptors/fingerprint.js';
import { runs } from '../support/soak.js';

const same = (a: object, b: object): boolean => sameRequest(fingerprintOf(a), fingerprintOf(b));

const scalar = fc.oneof(
  fc.string(),
  fc.integer(),
  fc.double({ noNaN: true }),
  fc.boolean(),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.uint8Array({ maxLength: 8 }),
);
const value = fc.oneof(
  scalar,
  fc.array(scalar, { maxLength: 3 }),
  fc.uniqueArray(fc.string(), { maxLength: 3 }).map((items) => new Set(items)),
  fc
    .uniqueArray(fc.tuple(fc.string(), scalar), { maxLength: 3, selector: ([key]) => key })
    .map((items) => new Map(items)),
  fc.record({ $case: fc.constantFrom('a', 'b'), value: scalar }),
);
const request = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd', 'e'), value);

describe('the fingerprint of a request', () => {
  it('does not depend on the order of fields, of sets and of maps', () => {
    fc.assert(
      fc.property(request, (one) => {
        const turned = Object.fromEntries(
          Object.entries(one)
            .reverse()
            .map(([name, item]) => [
              name,
              item instanceof Set
                ? new Set([...item].reverse())
                : item instanceof Map
                  ? new Map([...item].reverse())
                  : item,
            ]),
        );
        expect(same(one, turned)).toBe(true);
      }),
      { numRuns: runs(500) },
    );
  });

  it('is another one when a field that both know says something else', () => {
    fc.assert(
      fc.property(request, fc.constantFrom('a', 'b'), scalar, scalar, (one, name, x, y) => {
        fc.pre(!isDefault(x) || !isDefault(y));
        fc.pre(!Buffer.from(String(x)).equals(Buffer.from(String(y))));
        expect(same({ ...one, [name]: x }, { ...one, [name]: y })).toBe(false);
      }),
      { numRuns: runs(1_000) },
    );
  });

  it('says nothing of fields that only one of two versions knows', () => {
    fc.assert(
      fc.property(request, request, (one, other) => {
        const older = { ...other, ...one };
        expect(same(one, older)).toBe(true);
        expect(same(older, one)).toBe(true);
      }),
      { numRuns: runs(500) },
    );
  });

  it.each([
    ['a string', '', 'x'],
    ['a number', 0, -0.5],
    ['a 64-bit number', 0n, 1n],
    ['a truth', false, true],
    ['bytes', new Uint8Array(0), Uint8Array.of(0)],
    ['a list', [], ['']],
    ['a set', new Set(), new Set([''])],
    ['a map', new Map(), new Map([['', 0]])],
    ['a message', { micros: 0 }, { micros: 1 }],
  ])('takes %s at its default for one that is absent, and no other', (_, empty, full) => {
    expect(same({ a: empty }, { a: undefined })).toBe(true);
    expect(same({ a: full }, { a: undefined })).toBe(false);
    expect(same({ a: { in: [empty], b: empty } }, { a: { in: [empty] } })).toBe(true);
  });

  it.each([
    [
      { a: 'ab', b: 'c' },
      { a: 'a', b: 'bc' },
    ],
    [{ a: ['ab', 'c'] }, { a: ['a', 'bc'] }],
    [{ a: ['', 'a'] }, { a: ['a', ''] }],
    [{ a: 1 }, { a: 1n }],
    [{ a: '1' }, { a: 1 }],
    [{ a: Uint8Array.of(97) }, { a: 'a' }],
    [
      {
        a: new Map([
          ['a', 'b'],
          ['c', 'd'],
        ]),
      },
      {
        a: new Map([
          ['a', 'd'],
          ['c', 'b'],
        ]),
      },
    ],
    [{ a: { $case: 'x', value: 1 } }, { a: { $case: 'y', value: 1 } }],
    [{ a: [new Set(['a', 'b'])] }, { a: [new Set(['a']), new Set(['b'])] }],
  ])('tells one request from another (%#)', (one, other) => expect(same(one, other)).toBe(false));

  it('leaves out the field that is the key, and what a newer peer added', () => {
    const one = fingerprintOf({ id: 'a', fish: 'cod' }, 'id');
    const other = fingerprintOf({ id: 'b', fish: 'cod', [unknownFields]: Uint8Array.of(56, 1) }, 'id');
    expect(sameRequest(one, other)).toBe(true);
    expect(one.length).toBe(12);
  });

  it('knows every field of a decoded message, those that were not sent too', () => {
    const decoded = proto.Trade.decode(proto.Trade.encode(proto.Trade.create({ fish: 'cod' })));
    expect(fingerprintOf(decoded).length).toBe(12 * 5);
    expect(same(decoded, proto.Trade.create({ fish: 'cod', price: 1 }))).toBe(false);
    const args = thrift.Orders.methods.placeOrder.request;
    const read = args.decode(args.encode({ orderId: 'o', fish: 'cod', pounds: 0 }, 'compact'), 'compact');
    expect(fingerprintOf(read as object).length).toBe(12 * 3);
  });

  it('is compared with one of any bytes without harm', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), request, (bytes, one) => {
        sameRequest(bytes, fingerprintOf(one));
        sameRequest(fingerprintOf(one), bytes);
      }),
    );
  });
});

function isDefault(one: unknown): boolean {
  return one === '' || one === 0 || one === 0n || one === false || (one instanceof Uint8Array && one.length === 0);
}
