import type { BinaryWriter } from '@bufbuild/protobuf/wire';
import { expect, test } from 'vitest';
import { PlaceOrderRequest } from '../../gen/market/v1/market.js';
import { written } from '../../src/contract/proto-writer.js';

const order = (fish: string) => PlaceOrderRequest.create({ orderId: 'o-1', fish, pounds: 10 });
const alone = (fish: string): Uint8Array => PlaceOrderRequest.encode(order(fish)).finish();
const equal = (one: Uint8Array, other: Uint8Array): void => expect(Buffer.from(one).equals(other)).toBe(true);

test('a writer that is kept writes what a new one writes, after short messages and long ones', () => {
  const fish = ['', 'cod', 'x'.repeat(200_000), 'halibut', 'ü'.repeat(3_000), 'eel'];
  const all = fish.map((one) => written(PlaceOrderRequest, order(one)));
  for (const [i, bytes] of all.entries()) equal(bytes, alone(fish[i] as string));
});

test('what was written stays as it is when more is written', () => {
  const first = written(PlaceOrderRequest, order('cod'));
  for (let i = 0; i < 100; i++) written(PlaceOrderRequest, order(`fish ${i}`));
  equal(first, alone('cod'));
});

test('a message that fails halfway leaves nothing in the next one', () => {
  const failing = {
    encode(_value: unknown, writer: BinaryWriter): BinaryWriter {
      writer.uint32(10).fork().string('half of it');
      throw new TypeError('no');
    },
  };
  for (let i = 0; i < 10; i++) expect(() => written(failing, {})).toThrow('no');
  equal(written(PlaceOrderRequest, order('cod')), alone('cod'));
});

test('an encoder inside another has a writer of its own', () => {
  let inner = new Uint8Array(0) as Uint8Array;
  const nesting = {
    encode(value: PlaceOrderRequest, writer: BinaryWriter): BinaryWriter {
      writer.uint32(10).string(value.orderId);
      inner = written(PlaceOrderRequest, order('inside'));
      return writer.uint32(18).string(value.fish).uint32(24).int32(value.pounds);
    },
  };
  const outer = PlaceOrderRequest.decode(written(nesting, order('outside')));
  expect(outer.fish).toBe('outside');
  equal(inner, alone('inside'));
});
