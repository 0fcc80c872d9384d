import { deflateSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RpcError } from '../../../src/call/rpc-error.js';
import { framed } from '../../../src/transports/grpc/client-call.js';
import { MessageReader, responses } from '../../../src/transports/grpc/message-reader.js';
import { runs } from '../../support/soak.js';

interface Read {
  readonly reader: MessageReader;
  readonly messages: Buffer[];
  readonly errors: RpcError[];
  idle(): Promise<void>;
}

function reading(limit: number, encoding?: string): Read {
  const messages: Buffer[] = [];
  const errors: RpcError[] = [];
  let wake = (): void => {};
  const reader = new MessageReader(
    {
      message: (bytes) => messages.push(bytes),
      broken: (error) => {
        errors.push(error);
        wake();
      },
      inflating: (busy) => {
        if (!busy) wake();
      },
    },
    limit,
    responses,
  );
  reader.encoding = encoding;
  const idle = async (): Promise<void> => {
    while (reader.busy && errors.length === 0) await new Promise<void>((resolve) => (wake = resolve));
  };
  return { reader, messages, errors, idle };
}

/** `bytes` in pieces of the given sizes, over and over. */
function* pieces(bytes: Buffer, sizes: readonly number[]): Iterable<Buffer> {
  for (let at = 0, i = 0; at < bytes.byteLength; i++) {
    const size = sizes[i % sizes.length] as number;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 });
const message = fc.uint8Array({ maxLength: 100 });

describe('a reader of messages', () => {
  it('hands on the same messages however their bytes are cut, compressed ones in their place', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(message, fc.boolean()), { maxLength: 12 }), sizes, async (sent, cuts) => {
        const wire = Buffer.concat(sent.map(([bytes, zip]) => (zip ? framed(gzipSync(bytes), 1) : framed(bytes))));
        const { reader, messages, errors, idle } = reading(1_000, 'gzip');
        for (const piece of pieces(wire, cuts)) reader.take(piece);
        await idle();
        expect(errors).toEqual([]);
        expect(messages.map((one) => [...one])).toEqual(sent.map(([bytes]) => [...bytes]));
        expect(reader.empty).toBe(true);
      }),
      { numRuns: runs(100) },
    );
  });

  it('takes any bytes: whole messages within the limit, or one error and nothing after it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), sizes, async (bytes, cuts) => {
        const { reader, messages, errors, idle } = reading(50, 'gzip');
        for (const piece of pieces(Buffer.from(bytes), cuts)) reader.take(piece);
        await idle();
        expect(errors.length).toBeLessThanOrEqual(1);
        for (const one of messages) expect(one.byteLength).toBeLessThanOrEqual(50);
      }),
      { numRuns: runs(300) },
    );
  });

  it('refuses a length above the limit before it keeps a byte of it', () => {
    const { reader, messages, errors } = reading(100);
    reader.take(Buffer.from([0, 0xff, 0xff, 0xff, 0xff]));
    expect(errors[0]).toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'MESSAGE_TOO_LARGE' });
    expect(errors[0]?.message).toContain('4294967295 of at most 100 bytes');
    reader.take(framed(Buffer.from('late')));
    expect(messages).toEqual([]);
  });

  it('stops inflating at the limit', async () => {
    const { reader, errors, idle } = reading(1_000, 'gzip');
    reader.take(framed(gzipSync(Buffer.alloc(100_000)), 1));
    await idle();
    expect(errors[0]).toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'MESSAGE_TOO_LARGE' });
  });

  it.each([
    ['a flag that there is not', Buffer.from([2, 0, 0, 0, 0]), 'gzip', 'the flag 2'],
    ['an encoding that it did not name', framed(gzipSync('x'), 1), undefined, 'nothing that it named'],
    ['an encoding that we do not have', framed(gzipSync('x'), 1), 'br', 'compressed with br'],
    ['what is not gzip', framed(Buffer.from('x'), 1), 'gzip', 'does not inflate'],
  ])('calls %s by its name', async (_what, wire, encoding, text) => {
    const { reader, errors, idle } = reading(100, encoding);
    reader.take(wire);
    await idle();
    expect(errors[0]).toMatchObject({ code: 'INTERNAL', reason: 'RESPONSE_MALFORMED' });
    expect(errors[0]?.message).toContain(text);
  });

  it.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
  ] as const)(
    'inflates a small message (%s) at once, with no handle that is at work when the call ends',
    (encoding, zip) => {
      const { reader, messages } = reading(1_000_000, encoding);
      reader.take(framed(zip(Buffer.alloc(60_000, 7)), 1));
      expect(reader.busy).toBe(false);
      expect(messages.map((one) => one.byteLength)).toEqual([60_000]);
    },
  );

  it('inflates what is large, what lies about its size, and what is too much for one turn, on the thread pool', async () => {
    const { reader, messages, errors, idle } = reading(1_000_000, 'gzip');
    reader.take(framed(gzipSync(Buffer.alloc(100_000)), 1));
    expect(reader.busy).toBe(true);
    await idle();
    const lie = gzipSync(Buffer.alloc(100_000));
    lie.writeUInt32LE(5, lie.byteLength - 4);
    reader.take(framed(lie, 1));
    expect(reader.busy).toBe(true);
    await idle();
    expect(errors.splice(0).map((one) => one.message)).toEqual([expect.stringMatching(/does not inflate/)]);

    const many = reading(1_000_000, 'gzip');
    const small = framed(gzipSync(Buffer.alloc(64_000)), 1);
    many.reader.take(Buffer.concat(Array<Buffer>(20).fill(small)));
    expect([many.messages.length, many.reader.busy]).toEqual([5, true]);
    await many.idle();
    expect(many.messages.length).toBe(20);
    expect(messages.length).toBe(1);
  });
});
