import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PlaceOrderRequest, Receipt } from '../../gen/market/v1/market.js';
import { protoCodec } from '../../src/contract/proto.js';
import { KeptReader, readFrom } from '../../src/contract/proto-reader.js';
import { written } from '../../src/contract/proto-writer.js';
import { runs } from '../support/soak.js';

const codec = protoCodec('market.v1.PlaceOrderRequest', PlaceOrderRequest);
const result = (read: () => unknown): unknown => {
  try {
    return read();
  } catch (error) {
    return String(error);
  }
};

test('texts of any length and script come back as they went', () => {
  const text = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 140 }),
    fc.string({ unit: 'binary-ascii', minLength: 30, maxLength: 70 }),
    fc.nat(140).map((length) => `\uFEFF${'k'.repeat(length)}`),
  );
  fc.assert(
    fc.property(text, text, (orderId, fish) => {
      const order = PlaceOrderRequest.create({ orderId, fish, pounds: 1 });
      const bytes = written(PlaceOrderRequest, order);
      expect(Buffer.from(bytes).equals(PlaceOrderRequest.encode(order).finish())).toBe(true);
      expect(codec.decode(bytes, 'proto')).toEqual(PlaceOrderRequest.decode(new Uint8Array(bytes)));
    }),
    { numRuns: runs(500) },
  );
});

test('bytes that are no text, and lengths beyond the end, are what the library makes of them', () => {
  const content = fc.oneof(
    fc.uint8Array({ maxLength: 140 }),
    fc.string({ unit: 'grapheme', maxLength: 60 }).map((s) => Buffer.from(s)),
  );
  fc.assert(
    fc.property(content, fc.integer({ min: -40, max: 40 }), fc.boolean(), (bytes, more, strict) => {
      const said = Math.max(0, bytes.length + more);
      const buffer = Buffer.concat([new BinaryWriter().uint32(said).finish(), bytes]);
      const own = new KeptReader(buffer);
      const library = new BinaryReader(buffer);
      expect(result(() => own.string(strict))).toEqual(result(() => library.string(strict)));
      expect(own.pos).toBe(library.pos);
    }),
    { numRuns: runs(2_000) },
  );
});

test('a reader is an object that V8 looks into fast', () => {
  setFlagsFromString('--allow-natives-syntax');
  const isFast = runInNewContext('(object) => %HasFastProperties(object)') as (object: object) => boolean;
  const reader = new KeptReader(Buffer.from(written(Receipt, Receipt.create({ number: 1, total: 87.5 }))));
  expect(isFast(reader)).toBe(true);
  Receipt.decode(reader);
  expect(isFast(reader.read(Buffer.alloc(8)))).toBe(true);
});

test('a reader that is kept reads what a new one reads, numbers of a fixed width too', () => {
  const receipts = [1.5, 0.1, Number.MAX_VALUE, 87.5].map((total, number) =>
    Receipt.create({ orderId: 'o'.repeat(10 * number + 30), number, total }),
  );
  const all = receipts.map((one) => written(Receipt, one));
  expect(new KeptReader(Buffer.alloc(8)).reusable).toBe(true);
  expect(all.map((bytes) => readFrom(Receipt, bytes))).toEqual(receipts);
});

test('a message that breaks off leaves nothing in the next one', () => {
  const order = PlaceOrderRequest.create({ orderId: 'o'.repeat(36), fish: 'cod', pounds: 10 });
  const bytes = written(PlaceOrderRequest, order) as Buffer;
  for (let end = 1; end < bytes.length; end++) result(() => readFrom(PlaceOrderRequest, bytes.subarray(0, end)));
  expect(readFrom(PlaceOrderRequest, bytes)).toEqual(order);
});

test('a decoder inside another has a reader of its own', () => {
  const inner = written(PlaceOrderRequest, PlaceOrderRequest.create({ orderId: 'i'.repeat(36), fish: 'inside' }));
  const nesting = {
    decode(input: BinaryReader | Uint8Array): readonly string[] {
      const reader = input as BinaryReader;
      reader.tag();
      const before = reader.string();
      const { fish } = readFrom(PlaceOrderRequest, inner);
      reader.tag();
      return [before, fish, reader.string()];
    },
  };
  const outer = written(PlaceOrderRequest, PlaceOrderRequest.create({ orderId: 'o'.repeat(36), fish: 'outside' }));
  expect(readFrom(nesting, outer)).toEqual(['o'.repeat(36), 'inside', 'outside']);
});
