import { expect, test } from 'vitest';
import { connectionOf, ownerOf } from '../../src/call/owner.js';

test.each([
  ['ann', '10.0.0.1:5', 'principal ann'],
  ['anonymous', '10.0.0.1:5', 'address 10.0.0.1'],
  ['', '[2001:db8::1]:50051', 'address [2001:db8:0:0::/64]'],
  ['', '[2001:db8:0:0:ffff:1:2:3]:7', 'address [2001:db8:0:0::/64]'],
  ['', '[2001:db8:0:1::]:7', 'address [2001:db8:0:1::/64]'],
  ['', '[1:2:3:4:5::6]:7', 'address [1:2:3:4::/64]'],
  ['', '[::1]:7', 'address [0:0:0:0::/64]'],
  ['', '[fe80::1%eth0]:7', 'address [fe80:0:0:0::/64]'],
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
