import { expect, test } from 'vitest';
import { connectionOf, ownerOf } from '../../src/call/owner.js';

test.each([
  ['ann', '10.0.0.1:5', 'principal ann'],
  ['anonymous', '10.0.0.1:5', 'address 10.0.0.1'],
  ['', '[2001:db8::1]:50051', 'address [2001:db8::1]'],
  ['anonymous', '2001:db8::1', 'address 2001:db8:'],
  ['anonymous', 'unix:/run/market.sock', 'address unix:/run/market.sock'],
  ['anonymous', 'memory', 'address memory'],
])('%s at %s takes the share of %s', (principal, address, owner) => {
  expect(ownerOf(principal, address)).toBe(owner);
});

test('a connection is known by its port', () => {
  expect(['10.0.0.1:5', '[2001:db8::1]:50051', 'unix:/run/market.sock', 'memory'].map(connectionOf)).toEqual([
    '10.0.0.1:5',
    '[2001:db8::1]:50051',
    undefined,
    undefined,
  ]);
});
