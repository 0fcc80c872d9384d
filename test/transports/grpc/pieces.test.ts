import { describe, expect, it } from 'vitest';
import { Pieces } from '../../../src/transports/grpc/pieces.js';

describe('pieces of a message', () => {
  it('of one byte each are put together, so that 4 MB of them are a few hundred Buffers', () => {
    const pieces = new Pieces();
    const sent = Buffer.alloc(4 << 20, 'abc');
    for (let at = 0; at < sent.byteLength; at++) pieces.add(sent.subarray(at, at + 1));
    expect(pieces.size).toBe(4 << 20);
    expect(pieces.buffers).toBeLessThan(270);
    expect(pieces.take().equals(sent)).toBe(true);
    expect(pieces.size).toBe(0);
  });

  it('that are large stay where they are until they are taken', () => {
    const pieces = new Pieces();
    const [one, two] = [Buffer.alloc(16_384, 1), Buffer.alloc(5_000, 2)];
    pieces.add(Buffer.from([0, 0, 0]));
    pieces.add(one);
    pieces.add(Buffer.from([9]));
    pieces.add(two);
    expect(pieces.uint32(1)).toBe(0x0101);
    expect(pieces.take().equals(Buffer.concat([Buffer.from([0, 0, 0]), one, Buffer.from([9]), two]))).toBe(true);
  });

  it('that are few take no more than they need', () => {
    const pieces = new Pieces();
    pieces.add(Buffer.from([0, 0, 0, 1]));
    expect(pieces.bytesHeld).toBe(256);
  });
});
